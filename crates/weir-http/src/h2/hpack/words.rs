//! Strings eight bytes at a time.

/// A byte in each place of a word.
const EACH: u64 = 0x0101_0101_0101_0101;

/// The bit that tells a letter in lower case from one in upper case, in each byte of a word.
pub(super) const fn upper_bits() -> u64 {
    0x20 * EACH
}

/// A string of at most seven bytes as a word; some of its bytes may be in it twice.
pub(super) const fn short(text: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        return u32::from_le_bytes(*first) as u64 | (u32::from_le_bytes(*last) as u64) << 32;
    }
    let [first, .., last] = text else {
        return if let [only] = text { *only as u64 } else { 0 };
    };
    *first as u64 | (text[text.len() / 2] as u64) << 8 | (*last as u64) << 16
}

/// A word with its letters in lower case.
const fn lower_word(word: u64) -> u64 {
    // The highest bit of each byte: whether it is a letter or beyond, as far as its other bits say.
    let low = word & (0x7f * EACH);
    let from_a = low + (0x80 - b'A' as u64) * EACH;
    let past_z = low + (0x7f - b'Z' as u64) * EACH;
    let upper = from_a & !past_z & !word & (0x80 * EACH);
    word | upper >> 2
}

/// Puts a string into lower case.
pub(super) fn lower(text: &mut [u8]) {
    let (words, rest) = text.as_chunks_mut::<8>();
    for word in words {
        *word = lower_word(u64::from_le_bytes(*word)).to_le_bytes();
    }
    rest.make_ascii_lowercase();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_case_is_that_of_every_byte() {
        for len in 1..20 {
            for byte in 0..=255 {
                for at in 0..len {
                    let mut text = vec![b'Q'; len];
                    text[at] = byte;
                    let wanted = text.to_ascii_lowercase();
                    lower(&mut text);
                    assert_eq!(text, wanted);
                }
            }
        }
    }
}
