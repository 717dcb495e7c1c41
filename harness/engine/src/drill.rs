//! The conductor: plays one drill from prepare to conclude and tells the recorder everything on the way.
//!
//! What runs is held here, so that wherever a drill ends (at its end, by an error, by Ctrl-C) the same teardown takes
//! it down. Verdicts are no business of the conductor.

mod access;
mod archiver;
mod capacity;
mod detect;
mod disrupt;
mod error;
mod exam;
mod final_read;
mod first_backup;
mod ground;
mod keep;
mod own;
mod pause;
mod prepare;
mod questions;
mod recall;
mod recover;
mod steady;
mod sync_point;
mod team;
mod traffic;
mod validate;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use firedrill_core::event::{Edge, Event, Phase};
use firedrill_core::scenario::Opening;
use firedrill_core::stamp::{Nanos, Stamp};
use firedrill_core::{Plan, Scenario, Terms};
use firedrill_environment::{Containers, Local, LocalOptions, PostgresChoice};
use firedrill_load::{Canary, Live, Workload, now};
use firedrill_respond::{Monitor, OwnCommands, People, Team};
use tokio::sync::watch;

use crate::archive_watch::ArchiveWatch;
use crate::cadence::Cadence;
use crate::check::constraints::Before;
use crate::check::static_tables::Digests;
use crate::fault::Fault;
use crate::heartbeat::Heartbeat;
use crate::library::ToolFile;
use crate::recorder::Recorder;
use crate::stage::Stage;
use crate::view::Announce;

pub use error::DrillError;
pub use exam::Examined;
pub use pause::{PAUSE_MAX, Stops};
pub use recall::Recalled;

/// What a drill is played from.
pub struct Script {
    /// The plan.
    pub plan: Plan,
    /// The scenario, its twin's sections in place.
    pub scenario: Scenario,
    /// What both demand.
    pub terms: Terms,
    /// Fixes schedules and choices.
    pub seed: u64,
    /// This program.
    pub binary: PathBuf,
    /// Which Postgres.
    pub postgres: PostgresChoice,
    /// The engine and its images, where services are containers.
    pub containers: Option<Containers>,
    /// Leave everything up at the end.
    pub keep: bool,
    /// The run directory.
    pub directory: PathBuf,
    /// Files that the scenario's own commands use.
    pub tools: Vec<ToolFile>,
    /// Where it pauses or ends early.
    pub stops: Stops,
    /// Values of an earlier run in place of fresh choices.
    pub recalled: Option<Recalled>,
}

/// The load of a drill, shared with the live view.
#[derive(Default)]
pub struct RunningLoad {
    workload: Option<Workload>,
    canary: Option<Canary>,
}

/// A drill being played.
pub struct Drill {
    script: Arc<Script>,
    recorder: Recorder,
    heartbeat: Option<Heartbeat>,
    ground: Option<ground::Watched>,
    lost: watch::Sender<Option<String>>,
    stage: Option<Stage>,
    load: Arc<Mutex<RunningLoad>>,
    monitor: Option<Arc<Monitor>>,
    team: Option<Arc<Team>>,
    own: Option<Arc<OwnCommands>>,
    people: People,
    archive: Option<ArchiveWatch>,
    dumps: Option<Cadence>,
    bases: Option<Cadence>,
    /// Copies of the application's bucket.
    copies: Option<Cadence>,
    faults: Vec<Box<dyn Fault>>,
    injected: Vec<usize>,
    digests: Digests,
    /// What the database was while the system was whole.
    before: Before,
    /// The component that the struck database holds, and the service it began on.
    component: String,
    database: String,
    incarnation: u16,
    steady_from: Nanos,
    /// The same by the clock of the wall, which object stores go by; faults have it as well.
    opening: Arc<OnceLock<Opening>>,
    struck: Option<Stamp>,
    /// The striking fault was seen by the harness's own probe.
    proved: bool,
    /// Drill time spent in pauses since the strike.
    paused: Nanos,
    announce: Announce,
}

