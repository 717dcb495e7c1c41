//! The plan's monitor: runs the plan's checks at the plan's intervals, and calls by the plan's own thresholds.
//!
//! It sees the system the way the plan's monitor would: from outside, over a path of its own. What it sees is told to the
//! observer; what it calls out goes to whoever listens to its alerts.

mod log;
mod pace;
mod probe;
mod rule;
mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use firedrill_backup::{Database, Repository};
use firedrill_core::Event;
use firedrill_core::clock::{PlanClock, Rate};
use firedrill_core::event::Edge;
use firedrill_core::plan::{AlertRule, Check, Monitoring, ProbeKind};
use firedrill_core::stamp::{MILLISECOND, Nanos};
use tokio::sync::watch as channel;
use tokio::task::JoinSet;

use crate::alert::{self, Alert, Alerts};
use crate::clock;
use crate::figure;
use crate::observer::Observer;
use log::{LogTail, Words};
pub use pace::{INTERVAL_FLOOR, TIMEOUT_FLOOR};
use probe::Probe;
use rule::Rule;
use watch::Watch;

/// Changes of the scale that are remembered for the age of backups.
const RATES_MAX: usize = 1024;

/// What the monitor watches, as the plan says it.
#[derive(Clone, Debug, Default)]
pub struct MonitorSpec {
    /// By name.
    pub checks: BTreeMap<String, Check>,
    /// By name.
    pub rules: BTreeMap<String, AlertRule>,
    /// Plan seconds per drill second at the start; see [`Monitor::set_scale`].
    pub scale: u32,
}

impl MonitorSpec {
    /// The plan's monitor at a scale.
    #[must_use]
    pub fn of(monitoring: &Monitoring, scale: u32) -> MonitorSpec {
        MonitorSpec {
            checks: monitoring.checks.clone(),
            rules: monitoring.alerts.clone(),
            scale,
        }
    }

    /// The same without these checks and the rules that watch them.
    #[must_use]
    pub fn without(mut self, checks: &[String]) -> MonitorSpec {
        self.checks.retain(|name, _| !checks.contains(name));
        self.rules.retain(|_, rule| !checks.contains(&rule.check));
        self
    }
}

/// Where the monitor looks.
#[derive(Clone, Debug)]
pub struct MonitorEndpoints {
    /// The application, over a link of the monitor's own.
    pub application: SocketAddr,
    /// Databases by the plan's component.
    pub databases: BTreeMap<String, Database>,
    /// Logs of those databases, by the plan's component.
    pub logs: BTreeMap<String, PathBuf>,
    /// The catalogue of backups, for checks of their age and of the newest of them.
    pub backups: Option<Repository>,
    /// Paths that a check of the error rate requests, since the application keeps no count; see
    /// [`MonitorEndpoints::requests_of`].
    pub requests: Vec<String>,
}

impl MonitorEndpoints {
    /// A read of each service by a key that need not exist: an answer that it is absent is an answer.
    #[must_use]
    pub fn requests_of<'a>(services: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        services.into_iter().map(|service| format!("/v1/{service}/0")).collect()
    }
}

/// Why the plan's monitor cannot run here.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// A figure or threshold does not fit.
    #[error("{0}")]
    Figure(String),
    /// A rule watches a check that the plan does not have.
    #[error("alert `{rule}` watches check `{check}`, which the plan does not have; it has: {known}")]
    UnknownCheck {
        /// The rule.
        rule: String,
        /// The check it names.
        check: String,
        /// Those there are.
        known: String,
    },
    /// A check has nothing to look at.
    #[error("check `{check}` looks at {what}, which this drill does not have; {advice}")]
    NothingThere {
        /// The check.
        check: String,
        /// What it looks at.
        what: String,
        /// What to do.
        advice: String,
    },
}

/// What all checks share.
struct Shared {
    observer: Arc<dyn Observer>,
    alerts: channel::Sender<Alerts>,
    rates: Mutex<Vec<Rate>>,
}

impl Shared {
    /// Plan nanoseconds since a wall-clock instant, credits left out.
    fn plan_since(&self, unix_ms: u64) -> i128 {
        let ago = Nanos::try_from(clock::unix_ms().saturating_sub(unix_ms))
            .unwrap_or(Nanos::MAX)
            .saturating_mul(MILLISECOND);
        let now = clock::now();
        let rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let clock = PlanClock::new(rates, Vec::new());
        clock.scaled_at(now) - clock.scaled_at(now.saturating_sub(ago))
    }
}

