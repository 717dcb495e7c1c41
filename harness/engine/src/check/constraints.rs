//! Constraints asked by query, with indexes out of the way: a restore can bring back rows that the constraints would
//! never have let in, and no constraint is checked again by itself.

use firedrill_core::event::Coverage;
use firedrill_environment::{answered, said};
use tokio_postgres::Client;

use super::{Checked, USER_TABLES, without_indexes};

/// For every constraint, NOT NULL column and owned sequence of the application's tables: its name and a query that counts
/// what breaks it.
const CONSTRAINTS: &str = r#"
SELECT format('%s on %s', con.conname, con.conrelid::regclass),
       format('SELECT count(*) FROM ONLY %s AS c WHERE NOT (%s)', con.conrelid::regclass,
              pg_get_expr(con.conbin, con.conrelid))
  FROM pg_constraint con JOIN pg_namespace n ON n.oid = con.connamespace
 WHERE con.contype = 'c' AND con.conrelid <> 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT format('%s on %s', con.conname, con.conrelid::regclass),
       format('SELECT count(*) FROM (SELECT 1 FROM ONLY %s GROUP BY %s HAVING count(*) > 1%s) AS doubled', con.conrelid::regclass,
              (SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_attribute a
                WHERE a.attrelid = con.conrelid AND a.attnum = ANY (con.conkey)),
              (SELECT string_agg(format(' AND bool_and(%I IS NOT NULL)', a.attname), '') FROM pg_attribute a
                WHERE a.attrelid = con.conrelid AND a.attnum = ANY (con.conkey)))
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
                 JOIN pg_attribute pa ON pa.attrelid = con.confrelid AND pa.attnum = k.parent))
  FROM pg_constraint con JOIN pg_namespace n ON n.oid = con.connamespace
 WHERE con.contype = 'f' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT format('NOT NULL of %s.%I', a.attrelid::regclass, a.attname),
       format('SELECT count(*) FROM ONLY %s WHERE %I IS NULL', a.attrelid::regclass, a.attname)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE a.attnotnull AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
UNION ALL
SELECT format('%s is not behind %s.%I', q.oid::regclass, t.oid::regclass, a.attname),
       format('SELECT (coalesce((SELECT max(%I) FROM ONLY %s), 0) > (SELECT last_value FROM %s))::int::bigint',
              a.attname, t.oid::regclass, q.oid::regclass)
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

/// Asks every constraint of the catalogue and every business rule.
pub async fn check(client: &Client, rules: &[BusinessRule<'_>]) -> Checked {
    match look(client, rules).await {
        Ok(checked) => checked,
        Err(error) => Checked::not_run(format!("the tables could not be asked: {}", said(&error))),
    }
}

async fn look(client: &Client, rules: &[BusinessRule<'_>]) -> Result<Checked, tokio_postgres::Error> {
    without_indexes(client).await?;
    let mut coverage = Coverage::default();
    let mut problems = Vec::new();
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
    let mut asked = 0;
    let constraints: Vec<(String, String)> = client
        .query(CONSTRAINTS, &[])
        .await?
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let rules = rules.iter().map(|rule| (rule.name.to_owned(), rule.broken.to_owned()));
    for (name, broken) in constraints.into_iter().chain(rules) {
        asked += 1;
        match client.query_one(&broken, &[]).await {
            Ok(row) => match row.get::<_, i64>(0) {
                0 => {}
                n => problems.push(format!("{name}: {n} rows break it")),
            },
            Err(error) if answered(&error) => problems.push(format!("{name} cannot be asked: {}", said(&error))),
            Err(error) => return Err(error),
        }
    }
    if asked == 0 {
        coverage = Coverage::default();
    }
    let sound = format!("{asked} constraints hold over {} rows", coverage.rows);
    Ok(Checked::from_problems(&problems, coverage, sound))
}
