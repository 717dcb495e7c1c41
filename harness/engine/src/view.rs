//! The live view: what the drill is doing, told from the history as it is written. It only consumes events; a run
//! without a terminal gets the same story as plain lines.

use std::io::{IsTerminal, Write as _};
use std::sync::Arc;
use std::time::Duration;

use firedrill_core::PlanClock;
use firedrill_core::clock::{Credit, Rate};
use firedrill_core::event::{CheckOutcome, Edge, Event, FaultEdge, Phase, StepEdge};
use firedrill_core::stamp::{Nanos, SECOND, Stamp};

use firedrill_load::{Live, now};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use crate::fault::own::PROVED_BY;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Nothing.
    Quiet,
    /// The phases, faults, alerts, steps.
    Story,
    /// Every event.
    Everything,
}

/// Says a line on standard error. Never panics as `eprintln!` does where the terminal was closed: a drill that is ending
/// must come to its end.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Where the numbers of the load come from, once it runs.
pub type LiveSource = Arc<dyn Fn() -> Option<Live> + Send + Sync>;

/// Says lines while a view is drawn, without spoiling it.
pub type Announce = Arc<dyn Fn(&str) + Send + Sync>;

/// Starts to tell; also returns a way to say more in between. The task ends when the history is closed.
pub fn tell(
    telling: Telling,
    mut events: UnboundedReceiver<(Stamp, Event)>,
    live: LiveSource,
) -> (JoinHandle<()>, Announce) {
    let terminal = telling != Telling::Quiet && std::io::stderr().is_terminal();
    let mut view = View {
        telling,
        bar: if terminal { spinner() } else { ProgressBar::hidden() },
        terminal,
        start: now(),
        phase: None,
        rates: Vec::new(),
        credits: Vec::new(),
        struck: None,
        released: false,
    };
    let bar = view.bar.clone();
    let announce: Announce = Arc::new(move |text| {
        if terminal {
            bar.suspend(|| say(text));
        } else {
            say(text);
        }
    });
    let task = tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(250));
        let mut ticks = 0_u64;
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some((stamp, event)) => view.event(stamp, &event),
                    None => break,
                },
                _ = tick.tick() => {
                    ticks += 1;
                    view.tick(live(), ticks);
                }
            }
        }
        view.bar.finish_and_clear();
    });
    (task, announce)
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.set_style(
        ProgressStyle::with_template("{spinner} {prefix:.bold} {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

struct View {
    telling: Telling,
    bar: ProgressBar,
    terminal: bool,
    start: Nanos,
    phase: Option<Phase>,
    rates: Vec<Rate>,
    credits: Vec<Credit>,
    struck: Option<Nanos>,
    released: bool,
}

impl View {
    fn event(&mut self, stamp: Stamp, event: &Event) {
        match event {
            Event::Rate { rate } => self.rates.push(Rate {
                from: stamp.early,
                rate: *rate,
            }),
            Event::Credit { plan, .. } => self.credits.push(Credit {
                at: stamp.early,
                plan: *plan,
            }),
            Event::Phase {
                phase,
                edge: Edge::Begun,
            } => {
                self.phase = Some(*phase);
                self.bar.set_prefix(phase.name());
            }
            Event::Fault {
                strikes: true,
                edge: FaultEdge::Invoked,
                ..
            } => self.struck = Some(stamp.early),
            Event::Fault {
                edge: FaultEdge::Healed,
                ..
            } => self.released = true,
            _ => {}
        }
        if self.telling == Telling::Quiet {
            return;
        }
        if let Some(line) = story(event) {
            self.line(stamp.late, &line);
        } else if self.telling == Telling::Everything {
            let text = serde_json::to_string(event).unwrap_or_default();
            self.line(stamp.late, &text);
        }
    }

    fn line(&self, at: Nanos, line: &str) {
        let drill = (at - self.start).max(0);
        let text = format!("{:>3}.{:01} s  {line}", drill / SECOND, drill % SECOND / (SECOND / 10));
        if self.terminal {
            self.bar.println(text);
        } else {
            say(&text);
        }
    }

    /// The running line: load, errors, and the outage as the plan's clock counts it.
    fn tick(&mut self, live: Option<Live>, ticks: u64) {
        if self.telling == Telling::Quiet {
            return;
        }
        let mut parts = Vec::new();
        if let Some(live) = live {
            let acked: u64 = live.tiers.iter().map(|tier| tier.acked_per_second).sum();
            let errors: u64 = live.tiers.iter().map(|tier| tier.errors_per_second).sum();
            let p99 = live.tiers.iter().map(|tier| tier.p99).max().unwrap_or(0);
            parts.push(format!("{acked} op/s"));
            parts.push(format!("{errors} errors/s"));
            parts.push(format!("p99 {}", words(i64::try_from(p99).unwrap_or(i64::MAX))));
        }
        if let Some(struck) = self.struck.filter(|_| !self.released) {
            let clock = PlanClock::new(self.rates.clone(), self.credits.clone());
            let since = clock.plan_at(now()) - clock.plan_at(struck);
            parts.push(format!("{} since the strike on the plan clock", words(clamp(since))));
        }
        let message = parts.join("  ");
        if self.terminal {
            self.bar.set_message(message);
        } else if ticks.is_multiple_of(20) && !message.is_empty() {
            self.line(now(), &format!("        {message}"));
        }
    }
}

fn words(nanos: Nanos) -> String {
    firedrill_core::judge::duration::words(i128::from(nanos))
}

fn clamp(value: i128) -> Nanos {
    Nanos::try_from(value.max(0)).unwrap_or(Nanos::MAX)
}

/// What people want to read of the history while it happens.
fn story(event: &Event) -> Option<String> {
    Some(match event {
        Event::Phase {
            phase,
            edge: Edge::Begun,
        } => format!("{:<9}{}", phase.name(), phase_says(*phase)),
        Event::Fault {
            name,
            edge: FaultEdge::Invoked,
            ..
        } => format!("fault    {name}"),
        Event::Fault {
            name,
            edge: FaultEdge::Proved,
            detail,
            ..
        } => {
            let by = detail.get(PROVED_BY).map_or("the harness's own probe", String::as_str);
            format!("fault    {name}: proved by {by}")
        }
        Event::Fault {
            name,
            edge: FaultEdge::NotProved,
            ..
        } => format!("fault    {name}: NOT proved"),
        Event::Fault {
            name,
            edge: FaultEdge::NotHolding,
            ..
        } => format!("fault    {name}: no longer holds"),
        Event::Alert {
            rule,
            kind,
            raised: true,
            ..
        } => format!("alert    {rule} ({kind})"),
        Event::Rate { rate: 1 } => {
            "clock    times are of the drill; from here the plan's clock keeps their pace".into()
        }
        Event::Rate { rate } => format!("clock    from here the plan's clock runs {rate} times as fast"),
        Event::Credit { plan, what } => format!("credit   {} for people: {what}", words(*plan)),
        Event::OrderedByHarness {} => "alert    none came; the harness orders the recovery".into(),
        Event::Declared { who } => format!("declared by {who}"),
        Event::RecoveryTarget { rule, value, .. } => format!("target   {rule}: {value}"),
        Event::Step {
            name,
            action,
            edge: StepEdge::Begun,
            ..
        } => format!("step     {name}: {action}"),
        Event::Step {
            name,
            edge: StepEdge::Failed,
            detail,
            ..
        } => format!("step     {name} failed: {detail}"),
        Event::Step {
            name,
            edge: StepEdge::TimedOut,
            detail,
            ..
        } => format!("step     {name} ran out of time: {detail}"),
        Event::Step {
            name,
            edge: StepEdge::Skipped,
            ..
        } => format!("step     {name} skipped"),
        Event::Takeover { component, .. } => format!("takeover {component} lives again"),
        Event::Check {
            name, outcome, detail, ..
        } => {
            let word = match outcome {
                CheckOutcome::Passed => "passed",
                CheckOutcome::Failed => "FAILED",
                CheckOutcome::NotRun => "tells nothing",
            };
            format!("check    {name} {word}: {detail}")
        }
        Event::Steady { held: false, why } => format!("steady   state did not hold: {why}"),
        Event::GaveUp { why } => format!("gave up  {why}"),
        Event::Paused {
            after,
            edge: Edge::Begun,
        } => format!("paused   after {}", after.name()),
        Event::Paused { edge: Edge::Ended, .. } => "paused   no longer: the drill goes on".into(),
        Event::EndedAfter { phase } => format!("ending   after {}, as asked", phase.name()),
        Event::Recalled { run, values } => format!("replay   {} recorded values of {run}", values.len()),
        Event::DataSize { component, bytes } => format!("data     {component}: {} MiB", bytes.div_ceil(1 << 20)),
        Event::Note { text } => format!("note     {text}"),
        _ => return None,
    })
}

fn phase_says(phase: Phase) -> &'static str {
    match phase {
        Phase::Prepare => "bring the systems up, load data, take the backups the plan would have",
        Phase::Steady => "load and probes run; the steady state must hold",
        Phase::Disrupt => "break it, and prove that it is broken",
        Phase::Detect => "wait for the plan's own monitor to notice",
        Phase::Decide => "the plan's allowance for people",
        Phase::Recover => "the plan's procedure runs",
        Phase::Validate => "stability, final read, integrity checks",
        Phase::Failback => "back home",
        Phase::Conclude => "heal, stop, seal the evidence, judge",
    }
}
