//! What the ledger is classified on: classes, spaces, components, lives, and which final read counts.

use std::collections::BTreeMap;

use crate::event::{Class, Role};
use crate::stamp::Stamp;
use crate::terms::Domain;

use super::lives::Lineage;

/// What a load class comes to, for the judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) component: u16,
    pub(crate) space: u16,
    pub(crate) role: Role,
    pub(crate) tier: Option<u8>,
}

/// One component as the ledger sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) domain: Domain,
    pub(crate) lineage: Lineage,
    /// The incarnation whose complete final read counts; `None`: nothing found is held against anything.
    pub(crate) serving: Option<u16>,
}

/// The ground of a classification.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    pub(crate) slots: Vec<Option<Slot>>,
    pub(crate) spaces: BTreeMap<u16, u16>,
    pub(crate) parts: Vec<Part>,
    /// By incarnation: a write sent after the early edge may, and after the late edge does, prove service when it is
    /// read back.
    pub(crate) proves_from: BTreeMap<u16, Stamp>,
}

impl Ground {
    /// A ground from classes alone, each component one store with one life; `serving` names the incarnation whose
    /// final read is complete, by component. The judge adds what the history knows of lives.
    #[must_use]
    pub fn new(classes: &[Class], serving: &BTreeMap<String, u16>) -> Ground {
        let mut ground = Ground::default();
        for class in classes {
            let component = ground.component(&class.component);
            let slot = Slot {
                component,
                space: class.space,
                role: class.role,
                tier: class.tier,
            };
            let index = usize::from(class.id);
            if ground.slots.len() <= index {
                ground.slots.resize(index + 1, None);
            }
            ground.slots[index] = Some(slot);
            ground.spaces.entry(class.space).or_insert(component);
        }
        for part in &mut ground.parts {
            part.serving = serving.get(&part.name).copied();
        }
        ground
    }

    /// The index of a component, made when it is new.
    pub(crate) fn component(&mut self, name: &str) -> u16 {
        let index = self.parts.iter().position(|part| part.name == name).unwrap_or_else(|| {
            let lineage = Lineage::one_life();
            self.parts.push(Part {
                name: name.to_owned(),
                lineage,
                ..Part::default()
            });
            self.parts.len() - 1
        });
        u16::try_from(index).unwrap_or(u16::MAX)
    }

    pub(crate) fn slot(&self, class: u16) -> Option<Slot> {
        self.slots.get(usize::from(class)).copied().flatten()
    }

    pub(crate) fn part(&self, component: u16) -> Option<&Part> {
        self.parts.get(usize::from(component))
    }
}
