#!/bin/sh
# restore_command: fetch.sh NAME PATH. A segment that the archive does not have is no failure of it: exit code 1.
set -eu
file="$DRILL_VAULT/wal/$1.gz"
[ -e "$file" ] || exit 1
gzip -dc "$file" >"$2.part"
mv "$2.part" "$2"
