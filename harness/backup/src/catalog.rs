//! The statements that rebuild a database, read from its catalogs.
//!
//! The one idea: what this cannot rebuild it refuses by name; a dump that silently loses something would pass a drill
//! that it should fail.

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::error::{Error, Result};

/// How to rebuild a database around its rows.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    /// Statements before the rows.
    pub(crate) before: String,
    /// The tables, quoted and qualified, with their stored columns.
    pub(crate) tables: Vec<Table>,
    /// Statements after the rows: keys, checks, indexes, sequences, views, triggers.
    pub(crate) after: String,
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// `(a, b)`, or nothing for a table without columns.
    pub(crate) columns: String,
}

/// Relations of users: not of the system, not of an extension.
const USER_NAMESPACE: &str = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// Objects that belong to an extension come back with it.
fn not_of_extension(catalog: &str, oid: &str) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = '{catalog}'::regclass AND e.objid = {oid} AND e.deptype = 'e')"
    )
}

/// Rows of text, by position.
async fn rows(client: &Client, action: &str, statement: &str) -> Result<Vec<Vec<String>>> {
    let answers = client.simple_query(statement).await.map_err(Error::query(action))?;
    Ok(answers
        .iter()
        .filter_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => Some(
                (0..row.len())
                    .map(|at| row.get(at).unwrap_or_default().to_owned())
                    .collect(),
            ),
            _ => None,
        })
        .collect())
}

/// The one value of a question.
pub(crate) async fn value(client: &Client, action: &str, statement: &str) -> Result<String> {
    Ok(rows(client, action, statement)
        .await?
        .into_iter()
        .next()
        .and_then(|row| row.into_iter().next())
        .unwrap_or_default())
}

