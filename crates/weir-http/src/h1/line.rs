//! The lines of a head, RFC 9112 §2.2 and §5: what requests, responses and trailers share.

use memchr::memchr;

use super::HeadError;
use crate::message::{Field, FieldName, Fields, Span, bytes};

/// What bounds a head, besides the capacity of its [`Fields`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of a head, its empty line included.
    pub head_bytes: usize,
    /// Bytes of a request target.
    pub target_bytes: usize,
}

/// Whether parsing a head again can find more than last time: the bytes from `fresh` on are new.
///
/// A head that trickles in byte by byte is then parsed once per line, and the number of lines is
/// bounded by the capacity of [`Fields`].
pub fn is_worth_parsing(buf: &[u8], fresh: usize, limits: &HeadLimits) -> bool {
    fresh == 0
        || buf.len() >= limits.head_bytes
        || memchr(b'\n', buf.get(fresh..).unwrap_or_default()).is_some()
}

/// Why a parser stops before the end of what it parses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt<E> {
    /// The bytes seen so far are right, and end too early.
    More,
    /// A rule is broken.
    Broken(E),
}

impl<E> From<E> for Halt<E> {
    fn from(error: E) -> Self {
        Self::Broken(error)
    }
}

impl<E> Halt<E> {
    /// The same with another error.
    pub(super) fn lift<F: From<E>>(self) -> Halt<F> {
        match self {
            Self::More => Halt::More,
            Self::Broken(error) => Halt::Broken(error.into()),
        }
    }
}

/// The part of `buf` that a head may occupy.
pub(super) fn window<'a>(buf: &'a [u8], limits: &HeadLimits) -> &'a [u8] {
    buf.get(..limits.head_bytes).unwrap_or(buf)
}

/// What a parser of a head found, with regard to the room that the head had.
pub(super) fn settle<T, E: From<HeadError>>(
    found: Result<T, Halt<E>>,
    buf: &[u8],
    limits: &HeadLimits,
) -> Result<Option<T>, E> {
    match found {
        Ok(head) => Ok(Some(head)),
        Err(Halt::Broken(error)) => Err(error),
        Err(Halt::More) if buf.len() >= limits.head_bytes => Err(HeadError::TooLarge.into()),
        Err(Halt::More) => Ok(None),
    }
}

/// The end of a line that is due at `at`: the offset of the next line. `otherwise` is the rule
/// that any other byte breaks.
#[inline]
pub(super) fn line_end<E: From<HeadError>>(
    bytes: &[u8],
    at: usize,
    otherwise: E,
) -> Result<usize, Halt<E>> {
    match bytes.get(at..).unwrap_or_default() {
        [b'\r', b'\n', ..] => Ok(at + 2),
        [] | [b'\r'] => Err(Halt::More),
        [b'\r', ..] => Err(Halt::Broken(HeadError::BareCr.into())),
        [b'\n', ..] => Err(Halt::Broken(HeadError::BareLf.into())),
        [..] => Err(Halt::Broken(otherwise)),
    }
}

/// Reads field lines from `at` through the empty line into `fields`, and shows each to `note`.
/// Answers the offset after the empty line.
#[inline]
pub(super) fn section(
    bytes: &[u8],
    mut at: usize,
    fields: &mut Fields,
    mut note: impl FnMut(&mut Field) -> Result<(), HeadError>,
) -> Result<usize, Halt<HeadError>> {
    loop {
        match bytes.get(at) {
            None => return Err(Halt::More),
            Some(b'\r' | b'\n') => return line_end(bytes, at, HeadError::BareCr),
            Some(_) => {
                let (mut field, next) = field_line(bytes, at)?;
                note(&mut field)?;
                if !fields.push(field) {
                    return Err(HeadError::TooManyFields.into());
                }
                at = next;
            }
        }
    }
}

/// The field line at `at`, and the offset of the next line.
#[inline(always)]
pub(super) fn field_line(bytes: &[u8], at: usize) -> Result<(Field, usize), Halt<HeadError>> {
    let colon = bytes::token_end(bytes, at);
    match bytes.get(colon) {
        Some(b':') if colon > at => {}
        other => return Err(name_fault(bytes, at, colon, other.copied())),
    }
    let start = skip_blanks(bytes, colon + 1);
    let end = bytes::find_control(bytes, start);
    let (end, next) = match bytes.get(end..end + 2) {
        Some(b"\r\n") => (end, end + 2),
        _ => value_end(bytes, end)?,
    };
    let name = Span::new(at, colon);
    let field = Field {
        kind: FieldName::recognise(name.of(bytes)),
        hop: false,
        name,
        value: Span::new(start, trim_blanks(bytes, start, end)),
    };
    Ok((field, next))
}

/// The end of a value that has a control at `at`, and the offset of the next line.
#[cold]
fn value_end(bytes: &[u8], mut at: usize) -> Result<(usize, usize), Halt<HeadError>> {
    while bytes.get(at) == Some(&b'\t') {
        at = bytes::find_control(bytes, at + 1);
    }
    Ok((at, line_end(bytes, at, HeadError::ValueByte)?))
}

/// The rule that the name of a field breaks; it starts at `at` and its token ends at `end`.
#[cold]
fn name_fault(bytes: &[u8], at: usize, end: usize, found: Option<u8>) -> Halt<HeadError> {
    let error = match found {
        None => return Halt::More,
        Some(b' ' | b'\t') if end == at => HeadError::Folded,
        Some(b' ' | b'\t') => HeadError::SpaceBeforeColon,
        Some(b':') => HeadError::EmptyName,
        Some(b'\r' | b'\n') => {
            return match line_end(bytes, end, HeadError::NoColon) {
                Ok(_) => HeadError::NoColon.into(),
                Err(halt) => halt,
            };
        }
        Some(_) => HeadError::NameByte,
    };
    error.into()
}

#[inline]
fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|&byte| bytes::is_blank(byte)) {
        at += 1;
    }
    at
}

#[inline]
fn trim_blanks(bytes: &[u8], start: usize, mut end: usize) -> usize {
    while end > start && bytes::is_blank(bytes[end - 1]) {
        end -= 1;
    }
    end
}