/// A running monitor. Dropping it ends its checks at once; [`Monitor::stop`] also tells that it ended.
pub struct Monitor {
    shared: Arc<Shared>,
    scale: channel::Sender<u32>,
    databases: BTreeMap<String, Vec<channel::Sender<Probe>>>,
    rules: BTreeMap<String, String>,
    watches: Mutex<Option<JoinSet<()>>>,
}

impl Monitor {
    /// Starts all checks; the first of each looks at once.
    ///
    /// # Errors
    /// The plan's monitor cannot run as written: a figure that does not fit, a rule without its check, a check with
    /// nothing to look at. Nothing has been started then.
    pub fn start(
        spec: &MonitorSpec,
        endpoints: &MonitorEndpoints,
        observer: Arc<dyn Observer>,
    ) -> Result<Monitor, MonitorError> {
        let mut by_check: BTreeMap<&str, Vec<Rule>> = BTreeMap::new();
        for (name, rule) in &spec.rules {
            let check = spec.checks.get(&rule.check).ok_or_else(|| MonitorError::UnknownCheck {
                rule: name.clone(),
                check: rule.check.clone(),
                known: names(spec.checks.keys()),
            })?;
            let made = Rule::new(name, rule, &check.probe).map_err(MonitorError::Figure)?;
            by_check.entry(rule.check.as_str()).or_default().push(made);
        }
        let rules: BTreeMap<_, _> = spec
            .rules
            .iter()
            .map(|(name, rule)| (name.clone(), rule.kind.clone()))
            .collect();
        let first = Rate {
            from: clock::now(),
            rate: spec.scale.max(1),
        };
        let shared = Arc::new(Shared {
            observer,
            alerts: channel::Sender::new(Alerts::default()),
            rates: Mutex::new(vec![first]),
        });
        let scale = channel::Sender::new(spec.scale.max(1));
        let mut databases: BTreeMap<String, Vec<channel::Sender<Probe>>> = BTreeMap::new();
        let mut ready = Vec::new();
        for (name, check) in &spec.checks {
            let probe = channel::Sender::new(probe(name, &check.probe, endpoints)?);
            let figure =
                |figure, what| figure::nanos(figure, &format!("check `{name}`, {what}")).map_err(MonitorError::Figure);
            let (every, timeout) = (figure(&check.every, "every")?, figure(&check.timeout, "timeout")?);
            if every <= 0 {
                return Err(MonitorError::Figure(format!(
                    "check `{name}`, every: found 0, expected an interval"
                )));
            }
            let rules: Vec<Rule> = by_check.remove(name.as_str()).unwrap_or_default();
            ready.push(Watch {
                name: name.clone(),
                every,
                timeout,
                rows: vec![VecDeque::new(); rules.len()],
                rules,
                probe: probe.subscribe(),
                scale: scale.subscribe(),
                shared: Arc::clone(&shared),
            });
            if let Some(component) = check.probe.component() {
                databases.entry(component.to_owned()).or_default().push(probe);
            }
        }
        shared.observer.observed(
            clock::instant(),
            Event::Monitor {
                edge: Edge::Begun,
                rules: rules.clone(),
            },
        );
        let mut watches = JoinSet::new();
        for watch in ready {
            watches.spawn(watch.run());
        }
        Ok(Monitor {
            shared,
            scale,
            databases,
            rules,
            watches: Mutex::new(Some(watches)),
        })
    }

    /// The alerts, as they come and go.
    #[must_use]
    pub fn alerts(&self) -> channel::Receiver<Alerts> {
        self.shared.alerts.subscribe()
    }

    /// Waits for an alert of one of `kinds` (none given: any) that was raised since an instant, or still stands; `None`
    /// after `deadline` of drill time.
    pub async fn wait_for_alert(&self, kinds: &[String], since: Nanos, deadline: Duration) -> Option<Alert> {
        alert::wait_for_alert(&mut self.alerts(), kinds, since, deadline).await
    }

