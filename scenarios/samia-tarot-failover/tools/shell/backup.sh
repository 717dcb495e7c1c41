#!/bin/sh
# A base backup by pg_basebackup, one tar file per tablespace, compressed, into the vault.
set -eu
server=$(cat "$DRILL_DATA/PG_VERSION")
own=$(pg_basebackup --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
if [ "$own" -lt "$server" ]; then
    # By exit code 77 the drill is skipped: this is nobody's failure.
    echo "pg_basebackup is of version $own, the server of version $server" >&2
    exit 77
fi
name="base-$(date -u +%Y%m%dT%H%M%SZ)-$$"
umask 077
mkdir -p "$DRILL_VAULT/base"
# It takes its name only when it is whole: who restores must not find half of one.
pg_basebackup --host="$DRILL_SOCKET" --port="$DRILL_PORT" --no-password --checkpoint=fast --wal-method=none \
    --format=tar --compress=gzip:1 --pgdata="$DRILL_VAULT/base/.$name.part"
mv "$DRILL_VAULT/base/.$name.part" "$DRILL_VAULT/base/$name"
printf '{"backup": "%s", "tool": "%s"}\n' "$name" "$(pg_basebackup --version)"
