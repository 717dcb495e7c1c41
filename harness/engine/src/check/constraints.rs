//! Constraints asked by query, with indexes out of the way: a restore can bring back rows that the constraints would
//! never have let in, and no constraint is checked again by itself.
//!
//! The same is asked while the system is whole: what was broken before the disaster is not the recovery's doing, and what
//! was defined before it must be defined again.

use std::collections::BTreeMap;

use firedrill_core::event::Coverage;
use firedrill_environment::{answered, said};
use tokio_postgres::Client;

use super::definitions::Definitions;
use super::{Checked, USER_TABLES, without_indexes};

/// For every constraint, NOT NULL column and owned sequence of the application's tables: its name, a query that counts
/// what breaks it, and whether the database itself holds all rows to it: old rows may break one that is NOT VALID.
const CONSTRAINTS: &str = r#"
SELECT format('%s on %s', con.conname, con.conrelid::regclass),
       format('SELECT count(*) FROM ONLY %s AS c WHERE NOT (%s)', con.conrelid::regclass,
              pg_get_expr(con.conbin, con.conrelid)),
       con.convalidated
  FROM pg_constraint con JOIN pg_namespace n ON n.oid = con.connamespace
 WHERE con.contype = 'c' AND con.conrelid <> 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT format('%s on %s', con.conname, con.conrelid::regclass),
       format('SELECT count(*) FROM (SELECT 1 FROM ONLY %s GROUP BY %s HAVING count(*) > 1%s) AS doubled', con.conrelid::regclass,
              (SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_attribute a
                WHERE a.attrelid = con.conrelid AND a.attnum = ANY (con.conkey)),
              (SELECT string_agg(format(' AND bool_and(%I IS NOT NULL)', a.attname), '') FROM pg_attribute a
                WHERE a.attrelid = con.conrelid AND a.attnum = ANY (con.conkey))),
       con.convalidated
  FROM pg_constraint con JOIN pg_namespace n ON n.oid = con.connamespace
 WHERE con.contype IN ('p', 'u') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT format('%s on %s', con.conname, con.conrelid::regclass),
       format('SELECT count(*) FROM ONLY %s AS c WHERE %s AND NOT EXISTS (SELECT 1 FROM %s AS p WHERE %s)',
              con.conrelid::regclass,
              (SELECT string_agg(format('c.%I IS NOT NULL', a.attname), ' AND ') FROM pg_attribute a
                WHERE a.attrelid = con.conrelid AND a.attnum = ANY (con.conkey)),
              con.confrelid::regclass,
              (SELECT string_agg(format('p.%I = c.%I', pa.attname, ca.attname), ' AND ')
                 FROM unnest(con.conkey, con.confkey) AS k (child, parent)
                 JOIN pg_attribute ca ON ca.attrelid = con.conrelid AND ca.attnum = k.child
                 JOIN pg_attribute pa ON pa.attrelid = con.confrelid AND pa.attnum = k.parent)),
       con.convalidated
  FROM pg_constraint con JOIN pg_namespace n ON n.oid = con.connamespace
 WHERE con.contype = 'f' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT format('NOT NULL of %s.%I', a.attrelid::regclass, a.attname),
       format('SELECT count(*) FROM ONLY %s WHERE %I IS NULL', a.attrelid::regclass, a.attname),
       true
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE a.attnotnull AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
UNION ALL
SELECT format('%s is not behind %s.%I', q.oid::regclass, t.oid::regclass, a.attname),
       format('SELECT (coalesce((SELECT max(%I) FROM ONLY %s), 0) > (SELECT last_value FROM %s))::int::bigint',
              a.attname, t.oid::regclass, q.oid::regclass),
       true
  FROM pg_depend d JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S'
  JOIN pg_sequence s ON s.seqrelid = q.oid AND s.seqincrement > 0
  JOIN pg_class t ON t.oid = d.refobjid AND t.relkind = 'r' JOIN pg_namespace n ON n.oid = t.relnamespace
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
   AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1"#;

/// A rule of the business that no constraint states: a query that counts what breaks it.
pub struct BusinessRule<'a> {
    /// In words.
    pub name: &'a str,
    /// Returns one bigint: how many break it.
    pub broken: &'a str,
}

/// What a database was while the system was whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// What it defined.
    pub definitions: Definitions,
    /// How many rows broke each constraint and rule that was not held; `None`: it could not be asked.
    broken: BTreeMap<String, Option<i64>>,
    /// What was asked, held or not.
    asked: Vec<String>,
}

