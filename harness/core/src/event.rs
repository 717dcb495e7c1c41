//! Events: the immutable facts of one run, in the order in which the recorder wrote them.
//!
//! One line of `events.jsonl` is one [`Record`]. Order is the recorder's; when a thing happened is said by its
//! stamp alone. Serialised externally tagged, so that a mistake in a hand-written run keeps its place.

mod field;
mod record;

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stamp::{Nanos, Stamp};

pub use field::{CheckOutcome, Class, Coverage, DelayKind, Edge, FaultEdge, Phase, Point, Role, StepEdge};
pub use record::{Closing, Record};

/// More checks in a row than this are not told with an alert.
pub const FAILURES_MAX: usize = 32;

/// The facts. Names are the field's; `early`/`late` of the record's stamp say when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// First record.
    Opened {
        /// Version of this format.
        schema: u32,
        /// Version of the definitions the run was recorded under.
        definitions: u32,
        /// SHA-256 of `run.json`, hex.
        run: String,
        /// Program that records, e.g. `firedrill 0.1.0`.
        program: String,
        /// Written by another program and sealed afterwards.
        sealed: bool,
    },
    /// A phase begins or ends.
    Phase {
        /// Which.
        phase: Phase,
        /// Begins or ends.
        edge: Edge,
    },
    /// From the stamp on, a drill nanosecond is `rate` plan nanoseconds.
    Rate {
        /// At least 1.
        rate: u32,
    },
    /// Plan time granted to people at the stamp.
    Credit {
        /// Plan nanoseconds.
        plan: Nanos,
        /// What for, with the plan's section.
        what: String,
    },
    /// The harness's heartbeat of the last second or so: it reached from `from` to the stamp.
    Beats {
        /// First beat, nanoseconds.
        from: Nanos,
        /// Beats in it.
        count: u32,
        /// The longest gap between two beats, nanoseconds.
        gap_max: Nanos,
    },
    /// A gap between beats over 250 ms: stamp = [last beat before the gap, second beat after it].
    Stall {},
    /// A class of operations used by the ledger.
    Class(Class),
    /// An incarnation first seen; index used by the ledger.
    Incarnation {
        /// Index.
        id: u16,
        /// Component it is a life of.
        component: String,
        /// E.g. `7432111/1/0`: system identifier, timeline, restore epoch.
        name: String,
    },
    /// An incarnation takes over: promotion, or the start of a new life.
    Takeover {
        /// Component.
        component: String,
        /// Index of the incarnation that serves from here.
        incarnation: u16,
        /// The data was replaced in place.
        in_place: bool,
    },
    /// From here the incarnation cannot acknowledge any more (stopped, fenced, unreachable for good).
    Fenced {
        /// Index.
        incarnation: u16,
    },
    /// A repair in place (a link healed, a process continued) begins or ends; no new incarnation.
    Repair {
        /// What.
        what: String,
        /// Begins or ends.
        edge: Edge,
    },
    /// The tool says up to where the data is back, before the final read.
    RecoveryPoint {
        /// Component.
        component: String,
        /// Index of the incarnation it was taken from.
        source: u16,
        /// Where.
        point: Point,
    },
    /// The WAL position that an incarnation reported between the stamp's edges.
    Lsn {
        /// Index.
        incarnation: u16,
        /// Position.
        lsn: u64,
    },
    /// A fault comes or goes.
    Fault {
        /// Its name in the scenario.
        name: String,
        /// Whether it is the one that strikes.
        strikes: bool,
        /// How far.
        edge: FaultEdge,
        /// Resolved values, and what the probe saw.
        detail: BTreeMap<String, String>,
    },
    /// The monitor begins or stops watching.
    Monitor {
        /// Begins or ends.
        edge: Edge,
        /// Rules it watches, by name and kind.
        rules: BTreeMap<String, String>,
    },
    /// One check by the monitor.
    Probe {
        /// Name of the check.
        check: String,
        /// Whether it was healthy.
        healthy: bool,
        /// What it saw, short.
        seen: String,
    },
    /// The monitor raises (or clears) an alert.
    Alert {
        /// The rule.
        rule: String,
        /// Its kind, e.g. `database_unreachable`.
        kind: String,
        /// Raised or cleared.
        raised: bool,
        /// The failed checks in a row that raised it, from the sending of each to its answer, the oldest first: the last
        /// [`FAILURES_MAX`] of them. Empty where it is cleared, or where the recorder does not tell.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failures: Vec<Stamp>,
    },
    /// A person responds (or the automation that stands for one).
    Acknowledged {
        /// Who: a role, or `automation`.
        who: String,
    },
    /// Recovery may start.
    Authorised {
        /// Who.
        who: String,
    },
    /// The disaster is declared, where the plan separates this from authorisation.
    Declared {
        /// Who.
        who: String,
    },
    /// The monitor stayed silent to its deadline; the harness orders the recovery so that the rest is measured.
    OrderedByHarness {},
    /// The procedure begins or has ended.
    Procedure {
        /// Begins or ends.
        edge: Edge,
        /// At the end: whether every step succeeded.
        succeeded: Option<bool>,
    },
    /// A step of the procedure.
    Step {
        /// Its name.
        name: String,
        /// What it does, in words.
        action: String,
        /// How far.
        edge: StepEdge,
        /// What it said.
        detail: String,
    },
    /// The recovery target was chosen, before the restore starts.
    RecoveryTarget {
        /// The rule, e.g. `end_of_archive`.
        rule: String,
        /// What it was computed from.
        inputs: BTreeMap<String, String>,
        /// What it came to.
        value: String,
    },
    /// A tier is held back from traffic.
    Held {
        /// Level.
        tier: u8,
    },
    /// A tier is let to traffic.
    Released {
        /// Level.
        tier: u8,
    },
    /// A restorable point is complete (a dump, a base backup, an archived segment).
    Restorable {
        /// Component.
        component: String,
        /// `dump`, `base`, `wal`, `files`.
        kind: String,
        /// Its name in the catalogue.
        name: String,
    },
    /// How much data a component held before the steady state, measured by the harness where it lies.
    DataSize {
        /// Component.
        component: String,
        /// Bytes, as the store itself tells them.
        bytes: u64,
    },
    /// What the backups took up when the load had stopped, measured by the harness where they lie.
    Stored {
        /// Component.
        component: String,
        /// Bytes of all files.
        bytes: u64,
    },
    /// A real delay in a scaled phase that stands for no figure of the plan; feeds the quantum.
    Delay {
        /// What kind.
        kind: DelayKind,
        /// Drill nanoseconds.
        drill: Nanos,
    },
    /// Steady state held, or not, by the harness's own look before the strike.
    Steady {
        /// Whether it held.
        held: bool,
        /// Why not.
        why: String,
    },
    /// A capacity ramp: operations scheduled between the stamp's edges lie outside every window.
    Capacity {
        /// Acked operations per second at the best step.
        per_second: u64,
    },
    /// Load stops: nothing is scheduled after the stamp.
    LoadStopped {},
    /// The final read of one component, begun or ended. The newest one that ended counts.
    FinalRead {
        /// Component.
        component: String,
        /// Index of the incarnation read.
        incarnation: u16,
        /// Begins or ends (the stream's end mark was seen).
        edge: Edge,
        /// Whether this incarnation serves (false: an abandoned one, read as well).
        serving: bool,
        /// At the end: rows that the database counted in the same snapshot.
        counted: Option<u64>,
        /// At the end: rows that arrived.
        arrived: Option<u64>,
    },
    /// An integrity check on the recovered system.
    Check {
        /// Its name, e.g. `page_checksums`, `amcheck`, `constraints`, `static_tables`, `journey`.
        name: String,
        /// Component.
        component: String,
        /// What it said.
        outcome: CheckOutcome,
        /// How much it looked at.
        coverage: Coverage,
        /// In words.
        detail: String,
    },
    /// A synchronisation point inside a step that a fault was waiting for was, or was never, reached.
    SyncPoint {
        /// Which.
        name: String,
        /// Whether.
        reached: bool,
    },
    /// The run gave up at its limit, or a person ended it.
    GaveUp {
        /// Why.
        why: String,
    },
    /// A person paused the drill after a phase (begun), or let it go on (ended). Nobody knows what was done meanwhile: such
    /// a run neither passes nor fails.
    Paused {
        /// The phase that had ended.
        after: Phase,
        /// Begins or ends.
        edge: Edge,
    },
    /// The drill was asked to end after a phase, and did: what comes later was not measured.
    EndedAfter {
        /// The phase.
        phase: Phase,
    },
    /// The drill is played again with concrete values that an earlier run recorded, in place of fresh choices.
    /// Interleaving is not reproduced.
    Recalled {
        /// The earlier run's name.
        run: String,
        /// The values, by what they decide (`strike.after_ns`, `NAME.page` for a fault).
        values: BTreeMap<String, String>,
    },
    /// A setting that touches durability and deviates from default and plan.
    Deviation {
        /// `SERVICE: SETTING`. The judge reads the setting `synchronous_commit`: with it off, an acknowledgement does not
        /// wait for its WAL.
        setting: String,
        /// Its value.
        value: String,
    },
    /// Something worth a line in the report; never judged.
    Note {
        /// The line.
        text: String,
    },
    /// Last record.
    Closed(Closing),
}

