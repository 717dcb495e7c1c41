//! The sections of the page, each with the words that say how its figures came to be.

use firedrill_core::verdict::{Achieved, Finding};

use super::{chart, class, escape};
use crate::figure;
use crate::{Report, words};

fn section(title: &str, body: &str) -> String {
    if body.is_empty() { String::new() } else { format!("<section><h2>{title}</h2>\n{body}</section>\n") }
}

fn list(items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: Vec<String> = items.iter().map(|item| format!("<li>{}</li>", escape(item))).collect();
    format!("<ul>{}</ul>", items.concat())
}

fn row(finding: &Finding) -> String {
    let source = finding.limit.as_ref().map(|limit| &limit.source).or(finding.source.as_ref());
    let source = source.map_or_else(String::new, |source| {
        format!(" <span class=\"soft\">({}; {})</span>", escape(&source.place), figure::status(source.status))
    });
    format!(
        "<tr class=\"finding\"><td><b>{}</b></td><td>{}{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td><span class=\"tag {}\">{}</span></td></tr>\
         <tr class=\"why\"><td colspan=\"5\"><code>{}</code> {}</td></tr>\n",
        escape(&finding.title),
        escape(&finding.limit.as_ref().map(|limit| format!("{} ({})", figure::limit(limit), limit.text)).unwrap_or_default()),
        source,
        escape(&figure::achieved(finding)),
        escape(&figure::margin(finding)),
        class(finding.outcome),
        figure::met(finding.outcome),
        escape(&finding.id),
        escape(&finding.because)
    )
}

