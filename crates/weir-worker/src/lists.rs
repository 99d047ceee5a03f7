//! Lists of addresses, and who is served by them.
//!
//! Whoever names a list looks it up when somebody comes, so a change of it is seen by the next.
//!
//! Invariant: main names no list that is not there; if one is missing all the same, nobody is in
//! it.

use std::net::IpAddr;

use hashbrown::HashMap;
use weir_base::{Cidr, CidrSet};
use weir_control::change::{block_hash, list_hash};
use weir_control::order::ListOrder;
use weir_control::state::Access;

/// Lists by name, each with the sum of the hashes of itself and its blocks.
#[derive(Default)]
pub(crate) struct Lists(HashMap<String, (CidrSet, u64), foldhash::fast::RandomState>);

/// How a list changes, with the hash of each block: that is what takes long.
pub(crate) struct ListUpdate {
    name: String,
    add: Vec<(Cidr, u64)>,
    remove: Vec<(Cidr, u64)>,
}

impl ListUpdate {
    pub(crate) fn new(order: ListOrder) -> Self {
        let ListOrder { name, add, remove } = order;
        let hashed = |blocks: Vec<Cidr>| {
            let hash = |block: Cidr| (block, block_hash(&name, &block));
            blocks.into_iter().map(hash).collect()
        };
        let (add, remove) = (hashed(add), hashed(remove));
        Self { name, add, remove }
    }
}

impl Lists {
    /// Whether somebody is served.
    pub(crate) fn admit(&self, access: &Access, address: IpAddr) -> bool {
        if access.is_open() {
            return true;
        }
        let allowed = access.allow.is_empty() || self.have(&access.allow, address);
        allowed && !self.have(&access.deny, address)
    }

    /// Whether somebody's PROXY protocol header is believed.
    pub(crate) fn trust(&self, sources: &[String], address: IpAddr) -> bool {
        sources.is_empty() || self.have(sources, address)
    }

    /// Whether somebody is in one of these.
    fn have(&self, names: &[String], address: IpAddr) -> bool {
        let has = |name| self.0.get(name).is_some_and(|(set, _)| set.contains(address));
        names.iter().any(has)
    }

    /// Changes a list; what that adds to the sum of hashes.
    pub(crate) fn change(&mut self, update: ListUpdate) -> u64 {
        let before = self.0.get(&update.name).map_or(0, |(_, hash)| *hash);
        let make = || (CidrSet::default(), list_hash(&update.name));
        let (set, hash) = self.0.entry_ref(&update.name).or_insert_with(make);
        let gone = update.remove.into_iter().filter(|(block, _)| set.remove(*block));
        *hash = gone.fold(*hash, |sum, (_, hash)| sum.wrapping_sub(hash));
        let new = update.add.into_iter().filter(|(block, _)| set.insert(*block));
        *hash = new.fold(*hash, |sum, (_, hash)| sum.wrapping_add(hash));
        hash.wrapping_sub(before)
    }

    /// Removes a list; what that adds to the sum of hashes.
    pub(crate) fn remove(&mut self, name: &str) -> u64 {
        self.0.remove(name).map_or(0, |(_, hash)| 0_u64.wrapping_sub(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(name: &str, add: &[&str], remove: &[&str]) -> ListUpdate {
        let blocks = |texts: &[&str]| {
            texts.iter().map(|text| text.parse().expect("a block")).collect::<Vec<Cidr>>()
        };
        let (add, remove) = (blocks(add), blocks(remove));
        ListUpdate::new(ListOrder { name: name.to_owned(), add, remove })
    }

    #[test]
    fn deny_wins_and_allow_leaves_out_everybody_else() {
        let mut lists = Lists::default();
        lists.change(update("in", &["10.0.0.0/8"], &[]));
        lists.change(update("out", &["10.1.0.0/16", "2001:db8::/32"], &[]));
        let (allow, deny) = (vec!["in".to_owned()], vec!["out".to_owned()]);
        let both = Access { allow, deny: deny.clone() };
        let only_deny = Access { allow: Vec::new(), deny };
        let ask = |lists: &Lists, access: &Access, address: &str| {
            lists.admit(access, address.parse().expect("an address"))
        };
        assert!(ask(&lists, &both, "10.2.0.1") && ask(&lists, &both, "::ffff:10.2.0.1"));
        assert!(!ask(&lists, &both, "10.1.0.1") && !ask(&lists, &both, "192.0.2.1"));
        assert!(ask(&lists, &only_deny, "192.0.2.1") && !ask(&lists, &only_deny, "2001:db8::1"));
        assert!(ask(&lists, &Access::default(), "10.1.0.1"));
        let trust = |names: &[String], address: &str| {
            lists.trust(names, address.parse().expect("an address"))
        };
        assert!(trust(&both.allow, "10.2.0.1") && !trust(&both.allow, "192.0.2.1"));
        assert!(trust(&[], "192.0.2.1"), "none is named");
        lists.remove("in");
        assert!(!ask(&lists, &both, "10.2.0.1"), "nobody is in a list that is missing");
    }

    #[test]
    fn what_changes_add_to_the_sum_is_what_the_lists_are() {
        let mut lists = Lists::default();
        let mut sum = lists.change(update("a", &["10.0.0.0/8", "10.0.0.0/8"], &[]));
        sum = sum.wrapping_add(lists.change(update("a", &["::/0"], &["10.0.0.0/8"])));
        let alone = Lists::default().change(update("a", &["::/0"], &[]));
        assert_eq!(sum, alone);
        assert_eq!(sum.wrapping_add(lists.remove("a")), 0);
    }
}
