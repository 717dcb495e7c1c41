//! A command of the team's own as a step. Where it restores a database, the server is started on what it laid out, and
//! the new life is told as after any restore.
//!
//! Up to where the data came back is read from the server's own history of timelines; what the command declares counts
//! where it promises more, or where the server knows nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use firedrill_backup::parse_lsn;
use firedrill_core::Event;
use firedrill_core::event::Point;
use firedrill_core::scenario::OwnStep;
use firedrill_environment::State;
use tokio::time::Instant;

use super::restore::{Back, bring_up};
use super::takeover::TakenOver;
use super::{ActionError, Waiting};
use crate::clock::{self, instant};
use crate::database::{self, DatabaseHost, Life};
use crate::own::{DeclaredPoint, Kind, OwnCommands, OwnError, Reply, Task, told};
use crate::team::Team;

/// A command is killed so long before its step's deadline passes: its last words must still be heard.
const MARGIN: Duration = Duration::from_millis(250);

pub(super) async fn perform(team: &Team, step: &OwnStep, waiting: &Waiting) -> Result<String, ActionError> {
    let own = commands(team)?;
    let Some(into) = &step.restores else {
        let reply = run(own, step, waiting).await?;
        return Ok(said(&reply));
    };
    let host = team.database(into)?;
    if host.state().await? != State::Down {
        return Err(ActionError::NotDown { service: into.into() });
    }
    let component = own.component().to_owned();
    team.observer.observed(
        instant(),
        Event::RecoveryTarget {
            rule: "own_command".into(),
            inputs: inputs(team, step),
            value: "as far as the command brings it".into(),
        },
    );
    let in_place = team.life_of(into).is_some();
    let epoch = team.next_epoch(&component);
    let reply = run(own, step, waiting).await?;
    let back = bring_up(&*host, &epoch, waiting, into).await?;
    tell_target(team, &*host, step).await;
    let (source, point) = point(team, &component, &back, &reply);
    let taken_over = TakenOver {
        component: &component,
        into,
        source,
        point,
        takeover: back.takeover,
        in_place,
        life: back.life.clone(),
    };
    let mut words = taken_over.tell(team, &*host);
    for remark in &back.remarks {
        words.push_str(&format!("; {remark}"));
    }
    Ok(format!("{}; {words}", said(&reply)))
}

/// What the team cannot do of the step, before anything is done.
pub(super) fn problems(team: &Team, step: &OwnStep) -> Vec<String> {
    let mut problems = Vec::new();
    match commands(team) {
        Ok(own) => problems.extend(host_of(own, step).err().map(|error| error.to_string())),
        Err(error) => problems.push(error.to_string()),
    }
    if let Some(into) = &step.restores {
        problems.extend(team.database(into).err().map(|error| error.to_string()));
    }
    problems
}

/// What it does, in words.
pub(super) fn words(step: &OwnStep) -> String {
    let command = step.command.join(" ");
    match &step.restores {
        Some(into) => format!("run {command}, which restores {into}"),
        None => format!("run {command}"),
    }
}

fn commands(team: &Team) -> Result<&OwnCommands, ActionError> {
    team.own
        .as_deref()
        .ok_or_else(|| ActionError::Figure("commands of your own cannot be run here".into()))
}

/// The service on whose host it runs.
fn host_of<'a>(own: &'a OwnCommands, step: &'a OwnStep) -> Result<&'a str, ActionError> {
    let name = step.on.as_deref().or(step.restores.as_deref()).unwrap_or(own.home());
    own.site(name)?;
    Ok(name)
}

async fn run(own: &OwnCommands, step: &OwnStep, waiting: &Waiting) -> Result<Reply, ActionError> {
    let on = host_of(own, step)?;
    let deadline = waiting
        .until
        .saturating_duration_since(Instant::now())
        .saturating_sub(MARGIN);
    waiting.on(format!("`{}` to end", step.command.join(" ")));
    let ran = own
        .run(&Task {
            kind: Kind::Step,
            name: &waiting.step,
            on,
            command: &step.command,
            deadline,
            restores: step.restores.as_deref(),
            truth: None,
        })
        .await;
    match ran {
        Ok((reply, _)) => Ok(reply),
        Err(error) if error.late => Err(missed(error, waiting).await),
        Err(error) => Err(error.into()),
    }
}

/// Leaves it to the step's deadline, which is about to pass, to end the step; what is known is told with it.
async fn missed(error: OwnError, waiting: &Waiting) -> ActionError {
    waiting.on(format!("its command: {error}"));
    tokio::time::sleep_until(waiting.until + MARGIN).await;
    error.into()
}

fn said(reply: &Reply) -> String {
    match told(reply) {
        words if words.is_empty() => "done".into(),
        words => words,
    }
}

/// What a choice of the target could have been made from: the same as a person would have at hand.
fn inputs(team: &Team, step: &OwnStep) -> BTreeMap<String, String> {
    let mut inputs = BTreeMap::from([("command".to_owned(), step.command.join(" "))]);
    let newest = team
        .alerts
        .as_ref()
        .and_then(|alerts| alerts.borrow().newest().cloned());
    if let Some(alert) = newest {
        inputs.insert("alert".into(), format!("{} ({})", alert.rule, alert.kind));
        inputs.insert("alert_time".into(), clock::utc(alert.unix_ms));
    }
    inputs
}

/// A command that has the server stop before the end of the WAL need not say so: the server does.
async fn tell_target(team: &Team, host: &dyn DatabaseHost, step: &OwnStep) {
    let asked = async {
        let connection = host.connection().map_err(|error| error.to_string())?;
        database::connect(&connection).await?.recovery_target().await
    };
    let Ok(Some((setting, value))) = asked.await else {
        return;
    };
    let mut inputs = inputs(team, step);
    inputs.insert(setting.clone(), value.clone());
    team.observer.observed(
        instant(),
        Event::RecoveryTarget {
            rule: "before_own_target".into(),
            inputs,
            value: format!("{setting} {value}"),
        },
    );
}

/// The life that was brought back, and up to where.
fn point(team: &Team, component: &str, back: &Back, reply: &Reply) -> (Option<Life>, Point) {
    let declared = reply.recovery_point.as_ref().and_then(|declared| match declared {
        DeclaredPoint::Lsn(text) => parse_lsn(text).map(Point::Lsn),
        DeclaredPoint::Time(text) => {
            let (from, until) = clock::parse_utc(text)?;
            Some(Point::Time(clock::from_wall(from, until)))
        }
    });
    let source = match back.branch {
        Some((parent, _)) => Some(team.source_life(component, &back.life.system, parent).unwrap_or(Life {
            system: back.life.system.clone(),
            timeline: parent,
            epoch: "0".into(),
        })),
        None => team.newest_life(component),
    };
    let point = match (back.branch, declared) {
        (Some((_, branch)), Some(Point::Lsn(declared))) => Point::Lsn(branch.max(declared)),
        (_, Some(declared)) => declared,
        (Some((_, branch)), None) => Point::Lsn(branch),
        (None, None) => Point::Undeclared,
    };
    (source, point)
}
