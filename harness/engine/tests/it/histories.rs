//! Recorded runs, judged again with nothing installed: the verdict of each is byte for byte the one that was stored when
//! it was recorded. Whatever changes what old evidence means shows here.

use std::path::{Path, PathBuf};

use firedrill::judged::JudgedRun;
use firedrill::run_directory::write_manifest;

use crate::drills::{firedrill, run, said};
use crate::turn::turn;

/// Each recorded run, the drill of `database-failure.yaml` that it is of, and the exit code of its verdict.
const RUNS: [(&str, &str, u8); 2] = [("dump-only", "", 1), ("wal-shipped", ":wal-shipped", 0)];

const VERDICT: &str = "verdict.json";

fn histories() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/histories")
}

#[test]
fn recorded_runs_lead_to_the_verdicts_that_were_stored() {
    for (name, _, exit) in RUNS {
        let directory = histories().join(name);
        let run = JudgedRun::read(&directory).unwrap_or_else(|error| {
            panic!("fixtures/histories/{name}: {error}\n(the README there says how to record it anew)")
        });
        let made = &run.renderings()[VERDICT];
        if std::env::var_os("FIREDRILL_WRITE_HISTORIES").is_some() {
            std::fs::write(directory.join(VERDICT), made).expect("the verdict can be written");
            write_manifest(&directory).expect("the manifest can be written");
        }
        let stored = std::fs::read(directory.join(VERDICT)).expect("a stored verdict");
        assert!(
            stored == *made,
            "the evidence of fixtures/histories/{name} leads to another verdict than the stored one. If that is meant: \
             FIREDRILL_WRITE_HISTORIES=1 with this test, and read the difference"
        );
        assert_eq!(run.judged.verdict.exit_code(), exit, "{name}");
        let judged = firedrill(&["judge", &directory.display().to_string()]);
        assert_eq!(judged.status.code(), Some(i32::from(exit)), "{}", said(&judged));
    }
}

/// Records the runs anew, where FIREDRILL_RECORD_HISTORIES asks for it: needed when what a run consists of has changed.
#[test]
fn runs_are_recorded_where_that_is_wanted() {
    if std::env::var_os("FIREDRILL_RECORD_HISTORIES").is_none() {
        return;
    }
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = histories().join("database-failure.yaml");
    for (name, twin, _) in RUNS {
        let (output, recorded) = run(&format!("{}{twin}", scenario.display()), &[], folder.path());
        assert!(output.status.success(), "{name}: {}", said(&output));
        keep(&recorded, &histories().join(name));
    }
}

/// Evidence and verdict; other renderings would be more bytes than they tell.
fn keep(recorded: &Path, into: &Path) {
    let _ = std::fs::remove_dir_all(into);
    for folder in ["", "logs", "histograms"] {
        std::fs::create_dir_all(into.join(folder)).expect("a folder");
        for entry in std::fs::read_dir(recorded.join(folder)).expect("a run directory") {
            let from = entry.expect("an entry").path();
            let file = from.file_name().expect("a name").to_string_lossy().into_owned();
            let rendering = file.starts_with("report.") || file == "junit.xml";
            if from.is_file() && !rendering {
                std::fs::copy(&from, into.join(folder).join(&file)).expect("a copy");
            }
        }
    }
    write_manifest(into).expect("the manifest can be written");
}
