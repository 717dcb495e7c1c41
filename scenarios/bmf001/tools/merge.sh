#!/bin/sh
# merge.sh TABLE [replace]. Brings rows of the copy that the serving table lacks into it; rows that it has, and keys whose
# rows were deleted on purpose, stay as they are. `replace` is the mistake: the copy's rows instead of those of now.
set -eu
table=$1
rows="$TMPDIR/$table.rows"
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
sql -h "$DRILL_COPY_HOST" -p "$DRILL_COPY_PORT" -c "\\copy $table TO '$rows'"
if [ "${2:-}" = replace ]; then
    clear="TRUNCATE $table"
else
    clear="DELETE FROM copied c USING graves g WHERE g.service = '$table' AND g.key = c.key AND g.version >= c.version"
fi
merged=$(sql -h "$DRILL_SOCKET" -p "$DRILL_PORT" --single-transaction \
    -c "CREATE TEMP TABLE copied (LIKE $table)" \
    -c "\\copy copied FROM '$rows'" \
    -c "$clear" \
    -c "WITH merged AS (INSERT INTO $table SELECT * FROM copied ON CONFLICT (key) DO NOTHING RETURNING key)
        SELECT count(*) FROM merged")
printf '{"progress": "%s rows of the copy put into %s"}\n' "$merged" "$table"
