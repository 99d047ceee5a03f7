//! What must hold for any bytes. Run by the fuzz targets, and over the committed corpus by
//! `crates/weir-http/tests/h1_corpus.rs`.

#![allow(dead_code, reason = "each target runs one of them")]

use std::io::IoSlice;

use weir_http::h1::{HeadLimits, Pump, parse_request, parse_response};
use weir_http::message::{Fields, Framing, Method};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 4096, target_bytes: 1024 };

/// A request head is judged the same however it arrives, and its spans lie in it.
pub fn request(bytes: &[u8]) {
    let mut fields = Fields::with_capacity(32);
    let whole = parse_request(bytes, &LIMITS, &mut fields);
    if let Ok(Some(head)) = &whole {
        assert!(head.len <= bytes.len() && !head.target.host.of(bytes).is_empty());
        assert!(fields.as_slice().iter().all(|field| field.value.end() <= head.len));
        let again = parse_request(&bytes[..head.len], &LIMITS, &mut fields);
        assert_eq!(again, Ok(Some(*head)), "what follows a head does not change it");
    }
    let early = (0..bytes.len())
        .filter_map(|len| parse_request(&bytes[..len], &LIMITS, &mut fields).err())
        .next();
    assert!(early.is_none() || whole.is_err(), "{early:?} was taken back");
}

/// The same for a response head.
pub fn response(bytes: &[u8]) {
    let mut fields = Fields::with_capacity(32);
    for method in [Method::Get, Method::Head] {
        let whole = parse_response(bytes, &LIMITS, &mut fields, method);
        let early = (0..bytes.len())
            .filter_map(|len| parse_response(&bytes[..len], &LIMITS, &mut fields, method).err())
            .next();
        assert!(early.is_none() || whole.is_err(), "{early:?} was taken back");
    }
}

/// A chunked body comes out the same whether it arrives at once or byte by byte.
pub fn body(bytes: &[u8]) {
    let at_once = pumped(bytes, bytes.len().max(1));
    let trickled = pumped(bytes, 1);
    match (&at_once, &trickled) {
        (Ok(a), Ok(b)) => assert_eq!(a, b),
        (a, b) => assert_eq!(a.is_err(), b.is_err()),
    }
}

fn pumped(bytes: &[u8], step: usize) -> Result<Vec<u8>, weir_http::h1::BodyError> {
    let mut pump = Pump::new(Framing::Chunked, Framing::UntilClose);
    let mut out = Vec::new();
    let mut unread = 0..0;
    for end in (0..=bytes.len()).step_by(step).chain([bytes.len()]) {
        unread.end = end;
        loop {
            let before = unread.start;
            pump.handle(bytes, &mut unread)?;
            let mut slices = [IoSlice::new(&[]); 16];
            let count = pump.slices(bytes, &mut slices);
            let piece: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
            pump.advance(piece.len());
            out.extend(piece);
            if unread.start == before {
                break;
            }
        }
    }
    Ok(out)
}
