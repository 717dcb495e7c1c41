//! What commands wrote, kept with the run's logs; a command that writes without end does not fill the disk.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

/// One log grows to this and no further.
const LOG_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// So much of the end goes into an error.
const TAIL_LINES: usize = 6;
const TAIL_BYTES: usize = 800;

/// The name of a command's log, from the name of the step, fault, backup or check.
#[must_use]
pub fn log_file(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
            c
        } else {
            '-'
        }
    };
    let name: String = name.chars().take(60).map(plain).collect();
    format!("own-{name}.log")
}

/// Adds to the log of a command. A log that cannot be written is missed, but ends no recovery.
pub(super) fn write(logs: &Path, name: &str, title: &str, out: &str, err: &str) {
    let path = logs.join(log_file(name));
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let Ok(mut file) = file else { return };
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    if length > LOG_BYTES_MAX {
        return;
    }
    let mut text = format!("== {title}\n");
    for (stream, said) in [("output", out), ("errors", err)] {
        if !said.is_empty() {
            text.push_str(&format!("-- {stream}\n{said}"));
            if !said.ends_with('\n') {
                text.push('\n');
            }
        }
    }
    let _ = file.write_all(text.as_bytes());
}

/// The last lines of both streams on one line, the errors last: they say more.
pub(super) fn tail(out: &str, err: &str) -> String {
    let lines: Vec<&str> = out
        .lines()
        .chain(err.lines())
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    let text = lines[from..].join(" | ");
    let mut start = text.len().saturating_sub(TAIL_BYTES);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text[start..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_end_of_both_and_bounded() {
        assert_eq!(tail("a\n\n b \n", "c\n"), "a | b | c");
        let long = tail(&"ä\n".repeat(5), &"ö".repeat(10_000));
        assert!(long.len() <= TAIL_BYTES && long.ends_with('ö'));
    }

    #[test]
    fn a_log_is_named_for_its_command_and_bounded() {
        let logs = std::env::temp_dir().join(format!("own-log-{}", std::process::id()));
        std::fs::create_dir_all(&logs).unwrap();
        let much = "x".repeat(LOG_BYTES_MAX as usize + 1);
        for _ in 0..3 {
            write(&logs, "../a b", "step", &much, "");
        }
        let length = std::fs::metadata(logs.join("own----a-b.log")).unwrap().len();
        assert!(length < LOG_BYTES_MAX + 1_000, "{length}");
        std::fs::remove_dir_all(&logs).unwrap();
    }
}
