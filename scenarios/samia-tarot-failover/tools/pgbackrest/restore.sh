#!/bin/sh
# Restores the newest backup; the server then fetches WAL to the end of the archive and promotes.
set -eu
. "$DRILL_TOOLS/pgbackrest/configure.sh"
name=$(label)
pgbackrest restore --archive-mode=preserve
printf '{"backup": "%s", "tool": "%s"}\n' "$name" "$(pgbackrest version)"
