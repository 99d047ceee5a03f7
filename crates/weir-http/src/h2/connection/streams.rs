//! What a connection keeps of an open stream.

use super::super::flow::Window;
use super::super::stream::State;

/// An open stream.
#[derive(Debug)]
pub(super) struct Stream {
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
