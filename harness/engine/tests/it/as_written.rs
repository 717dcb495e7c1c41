//! The commands that two plans give for their disasters, taken at their word, each beside what it would have taken to hold.

use crate::drills::drill;

#[test]
fn a_reset_that_is_called_a_restore_brings_no_data_back() {
    drill("concierge/database-loss-as-written");
}

#[test]
fn the_backup_that_the_reset_does_not_read_holds() {
    drill("concierge/database-loss-as-written:backup-restored");
}

#[test]
fn a_backup_of_every_six_hours_without_its_wal_misses_an_rpo_of_five_minutes() {
    drill("concierge/database-loss-as-written:backup-restored-without-log");
}

#[test]
fn a_daily_dump_that_replays_no_wal_misses_an_rpo_of_fifteen_minutes() {
    drill("cibozer/database-loss-as-written");
}

#[test]
fn the_wal_that_no_command_reads_would_have_held() {
    drill("cibozer/database-loss-as-written:log-replayed");
}

#[test]
fn wal_that_does_not_reach_the_archive_is_missed() {
    drill("cibozer/database-loss-as-written:log-lost");
}

#[test]
fn files_of_a_range_of_time_come_back() {
    drill("cibozer/files-of-a-range");
}

#[test]
fn files_of_another_range_bring_nothing_back() {
    drill("cibozer/files-of-a-range:wrong-range");
}

#[test]
fn altered_files_of_a_range_of_time_come_back() {
    drill("cibozer/files-of-a-range:altered");
}
