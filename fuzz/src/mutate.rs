//! Changes to a text line by line, as people make mistakes: most of what comes out is still YAML, so that the mistakes
//! reach what lies behind the parser.

use crate::words::{KEYS, VALUES};

/// More changes at once say less about what did it.
const CHANGES_MAX: usize = 4;
/// A file that has become this long is cut before it grows on.
const LINES_MAX: usize = 16_000;
/// Copies made at once, at most.
const COPIES_MAX: usize = 4096;

/// The text with some lines changed; `None` where the bytes should be changed instead, or nothing fits.
#[must_use]
pub fn mutate(text: &str, bytes_max: usize, seed: u32) -> Option<String> {
    let mut dice = Dice::of(seed);
    if dice.below(6) == 0 {
        return None;
    }
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() || lines.len() > LINES_MAX {
        return None;
    }
    for _ in 0..=dice.below(CHANGES_MAX) {
        change(&mut lines, &mut dice);
        if lines.is_empty() {
            return None;
        }
    }
    let mut text = lines.join("\n");
    text.push('\n');
    (text.len() <= bytes_max).then_some(text)
}

fn change(lines: &mut Vec<String>, dice: &mut Dice) {
    let at = dice.below(lines.len());
    let to = dice.below(lines.len());
    match dice.below(13) {
        0 | 1 => drop(lines.drain(block(lines, at))),
        2 => {
            let copy: Vec<String> = lines[block(lines, at)].to_vec();
            lines.splice(to..to, copy);
        }
        3 => {
            // A copy under another name is one more of a kind.
            let mut copy: Vec<String> = lines[block(lines, at)].to_vec();
            let key = format!("another{}", dice.below(1000));
            copy[0] = with_key(&copy[0], &key).unwrap_or_else(|| copy[0].clone());
            lines.splice(at..at, copy);
        }
        4 => lines.swap(at, to),
        5 => {
            let indent = dice.below(12);
            lines[at] = format!("{:indent$}{}", "", lines[at].trim_start());
        }
        6 | 7 => {
            let value = dice.pick(&VALUES).to_owned();
            lines[at] = with_value(&lines[at], &value);
        }
        8 => {
            let value = value_of(&lines[to]).unwrap_or("").to_owned();
            lines[at] = with_value(&lines[at], &value);
        }
        9 => {
            let key = dice.pick(&KEYS).to_owned();
            if let Some(line) = with_key(&lines[at], &key) {
                lines[at] = line;
            }
        }
        10 => {
            let line = format!(
                "{:1$}{2}: {3}",
                "",
                indent(&lines[at]),
                dice.pick(&KEYS),
                dice.pick(&VALUES)
            );
            lines.insert(at, line);
        }
        11 => {
            // So many of a kind that work which grows with their square shows.
            let copy: Vec<String> = lines[block(lines, at)].to_vec();
            let room = LINES_MAX.saturating_sub(lines.len()) / copy.len();
            let copies = (0..dice.below(COPIES_MAX).min(room)).flat_map(|n| {
                let mut copy = copy.clone();
                copy[0] = with_key(&copy[0], &format!("many{n}")).unwrap_or_else(|| copy[0].clone());
                copy
            });
            let copies: Vec<String> = copies.collect();
            lines.splice(at..at, copies);
        }
        _ => inside(&mut lines[at], dice),
    }
}

/// Changes one word of a line: figures stand inside of braces.
fn inside(line: &mut String, dice: &mut Dice) {
    let words: Vec<&str> = line.split(' ').collect();
    let at = dice.below(words.len());
    let word = match dice.below(3) {
        0 => dice.pick(&VALUES).to_owned(),
        1 => format!("{}:", dice.pick(&KEYS)),
        _ => dice.below(usize::MAX).to_string(),
    };
    *line = words
        .iter()
        .enumerate()
        .map(|(index, &old)| if index == at { word.as_str() } else { old })
        .collect::<Vec<_>>()
        .join(" ");
}

/// A line with all that is indented below it.
fn block(lines: &[String], at: usize) -> std::ops::Range<usize> {
    let own = indent(&lines[at]);
    let below = lines[at + 1..].iter().take_while(|line| indent(line) > own).count();
    at..at + 1 + below
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn value_of(line: &str) -> Option<&str> {
    line.split_once(": ").map(|(_, value)| value)
}

fn with_value(line: &str, value: &str) -> String {
    match line.split_once(':') {
        Some((key, _)) => format!("{key}: {value}"),
        None => format!("{:1$}- {value}", "", indent(line)),
    }
}

fn with_key(line: &str, key: &str) -> Option<String> {
    let (old, rest) = line.split_once(':')?;
    let lead: String = old
        .chars()
        .take_while(|&letter| letter == ' ' || letter == '-')
        .collect();
    Some(format!("{lead}{key}:{rest}"))
}

/// Numbers from a seed, so that a run can be repeated.
struct Dice(u64);

impl Dice {
    fn of(seed: u32) -> Dice {
        Dice(u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn pick<'a>(&mut self, words: &'a [String]) -> &'a str {
        &words[self.below(words.len())]
    }
}
