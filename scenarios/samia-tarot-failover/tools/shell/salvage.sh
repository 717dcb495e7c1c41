#!/bin/sh
# Archives what the server on this host, which is down, had written and not archived.
set -eu
. "$DRILL_TOOLS/unarchived.sh"
for name in $(unarchived "$DRILL_DATA/pg_wal"); do
    "$DRILL_TOOLS/shell/archive.sh" "$DRILL_DATA/pg_wal/$name" "$name"
    echo "$name archived"
done
