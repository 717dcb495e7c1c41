//! Put a copy of the application's bucket back: objects that were lost or altered since are again as they were when the
//! copy was taken; newer ones stay. Where the procedure names a range of time, only what was written in it comes back.
//!
//! The newest copy may be one of a bucket that was damaged already. What its objects should be the rows that point at them
//! tell, so a copy can be held against them before it is used.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use firedrill_backup::{BackupKind, BackupRecord, Holding, holdings_now};
use firedrill_core::Event;
use firedrill_core::event::Edge;
use firedrill_core::scenario::{BackupRule, Written};

use super::{ActionError, Waiting};
use crate::catalogue::Catalogue;
use crate::clock::{self, instant};
use crate::database;
use crate::team::Team;

/// No more copies are read through before giving up.
const COPIES_MAX: usize = 20;
/// More rows are not held against a copy one by one.
const ROWS_MAX: usize = 200_000;

pub(super) async fn perform(
    team: &Team,
    into: &str,
    which: BackupRule,
    written: Option<&Written>,
    waiting: &Waiting,
) -> Result<String, ActionError> {
    let bucket = team.bucket(into)?;
    let repository = &team.backups()?.repository;
    let within = written.map(|written| range(team, written)).transpose()?;
    waiting.on("the catalogue of backups");
    let catalogue = Catalogue::read(repository).await?;
    let mut inputs = catalogue.figures();
    let (rule, backup) = match which {
        BackupRule::Newest => ("newest_files", newest(&catalogue)?.clone()),
        BackupRule::NewestVerified => {
            newest(&catalogue)?;
            let fitting = newest_fitting(team, into, &catalogue, &mut inputs, waiting).await?;
            ("newest_fitting_files", fitting)
        }
    };
    inputs.insert("backup".into(), backup.id.clone());
    inputs.insert("backup_completed".into(), clock::utc(backup.completed_unix_ms));
    let mut value = format!("copy of files {}", backup.id);
    if let Some((written, within)) = written.zip(within.as_ref()) {
        inputs.insert("written_from".into(), clock::utc(within.start));
        inputs.insert("written_until".into(), clock::utc(within.end));
        value.push_str(&format!(", what was written {written}"));
    }
    team.observer.observed(
        instant(),
        Event::RecoveryTarget {
            rule: rule.into(),
            inputs,
            value,
        },
    );
    let what = format!("put the objects of {} back into {into}", backup.id);
    let repair = |edge| Event::Repair {
        what: what.clone(),
        edge,
    };
    team.observer.observed(instant(), repair(Edge::Begun));
    waiting.on(format!("the objects of {} to be written", backup.id));
    let restored = match within {
        Some(within) => repository.restore_files_written(&backup.id, bucket, within).await?,
        None => repository.restore_files(&backup.id, bucket).await?,
    };
    team.observer.observed(instant(), repair(Edge::Ended));
    if let Some(written) = written.filter(|_| restored.files == 0) {
        return Err(ActionError::NoBackup {
            wanted: format!("copy of files with an object written {written}"),
            found: format!("{}, which has none", backup.id),
        });
    }
    Ok(format!(
        "{} objects of {} bytes from {} put back into {into}",
        restored.files, restored.bytes, backup.id
    ))
}

/// The range by the clock of the wall, which stores go by.
fn range(team: &Team, written: &Written) -> Result<Range<u64>, ActionError> {
    written.on_the_wall(team.opening()?).ok_or_else(|| {
        ActionError::Figure(format!(
            "the range {written} has an end of no fixed length; write it in days or less"
        ))
    })
}

fn newest(catalogue: &Catalogue) -> Result<&BackupRecord, ActionError> {
    catalogue
        .newest(BackupKind::Files, None)
        .ok_or_else(|| ActionError::NoBackup {
            wanted: "copy of files".into(),
            found: format!("{} backups, none of files", catalogue.backups.len()),
        })
}

