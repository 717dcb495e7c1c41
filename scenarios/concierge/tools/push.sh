#!/bin/sh
# What `supabase db push` comes to: every migration of the repository, in its order.
set -eu
for migration in "$DRILL_TOOLS"/migrations/*.sql; do
    psql -X -q -v ON_ERROR_STOP=1 --single-transaction -h "$DRILL_SOCKET" -p "$DRILL_PORT" -f "$migration" >&2
done
echo '{"tool": "psql", "progress": "the schema, and none of the data"}'
