//! A check that is the user's own command. It has passed only where it says how much it looked at, and failed only where
//! it names what it found: a command that breaks off has said nothing about the data.

use firedrill_core::event::CheckOutcome;
use firedrill_respond::own::{Ended, OwnError};

use super::Checked;

/// What the command's end means.
#[must_use]
pub fn meaning(ended: Result<Ended, OwnError>) -> Checked {
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => return Checked::not_run(error.to_string()),
    };
    let unheard = |why: String| Checked::not_run(format!("{why}; its last lines: {}", ended.tail));
    if ended.late {
        return unheard("it was killed at its deadline".into());
    }
    let reply = match &ended.reply {
        Ok(Some(reply)) => reply,
        Ok(None) => return unheard("it declared nothing: expected a last line such as {\"covered\": {...}}".into()),
        Err(why) => return unheard(format!("its result line cannot be read: {why}")),
    };
    let coverage = reply.covered.unwrap_or_default();
    match (ended.code, reply.found.is_empty()) {
        (Some(0), true) => {
            let sound = reply.seen.clone().unwrap_or_else(|| "it found nothing wrong".into());
            Checked::from_problems(&[], coverage, sound)
        }
        // Damage that is named is damage, however little was looked at.
        (Some(0 | 1), false) => Checked {
            outcome: CheckOutcome::Failed,
            ..Checked::from_problems(&reply.found, coverage, String::new())
        },
        (code, _) => unheard(format!(
            "it ended with {}, expected exit code 0 with what it covered, or 1 with what it found",
            code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"))
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use firedrill_core::event::Coverage;
    use firedrill_respond::own::Reply;

    use super::*;

    fn ended(code: i32, reply: Option<Reply>) -> Result<Ended, OwnError> {
        Ok(Ended {
            code: Some(code),
            late: false,
            reply: Ok(reply),
            tail: "the end".into(),
            took: Duration::ZERO,
        })
    }

    fn reply(found: &[&str], rows: u64) -> Option<Reply> {
        Some(Reply {
            found: found.iter().map(ToString::to_string).collect(),
            covered: Some(Coverage {
                rows,
                ..Coverage::default()
            }),
            ..Reply::default()
        })
    }

    #[test]
    fn silence_and_empty_looks_are_no_pass_and_a_crash_is_no_failure() {
        for (code, said, outcome) in [
            (0, reply(&[], 10), CheckOutcome::Passed),
            (0, reply(&[], 0), CheckOutcome::NotRun),
            (0, None, CheckOutcome::NotRun),
            (1, None, CheckOutcome::NotRun),
            (1, reply(&[], 10), CheckOutcome::NotRun),
            (1, reply(&["row 3"], 10), CheckOutcome::Failed),
            (0, reply(&["row 3"], 0), CheckOutcome::Failed),
            (2, reply(&["row 3"], 10), CheckOutcome::NotRun),
            (127, None, CheckOutcome::NotRun),
        ] {
            assert_eq!(meaning(ended(code, said.clone())).outcome, outcome, "{code} {said:?}");
        }
    }
}