/// The newest copy that contradicts no row and has what the bucket lacks; the others go into the record of the decision.
async fn newest_fitting(
    team: &Team,
    into: &str,
    catalogue: &Catalogue,
    inputs: &mut BTreeMap<String, String>,
    waiting: &Waiting,
) -> Result<BackupRecord, ActionError> {
    waiting.on("the rows that point at objects");
    let rows = rows(team).await?;
    let spoiled = spoiled(team, into, &rows, waiting).await?;
    inputs.insert("rows_with_objects".into(), rows.len().to_string());
    inputs.insert("objects_not_as_their_rows_say".into(), spoiled.len().to_string());
    let repository = &team.backups()?.repository;
    let copies = catalogue.backups.iter().rev();
    let mut rejected = Vec::new();
    let mut best: Option<(usize, &BackupRecord)> = None;
    for backup in copies
        .filter(|backup| backup.kind == BackupKind::Files)
        .take(COPIES_MAX)
    {
        waiting.on(format!("the copy {} to be read through", backup.id));
        let (lacks, why) = match repository.holdings(&backup.id).await {
            Ok(held) => match fit(&rows, &spoiled, &held) {
                Fit::Whole => {
                    inputs.insert("verified".into(), format!("{}: it contradicts no row", backup.id));
                    return Ok(backup.clone());
                }
                Fit::Lacks(lacks, why) => (Some(lacks), why),
                Fit::Contradicts(why) => (None, why),
            },
            Err(
                error @ (firedrill_backup::Error::Damaged { .. }
                | firedrill_backup::Error::Missing { .. }
                | firedrill_backup::Error::Limit { .. }),
            ) => (None, error.to_string()),
            Err(error) => return Err(error.into()),
        };
        // The newest of those that lack the fewest.
        if let Some(lacks) = lacks
            && best.is_none_or(|(fewest, _)| lacks < fewest)
        {
            best = Some((lacks, backup));
        }
        rejected.push(format!("{}: {why}", backup.id));
        inputs.insert(format!("rejected_{}", rejected.len()), format!("{}: {why}", backup.id));
    }
    if let Some((lacks, backup)) = best {
        inputs.insert(
            "verified".into(),
            format!("{}: it contradicts no row; {lacks} objects are in no copy", backup.id),
        );
        return Ok(backup.clone());
    }
    Err(ActionError::NoneWhole {
        tried: rejected.len(),
        found: rejected.join("; "),
    })
}

/// Objects that the bucket does not hold as the rows say. Rows change while objects are read: what seems spoiled is looked
/// at twice, and counts if its row still says the same.
async fn spoiled(
    team: &Team,
    into: &str,
    seen: &HashMap<String, Holding>,
    waiting: &Waiting,
) -> Result<Vec<String>, ActionError> {
    let bucket = team.bucket(into)?;
    waiting.on(format!("{} objects of {into} to be read", seen.len()));
    let now = holdings_now(bucket, seen.keys().cloned().collect()).await?;
    let mut spoiled: Vec<String> = differing(seen, &now);
    let again = rows(team).await?;
    spoiled.retain(|name| again.get(name) == seen.get(name));
    let now = holdings_now(bucket, spoiled.clone()).await?;
    spoiled.retain(|name| now.get(name) != seen.get(name));
    spoiled.sort_unstable();
    Ok(spoiled)
}

fn differing(wanted: &HashMap<String, Holding>, found: &HashMap<String, Holding>) -> Vec<String> {
    let differ = |(name, wanted): &(&String, &Holding)| found.get(*name) != Some(*wanted);
    wanted.iter().filter(differ).map(|(name, _)| name.clone()).collect()
}

