#!/bin/sh
# A base backup by pg_basebackup, one tar file per tablespace, compressed, into the vault.
set -eu
name="base-$(date -u +%Y%m%dT%H%M%SZ)-$$"
umask 077
mkdir -p "$DRILL_VAULT/base"
# It takes its name only when it is whole: who restores must not find half of one.
pg_basebackup --host="$DRILL_SOCKET" --port="$DRILL_PORT" --no-password --checkpoint=fast --wal-method=none \
    --format=tar --compress=gzip:1 --pgdata="$DRILL_VAULT/base/.$name.part"
mv "$DRILL_VAULT/base/.$name.part" "$DRILL_VAULT/base/$name"
printf '{"backup": "%s", "tool": "%s"}\n' "$name" "$(pg_basebackup --version)"
