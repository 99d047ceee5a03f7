//! A response, RFC 9113 §8.3.2.

use super::lines::{self, Lines, check_name};
use super::{HeadFault, HeadLimits};

/// Collects the fields of a response and writes its text.
pub struct ResponseText<'a> {
    lines: Lines<'a>,
    status: Option<u16>,
    length: Option<u64>,
}

/// What a response says beside its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// `:status`
    pub status: u16,
    /// `content-length`
    pub length: Option<u64>,
}

impl<'a> ResponseText<'a> {
    /// Writes to `out`, which is emptied.
    pub fn new(limits: HeadLimits, out: &'a mut Vec<u8>) -> Self {
        Self { lines: Lines::new(limits, out), status: None, length: None }
    }

    /// The next field.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        self.lines.count(name, value)?;
        if name.starts_with(b":") {
            return self.pseudo(name, value);
        }
        check_name(name)?;
        if self.status.is_none() {
            return Err(HeadFault::Missing);
        }
        match name {
            _ if lines::is_connection_specific(name) => Err(HeadFault::ConnectionSpecific),
            b"content-length" => lines::length(&mut self.length, value, &mut self.lines),
            _ => self.lines.line(name, value),
        }
    }

    /// The last field was given.
    ///
    /// # Errors
    /// The rule that the head as a whole breaks.
    pub fn finish(mut self) -> Result<Answered, HeadFault> {
        let status = self.status.ok_or(HeadFault::Missing)?;
        self.lines.put(&[b"\r\n"])?;
        Ok(Answered { status, length: self.length })
    }

    /// A switch of protocols is none of HTTP/2 (RFC 9113 §8.6).
    fn pseudo(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        if name != b":status" || self.status.is_some() {
            return Err(HeadFault::Pseudo);
        }
        let digits = value.len() == 3 && value.iter().all(u8::is_ascii_digit);
        let text = str::from_utf8(value).ok().filter(|_| digits);
        let status = text.and_then(|text| text.parse().ok());
        let status = status.filter(|status| (100..1_000).contains(status) && *status != 101);
        self.status = Some(status.ok_or(HeadFault::Status)?);
        self.lines.put(&[b"HTTP/1.1 ", value, b" \r\n"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { text: 200, list: 1_000, fields: 12 };

    fn text(fields: &[(&str, &str)]) -> Result<(String, Answered), HeadFault> {
        let mut out = Vec::new();
        let mut text = ResponseText::new(LIMITS, &mut out);
        for (name, value) in fields {
            text.field(name.as_bytes(), value.as_bytes())?;
        }
        let answered = text.finish()?;
        Ok((String::from_utf8(out).unwrap(), answered))
    }

    #[test]
    fn a_response_becomes_the_text_of_one() {
        let fields = [(":status", "204"), ("content-length", "0"), ("set-cookie", "a=1")];
        let (text, answered) = text(&fields).unwrap();
        assert_eq!(text, "HTTP/1.1 204 \r\ncontent-length: 0\r\nset-cookie: a=1\r\n\r\n");
        assert_eq!(answered, Answered { status: 204, length: Some(0) });
    }

    #[test]
    fn whatever_breaks_a_rule_is_refused() {
        let ok = (":status", "200");
        for (fields, fault) in [
            (&[("server", "x")][..], HeadFault::Missing),
            (&[], HeadFault::Missing),
            (&[ok, ok], HeadFault::Pseudo),
            (&[(":path", "/")], HeadFault::Pseudo),
            (&[(":status", "101")], HeadFault::Status),
            (&[(":status", "20")], HeadFault::Status),
            (&[(":status", "099")], HeadFault::Status),
            (&[(":status", "+20")], HeadFault::Status),
            (&[ok, ("connection", "close")], HeadFault::ConnectionSpecific),
            (&[ok, ("Server", "x")], HeadFault::Name),
            (&[ok, ("server", "x\ny")], HeadFault::Value),
            (&[ok, ("content-length", "1"), ("content-length", "2")], HeadFault::Length),
        ] {
            assert_eq!(text(fields).err(), Some(fault), "{fields:?}");
        }
    }
}
