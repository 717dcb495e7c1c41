//! The course of the drill: phases, service as clients had it, faults with their proofs, steps of the procedure.

use firedrill_core::event::StepEdge;
use firedrill_core::stamp::Stamp;
use firedrill_core::verdict::Span;

use super::super::{chart, escape, latency, timeline};
use super::{list, section};
use crate::figure;
use crate::{Report, alert, words};

pub(in crate::html) fn timeline(report: &Report<'_>) -> String {
    let (origin, since) = figure::origin(report.verdict);
    let moments: Vec<String> = figure::moments(report.verdict)
        .into_iter()
        .map(|(name, what, stamp)| {
            let (early, late) = stamp.map_or_else(
                || ("never".to_owned(), "never".to_owned()),
                |stamp| figure::edges(origin, stamp),
            );
            format!(
                "<tr><td><b>{}</b></td><td>{what}</td><td class=\"n\">{early}</td><td class=\"n\">{late}</td></tr>",
                escape(&name)
            )
        })
        .collect();
    let phases: Vec<String> = report
        .verdict
        .phases
        .iter()
        .map(|phase| {
            let shortest = phase.until.early.saturating_sub(phase.from.late).max(0);
            let drill = Span {
                lower: shortest,
                upper: Some(phase.until.late.saturating_sub(phase.from.early)),
            };
            format!(
                "<tr><td><b>{}</b></td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                escape(&phase.name),
                figure::phase(&phase.name),
                if figure::has_length(phase) {
                    escape(&figure::span(&drill))
                } else {
                    "-".to_owned()
                },
                escape(&figure::phase_length(phase))
            )
        })
        .collect();
    let phases = if phases.is_empty() {
        "<p>No phase could be measured: none of them has both its moments.</p>".to_owned()
    } else {
        format!(
            "<table><thead><tr><th>phase</th><th>between</th><th class=\"n\">drill time</th><th class=\"n\">plan time</th></tr></thead><tbody>{}</tbody></table>",
            phases.concat()
        )
    };
    let body = format!(
        "{}<h3>Phases</h3>{phases}\
         <h3>Moments</h3><table class=\"moments\"><thead><tr><th>moment</th><th>what it says</th><th class=\"n\">not before, s</th><th class=\"n\">not after, s</th></tr></thead><tbody>{}</tbody></table>\
         <p class=\"soft\">Seconds of drill time since {since}. Both edges are what the evidence holds, rounded outwards to the millisecond.</p>",
        timeline::timeline(report),
        moments.concat()
    );
    section("What happened when", &body)
}

pub(in crate::html) fn alerts(report: &Report<'_>) -> String {
    let rows: Vec<String> = alert::rows(report.verdict)
        .iter()
        .map(|[name, raised, cleared, counts]| {
            format!(
                "<tr><td><b>{}</b></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
                escape(name),
                escape(raised),
                escape(cleared),
                escape(counts)
            )
        })
        .collect();
    if rows.is_empty() {
        return section("Alerts of the plan&#39;s monitor", "<p>It raised none.</p>");
    }
    let [name, raised, cleared, counts] = alert::COLUMNS;
    let (_, since) = figure::origin(report.verdict);
    section(
        "Alerts of the plan&#39;s monitor",
        &format!(
            "<table><thead><tr><th>{name}</th><th class=\"n\">{raised}</th><th class=\"n\">{cleared}</th><th>{counts}</th></tr></thead><tbody>{}</tbody></table><p class=\"soft\">Drill time since {since}.</p>",
            rows.concat()
        ),
    )
}

pub(in crate::html) fn service(report: &Report<'_>) -> String {
    let mut body = String::from(
        "<p class=\"soft\">Each bar holds the operations that were due in half a second of drill time (or in as many windows as its margin says), as clients saw them. The tier&#39;s outage is shaded from its earliest start to its latest end.</p>",
    );
    for tier in &report.series.tiers {
        body.push_str(&chart::tier(report, tier));
    }
    if report.series.tiers.is_empty() {
        body.push_str("<p>No operation of any tier was recorded.</p>");
    }
    body.push_str("<p class=\"key\"><i class=\"good\"></i>acknowledged in time<i class=\"queued\"></i>acknowledged in time by a durable queue, not by the database<i class=\"late\"></i>acknowledged late or degraded<i class=\"error\"></i>not acknowledged<i class=\"unknown\"></i>says nothing (too few samples, a stall)<i class=\"shade\"></i>outage<br>Below: median (thin) and 99th percentile (dark) of latency; a gap where nothing was acknowledged.</p>");
    for finding in &report.verdict.findings {
        if let Some(queue) = figure::queued(finding) {
            body.push_str(&format!("<p><b>{}</b>: {}.</p>", escape(&finding.title), escape(queue)));
        }
    }
    if let Some(outage) = figure::outage(report.verdict) {
        body.push_str(&format!("<p><b>Outage: {}.</b></p>", escape(&outage)));
    }
    let tiers: Vec<String> = report.inputs.terms.tiers.iter().map(|tier| {
        let thresholds = &tier.thresholds;
        format!(
            "<tr><td>tier&nbsp;{}</td><td>{}</td><td>{} <span class=\"soft\">({}; {})</span></td><td>{} % <span class=\"soft\">({}; {})</span></td></tr>",
            tier.level,
            escape(&tier.services.join(", ")),
            escape(&words(thresholds.response)),
            escape(&thresholds.response_source.place),
            figure::status(thresholds.response_source.status),
            format!("{}.{:04}", thresholds.errors_ppm / 10_000, thresholds.errors_ppm % 10_000).trim_end_matches('0').trim_end_matches('.'),
            escape(&thresholds.errors_source.place),
            figure::status(thresholds.errors_source.status)
        )
    }).collect();
    if !tiers.is_empty() {
        body.push_str(&format!("<h3>When a tier counts as served</h3><table><thead><tr><th>tier</th><th>services</th><th>answers within</th><th>errors at most</th></tr></thead><tbody>{}</tbody></table>{}", tiers.concat(), rules(report)));
    }
    body.push_str(&latency::table(report));
    let rows: Vec<String> = report
        .verdict
        .services
        .iter()
        .map(|(name, tally)| tally_row(name, tally))
        .chain([tally_row("all", &report.verdict.tally)])
        .collect();
    body.push_str(&format!(
        "<h3>Operations</h3><table><thead><tr><th>service</th><th class=\"n\">scheduled</th><th class=\"n\">acknowledged</th><th class=\"n\">refused</th><th class=\"n\">indeterminate</th><th class=\"n\">not sent</th></tr></thead><tbody>{}</tbody></table>\
         <p class=\"soft\">Refused: proved not applied. Indeterminate: neither acknowledged nor proved not applied. Not sent: no connection was free. Preloaded rows and capacity ramps are left out.</p>",
        rows.concat()
    ));
    if !report.verdict.capacity.is_empty() {
        let ramps: Vec<String> = report
            .verdict
            .capacity
            .iter()
            .map(|rate| format!("{rate} operations per second"))
            .collect();
        body.push_str(&format!("<h3>Capacity, ramp by ramp</h3>{}", list(&ramps)));
    }
    section("Service as its clients saw it", &body)
}

