#!/bin/sh
# Pushes what the server on this host, which is down, had written and not archived.
set -eu
. "$DRILL_TOOLS/unarchived.sh"
. "$DRILL_TOOLS/pgbackrest/configure.sh"
for name in $(unarchived "$DRILL_DATA/pg_wal"); do
    pgbackrest archive-push "$DRILL_DATA/pg_wal/$name"
    echo "$name pushed"
done
