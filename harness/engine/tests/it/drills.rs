//! Every shipped scenario and every twin, run for real and held to what it says it must end with; then judged again
//! from its evidence, and refused once a byte of that is changed.
//!
//! A few drills at a time: more stall each other on a small machine. A verdict of inconclusive is not what any of them
//! expects, but a machine that was too busy is no defect of the drill: such a one is run once more.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use firedrill_environment::{PostgresChoice, Source};

use crate::turn::turn;

pub(crate) fn firedrill(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args(arguments)
        .env_remove("GITHUB_STEP_SUMMARY")
        .output()
        .expect("the binary starts")
}

pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Runs a scenario into `folder` and returns what it printed and its run directory.
pub(crate) fn run(scenario: &str, options: &[&str], folder: &Path) -> (Output, PathBuf) {
    let before = runs(folder);
    let place = folder.display().to_string();
    let arguments = [&["run", scenario, "--expected", "--output", &place], options].concat();
    let output = firedrill(&arguments);
    let new: Vec<PathBuf> = runs(folder).into_iter().filter(|run| !before.contains(run)).collect();
    let [directory] = &new[..] else {
        panic!("{scenario}: expected one new run, found {new:?}\n{}", said(&output))
    };
    (output, directory.clone())
}

pub(crate) fn runs(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}

pub(crate) fn drill(scenario: &str) {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    held_to_its_word(scenario, &[], folder.path());
}

