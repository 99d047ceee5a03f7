//! Invariants of the HTTP/1.1 codec.

use std::{io::IoSlice, ops::Range};

use weir_http::{
    h1::{
        BodyError, Connection, HeadEncoder, HeadLimits, Pump, TRAILER_BYTES, parse_request,
        parse_response,
    },
    message::{Field, FieldName, FieldSink, Fields, Framing, Method, RequestHead, ResponseHead},
};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 4096, target_bytes: 256 };

/// For a head that was written again: a space per field longer, and the proxy's fields.
const ROOMY: HeadLimits = HeadLimits { head_bytes: 8192, target_bytes: 256 };

type Parsed<Head> = Result<Option<(Head, Vec<Field>)>, String>;

/// Any bytes as a request.
pub fn request(data: &[u8]) {
    let read = |data: &[u8]| read_request(data, &LIMITS);
    check_head(data, read, |head| head.len);
    let Ok(Some((head, fields))) = read(data) else { return };
    let once = write_request(data, &head, &fields);
    let (again, fields) = read_request(&once, &ROOMY).expect("canonical").expect("complete");
    assert_eq!(again.len, once.len());
    assert_eq!(again.framing, head.framing);
    assert_eq!(again.keep_alive, head.keep_alive);
    assert_eq!((again.method, again.upgrade), (head.method, head.upgrade));
    assert_eq!(again.target.host.of(&once), head.target.host.of(data));
    assert_eq!(again.target.port, head.target.port);
    assert_eq!(write_request(&once, &again, &fields), once, "canonical form is stable");
}

/// Any bytes as a response; the first says whether to a HEAD.
pub fn response(data: &[u8]) {
    let Some((&kind, data)) = data.split_first() else { return };
    let method = if kind == b'H' { Method::Head } else { Method::Get };
    let read = |data: &[u8]| read_response(data, &LIMITS, method);
    check_head(data, read, |head| head.len);
    let Ok(Some((head, fields))) = read(data) else { return };
    let once = write_response(data, &head, &fields);
    let (again, fields) =
        read_response(&once, &ROOMY, method).expect("canonical").expect("complete");
    assert_eq!(again.len, once.len());
    assert_eq!((again.status, again.framing), (head.status, head.framing));
    assert_eq!(again.declared_length, head.declared_length);
    assert_eq!(again.keep_alive, head.keep_alive);
    assert_eq!(write_response(&once, &again, &fields), once, "canonical form is stable");
}

/// Any bytes as a body. The first two say how it is framed and how it is cut.
pub fn body(data: &[u8]) {
    let [kind, cut, data @ ..] = data else { return };
    let length = Framing::Length(data.len() as u64 / 2);
    let (from, to) = match kind % 6 {
        0 => (Framing::Chunked, Framing::Chunked),
        1 => (Framing::Chunked, Framing::UntilClose),
        2 => (length, length),
        3 => (Framing::UntilClose, Framing::Chunked),
        4 => (Framing::Chunked, Framing::None),
        _ => (length, Framing::Chunked),
    };
    let cut = usize::from(*cut) + 1;
    let whole = Relay::run(from, to, data, data.len() + 1);
    let pieces = Relay::run(from, to, data, cut);
    let (whole, pieces) = match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => (whole, pieces),
        (whole, pieces) => return assert_eq!(whole.err(), pieces.err()),
    };
    assert_eq!(whole.pump.is_done(), pieces.pump.is_done());
    assert_eq!(whole.pump.body_bytes(), pieces.pump.body_bytes());
    assert_eq!(whole.rest, pieces.rest, "the same bytes follow the message");
    let cuts_show = to == Framing::Chunked && from != Framing::Chunked;
    assert!(cuts_show || whole.output == pieces.output, "cuts leave no trace");
    if whole.pump.is_done() && to == Framing::Chunked {
        let again = Relay::run(to, to, &pieces.output, cut).expect("canonical");
        assert!(again.pump.is_done() && again.rest.is_empty());
        assert_eq!(again.output, pieces.output, "canonical form is stable");
        assert_eq!(again.pump.body_bytes(), whole.pump.body_bytes());
    }
}

/// What holds for a head whatever it says.
fn check_head<Head>(
    data: &[u8],
    read: impl Fn(&[u8]) -> Parsed<Head>,
    len: impl Fn(&Head) -> usize,
) {
    match read(data) {
        Ok(None) => assert!(data.len() < LIMITS.head_bytes),
        Err(_) => {
            // An error is final: more bytes do not mend it.
            let more = [data, b"\r\n\r\n"].concat();
            assert!(read(&more).is_err());
        }
        Ok(Some((head, fields))) => {
            let len = len(&head);
            assert!(len <= data.len().min(LIMITS.head_bytes));
            for early in [len / 3, len / 2, len - 2, len - 1] {
                assert!(matches!(read(&data[..early]), Ok(None)), "complete before its end");
            }
            assert!(matches!(read(&data[..len]), Ok(Some(_))), "depends on what follows it");
            assert!(fields.len() <= LIMITS.head_bytes / 64);
            fields.iter().for_each(|field| check_field(data, field, len));
        }
    }
}