impl Drill {
    /// A drill that is not begun yet.
    ///
    /// # Errors
    /// When the plan grants people time in a unit that has no length.
    pub fn new(script: Script, recorder: Recorder) -> Result<Drill, DrillError> {
        let disaster = script.plan.disasters.get(&script.scenario.disaster);
        let people = match disaster {
            Some(disaster) => People::of(&script.plan, disaster).map_err(DrillError::Other)?,
            None => People::automation(),
        };
        Ok(Drill {
            script: Arc::new(script),
            heartbeat: Some(Heartbeat::start(recorder.clone())),
            recorder,
            ground: None,
            lost: watch::Sender::new(None),
            stage: None,
            load: Arc::default(),
            monitor: None,
            team: None,
            own: None,
            people,
            archive: None,
            dumps: None,
            bases: None,
            copies: None,
            faults: Vec::new(),
            injected: Vec::new(),
            digests: Digests::default(),
            before: Before::default(),
            component: String::new(),
            database: String::new(),
            incarnation: 0,
            steady_from: 0,
            opening: Arc::default(),
            struck: None,
            proved: false,
            paused: 0,
            announce: Arc::new(crate::view::say),
        })
    }

    /// What the load does now, for the live view.
    #[must_use]
    pub fn live(&self) -> Arc<dyn Fn() -> Option<Live> + Send + Sync> {
        let load = Arc::clone(&self.load);
        Arc::new(move || {
            let load = load.lock().unwrap_or_else(PoisonError::into_inner);
            load.workload.as_ref().map(Workload::live)
        })
    }

    /// Where lines for a person go; standard error if nothing else is said.
    pub fn announce_through(&mut self, announce: Announce) {
        self.announce = announce;
    }

    fn announce(&self, text: &str) {
        (self.announce)(text);
    }

    /// Plays the drill to the point where everything that is judged has been recorded, or to where it was asked to end.
    ///
    /// # Errors
    /// When the harness could not go on. The drill must be taken down all the same.
    pub async fn play(&mut self) -> Result<(), DrillError> {
        self.set_stage().await?;
        if !self.end_phase(Phase::Prepare).await? {
            return Ok(());
        }

        self.phase(Phase::Steady, Edge::Begun);
        let at = self.steady().await?;
        if !self.end_phase(Phase::Steady).await? {
            return Ok(());
        }

        self.phase(Phase::Disrupt, Edge::Begun);
        self.disrupt(at).await?;
        // What was paused before the strike keeps nobody waiting for an alert.
        self.paused = 0;
        if !self.end_phase(Phase::Disrupt).await? {
            return Ok(());
        }

        self.phase(Phase::Detect, Edge::Begun);
        let noticed = self.wait_for_alert().await?;
        let reported = if noticed { None } else { self.wait_for_report().await? };
        if !self.end_phase(Phase::Detect).await? {
            return Ok(());
        }

        self.phase(Phase::Decide, Edge::Begun);
        self.decide(noticed, reported);
        if !self.end_phase(Phase::Decide).await? {
            return Ok(());
        }

        self.phase(Phase::Recover, Edge::Begun);
        let ended = self.recover().await?;
        let paused = self.paused;
        if !self.end_phase(Phase::Recover).await? {
            return Ok(());
        }
        let ended = ended + self.paused - paused;

        self.phase(Phase::Validate, Edge::Begun);
        self.validate(ended).await?;
        self.has_stood()?;
        self.end_phase(Phase::Validate).await?;
        Ok(())
    }

    /// Begins the drill: opens the environment and prepares what the scenario describes.
    async fn set_stage(&mut self) -> Result<(), DrillError> {
        self.phase(Phase::Prepare, Edge::Begun);
        self.recorder.record_now(Event::Rate { rate: 1 });
        let options = LocalOptions {
            binary: self.script.binary.clone(),
            postgres: self.script.postgres.clone(),
            keep: self.script.keep,
            logs: Some(self.script.directory.join(crate::run_directory::LOGS)),
            progress: Some(self.progress()),
            containers: self.script.containers.clone(),
        };
        let local = Local::open(options).await?;
        self.watch_ground(&local);
        local.belongs_to(&self.script.directory).await?;
        self.stage = Some(Stage::set(local, &self.script.scenario).await?);
        self.prepare().await
    }