/// A drill on the Postgres that is fetched; where none is in the cache nor can be fetched it is skipped, aloud, and not where
/// nothing may be skipped.
fn drill_on_17(scenario: &str) {
    let wanted = PostgresChoice {
        source: Source::Fetch,
        major: Some(17),
        offline: false,
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if let Err(error) = runtime.block_on(firedrill_environment::postgres::choose(&wanted, None)) {
        assert!(
            std::env::var_os("FIREDRILL_TEST_NO_SKIPS").is_none(),
            "{scenario} on Postgres 17 must not be skipped here: {error}"
        );
        println!("{scenario} on Postgres 17 is skipped: {error}");
        return;
    }
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    held_to_its_word(scenario, &["--postgres", "fetch", "--pg-version", "17"], folder.path());
}

/// A drill by a tool that the machine may lack: skipped then, aloud, and not where nothing may be skipped (a pipeline).
fn drill_by(tool: &str, scenario: &str) {
    if Command::new(tool).arg("version").output().is_ok() {
        return drill(scenario);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let output = firedrill(&["run", scenario, "--output", &folder.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("skipped: "), "{}", said(&output));
    assert!(
        std::env::var_os("FIREDRILL_TEST_NO_SKIPS").is_none(),
        "{scenario} must not be skipped here:\n{}",
        said(&output)
    );
    println!("{scenario} is skipped: {tool} is not on this machine; ./ci/setup installs it");
}

fn held_to_its_word(scenario: &str, options: &[&str], folder: &Path) {
    let (mut output, mut directory) = run(scenario, options, folder);
    if said(&output).contains("\nINCONCLUSIVE ") || said(&output).starts_with("INCONCLUSIVE ") {
        println!("{scenario} was inconclusive and is run once more:\n{}", said(&output));
        (output, directory) = run(scenario, options, folder);
    }
    assert!(
        output.status.success(),
        "{scenario} did not end as expected:\n{}",
        said(&output)
    );

    let verdict = std::fs::read_to_string(directory.join("verdict.json")).expect("a verdict");
    let exit = if verdict.contains("\"outcome\": \"fail\",\n  \"scope\"") {
        1
    } else {
        0
    };
    let path = directory.display().to_string();
    let judged = firedrill(&["judge", &path]);
    assert_eq!(judged.status.code(), Some(exit), "{}", said(&judged));
    assert!(said(&judged).contains("byte for byte"), "{}", said(&judged));

    let ledger = directory.join("operations");
    let mut bytes = std::fs::read(&ledger).expect("a ledger");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&ledger, bytes).expect("the ledger can be changed");
    let refused = firedrill(&["judge", &path]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains("operations"), "{}", said(&refused));
}

#[test]
fn database_failure_holds() {
    drill("samia-tarot-failover/database-failure");
}

#[test]
fn database_failure_with_the_archive_off_misses_the_rpo() {
    drill("samia-tarot-failover/database-failure:archive-off");
}

#[test]
fn database_failure_with_an_empty_backup_fails() {
    drill("samia-tarot-failover/database-failure:empty-backup");
}

#[test]
fn database_failure_with_a_procedure_that_does_nothing_fails() {
    drill("samia-tarot-failover/database-failure:procedure-does-nothing");
}

#[test]
fn damaged_pages_under_traffic_cost_nothing_where_all_the_wal_is_replayed() {
    drill("samia-tarot-failover/gameday-database-corruption");
}

#[test]
fn going_back_to_before_damaged_pages_throws_good_data_away() {
    drill("samia-tarot-failover/gameday-database-corruption:back-to-before-the-damage");
}

#[test]
fn without_checksums_and_amcheck_nobody_notices_damaged_pages() {
    drill("samia-tarot-failover/gameday-database-corruption:nobody-looks");
}

#[test]
fn a_damaged_newest_backup_costs_what_the_one_before_it_lacks() {
    drill("samia-tarot/newest-backup-corrupt");
}

#[test]
fn a_damaged_newest_backup_that_is_trusted_recovers_nothing() {
    drill("samia-tarot/newest-backup-corrupt:trusts-the-newest");
}

#[test]
fn a_damaged_newest_base_backup_costs_nothing_where_wal_is_shipped() {
    drill("samia-tarot/newest-backup-corrupt:wal-shipped");
}

#[test]
fn database_failure_by_shell_scripts_holds() {
    drill("samia-tarot-failover/database-failure-shell");
}

#[test]
fn shell_scripts_whose_archive_is_off_miss_the_rpo() {
    drill("samia-tarot-failover/database-failure-shell:archive-off");
}

#[test]
fn a_restore_that_only_says_done_fails() {
    drill("samia-tarot-failover/database-failure-shell:restore-says-done");
}

#[test]
fn database_failure_by_pgbackrest_holds() {
    drill_by("pgbackrest", "samia-tarot-failover/database-failure-pgbackrest");
}

#[test]
fn pgbackrest_whose_archive_is_off_misses_the_rpo() {
    drill_by(
        "pgbackrest",
        "samia-tarot-failover/database-failure-pgbackrest:archive-off",
    );
}

#[test]
fn damaged_pages_recovered_by_pgbackrest_cost_nothing() {
    drill_by(
        "pgbackrest",
        "samia-tarot-failover/gameday-database-corruption-pgbackrest",
    );
}

#[test]
fn pgbackrest_without_the_wal_of_the_damaged_server_loses_what_was_not_archived() {
    drill_by(
        "pgbackrest",
        "samia-tarot-failover/gameday-database-corruption-pgbackrest:not-salvaged",
    );
}

#[test]
fn damaged_pages_recovered_by_shell_scripts_cost_nothing() {
    drill("samia-tarot-failover/gameday-database-corruption-shell");
}

#[test]
fn shell_scripts_that_go_back_to_before_damaged_pages_throw_good_data_away() {
    drill("samia-tarot-failover/gameday-database-corruption-shell:back-to-before-the-damage");
}

#[test]
fn damaged_pages_cost_nothing_on_postgres_17() {
    drill_on_17("samia-tarot-failover/gameday-database-corruption");
}

#[test]
fn a_wrong_update_is_found_in_the_wal_of_postgres_17() {
    drill_on_17("samia-tarot-failover/wrong-update");
}

#[test]
fn going_back_to_before_a_wrong_update_passes_over_a_damaged_backup() {
    drill("samia-tarot-failover/wrong-update:newest-backup-damaged");
}

#[test]
fn of_a_backup_of_a_damaged_database_the_one_before_it_is_used() {
    drill("samia-tarot-failover/backup-of-corrupt-database");
}

#[test]
fn a_backup_of_a_damaged_database_that_is_trusted_brings_the_damage_back() {
    drill("samia-tarot-failover/backup-of-corrupt-database:trusts-the-newest");
}

#[test]
fn a_server_that_verifies_what_it_reads_makes_no_backup_of_damaged_pages() {
    drill("samia-tarot-failover/backup-of-corrupt-database:the-server-verifies");
}

#[test]
fn a_copy_of_a_damaged_bucket_is_told_by_the_rows_and_not_used() {
    drill("samia-tarot/object-lost:copied-after-the-damage");
}

#[test]
fn a_copy_of_a_damaged_bucket_that_is_trusted_brings_nothing_back() {
    drill("samia-tarot/object-lost:copied-after-the-damage-and-trusted");
}

#[test]
fn altered_objects_come_back_from_a_copy() {
    drill("samia-tarot/object-lost:altered");
}

#[test]
fn swapped_objects_come_back_from_a_copy() {
    drill("samia-tarot/object-lost:swapped");
}

/// A shipped file with one part of it replaced.
fn with(text: &str, what: &str, instead: &str) -> String {
    assert!(text.contains(what), "{what} is not in the file");
    text.replacen(what, instead, 1)
}

/// No seed plan counts rows, so this plan is one of them with such a check added.
#[test]
fn rows_deleted_without_where_are_noticed_by_their_number() {
    const PLAN: &str = include_str!("../../../../fixtures/plans/samia-tarot-failover.yaml");
    const SCENARIO: &str = include_str!("../../../../scenarios/samia-tarot-failover/wrong-update.yaml");
    let plan = with(
        PLAN,
        "  alerts:\n",
        "    bookings_counted:\n      \
         probe: { row_count: { component: database, table: bookings } }\n      \
         every: { is: 15 s, where: here, status: assumed }\n      \
         timeout: { is: 15 s, where: here, status: assumed }\n  \
         alerts:\n    \
         bookings_missing:\n      \
         kind: rows_missing\n      \
         check: bookings_counted\n      \
         failures: { is: 2, where: here, status: assumed }\n      \
         when: { share: { above: 30 %, where: here, status: assumed } }\n",
    );
    let plan = with(
        &plan,
        "detection: [database_unreachable, application_failing]",
        "detection: [bookings_missing]",
    );
    let scenario = with(SCENARIO, "plan: samia-tarot-failover", "plan: plan.yaml");
    let scenario = with(
        &scenario,
        "how: wrong_update }\n    detector: none\n    reported_after: 2 min\n",
        "how: delete }\n",
    );
    let scenario = with(&scenario, "operation: update", "operation: delete");
    let scenario = with(
        &scenario,
        "    rto: pass\n",
        "    rto: pass\n    detection: pass\n    dwell: pass\n",
    );
    let (head, _) = scenario.split_once("twins:\n").expect("it has twins");
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("plan.yaml"), plan).expect("a plan");
    let file = folder.path().join("rows.yaml");
    std::fs::write(&file, head).expect("a scenario");
    held_to_its_word(&file.display().to_string(), &[], &folder.path().join("runs"));
}

/// Takes the files of a worked example out of a page: a name between backquotes before each block.
fn example_of(page: &str, folder: &Path) {
    let mut name = None;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("```") && line.len() > 3 {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let name: String = name.take().expect("a name before each block");
            let path = folder.join(&name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text.join("\n") + "\n").expect("a file");
        } else if line.starts_with('`') {
            name = line
                .strip_suffix("`:")
                .map(|name| name.trim_start_matches('`').to_owned());
        }
    }
}

