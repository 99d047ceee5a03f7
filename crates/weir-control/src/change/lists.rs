//! Changes of lists of addresses.
//!
//! A list is no object that is replaced as a whole: what changes are its blocks, and what undoes a
//! change names those that it added and removed. So everything here costs what has changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weir_base::Cidr;
use weir_proto::{ChangeKind, ChangedKey, PlannedChange};

use super::{Undo, object_hash};
use crate::order::{ListOrder, Order, added, removed};
use crate::state::State;

/// What a change did to a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListChange {
    /// Its name.
    pub name: String,
    /// It was there before.
    pub was: bool,
    /// It is there afterwards.
    pub is: bool,
    /// Blocks that it did not have.
    pub added: Vec<Cidr>,
    /// Blocks that it does not have any more.
    pub removed: Vec<Cidr>,
}

impl State {
    pub(super) fn change_list(&mut self, order: ListOrder, undo: &mut Vec<Undo>) {
        let ListOrder { name, mut add, mut remove } = order;
        let was = self.lists.contains_key(&name);
        let blocks = self.lists.entry(name.clone()).or_default();
        remove.retain(|block| blocks.remove(block));
        add.retain(|block| blocks.insert(*block));
        if !was || !add.is_empty() || !remove.is_empty() {
            undo.push(Undo::List(ListChange { name, was, is: true, added: add, removed: remove }));
        }
    }

    pub(super) fn remove_list(&mut self, name: String, undo: &mut Vec<Undo>) {
        if let Some(blocks) = self.lists.remove(&name) {
            let (added, removed) = (Vec::new(), blocks.into_iter().collect());
            undo.push(Undo::List(ListChange { name, was: true, is: false, added, removed }));
        }
    }

    pub(super) fn undo_list(&mut self, change: ListChange) {
        if !change.was {
            self.lists.remove(&change.name);
            return;
        }
        let blocks = self.lists.entry(change.name).or_default();
        change.added.iter().for_each(|block| _ = blocks.remove(block));
        blocks.extend(change.removed);
    }
}

/// The orders that make the lists of a state those of another, but for lists that go.
pub(super) fn diff(old: &State, new: &State) -> Vec<Order> {
    let orders = new.lists.iter().flat_map(|(name, blocks)| {
        let Some(before) = old.lists.get(name) else { return added(name, blocks.iter()) };
        let mut orders = removed(name, before.difference(blocks));
        if blocks.difference(before).next().is_some() {
            orders.extend(added(name, blocks.difference(before)));
        }
        orders
    });
    orders.collect()
}

/// Of a list that is there, without its blocks.
pub fn list_hash(name: &str) -> u64 {
    object_hash("list", &name)
}

/// Of a block of a list.
pub fn block_hash(name: &str, block: &Cidr) -> u64 {
    object_hash("block", &(name, block))
}

/// The sum of the hashes of all lists and their blocks.
pub(super) fn hash(state: &State) -> u64 {
    let of = |(name, blocks): (&String, &crate::state::AddressList)| {
        sum(name, blocks.iter()).wrapping_add(list_hash(name))
    };
    state.lists.iter().map(of).fold(0, u64::wrapping_add)
}

/// What changes add to that sum.
pub(super) fn hash_change(undo: &[Undo]) -> u64 {
    let of = |step: &Undo| {
        let Undo::List(change) = step else { return 0 };
        let name = &change.name;
        let there = |is: bool| if is { list_hash(name) } else { 0 };
        sum(name, change.added.iter())
            .wrapping_sub(sum(name, change.removed.iter()))
            .wrapping_add(there(change.is))
            .wrapping_sub(there(change.was))
    };
    undo.iter().map(of).fold(0, u64::wrapping_add)
}

fn sum<'a>(name: &str, blocks: impl Iterator<Item = &'a Cidr>) -> u64 {
    blocks.map(|block| block_hash(name, block)).fold(0, u64::wrapping_add)
}

/// Blocks that are named in a plan.
const NAMED: usize = 8;

/// What all of some changes did to a list, for people.
pub(super) fn plan(state: &State, name: &str, undo: &[Undo]) -> Option<PlannedChange> {
    let steps = || {
        undo.iter().filter_map(|step| match step {
            Undo::List(change) if change.name == name => Some(change),
            _ => None,
        })
    };
    let was = steps().next()?.was;
    let is = state.lists.contains_key(name);
    let mut net = BTreeMap::<Cidr, i32>::new();
    for change in steps() {
        change.added.iter().for_each(|block| *net.entry(*block).or_default() += 1);
        change.removed.iter().for_each(|block| *net.entry(*block).or_default() -= 1);
    }
    let those = |sign: i32| named(net.iter().filter(|(_, n)| **n == sign).map(|(block, _)| block));
    let (kind, keys) = match (was, is) {
        (false, false) => return None,
        (false, true) => (ChangeKind::ChangeAdded, Vec::new()),
        (true, false) => (ChangeKind::ChangeRemoved, Vec::new()),
        (true, true) if net.values().all(|n| *n == 0) => return None,
        (true, true) => {
            let (old, new) = (those(-1), those(1));
            (ChangeKind::ChangeChanged, vec![ChangedKey { key: "addresses".into(), old, new }])
        }
    };
    let (object, name) = ("list".to_owned(), name.to_owned());
    Some(PlannedChange { kind: kind.into(), object, name, keys, sessions: None })
}

/// The first few, and how many others there are.
fn named<'a>(blocks: impl Iterator<Item = &'a Cidr>) -> String {
    let blocks: Vec<_> = blocks.collect();
    let mut shown: Vec<_> = blocks.iter().take(NAMED).map(ToString::to_string).collect();
    if blocks.len() > NAMED {
        shown.push(format!("and {} others", blocks.len() - NAMED));
    }
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}
