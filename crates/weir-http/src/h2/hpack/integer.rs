//! Integers with a prefix, RFC 7541 §5.1.

use super::HpackError;

/// Reads one whose prefix has `bits` bits of the first byte; what is left of the input.
///
/// # Errors
/// When it is not complete, or above 2^28: no length or index is.
#[inline]
pub(super) fn read(bits: u32, input: &[u8]) -> Result<(usize, &[u8]), HpackError> {
    let (first, mut rest) = input.split_first().ok_or(HpackError::Truncated)?;
    let most = (1_usize << bits) - 1;
    let mut value = usize::from(*first) & most;
    if value < most {
        return Ok((value, rest));
    }
    for shift in [0, 7, 14, 21] {
        let (byte, after) = rest.split_first().ok_or(HpackError::Truncated)?;
        rest = after;
        value += (usize::from(*byte) & 127) << shift;
        if byte & 128 == 0 {
            return Ok((value, rest));
        }
    }
    Err(HpackError::Integer)
}

/// Appends one, with the bits above its prefix.
#[inline]
pub(super) fn write(bits: u32, above: u8, value: usize, out: &mut Vec<u8>) {
    let most = (1_usize << bits) - 1;
    if value < most {
        out.push(above | value as u8);
        return;
    }
    out.push(above | most as u8);
    let mut rest = value - most;
    while rest >= 128 {
        out.push(128 | (rest & 127) as u8);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 7541 C.1
        for (bits, value, bytes) in [(5, 10, &[10][..]), (5, 1337, &[31, 154, 10]), (8, 42, &[42])]
        {
            let mut out = Vec::new();
            write(bits, 0, value, &mut out);
            assert_eq!(out, bytes);
            assert_eq!(read(bits, bytes), Ok((value, &[][..])));
        }
    }

    #[test]
    fn every_prefix_holds_every_value() {
        for bits in 1..=8 {
            for value in (0..70_000).chain([(1 << 28) - 1]) {
                let mut out = Vec::new();
                write(bits, 0, value, &mut out);
                assert_eq!(read(bits, &out), Ok((value, &[][..])));
            }
        }
        assert_eq!(read(5, &[31, 128, 128, 128, 128, 1]), Err(HpackError::Integer));
        assert_eq!(read(5, &[31, 128]), Err(HpackError::Truncated));
        assert_eq!(read(5, &[]), Err(HpackError::Truncated));
    }
}