/// Notes what is defined and what is broken before anything is struck.
///
/// # Errors
/// When the database cannot be asked.
pub async fn before(client: &Client, rules: &[BusinessRule<'_>]) -> Result<Before, tokio_postgres::Error> {
    let mut before = Before {
        definitions: Definitions::read(client).await?,
        ..Before::default()
    };
    without_indexes(client).await?;
    for question in questions(client, rules).await? {
        match question.ask(client).await? {
            Ok(0) => {}
            Ok(rows) => {
                before.broken.insert(question.name.clone(), Some(rows));
            }
            Err(_) => {
                before.broken.insert(question.name.clone(), None);
            }
        }
        before.asked.push(question.name);
    }
    before.asked.sort_unstable();
    Ok(before)
}

/// A constraint or rule, and how to ask for what breaks it.
struct Question {
    name: String,
    broken: String,
    /// The database holds every row to it.
    validated: bool,
}

impl Question {
    /// How many rows break it; the inner error is the database's own word that it cannot say.
    async fn ask(&self, client: &Client) -> Result<Result<i64, String>, tokio_postgres::Error> {
        match client.query_one(&self.broken, &[]).await {
            Ok(row) => Ok(Ok(row.get(0))),
            Err(error) if answered(&error) => Ok(Err(said(&error))),
            Err(error) => Err(error),
        }
    }
}

async fn questions(client: &Client, rules: &[BusinessRule<'_>]) -> Result<Vec<Question>, tokio_postgres::Error> {
    let rows = client.query(CONSTRAINTS, &[]).await?;
    let constraints = rows.iter().map(|row| Question {
        name: row.get(0),
        broken: row.get(1),
        validated: row.get(2),
    });
    let rules = rules.iter().map(|rule| Question {
        name: rule.name.to_owned(),
        broken: rule.broken.to_owned(),
        validated: true,
    });
    Ok(constraints.chain(rules).collect())
}

/// Asks every constraint of the catalogue and every business rule, and whether all that was defined is there again.
pub async fn check(client: &Client, rules: &[BusinessRule<'_>], before: &Before) -> Checked {
    match look(client, rules, before).await {
        Ok(checked) => checked,
        Err(error) => Checked::not_run(format!("the tables could not be asked: {}", said(&error))),
    }
}

async fn look(client: &Client, rules: &[BusinessRule<'_>], before: &Before) -> Result<Checked, tokio_postgres::Error> {
    let mut problems = before.definitions.missing_in(&Definitions::read(client).await?);
    without_indexes(client).await?;
    let mut coverage = Coverage::default();
    for row in client.query(USER_TABLES, &[]).await? {
        let (table, bytes): (String, i64) = (row.get(0), row.get(2));
        coverage.relations += 1;
        coverage.bytes += u64::try_from(bytes).unwrap_or(0);
        match client
            .query_one(&format!("SELECT count(*) FROM ONLY {table}"), &[])
            .await
        {
            Ok(count) => coverage.rows += u64::try_from(count.get::<_, i64>(0)).unwrap_or(0),
            Err(error) if answered(&error) => problems.push(format!("{table} cannot be read: {}", said(&error))),
            Err(error) => return Err(error),
        }
    }
    let (mut asked, mut broken_before) = (0, 0);
    for question in questions(client, rules).await? {
        let known = before.asked.binary_search(&question.name).is_ok();
        if !question.validated && !known {
            // Old rows may break it, and nobody looked how many did.
            continue;
        }
        asked += 1;
        let name = &question.name;
        match (question.ask(client).await?, before.broken.get(name)) {
            (Ok(0), _) => {}
            (Ok(now), Some(Some(was))) if now <= *was => broken_before += 1,
            (Ok(now), Some(Some(was))) => {
                problems.push(format!("{name}: {now} rows break it, {was} did before the disaster"));
            }
            (Ok(now), _) => problems.push(format!("{name}: {now} rows break it")),
            (Err(_), Some(None)) => broken_before += 1,
            (Err(why), _) => problems.push(format!("{name} cannot be asked: {why}")),
        }
    }
    if asked == 0 {
        coverage = Coverage::default();
    }
    let mut sound = format!(
        "{} constraints hold over {} rows, {} definitions are as they were",
        asked - broken_before,
        coverage.rows,
        before.definitions.count()
    );
    if broken_before > 0 {
        sound.push_str(&format!(
            "; {broken_before} more did not hold before the disaster either, and no more rows break them now"
        ));
    }
    Ok(Checked::from_problems(&problems, coverage, sound))
}
