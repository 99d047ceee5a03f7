//! Finding backends by a text that they have: their id, or the value of their cookie.

use weir_base::{Key, Slab};

use crate::backend::{Backend, Spec};

/// Backends that may get requests, sorted by a text: a look-up is a binary search. Backends may
/// share a text. One that comes or goes moves the keys behind its place, 8 bytes each.
#[derive(Debug)]
pub(crate) struct Index {
    text: fn(&Spec) -> &str,
    keys: Vec<Key>,
}

impl Index {
    /// Nobody yet; `text` says what they are found by.
    pub(crate) fn by(text: fn(&Spec) -> &str) -> Self {
        Self { text, keys: Vec::new() }
    }

    /// Adds a backend that is in `backends`.
    pub(crate) fn insert(&mut self, backends: &Slab<Backend>, key: Key) {
        if let Some(backend) = backends.get(key) {
            let place = self.place(backends, (self.text)(&backend.spec).as_bytes());
            self.keys.insert(place, key);
        }
    }

    /// Forgets a backend that still has the text that it was added with.
    pub(crate) fn remove(&mut self, backends: &Slab<Backend>, key: Key) {
        let Some(backend) = backends.get(key) else { return };
        let first = self.place(backends, (self.text)(&backend.spec).as_bytes());
        if let Some(at) = self.keys[first..].iter().position(|other| *other == key) {
            self.keys.remove(first + at);
        }
    }

    /// Every backend with this text.
    pub(crate) fn matching<'a>(
        &'a self,
        backends: &'a Slab<Backend>,
        text: &[u8],
    ) -> impl Iterator<Item = (Key, &'a Backend)> {
        self.keys[self.place(backends, text)..]
            .iter()
            .filter_map(|key| Some((*key, backends.get(*key)?)))
            .take_while(move |(_, backend)| (self.text)(&backend.spec).as_bytes() == text)
    }

    /// Index of the first backend whose text is not below `text`.
    fn place(&self, backends: &Slab<Backend>, text: &[u8]) -> usize {
        let below =
            |key: &Key| backends.get(*key).is_some_and(|b| (self.text)(&b.spec).as_bytes() < text);
        self.keys.partition_point(below)
    }
}
