#!/bin/sh
# Lays out the newest base backup and has the server fetch WAL from the vault to the end of the archive.
set -eu
umask 077
name=$(ls "$DRILL_VAULT/base" 2>/dev/null | LC_ALL=C sort | tail -n 1)
[ -n "$name" ] || { echo "there is no base backup in $DRILL_VAULT/base" >&2; exit 1; }
mkdir -p "$DRILL_DATA"
tar -xzf "$DRILL_VAULT/base/$name/base.tar.gz" -C "$DRILL_DATA"
[ -d "$DRILL_DATA/pg_wal" ] || mkdir "$DRILL_DATA/pg_wal"
: >"$DRILL_DATA/recovery.signal"
# The server starts the command from its own environment: the file of variables tells it where the vault is.
echo "restore_command = '. \"$DRILL_VARIABLES\" && exec \"$DRILL_TOOLS/shell/fetch.sh\" %f \"%p\"'" \
    >>"$DRILL_DATA/postgresql.auto.conf"
printf '{"backup": "%s", "tool": "pg_basebackup and shell"}\n' "$name"