impl Event {
    /// The name of the kind of event, as it stands in the serialised line and in [`Closing::events`].
    #[must_use]
    pub fn tag(&self) -> &'static str {
        match self {
            Event::Opened { .. } => "opened",
            Event::Phase { .. } => "phase",
            Event::Rate { .. } => "rate",
            Event::Credit { .. } => "credit",
            Event::Beats { .. } => "beats",
            Event::Stall { .. } => "stall",
            Event::Class(_) => "class",
            Event::Incarnation { .. } => "incarnation",
            Event::Takeover { .. } => "takeover",
            Event::Fenced { .. } => "fenced",
            Event::Repair { .. } => "repair",
            Event::RecoveryPoint { .. } => "recovery_point",
            Event::Lsn { .. } => "lsn",
            Event::Fault { .. } => "fault",
            Event::Monitor { .. } => "monitor",
            Event::Probe { .. } => "probe",
            Event::Alert { .. } => "alert",
            Event::Acknowledged { .. } => "acknowledged",
            Event::Authorised { .. } => "authorised",
            Event::Declared { .. } => "declared",
            Event::OrderedByHarness { .. } => "ordered_by_harness",
            Event::Procedure { .. } => "procedure",
            Event::Step { .. } => "step",
            Event::RecoveryTarget { .. } => "recovery_target",
            Event::Held { .. } => "held",
            Event::Released { .. } => "released",
            Event::Restorable { .. } => "restorable",
            Event::DataSize { .. } => "data_size",
            Event::Stored { .. } => "stored",
            Event::Delay { .. } => "delay",
            Event::Steady { .. } => "steady",
            Event::Capacity { .. } => "capacity",
            Event::LoadStopped { .. } => "load_stopped",
            Event::FinalRead { .. } => "final_read",
            Event::Check { .. } => "check",
            Event::SyncPoint { .. } => "sync_point",
            Event::GaveUp { .. } => "gave_up",
            Event::Paused { .. } => "paused",
            Event::EndedAfter { .. } => "ended_after",
            Event::Recalled { .. } => "recalled",
            Event::Deviation { .. } => "deviation",
            Event::Note { .. } => "note",
            Event::Closed(_) => "closed",
        }
    }
}
