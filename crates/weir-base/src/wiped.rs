//! Bytes of which no copy stays in memory when they are done with.

use std::fmt;
use std::ops::Deref;

use zeroize::{Zeroize, Zeroizing};

/// A string of bytes that grows, and is zeroed wherever it was: when it moves to grow, when bytes
/// are taken from its front, when it is dropped.
///
/// For what may have a private key in it.
#[derive(Default)]
pub struct Wiped(Zeroizing<Vec<u8>>);

impl Wiped {
    /// None yet; room for that many.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(bytes)))
    }

    /// Adds bytes at the end.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Bytes that there is room for before it moves.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Takes away the first `n` bytes, or all. What is empty then holds no memory.
    pub fn skip(&mut self, n: usize) {
        if n == 0 {
            return;
        }
        let left = self.0.len().saturating_sub(n);
        if left == 0 {
            *self = Self::default();
            return;
        }
        self.0.copy_within(n.., 0);
        self.0[left..].zeroize();
        self.0.truncate(left);
    }

    fn make_room(&mut self, bytes: usize) {
        if self.0.capacity() - self.0.len() < bytes {
            let wanted = self.0.len().saturating_add(bytes).max(self.0.capacity() * 2);
            let mut longer = Self::with_capacity(wanted);
            longer.0.extend_from_slice(&self.0);
            *self = longer;
        }
    }
}

impl From<&[u8]> for Wiped {
    fn from(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

impl Extend<u8> for Wiped {
    fn extend<T: IntoIterator<Item = u8>>(&mut self, bytes: T) {
        let bytes = bytes.into_iter();
        self.make_room(bytes.size_hint().0);
        for byte in bytes {
            self.make_room(1);
            self.0.push(byte);
        }
    }
}

impl Deref for Wiped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Wiped {
    fn eq(&self, other: &T) -> bool {
        **self == *other.as_ref()
    }
}

impl fmt::Debug for Wiped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wiped({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_kept_in_order_while_they_come_and_go() {
        let mut bytes = Wiped::with_capacity(2);
        bytes.extend_from_slice(b"abc");
        bytes.extend(*b"defgh");
        bytes.skip(2);
        assert_eq!(&*bytes, b"cdefgh");
        bytes.skip(6);
        assert!(bytes.is_empty() && bytes.capacity() == 0);
        bytes.extend_from_slice(b"x");
        bytes.skip(7);
        assert!(bytes.is_empty());
    }
}
