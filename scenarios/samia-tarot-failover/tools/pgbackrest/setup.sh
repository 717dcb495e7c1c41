#!/bin/sh
# Makes the stanza. A pgBackRest that is older than the Postgres says so: the drill is skipped then (exit code 77).
set -eu
. "$DRILL_TOOLS/pgbackrest/configure.sh"
said=$(pgbackrest stanza-create 2>&1) && exit 0
printf '%s\n' "$said" >&2
case "$said" in
*"is this version of PostgreSQL supported"*) exit 77 ;;
esac
exit 1
