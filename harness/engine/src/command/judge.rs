//! `firedrill judge`: the verdict again from the evidence, held against what is stored beside it.

use firedrill_core::evidence::EvidenceError;
use firedrill_core::evidence::digest::sha256;

use super::Failure;
use super::named_run;
use super::report::print;
use crate::cli::{Cli, Judge};
use crate::judged::JudgedRun;
use crate::run_directory;

/// Runs the command; its exit code is the verdict's.
pub fn judge(judge: &Judge, cli: &Cli) -> Result<u8, Failure> {
    let here = named_run::here(&judge.run, &judge.folder.path)?;
    let run = match JudgedRun::read(here.directory()) {
        Ok(run) => run,
        Err(error @ EvidenceError::Open(_)) => {
            crate::view::say(&format!("firedrill: inconclusive: {error}"));
            return Ok(error.exit_code());
        }
        Err(error) => return Err(Failure::Input(miette::miette!("{}: {error}", here.named()))),
    };
    let renderings = run.renderings();
    let mut others = Vec::new();
    for (name, bytes) in &renderings {
        match run.digests.get(*name) {
            Some(stored) if *stored == sha256(bytes) => {}
            Some(_) => others.push(*name),
            None => {}
        }
    }
    if let Some(output) = &judge.output {
        let failed = |error| Failure::Input(miette::miette!("{} cannot be written: {error}", output.display()));
        std::fs::create_dir_all(output).map_err(failed)?;
        for (name, bytes) in &renderings {
            run_directory::write(output, name, bytes).map_err(failed)?;
        }
    }
    print(&run, cli)?;
    if !others.is_empty() {
        return Err(Failure::Input(miette::miette!(
            help = format!(
                "the run was recorded by `{}`, this is firedrill {}; judge it with the version that recorded it, or look at what differs with --output DIR",
                run.judged.verdict.program,
                env!("CARGO_PKG_VERSION")
            ),
            "the evidence is whole, but {} stored in {} is not what it leads to",
            others.join(", "),
            here.named(),
        )));
    }
    if !cli.quiet {
        let stored = renderings
            .keys()
            .filter(|name| run.digests.contains_key(**name))
            .count();
        let evidence = if run.closed {
            "evidence whole"
        } else {
            "the evidence fits as far as it goes, but the run was cut short"
        };
        crate::view::say(&format!(
            "firedrill: {evidence}; {stored} stored renderings are byte for byte what it leads to"
        ));
    }
    Ok(run.judged.verdict.exit_code())
}
