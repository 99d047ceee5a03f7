//! Where a record ends, among others that wait.

/// How records are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Each ends with a newline, its only one.
    #[default]
    Lines,
    /// Each begins with its length, a varint, and ends with two zero bytes.
    Delimited,
}

impl Framing {
    /// The first of some records; all bytes when its end is not among them.
    pub(crate) fn first(self, records: &[u8]) -> &[u8] {
        match self {
            Self::Lines => records.split_inclusive(|&byte| byte == b'\n').next().unwrap_or(records),
            Self::Delimited => records.get(..delimited_bytes(records)).unwrap_or(records),
        }
    }

    /// The first `most` bytes; of lines, no part of one behind the last that they hold.
    pub(crate) fn within(self, records: &[u8], most: usize) -> &[u8] {
        let Some(first) = records.get(..most) else { return records };
        match (self, first.iter().rposition(|&byte| byte == b'\n')) {
            (Self::Lines, Some(end)) => &first[..=end],
            _ => first,
        }
    }

    /// How much of a record is left behind the first `n` bytes, of which `left` end a record.
    pub(crate) fn left_behind(self, records: &[u8], left: usize, n: usize) -> usize {
        if self == Self::Lines && n > 0 && records[n - 1] == b'\n' {
            return 0;
        }
        let mut end = left;
        while end < n {
            end += self.first(&records[end..]).len();
        }
        end - n
    }
}

/// Bytes of a record, with its length and the two zeros.
fn delimited_bytes(record: &[u8]) -> usize {
    let mut length = 0;
    for (at, &byte) in record.iter().take(5).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return at + 1 + length + 2;
        }
    }
    record.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_found_among_others() {
        let long = [&[0x90, 0x01][..], &[b'\n'; 144], &[0, 0]].concat();
        let records = [b"\x02\n\n\0\0", &long[..], b"\x01a\0\0"].concat();
        let first = Framing::Delimited.first(&records);
        assert_eq!(first, b"\x02\n\n\0\0");
        assert_eq!(Framing::Delimited.first(&records[5..]), long);
        assert_eq!(Framing::Delimited.left_behind(&records, 0, 5), 0);
        assert_eq!(Framing::Delimited.left_behind(&records, 0, 6), long.len() - 1);
        assert_eq!(Framing::Delimited.left_behind(&records[6..], long.len() - 1, 3), 144);
        assert_eq!(Framing::Lines.first(b"ab\nc\n"), b"ab\n");
        assert_eq!(Framing::Lines.left_behind(b"ab\ncd\n", 0, 4), 2);
        assert_eq!(Framing::Lines.left_behind(b"d\nef\n", 2, 1), 1);
    }

    #[test]
    fn what_is_written_at_once_ends_with_a_line() {
        assert_eq!(Framing::Lines.within(b"ab\ncd\nef\n", 7), b"ab\ncd\n");
        assert_eq!(Framing::Lines.within(b"ab\ncd\n", 6), b"ab\ncd\n");
        assert_eq!(Framing::Lines.within(b"abcdef\n", 4), b"abcd", "a line is longer than that");
        assert_eq!(Framing::Delimited.within(b"\x02\n\n\0\0\x01a", 6), b"\x02\n\n\0\0\x01");
    }
}
