//! A range of a buffer, small enough to keep many.

/// `len` bytes from `start` of the buffer that holds the head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Number of bytes.
    pub len: u32,
}

impl Span {
    /// The range `start..end` of a buffer; buffers are far smaller than 4 GiB.
    #[inline]
    pub const fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= u32::MAX as usize);
        Self { start: start as u32, len: (end - start) as u32 }
    }

    /// One past the last byte.
    pub const fn end(self) -> usize {
        self.start as usize + self.len as usize
    }

    /// True when it covers nothing.
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The bytes it covers; empty if it does not lie in `buffer`.
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.start as usize..self.end()).unwrap_or_default()
    }
}
