//! What a database of a drill runs to archive and fetch WAL, as the `firedrill` binary offers it; tests restore with it.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("wal-push") => firedrill_backup::wal_push_main(args.collect()),
        Some("wal-fetch") => firedrill_backup::wal_fetch_main(args.collect()),
        _ => {
            eprintln!("usage: wal_commands wal-push|wal-fetch --config FILE ...");
            ExitCode::from(2)
        }
    }
}
