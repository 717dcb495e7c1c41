#!/bin/sh
# A full backup into the object store.
set -eu
. "$DRILL_TOOLS/pgbackrest/configure.sh"
pgbackrest backup --type=full
printf '{"backup": "%s", "tool": "%s"}\n' "$(label)" "$(pgbackrest version)"
