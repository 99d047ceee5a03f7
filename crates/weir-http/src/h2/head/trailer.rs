//! A trailer section, RFC 9113 §8.1: fields, and nothing else.

use super::lines::{self, Lines, check_name};
use super::{HeadFault, HeadLimits};

/// Collects the fields of a trailer section and writes their lines, without an empty one behind.
/// Which of them may be passed on is not decided here.
pub struct TrailerText<'a> {
    lines: Lines<'a>,
}

impl<'a> TrailerText<'a> {
    /// Writes to `out`, which is emptied.
    pub fn new(limits: HeadLimits, out: &'a mut Vec<u8>) -> Self {
        Self { lines: Lines::new(limits, out) }
    }

    /// The next field.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        self.lines.count(name, value)?;
        if name.starts_with(b":") {
            return Err(HeadFault::Trailer);
        }
        check_name(name)?;
        if lines::is_connection_specific(name) {
            return Err(HeadFault::ConnectionSpecific);
        }
        self.lines.line(name, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_are_fields_and_nothing_else() {
        let limits = HeadLimits { text: 20, list: 1_000, fields: 12 };
        let mut out = Vec::new();
        let mut text = TrailerText::new(limits, &mut out);
        assert_eq!(text.field(b"x-sum", b"1"), Ok(()));
        assert_eq!(text.field(b":path", b"/"), Err(HeadFault::Trailer));
        assert_eq!(text.field(b"X-Sum", b"1"), Err(HeadFault::Name));
        assert_eq!(text.field(b"upgrade", b"1"), Err(HeadFault::ConnectionSpecific));
        assert_eq!(text.field(b"x-more", b"much more"), Err(HeadFault::TooLarge));
        assert!(out.starts_with(b"x-sum: 1\r\n"));
    }
}
