//! Invariants of HTTP/2.

use weir_base::Instant;
use weir_http::h1::{self, parse_request};
use weir_http::h2::floods::Limits;
use weir_http::h2::frame::PREFACE;
use weir_http::h2::head::HeadLimits;
use weir_http::h2::hpack::{DecodeError, Decoder, Encoder};
use weir_http::h2::{Connection, Event, Options, Ours};
use weir_http::message::Fields;

const TEXT: usize = 4_096;
const STREAMS: u32 = 8;

/// Any bytes behind a preface, in pieces whose size the first byte says.
pub fn connection(data: &[u8]) {
    let Some((piece, frames)) = data.split_first() else { return };
    let mut connection = Connection::new(options(), Instant::default());
    let all = [PREFACE, frames].concat();
    let (mut held, mut text) = (Vec::new(), Vec::new());
    for part in all.chunks(usize::from(*piece) + 1) {
        held.extend_from_slice(part);
        loop {
            let step = connection.receive(&held, Instant::default(), &mut text);
            let Ok(step) = step else { return };
            assert!(step.consumed <= held.len() && connection.open_streams() <= STREAMS as usize);
            match step.event {
                Event::Data { stream, start, len, .. } => {
                    assert!(start + len <= step.consumed);
                    connection.consumed(stream, len);
                }
                Event::Request { .. } => request(&text),
                _ => {}
            }
            assert!(connection.control().len() <= 64 * 1024);
            connection.control().clear();
            held.drain(..step.consumed);
            if step.consumed == 0 {
                break;
            }
        }
    }
}

/// The text of a request is one head, whole, or none that HTTP/1.1 knows.
fn request(text: &[u8]) {
    assert!(text.len() <= TEXT && text.ends_with(b"\r\n\r\n"));
    let limits = h1::HeadLimits { head_bytes: TEXT, target_bytes: TEXT };
    if let Ok(head) = parse_request(text, &limits, &mut Fields::with_capacity(200)) {
        assert_eq!(head.expect("complete").len, text.len(), "nothing follows a head");
    }
}

fn options() -> Options {
    Options {
        ours: Ours {
            header_table: 512,
            max_streams: STREAMS,
            window: 65_535,
            connection_window: 65_535,
            header_list: 8_192,
        },
        encoder_table: 4_096,
        head: HeadLimits { text: TEXT, list: 8_192, fields: 64 },
        floods: Limits { glitches: 1_000, ..Limits::default() },
    }
}

/// Any bytes as header blocks, each behind its length; what comes out goes in again.
pub fn hpack(data: &[u8]) {
    let (mut decoder, mut rest) = (Decoder::new(512), data);
    let (mut encoder, mut back) = (Encoder::new(), Decoder::new(4_096));
    while let Some((len, after)) = rest.split_first() {
        let (block, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        let mut fields = Vec::new();
        let decoded = decoder.decode::<()>(block, |name, value| {
            fields.push((name.to_ascii_lowercase(), value.to_vec()));
            Ok(())
        });
        if matches!(decoded, Err(DecodeError::Hpack(_))) {
            return;
        }
        let mut out = Vec::new();
        encoder.begin(&mut out);
        for (name, value) in &fields {
            encoder.field(name, &[value], false, &mut out);
        }
        let mut again = Vec::new();
        let decoded = back.decode::<()>(&out, |name, value| {
            again.push((name.to_vec(), value.to_vec()));
            Ok(())
        });
        assert_eq!((decoded, again), (Ok(()), fields));
    }
}
