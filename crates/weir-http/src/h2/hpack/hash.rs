//! A hash of strings, for tables whose searches look at a fixed number of places.
//!
//! It has no secret: whoever makes fields collide makes them compress worse, and nothing else.

use super::words::{short, upper_bits};

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// The hash of `text` after what `seed` is the hash of.
pub(super) const fn hash(seed: u64, text: &[u8]) -> u64 {
    folded::<0>(seed, text)
}

/// The hash of a name, the same in upper and in lower case.
pub(super) const fn hash_name(name: &[u8]) -> u64 {
    folded::<{ upper_bits() }>(0, name)
}

/// The hash of `text` with the bits of `SET` set in each word of it.
const fn folded<const SET: u64>(seed: u64, text: &[u8]) -> u64 {
    let mut state = mix(seed ^ text.len() as u64);
    let mut rest = text;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        state = mix(state ^ (u64::from_le_bytes(*word) | SET));
        rest = after;
    }
    if rest.is_empty() {
        return state;
    }
    let word = match text.last_chunk::<8>() {
        // Some bytes count twice: one read is cheaper than to put the last ones together.
        Some(last) => u64::from_le_bytes(*last),
        None => short(rest),
    };
    mix(state ^ (word | SET))
}

/// Spreads every bit over all of them.
const fn mix(word: u64) -> u64 {
    let product = (word ^ MULTIPLIER) as u128 * 0xd6e8_feb8_6659_fd93;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn texts_that_look_alike_differ() {
        let mut hashes = HashSet::new();
        for len in 0..40 {
            let mut text = vec![b'a'; len];
            assert!(hashes.insert(hash(0, &text)), "{len}");
            for at in 0..len {
                text[at] = b'b';
                assert!(hashes.insert(hash(0, &text)), "{len} {at}");
                text[at] = b'a';
            }
        }
        assert_ne!(hash(hash(0, b"a"), b"bc"), hash(hash(0, b"ab"), b"c"));
        assert_eq!(hash_name(b"Content-Type"), hash_name(b"content-type"));
        assert_ne!(hash_name(b"content-type"), hash_name(b"content-typo"));
    }
}
