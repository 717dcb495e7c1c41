//! Why a program could not be started, where the system's own words mislead: it says that a script is not there when the
//! interpreter is not that the script's first line names.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// A first line that is longer names no interpreter.
const LINE_BYTES_MAX: u64 = 512;
/// The system cannot tell what kind of program it is.
const NO_EXEC: i32 = 8;

/// What to say of a program that could not be started in a directory.
pub(super) fn told(program: &Path, directory: &Path, error: &io::Error) -> String {
    let why = of_script(program, error).unwrap_or_default();
    format!(
        "cannot start {} in {}: {error}{why}",
        program.display(),
        directory.display()
    )
}

fn of_script(program: &Path, error: &io::Error) -> Option<String> {
    let mut line = Vec::new();
    File::open(program)
        .ok()?
        .take(LINE_BYTES_MAX)
        .read_to_end(&mut line)
        .ok()?;
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let interpreter = line.strip_prefix(b"#!");
    match interpreter {
        Some(named) if error.kind() == io::ErrorKind::NotFound && named.ends_with(b"\r") => Some(
            ": its lines end in carriage returns, as on Windows, so its interpreter is not found: save it with Unix line ends"
                .into(),
        ),
        Some(named) if error.kind() == io::ErrorKind::NotFound => Some(format!(
            ": the file is there, but the interpreter that its first line names is not: {}",
            String::from_utf8_lossy(named).trim()
        )),
        None if error.raw_os_error() == Some(NO_EXEC) => {
            Some(": its first line names no interpreter: begin the file with `#!/bin/sh`, or whatever it is written in".into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_is_there_is_not_said_to_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let said = |name: &str, number: i32| {
            let error = io::Error::from_raw_os_error(number);
            told(&folder.path().join(name), folder.path(), &error)
        };
        for (name, text, number, needed) in [
            ("crlf.sh", "#!/bin/sh\r\nexit 0\r\n", 2, "carriage returns"),
            (
                "nowhere.sh",
                "#!/no/such/interpreter\nexit 0\n",
                2,
                "/no/such/interpreter",
            ),
            ("bare.sh", "exit 0\n", NO_EXEC, "`#!/bin/sh`"),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
            let text = said(name, number);
            assert!(text.contains(needed), "{text}");
        }
        let text = said("missing.sh", 2);
        assert!(!text.contains("interpreter"), "{text}");
    }
}
