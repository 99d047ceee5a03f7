//! Identities of sessions and requests: ULIDs, as text.

use std::fmt;

const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// 26 characters of Crockford's base 32: 48 bits of milliseconds, 80 bits of randomness. They sort
/// by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId([u8; 26]);

impl RequestId {
    /// From milliseconds since the Unix epoch, of which 48 bits are used (until the year 10889),
    /// and random bits, of which 80 are used.
    pub fn new(unix_millis: u64, random: u128) -> Self {
        let mut bits = u128::from(unix_millis) << 80 | random & ((1 << 80) - 1);
        let mut text = [0; 26];
        for digit in text.iter_mut().rev() {
            *digit = DIGITS[(bits & 31) as usize];
            bits >>= 5;
        }
        Self(text)
    }

    /// Of a text that was one's before.
    pub fn of_text(text: [u8; 26]) -> Self {
        Self(text)
    }

    /// Milliseconds since the Unix epoch when it was made.
    pub fn unix_millis(&self) -> u64 {
        let digit = |byte: u8| DIGITS.iter().position(|digit| *digit == byte).unwrap_or(0);
        self.0[..10].iter().fold(0, |bits, byte| bits << 5 | digit(*byte) as u64)
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8; 26] {
        &self.0
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_is_crockfords() {
        let cases = [
            (0, 0, "00000000000000000000000000"),
            (0, 0x1f, "0000000000000000000000000Z"),
            (1, u128::MAX, "0000000001ZZZZZZZZZZZZZZZZ"),
            (1_469_918_176_385, 0, "01ARYZ6S410000000000000000"),
            ((1 << 48) - 1, u128::MAX, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
            (1 << 48, 0, "00000000000000000000000000"),
        ];
        for (millis, random, text) in cases {
            assert_eq!(RequestId::new(millis, random).as_str(), text);
            assert_eq!(RequestId::new(millis, random).to_string(), text);
            assert_eq!(RequestId::new(millis, random).unix_millis(), millis % (1 << 48));
        }
    }

    proptest! {
        #[test]
        fn they_sort_by_time_then_randomness(
            a in (0..1u64 << 48, 0..1u128 << 80),
            b in (0..1u64 << 48, 0..1u128 << 80),
        ) {
            let (first, second) = (RequestId::new(a.0, a.1), RequestId::new(b.0, b.1));
            prop_assert_eq!(first.cmp(&second), a.cmp(&b));
            prop_assert_eq!(first.as_str().cmp(second.as_str()), a.cmp(&b));
        }
    }
}
