//! The sections of the page, each with the words that say how its figures came to be.

use firedrill_core::event::StepEdge;
use firedrill_core::stamp::{SECOND, Stamp};
use firedrill_core::verdict::{Achieved, Finding, Loss, Outcome, Span};

use super::{chart, class, escape, latency, timeline};
use crate::figure;
use crate::{Report, words};

fn section(title: &str, body: &str) -> String {
    if body.is_empty() {
        String::new()
    } else {
        format!("<section><h2>{title}</h2>\n{body}</section>\n")
    }
}

fn list(items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: Vec<String> = items.iter().map(|item| format!("<li>{}</li>", escape(item))).collect();
    format!("<ul>{}</ul>", items.concat())
}

fn row(report: &Report<'_>, finding: &Finding) -> String {
    let outcome = figure::counts_as(report.verdict, finding);
    let source = finding
        .limit
        .as_ref()
        .map(|limit| &limit.source)
        .or(finding.source.as_ref());
    let source = source.map_or_else(String::new, |source| {
        format!(
            "<br><span class=\"soft\">{}; {}</span>",
            escape(&source.place),
            figure::status(source.status)
        )
    });
    let demanded = finding.limit.as_ref().map_or_else(
        || "<span class=\"soft\">no figure given</span>".to_owned(),
        |limit| {
            format!(
                "<b>{}</b> <span class=\"soft\">({})</span>",
                escape(&figure::limit(limit)),
                escape(&limit.text)
            )
        },
    );
    format!(
        "<tbody class=\"{}\"><tr class=\"finding\"><td><b>{}</b></td><td>{demanded}{source}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>\
         <tr class=\"why\"><td colspan=\"5\"><code>{}</code> {}</td></tr></tbody>\n",
        class(outcome),
        escape(&finding.title),
        escape(&figure::achieved(finding)),
        escape(&figure::margin(report.verdict, finding)),
        tag(outcome),
        escape(&finding.id),
        escape(&finding.because)
    )
}

fn tag(outcome: Outcome) -> String {
    format!("<span class=\"tag {}\">{}</span>", class(outcome), figure::met(outcome))
}

pub(super) fn targets(report: &Report<'_>) -> String {
    let rows: Vec<String> = report
        .verdict
        .findings
        .iter()
        .filter(|finding| !is_check(finding))
        .map(|finding| row(report, finding))
        .collect();
    if rows.is_empty() {
        return section("Targets", "<p>No target was judged.</p>");
    }
    let terms = &report.inputs.terms;
    let rto = terms.rto.as_ref().map_or_else(String::new, |rto| {
        format!(" RTO counts from {}.", figure::rto(rto.from, rto.until))
    });
    let body = format!(
        "<p class=\"soft\">Durations are plan time: while the calendar sets the pace one second of drill stands for {} of plan, while work is done for one; time for people is credited. \
         An interval is what the evidence allows: met only if its upper bound meets the target, missed only if its lower bound misses it. \
         The margin is demand less upper bound. Each interval holds {} on both sides for what the drill&#39;s own haste adds.{rto}</p>\
         <table><thead><tr><th>target</th><th>demanded, and where</th><th class=\"n\">achieved</th><th class=\"n\">margin</th><th>verdict</th></tr></thead>{}</table>",
        words(i64::from(terms.calendar_scale).saturating_mul(SECOND)),
        words(report.verdict.quantum),
        rows.concat()
    );
    section("Targets", &body)
}

fn is_check(finding: &Finding) -> bool {
    finding.coverage.is_some() || (finding.limit.is_none() && matches!(finding.achieved, Achieved::Count { .. }))
}

pub(super) fn about_plan(report: &Report<'_>) -> String {
    section("About the plan itself", &list(&report.verdict.about_plan))
}