    /// Takes everything down, wherever the drill is. Returns what could not be taken down.
    pub async fn take_down(&mut self) -> Vec<String> {
        let mut problems = Vec::new();
        self.phase(Phase::Conclude, Edge::Begun);
        self.ground = None;
        self.archive = None;
        self.dumps = None;
        self.bases = None;
        self.copies = None;
        let (workload, canary) = {
            let mut load = self.load.lock().unwrap_or_else(PoisonError::into_inner);
            (load.workload.take(), load.canary.take())
        };
        if let Some(workload) = workload {
            let _ = workload.stop().await;
        }
        if let Some(canary) = canary {
            let _ = canary.stop().await;
        }
        if let Some(monitor) = self.monitor.take() {
            monitor.stop().await;
        }
        self.team = None;
        let own = self.own.take();
        let healed: Vec<usize> = self.injected.drain(..).rev().collect();
        for index in healed {
            let fault = &self.faults[index];
            match tokio::time::timeout(Duration::from_secs(10), fault.heal()).await {
                Ok(Ok(())) => self.recorder.record_now(disrupt::fault_event(
                    fault.as_ref(),
                    &self.script.scenario,
                    firedrill_core::event::FaultEdge::Healed,
                    "",
                )),
                Ok(Err(error)) => problems.push(error.to_string()),
                Err(_) => problems.push(format!("fault {} did not heal within 10 s", fault.name())),
            }
        }
        self.faults.clear();
        drop(own);
        if self.script.keep {
            problems.extend(self.leave().await);
        }
        if let Some(stage) = self.stage.take() {
            stage.close_links().await;
            let Stage {
                local,
                postgres,
                stores,
                applications,
                ..
            } = stage;
            drop((postgres, stores, applications));
            if let Err(error) = local.close().await {
                problems.push(error.to_string());
            }
        }
        self.phase(Phase::Conclude, Edge::Ended);
        if let Some(heartbeat) = self.heartbeat.take() {
            heartbeat.stop();
        }
        problems
    }

    fn phase(&self, phase: Phase, edge: Edge) {
        self.recorder.record_now(Event::Phase { phase, edge });
    }

    fn progress(&self) -> firedrill_environment::Progress {
        let recorder = self.recorder.clone();
        Arc::new(move |text| recorder.record_now(Event::Note { text: text.to_owned() }))
    }

    fn stage(&self) -> Result<&Stage, DrillError> {
        self.stage
            .as_ref()
            .ok_or_else(|| DrillError::Other("the stage is not set".into()))
    }

    fn scenario(&self) -> &Scenario {
        &self.script.scenario
    }

    fn scale(&self) -> u32 {
        self.script.terms.calendar_scale.max(1)
    }

    /// Plan time as drill time at the calendar's scale.
    fn scaled(&self, plan: Nanos) -> Nanos {
        plan / Nanos::from(self.scale())
    }

    /// Said beside the evidence, on the screen and in the reports; never judged.
    fn note(&self, text: String) {
        self.recorder.record_now(Event::Note { text });
    }

    /// From here on the plan clock runs at this rate, and so does the monitor.
    fn set_rate(&self, rate: u32) {
        self.recorder.record_now(Event::Rate { rate });
        if let Some(monitor) = &self.monitor {
            monitor.set_scale(rate);
        }
    }

    /// Fails when the evidence can no longer be written: the drill must stop then.
    fn still_recording(&self) -> Result<(), DrillError> {
        match &*self.recorder.broken().borrow() {
            Some(why) => Err(DrillError::Recorder(why.clone())),
            None => Ok(()),
        }
    }

    fn live_now(&self) -> Option<Live> {
        self.live()()
    }
}

/// A duration of a plan or scenario in nanoseconds.
fn nanos(duration: firedrill_core::plan::Duration) -> Result<Nanos, DrillError> {
    duration
        .nanos()
        .ok_or_else(|| DrillError::Other(format!("`{duration}` has no fixed length; write it in days or less")))
}

/// Sleeps until an instant of drill time.
async fn sleep_until(at: Nanos) {
    let left = at - now();
    if left > 0 {
        tokio::time::sleep(Duration::from_nanos(left.unsigned_abs())).await;
    }
}
