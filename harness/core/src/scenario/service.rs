//! What a drill runs: Postgres servers, object stores, the application.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A service of the drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Service {
    /// A Postgres server.
    Postgres(PostgresService),
    /// An S3 object store.
    S3(S3Service),
    /// The sample application.
    Application(ApplicationService),
}

impl Service {
    /// The plan's component whose data it holds; an application holds none.
    #[must_use]
    pub fn component(&self) -> Option<&str> {
        match self {
            Service::Postgres(held) => held.component.as_deref(),
            Service::S3(held) => held.component.as_deref(),
            Service::Application(_) => None,
        }
    }
}

/// A Postgres server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PostgresService {
    /// The plan's component whose data it holds.
    #[serde(default)]
    pub component: Option<String>,
    /// A bare host: nothing runs until a restore makes a cluster there.
    #[serde(default)]
    pub empty: bool,
    /// Site it stands in.
    #[serde(default)]
    pub site: Option<String>,
    /// Settings of postgresql.conf.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Whether its cluster is made with checksums of its pages; a restored one keeps those of its source.
    #[serde(default = "yes")]
    pub data_checksums: bool,
}

fn yes() -> bool {
    true
}

impl Default for PostgresService {
    fn default() -> Self {
        PostgresService {
            component: None,
            empty: false,
            site: None,
            settings: BTreeMap::new(),
            data_checksums: true,
        }
    }
}

/// An S3 object store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct S3Service {
    /// Whether it speaks TLS as well, with a certificate made for the run.
    #[serde(default)]
    pub tls: bool,
    /// The plan's component whose data it holds.
    #[serde(default)]
    pub component: Option<String>,
    /// Site it stands in.
    #[serde(default)]
    pub site: Option<String>,
}

/// The sample application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApplicationService {
    /// The Postgres service it uses.
    pub database: String,
    /// The S3 service for its files.
    #[serde(default)]
    pub store: Option<String>,
    /// Site it stands in.
    #[serde(default)]
    pub site: Option<String>,
}
