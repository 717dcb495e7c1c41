//! Dumps by COPY, for where no `pg_dump` is found: definitions, rows, and what follows the rows.

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio_postgres::Client;

use super::idle;
use crate::catalog::Catalog;
use crate::config::Database;
use crate::error::{Error, Result};
use crate::frames::{Frame, FrameReader, FrameWriter};
use crate::record::BackupRecord;
use crate::repository::Repository;

const BEFORE: &str = "before";
const AFTER: &str = "after";
const TABLE: &str = "table ";
/// A script of statements is held whole.
const SCRIPT_BYTES_MAX: usize = 16 << 20;

impl Repository {
    pub(super) async fn dump_by_copy(
        &self,
        client: &Client,
        record: &mut BackupRecord,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<()> {
        record.tool = "COPY".into();
        record.notes.push("COPY carries schemas, extensions, types, sequences, tables, rows, constraints, indexes, views, functions and triggers; it does not carry owners, privileges, comments and settings".into());
        client
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(Error::query("begin a snapshot"))?;
        let mut catalog = Catalog::read(client).await?;
        let mut frames = FrameWriter::new(self.writer(&format!("backups/{}/dump.copy", record.id)));
        script(&mut frames, BEFORE, &catalog.before).await?;
        let mut rows: u64 = 0;
        for table in &catalog.tables {
            let statement = format!("COPY {} {} TO STDOUT", table.name, table.columns);
            let stream = client
                .copy_out(&statement)
                .await
                .map_err(Error::query(format!("copy {}", table.name)))?;
            let mut stream = std::pin::pin!(stream);
            frames.open(&format!("{TABLE}{} {}", table.name, table.columns)).await?;
            while let Some(piece) = idle("copy rows", stream.next()).await? {
                let piece = piece.map_err(Error::query(format!("copy {}", table.name)))?;
                // Each message is one row; a line's own end marks are escaped within it.
                rows += 1;
                frames.data(&piece).await?;
                progress(frames.plain_bytes());
            }
            frames.close().await?;
        }
        catalog.read_after(client).await?;
        script(&mut frames, AFTER, &catalog.after).await?;
        client
            .batch_execute("COMMIT")
            .await
            .map_err(Error::query("end the snapshot"))?;
        record.objects.push(frames.end().await?.finish().await?);
        record.counts = [("tables".into(), catalog.tables.len() as u64), ("rows".into(), rows)].into();
        Ok(())
    }
}

async fn script(frames: &mut FrameWriter, name: &str, text: &str) -> Result<()> {
    if text.len() > SCRIPT_BYTES_MAX {
        return Err(Error::Limit {
            what: "size of the database's definitions".into(),
            found: text.len() as u64,
            limit: SCRIPT_BYTES_MAX as u64,
        });
    }
    frames.open(name).await?;
    frames.data(text.as_bytes()).await?;
    frames.close().await
}

pub(super) async fn restore_copy(database: &Database, key: &str, mut frames: FrameReader) -> Result<(u64, u64)> {
    let client = database.connect().await?;
    client
        .batch_execute("SET search_path = ''; SET check_function_bodies = off; SET session_replication_role = DEFAULT; SET statement_timeout = 0; SET client_min_messages = warning; BEGIN")
        .await
        .map_err(Error::query("prepare the session"))?;
    let (mut tables, mut bytes) = (0, 0);
    let (mut begun, mut ended) = (false, false);
    // Dropping the client before COMMIT rolls everything back.
    while let Some(frame) = frames.next().await? {
        let Frame::Open(name) = frame else {
            return Err(Error::damaged(key, "data without a name"));
        };
        if let Some(table) = name.strip_prefix(TABLE) {
            let action = format!("copy rows into {table}");
            let statement = format!("COPY {table} FROM STDIN");
            let sink = client
                .copy_in::<_, Bytes>(&statement)
                .await
                .map_err(Error::query(&action))?;
            let mut sink = std::pin::pin!(sink);
            loop {
                match frames.next().await? {
                    Some(Frame::Data(data)) => {
                        bytes += data.len() as u64;
                        idle(&action, sink.send(data)).await?.map_err(Error::query(&action))?;
                    }
                    Some(Frame::Close { .. }) => break,
                    _ => return Err(Error::damaged(key, format!("{name} has no end"))),
                }
            }
            idle(&action, sink.as_mut().finish())
                .await?
                .map_err(Error::query(&action))?;
            tables += 1;
            continue;
        }
        let mut text = Vec::new();
        loop {
            match frames.next().await? {
                Some(Frame::Data(data)) if text.len() + data.len() <= SCRIPT_BYTES_MAX => text.extend_from_slice(&data),
                Some(Frame::Close { .. }) => break,
                _ => return Err(Error::damaged(key, format!("{name} has no end, or is too long"))),
            }
        }
        match name.as_str() {
            BEFORE => begun = true,
            AFTER => ended = true,
            _ => {
                return Err(Error::damaged(
                    key,
                    format!("a content named {name:?}, which this version does not know"),
                ));
            }
        }
        let text = String::from_utf8(text).map_err(|_| Error::damaged(key, "statements that are not UTF-8"))?;
        // Building indexes and checking keys takes as long as it takes; the server's own timeouts bound it.
        client
            .batch_execute(&text)
            .await
            .map_err(Error::query(format!("run the statements {name} the rows")))?;
    }
    if !(begun && ended) {
        return Err(Error::damaged(key, "it lacks the statements before or after the rows"));
    }
    client
        .batch_execute("COMMIT")
        .await
        .map_err(Error::query("commit the restore"))?;
    Ok((tables, bytes))
}