impl Catalog {
    /// Reads the catalogs in the session's transaction. The search path must be empty, so that names come qualified.
    pub(crate) async fn read(client: &Client) -> Result<Self> {
        refuse_what_is_not_covered(client).await?;
        let mut catalog = Self::default();
        let relation = not_of_extension("pg_class", "c.oid");
        catalog.before_statements(client, &[
            ("schemas", format!(
                "SELECT format('CREATE SCHEMA IF NOT EXISTS %I', n.nspname) FROM pg_namespace n WHERE {USER_NAMESPACE} AND n.nspname <> 'public' AND {} ORDER BY n.nspname",
                not_of_extension("pg_namespace", "n.oid"))),
            ("extensions",
                "SELECT format('CREATE EXTENSION IF NOT EXISTS %I WITH SCHEMA %I', x.extname, n.nspname) FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace WHERE x.extname <> 'plpgsql' ORDER BY x.oid".into()),
            ("enumerations", format!(
                "SELECT format('CREATE TYPE %I.%I AS ENUM (%s)', n.nspname, t.typname, (SELECT string_agg(quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid)) \
                 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'e' AND {USER_NAMESPACE} AND {} ORDER BY t.oid",
                not_of_extension("pg_type", "t.oid"))),
            ("domains", format!(
                "SELECT format('CREATE DOMAIN %I.%I AS %s%s%s%s', n.nspname, t.typname, format_type(t.typbasetype, t.typtypmod), coalesce(' DEFAULT ' || t.typdefault, ''), CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END, \
                 coalesce((SELECT string_agg(format(' CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)), '' ORDER BY k.conname) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), '')) \
                 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'd' AND {USER_NAMESPACE} AND {} ORDER BY t.oid",
                not_of_extension("pg_type", "t.oid"))),
            // A serial column's sequence belongs to it (deptype a) and is made here; an identity's (i) comes with the column.
            ("sequences", format!(
                "SELECT format('CREATE SEQUENCE %I.%I AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s %s', n.nspname, c.relname, format_type(s.seqtypid, NULL), s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache, CASE WHEN s.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END) \
                 FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {USER_NAMESPACE} AND {relation} \
                 AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i') ORDER BY c.oid")),
            ("functions", functions(false)),
            ("tables", format!(
                "SELECT format('CREATE %sTABLE %I.%I (%s)%s', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END, n.nspname, c.relname, coalesce((SELECT string_agg(format('%I %s%s%s%s', a.attname, format_type(a.atttypid, a.atttypmod), \
                 CASE WHEN a.attcollation <> 0 AND a.attcollation <> ty.typcollation THEN format(' COLLATE %I.%I', cn.nspname, co.collname) ELSE '' END, \
                 CASE WHEN a.attidentity <> '' THEN format(' GENERATED %s AS IDENTITY (SEQUENCE NAME %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s %s)', CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END, sq.seqrelid::regclass, sq.seqincrement, sq.seqmin, sq.seqmax, sq.seqstart, sq.seqcache, CASE WHEN sq.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END) \
                      WHEN a.attgenerated = 's' THEN format(' GENERATED ALWAYS AS (%s) STORED', pg_get_expr(d.adbin, d.adrelid)) \
                      WHEN a.attgenerated = 'v' THEN format(' GENERATED ALWAYS AS (%s) VIRTUAL', pg_get_expr(d.adbin, d.adrelid)) \
                      WHEN d.adbin IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) ELSE '' END, \
                 CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END), ', ' ORDER BY a.attnum) \
                 FROM pg_attribute a JOIN pg_type ty ON ty.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
                 LEFT JOIN pg_collation co ON co.oid = a.attcollation LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace \
                 LEFT JOIN pg_depend sd ON sd.refclassid = 'pg_class'::regclass AND sd.refobjid = a.attrelid AND sd.refobjsubid = a.attnum AND sd.deptype = 'i' AND sd.classid = 'pg_class'::regclass \
                 LEFT JOIN pg_sequence sq ON sq.seqrelid = sd.objid \
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), ''), \
                 coalesce((SELECT format(' WITH (%s)', array_to_string(c.reloptions, ', ')) WHERE c.reloptions IS NOT NULL), '')) \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND {USER_NAMESPACE} AND {relation} ORDER BY c.oid")),
            ("owned sequences", format!(
                "SELECT format('ALTER SEQUENCE %I.%I OWNED BY %s.%I', n.nspname, c.relname, d.refobjid::regclass, a.attname) \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a' \
                 JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid WHERE c.relkind = 'S' AND {USER_NAMESPACE} AND {relation} ORDER BY c.oid")),
            ("functions on tables", functions(true)),
        ]).await?;
        catalog.tables = tables(client).await?;
        Ok(catalog)
    }

    /// What comes after the rows; sequences are read last, so that their values are not behind the rows'.
    pub(crate) async fn read_after(&mut self, client: &Client) -> Result<()> {
        let relation = not_of_extension("pg_class", "c.oid");
        let constraint = |kinds: &str| {
            format!(
                "SELECT format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid)) \
             FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE k.contype IN ({kinds}) AND c.relkind = 'r' AND {USER_NAMESPACE} AND {relation} ORDER BY k.oid"
            )
        };
        let statements = [
            ("keys", constraint("'p','u','x'")),
            ("checks", constraint("'c'")),
            (
                "indexes",
                format!(
                    "SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE c.relkind = 'r' AND {USER_NAMESPACE} AND {relation} AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p','u','x')) ORDER BY i.indexrelid"
                ),
            ),
            ("foreign keys", constraint("'f'")),
            (
                "views",
                format!(
                    "SELECT format('CREATE %sVIEW %I.%I AS %s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED ' ELSE '' END, n.nspname, c.relname, rtrim(pg_get_viewdef(c.oid), ';')) \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v','m') AND {USER_NAMESPACE} AND {relation} ORDER BY c.oid"
                ),
            ),
            (
                "indexes of views",
                format!(
                    "SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND {USER_NAMESPACE} AND {relation} ORDER BY i.indexrelid"
                ),
            ),
            (
                "triggers",
                format!(
                    "SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND {USER_NAMESPACE} AND {relation} ORDER BY t.oid"
                ),
            ),
        ];
        for (what, statement) in statements {
            append(
                &mut self.after,
                rows(client, &format!("read {what}"), &statement).await?,
            );
        }
        let sequences = format!(
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S' AND {USER_NAMESPACE} AND {relation} ORDER BY c.oid"
        );
        for name in rows(client, "read sequences", &sequences).await?.into_iter().flatten() {
            let statement = format!(
                "SELECT format('SELECT pg_catalog.setval(%L, %s, %L)', '{}', last_value, is_called) FROM {name}",
                name.replace('\'', "''")
            );
            append(
                &mut self.after,
                rows(client, &format!("read the value of {name}"), &statement).await?,
            );
        }
        Ok(())
    }

    async fn before_statements(&mut self, client: &Client, statements: &[(&str, String)]) -> Result<()> {
        for (what, statement) in statements {
            append(
                &mut self.before,
                rows(client, &format!("read {what}"), statement).await?,
            );
        }
        Ok(())
    }
}

