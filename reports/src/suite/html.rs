//! A suite as one self-contained page: no script, nothing loaded from elsewhere.

use firedrill_core::suite::SuiteRun;

use super::{achieved, beside, caveats, counted, exit, headline, limits, not_drilled, row, shade, title};
use crate::figure;
use crate::html::{class, escape, head};

/// Renders the page.
#[must_use]
pub fn suite_html(suite: &SuiteRun) -> String {
    let mut page = String::with_capacity(32 * 1024);
    page.push_str(&head(
        &format!("{}: {}", headline(suite), escape(&title(suite))),
        &format!("{}, {}, {}", headline(suite), title(suite), suite.started),
    ));
    page.push_str(&format!(
        "<h1>Disaster-recovery drills: {}</h1><p class=\"soft\">plans <b>{}</b>; {} to {}; {}</p>\n",
        escape(&title(suite)),
        escape(&suite.plans.join(", ")),
        escape(&suite.started),
        escape(&suite.ended),
        escape(&suite.program)
    ));
    page.push_str(&format!(
        "<div class=\"verdict {}\"><strong>{}</strong><p class=\"scope\">{}</p>",
        class(shade(suite.exit_code())),
        headline(suite),
        escape(&counted(suite))
    ));
    for caveat in caveats(suite) {
        page.push_str(&format!("<p class=\"caveat\">{}</p>", escape(&caveat)));
    }
    page.push_str("</div>\n");
    if !suite.drills.is_empty() {
        page.push_str(
            "<h2>Drills</h2><table><thead><tr><th>verdict</th><th>drill</th><th>took</th><th>why</th></tr></thead>",
        );
        for drill in &suite.drills {
            let [verdict, name, took, why] = row(suite, drill).map(|cell| escape(&cell));
            let beside: Vec<String> = beside(drill)
                .iter()
                .map(|line| format!("<p><b>{}</b></p>", escape(line)))
                .collect();
            let shade = class(shade(drill.exit_code(&suite.allowed_skips)));
            page.push_str(&format!(
                "<tbody class=\"{shade}\"><tr><td><span class=\"tag {shade}\">{verdict}</span></td><td>{name}</td>\
                 <td>{took}</td><td>{why}{}</td></tr></tbody>",
                beside.concat()
            ));
        }
        page.push_str("</table>\n");
    }
    for drill in &suite.drills {
        page.push_str(&format!(
            "<h2>{}</h2><p>{}</p>",
            escape(&drill.scenario),
            escape(&drill.summary)
        ));
        if !drill.duties.is_empty() {
            page.push_str(&format!(
                "<p class=\"soft\">keeps of plan {}: {}</p>",
                escape(&drill.plan),
                escape(&drill.duties.join("; "))
            ));
        }
        if let Some(trend) = &drill.trend {
            page.push_str(&format!(
                "<p{}>Against {}: {}</p>",
                if trend.warning { " class=\"bad\"" } else { "" },
                escape(&trend.before),
                escape(&trend.says)
            ));
        }
        for (number, attempt) in drill.attempts.iter().enumerate() {
            let verdict = attempt
                .outcome
                .map_or_else(|| exit(attempt), |outcome| outcome.word().to_owned());
            page.push_str(&format!(
                "<h3>Run {} of {}: {}</h3><p><b>{}</b></p><p class=\"soft\">{}, {} s{}</p>",
                number + 1,
                drill.attempts.len(),
                escape(&verdict),
                escape(&attempt.scope),
                escape(&attempt.started),
                attempt.millis.div_ceil(1000),
                attempt
                    .run
                    .as_ref()
                    .map(|run| format!("; evidence <code>{}</code>", escape(run)))
                    .unwrap_or_default()
            ));
            if !attempt.said.is_empty() {
                page.push_str(&format!("<p><code>{}</code></p>", escape(&attempt.said)));
            }
            for why in &attempt.spoiled {
                page.push_str(&format!(
                    "<p class=\"bad\">The whole run is inconclusive; nothing in it passes or fails: {}</p>",
                    escape(why)
                ));
            }
            for data in figure::data(&attempt.loss) {
                page.push_str(&format!("<p>Data of {}.</p>", escape(&data)));
            }
            if attempt.findings.is_empty() {
                continue;
            }
            page.push_str(
                "<table><thead><tr><th>verdict</th><th>target</th><th>achieved</th><th>why</th></tr></thead>",
            );
            for finding in &attempt.findings {
                let outcome = attempt.counts_as(finding);
                page.push_str(&format!(
                    "<tbody class=\"{0}\"><tr><td><span class=\"tag {0}\">{1}</span></td><td>{2}</td><td>{3}</td>\
                     <td>{4}</td></tr></tbody>",
                    class(outcome),
                    figure::says(outcome, finding),
                    escape(&finding.title),
                    escape(&achieved(finding)),
                    escape(&finding.because)
                ));
            }
            page.push_str("</table>\n");
        }
    }
    let lacking = not_drilled(suite);
    if !lacking.is_empty() {
        page.push_str("<h2>Wanted by the plans, and no scenario drills it</h2><ul>");
        for duty in lacking {
            page.push_str(&format!("<li>{}</li>", escape(&duty)));
        }
        page.push_str("</ul>\n");
    }
    let limits = limits(suite);
    if !limits.is_empty() {
        page.push_str("<h2>How far the evidence goes</h2>");
    }
    for (title, items) in limits {
        page.push_str(&format!("<h3>{}</h3><ul>", escape(title)));
        for item in items {
            page.push_str(&format!("<li>{}</li>", escape(&item)));
        }
        page.push_str("</ul>\n");
    }
    page.push_str("</main></body></html>\n");
    page
}
