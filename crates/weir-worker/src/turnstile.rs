//! Sessions that wait for room for a connection to a backend.
//!
//! Who found no room finds none before something has changed, so nobody tries before. Must not
//! know: sessions, backends.

use std::collections::VecDeque;

use weir_base::Key;

/// What there is room for depends on these counts.
pub(crate) type Room = [usize; 4];

/// At most one place for each session.
#[derive(Default)]
pub(crate) struct Turnstile {
    keys: VecDeque<Key>,
    /// What there was when somebody found no room.
    seen: Room,
}

impl Turnstile {
    /// A session has found no room in this.
    pub(crate) fn join(&mut self, session: Key, room: Room) {
        self.keys.push_back(session);
        self.seen = room;
    }

    /// A session goes. Those that have waited longest go first, so it is found near the front.
    pub(crate) fn leave(&mut self, session: Key) {
        if let Some(at) = self.keys.iter().position(|key| *key == session) {
            self.keys.remove(at);
        }
    }

    /// Somebody waits, and something has changed.
    pub(crate) fn moves(&self, room: Room) -> bool {
        !self.keys.is_empty() && self.seen != room
    }

    /// Who is to try: whoever waits longest.
    pub(crate) fn next(&mut self, room: Room) -> Option<Key> {
        if self.moves(room) { self.keys.pop_front() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_tries_before_something_has_changed() {
        let mut slab = weir_base::Slab::new(3);
        let keys: Vec<Key> = (0..3).filter_map(|n| slab.insert(n).ok()).collect();
        let mut line = Turnstile::default();
        for key in &keys {
            line.join(*key, [1; 4]);
        }
        assert_eq!(line.next([1; 4]), None);
        line.leave(keys[1]);
        assert_eq!(line.next([2; 4]), Some(keys[0]));
        line.join(keys[0], [2; 4]);
        assert_eq!(line.next([2; 4]), None, "it found no room either");
        assert_eq!(line.next([3; 4]), Some(keys[2]));
        assert_eq!(line.next([4; 4]), Some(keys[0]));
        assert!(!line.moves([5; 4]));
    }
}
