# Sourced by the others: unarchived DIRECTORY prints the segments in the pg_wal of a server that is down which it wrote and
# had not archived, oldest first. One that was only set up for later still bears the address of the segment it once was.
unarchived() {
    for segment in "$1"/*; do
        name=${segment##*/}
        case "$name" in
        *[!0-9A-F]* | ?????????????????????????*) continue ;;
        ????????????????????????) ;;
        *) continue ;;
        esac
        [ ! -e "$1/archive_status/$name.done" ] || continue
        # In the header of its first page: its own address, and the size of segments.
        address=$(od -An -t u8 -j 8 -N 8 "$segment" | tr -d ' ')
        size=$(od -An -t u4 -j 32 -N 4 "$segment" | tr -d ' ')
        number=${name#????????}
        own=$(((0x${number%????????} << 32) + 0x${number#????????} * ${size:-0}))
        [ "$own" != "$address" ] || echo "$name"
    done
}
