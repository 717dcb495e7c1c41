//! Judges a run directory with nothing but core and writes every rendering: `render RUN OUTPUT`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use firedrill_core::evidence::Evidence;
use firedrill_core::judge::judge;
use firedrill_reports::Report;

fn read(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(root, &path, files)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            files.insert(name.to_string_lossy().into_owned(), std::fs::read(&path)?);
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(run), Some(output)) = (paths.next(), paths.next()) else {
        return Err("usage: render RUN OUTPUT".into());
    };
    let mut files = BTreeMap::new();
    read(&run, &run, &mut files)?;
    let Evidence {
        inputs,
        history,
        ledger,
        ..
    } = Evidence::check(&files)?;
    let judged = judge(
        &inputs.run,
        &inputs.terms,
        &history.records,
        &ledger.operations,
        &ledger.found,
    );
    let report = Report {
        inputs: &inputs,
        verdict: &judged.verdict,
        series: &judged.series,
    };
    std::fs::create_dir_all(&output)?;
    std::fs::write(output.join("report.txt"), firedrill_reports::text(&report))?;
    std::fs::write(output.join("report.md"), firedrill_reports::markdown(&report))?;
    std::fs::write(output.join("report.html"), firedrill_reports::html(&report))?;
    std::fs::write(output.join("junit.xml"), firedrill_reports::junit(&report))?;
    Ok(())
}