fn append(script: &mut String, statements: Vec<Vec<String>>) {
    for row in statements {
        for statement in row {
            script.push_str(statement.trim_end());
            script.push_str(";\n");
        }
    }
}

/// Functions that take or give rows of tables come after them, the others before, since columns' defaults call them.
fn functions(on_tables: bool) -> String {
    let not = if on_tables { "" } else { "NOT " };
    format!(
        "SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.prokind IN ('f','p') AND {USER_NAMESPACE} AND {} \
         AND {not}EXISTS (SELECT 1 FROM pg_depend d LEFT JOIN pg_type t ON d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid LEFT JOIN pg_type el ON el.oid = t.typelem \
         WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND (d.refclassid = 'pg_class'::regclass OR t.typrelid <> 0 OR el.typrelid <> 0)) ORDER BY p.oid",
        not_of_extension("pg_proc", "p.oid")
    )
}

async fn tables(client: &Client) -> Result<Vec<Table>> {
    let statement = format!(
        "SELECT format('%I.%I', n.nspname, c.relname), coalesce((SELECT format('(%s)', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)) FROM pg_attribute a \
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '') \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND {USER_NAMESPACE} AND {} ORDER BY c.oid",
        not_of_extension("pg_class", "c.oid")
    );
    let found = rows(client, "read tables", &statement).await?;
    Ok(found
        .into_iter()
        .filter_map(|row| match <[String; 2]>::try_from(row) {
            Ok([name, columns]) => Some(Table { name, columns }),
            Err(_) => None,
        })
        .collect())
}

async fn refuse_what_is_not_covered(client: &Client) -> Result<()> {
    let relation = not_of_extension("pg_class", "c.oid");
    let relations =
        format!("FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {USER_NAMESPACE} AND {relation}");
    let questions = [
        (
            "a partitioned, inherited or foreign table",
            format!(
                "SELECT c.oid::regclass {relations} AND (c.relkind IN ('p','f') OR c.relispartition OR EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = c.oid)) LIMIT 1"
            ),
        ),
        (
            "a table with row security",
            format!("SELECT c.oid::regclass {relations} AND c.relrowsecurity LIMIT 1"),
        ),
        (
            "a composite or range type",
            format!(
                "SELECT t.oid::regtype FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid WHERE {USER_NAMESPACE} AND (t.typtype = 'r' OR (t.typtype = 'c' AND c.relkind = 'c')) AND {} LIMIT 1",
                not_of_extension("pg_type", "t.oid")
            ),
        ),
        (
            "an aggregate or window function",
            format!(
                "SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.prokind IN ('a','w') AND {USER_NAMESPACE} AND {} LIMIT 1",
                not_of_extension("pg_proc", "p.oid")
            ),
        ),
        (
            "a rule",
            format!(
                "SELECT r.rulename FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.rulename <> '_RETURN' AND {USER_NAMESPACE} LIMIT 1"
            ),
        ),
        (
            "an operator",
            format!(
                "SELECT o.oid::regoperator FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE {USER_NAMESPACE} AND {} LIMIT 1",
                not_of_extension("pg_operator", "o.oid")
            ),
        ),
        (
            "large objects",
            "SELECT oid FROM pg_largeobject_metadata LIMIT 1".into(),
        ),
        (
            "the rows of an extension's configuration table",
            "SELECT x.extname FROM pg_extension x WHERE x.extconfig IS NOT NULL LIMIT 1".into(),
        ),
    ];
    for (what, statement) in questions {
        if let Some(name) = rows(client, "look for what COPY does not cover", &statement)
            .await?
            .first()
            .and_then(|row| row.first())
        {
            return Err(Error::NotCovered {
                what: format!("{what} ({name})"),
                advice: "a dump by COPY does not rebuild it: give the path of pg_dump, or take a base backup".into(),
            });
        }
    }
    Ok(())
}
