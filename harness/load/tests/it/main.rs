//! Load against the real thing: a Postgres server that is killed in mid-load, and an HTTP server that misbehaves.

mod http;
mod ledger;
mod postgres;
mod sql;
