#!/bin/sh
# What `supabase db reset --linked` comes to: a new, empty cluster in place of the database. It reads no backup.
set -eu
umask 077
password="$TMPDIR/password"
sed -n '1s/.*://p' "$PGPASSFILE" >"$password"
trap 'rm -f "$password"' EXIT
"$DRILL_PG_BIN/initdb" --pgdata="$DRILL_DATA" --username="$PGUSER" --pwfile="$password" --auth=scram-sha-256 \
    --encoding=UTF8 --locale=C --data-checksums --no-sync >&2
# The archive holds WAL of the lost cluster under names that a new one would use again: this one begins further on. A fetched
# Postgres lacks the program; the new cluster's WAL is then refused by the archive.
if [ -x "$DRILL_PG_BIN/pg_resetwal" ]; then
    "$DRILL_PG_BIN/pg_resetwal" --next-wal-file=000000010000000100000001 "$DRILL_DATA" >&2
fi
echo '{"tool": "initdb", "progress": "a new, empty cluster"}'
