//! Dumps by pg_dump and by COPY, restored into another database and compared.

use tokio_postgres::Client;

use crate::postgres::{Cluster, Home, bin, text};
use crate::s3::S3;

const SCHEMA: &str = r#"
CREATE SCHEMA "Odd Name";
CREATE TYPE mood AS ENUM ('fine', 'it''s bad');
CREATE DOMAIN cents AS bigint NOT NULL DEFAULT 0 CONSTRAINT positive CHECK (VALUE >= 0);
CREATE SEQUENCE tickets INCREMENT BY 5 START WITH 100 CACHE 3;
CREATE SEQUENCE untouched START WITH 42;
ALTER SEQUENCE untouched RESTART WITH 77;
CREATE FUNCTION twice(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE TABLE account (
    id bigserial PRIMARY KEY,
    name varchar(40) NOT NULL UNIQUE,
    balance cents,
    doubled int DEFAULT twice(21),
    feeling mood DEFAULT 'fine',
    tags text[] DEFAULT '{}',
    seen timestamptz DEFAULT '2026-01-01 00:00:00+00',
    rate numeric(12, 4),
    raw bytea,
    doc jsonb,
    ratio double precision,
    CONSTRAINT named CHECK (name <> ''));
CREATE TABLE "Odd Name"."the ""transfer""" (
    id int GENERATED ALWAYS AS IDENTITY (START WITH 1000 INCREMENT BY 2) PRIMARY KEY,
    "from" bigint REFERENCES account (id) ON DELETE CASCADE,
    "to" bigint REFERENCES account (id) DEFERRABLE INITIALLY DEFERRED,
    amount cents,
    fee bigint GENERATED ALWAYS AS (5 * 2) STORED,
    gone int);
ALTER TABLE "Odd Name"."the ""transfer""" DROP COLUMN gone;
CREATE INDEX by_amount ON "Odd Name"."the ""transfer""" (amount DESC) WHERE "from" IS NOT NULL;
CREATE TABLE nothing_in_it (a int, b text);
CREATE VIEW rich AS SELECT name FROM account WHERE balance > 500;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.seen = '2030-01-01 00:00:00+00'; RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE UPDATE ON account FOR EACH ROW EXECUTE FUNCTION touch();
INSERT INTO account (name, balance, feeling, tags, rate, raw, doc, ratio)
    SELECT 'n' || g, g, CASE WHEN g % 2 = 0 THEN 'fine' ELSE 'it''s bad' END::mood, ARRAY['a' || g, E'tab\t\\N', NULL], g / 7.0, decode(md5(g::text), 'hex'),
           jsonb_build_object('k', repeat('x', g), 'n', E'line\nbreak'), sqrt(g) FROM generate_series(1, 900) g;
INSERT INTO "Odd Name"."the ""transfer""" ("from", "to", amount) SELECT g, 901 - g, g * 3 FROM generate_series(1, 450) g;
SELECT nextval('tickets'), nextval('tickets');
"#;

/// Everything that must come back, as one text.
async fn state(client: &Client) -> String {
    let mut state = String::new();
    for statement in [
        "SELECT count(*) || md5(string_agg(a::text, '|' ORDER BY id)) FROM public.account a",
        "SELECT count(*) || md5(string_agg(t::text, '|' ORDER BY id)) FROM \"Odd Name\".\"the \"\"transfer\"\"\" t",
        "SELECT string_agg(conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid), E'\\n' ORDER BY conrelid::regclass::text, conname) FROM pg_constraint WHERE connamespace::regnamespace::text IN ('public', '\"Odd Name\"')",
        "SELECT string_agg(indexdef, E'\\n' ORDER BY indexdef) FROM pg_indexes WHERE schemaname IN ('public', 'Odd Name')",
        "SELECT string_agg(format('%s %s %s %s %s %s %s %s', sequencename, data_type, start_value, increment_by, min_value, cache_size, cycle, last_value), E'\\n' ORDER BY sequencename) FROM pg_sequences",
        "SELECT string_agg(format('%s.%s %s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid)), E'\\n' ORDER BY c.relname, a.attname) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('public', '\"Odd Name\"')",
        "SELECT string_agg(pg_get_triggerdef(oid), E'\\n') FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT pg_get_viewdef('public.rich'::regclass)",
        "SELECT (SELECT last_value::text || is_called::text FROM public.untouched) || pg_get_serial_sequence('public.account', 'id')",
    ] {
        state.push_str(
            &client
                .query_one(statement, &[])
                .await
                .unwrap()
                .get::<_, Option<String>>(0)
                .unwrap_or_default(),
        );
        state.push('\n');
    }
    state
}

#[tokio::test(flavor = "multi_thread")]
async fn dumps_of_both_kinds_bring_back_rows_keys_and_sequences() {
    let (s3, home) = (S3::start().await, Home::new());
    let mut cluster = Cluster::create(&home, "data", &[]);
    let postgres = cluster.ready().await;
    for name in ["source", "by_tool", "by_copy", "bare", "bare_back"] {
        postgres
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .unwrap();
    }
    let source = cluster.connect("source").await.unwrap();
    source.batch_execute(SCHEMA).await.unwrap();
    let expected = state(&source).await;
    let repository = s3.repository();
    let (pg_dump, pg_restore) = (bin("pg_dump"), bin("pg_restore"));

    let by_tool = repository
        .dump(&cluster.database("source"), Some(&pg_dump), &|_| {})
        .await
        .unwrap();
    assert!(by_tool.tool.starts_with("pg_dump 1"), "{}", by_tool.tool);
    let by_copy = repository
        .dump(&cluster.database("source"), None, &|_| {})
        .await
        .unwrap();
    assert_eq!(
        (by_copy.tool.as_str(), by_copy.counts["tables"], by_copy.counts["rows"]),
        ("COPY", 3, 1350)
    );
    for record in [&by_tool, &by_copy] {
        assert!(repository.verify(&record.id).await.unwrap().is_good());
        assert!(record.start_lsn.is_some() && record.timeline == Some(1));
    }

    let error = repository
        .restore_dump(&by_tool.id, &cluster.database("by_tool"), None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("pg_restore"), "{error}");
    repository
        .restore_dump(&by_tool.id, &cluster.database("by_tool"), Some(&pg_restore))
        .await
        .unwrap();
    let restored = repository
        .restore_dump(&by_copy.id, &cluster.database("by_copy"), None)
        .await
        .unwrap();
    assert_eq!(restored.files, 3);
    for name in ["by_tool", "by_copy"] {
        let client = cluster.connect(name).await.unwrap();
        assert_eq!(state(&client).await, expected, "{name}");
        let next = text(&client, "SELECT nextval('tickets')::text").await;
        // The source cached three values and gave two.
        assert_eq!(
            next, "115",
            "{name}: the sequence goes on where the server had reserved to"
        );
    }

    // A second restore meets the first one's tables, and changes nothing.
    for (record, tool) in [(&by_tool, Some(pg_restore.as_path())), (&by_copy, None)] {
        repository
            .restore_dump(&record.id, &cluster.database("by_copy"), tool)
            .await
            .unwrap_err();
    }
    // Spoiled, in its last part: nothing of it stays.
    for (record, tool) in [(&by_tool, Some(pg_restore.as_path())), (&by_copy, None)] {
        let file = s3.file(&record.objects[0].key);
        let whole = std::fs::read(&file).unwrap();
        let mut altered = whole.clone();
        *altered.last_mut().unwrap() ^= 1;
        std::fs::write(&file, altered).unwrap();
        let error = repository
            .restore_dump(&record.id, &cluster.database("bare_back"), tool)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(&record.objects[0].key), "{error}");
        assert!(!repository.verify(&record.id).await.unwrap().is_good());
        std::fs::write(&file, whole).unwrap();
        let client = cluster.connect("bare_back").await.unwrap();
        assert_eq!(
            text(
                &client,
                "SELECT count(*)::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            )
            .await,
            "0"
        );
    }

    // An empty database is a whole backup too.
    for tool in [Some(pg_dump.as_path()), None] {
        let bare = repository.dump(&cluster.database("bare"), tool, &|_| {}).await.unwrap();
        assert!(repository.verify(&bare.id).await.unwrap().is_good());
        repository
            .restore_dump(&bare.id, &cluster.database("bare_back"), Some(&pg_restore))
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_copy_would_lose_is_refused_by_name() {
    let (s3, home) = (S3::start().await, Home::new());
    let mut cluster = Cluster::create(&home, "data", &[]);
    let client = cluster.ready().await;
    let repository = s3.repository();
    for (make, drop, names) in [
        (
            "CREATE TABLE parts (a int) PARTITION BY RANGE (a)",
            "DROP TABLE parts",
            "parts",
        ),
        ("CREATE TYPE pair AS (a int, b int)", "DROP TYPE pair", "pair"),
        ("SELECT lo_from_bytea(4711, 'x')", "SELECT lo_unlink(4711)", "4711"),
        (
            "CREATE TABLE guarded (a int); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY",
            "DROP TABLE guarded",
            "guarded",
        ),
    ] {
        client.batch_execute(make).await.unwrap();
        let error = repository
            .dump(&cluster.database("postgres"), None, &|_| {})
            .await
            .unwrap_err();
        assert!(error.to_string().contains(names), "{error}");
        client.batch_execute(drop).await.unwrap();
    }
    let error = repository
        .dump(&cluster.database("absent"), Some(&bin("pg_dump")), &|_| {})
        .await
        .unwrap_err();
    assert!(error.to_string().contains("absent"), "{error}");
    let error = repository
        .dump(&cluster.database("postgres"), Some("/bin/false".as_ref()), &|_| {})
        .await
        .unwrap_err();
    assert!(error.to_string().contains("/bin/false"), "{error}");
    assert!(repository.list().await.unwrap().is_empty());
}
