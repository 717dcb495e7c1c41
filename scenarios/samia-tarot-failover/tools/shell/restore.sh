#!/bin/sh
# restore.sh [before-alert SECONDS]. Lays out the newest base backup and has the server fetch WAL from the vault to the end
# of the archive, or to so many seconds before the newest alert.
set -eu
umask 077
name=$(ls "$DRILL_VAULT/base" 2>/dev/null | LC_ALL=C sort | tail -n 1)
[ -n "$name" ] || { echo "there is no base backup in $DRILL_VAULT/base" >&2; exit 1; }
mkdir -p "$DRILL_DATA"
tar -xzf "$DRILL_VAULT/base/$name/base.tar.gz" -C "$DRILL_DATA"
[ -d "$DRILL_DATA/pg_wal" ] || mkdir "$DRILL_DATA/pg_wal"
: >"$DRILL_DATA/recovery.signal"
settings="$DRILL_DATA/postgresql.auto.conf"
# The server starts the command from its own environment: the file of variables tells it where the vault is.
echo "restore_command = '. \"$DRILL_VARIABLES\" && exec \"$DRILL_TOOLS/shell/fetch.sh\" %f \"%p\"'" >>"$settings"
if [ "${1:-}" = before-alert ]; then
    alert=$(date -u -d "${DRILL_ALERT_TIME:?no alert was raised}" +%s)
    target=$(date -u -d "@$((alert - $2))" '+%Y-%m-%d %H:%M:%S+00')
    printf "recovery_target_time = '%s'\nrecovery_target_action = 'promote'\n" "$target" >>"$settings"
fi
printf '{"backup": "%s", "tool": "pg_basebackup and shell"}\n' "$name"
