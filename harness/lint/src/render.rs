//! A report in the shapes that people and programs read.

mod json;
mod markdown;
mod sarif;
mod terminal;

pub use json::json;
pub use markdown::markdown;
pub use sarif::sarif;
pub use terminal::terminal;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{plan, today};
    use crate::lint::{Proof, lint};

    const TEXT: &str = "rto: [{ is: 4 h, where: Targets }, { is: 2 h, where: Metrics }]\n\
                        accepted: [{ rule: disaster-without-procedure, reason: small, until: 2027-01 }]\n";

    fn render<T>(of: impl Fn(&crate::report::Report<'_>) -> T) -> T {
        let plans = [plan(TEXT)];
        let proofs = [Proof::of("a-plan/drill", "target-stated-twice")];
        of(&lint(&plans, today(), &proofs).unwrap_or_else(|mistakes| panic!("{mistakes:?}")))
    }

    #[test]
    fn people_see_the_lines_the_arithmetic_and_the_drill() {
        let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor())
            .with_width(110)
            .with_context_lines(0);
        let text = render(|report| terminal(report, &handler).expect("drawn"));
        for part in [
            "target-stated-twice (error)",
            "RTO of the plan: stated as 4 hours and 2 hours",
            "RTO of the plan: 4 hours (Targets)",
            "4 h - 2 h = 2 h",
            "Proved by: firedrill run a-plan/drill",
            "plan.yaml:5:",
            "1 accepted",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(!text.contains("disaster-without-procedure"), "{text}");
    }

    #[test]
    fn programs_get_places_and_code_hosts_get_regions() {
        let value = render(json);
        assert_eq!(value["errors"], 1);
        let finding = &value["findings"][0];
        assert_eq!(finding["rule"], "target-stated-twice");
        assert_eq!(finding["statements"][0]["line"], 5);
        assert_eq!(finding["statements"][0]["path"], "rto.0.is");
        let log = render(sarif);
        assert_eq!(log["version"], "2.1.0");
        let result = &log["runs"][0]["results"][0];
        assert_eq!(result["level"], "error");
        let region = &result["locations"][0]["physicalLocation"]["region"];
        assert_eq!(
            (region["startLine"].as_u64(), region["startColumn"].as_u64()),
            (Some(5), Some(13))
        );
        assert_eq!(region["endColumn"], 16);
        let index = result["ruleIndex"]
            .as_u64()
            .and_then(|index| usize::try_from(index).ok())
            .expect("an index");
        assert_eq!(
            log["runs"][0]["tool"]["driver"]["rules"][index]["id"],
            "target-stated-twice"
        );
        let accepted = log["runs"][0]["results"]
            .as_array()
            .expect("results")
            .iter()
            .find(|one| one["ruleId"] == "disaster-without-procedure")
            .expect("kept");
        assert_eq!(accepted["suppressions"][0]["kind"], "inSource");
    }

    #[test]
    fn markdown_keeps_the_plan_s_text_from_being_markup() {
        let page = render(markdown);
        assert!(page.contains("### error: target-stated-twice"), "{page}");
        assert!(page.contains("`plan.yaml:5`"), "{page}");
        let plans = [plan("rto: [{ below: 4 h, where: \"<b>|\" }, { is: 2 h, where: b }]")];
        let page = markdown(&lint(&plans, today(), &[]).unwrap_or_else(|mistakes| panic!("{mistakes:?}")));
        assert!(page.contains("&lt;b>\\|") && !page.contains("<b>"), "{page}");
    }
}
