#!/bin/sh
# Restores the newest backup; the server then fetches WAL to the end of the archive and promotes.
set -eu
. "$DRILL_TOOLS/pgbackrest/configure.sh"
name=$(label)
# On the command line, so that pgBackRest writes both into the restore_command that the server will run.
pgbackrest --config="$config" --stanza=main restore --archive-mode=preserve
printf '{"backup": "%s", "tool": "%s"}\n' "$name" "$(pgbackrest version)"