pub(super) fn timeline(report: &Report<'_>) -> String {
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
                escape(&figure::span(&drill)),
                escape(&figure::span(&phase.plan))
            )
        })
        .collect();
    let phases = if phases.is_empty() {
        "<p>No phase was begun and ended.</p>".to_owned()
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

pub(super) fn service(report: &Report<'_>) -> String {
    let mut body = String::from(
        "<p class=\"soft\">Each bar holds the operations that were due in half a second of drill time (or in as many windows as its margin says), as clients saw them. The tier&#39;s outage is shaded from its earliest start to its latest end.</p>",
    );
    for tier in &report.series.tiers {
        body.push_str(&chart::tier(report, tier));
    }
    if report.series.tiers.is_empty() {
        body.push_str("<p>No operation of any tier was recorded.</p>");
    }
    body.push_str("<p class=\"key\"><i class=\"good\"></i>acknowledged in time<i class=\"late\"></i>acknowledged late or degraded<i class=\"error\"></i>not acknowledged<i class=\"unknown\"></i>says nothing (too few samples, a stall)<i class=\"shade\"></i>outage<br>Below: median (thin) and 99th percentile (dark) of latency; a gap where nothing was acknowledged.</p>");
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
        body.push_str(&format!("<h3>When a tier counts as served</h3><table><thead><tr><th>tier</th><th>services</th><th>answers within</th><th>errors at most</th></tr></thead><tbody>{}</tbody></table>", tiers.concat()));
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

pub(super) fn data(report: &Report<'_>) -> String {
    let mut body = String::new();
    for (component, loss) in &report.verdict.loss {
        body.push_str(&format!("<h3>{}</h3>{}", escape(component), component_rows(loss)));
    }
    if !body.is_empty() {
        body.insert_str(0, "<p class=\"soft\">Every write that clients were told is done is looked for after the recovery, one by one, in a single snapshot of the store that serves.</p>");
    }
    if let Some(tool) = figure::tool(report.verdict) {
        body.push_str(&format!(
            "<h3>Backup tool</h3><p>{} <span class=\"soft\">(drill time; shown, not judged)</span></p>",
            escape(&tool)
        ));
    }
    section("What became of the data", &body)
}

fn component_rows(loss: &Loss) -> String {
    if loss.acked == 0 {
        return "<p>No write to it was acknowledged: nothing is said about its data.</p>".to_owned();
    }
    if !figure::was_looked_up(loss) {
        return format!(
            "<p><b>Not known.</b> {} versions were acknowledged; no whole final read tells what became of them. This is not &quot;none lost&quot;.</p>",
            loss.acked
        );
    }
    let span = |span: &Option<Span>| span.as_ref().map_or_else(|| "not judged".to_owned(), figure::span);
    let rows = [
        (
            "acknowledged versions, preloaded ones included",
            loss.acked.to_string(),
            false,
        ),
        (
            "found again, or grown into what was found",
            loss.kept.to_string(),
            false,
        ),
        ("lost", loss.lost.to_string(), loss.lost > 0),
        (
            "of those, acknowledged before the strike",
            loss.lost_before_strike.to_string(),
            false,
        ),
        (
            "possibly lost and overwritten since",
            loss.possibly_lost.to_string(),
            loss.possibly_lost > 0,
        ),
        (
            "loss in plan time, not yet widened as its target is above",
            span(&loss.span),
            loss.lost > 0,
        ),
        ("of that, before the strike", span(&loss.before_strike), false),
        ("and after it", span(&loss.after_strike), false),
        (
            "indeterminate writes that took effect",
            loss.recovered.to_string(),
            false,
        ),
        (
            "holes: lost, though written before something that was kept",
            loss.holes.to_string(),
            loss.holes > 0,
        ),
        (
            "keys with content that nobody wrote",
            loss.mutated.to_string(),
            loss.mutated > 0,
        ),
        (
            "versions found that were never sent, or refused",
            loss.unexpected.to_string(),
            loss.unexpected > 0,
        ),
        ("keys found twice", loss.duplicated.to_string(), loss.duplicated > 0),
        (
            "rows whose object is lost, wrong or absent",
            loss.dangling.to_string(),
            loss.dangling > 0,
        ),
        (
            "acknowledged by a life that had been taken over",
            loss.astray.to_string(),
            loss.astray > 0,
        ),
    ];
    let rows: Vec<String> = rows
        .iter()
        .map(|(what, value, bad)| {
            let value = escape(value);
            format!(
                "<dt>{what}</dt><dd>{}</dd>",
                if *bad {
                    format!("<b class=\"bad\">{value}</b>")
                } else {
                    value
                }
            )
        })
        .collect();
    format!("<dl>{}</dl>", rows.concat())
}

pub(super) fn checks(report: &Report<'_>) -> String {
    let rows: Vec<String> = report
        .verdict
        .findings
        .iter()
        .filter(|finding| is_check(finding))
        .map(|finding| {
            let outcome = figure::counts_as(report.verdict, finding);
            let coverage = finding.coverage.map_or_else(|| "not counted".to_owned(), |coverage| figure::coverage(&coverage));
            format!(
                "<tbody class=\"{}\"><tr class=\"finding\"><td><b>{}</b></td><td>{}</td><td class=\"n\">{}</td><td>{}</td></tr>\
                 <tr class=\"why\"><td colspan=\"4\"><code>{}</code> {}</td></tr></tbody>\n",
                class(outcome),
                escape(&finding.title),
                escape(&coverage),
                escape(&figure::achieved(finding)),
                tag(outcome),
                escape(&finding.id),
                escape(&finding.because)
            )
        })
        .collect();
    if rows.is_empty() {
        return section("Integrity", "<p>No integrity check was judged.</p>");
    }
    section(
        "Integrity",
        &format!(
            "<table><thead><tr><th>check</th><th>looked at</th><th class=\"n\">found</th><th>verdict</th></tr></thead>{}</table>",
            rows.concat()
        ),
    )
}

pub(super) fn faults(report: &Report<'_>) -> String {
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
    if rows.is_empty() {
        return section("What was broken", "<p>Nothing was broken.</p>");
    }
    section(
        "What was broken",
        &format!(
            "<table><thead><tr><th>fault</th><th>what was done and seen</th><th class=\"n\">invoked</th><th class=\"n\">proved by a probe</th><th>held until recovery began</th></tr></thead><tbody>{}</tbody></table><p class=\"soft\">Drill time since {since}.</p>",
            rows.concat()
        ),
    )
}

pub(super) fn steps(report: &Report<'_>) -> String {
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

pub(super) fn stand_ins(report: &Report<'_>) -> String {
    let rows: Vec<String> = report
        .verdict
        .stand_ins
        .iter()
        .map(|stand_in| {
            format!(
                "<tr><td>{}</td><td>{}</td></tr>",
                escape(&stand_in.planned),
                escape(&stand_in.drilled)
            )
        })
        .collect();
    let table = format!(
        "<table><thead><tr><th>in the plan</th><th>in this drill</th></tr></thead><tbody>{}</tbody></table>",
        rows.concat()
    );
    section(
        "What stood in for what",
        if rows.is_empty() {
            "<p>Nothing is recorded as standing in for something else.</p>"
        } else {
            &table
        },
    )
}

pub(super) fn limits(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let mut body = String::new();
    if !verdict.assumptions.is_empty() {
        body.push_str(&format!(
            "<h3>Assumed, since the plan is silent</h3>{}",
            list(&verdict.assumptions)
        ));
    }
    let not_covered = if verdict.not_covered.is_empty() {
        "<p>The drill lists nothing.</p>".to_owned()
    } else {
        list(&verdict.not_covered)
    };
    body.push_str(&format!("<h3>Not covered</h3>{not_covered}"));
    if !verdict.deviations.is_empty() {
        let rows: Vec<String> = verdict
            .deviations
            .iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        body.push_str(&format!(
            "<h3>Settings that touch durability and deviate</h3>{}",
            list(&rows)
        ));
    }
    let stalls = verdict.stalls.len();
    body.push_str(&format!(
        "<h3>The harness itself</h3><p>It stalled {stalls} {} (a gap of more than 250 ms in its own pulse); every stamp that a stall touches is widened by it. \
         Schedules and choices follow from the seed; how the operating system interleaved the processes does not, and is not reproduced by running again.</p>",
        if stalls == 1 { "time" } else { "times" }
    ));
    section("What was not covered, and what is assumed", &body)
}

pub(super) fn provenance(report: &Report<'_>) -> String {
    let inputs = report.inputs;
    let mut rows = vec![
        (
            "plan".to_owned(),
            format!("{} (SHA-256 {})", inputs.plan.name, inputs.plan.sha256),
        ),
        (
            "scenario".to_owned(),
            format!("{} (SHA-256 {})", inputs.scenario.name, inputs.scenario.sha256),
        ),
        ("seed".to_owned(), inputs.seed.to_string()),
        ("environment".to_owned(), inputs.environment.clone()),
        ("recorded by".to_owned(), report.verdict.program.clone()),
        (
            "definitions".to_owned(),
            format!("version {}", report.verdict.definitions),
        ),
    ];
    rows.extend(
        inputs
            .versions
            .iter()
            .map(|(name, version)| (format!("version of {name}"), version.clone())),
    );
    rows.extend(
        inputs
            .settings
            .iter()
            .map(|(name, value)| (format!("set for this run: {name}"), value.clone())),
    );
    let rows: Vec<String> = rows
        .iter()
        .map(|(what, value)| format!("<dt>{}</dt><dd>{}</dd>", escape(what), escape(value)))
        .collect();
    let body = format!(
        "<dl>{}</dl><p>Judge it again from the evidence beside this page: <code>firedrill judge {}</code>. It refuses evidence of which a byte was changed. \
         The chain of digests proves that the evidence is whole; it does not prove who wrote it.</p>",
        rows.concat(),
        escape(&report.verdict.run)
    );
    section("Where this is from, and how to judge it again", &body)
}
