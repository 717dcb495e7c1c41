//! What breaks, and who should notice.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::damage::{HurtBackup, ObjectDamage, PageDamage, WalDamage};
use crate::plan::{Duration, Share};
use crate::terms::Damage;

use super::{OwnFault, Written};

/// Something that breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Its name in the history.
    pub name: String,
    /// The one that strikes; the others are conditions.
    #[serde(default)]
    pub strikes: bool,
    /// What it does.
    pub inject: FaultKind,
    /// Kinds of alert it can cause; `none` states that no plan could notice.
    #[serde(default)]
    pub detector: Option<Detector>,
    /// When a condition is injected; the fault that strikes has its own rule.
    #[serde(default)]
    pub when: ConditionTime,
    /// Where no alert could notice (`detector: none`): plan time from the strike until a person reports it.
    #[serde(default)]
    pub reported_after: Option<Duration>,
}

/// When a condition is injected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ConditionTime {
    /// Before the steady state begins: it holds all the while.
    #[default]
    Prepare,
    /// About a second before the strike: it finds what the steady state has made, such as the newest backup.
    BeforeStrike,
    /// While the procedure is at work: a step waits until it is injected and proved. A step that never comes to that makes
    /// the run inconclusive.
    AtStep {
        /// The step's name.
        name: String,
        /// Before its work, or when it has succeeded.
        side: StepSide,
    },
}

/// A side of a step's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum StepSide {
    Before,
    After,
}

impl std::fmt::Display for StepSide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            StepSide::Before => "before",
            StepSide::After => "after",
        })
    }
}

/// Who should notice; the fault's own default where the scenario says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// No plan could.
    None,
    /// Alerts of these kinds.
    Alerts(Vec<String>),
}

/// The built-in faults, and your own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// kill -9 of the service's main process.
    Kill {
        /// Which service.
        service: String,
    },
    /// SIGSTOP of the service's processes.
    Pause {
        /// Which service.
        service: String,
    },
    /// kill -9, and its disk is gone: every file of the data directory is cut to nothing, which its hard links see too, and
    /// removed; so is what a cluster keeps elsewhere (a linked `pg_wal`, tablespaces).
    LoseData {
        /// Which service.
        service: String,
    },
    /// A link passes nothing.
    Cut {
        /// The two services it joins: client side, server side.
        link: [String; 2],
        /// How clients see it.
        #[serde(default)]
        manner: CutManner,
    },
    /// A link delays each direction.
    Delay {
        /// The two services it joins: client side, server side.
        link: [String; 2],
        /// One way, drill time.
        by: Duration,
    },
    /// Pages of a table or B-tree of a running server are damaged on disk, none of them in its cache.
    DamagePages {
        /// Which Postgres service.
        service: String,
        /// Table or index; unset: the seed chooses one of the database's own.
        #[serde(default)]
        relation: Option<String>,
        /// What is done to each page.
        how: PageDamage,
        /// How many pages; the seed chooses which.
        #[serde(default = "one")]
        pages: u32,
    },
    /// The end of the file of a table or B-tree is cut off under a running server.
    TruncateRelation {
        /// Which Postgres service.
        service: String,
        /// Table or index; unset: the seed chooses one of the database's own.
        #[serde(default)]
        relation: Option<String>,
    },
    /// The file of a table or B-tree is gone under a running server.
    RemoveRelation {
        /// Which Postgres service.
        service: String,
        /// Table or index; unset: the seed chooses one of the database's own.
        #[serde(default)]
        relation: Option<String>,
    },
    /// A bit of the server's control file is turned over.
    DamageControlFile {
        /// Which Postgres service.
        service: String,
    },
    /// The segment of the WAL that is being written is damaged where the server has written already, or its file is gone.
    DamageWal {
        /// Which Postgres service.
        service: String,
        /// What is done to it.
        how: WalDamage,
    },
    /// An object of the newest complete backup in a backup store is altered, missing, or older than it claims.
    DamageBackup {
        /// Which S3 service.
        store: String,
        /// Which kind of backup.
        backup: HurtBackup,
        /// What is done to it.
        how: ObjectDamage,
    },
    /// A command of your own.
    Run(OwnFault),
    /// Rows or tables are spoiled by SQL, as an operator's mistake or an intruder does it: every page stays valid.
    SpoilData {
        /// Which Postgres service.
        service: String,
        /// Which table of the application.
        table: String,
        /// What is done to it.
        how: DataHarm,
        /// Of how many of its rows (`wrong_update`, `delete` and `encrypt`); unset: all, as if the WHERE was forgotten.
        #[serde(default)]
        share: Option<Share>,
    },
    /// Objects that rows point at are spoiled in the application's store.
    SpoilObjects {
        /// Which S3 service.
        service: String,
        /// What is done to them.
        how: ObjectHarm,
        /// How many.
        #[serde(default = "objects_default")]
        count: u32,
        /// Only objects that were written in this range; unset: whenever.
        #[serde(default)]
        written: Option<Written>,
    },
}

fn one() -> u32 {
    1
}

fn objects_default() -> u32 {
    8
}

impl FaultKind {
    /// What it does to data, where that is what it does; `None`: it takes service or servers away.
    #[must_use]
    pub fn damage(&self) -> Option<Damage> {
        match self {
            FaultKind::SpoilData { .. } => Some(Damage::Logged),
            FaultKind::DamagePages { .. } | FaultKind::TruncateRelation { .. } | FaultKind::RemoveRelation { .. } => {
                Some(Damage::Unlogged)
            }
            _ => None,
        }
    }

    /// Whether it can stay unseen after it took effect: a plan must then say from when its RTO counts.
    #[must_use]
    pub fn is_latent(&self) -> bool {
        match self {
            FaultKind::Kill { .. }
            | FaultKind::Pause { .. }
            | FaultKind::LoseData { .. }
            | FaultKind::Cut { .. }
            | FaultKind::Delay { .. }
            // What a command does is not known; an RTO that counts from the fault is the strictest.
            | FaultKind::Run(_) => false,
            FaultKind::DamagePages { .. }
            | FaultKind::TruncateRelation { .. }
            | FaultKind::RemoveRelation { .. }
            | FaultKind::DamageControlFile { .. }
            | FaultKind::DamageWal { .. }
            | FaultKind::DamageBackup { .. }
            | FaultKind::SpoilData { .. }
            | FaultKind::SpoilObjects { .. } => true,
        }
    }
}

/// What is done to rows or tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DataHarm {
    /// UPDATE that overwrites what rows say.
    WrongUpdate,
    /// DELETE of rows.
    Delete,
    /// DROP TABLE.
    Drop,
    /// TRUNCATE.
    Truncate,
    /// ALTER TABLE that cuts what rows say, and that later writes no longer fit.
    BadMigration,
    /// What rows say is enciphered batch by batch, as ransomware does; the key is thrown away.
    Encrypt,
    /// The index of the primary key no longer knows some rows of its table.
    SkewIndex,
}

/// What is done to objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ObjectHarm {
    /// A byte of each is another.
    Altered,
    /// They are deleted.
    Missing,
    /// Each has the content of another.
    Swapped,
    /// Each has the content of the version before it.
    Older,
}

/// How a cut link looks to its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CutManner {
    /// Connections are refused and open ones reset.
    #[default]
    Refused,
    /// Bytes vanish silently.
    Dropped,
}
