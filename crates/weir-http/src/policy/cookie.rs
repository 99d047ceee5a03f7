//! The sticky-session cookie in `Cookie` fields, RFC 6265 §4.2, read with leniency: blanks around
//! names and values do not matter, quotes do not protect a semicolon (§5.4 and what servers do).

use crate::message::{Field, FieldName, FieldSink, Fields};

/// The value of the cookie `name`, if the request has it; the first one counts.
pub fn sticky_cookie<'a>(fields: &Fields, buffer: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let lines = fields.as_slice().iter().filter(|field| field.kind == FieldName::Cookie);
    let mut pairs = lines.flat_map(|field| field.value.of(buffer).split(is_semicolon));
    pairs.find_map(|pair| value_of(pair, name))
}

/// Runs of cookies that one line is made of; what is behind more comes in a line of its own. It
/// takes as many copies of the sticky cookie to get there.
const RUNS: usize = 8;

/// Emits a `Cookie` line without the cookie `name`, every other byte as it was; nothing if no other
/// cookie is in it.
pub(super) fn strip<S: FieldSink>(buffer: &[u8], field: &Field, name: &[u8], sink: &mut S) {
    let value = field.value.of(buffer);
    if !value.split(is_semicolon).any(|pair| value_of(pair, name).is_some()) {
        return sink.received(buffer, field);
    }
    let mut runs = Runs { parts: [b""; 2 * RUNS], used: 0, name: field.name.of(buffer), sink };
    let mut start = 0;
    let mut at = 0;
    for pair in value.split(is_semicolon) {
        let end = at + pair.len();
        if value_of(pair, name).is_some() {
            runs.push(&value[start..at]);
            start = value.len().min(end + 1);
        }
        at = end + 1;
    }
    runs.push(&value[start..]);
    runs.flush();
}

/// Collects the runs of one line.
struct Runs<'a, S> {
    parts: [&'a [u8]; 2 * RUNS],
    used: usize,
    name: &'a [u8],
    sink: &'a mut S,
}

impl<'a, S: FieldSink> Runs<'a, S> {
    fn push(&mut self, run: &'a [u8]) {
        let run = run.trim_ascii();
        let run = run.strip_suffix(b";").unwrap_or(run).trim_ascii_end();
        if run.is_empty() {
            return;
        }
        if self.used == self.parts.len() {
            self.flush();
        }
        self.parts[self.used] = if self.used == 0 { b"" } else { b"; " };
        self.parts[self.used + 1] = run;
        self.used += 2;
    }

    fn flush(&mut self) {
        if self.used > 0 {
            self.sink.field(self.name, &self.parts[..self.used]);
            self.used = 0;
        }
    }
}

fn is_semicolon(byte: &u8) -> bool {
    *byte == b';'
}

fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, value) = pair.split_at(memchr::memchr(b'=', pair)?);
    (found.trim_ascii() == name).then(|| value[1..].trim_ascii())
}

#[cfg(test)]
mod tests;
