# Sourced by the other scripts: writes pgBackRest's configuration for the host it runs on. Keys stand in that file, which
# is this user's alone, and in no command line.
umask 077
config="$HOME/pgbackrest.conf"
mkdir -p "$HOME/pgbackrest"
cat >"$config.$$" <<END
[global]
repo1-type=s3
repo1-path=/pgbackrest
repo1-s3-endpoint=localhost
repo1-s3-uri-style=path
repo1-s3-bucket=$DRILL_BACKUPS_BUCKET
repo1-s3-region=$DRILL_BACKUPS_REGION
repo1-s3-key=$DRILL_BACKUPS_ACCESS_KEY
repo1-s3-key-secret=$DRILL_BACKUPS_SECRET_KEY
repo1-storage-port=$DRILL_BACKUPS_PORT
repo1-storage-ca-file=$DRILL_BACKUPS_CERTIFICATE
repo1-bundle=y
repo1-retention-full=2
compress-type=lz4
process-max=2
start-fast=y
log-level-file=off
log-level-console=warn
lock-path=$HOME/pgbackrest/lock
spool-path=$HOME/pgbackrest/spool

[main]
pg1-path=$DRILL_DATA
pg1-socket-path=$DRILL_SOCKET
pg1-port=${DRILL_PORT:-5432}
pg1-user=$PGUSER
END
mv "$config.$$" "$config"
export PGBACKREST_CONFIG="$config" PGBACKREST_STANZA=main

label() {
    pgbackrest info --output=json | sed -n 's/.*"label":"\([^"]*\)".*/\1/p'
}