    /// Changes the scale: 1 while recovery is at work. The check in work keeps the timeout it began with; the next one
    /// follows at the new interval.
    pub fn set_scale(&self, scale: u32) {
        let scale = scale.max(1);
        {
            let mut rates = self.shared.rates.lock().unwrap_or_else(PoisonError::into_inner);
            if rates.len() < RATES_MAX {
                rates.push(Rate {
                    from: clock::now(),
                    rate: scale,
                });
            }
        }
        self.scale
            .send_if_modified(|now| std::mem::replace(now, scale) != scale);
    }

    /// Watches a component's database at another place from the next check on, as a team does after a failover.
    /// False: no check looks at that component.
    pub fn watch_database(&self, component: &str, database: &Database) -> bool {
        let Some(probes) = self.databases.get(component) else {
            return false;
        };
        for probe in probes {
            probe.send_modify(|probe| probe.follow(database));
        }
        true
    }

    /// Reads the log of a component's database at another place from the next check on, from its present end.
    pub fn watch_log(&self, component: &str, log: &Path) {
        for probe in self.databases.get(component).into_iter().flatten() {
            probe.send_modify(|probe| probe.follow_log(log));
        }
    }

    /// Stops all checks and tells that the monitor ended; the second time does nothing. A check in work is ended.
    pub async fn stop(&self) {
        let Some(mut watches) = self.watches.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let _ = tokio::time::timeout(watch::STOP_MAX, watches.shutdown()).await;
        self.shared.observer.observed(
            clock::instant(),
            Event::Monitor {
                edge: Edge::Ended,
                rules: self.rules.clone(),
            },
        );
    }
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}

fn probe(check: &str, kind: &ProbeKind, endpoints: &MonitorEndpoints) -> Result<Probe, MonitorError> {
    let address = endpoints.application;
    let missing = |what: String, advice: &str| MonitorError::NothingThere {
        check: check.into(),
        what,
        advice: advice.into(),
    };
    let database = |component: &String| {
        endpoints.databases.get(component).cloned().ok_or_else(|| {
            missing(
                format!("the database of component `{component}`"),
                "give one of the scenario's Postgres services this component",
            )
        })
    };
    let tail = |component: &String| {
        let log = endpoints.logs.get(component);
        log.map(|log| LogTail::of(log)).ok_or_else(|| {
            missing(
                format!("the log of the database of component `{component}`"),
                "give one of the scenario's Postgres services this component",
            )
        })
    };
    match kind {
        ProbeKind::Http(path) if path.starts_with('/') => Ok(Probe::Http {
            address,
            path: path.clone(),
        }),
        ProbeKind::Http(path) => Err(MonitorError::Figure(format!(
            "check `{check}`: found path `{path}`, expected one that begins with `/`"
        ))),
        ProbeKind::DatabaseConnect(component) => Ok(Probe::Database(database(component)?)),
        ProbeKind::ChecksumFailures(component) => Ok(Probe::ChecksumFailures(database(component)?)),
        ProbeKind::Amcheck(component) => Ok(Probe::Amcheck(database(component)?)),
        ProbeKind::RowCount(rows) => Ok(Probe::RowCount(database(&rows.component)?, rows.table.clone())),
        ProbeKind::DamageInLog(component) => Ok(Probe::Log(tail(component)?, Words::Damage)),
        ProbeKind::FailedQueries(component) => Ok(Probe::Log(tail(component)?, Words::Failures)),
        ProbeKind::BackupVerification => match &endpoints.backups {
            Some(repository) => Ok(Probe::BackupVerification(repository.clone())),
            None => Err(missing(
                "the newest backup".into(),
                "give the scenario a `backup` section with a store",
            )),
        },
        ProbeKind::ErrorRate if endpoints.requests.is_empty() => Err(missing(
            "the share of failed requests".into(),
            "give the monitor paths to request",
        )),
        ProbeKind::ErrorRate => Ok(Probe::Requests {
            address,
            paths: endpoints.requests.clone(),
        }),
        ProbeKind::BackupAge => match &endpoints.backups {
            Some(repository) => Ok(Probe::BackupAge(repository.clone())),
            None => Err(missing(
                "the age of backups".into(),
                "give the scenario a `backup` section with a store",
            )),
        },
    }
}
