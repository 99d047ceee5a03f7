//! Text from outside, made harmless for a line.
//!
//! Only printable ASCII stays as it is. Every other byte becomes `\xNN`, and a backslash becomes
//! `\\`, so that what was received can be recovered and a terminal never obeys it: no control
//! byte, no C1 control or direction override hidden in UTF-8.

use crate::pen::Pen;

/// How one kind of text is shown.
pub(crate) trait Style {
    /// True when the byte must be written as an escape.
    fn is_escaped(byte: u8) -> bool;

    /// What a byte that is not escaped is shown as.
    fn shown(byte: u8) -> u8 {
        byte
    }

    /// A backslash is written as two, once more for a reader that takes two as one.
    const TWICE: bool = false;
}

/// Sentences: spaces are part of them.
pub(crate) struct Text;

/// One item of a list that is separated by spaces.
pub(crate) struct Word;

/// Inside the brackets of an access-log record.
pub(crate) struct Tags;

/// One item inside those brackets: its spaces become `_`.
pub(crate) struct Tag;

/// The inside of a string of JSON, whose value is then what [`Text`] is.
pub(crate) struct Json;

/// Between two quotes.
pub(crate) struct Quoted;

/// One item between spaces or quotes.
pub(crate) struct Item;

const fn is_unsafe(byte: u8) -> bool {
    (byte < b' ') | (byte > b'~') | (byte == b'\\')
}

/// Brackets become braces: the record's own brackets stay the only ones around its tags.
const fn braced(byte: u8) -> u8 {
    let bracket = (byte == b'[') | (byte == b']');
    byte + bracket as u8 * (b'{' - b'[')
}

impl Style for Text {
    fn is_escaped(byte: u8) -> bool {
        is_unsafe(byte)
    }
}

impl Style for Word {
    fn is_escaped(byte: u8) -> bool {
        is_unsafe(byte) | (byte == b' ')
    }
}

impl Style for Tags {
    fn is_escaped(byte: u8) -> bool {
        is_unsafe(byte)
    }

    fn shown(byte: u8) -> u8 {
        braced(byte)
    }
}

impl Style for Tag {
    fn is_escaped(byte: u8) -> bool {
        is_unsafe(byte)
    }

    fn shown(byte: u8) -> u8 {
        braced(byte) + u8::from(byte == b' ') * (b'_' - b' ')
    }
}

impl Style for Json {
    fn is_escaped(byte: u8) -> bool {
        is_unsafe(byte) | (byte == b'"')
    }

    const TWICE: bool = true;
}

impl Style for Quoted {
    fn is_escaped(byte: u8) -> bool {
        is_unsafe(byte) | (byte == b'"')
    }
}

impl Style for Item {
    fn is_escaped(byte: u8) -> bool {
        is_unsafe(byte) | (byte == b'"') | (byte == b' ')
    }
}

/// Bytes looked at together: one vector register.
const BLOCK: usize = 16;

/// Writes at most `max` bytes of `text`, made harmless; what is cut shows as `...`.
pub(crate) fn escape<S: Style>(text: &[u8], max: usize, pen: &mut Pen) {
    let cut = text.len() > max;
    let (blocks, rest) = text.get(..max).unwrap_or(text).as_chunks::<BLOCK>();
    for block in blocks {
        match shown::<S, BLOCK>(block) {
            Some(shown) => pen.block(&shown, BLOCK),
            None => escape_bytes::<S>(block, pen),
        }
    }
    escape_rest::<S>(rest, pen);
    if cut {
        pen.block(b"...", 3);
    }
}

/// Less than a block: as two words that overlap, since few bytes by themselves, or a call of
/// `memcpy`, take longer.
fn escape_rest<S: Style>(rest: &[u8], pen: &mut Pen) {
    if let (Some(first), Some(last)) = (rest.first_chunk(), rest.last_chunk()) {
        escape_both::<S, 8>(first, last, rest.len(), pen);
    } else if let (Some(first), Some(last)) = (rest.first_chunk(), rest.last_chunk()) {
        escape_both::<S, 4>(first, last, rest.len(), pen);
    } else if rest.iter().any(|byte| S::is_escaped(*byte)) {
        escape_bytes::<S>(rest, pen);
    } else {
        rest.iter().for_each(|byte| pen.byte(S::shown(*byte)));
    }
}