/// What makes a window good and a tier restored, in words.
fn rules(report: &Report<'_>) -> String {
    format!(
        "<p class=\"soft\">A window of half a second holds what was due in it. It says something where that is at least 20 operations and the harness was awake. \
         It is served if the share answered in time is at least 95 % of the share while the state was steady, errors and the slowest 1 % are within the thresholds above, and no answer was degraded; \
         what rests on one or two operations is judged with the windows around it. What a durable queue acknowledged counts if the final read finds its entry. \
         A tier is restored from the first instant that a whole stability window of {} of drill time without a miss follows, and once a write that the serving life acknowledged after the strike was read back from it. \
         The rest stands in <code>docs/definitions.md</code>, version {}.</p>",
        escape(&words(report.inputs.terms.stability)),
        report.verdict.definitions
    )
}

fn tally_row(name: &str, tally: &firedrill_core::verdict::Tally) -> String {
    format!(
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
        escape(name),
        tally.scheduled,
        tally.acked,
        tally.refused,
        tally.indeterminate,
        tally.not_sent
    )
}

pub(in crate::html) fn faults(report: &Report<'_>) -> String {
    let (origin, since) = figure::origin(report.verdict);
    let rows: Vec<String> = report
        .verdict
        .faults
        .iter()
        .map(|fault| {
            let detail: Vec<String> =
                fault.detail.iter().map(|(key, value)| format!("{}: {}", escape(key), escape(value))).collect();
            let at = |stamp: Option<Stamp>, never: &str| {
                stamp.map_or_else(|| format!("<b class=\"bad\">{never}</b>"), |stamp| escape(&figure::since(origin, stamp)))
            };
            let held = match fault.held_until_recovery {
                Some(true) => "yes",
                Some(false) => "<b class=\"bad\">NO</b>",
                None => "not looked",
            };
            format!(
                "<tr><td><b>{}</b><br><span class=\"soft\">{}</span></td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{held}</td></tr>",
                escape(&fault.name),
                if fault.strikes { "strikes" } else { "a condition" },
                detail.join("<br>"),
                at(fault.invoked, "never"),
                at(fault.proved, "NOT PROVED")
            )
        })
        .collect();
    let twin = figure::twin(report.verdict).map_or_else(String::new, |twin| format!("<p>{}</p>", escape(&twin)));
    if rows.is_empty() {
        return section("What was broken", &format!("{twin}<p>Nothing was broken.</p>"));
    }
    section(
        "What was broken",
        &format!(
            "{twin}<table><thead><tr><th>fault</th><th>what was done and seen</th><th class=\"n\">invoked</th><th class=\"n\">proved by a probe</th><th>held until recovery began</th></tr></thead><tbody>{}</tbody></table><p class=\"soft\">Drill time since {since}.</p>",
            rows.concat()
        ),
    )
}

pub(in crate::html) fn steps(report: &Report<'_>) -> String {
    let (origin, since) = figure::origin(report.verdict);
    let rows: Vec<String> = report
        .verdict
        .steps
        .iter()
        .map(|step| {
            let took = match (step.begun, step.ended) {
                (Some(begun), Some(ended)) => words(ended.late.saturating_sub(begun.early)),
                _ => String::new(),
            };
            let detail = if step.detail.is_empty() { String::new() } else { format!("<br><span class=\"soft\">{}</span>", escape(&step.detail)) };
            let ended = figure::step(step.outcome);
            format!(
                "<tr><td><b>{}</b></td><td>{}{detail}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
                escape(&step.name),
                escape(&step.action),
                escape(&step.begun.map_or_else(|| "never".to_owned(), |begun| figure::since(origin, begun))),
                escape(&took),
                if step.outcome == StepEdge::Done { ended.to_owned() } else { format!("<b class=\"bad\">{ended}</b>") }
            )
        })
        .collect();
    if rows.is_empty() {
        return section("The procedure", "<p>No step of a procedure was recorded.</p>");
    }
    section(
        "The procedure",
        &format!(
            "<table><thead><tr><th>step</th><th>what it did, and said</th><th class=\"n\">began</th><th class=\"n\">took at most</th><th>ended</th></tr></thead><tbody>{}</tbody></table><p class=\"soft\">Drill time since {since}.</p>",
            rows.concat()
        ),
    )
}
