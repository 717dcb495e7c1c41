//! What a database defines beside its rows: tables, columns, constraints, indexes, triggers, functions, and who owns
//! them. A recovery that brings every row back without them has not brought the database back.
//!
//! Noted while the system was whole, by name, and demanded again by name: the recovered catalogue cannot vouch for
//! itself. Expressions are compared without casts, parentheses and blanks, which a dump and its restore may write anew.

use std::collections::BTreeMap;

use tokio_postgres::Client;

/// More than any application defines.
const DEFINITIONS_MAX: usize = 200_000;
/// Characters of a definition that go into a problem.
const SHOWN_CHARS_MAX: usize = 120;

/// What is defined, and how. Names of a schema's own are written in full, so that they do not hang on a search path.
const DEFINITIONS: &str = r#"
WITH ours AS (
    SELECT c.oid, c.relkind, c.relowner, c.relpersistence, c.relrowsecurity
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
       AND NOT EXISTS (SELECT 1 FROM pg_depend d
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')),
stated (what, how, plain) AS (
    SELECT format('%s %s', CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
                                WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' ELSE 'foreign table' END, oid::regclass),
           format('owner %s, persistence %s%s', pg_get_userbyid(relowner), relpersistence,
                  CASE WHEN relrowsecurity THEN ', row security' END), false
      FROM ours WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    UNION ALL
    SELECT format('column %I of %s', a.attname, c.oid::regclass),
           concat(format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN ' NOT NULL' END,
                  ' identity ' || nullif(a.attidentity::text, ''), ' generated ' || nullif(a.attgenerated::text, ''),
                  ' default ' || pg_get_expr(d.adbin, d.adrelid)), true
      FROM ours c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE c.relkind IN ('r', 'p')
    UNION ALL
    SELECT format('constraint %I of %s', k.conname, c.oid::regclass),
           regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''), true
      FROM ours c JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')
    UNION ALL
    SELECT format('constraint %I of %s being validated', k.conname, c.oid::regclass), '', false
      FROM ours c JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('c', 'f') AND k.convalidated
    UNION ALL
    SELECT format('index %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid), true
      FROM ours c JOIN pg_index i ON i.indrelid = c.oid AND i.indisvalid
    UNION ALL
    SELECT format('trigger %I of %s', t.tgname, c.oid::regclass), concat(pg_get_triggerdef(t.oid), ' enabled ', t.tgenabled), true
      FROM ours c JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT format('function %s', p.oid::regprocedure), concat('owner ', pg_get_userbyid(p.proowner), ' ', pg_get_functiondef(p.oid)), false
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND p.prokind IN ('f', 'p')
       AND NOT EXISTS (SELECT 1 FROM pg_depend d
                        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'))
SELECT what, CASE WHEN plain THEN
           regexp_replace(regexp_replace(how,
               '::("[^"]+"|[a-z_.]+)( varying| precision)?(\(\d+(,\d+)?\))?( with(out)? time zone)?(\[\])?', '', 'g'),
               '[()\s]', '', 'g')
       ELSE how END
  FROM stated ORDER BY 1"#;

/// What was defined while the system was whole, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions(BTreeMap<String, String>);

impl Definitions {
    /// Reads all of a database.
    ///
    /// # Errors
    /// When the catalogue cannot be read.
    pub async fn read(client: &Client) -> Result<Definitions, tokio_postgres::Error> {
        client.batch_execute("SET search_path = pg_catalog").await?;
        let rows = client.query(DEFINITIONS, &[]).await;
        client.batch_execute("RESET search_path").await?;
        let said = rows?
            .iter()
            .take(DEFINITIONS_MAX)
            .map(|row| (row.get(0), row.get(1)))
            .collect();
        Ok(Definitions(said))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// What `now` lacks of it, or has otherwise. What is new there is nobody's loss.
    #[must_use]
    pub fn missing_in(&self, now: &Definitions) -> Vec<String> {
        let mut problems = Vec::new();
        for (what, was) in &self.0 {
            match now.0.get(what) {
                None => problems.push(format!("{what} is missing: it was there before the disaster")),
                Some(is) if is != was => {
                    let shown: String = is.chars().take(SHOWN_CHARS_MAX).collect();
                    problems.push(format!("{what} is not as it was before the disaster: found `{shown}`"));
                }
                Some(_) => {}
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definitions(said: &[(&str, &str)]) -> Definitions {
        Definitions(
            said.iter()
                .map(|(what, how)| (what.to_string(), how.to_string()))
                .collect(),
        )
    }

    #[test]
    fn what_is_gone_or_other_is_told_and_what_is_new_is_not() {
        let was = definitions(&[
            ("constraint a of t", "CHECKx>0"),
            ("index i", "btree"),
            ("function f()", "1"),
        ]);
        let now = definitions(&[
            ("constraint a of t", "CHECKtrue"),
            ("function f()", "1"),
            ("index j", "btree"),
        ]);
        assert_eq!(
            was.missing_in(&now),
            [
                "constraint a of t is not as it was before the disaster: found `CHECKtrue`",
                "index i is missing: it was there before the disaster",
            ]
        );
        assert_eq!(was.missing_in(&was), Vec::<String>::new());
        assert_eq!((was.count(), Definitions::default().missing_in(&now).len()), (3, 0));
    }
}