/// Writes `len` bytes that begin with `first` and end with `last`, with nothing between. With
/// anything to escape they are done again byte by byte.
#[inline]
fn escape_both<S: Style, const N: usize>(
    first: &[u8; N],
    last: &[u8; N],
    len: usize,
    pen: &mut Pen,
) {
    match (shown::<S, N>(first), shown::<S, N>(last)) {
        (Some(start), Some(end)) => {
            pen.block(&start, len - N);
            pen.block(&end, N);
        }
        _ => {
            escape_bytes::<S>(&first[..len - N], pen);
            escape_bytes::<S>(last, pen);
        }
    }
}

/// What is shown for these, if none is escaped. The loop has no branch, so that it compiles to
/// vector instructions.
#[inline]
fn shown<S: Style, const N: usize>(bytes: &[u8; N]) -> Option<[u8; N]> {
    let mut shown = [0; N];
    let mut escapes = 0_u8;
    for (to, &from) in shown.iter_mut().zip(bytes) {
        *to = S::shown(from);
        escapes |= u8::from(S::is_escaped(from));
    }
    (escapes == 0).then_some(shown)
}

#[cold]
fn escape_bytes<S: Style>(bytes: &[u8], pen: &mut Pen) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for &byte in bytes {
        if !S::is_escaped(byte) {
            pen.byte(S::shown(byte));
        } else if byte == b'"' && S::TWICE {
            pen.block(br#"\""#, 2);
        } else if byte == b'\\' {
            pen.block(br"\\\\", if S::TWICE { 4 } else { 2 });
        } else {
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]);
            if S::TWICE {
                pen.byte(b'\\');
            }
            pen.block(&[b'\\', b'x', high, low], 4);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped<S: Style>(text: &[u8], max: usize) -> String {
        let mut pen = Pen::new();
        escape::<S>(text, max, &mut pen);
        let line = String::from_utf8(pen.end_line().to_vec()).expect("ASCII");
        line.trim_end_matches('\n').to_owned()
    }

    /// Undoes [`Text`].
    fn unescaped(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match (byte, byte == b'\\') {
                (byte, false) => out.push(byte),
                _ if bytes.next() == Some(b'\\') => out.push(b'\\'),
                _ => {
                    let hex = [bytes.next(), bytes.next()].map(|b| b.expect("a digit") as char);
                    let hex = hex.iter().collect::<String>();
                    out.push(u8::from_str_radix(&hex, 16).expect("two digits"));
                }
            }
        }
        out
    }

    #[test]
    fn terminals_are_not_commanded() {
        assert_eq!(escaped::<Text>(b"\x1b[31m\r\nred \\", 99), r"\x1b[31m\x0d\x0ared \\");
        assert_eq!(
            escaped::<Text>("\u{9b}31m \u{202e}".as_bytes(), 99),
            r"\xc2\x9b31m \xe2\x80\xae"
        );
        assert_eq!(escaped::<Word>(b"/a b\x7f", 99), r"/a\x20b\x7f");
        assert_eq!(escaped::<Tag>(b"curl [8.1] (x)\t", 99), r"curl_{8.1}_(x)\x09");
        assert_eq!(escaped::<Tags>(b"a=[b], c=d", 99), "a={b}, c=d");
    }

    #[test]
    fn what_is_cut_shows() {
        assert_eq!(escaped::<Text>(b"0123456789", 10), "0123456789");
        assert_eq!(escaped::<Text>(b"0123456789a", 10), "0123456789...");
    }

    proptest! {
        #[test]
        fn text_can_be_recovered(text in prop::collection::vec(any::<u8>(), 0..80)) {
            let shown = escaped::<Text>(&text, 80);
            prop_assert!(shown.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", shown);
            prop_assert_eq!(unescaped(&shown), text);
        }

        #[test]
        fn words_have_no_space_and_tags_no_bracket(
            text in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            prop_assert!(!escaped::<Word>(&text, 80).contains(' '));
            prop_assert!(!escaped::<Tag>(&text, 80).contains(['[', ']', ' ']));
            prop_assert!(!escaped::<Tags>(&text, 80).contains(['[', ']']));
        }
    }
}
