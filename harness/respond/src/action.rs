//! What a step of a procedure does: one file per action, each on what the team has at hand.

mod choice;
mod fence;
mod files;
mod hold;
mod mode;
mod own;
mod release;
mod repoint;
mod restore;
mod salvage;
mod ship;
mod start;
mod takeover;
mod validate;
mod wal_target;

use std::sync::{Arc, Mutex, PoisonError};

use firedrill_core::scenario::{Action, BackupRule, TargetRule};
use firedrill_environment::EnvironmentError;
use tokio::time::Instant;

use crate::application::ApplicationError;
use crate::team::Team;

/// The SQLSTATE of a server that has no room.
const DISK_FULL: &str = "53100";

/// Why a step did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// A name that the drill does not have.
    #[error("found {what} `{name}`, expected one of: {known}")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// The name.
        name: String,
        /// Those there are.
        known: String,
    },
    /// Hold and release work on the one application.
    #[error("found {found} applications, expected exactly one for a step that names none")]
    Applications {
        /// How many there are.
        found: usize,
    },
    /// Nothing to restore from.
    #[error("there is no backup repository; give the scenario a `backup` section with a store")]
    NoRepository,
    /// No such way between the two.
    #[error("there is no {route} route from application `{application}` to database `{database}`")]
    NoRoute {
        /// From.
        application: String,
        /// To.
        database: String,
        /// Which.
        route: String,
    },
    /// The catalogue has nothing that fits.
    #[error("the catalogue holds no complete {wanted}; it holds: {found}")]
    NoBackup {
        /// What was looked for.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// A target reckoned from an alert needs one.
    #[error("the recovery target is reckoned from an alert, but no alert was raised")]
    NoAlert,
    /// The WAL does not show what was looked for.
    #[error(
        "the archived WAL shows no transaction that fits ({wanted}); searched: {searched}. Ship the WAL of the damaged server first, or choose another target"
    )]
    NotInWal {
        /// What was looked for.
        wanted: String,
        /// From where to where.
        searched: String,
    },
    /// The team does not know which file a table is.
    #[error("the inventory has no table `{table}`; it has: {known}")]
    NoTable {
        /// Which.
        table: String,
        /// Those there are.
        known: String,
    },
    /// A running service would be overwritten.
    #[error("service `{service}` is not down: a restore would overwrite it; fence it first")]
    NotDown {
        /// Which.
        service: String,
    },
    /// A server that still runs would go on writing what is being taken from it.
    #[error("service `{service}` is not down: it would go on writing WAL; fence it first")]
    StillUp {
        /// Which.
        service: String,
    },
    /// Every backup that could be used was found damaged.
    #[error("none of the {tried} newest backups that were read through is whole: {found}")]
    NoneWhole {
        /// How many were read.
        tried: usize,
        /// What is wrong with them.
        found: String,
    },
    /// The service or the machine said no.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The application said no.
    #[error(transparent)]
    Application(#[from] ApplicationError),
    /// The backup tool said no.
    #[error(transparent)]
    Backup(#[from] firedrill_backup::Error),
    /// The recovered database said no.
    #[error("database of service `{service}`: {reason}")]
    Database {
        /// Which.
        service: String,
        /// What it said.
        reason: String,
    },
    /// A command of the team's own failed.
    #[error(transparent)]
    Own(#[from] crate::own::OwnError),
    /// A figure of the scenario does not fit.
    #[error("{0}")]
    Figure(String),
}

impl ActionError {
    /// Whether the harness itself lacks what the step needed of it. The disk of an environment on this machine is the
    /// harness's own, for whomever a file was to be written there.
    pub(crate) fn is_lack(&self) -> bool {
        match self {
            ActionError::Environment(error) => error.is_lack(),
            ActionError::Backup(firedrill_backup::Error::Io { source, .. }) => {
                firedrill_environment::is_lack_of_room(source)
            }
            ActionError::Backup(error) => error.sql_state() == Some(DISK_FULL),
            ActionError::Own(error) => error.lack,
            _ => false,
        }
    }
}

/// What a step is waiting for, told in its detail when its deadline passes first.
#[derive(Clone)]
pub(crate) struct Waiting {
    what: Arc<Mutex<String>>,
    /// The step that waits.
    pub(crate) step: String,
    /// When its deadline passes.
    pub(crate) until: Instant,
}

impl Waiting {
    pub(crate) fn of(step: &str, until: Instant) -> Waiting {
        Waiting {
            what: Arc::default(),
            step: step.to_owned(),
            until,
        }
    }

    pub(crate) fn on(&self, what: impl Into<String>) {
        *self.what.lock().unwrap_or_else(PoisonError::into_inner) = what.into();
    }

    pub(crate) fn words(&self) -> String {
        self.what.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Does it; some words on what was done.
pub(crate) async fn perform(team: &Team, action: &Action, waiting: &Waiting) -> Result<String, ActionError> {
    match action {
        Action::Hold { tiers } => hold::perform(team, tiers).await,
        Action::Release { tiers } => release::perform(team, tiers, waiting).await,
        Action::Fence { service } => fence::perform(team, service).await,
        Action::Restore {
            into,
            from,
            target,
            backup,
            aside,
        } => {
            let role = if *aside {
                restore::Role::Copy
            } else {
                restore::Role::Serves
            };
            restore::perform(team, into, *from, target, *backup, role, waiting).await
        }
        Action::SalvageWal { from } => salvage::perform(team, from, waiting).await,
        Action::ShipWal { service } => ship::perform(team, service, waiting).await,
        Action::RestoreFiles { into, backup, written } => {
            files::perform(team, into, *backup, written.as_ref(), waiting).await
        }
        Action::Start { service } => start::perform(team, service).await,
        Action::Repoint {
            application,
            database,
            route,
        } => repoint::perform(team, application, database, *route).await,
        Action::Mode { application, mode } => mode::perform(team, application, mode).await,
        Action::Validate { application } => validate::perform(team, application, waiting).await,
        Action::Run(step) => own::perform(team, step, waiting).await,
    }
}

/// Whether the team has what the action names, before anything is done. Every problem found.
pub(crate) fn problems(team: &Team, action: &Action) -> Vec<String> {
    let mut problems = Vec::new();
    let mut need = |error: Option<ActionError>| problems.extend(error.map(|error| error.to_string()));
    match action {
        Action::Hold { tiers } | Action::Release { tiers } => {
            need(team.the_application().err());
            if tiers.is_empty() {
                problems.push("found no tiers, expected at least one level".into());
            }
            if let Ok(application) = team.the_application() {
                for tier in tiers {
                    if !application.services().contains_key(tier) {
                        let known: Vec<String> = application.services().keys().map(u8::to_string).collect();
                        problems.push(format!("found tier {tier}, expected one of: {}", known.join(", ")));
                    }
                }
            }
            let mut sorted = tiers.clone();
            sorted.sort_unstable();
            if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
                problems.push("found a tier twice, expected each once".into());
            }
        }
        Action::Fence { service } | Action::Start { service } => need(team.lifecycle(service).err()),
        Action::Restore { into, target, .. } => {
            need(team.database(into).err());
            need(team.backups().err());
            need(choice::margin(target).err());
            if let TargetRule::BeforeWal(search) = target {
                need(team.relation(&search.table).err());
            }
        }
        Action::ShipWal { service } => {
            need(team.database(service).err());
            need(team.backups().err());
        }
        Action::RestoreFiles { into, backup, .. } => {
            need(team.bucket(into).err());
            if *backup == BackupRule::NewestVerified {
                need(team.object_rows().err());
            }
            need(team.backups().err());
        }
        Action::SalvageWal { from } => {
            need(team.database(from).err());
            need(team.backups().err());
        }
        Action::Repoint {
            application,
            database,
            route,
        } => {
            need(team.application(application).err());
            need(team.route(application, database, *route).err());
        }
        Action::Mode { application, mode } => {
            need(team.application(application).err());
            if !mode::MODES.contains(&mode.as_str()) {
                problems.push(format!(
                    "found mode `{mode}`, expected one of: {}",
                    mode::MODES.join(", ")
                ));
            }
        }
        Action::Validate { application } => need(team.application(application).err()),
        Action::Run(step) => problems.extend(own::problems(team, step)),
    }
    problems
}

/// What it does, in words.
pub(crate) fn words(action: &Action) -> String {
    let levels = |tiers: &[u8]| {
        let levels: Vec<String> = tiers.iter().map(u8::to_string).collect();
        format!(
            "{} {}",
            if levels.len() == 1 { "tier" } else { "tiers" },
            levels.join(", ")
        )
    };
    match action {
        Action::Hold { tiers } => format!("hold {}", levels(tiers)),
        Action::Release { tiers } => format!("release {}", levels(tiers)),
        Action::Fence { service } => format!("fence {service}"),
        Action::Restore { into, from, aside, .. } => format!(
            "restore {} {} {into}",
            restore::source(*from),
            if *aside { "aside, into" } else { "into" }
        ),
        Action::SalvageWal { from } => format!("salvage the WAL of {from}"),
        Action::ShipWal { service } => format!("ship the WAL of {service}"),
        Action::RestoreFiles { into, backup, written } => {
            let which = match backup {
                BackupRule::Newest => "newest copy of files",
                BackupRule::NewestVerified => "newest copy of files that fits its rows",
            };
            match written {
                None => format!("restore the {which} into {into}"),
                Some(written) => format!("restore what the {which} holds of the time {written} into {into}"),
            }
        }
        Action::Start { service } => format!("start {service}"),
        Action::Repoint {
            application,
            database,
            route,
        } => {
            format!(
                "repoint {application} to {database} by the {} route",
                format!("{route:?}").to_lowercase()
            )
        }
        Action::Mode { application, mode } => format!("set {application} to {mode}"),
        Action::Validate { application } => format!("validate {application}"),
        Action::Run(step) => own::words(step),
    }
}
