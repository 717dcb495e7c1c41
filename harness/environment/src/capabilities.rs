//! The names of what a service or link can do, so that a fault can state what it needs before anything runs.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that a service or a link of an environment may offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Start, stop, kill, pause and resume ([`crate::Lifecycle`]).
    Lifecycle,
    /// Read, write and remove the files of a service ([`crate::Files`]).
    Files,
    /// Run a command where the service lives ([`crate::Exec`]).
    Exec,
    /// Tell where the service listens ([`crate::Endpoints`]).
    Endpoints,
    /// Cut, delay and heal a link ([`crate::Shape`]).
    Shape,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Lifecycle, Self::Files, Self::Exec, Self::Endpoints, Self::Shape];

    /// What every service of the local environment offers.
    pub const LOCAL_SERVICE: [Self; 4] = [Self::Lifecycle, Self::Files, Self::Exec, Self::Endpoints];

    /// What every link of the local environment offers.
    pub const LOCAL_LINK: [Self; 1] = [Self::Shape];

    /// Those of `needed` that `offered` lacks: empty means that it can run.
    #[must_use]
    pub fn missing(needed: &[Self], offered: &[Self]) -> Vec<Self> {
        needed.iter().copied().filter(|need| !offered.contains(need)).collect()
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lifecycle => "lifecycle",
            Self::Files => "files",
            Self::Exec => "exec",
            Self::Endpoints => "endpoints",
            Self::Shape => "shape",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let missing = Capability::missing(&[Capability::Files, Capability::Shape], &Capability::LOCAL_SERVICE);
        assert_eq!(missing, [Capability::Shape]);
        assert!(Capability::missing(&[], &[]).is_empty());
    }
}
