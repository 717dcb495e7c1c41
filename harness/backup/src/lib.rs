//! The reference backup tool: base backups, WAL and dumps of Postgres, encrypted in an S3 store.
