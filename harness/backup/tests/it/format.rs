//! The documented format, read by another program: docs/backup-format.md holds it, and this runs what it holds.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::s3::S3;

/// The program between the first pair of python fences of the document.
fn documented_program() -> String {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/backup-format.md");
    let text = std::fs::read_to_string(document).unwrap();
    let (_, rest) = text.split_once("```python\n").expect("the document holds a program");
    rest.split_once("```").unwrap().0.to_owned()
}

/// A Python that has what the program imports: FIREDRILL_TEST_PYTHON, else python3 if it fits.
fn python() -> Option<String> {
    let candidates = std::env::var("FIREDRILL_TEST_PYTHON")
        .into_iter()
        .chain(["python3".to_owned()]);
    candidates.into_iter().find(|python| {
        let asked = Command::new(python)
            .args(["-c", "import cryptography, zstandard"])
            .stderr(Stdio::null())
            .status();
        asked.is_ok_and(|status| status.success())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_lines_of_python_open_a_container() {
    let program = documented_program();
    let lines = program.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 30, "{lines} lines");
    let Some(python) = python() else {
        eprintln!(
            "skipped: no python3 with `cryptography` and `zstandard`; set FIREDRILL_TEST_PYTHON to one that has them"
        );
        return;
    };
    let s3 = S3::start().await;
    let noise: Vec<u8> = (0..5_u32 << 20)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 23) as u8)
        .collect();
    let place = tempfile::tempdir().unwrap();
    for (name, size) in [
        ("000000010000000000000001", 5 << 20),
        ("000000010000000000000002", 11),
        ("00000002.history", 0),
    ] {
        let segment = place.path().join(name);
        std::fs::write(&segment, &noise[..size]).unwrap();
        s3.repository().wal_push(&segment).await.unwrap();
        let open = |name: &str, stored: &[u8]| {
            let mut child = Command::new(&python)
                .args(["-c", &program, name])
                .env("MASTER_KEY", s3.config().key)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut input = child.stdin.take().unwrap();
            let stored = stored.to_vec();
            let writer = std::thread::spawn(move || input.write_all(&stored));
            let output = child.wait_with_output().unwrap();
            let _ = writer.join();
            output
        };
        let stored = std::fs::read(s3.file(&format!("wal/{name}"))).unwrap();
        let output = open(&format!("wal/{name}"), &stored);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout == noise[..size], "{name}");
        assert!(
            !open("wal/another", &stored).status.success(),
            "another name is refused"
        );
        assert!(
            !open(&format!("wal/{name}"), &stored[..stored.len() - 1])
                .status
                .success(),
            "a cut one is refused"
        );
    }
}
