//! Drills of what people did and what nobody looked at: rows deleted or overwritten by mistake, and brought back by each of
//! the three ways that a plan has for it; backups that have stopped without a word.

use crate::drills::{drill, run, said};
use crate::turn::turn;

#[test]
fn going_back_to_the_last_dump_costs_more_than_the_plan_allows() {
    drill("bmf001/human-error-point-in-time");
}

#[test]
fn going_back_to_just_before_a_deletion_costs_what_came_since() {
    drill("bmf001/human-error-point-in-time:log-shipped");
}

#[test]
fn a_deletion_that_is_replayed_is_done_again() {
    drill("bmf001/human-error-point-in-time:replayed-to-the-end");
}

#[test]
fn rows_merged_from_a_copy_restored_aside_cost_nothing() {
    drill("bmf001/human-error-merge");
}

#[test]
fn rows_merged_from_the_last_dump_lack_what_came_after_it() {
    drill("bmf001/human-error-merge:from-the-last-dump");
}

#[test]
fn a_table_replaced_by_its_copy_loses_what_is_newer() {
    drill("bmf001/human-error-merge:table-replaced");
}

#[test]
fn a_wrong_transaction_is_undone_row_by_row() {
    drill("bmf001/human-error-undo");
}

#[test]
fn a_wrong_transaction_undone_by_half_is_still_there() {
    drill("bmf001/human-error-undo:half-undone");
}

#[test]
fn backups_that_have_stopped_are_noticed_by_their_age() {
    drill("samia-tarot/backup-too-old");
}

#[test]
fn backups_that_have_stopped_are_not_noticed_where_nobody_looks_at_their_age() {
    drill("samia-tarot/backup-too-old:age-not-watched");
}

/// The plan's warning stands before anything is broken: the run is spoiled, and says by which alert.
#[test]
fn a_warning_that_always_fires_tells_nothing() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let (output, directory) = run("samia-tarot/backup-too-old:as-written", &[], folder.path());
    assert!(output.status.success(), "{}", said(&output));
    let verdict = std::fs::read_to_string(directory.join("verdict.json")).expect("a verdict");
    assert!(
        verdict.contains("alert `backup_old` (backup_old) may have been raised before the strike: a false alarm"),
        "{verdict}"
    );
}
