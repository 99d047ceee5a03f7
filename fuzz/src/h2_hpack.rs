//! Invariants of header compression.

use weir_http::h2::hpack::{DecodeError, Decoder, Encoder, HpackError, MOST_STRING};

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Bytes of the table that the peer may use.
const TABLE: usize = 512;

/// Any bytes as blocks: each has its length before it, and a byte that says after how many fields
/// the sink has enough.
pub fn blocks(data: &[u8]) {
    // Another one that wants all, and one that wants nothing: the table is the same in the end.
    let (mut picky, mut greedy, mut idle) =
        (Decoder::new(TABLE), Decoder::new(TABLE), Decoder::new(TABLE));
    let (mut encoder, mut reader) = (Encoder::new(), Decoder::new(4_096));
    let mut rest = data;
    while let [len, enough, after @ ..] = rest {
        let (block, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        let (fields, result) = decode(&mut greedy, block, usize::MAX);
        let (some, picky_result) = decode(&mut picky, block, usize::from(*enough));
        let (_, idle_result) = decode(&mut idle, block, 0);
        assert_eq!(some[..], fields[..some.len()]);
        if let Err(error) = result {
            // A broken rule is found whatever the sink says.
            assert_eq!((picky_result, idle_result), (Err(error), Err(error)));
            return;
        }
        check(block, &fields);
        let (table, last) = (entries(&mut greedy), entries(&mut idle));
        assert_eq!((&table, entries(&mut picky)), (&last, table.clone()));
        encoder.set_peer_limit(u32::from(*enough) * 20);
        again(&mut encoder, &mut reader, &fields, usize::from(*enough) * 20);
    }
}

/// The fields of a block, at most `most`, and the rule that it breaks.
fn decode(decoder: &mut Decoder, block: &[u8], most: usize) -> (Fields, Result<(), HpackError>) {
    let mut fields = Fields::new();
    let mut refused = false;
    let result = decoder.decode(block, |name, value| {
        assert!(!refused, "the sink had enough");
        refused = fields.len() >= most;
        if refused {
            return Err(());
        }
        fields.push((name.to_vec(), value.to_vec()));
        Ok(())
    });
    match result {
        Err(DecodeError::Hpack(error)) => (fields, Err(error)),
        Err(DecodeError::Sink(())) => {
            assert!(refused);
            (fields, Ok(()))
        }
        Ok(()) => {
            assert!(!refused);
            (fields, Ok(()))
        }
    }
}

fn check(block: &[u8], fields: &Fields) {
    assert!(fields.len() <= block.len(), "a field takes a byte");
    for (name, value) in fields {
        assert!(name.len() <= MOST_STRING && value.len() <= MOST_STRING);
        assert!(name.len() + value.len() <= 2 * block.len() + TABLE);
    }
}

/// What is in the dynamic table.
fn entries(decoder: &mut Decoder) -> Fields {
    let mut all = Fields::new();
    for index in 62..=62 + TABLE as u8 / 32 {
        let (fields, result) = decode(decoder, &[0x80 | index], 1);
        if result.is_err() {
            break;
        }
        all.extend(fields);
    }
    let size: usize = all.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
    assert!(size <= TABLE);
    all
}

/// What was decoded is encoded and decoded again, twice: the same, and no longer than before.
fn again(encoder: &mut Encoder, reader: &mut Decoder, fields: &Fields, limit: usize) {
    let mut lengths = Vec::new();
    for _ in 0..2 {
        let mut out = Vec::new();
        encoder.begin(&mut out);
        for (at, (name, value)) in fields.iter().enumerate() {
            let (one, two) = value.split_at(value.len() / 2);
            encoder.field(name, &[one, two], at % 8 == 7, &mut out);
        }
        let (back, result) = decode(reader, &out, usize::MAX);
        assert_eq!(result, Ok(()));
        let lower = |(name, value): &(Vec<u8>, Vec<u8>)| (name.to_ascii_lowercase(), value.clone());
        assert_eq!(back, fields.iter().map(lower).collect::<Fields>());
        lengths.push(out.len());
    }
    let bytes: usize = fields.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
    assert!(bytes > limit || lengths[1] <= lengths[0], "{lengths:?}");
}
