//! Which scenario can run on which environment, reckoned without running anything: what its faults and its procedure
//! need, held against what an environment offers.

use std::collections::BTreeMap;

use firedrill_core::Scenario;
use firedrill_environment::Capability;

use crate::command::Failure;
use crate::fault::catalogue;

/// An environment and what it offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// As `--environment` names it.
    pub name: &'static str,
    /// What its services offer.
    pub services: &'static [Capability],
    /// What its links offer.
    pub links: &'static [Capability],
}

/// Services as processes of this machine.
const LOCAL: Offer = Offer {
    name: "local",
    services: &Capability::LOCAL_SERVICE,
    links: &Capability::LOCAL_LINK,
};

/// The name of the environment whose services are containers.
pub const CONTAINERS: &str = "containers";

/// The environments that are built.
#[cfg(not(feature = "containers"))]
pub const ENVIRONMENTS: &[Offer] = &[LOCAL];
/// The environments that are built.
#[cfg(feature = "containers")]
pub const ENVIRONMENTS: &[Offer] = &[
    LOCAL,
    Offer {
        name: CONTAINERS,
        services: &Capability::LOCAL_SERVICE,
        links: &Capability::LOCAL_LINK,
    },
];

impl Offer {
    /// What of `needs` it lacks.
    #[must_use]
    pub fn lacks(&self, needs: &[Capability]) -> Vec<Capability> {
        let offered: Vec<Capability> = self.services.iter().chain(self.links).copied().collect();
        Capability::missing(needs, &offered)
    }
}

/// What bringing up, backing up and recovering take on any environment: services are started and asked, and a restore
/// writes files and runs where its server lives.
const RECOVERY: [Capability; 4] = [
    Capability::Lifecycle,
    Capability::Files,
    Capability::Exec,
    Capability::Endpoints,
];

/// What a scenario needs, with who needs it.
#[must_use]
pub fn needs(scenario: &Scenario) -> BTreeMap<Capability, Vec<String>> {
    let mut needs: BTreeMap<Capability, Vec<String>> = BTreeMap::new();
    for need in RECOVERY {
        needs.entry(need).or_default().push("the recovery".to_owned());
    }
    for fault in &scenario.faults {
        for need in catalogue::entry(&fault.inject).needs {
            needs.entry(*need).or_default().push(format!("fault {}", fault.name));
        }
    }
    needs
}

/// What an environment lacks for a scenario, in words; `None`: it can run there.
#[must_use]
pub fn obstacle(scenario: &Scenario, environment: &Offer) -> Option<String> {
    let needs = needs(scenario);
    let wanted: Vec<Capability> = needs.keys().copied().collect();
    let lacking: Vec<String> = environment
        .lacks(&wanted)
        .iter()
        .map(|one| format!("{one} (for {})", needs[one].join(", ")))
        .collect();
    (!lacking.is_empty()).then(|| format!("{} lacks {}", environment.name, lacking.join(", ")))
}

/// The environment of this name.
///
/// # Errors
/// There is none of this name; what there is is told.
pub fn named(name: &str) -> Result<&'static Offer, Failure> {
    ENVIRONMENTS.iter().find(|offer| offer.name == name).ok_or_else(|| {
        if name == CONTAINERS {
            return Failure::Input(miette::miette!("{}", firedrill_environment::containers::not_built()));
        }
        let known: Vec<&str> = ENVIRONMENTS.iter().map(|offer| offer.name).collect();
        Failure::Input(miette::miette!(
            help = format!("there is: {}", known.join(", ")),
            "there is no environment `{name}`"
        ))
    })
}

/// # Errors
/// The environment lacks what the scenario needs: skipped, with what that is.
pub fn can_run(scenario: &Scenario, environment: &Offer) -> Result<(), Failure> {
    match obstacle(scenario, environment) {
        None => Ok(()),
        Some(lacking) => Err(Failure::Skipped(miette::miette!("skipped: the environment {lacking}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::{self, SCENARIOS};

    #[test]
    fn every_shipped_scenario_runs_on_this_machine_and_a_poorer_environment_is_told_what_it_lacks() {
        let poor = Offer {
            name: "attached",
            services: &[Capability::Endpoints, Capability::Exec, Capability::Lifecycle],
            links: &[],
        };
        for shipped in SCENARIOS {
            let loaded = library::load(shipped.name).unwrap_or_else(|failure| panic!("{failure:?}"));
            assert_eq!(
                obstacle(&loaded.scenario.value, &ENVIRONMENTS[0]),
                None,
                "{}",
                shipped.name
            );
            let told = obstacle(&loaded.scenario.value, &poor).expect("it lacks files");
            assert!(told.contains("attached lacks files (for the recovery"), "{told}");
            let links = loaded
                .scenario
                .value
                .faults
                .iter()
                .any(|fault| catalogue::entry(&fault.inject).family == "link");
            assert_eq!(told.contains("shape"), links, "{told}");
        }
    }
}
