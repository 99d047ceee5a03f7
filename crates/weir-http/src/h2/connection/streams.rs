//! The open streams of a connection, by number.

use super::super::flow::Window;
use super::super::stream::State;

/// An open stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: u32,
    pub(super) state: State,
    /// We may send that much.
    pub(super) send: Window,
    /// The peer may send that much.
    pub(super) receive: Window,
    /// Bytes that were read and not given back.
    pub(super) credit: u32,
    /// Bytes that the body still has, by its `content-length`.
    pub(super) expected: Option<u64>,
    /// A final response has begun.
    pub(super) responded: bool,
    /// A response has no body, whatever its length.
    pub(super) head_only: bool,
}

/// At most as many as were announced; in the order of their numbers.
#[derive(Debug)]
pub(super) struct Streams {
    list: Vec<Stream>,
    most: usize,
}

impl Streams {
    pub(super) fn new(most: usize) -> Self {
        Self { list: Vec::new(), most }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= self.most
    }

    /// Its number is higher than all others'.
    pub(super) fn insert(&mut self, stream: Stream) {
        debug_assert!(self.list.last().is_none_or(|last| last.id < stream.id));
        self.list.push(stream);
    }

    pub(super) fn get(&self, id: u32) -> Option<&Stream> {
        let at = self.list.binary_search_by_key(&id, |stream| stream.id).ok()?;
        self.list.get(at)
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Stream> {
        let at = self.list.binary_search_by_key(&id, |stream| stream.id).ok()?;
        self.list.get_mut(at)
    }

    pub(super) fn remove(&mut self, id: u32) {
        if let Ok(at) = self.list.binary_search_by_key(&id, |stream| stream.id) {
            self.list.remove(at);
        }
        if self.list.is_empty() {
            self.list = Vec::new();
        }
    }

    /// Forgets those with higher numbers.
    pub(super) fn truncate(&mut self, last: u32) {
        let kept = self.list.partition_point(|stream| stream.id <= last);
        self.list.truncate(kept);
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.list.iter_mut()
    }
}
