//! The `firedrill` command: finds the part of the program that was asked for and gives its answer as an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    // The killable parts of a drill are this same program. They are found before any command line is parsed, since
    // Postgres starts `wal-push` about once a second.
    match arguments.next().as_deref() {
        Some("wal-push") => firedrill_backup::wal_push_main(arguments.collect()),
        Some("wal-fetch") => firedrill_backup::wal_fetch_main(arguments.collect()),
        Some("app") => firedrill_app::app_main(arguments.collect()),
        Some("s3") => firedrill_environment::s3_main(arguments.collect()),
        Some("supervise") => firedrill_environment::supervise_main(arguments.collect()),
        _ => firedrill::command::main(),
    }
}
