#!/bin/sh
# undo.sh [half]. Finds in the WAL that the server still has the transaction that updated 100 rows of bookings or more, far
# more than the application does at once, and gives the rows that bear its mark what the copy, which ends just before it,
# says of them. What was written to them since bears another mark and stays. `half` is the mistake: every other row.
set -eu
least=100
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
here() { sql -h "$DRILL_SOCKET" -p "$DRILL_PORT" "$@"; }
file=$(here -c "SELECT format('rel %s/%s/%s ',
        CASE c.reltablespace WHEN 0 THEN d.dattablespace ELSE c.reltablespace END, d.oid, pg_relation_filenode(c.oid))
    FROM pg_class c, pg_database d WHERE c.oid = 'bookings'::regclass AND d.datname = current_database()")
# The extension goes into another database: the application's own stays as its migrations made it.
log() { here -d template1 "$@"; }
log -c "SET client_min_messages = error" -c "CREATE EXTENSION IF NOT EXISTS pg_walinspect"
found=$(log -c "WITH oldest AS (
        SELECT min(name) AS name FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}\$'
    ), start AS (
        SELECT ('0/0'::pg_lsn + ('x' || substr(name, 9, 8))::bit(32)::bigint * 4294967296
            + ('x' || substr(name, 17, 8))::bit(32)::bigint * pg_size_bytes(current_setting('wal_segment_size'))) AS lsn
        FROM oldest
    )
    SELECT r.xid FROM start, pg_get_wal_records_info(start.lsn, pg_current_wal_flush_lsn()) r
    WHERE r.resource_manager = 'Heap' AND r.record_type ~ 'UPDATE' AND strpos(r.block_ref, '$file') > 0
    GROUP BY r.xid HAVING count(*) >= $least")
log -c "DROP EXTENSION pg_walinspect"
if ! [ "$found" -gt 0 ] 2>/dev/null; then
    echo "the WAL shows not one transaction with $least updates of bookings, but: ${found:-none}" >&2
    exit 1
fi
only="true"
if [ "${1:-}" = half ]; then
    only="b.key % 2 = 0"
fi
rows="$TMPDIR/bookings.rows"
sql -h "$DRILL_COPY_HOST" -p "$DRILL_COPY_PORT" -c "\\copy bookings TO '$rows'"
undone=$(here --single-transaction \
    -c "CREATE TEMP TABLE copied (LIKE bookings)" \
    -c "\\copy copied FROM '$rows'" \
    -c "WITH undone AS (
            UPDATE bookings b
            SET (version, body, replaced, updated_at, reader, slot)
                = (c.version, c.body, c.replaced, c.updated_at, c.reader, c.slot)
            FROM copied c WHERE c.key = b.key AND b.xmin = '$found'::xid AND $only RETURNING b.key)
        SELECT count(*) FROM undone")
printf '{"progress": "transaction %s undone in the %s rows of bookings that still bore its mark"}\n' "$found" "$undone"
