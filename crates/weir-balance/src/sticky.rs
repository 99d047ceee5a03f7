//! Finding a backend by the value of its sticky-session cookie.

use weir_base::{Key, Slab};

use crate::backend::Backend;

/// The backends that may get requests, sorted by [`crate::Spec::sticky_value`]: a look-up is a
/// binary search. Backends may share a value.
#[derive(Debug, Default)]
pub(crate) struct StickyIndex(Vec<Key>);

impl StickyIndex {
    /// Adds a backend that is in `backends`.
    pub(crate) fn insert(&mut self, backends: &Slab<Backend>, key: Key) {
        if let Some(backend) = backends.get(key) {
            let place = self.place(backends, backend.spec.sticky_value().as_bytes());
            self.0.insert(place, key);
        }
    }

    /// Forgets a backend.
    pub(crate) fn remove(&mut self, key: Key) {
        self.0.retain(|other| *other != key);
    }

    /// Every backend with this value.
    pub(crate) fn matching<'a>(
        &'a self,
        backends: &'a Slab<Backend>,
        value: &'a [u8],
    ) -> impl Iterator<Item = (Key, &'a Backend)> {
        self.0[self.place(backends, value)..]
            .iter()
            .filter_map(|key| Some((*key, backends.get(*key)?)))
            .take_while(move |(_, backend)| backend.spec.sticky_value().as_bytes() == value)
    }

    /// Index of the first backend whose value is not below `value`.
    fn place(&self, backends: &Slab<Backend>, value: &[u8]) -> usize {
        self.0.partition_point(|key| {
            backends.get(*key).is_some_and(|b| b.spec.sticky_value().as_bytes() < value)
        })
    }
}
