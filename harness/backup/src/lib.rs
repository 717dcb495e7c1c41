//! The reference backup tool: base backups, WAL and dumps of Postgres, encrypted in an S3 store.
//!
//! It is for where nothing is installed, and for stores that drills make: it never expires and never deletes. The one
//! idea: a backup exists once its authenticated record is written, and a restore hands on nothing that has not been
//! proved whole. `docs/backup-format.md` specifies everything that lies in a repository.
//!
//! What takes, reads and restores backups returns boxed futures: the body of an async function is compiled again in every
//! crate that awaits it, and these are large.

mod base;
mod catalog;
mod config;
mod container;
mod dump;
mod error;
mod extract;
mod files;
mod frames;
mod holdings;
mod key;
mod manifest;
mod object;
mod pages;
mod record;
mod repository;
mod restore;
mod store;
mod verify;
mod wal;
mod wal_command;
mod wal_records;
mod wal_search;
mod wall;
mod wire;

pub use base::BaseBackupOptions;
pub use config::{BucketConfig, Database, RepositoryConfig};
pub use error::{Error, Result};
pub use holdings::{Holding, holdings_now};
pub use record::{BackupKind, BackupRecord, StoredObject, parse_lsn};
pub use repository::Repository;
pub use restore::{RecoveryTarget, Restored};
pub use verify::Verification;
pub use wal::{WAL_BYTES_MAX, WAL_SEGMENT_BYTES, WalGap, WalRecord, wal_fetch, wal_push};
pub use wal_command::{
    EXIT_CANNOT_TELL, EXIT_NOT_THERE, archive_command, restore_command, wal_fetch_main, wal_push_main,
};
pub use wal_records::RelationFile;
pub use wal_search::{WalChange, WalFound, WalQuery, WalSearched, lsn_text};
pub use wall::{parse_time, unix_ms, utc};
