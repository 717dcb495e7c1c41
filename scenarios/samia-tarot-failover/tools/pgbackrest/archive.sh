#!/bin/sh
# archive_command: archive.sh PATH. The configuration was written by setup.sh, or on a standby by restore.sh.
exec pgbackrest --config="$HOME/pgbackrest.conf" --stanza=main archive-push "$1"