/// The example of `docs/own-tools.md`, in shell and Python, as it stands there.
#[test]
fn the_worked_example_of_own_tools_holds() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    example_of(include_str!("../../../../docs/own-tools.md"), folder.path());
    let scenario = folder.path().join("scenario.yaml");
    let runs = folder.path().join("runs");
    held_to_its_word(&scenario.display().to_string(), &[], &runs);
}

#[test]
fn network_partition_holds() {
    drill("samia-tarot-failover/network-partition");
}

#[test]
fn network_partition_that_nobody_repoints_fails() {
    drill("samia-tarot-failover/network-partition:never-repoints");
}

#[test]
fn dumps_every_six_hours_miss_an_rpo_of_fifteen_minutes() {
    drill("samia-tarot/database-failure-as-written");
}

#[test]
fn the_same_plan_with_wal_shipped_holds() {
    drill("samia-tarot/database-failure-as-written:wal-shipped");
}

#[test]
fn a_wrong_update_is_recovered_to_just_before_it() {
    drill("samia-tarot-failover/wrong-update");
}

#[test]
fn a_wrong_update_replayed_to_the_end_fails() {
    drill("samia-tarot-failover/wrong-update:replay-to-the-end");
}

#[test]
fn a_wrong_update_that_is_reported_late_costs_more_than_the_rpo() {
    drill("samia-tarot-failover/wrong-update:reported-late");
}

#[test]
fn lost_objects_come_back_from_the_copy_of_files() {
    drill("samia-tarot/object-lost");
}

#[test]
fn lost_objects_that_nobody_restores_fail() {
    drill("samia-tarot/object-lost:not-restored");
}
