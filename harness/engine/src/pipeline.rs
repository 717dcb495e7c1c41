//! What a code host's pipeline is told without being asked: a summary page, and annotations for what was missed.
//!
//! GitHub: Markdown is appended to the file `GITHUB_STEP_SUMMARY`, and commands on standard error become annotations.
//! GitLab has no summary page: links for `artifacts:reports:annotations` are written beside the reports.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use firedrill_core::Outcome;
use firedrill_core::suite::{Fate, SuiteRun};
use serde_json::{Value, json};

use crate::judged::JudgedRun;
use crate::run_directory;
use crate::view::say;

/// Links for GitLab's `artifacts:reports:annotations`.
pub const GITLAB_FILE: &str = "gitlab-annotations.json";

/// An annotation.
struct Note {
    outcome: Outcome,
    title: String,
    text: String,
}

/// Tells of one run; `directory` holds its renderings.
pub fn tell_run(run: &JudgedRun, directory: &Path) {
    let verdict = &run.judged.verdict;
    let spoiled = !verdict.spoiled.is_empty();
    let mut notes: Vec<Note> = verdict
        .findings
        .iter()
        .filter(|finding| !spoiled && finding.outcome != Outcome::Pass)
        .map(|finding| Note {
            outcome: finding.outcome,
            title: format!("{}: {}", verdict.scenario, finding.title),
            text: finding.because.clone(),
        })
        .collect();
    notes.extend(verdict.spoiled.iter().map(|why| Note {
        outcome: Outcome::Inconclusive,
        title: format!("{}: inconclusive", verdict.scenario),
        text: why.clone(),
    }));
    summary(&firedrill_reports::markdown(&run.report()));
    annotations(&notes);
    // Nothing may be added to a run directory that is sealed: the link lies beside it.
    if let Some(folder) = directory.parent() {
        let label = format!("{} {}", verdict.outcome.word(), verdict.scenario);
        links(folder, &[(label, directory.join("report.html"))]);
    }
}

/// Tells of a suite; `directory` is its own folder, `runs` that of its runs.
pub fn tell_suite(suite: &SuiteRun, directory: &Path, runs: &Path) {
    let mut notes = Vec::new();
    let mut pages = vec![(format!("{} suite", suite.suite), directory.join("report.html"))];
    for drill in &suite.drills {
        let fate = drill.fate(&suite.allowed_skips);
        let outcome = match fate {
            Fate::Passed | Fate::MaySkip => Outcome::Pass,
            Fate::Failed | Fate::Broken => Outcome::Fail,
            Fate::Inconclusive | Fate::Skipped | Fate::NotRun => Outcome::Inconclusive,
        };
        let title = |what: &str| format!("{}: {what}", drill.scenario);
        if let Some(attempt) = drill.deciding() {
            if let Some(run) = &attempt.run {
                let label = format!("{} {}", fate.word(suite.expected), drill.scenario);
                pages.push((label, runs.join(run).join("report.html")));
            }
            if outcome != Outcome::Pass && attempt.spoiled.is_empty() {
                let open = attempt
                    .findings
                    .iter()
                    .filter(|finding| finding.outcome != Outcome::Pass);
                notes.extend(open.map(|finding| Note {
                    outcome: finding.outcome,
                    title: title(&finding.title),
                    text: finding.because.clone(),
                }));
            }
            notes.extend(attempt.spoiled.iter().map(|why| Note {
                outcome: Outcome::Inconclusive,
                title: title("inconclusive"),
                text: why.clone(),
            }));
            if fate == Fate::Broken {
                notes.push(Note {
                    outcome,
                    title: title("no verdict"),
                    text: attempt.said.clone(),
                });
            }
        }
        if let (Fate::Skipped, Some(why)) = (fate, &drill.skipped) {
            notes.push(Note {
                outcome,
                title: title("skipped"),
                text: why.clone(),
            });
        }
        if let Some(trend) = drill.trend.as_ref().filter(|trend| trend.warning) {
            notes.push(Note {
                outcome: Outcome::Inconclusive,
                title: title("worse than before"),
                text: trend.says.clone(),
            });
        }
    }
    for name in suite.missing() {
        notes.push(Note {
            outcome: Outcome::Inconclusive,
            title: format!("{name}: not run"),
            text: format!("it belongs to the {} suite", suite.suite),
        });
    }
    summary(&firedrill_reports::suite_markdown(suite));
    annotations(&notes);
    links(directory, &pages);
}