/// What objects should be, by name, as the application's rows say it.
async fn rows(team: &Team) -> Result<HashMap<String, Holding>, ActionError> {
    let (service, sql) = team.object_rows()?;
    let failed = |reason| ActionError::Database {
        service: service.clone(),
        reason,
    };
    let connection = team.database(&service)?.connection()?;
    let session = database::connect(&connection).await.map_err(failed)?;
    let limited = format!("SELECT * FROM ({sql}) AS rows LIMIT {}", ROWS_MAX + 1);
    let rows = session
        .client
        .query(&limited, &[])
        .await
        .map_err(|error| failed(database::words(&error)))?;
    if rows.len() > ROWS_MAX {
        return Err(failed(format!(
            "more than {ROWS_MAX} rows point at objects: too many to hold a copy against; use `backup: newest`"
        )));
    }
    let mut wanted = HashMap::new();
    for row in &rows {
        let (name, bytes, sha256): (String, i64, String) = (row.get(0), row.get(1), row.get(2));
        let holding = Holding {
            bytes: bytes.unsigned_abs(),
            sha256: sha256.to_ascii_lowercase(),
        };
        wanted.insert(name, holding);
    }
    Ok(wanted)
}

/// What a copy is good for.
#[derive(Debug, PartialEq, Eq)]
enum Fit {
    /// It has all that the bucket lacks, and nothing that a row says otherwise.
    Whole,
    /// It has not all of it: so many are absent.
    Lacks(usize, String),
    /// What it holds is not what rows say: putting it back would do damage.
    Contradicts(String),
}

fn fit(rows: &HashMap<String, Holding>, spoiled: &[String], held: &HashMap<String, Holding>) -> Fit {
    let mut other: Vec<&String> = held
        .iter()
        .filter(|(name, held)| rows.get(*name).is_some_and(|wanted| wanted != *held))
        .map(|(name, _)| name)
        .collect();
    other.sort_unstable();
    if let Some(first) = other.first() {
        return Fit::Contradicts(format!(
            "{} of its objects are not what their rows say, {first} among them: it was taken of a damaged bucket",
            other.len()
        ));
    }
    let mut absent = spoiled.iter().filter(|name| !held.contains_key(*name));
    match absent.next() {
        None => Fit::Whole,
        Some(first) => {
            let lacks = 1 + absent.count();
            let of = spoiled.len();
            Fit::Lacks(
                lacks,
                format!("it lacks {lacks} of the {of} objects that the bucket lacks, {first} among them"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(of: &[(&str, &str)]) -> HashMap<String, Holding> {
        of.iter()
            .map(|(name, sha256)| {
                let holding = Holding {
                    bytes: 3,
                    sha256: (*sha256).into(),
                };
                ((*name).to_owned(), holding)
            })
            .collect()
    }

    #[test]
    fn a_copy_must_have_what_is_lacking_and_contradict_no_row() {
        let rows = held(&[("a/1", "x"), ("a/2", "y"), ("b/1", "z")]);
        let spoiled = ["a/1".to_owned(), "b/1".to_owned()];
        // An object that no row points at any more, and one that came after the copy, are nothing against it.
        assert_eq!(
            fit(&rows, &spoiled[..1], &held(&[("a/1", "x"), ("old/1", "q")])),
            Fit::Whole
        );
        let Fit::Contradicts(why) = fit(&rows, &spoiled[..1], &held(&[("a/1", "x"), ("a/2", "?")])) else {
            panic!("a/2 is another")
        };
        assert!(
            why.starts_with("1 of its objects are not what their rows say, a/2"),
            "{why}"
        );
        let Fit::Lacks(1, why) = fit(&rows, &spoiled, &held(&[("a/2", "y"), ("b/1", "z")])) else {
            panic!("a/1 is absent")
        };
        assert!(why.starts_with("it lacks 1 of the 2 objects"), "{why}");
        assert_eq!(fit(&rows, &[], &held(&[])), Fit::Whole, "nothing is lacking");
    }

    #[test]
    fn what_is_absent_or_another_is_spoiled() {
        let wanted = held(&[("a/1", "x"), ("a/2", "y"), ("b/1", "z")]);
        let mut spoiled = differing(&wanted, &held(&[("a/1", "x"), ("a/2", "?"), ("c/1", "w")]));
        spoiled.sort_unstable();
        assert_eq!(spoiled, ["a/2", "b/1"]);
    }
}
