//! What breaks, and who should notice.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Duration;

use super::OwnFault;

/// Something that breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Its name in the history.
    pub name: String,
    /// The one that strikes; the others are conditions, injected before it.
    #[serde(default)]
    pub strikes: bool,
    /// What it does.
    pub inject: FaultKind,
    /// Kinds of alert it can cause; `none` states that no plan could notice.
    #[serde(default)]
    pub detector: Option<Detector>,
}

/// Who should notice; the fault's own default where the scenario says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// No plan could.
    None,
    /// Alerts of these kinds.
    Alerts(Vec<String>),
}

/// The built-in faults, and your own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// kill -9 of the service's main process.
    Kill {
        /// Which service.
        service: String,
    },
    /// SIGSTOP of the service's processes.
    Pause {
        /// Which service.
        service: String,
    },
    /// kill -9, and its data directory is gone.
    LoseData {
        /// Which service.
        service: String,
    },
    /// A link passes nothing.
    Cut {
        /// The two services it joins: client side, server side.
        link: [String; 2],
        /// How clients see it.
        #[serde(default)]
        manner: CutManner,
    },
    /// A link delays each direction.
    Delay {
        /// The two services it joins: client side, server side.
        link: [String; 2],
        /// One way, drill time.
        by: Duration,
    },
    /// A command of your own.
    Run(OwnFault),
}

/// How a cut link looks to its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CutManner {
    /// Connections are refused and open ones reset.
    #[default]
    Refused,
    /// Bytes vanish silently.
    Dropped,
}