fn summary(markdown: &str) {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
    else {
        return;
    };
    let appended = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| file.write_all(markdown.as_bytes()));
    if let Err(error) = appended {
        say(&format!("firedrill: the step summary cannot be written: {error}"));
    }
}

fn annotations(notes: &[Note]) {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "false");
    if !is_set("GITHUB_ACTIONS") && !is_set("GITHUB_STEP_SUMMARY") {
        return;
    }
    for note in notes {
        say(&command(note));
    }
}

/// A workflow command. What it says can hold no line break, and its title none of the signs that end one.
fn command(note: &Note) -> String {
    let text = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let title = text(&note.title).replace(':', "%3A").replace(',', "%2C");
    let level = match note.outcome {
        Outcome::Fail => "error",
        Outcome::Inconclusive | Outcome::Pass => "warning",
    };
    format!("::{level} title={title}::{}", text(&note.text))
}

fn links(folder: &Path, pages: &[(String, PathBuf)]) {
    let job = std::env::var("CI_JOB_URL").ok();
    let project = std::env::var_os("CI_PROJECT_DIR").map(PathBuf::from);
    let on_gitlab = std::env::var_os("GITLAB_CI").is_some_and(|value| !value.is_empty());
    let (true, Some(job), Some(project)) = (on_gitlab, job, project) else {
        return;
    };
    let Some(text) = gitlab(&job, &project, pages) else {
        return;
    };
    if let Err(error) = run_directory::write(folder, GITLAB_FILE, text.as_bytes()) {
        say(&format!("firedrill: the links for GitLab cannot be written: {error}"));
    }
}

/// GitLab's file of links, to pages that lie in the project's folder; `None` where none does.
fn gitlab(job: &str, project: &Path, pages: &[(String, PathBuf)]) -> Option<String> {
    let links: Vec<Value> = pages
        .iter()
        .filter_map(|(label, page)| {
            let page = std::path::absolute(page).ok()?;
            let page = page.strip_prefix(project).ok()?.to_str()?;
            Some(json!({ "external_link": { "label": label, "url": format!("{job}/artifacts/file/{page}") } }))
        })
        .collect();
    (!links.is_empty()).then(|| format!("{:#}\n", json!({ "Disaster-recovery drills": links })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_stays_one_command() {
        let note = Note {
            outcome: Outcome::Fail,
            title: "a/b: RPO of x, y".into(),
            text: "100 %\n::error::forged".into(),
        };
        assert_eq!(
            command(&note),
            "::error title=a/b%3A RPO of x%2C y::100 %25%0A::error::forged"
        );
    }

    #[test]
    fn links_lead_into_the_jobs_artefacts() {
        let pages = [
            ("FAIL a".to_owned(), PathBuf::from("/p/runs/x/report.html")),
            ("elsewhere".to_owned(), PathBuf::from("/tmp/report.html")),
        ];
        let text = gitlab("https://gitlab.example/j/1", Path::new("/p"), &pages).expect("a link");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(
            value.pointer("/Disaster-recovery drills/0/external_link/url"),
            Some(&json!("https://gitlab.example/j/1/artifacts/file/runs/x/report.html"))
        );
        assert_eq!(value.pointer("/Disaster-recovery drills/1"), None);
        assert_eq!(gitlab("x", Path::new("/q"), &pages), None);
    }
}
