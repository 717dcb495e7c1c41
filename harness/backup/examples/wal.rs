//! The smallest program that archives and fetches WAL: what a host of this crate has to offer to Postgres.
//!
//! ```text
//! archive_command = '/path/wal wal-push --config /path/repository.json %p'
//! restore_command = '/path/wal wal-fetch --config /path/repository.json %f %p'
//! ```

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("wal-push") => firedrill_backup::wal_push_main(args.collect()),
        Some("wal-fetch") => firedrill_backup::wal_fetch_main(args.collect()),
        _ => {
            eprintln!("usage: wal wal-push|wal-fetch --config FILE ...");
            ExitCode::from(2)
        }
    }
}
