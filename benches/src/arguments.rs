//! What benches are told on their command line; one reader for all of them.

use std::ops::RangeInclusive;

use crate::Failure;

/// More rounds than this take hours and say nothing more.
const ROUNDS_MAX: u64 = 1000;
/// Words behind the options; a run directory is one.
const WORDS_MAX: usize = 100;

/// `[--rounds N] [WORD...]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// How often ours and the peer's are measured in turn.
    pub rounds: u64,
    /// What stands behind the options.
    pub words: Vec<String>,
}

impl Arguments {
    /// Reads the command line of this process; `rounds` where it says nothing of them. `--help` prints the usage and ends
    /// the process.
    ///
    /// # Errors
    /// An option that is not known, or a number that is none; the text holds the usage.
    pub fn read(usage: &str, rounds: u64) -> Result<Arguments, Failure> {
        let words: Vec<String> = std::env::args().skip(1).collect();
        if words.iter().any(|word| word == "--help" || word == "-h") {
            println!("usage: {usage}");
            std::process::exit(0);
        }
        Arguments::parse(words, rounds).map_err(|error| format!("{error}\nusage: {usage}").into())
    }

    fn parse(words: Vec<String>, rounds: u64) -> Result<Arguments, String> {
        let mut arguments = Arguments {
            rounds,
            words: Vec::new(),
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            if word == "--rounds" {
                let found = words.next().ok_or("--rounds: a number is missing")?;
                arguments.rounds = within(&found, 1..=ROUNDS_MAX).map_err(|error| format!("--rounds: {error}"))?;
            } else if word.starts_with('-') {
                return Err(format!("{word}: no such option"));
            } else if arguments.words.len() == WORDS_MAX {
                return Err(format!("more than {WORDS_MAX} words"));
            } else {
                arguments.words.push(word);
            }
        }
        Ok(arguments)
    }

    /// The number of rounds, for a bench that takes nothing else.
    ///
    /// # Errors
    /// There is something else.
    pub fn rounds_alone(self) -> Result<u64, Failure> {
        match self.words.first() {
            None => Ok(self.rounds),
            Some(word) => Err(format!("{word}: nothing but --rounds N was expected").into()),
        }
    }

    /// The words as numbers of a range, or `otherwise` where there are none.
    ///
    /// # Errors
    /// One is no number of that range.
    pub fn numbers(&self, range: RangeInclusive<u64>, otherwise: &[u64]) -> Result<Vec<u64>, Failure> {
        if self.words.is_empty() {
            return Ok(otherwise.to_vec());
        }
        let numbers: Result<_, String> = self.words.iter().map(|word| within(word, range.clone())).collect();
        Ok(numbers?)
    }
}

fn within(text: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            format!(
                "found {text:?}, expected a number from {} to {}",
                range.start(),
                range.end()
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned).collect(), 5)
    }

    #[test]
    fn rounds_and_words_are_read_in_any_order_and_mistakes_are_named() {
        let read = parse("1 --rounds 3 20").unwrap();
        assert_eq!(read.rounds, 3);
        assert_eq!(read.numbers(1..=60, &[]).unwrap(), [1, 20]);
        assert_eq!(parse("").unwrap().numbers(1..=60, &[10]).unwrap(), [10]);
        assert_eq!(parse("").unwrap().rounds_alone().unwrap(), 5);
        assert!(read.rounds_alone().is_err());
        for (line, mistake) in [
            ("--rounds", "missing"),
            ("--rounds 0", "from 1 to 1000"),
            ("--round 3", "no such option"),
        ] {
            assert!(parse(line).unwrap_err().contains(mistake), "{line}");
        }
        assert!(parse("61").unwrap().numbers(1..=60, &[]).is_err());
    }
}