fn check_field(data: &[u8], field: &Field, len: usize) {
    assert!(field.name.end() < len && field.value.end() + 2 < len);
    let (name, value) = (field.name.of(data), field.value.of(data));
    assert!(!name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic()));
    assert!(!name.iter().any(|byte| b"(),/:;<=>?@[\\]{}\"".contains(byte)));
    assert!(value.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)));
    assert_eq!(value, value.trim_ascii());
    assert_eq!(field.kind, FieldName::recognise(name));
}

fn read_request(data: &[u8], limits: &HeadLimits) -> Parsed<RequestHead> {
    let mut fields = Fields::with_capacity(limits.head_bytes / 64);
    let head = parse_request(data, limits, &mut fields).map_err(|error| error.to_string())?;
    Ok(head.map(|head| (head, fields.as_slice().to_vec())))
}

fn read_response(data: &[u8], limits: &HeadLimits, method: Method) -> Parsed<ResponseHead> {
    let mut fields = Fields::with_capacity(limits.head_bytes / 64);
    let head =
        parse_response(data, limits, &mut fields, method).map_err(|error| error.to_string())?;
    Ok(head.map(|head| (head, fields.as_slice().to_vec())))
}

/// What a proxy that changes nothing sends on.
fn write_request(data: &[u8], head: &RequestHead, fields: &[Field]) -> Vec<u8> {
    let target = match head.target.path_and_query.of(data) {
        b"" if head.method == Method::Options => b"*",
        b"" => b"/",
        other => other,
    };
    let mut out = Vec::new();
    let mut encoder = HeadEncoder::request(&mut out, head.method_text.of(data), target);
    encoder.field(b"Host", &[head.target.authority.of(data)]);
    write_fields(&mut encoder, data, fields);
    encoder.framing(head.framing);
    encoder.connection(match first(fields, FieldName::Upgrade) {
        Some(field) if head.upgrade && head.keep_alive => Connection::Upgrade(field.value.of(data)),
        _ if !head.keep_alive => Connection::Close,
        _ => Connection::None,
    });
    if head.upgrade && !head.keep_alive {
        let protocols = first(fields, FieldName::Upgrade).map(|field| field.value.of(data));
        encoder.connection(Connection::Upgrade(protocols.unwrap_or_default()));
    }
    encoder.finish();
    out
}

fn write_response(data: &[u8], head: &ResponseHead, fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = HeadEncoder::response(&mut out, head.status, head.reason.of(data));
    write_fields(&mut encoder, data, fields);
    encoder.framing(head.framing);
    if let Some(length) = head.declared_length {
        encoder.length(length);
    }
    encoder.connection(if head.keep_alive { Connection::None } else { Connection::Close });
    encoder.finish();
    out
}

fn write_fields(encoder: &mut HeadEncoder<'_>, data: &[u8], fields: &[Field]) {
    for field in fields {
        let is_ours = matches!(field.kind, FieldName::Host | FieldName::ContentLength);
        if !field.hop && !is_ours {
            encoder.received(data, field);
        }
    }
}

fn first(fields: &[Field], kind: FieldName) -> Option<&Field> {
    fields.iter().find(|field| field.kind == kind)
}

/// A session in one direction, with a buffer that is compacted whenever nothing is pending.
struct Relay {
    pump: Pump,
    output: Vec<u8>,
    rest: Vec<u8>,
}

impl Relay {
    fn run(from: Framing, to: Framing, input: &[u8], cut: usize) -> Result<Self, BodyError> {
        let mut relay = Self { pump: Pump::new(from, to), output: Vec::new(), rest: Vec::new() };
        relay.flush(&[], cut);
        for piece in input.chunks(cut) {
            relay.feed(piece, cut)?;
        }
        if from == Framing::UntilClose {
            assert!(relay.rest.is_empty());
            relay.pump.handle_eof()?;
            relay.flush(&[], cut);
        }
        Ok(relay)
    }

    fn feed(&mut self, piece: &[u8], cut: usize) -> Result<(), BodyError> {
        let mut buf = std::mem::take(&mut self.rest);
        buf.extend_from_slice(piece);
        let mut unread: Range<usize> = 0..buf.len();
        loop {
            let before = unread.start;
            self.pump.handle(&buf, &mut unread)?;
            if !self.flush(&buf, cut) && before == unread.start {
                break;
            }
        }
        assert!(self.pump.is_decoded() || unread.len() < TRAILER_BYTES);
        self.rest = buf[unread].to_vec();
        Ok(())
    }

    /// Writes all that is pending, at most `most` bytes at a time; whether there was any.
    fn flush(&mut self, buf: &[u8], most: usize) -> bool {
        let any = self.pump.has_pending();
        while self.pump.has_pending() {
            let before = pending(&self.pump, buf);
            let taken = before.len().min(most);
            self.output.extend_from_slice(&before[..taken]);
            self.pump.advance(taken);
            assert_eq!(pending(&self.pump, buf), before[taken..]);
        }
        any
    }
}

/// All pending output.
fn pending(pump: &Pump, buf: &[u8]) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 9];
    let count = pump.slices(buf, &mut slices);
    assert!(count < slices.len() && slices[..count].iter().all(|slice| !slice.is_empty()));
    slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
}
