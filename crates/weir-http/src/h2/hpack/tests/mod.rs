//! Decoder and encoder as their users see them.

mod hostile;
mod rfc;
mod round_trips;

use super::*;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, HpackError> {
    let mut fields = Vec::new();
    let decoded = decoder.decode(block, |name, value| {
        fields.push((name.to_vec(), value.to_vec()));
        Ok::<(), ()>(())
    });
    match decoded {
        Ok(()) => Ok(fields),
        Err(DecodeError::Hpack(error)) => Err(error),
        Err(DecodeError::Sink(())) => unreachable!("this sink wants all"),
    }
}

/// What is in the dynamic table, the newest first.
fn entries(decoder: &mut Decoder) -> Fields {
    let index = |index: usize| {
        let mut block = Vec::new();
        integer::write(7, 0x80, index, &mut block);
        block
    };
    (62..).map_while(|at| decode(decoder, &index(at)).ok()).flatten().collect()
}

/// Bytes of a table with these entries (RFC 7541 §4.1).
fn size(entries: &Fields) -> usize {
    entries.iter().map(|(name, value)| name.len() + value.len() + 32).sum()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn lines(fields: &Fields) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    fields.iter().map(|(name, value)| format!("{}: {}", text(name), text(value))).collect()
}