pub(super) fn targets(report: &Report<'_>) -> String {
    let rows: Vec<String> = report.verdict.findings.iter().filter(|finding| !is_check(finding)).map(row).collect();
    let body = format!(
        "<p class=\"soft\">Durations are plan time: the drill&#39;s clock, sped up while the calendar sets the pace and with time for people credited. \
         An interval is what the evidence allows; a target is met only if the upper bound meets it, missed only if the lower bound misses it. \
         Every interval is widened by {} on both sides, what the drill&#39;s own haste adds.</p>\
         <table><thead><tr><th>target</th><th>demanded</th><th class=\"n\">achieved</th><th class=\"n\">margin</th><th>verdict</th></tr></thead><tbody>{}</tbody></table>",
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
    let origin = figure::origin(report.verdict);
    let moments: Vec<String> = figure::moments(report.verdict)
        .into_iter()
        .map(|(name, stamp)| {
            let (at, width) = match stamp {
                Some(stamp) => (figure::since(origin, stamp), words(stamp.late - stamp.early)),
                None => ("never".to_owned(), String::new()),
            };
            format!("<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>", escape(&name), escape(&at), escape(&width))
        })
        .collect();
    let phases: Vec<String> = report
        .verdict
        .phases
        .iter()
        .map(|phase| {
            format!(
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                escape(&phase.name),
                escape(&words(phase.until.late - phase.from.early)),
                escape(&figure::span(&phase.plan))
            )
        })
        .collect();
    let body = format!(
        "{}<h3>Phases</h3><table><thead><tr><th>phase</th><th class=\"n\">drill time, at most</th><th class=\"n\">plan time</th></tr></thead><tbody>{}</tbody></table>\
         <h3>Moments</h3><table><thead><tr><th>moment</th><th class=\"n\">drill time since the strike</th><th class=\"n\">known to within</th></tr></thead><tbody>{}</tbody></table>",
        chart::phases(report),
        phases.concat(),
        moments.concat()
    );
    section("What happened when", &body)
}

pub(super) fn service(report: &Report<'_>) -> String {
    let mut body = String::from(
        "<p class=\"soft\">Each bar is half a second of drill time as clients saw it, counted from when an operation was due, not from when it was sent. The outage is shaded.</p>",
    );
    for tier in &report.series.tiers {
        body.push_str(&chart::tier(report, tier));
    }
    body.push_str("<p class=\"key\"><i style=\"background:#2b6cb0\"></i>acknowledged in time<i style=\"background:#a8201a\"></i>not acknowledged<i style=\"background:#f6d9d6\"></i>outage of the tier; the line is the 99th percentile of latency</p>");
    if let Some(outage) = &report.verdict.outage {
        let share = report.verdict.budget_permille.map_or_else(String::new, |permille| {
            format!(", {}.{} % of what the plan allows in a year", permille / 10, permille % 10)
        });
        body.push_str(&format!("<p>Outage: {} of plan time{share}.</p>", escape(&figure::span(outage))));
    }
    let rows: Vec<String> = report
        .verdict
        .services
        .iter()
        .map(|(name, tally)| tally_row(name, tally))
        .chain([tally_row("all", &report.verdict.tally)])
        .collect();
    body.push_str(&format!(
        "<h3>Operations</h3><table><thead><tr><th>service</th><th class=\"n\">scheduled</th><th class=\"n\">acknowledged</th><th class=\"n\">refused</th><th class=\"n\">indeterminate</th><th class=\"n\">not sent</th></tr></thead><tbody>{}</tbody></table>\
         <p class=\"soft\">Refused is proved not applied. Indeterminate is everything that neither was acknowledged nor is proved not applied. Clients do not retry.</p>",
        rows.concat()
    ));
    section("Service as its clients saw it", &body)
}

fn tally_row(name: &str, tally: &firedrill_core::verdict::Tally) -> String {
    format!(
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
        escape(name), tally.scheduled, tally.acked, tally.refused, tally.indeterminate, tally.not_sent
    )
}

pub(super) fn data(report: &Report<'_>) -> String {
    let mut body = String::new();
    for (component, loss) in &report.verdict.loss {
        let span = |span: &Option<firedrill_core::verdict::Span>| span.as_ref().map_or_else(|| "not judged".to_owned(), figure::span);
        let rows = [
            ("acknowledged versions, preloaded ones included", loss.acked.to_string()),
            ("found again, or grown into what was found", loss.kept.to_string()),
            ("lost", loss.lost.to_string()),
            ("of those, acknowledged before the strike", loss.lost_before_strike.to_string()),
            ("possibly lost and overwritten since", loss.possibly_lost.to_string()),
            ("loss in plan time", span(&loss.span)),
            ("of that, before the strike", span(&loss.before_strike)),
            ("and after it", span(&loss.after_strike)),
            ("indeterminate writes that took effect", loss.recovered.to_string()),
            ("holes: lost, though written before something that was kept", loss.holes.to_string()),
            ("keys with content that nobody wrote", loss.mutated.to_string()),
            ("versions found that were never acknowledged nor possible", loss.unexpected.to_string()),
            ("keys found twice", loss.duplicated.to_string()),
            ("rows whose object is lost or wrong", loss.dangling.to_string()),
            ("acknowledged by a life that had been taken over", loss.astray.to_string()),
        ];
        let rows: Vec<String> =
            rows.iter().map(|(what, value)| format!("<dt>{what}</dt><dd>{}</dd>", escape(value))).collect();
        body.push_str(&format!("<h3>{}</h3><dl>{}</dl>", escape(component), rows.concat()));
    }
    if !body.is_empty() {
        body.insert_str(0, "<p class=\"soft\">Every write that clients were told is done was looked for after the recovery, one by one, in a single snapshot of the database that serves.</p>");
    }
    section("What became of the data", &body)
}

pub(super) fn checks(report: &Report<'_>) -> String {
    let rows: Vec<String> = report
        .verdict
        .findings
        .iter()
        .filter(|finding| is_check(finding))
        .map(|finding| {
            let coverage = finding.coverage.map_or_else(String::new, |coverage| {
                format!("{} relations, {} rows, {} bytes", coverage.relations, coverage.rows, coverage.bytes)
            });
            format!(
                "<tr class=\"finding\"><td><b>{}</b></td><td>{}</td><td><span class=\"tag {}\">{}</span></td></tr><tr class=\"why\"><td colspan=\"3\"><code>{}</code> {}</td></tr>",
                escape(&finding.title), coverage, class(finding.outcome), figure::met(finding.outcome), escape(&finding.id), escape(&finding.because)
            )
        })
        .collect();
    if rows.is_empty() {
        return section("Integrity", "<p>No integrity check was judged.</p>");
    }
    section("Integrity", &format!("<table><thead><tr><th>check</th><th>looked at</th><th>verdict</th></tr></thead><tbody>{}</tbody></table>", rows.concat()))
}

pub(super) fn faults(report: &Report<'_>) -> String {
    let rows: Vec<String> = report
        .verdict
        .faults
        .iter()
        .map(|fault| {
            let detail: Vec<String> = fault.detail.iter().map(|(key, value)| format!("{}: {}", escape(key), escape(value))).collect();
            let held = match fault.held_until_recovery {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "not looked",
            };
            format!(
                "<tr><td><b>{}</b>{}</td><td>{}</td><td>{}</td><td>{held}</td></tr>",
                escape(&fault.name),
                if fault.strikes { " (strikes)" } else { " (condition)" },
                detail.join("<br>"),
                if fault.proved.is_some() { "yes" } else { "NO" }
            )
        })
        .collect();
    let table = format!("<table><thead><tr><th>fault</th><th>what was done and seen</th><th>proved</th><th>held until recovery began</th></tr></thead><tbody>{}</tbody></table>", rows.concat());
    section("What was broken", if rows.is_empty() { "" } else { &table })
}

pub(super) fn steps(report: &Report<'_>) -> String {
    let origin = figure::origin(report.verdict);
    let rows: Vec<String> = report
        .verdict
        .steps
        .iter()
        .map(|step| {
            let took = match (step.begun, step.ended) {
                (Some(begun), Some(ended)) => words(ended.late - begun.early),
                _ => String::new(),
            };
            format!(
                "<tr><td><b>{}</b></td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
                escape(&step.name),
                escape(if step.detail.is_empty() { &step.action } else { &step.detail }),
                escape(&step.begun.map(|begun| figure::since(origin, begun)).unwrap_or_default()),
                escape(&took),
                figure::step(step.outcome)
            )
        })
        .collect();
    if rows.is_empty() {
        return section("The procedure", "<p>The procedure had no step.</p>");
    }
    section("The procedure", &format!("<table><thead><tr><th>step</th><th>what it did</th><th class=\"n\">began</th><th class=\"n\">took</th><th>ended</th></tr></thead><tbody>{}</tbody></table>", rows.concat()))
}

pub(super) fn stand_ins(report: &Report<'_>) -> String {
    let rows: Vec<String> = report
        .verdict
        .stand_ins
        .iter()
        .map(|stand_in| format!("<tr><td>{}</td><td>{}</td></tr>", escape(&stand_in.planned), escape(&stand_in.drilled)))
        .collect();
    let table = format!("<table><thead><tr><th>in the plan</th><th>in this drill</th></tr></thead><tbody>{}</tbody></table>", rows.concat());
    section("What stood in for what", if rows.is_empty() { "" } else { &table })
}

pub(super) fn limits(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let mut body = String::new();
    if !verdict.assumptions.is_empty() {
        body.push_str(&format!("<h3>Assumed, since the plan is silent</h3>{}", list(&verdict.assumptions)));
    }
    if !verdict.not_covered.is_empty() {
        body.push_str(&format!("<h3>Not covered</h3>{}", list(&verdict.not_covered)));
    }
    if !verdict.deviations.is_empty() {
        let rows: Vec<String> = verdict.deviations.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        body.push_str(&format!("<h3>Settings that touch durability and deviate</h3>{}", list(&rows)));
    }
    let stalls = verdict.stalls.len();
    body.push_str(&format!(
        "<h3>The harness itself</h3><p>It stalled {stalls} times (a gap of more than 250 ms in its own pulse); every stamp that a stall touches is widened by it. \
         Schedules and choices follow from the seed; how the operating system interleaved the processes does not, and is not reproduced by running again.</p>"
    ));
    section("What this drill does not say", &body)
}

pub(super) fn provenance(report: &Report<'_>) -> String {
    let inputs = report.inputs;
    let mut rows = vec![
        ("plan".to_owned(), format!("{} (SHA-256 {})", inputs.plan.name, inputs.plan.sha256)),
        ("scenario".to_owned(), format!("{} (SHA-256 {})", inputs.scenario.name, inputs.scenario.sha256)),
        ("seed".to_owned(), inputs.seed.to_string()),
        ("environment".to_owned(), inputs.environment.clone()),
        ("recorded by".to_owned(), report.verdict.program.clone()),
        ("definitions".to_owned(), format!("version {}", report.verdict.definitions)),
    ];
    rows.extend(inputs.versions.iter().map(|(name, version)| (name.clone(), version.clone())));
    rows.extend(inputs.settings.iter().map(|(name, value)| (name.clone(), value.clone())));
    let rows: Vec<String> =
        rows.iter().map(|(what, value)| format!("<dt>{}</dt><dd>{}</dd>", escape(what), escape(value))).collect();
    let body = format!(
        "<dl>{}</dl><p>Judge it again from the evidence beside this page: <code>firedrill judge {}</code>. It refuses evidence of which a byte was changed. \
         The chain of digests proves that the evidence is whole; it does not prove who wrote it.</p>",
        rows.concat(),
        escape(&inputs.run)
    );
    section("Where this is from, and how to judge it again", &body)
}
