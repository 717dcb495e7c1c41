#!/bin/sh
# archive_command: archive.sh PATH NAME. Compresses a segment into the vault, synced before it takes its name; one that
# is there already must be the same.
set -eu
umask 077
wal="$DRILL_VAULT/wal"
[ -d "$wal" ] || mkdir -p "$wal"
part="$wal/.$2.part"
if [ -e "$wal/$2.gz" ]; then
    gzip -dc "$wal/$2.gz" | cmp -s - "$1" || { echo "$2 is in the archive with another content" >&2; exit 1; }
    exit 0
fi
gzip -1 -c "$1" >"$part"
sync "$part"
mv "$part" "$wal/$2.gz"
