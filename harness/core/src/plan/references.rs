//! Names in a plan that lead nowhere: every reference from one part to another, in one table.

use std::collections::BTreeMap;

use super::Plan;
use super::soundness::Found;
use crate::document::Place;

impl Plan {
    /// All names that lead nowhere, each at its place.
    pub(super) fn references_into(&self, found: &mut Found) {
        self.components_into(found);
        self.disasters_into(found);
        self.backups_into(found);
        self.sites_into(found);
        self.watching_into(found);
        self.duties_into(found);
    }

    fn components_into(&self, found: &mut Found) {
        for (name, component) in &self.components {
            let at = Place::of("components").then(name);
            self.provider(found, at.then("provider"), component.provider.as_ref());
            self.components(found, &at.then("depends_on"), &component.depends_on);
        }
        for (index, class) in self.data_classes.iter().enumerate() {
            let at = Place::of("data_classes").then(index);
            self.components(found, &at.then("components"), &class.components);
        }
        for (index, tier) in self.tiers.iter().enumerate() {
            let at = Place::of("tiers").then(index);
            self.components(found, &at.then("components"), &tier.components);
        }
        for (name, provider) in &self.providers {
            let at = Place::of("providers").then(name).then("runs_on");
            self.provider(found, at, provider.runs_on.as_ref());
        }
    }

    fn disasters_into(&self, found: &mut Found) {
        for (name, disaster) in &self.disasters {
            let at = Place::of("disasters").then(name);
            self.components(found, &at.then("hits"), &disaster.hits);
            for (index, rule) in disaster.detection.iter().enumerate() {
                let at = at.then("detection").then(index);
                known(found, at, "alert rule", rule, &self.monitoring.alerts);
            }
            if let Some(site) = &disaster.recovery_site {
                known(found, at.then("recovery_site"), "site", site, &self.sites);
            }
            for (index, procedure) in disaster.procedures.iter().enumerate() {
                let at = at.then("procedures").then(index);
                known(found, at, "procedure", procedure, &self.procedures);
            }
        }
        for (index, decision) in self.decisions.iter().enumerate() {
            if let Some(disaster) = &decision.disaster {
                let at = Place::of("decisions").then(index).then("disaster");
                known(found, at, "disaster", disaster, &self.disasters);
            }
        }
        for (name, procedure) in &self.procedures {
            let at = Place::of("procedures").then(name).then("severity");
            self.severity(found, at, procedure.severity.as_ref());
        }
        for (index, mode) in self.degradation.iter().enumerate() {
            let at = Place::of("degradation").then(index).then("disasters");
            self.disasters(found, &at, &mode.disasters);
        }
    }

    fn backups_into(&self, found: &mut Found) {
        for (name, policy) in &self.backups {
            let at = Place::of("backups").then(name);
            self.components(found, &at.then("of"), &policy.of);
            self.components(found, &at.then("needs"), &policy.needs);
            // A replica may stand at a site.
            for (index, place) in policy.places.iter().enumerate() {
                if !self.stores.is_empty() && !self.sites.contains_key(place) {
                    let at = at.then("places").then(index);
                    known(found, at, "store or site", place, &self.stores);
                }
            }
        }
        for (name, store) in &self.stores {
            let at = Place::of("stores").then(name).then("provider");
            self.provider(found, at, store.provider.as_ref());
        }
    }

    fn sites_into(&self, found: &mut Found) {
        for (name, site) in &self.sites {
            for (part, held) in &site.parts {
                let at = Place::of("sites").then(name).then("parts").then(part);
                self.provider(found, at.then("provider"), held.provider.as_ref());
                if let Some(component) = &held.component {
                    known(found, at.then("component"), "component", component, &self.components);
                }
            }
        }
    }

    fn watching_into(&self, found: &mut Found) {
        let monitoring = &self.monitoring;
        let at = Place::of("monitoring");
        if let Some(site) = &monitoring.site
            && site != "external"
            && !self.sites.contains_key(site)
        {
            let names = self.sites.keys().map(String::as_str).chain(["external"]);
            found.unknown(at.then("site"), "site", site, names);
        }
        for (name, check) in &monitoring.checks {
            if let Some(component) = check.probe.component() {
                let at = at.then("checks").then(name).then("probe").then(check.probe.key());
                known(found, at, "component", component, &self.components);
            }
        }
        for (name, rule) in &monitoring.alerts {
            let at = at.then("alerts").then(name).then("check");
            known(found, at, "check", &rule.check, &monitoring.checks);
        }
        for (key, all) in [("watched", &monitoring.watched), ("targets", &monitoring.targets)] {
            for (index, watched) in all.iter().enumerate() {
                if let Some(component) = &watched.of {
                    let at = at.then(key).then(index).then("of");
                    known(found, at, "component", component, &self.components);
                }
            }
        }
    }

    fn duties_into(&self, found: &mut Found) {
        for (section, duties) in [("drills", &self.drills), ("reviews", &self.reviews)] {
            for (index, duty) in duties.iter().enumerate() {
                let at = Place::of(section).then(index).then("rehearses");
                self.disasters(found, &at, &duty.rehearses);
            }
        }
        for (index, step) in self.escalation.iter().enumerate() {
            let at = Place::of("escalation").then(index).then("severity");
            self.severity(found, at, step.severity.as_ref());
        }
        for (index, template) in self.templates.iter().enumerate() {
            let at = Place::of("templates").then(index).then("severity");
            self.severity(found, at, template.severity.as_ref());
        }
    }

    fn components(&self, found: &mut Found, at: &Place, names: &[String]) {
        for (index, name) in names.iter().enumerate() {
            known(found, at.then(index), "component", name, &self.components);
        }
    }

    fn disasters(&self, found: &mut Found, at: &Place, names: &[String]) {
        for (index, name) in names.iter().enumerate() {
            known(found, at.then(index), "disaster", name, &self.disasters);
        }
    }

    fn provider(&self, found: &mut Found, at: Place, name: Option<&String>) {
        if let Some(name) = name {
            known(found, at, "provider", name, &self.providers);
        }
    }

    fn severity(&self, found: &mut Found, at: Place, level: Option<&String>) {
        if let Some(level) = level {
            let levels = self.severities.iter().map(|one| one.level.as_str());
            if !levels.clone().any(|one| one == level) {
                found.unknown(at, "severity", level, levels);
            }
        }
    }
}

fn known<V>(found: &mut Found, at: Place, kind: &str, name: &str, all: &BTreeMap<String, V>) {
    if !all.contains_key(name) {
        found.unknown(at, kind, name, all.keys().map(String::as_str));
    }
}
