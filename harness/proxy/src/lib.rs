//! The network between the services of a drill: a TCP proxy whose links can be cut and delayed.
//!
//! The one idea: a [`Link`] has a wished-for state that every connection watches. Each wait of a connection ends when
//! the wish changes, and what it had read by then stays with it, so no byte is lost while the link passes.

mod connection;
mod cut;
mod delay;
mod link;
mod pass;
mod traffic;
mod upstream;

pub use cut::Cut;
pub use link::{CONNECTIONS_MAX, Link};
pub use traffic::Traffic;
pub use upstream::Upstream;

#[cfg(test)]
mod testbed;
