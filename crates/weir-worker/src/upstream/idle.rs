//! The idle connections of a worker by backend address, most recently used last.

use hashbrown::HashMap;
use weir_base::{Address, Key};

/// Keys of idle connections; at most `capacity`.
pub(super) struct Idle {
    by_address: HashMap<Address, Vec<Key>, foldhash::fast::RandomState>,
    len: usize,
    capacity: usize,
}

impl Idle {
    pub(super) fn new(capacity: usize) -> Self {
        Self { by_address: HashMap::default(), len: 0, capacity }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a connection; false when there is no room.
    pub(super) fn keep(&mut self, address: &Address, key: Key) -> bool {
        if self.len == self.capacity {
            return false;
        }
        self.by_address.entry_ref(address).or_default().push(key);
        self.len += 1;
        true
    }

    /// The most recently used connection to an address that will do.
    pub(super) fn take(
        &mut self,
        address: &Address,
        will_do: impl FnMut(&Key) -> bool,
    ) -> Option<Key> {
        let keys = self.by_address.get_mut(address)?;
        let at = keys.iter().rposition(will_do)?;
        self.len -= 1;
        Some(keys.remove(at))
    }

    /// Any connection, when a slot is needed for another address.
    pub(super) fn take_any(&mut self) -> Option<Key> {
        let address = self.by_address.iter().find(|(_, keys)| !keys.is_empty())?.0.clone();
        self.take(&address, |_| true)
    }

    /// Forgets a connection that ended. Addresses without connections are forgotten with it.
    pub(super) fn remove(&mut self, address: &Address, key: Key) {
        let Some(keys) = self.by_address.get_mut(address) else { return };
        if let Some(at) = keys.iter().position(|k| *k == key) {
            keys.remove(at);
            self.len -= 1;
        }
        if keys.is_empty() {
            self.by_address.remove(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn the_latest_comes_back_first_and_the_capacity_holds() {
        let [address, other] =
            [1, 2].map(|port| Address::from(SocketAddr::from(([127, 0, 0, 1], port))));
        let (address, other) = (&address, &other);
        let [a, b, c] = [1, 2, 3].map(Key::from_bits);
        let mut idle = Idle::new(2);
        assert!(idle.keep(address, a) && idle.keep(address, b));
        assert!(!idle.keep(other, c));
        assert_eq!(idle.take(other, |_| true), None);
        assert_eq!(idle.take(address, |_| true), Some(b));
        idle.remove(address, a);
        assert_eq!((idle.len, idle.take_any()), (0, None));
    }
}
