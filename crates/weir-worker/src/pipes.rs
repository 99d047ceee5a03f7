//! Pipes that move large bodies from socket to socket inside the kernel.

use weir_sys::Pipe;

/// Bodies with at least that many bytes to go are spliced: below it, two more system calls cost
/// more than the copy.
pub(crate) const SPLICE_MIN: u64 = 64 * 1024;

/// At most `limit` pipes, made when first needed and kept.
pub(crate) struct Pipes {
    free: Vec<Pipe>,
    made: usize,
    limit: usize,
    bytes: usize,
}

impl Pipes {
    pub(crate) fn new(limit: usize, bytes: usize) -> Self {
        Self { free: Vec::with_capacity(limit), made: 0, limit, bytes }
    }

    /// An empty pipe; `None` when all are in use or the kernel has none: the body is copied.
    pub(crate) fn take(&mut self) -> Option<Pipe> {
        if let Some(pipe) = self.free.pop() {
            return Some(pipe);
        }
        if self.made == self.limit {
            return None;
        }
        let pipe = Pipe::new(self.bytes).ok()?;
        self.made += 1;
        Some(pipe)
    }

    /// Gives a pipe back; one that still holds bytes is destroyed.
    pub(crate) fn give(&mut self, pipe: Pipe) {
        if pipe.is_empty() {
            self.free.push(pipe);
        } else {
            self.made -= 1;
        }
    }
}
