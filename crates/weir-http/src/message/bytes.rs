//! Byte classes of HTTP grammar, RFC 9110 §5.6 and RFC 3986 §3.2.2, as one table; and the scans
//! that use them.
//!
//! A scan answers the offset of the first byte that does not belong, or the length of the slice.

const TOKEN: u8 = 1;
const HOST: u8 = 2;
const SMALL: u8 = 4;

static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        let mark = matches!(b, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'^' | b'`' | b'|' | b'~');
        let host = b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if host || mark {
            table[byte] |= TOKEN;
            if !b.is_ascii_uppercase() {
                table[byte] |= SMALL;
            }
        }
        if host {
            table[byte] |= HOST;
        }
        byte += 1;
    }
    table
}

/// Optional whitespace: space or tab.
#[inline]
pub(crate) const fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// From `at`, the first byte that is no token character.
#[inline]
pub(crate) fn token_end(bytes: &[u8], at: usize) -> usize {
    class_end(bytes, at, TOKEN)
}

/// From `at`, the first byte that is no token character, or a capital letter.
#[inline]
pub(crate) fn small_token_end(bytes: &[u8], at: usize) -> usize {
    class_end(bytes, at, SMALL)
}

/// From `at`, the first byte that cannot be in a registered name.
#[inline]
pub(crate) fn host_end(bytes: &[u8], at: usize) -> usize {
    class_end(bytes, at, HOST)
}

/// The steps within a word are unrolled: names are short, and a loop costs more than the look-up.
#[inline]
fn class_end(bytes: &[u8], mut at: usize, class: u8) -> usize {
    let (words, tail) = bytes.get(at..).unwrap_or_default().as_chunks::<8>();
    for word in words {
        for (index, &byte) in word.iter().enumerate() {
            if CLASS[byte as usize] & class == 0 {
                return at + index;
            }
        }
        at += 8;
    }
    let is_other = |&byte: &u8| CLASS[byte as usize] & class == 0;
    at + tail.iter().position(is_other).unwrap_or(tail.len())
}

/// From `at`, the first control: below 0x20 (a tab too) or 0x7f.
pub(crate) fn find_control(bytes: &[u8], at: usize) -> usize {
    find(bytes, at, |byte| (byte < 0x20) | (byte == 0x7f))
}

/// From `at`, the first byte that is not a visible ASCII character other than `#`.
pub(crate) fn target_end(bytes: &[u8], at: usize) -> usize {
    find(bytes, at, |byte| (byte <= b' ') | (byte >= 0x7f) | (byte == b'#'))
}

/// Sixteen bytes at a time, without a branch among them: the compiler has vector instructions for
/// that.
#[inline]
fn find(bytes: &[u8], at: usize, is_end: impl Fn(u8) -> bool) -> usize {
    let any = |block: &[u8; 16]| block.iter().fold(false, |any, &byte| any | is_end(byte));
    let (blocks, tail) = bytes.get(at..).unwrap_or_default().as_chunks();
    let mut at = at;
    for block in blocks {
        if any(block) {
            return at + (marks(block, &is_end).trailing_zeros() / 8) as usize;
        }
        at += 16;
    }
    match bytes.last_chunk() {
        // The last sixteen bytes, of which the first are known.
        Some(block) if !tail.is_empty() => {
            let marks = marks(block, &is_end) >> (8 * (16 - tail.len()));
            at + tail.len().min((marks.trailing_zeros() / 8) as usize)
        }
        _ => at + tail.iter().position(|&byte| is_end(byte)).unwrap_or(tail.len()),
    }
}

/// All bits of each byte that ends the scan.
#[inline(always)]
fn marks(block: &[u8; 16], is_end: impl Fn(u8) -> bool) -> u128 {
    u128::from_le_bytes(block.map(|byte| if is_end(byte) { 0xff } else { 0 }))
}

/// Whether a token is `known`, which consists of small letters, digits and `-`; case does not
/// matter. In a token, nothing else becomes equal to these when bit 5 is set.
#[inline]
pub(crate) fn token_is<const N: usize>(token: &[u8], known: &[u8; N]) -> bool {
    <&[u8; N]>::try_from(token).is_ok_and(|token| {
        let differ = |(a, b): (&u8, &u8)| (a | 0x20) ^ b;
        token.iter().zip(known).map(differ).fold(0, |all, one| all | one) == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each byte value, at each place of a word and in a tail, against the plain definition.
    fn agrees(scan: impl Fn(&[u8], usize) -> usize, stops: impl Fn(u8) -> bool) {
        for byte in 0..=255u8 {
            for neighbour in [b'a', 0xff, 0x80, b'~', b'"', b'!'] {
                for place in 0..21 {
                    let mut bytes = [neighbour; 21];
                    bytes[place] = byte;
                    let expected = bytes.iter().position(|&b| stops(b)).unwrap_or(21);
                    assert_eq!(scan(&bytes, 0), expected, "{byte:#x} at {place}");
                }
            }
        }
    }

    #[test]
    fn controls_are_found_wherever_they_are() {
        agrees(find_control, |b| b < 0x20 || b == 0x7f);
    }

    #[test]
    fn targets_are_visible_ascii_without_fragment() {
        agrees(target_end, |b| !b.is_ascii_graphic() || b == b'#');
    }

    #[test]
    fn tokens_are_those_of_rfc_9110() {
        let marks = b"!#$%&'*+-.^_`|~";
        agrees(token_end, |b| !(b.is_ascii_alphanumeric() || marks.contains(&b)));
        let small = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || marks.contains(&b);
        agrees(small_token_end, |b| !small(b));
    }

    #[test]
    fn tokens_compare_without_case() {
        assert!(token_is(b"Keep-Alive", b"keep-alive"));
        assert!(!token_is(b"Keep-Alive", b"keep-alive2"));
        for byte in (0..=255u8).filter(|&byte| token_end(&[byte], 0) == 1) {
            let same = byte.eq_ignore_ascii_case(&b'x');
            assert_eq!(token_is(&[b'a', byte], b"ax"), same, "{byte:#x}");
            assert_eq!(token_is(&[b'a', byte], b"a-"), byte == b'-', "{byte:#x}");
        }
    }

    #[test]
    fn a_scan_starts_where_it_is_told() {
        assert_eq!(find_control(b"\r\nabc\r\n", 2), 5);
        assert_eq!(find_control(b"abc", 3), 3);
        assert_eq!(find_control(b"abc", 9), 9);
    }
}
