//! Backups taken and restored with a real Postgres and a real S3 server on loopback. Nothing here is decided by a timing.

mod base;
mod dump;
mod files;
mod format;
mod postgres;
mod s3;
mod tamper;
mod wal;
mod wal_search;
