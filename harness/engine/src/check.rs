//! Integrity checks on the recovered database. Each is one question with an answer, and with how much it looked at:
//! a check that covered nothing has not passed.

pub mod amcheck;
pub mod constraints;
pub mod definitions;
pub mod own;
pub mod static_tables;

use firedrill_core::event::{CheckOutcome, Coverage, Event};
use tokio_postgres::Client;

/// What one check said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Passed, failed, or could not run.
    pub outcome: CheckOutcome,
    /// How much it looked at.
    pub coverage: Coverage,
    /// In words.
    pub detail: String,
}

impl Checked {
    /// Decides from the problems found: none and something covered is a pass.
    #[must_use]
    pub fn from_problems(problems: &[String], coverage: Coverage, sound: String) -> Checked {
        let (outcome, detail) = match problems {
            [] if coverage == Coverage::default() => (CheckOutcome::NotRun, "nothing to look at".to_owned()),
            [] => (CheckOutcome::Passed, sound),
            _ => (CheckOutcome::Failed, abridged(problems)),
        };
        Checked {
            outcome,
            coverage,
            detail,
        }
    }

    /// It could not run.
    #[must_use]
    pub fn not_run(why: String) -> Checked {
        Checked {
            outcome: CheckOutcome::NotRun,
            coverage: Coverage::default(),
            detail: why,
        }
    }

    /// What a look came to, in the time that a check has.
    pub async fn in_time(look: impl Future<Output = Checked>) -> Checked {
        tokio::time::timeout(CHECK_MAX, look)
            .await
            .unwrap_or_else(|_| Checked::not_run(format!("it had not ended after {} s", CHECK_MAX.as_secs())))
    }

    /// As an event of the history.
    #[must_use]
    pub fn event(self, name: &str, component: &str) -> Event {
        Event::Check {
            name: name.to_owned(),
            component: component.to_owned(),
            outcome: self.outcome,
            coverage: self.coverage,
            detail: self.detail,
        }
    }
}

/// The first problems and how many more there are: evidence stays bounded.
fn abridged(problems: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = problems.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    if problems.len() > SHOWN {
        text.push_str(&format!("; and {} more", problems.len() - SHOWN));
    }
    text
}

/// How long a check may take before it counts as one that could not run.
const CHECK_MAX: std::time::Duration = std::time::Duration::from_secs(300);

/// Makes the session read tables themselves: a damaged index must not vouch for its table.
async fn without_indexes(client: &Client) -> Result<(), tokio_postgres::Error> {
    client
        .batch_execute("SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off")
        .await
}

/// A table of the application: quoted name, rows by estimate of nothing but a count, bytes on disk.
const USER_TABLES: &str = "SELECT format('%I.%I', n.nspname, c.relname), c.oid, pg_table_size(c.oid) \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind = 'r' AND c.relpersistence = 'p' \
       AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast' ORDER BY 1";
