//! What a restore tells: how far it is, and what it has brought back.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use firedrill_backup::{BackupKind, BackupRecord, RecoveryTarget, Restored, utc};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{Cli, Format};
use crate::command::Failure;
use crate::command::output::out;
use crate::view::say;

/// How far a restore is: a bar on a terminal, a line per tenth elsewhere.
pub(super) struct Meter {
    bar: Option<ProgressBar>,
    quiet: bool,
    total: u64,
    tenths: AtomicU64,
}

impl Meter {
    pub(super) fn new(total: u64, quiet: bool) -> Self {
        use std::io::IsTerminal;
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(total);
            if let Ok(style) = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {bytes_per_sec}") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            bar,
            quiet,
            total,
            tenths: AtomicU64::new(0),
        }
    }

    pub(super) fn at(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            return;
        }
        let tenths = (bytes / (self.total / 10).max(1)).min(10);
        if !self.quiet && self.tenths.fetch_max(tenths, Ordering::Relaxed) < tenths {
            say(&format!("firedrill: {bytes} of some {} bytes written", self.total));
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Tells the result; `recovery` is the target of a base backup and the repository file beside it.
pub(super) fn tell(
    restored: &Restored,
    record: &BackupRecord,
    place: &str,
    recovery: Option<(&RecoveryTarget, Option<&PathBuf>)>,
    cli: &Cli,
) -> Result<(), Failure> {
    if cli.format == Format::Json {
        let mut value =
            serde_json::json!({ "restored": restored, "into": place, "completed_unix_ms": record.completed_unix_ms });
        if let Some((target, config)) = recovery {
            value["target"] = serde_json::to_value(target).unwrap_or_default();
            value["wal_config"] = serde_json::json!(config);
        }
        out!("{value:#}");
        return Ok(());
    }
    let what = match record.kind {
        BackupKind::Base => "files",
        BackupKind::Dump => "tables",
        BackupKind::Files => "objects",
    };
    out!(
        "restored {} into {place}: {} {what}, {} bytes, from a backup that was complete at {}",
        restored.backup,
        restored.files,
        restored.bytes,
        utc(record.completed_unix_ms)
    );
    if let Some((target, config)) = recovery {
        let end = match target {
            RecoveryTarget::Latest => "to the end of the archived WAL".to_owned(),
            RecoveryTarget::Immediate => "to the end of the base backup".to_owned(),
            RecoveryTarget::Time(time) => format!("to {time}"),
            RecoveryTarget::Lsn(lsn) => format!("to position {lsn}"),
            RecoveryTarget::BeforeLsn(lsn) => format!("to just before the record at {lsn}"),
            RecoveryTarget::Name(name) => format!("to the point {name:?}"),
        };
        out!("start a server of the same major version on it: it recovers {end} and takes writes from then");
        if let Some(file) = config {
            out!(
                "it fetches WAL with {}, which holds secrets: remove that file once recovery has ended",
                file.display()
            );
        }
    }
    Ok(())
}
