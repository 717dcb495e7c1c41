//! The search for damage in archived WAL, held against Postgres's own pg_waldump and against restores to what it found.

use std::process::Command;

use firedrill_backup::{
    RecoveryTarget, RelationFile, Repository, WAL_SEGMENT_BYTES, WalChange, WalFound, WalQuery, lsn_text, parse_lsn,
};
use tokio_postgres::Client;

use crate::postgres::{Cluster, Home, archived, bin, text};
use crate::s3::S3;

async fn relation(client: &Client, table: &str) -> RelationFile {
    let row = client
        .query_one(
            "SELECT d.dattablespace, d.oid, pg_relation_filenode($1::text::regclass) FROM pg_database d \
             WHERE d.datname = current_database()",
            &[&table],
        )
        .await
        .unwrap();
    RelationFile {
        tablespace: row.get(0),
        database: row.get(1),
        file: row.get(2),
    }
}

async fn search(
    repository: &Repository,
    relation: RelationFile,
    change: WalChange,
    from: u64,
) -> (Option<WalFound>, u64) {
    let query = WalQuery {
        relation,
        change,
        timeline: 1,
        from,
        segment_bytes: WAL_SEGMENT_BYTES,
    };
    let searched = repository.search_wal(&query).await.unwrap();
    (searched.found, searched.records)
}

/// What pg_waldump prints of the archived segments, a record to a line.
async fn dumped(repository: &Repository, home: &Home) -> Vec<String> {
    let folder = home.path().join("dumped");
    std::fs::create_dir_all(&folder).unwrap();
    let mut names = Vec::new();
    for record in repository.wal_segments().await.unwrap() {
        if record.name.len() == 24 {
            assert!(
                repository
                    .wal_fetch(&record.name, &folder.join(&record.name))
                    .await
                    .unwrap()
            );
            names.push(record.name);
        }
    }
    let output = Command::new(bin("pg_waldump"))
        .arg("-p")
        .arg(&folder)
        .args([names.first().unwrap(), names.last().unwrap()])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter(|line| line.starts_with("rmgr:"))
        .map(str::to_owned)
        .collect()
}

fn commit_of(lines: &[String], xid: u32) -> u64 {
    let tx = format!("tx: {xid:>10},");
    let line = lines
        .iter()
        .find(|line| line.contains("desc: COMMIT") && line.contains(&tx))
        .unwrap_or_else(|| panic!("pg_waldump shows no commit of {xid}"));
    let lsn = line.split("lsn: ").nth(1).unwrap().split(',').next().unwrap();
    parse_lsn(lsn).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_damage_is_found_where_pg_waldump_shows_it_and_a_restore_to_before_it_undoes_only_that() {
    let (s3, home) = (S3::start().await, Home::new());
    let (push, fetch) = home.wal_commands(&s3.config());
    let mut cluster = Cluster::create(&home, "data", &["archive_mode=on", &format!("archive_command={push}")]);
    let client = cluster.ready().await;
    let repository = s3.repository();
    client
        .batch_execute(
            "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (LIKE t INCLUDING ALL); CREATE TABLE w (LIKE t); \
             INSERT INTO t SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 3000) g; \
             INSERT INTO u SELECT * FROM t; INSERT INTO w SELECT * FROM t",
        )
        .await
        .unwrap();
    let base = repository
        .base_backup(&cluster.database("postgres"), "first", &|_| {})
        .await
        .unwrap();
    let from = parse_lsn(base.start_lsn.as_deref().unwrap()).unwrap();
    let (t, u, w) = (
        relation(&client, "t").await,
        relation(&client, "u").await,
        relation(&client, "w").await,
    );

    // Clients that change one row each, among them one whose many changes are undone.
    let clients = async |from: i32| {
        for id in from..from + 40 {
            client
                .execute("UPDATE t SET v = 'client' WHERE id = $1", &[&id])
                .await
                .unwrap();
            client.execute("DELETE FROM u WHERE id = $1", &[&id]).await.unwrap();
        }
        client
            .batch_execute("BEGIN; UPDATE t SET v = 'undone'; ROLLBACK")
            .await
            .unwrap();
    };
    clients(1).await;
    // A commit that comes between the damage's first change and its commit must be kept.
    let other = cluster.connect("postgres").await.unwrap();
    client.batch_execute("BEGIN; UPDATE t SET v = 'wrong'").await.unwrap();
    other
        .batch_execute("INSERT INTO w VALUES (9001, 'between')")
        .await
        .unwrap();
    let updated: u32 = text(&client, "SELECT pg_current_xact_id()::text")
        .await
        .parse()
        .unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    other
        .batch_execute("INSERT INTO w VALUES (9002, 'after')")
        .await
        .unwrap();
    clients(100).await;
    client
        .batch_execute("BEGIN; SAVEPOINT s; DELETE FROM u WHERE id > 500; RELEASE s")
        .await
        .unwrap();
    let deleted: u32 = text(&client, "SELECT pg_current_xact_id()::text")
        .await
        .parse()
        .unwrap();
    client.batch_execute("COMMIT; TRUNCATE u").await.unwrap();
    client.batch_execute("DROP TABLE w").await.unwrap();
    clients(200).await;
    archived(&client).await;
    drop((client, other, cluster));

    let lines = dumped(&repository, &home).await;
    let (nothing, records) = search(&repository, t, WalChange::Deleted(1), 0x100_0000).await;
    assert_eq!(nothing, None);
    assert_eq!(
        records as usize,
        lines.len(),
        "every record that pg_waldump shows is read"
    );

    let (found, _) = search(&repository, t, WalChange::Updated(100), from).await;
    let found = found.expect("the wrong update");
    assert_eq!((found.xid, found.rows), (updated, 3000));
    assert_eq!(found.commit_lsn, commit_of(&lines, updated));
    let (gone, _) = search(&repository, u, WalChange::Deleted(100), from).await;
    let gone = gone.expect("the delete");
    assert_eq!((gone.xid, gone.commit_lsn), (deleted, commit_of(&lines, deleted)));
    assert!(gone.rows > 2000, "{gone:?}");
    let (emptied, _) = search(&repository, u, WalChange::Replaced, from).await;
    let emptied = emptied.expect("the truncate");
    assert_eq!(emptied.commit_lsn, commit_of(&lines, emptied.xid));
    let (dropped, _) = search(&repository, w, WalChange::Dropped, from).await;
    let dropped = dropped.expect("the drop");
    assert_eq!(dropped.commit_lsn, commit_of(&lines, dropped.xid));
    assert!(found.commit_lsn < gone.commit_lsn && gone.commit_lsn < emptied.commit_lsn);
    assert!(emptied.commit_lsn < dropped.commit_lsn);
    assert_eq!(search(&repository, w, WalChange::Replaced, from).await.0, None);

    let into = home.path().join("restored");
    let target = RecoveryTarget::BeforeLsn(lsn_text(found.commit_lsn));
    repository
        .restore_base(&base.id, &into, &target, &fetch, &|_| {})
        .await
        .unwrap();
    let mut restored = Cluster::start(&home, &into, &["archive_mode=off"]);
    let client = restored.ready().await;
    let state = "SELECT (SELECT count(*) FROM t WHERE v = 'wrong') || ' ' || (SELECT count(*) FROM t WHERE v = 'client') \
                 || ' ' || (SELECT coalesce(string_agg(v, ',' ORDER BY id), '') FROM w WHERE id > 9000)";
    assert_eq!(text(&client, state).await, "0 40 between");
}
