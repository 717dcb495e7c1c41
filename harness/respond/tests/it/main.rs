//! The team at work on a real Postgres, a real S3 server and the real application, all on loopback. Nothing here is
//! decided by a timing.

mod host;
mod monitor;
mod recovery;
mod s3;
mod told;
