//! Scripted peers of HTTP/2, a client and a server: frames in, frames out.

use std::collections::HashMap;
use std::io::{Read, Write};

use weir_http::h2::frame::{self, HEADER, Header, Kind, PREFACE, flag};
use weir_http::h2::hpack::{Decoder, Encoder};

use super::Peer;

/// A frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// A response that came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub fields: HashMap<String, String>,
    pub body: Vec<u8>,
    /// RST_STREAM and its code.
    pub reset: Option<u32>,
    pub trailers: HashMap<String, String>,
}

impl Answer {
    pub fn status(&self) -> &str {
        self.fields.get(":status").map_or("", String::as_str)
    }
}

pub struct Client<S> {
    pub stream: S,
    held: Vec<u8>,
    encoder: Encoder,
    decoder: Decoder,
    next: u32,
    /// Frames that are sent together.
    together: Option<Vec<u8>>,
}

impl Client<std::net::TcpStream> {
    /// Over a clear connection.
    pub fn over(peer: Peer) -> Self {
        Self::new(peer.stream)
    }
}

impl<S: Read + Write> Client<S> {
    pub fn new(mut stream: S) -> Self {
        stream.write_all(PREFACE).expect("send");
        let mut client = Self::quiet(stream);
        client.send(Kind::Settings, 0, 0, b"");
        client
    }

    /// One that has said nothing.
    pub fn quiet(stream: S) -> Self {
        let (held, encoder, decoder) = (Vec::new(), Encoder::new(), Decoder::new(4_096));
        Self { stream, held, encoder, decoder, next: 1, together: None }
    }

    /// Sends to whom may be gone.
    pub fn try_send(&mut self, kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let mut bytes = Vec::new();
        frame::write(kind, flags, stream, payload, &mut bytes);
        self.stream.write_all(&bytes).is_ok()
    }

    pub fn send(&mut self, kind: Kind, flags: u8, stream: u32, payload: &[u8]) {
        let mut bytes = Vec::new();
        frame::write(kind, flags, stream, payload, &mut bytes);
        match &mut self.together {
            Some(held) => held.append(&mut bytes),
            None => self.stream.write_all(&bytes).expect("send"),
        }
    }

    /// Sends what `sends` sends in one piece.
    pub fn together<T>(&mut self, sends: impl FnOnce(&mut Self) -> T) -> T {
        self.together = Some(Vec::new());
        let result = sends(self);
        let held = self.together.take().unwrap_or_default();
        self.stream.write_all(&held).expect("send");
        result
    }

    /// Sends a head on a new stream; its number.
    pub fn open(&mut self, method: &str, path: &str, more: &[(&str, &str)], end: bool) -> u32 {
        let stream = self.next;
        self.next += 2;
        let host = ("example.org", "https");
        let mut block = Vec::new();
        self.encoder.begin(&mut block);
        let pseudo =
            [(":method", method), (":scheme", host.1), (":authority", host.0), (":path", path)];
        for (name, value) in pseudo.iter().chain(more) {
            self.encoder.field(name.as_bytes(), &[value.as_bytes()], false, &mut block);
        }
        let flags = flag::END_HEADERS | if end { flag::END_STREAM } else { 0 };
        self.send(Kind::Headers, flags, stream, &block);
        stream
    }

    /// Asks for another protocol on a new stream; its number.
    pub fn extended_connect(&mut self, protocol: &str, path: &str, more: &[(&str, &str)]) -> u32 {
        let stream = self.next;
        self.next += 2;
        let pseudo = [(":method", "CONNECT"), (":protocol", protocol), (":scheme", "https")];
        let target = [(":authority", "example.org"), (":path", path)];
        let mut block = Vec::new();
        self.encoder.begin(&mut block);
        for (name, value) in pseudo.iter().chain(&target).chain(more) {
            self.encoder.field(name.as_bytes(), &[value.as_bytes()], false, &mut block);
        }
        self.send(Kind::Headers, flag::END_HEADERS, stream, &block);
        stream
    }

    /// The head of a response, before anything else of it.
    pub fn head(&mut self, stream: u32) -> HashMap<String, String> {
        let frames = std::iter::from_fn(|| self.frame());
        let mine = |frame: &Frame| frame.kind == Kind::Headers && frame.stream == stream;
        let frame = frames.into_iter().find(mine).expect("a frame, not the end");
        self.decode(&frame)
    }

    fn decode(&mut self, frame: &Frame) -> HashMap<String, String> {
        assert_ne!(frame.flags & flag::END_HEADERS, 0, "in one piece");
        let mut fields = HashMap::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let decoded = self.decoder.decode::<()>(&frame.payload, |name, value| {
            fields.insert(text(name), text(value));
            Ok(())
        });
        decoded.expect("a block");
        fields
    }

    pub fn get(&mut self, path: &str) -> u32 {
        self.open("GET", path, &[], true)
    }

    /// Ends a stream with trailers.
    pub fn trailers(&mut self, stream: u32, fields: &[(&str, &str)]) {
        let mut block = Vec::new();
        self.encoder.begin(&mut block);
        for (name, value) in fields {
            self.encoder.field(name.as_bytes(), &[value.as_bytes()], false, &mut block);
        }
        self.send(Kind::Headers, flag::END_HEADERS | flag::END_STREAM, stream, &block);
    }

    /// The next frame; `None` at the end of the connection.
    pub fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(header) = Header::parse(&self.held)
                && self.held.len() >= HEADER + header.len
            {
                let rest = self.held.split_off(HEADER + header.len);
                let payload = std::mem::replace(&mut self.held, rest).split_off(HEADER);
                let Header { kind, flags, stream, .. } = header;
                return Some(Frame { kind, flags, stream, payload });
            }
            let mut bytes = [0; 65_536];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(n) => self.held.extend_from_slice(&bytes[..n]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("more frames in time: {error}"),
            }
        }
    }

    /// The code of the GOAWAY that ends the connection.
    pub fn goaway(&mut self) -> u32 {
        while let Some(frame) = self.frame() {
            if frame.kind == Kind::GoAway {
                return number(&frame.payload[4..]);
            }
        }
        panic!("the connection ended without GOAWAY")
    }

    /// Responses of these streams, as they become complete; windows are given back.
    pub fn answers(&mut self, streams: &[u32]) -> HashMap<u32, Answer> {
        let mut answers: HashMap<u32, Answer> = HashMap::new();
        let mut open = streams.len();
        while open > 0 {
            let frame = self.frame().expect("a frame, not the end");
            let answer = answers.entry(frame.stream).or_default();
            match frame.kind {
                Kind::Headers => {
                    assert_ne!(frame.flags & flag::END_HEADERS, 0, "in one piece");
                    let trailing =
                        answer.fields.get(":status").is_some_and(|s| !s.starts_with('1'));
                    let fields = if trailing { &mut answer.trailers } else { &mut answer.fields };
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    let decoded = self.decoder.decode::<()>(&frame.payload, |name, value| {
                        fields.insert(text(name), text(value));
                        Ok(())
                    });
                    decoded.expect("a block");
                }
                Kind::Data => {
                    answer.body.extend_from_slice(&frame.payload);
                    let len = frame.payload.len() as u32;
                    if len > 0 {
                        self.give(0, len);
                        self.give(frame.stream, len);
                    }
                }
                Kind::RstStream => answer.reset = Some(number(&frame.payload)),
                _ => continue,
            }
            let ended = frame.kind == Kind::RstStream || frame.flags & flag::END_STREAM != 0;
            if ended && streams.contains(&frame.stream) {
                open -= 1;
            }
        }
        answers.retain(|stream, _| streams.contains(stream));
        answers
    }

    /// The codes of the next `count` resets, which are of these streams.
    pub fn resets(&mut self, streams: &[u32], count: usize) -> Vec<u32> {
        let frames = std::iter::from_fn(|| self.frame());
        let resets = frames.filter(|frame| frame.kind == Kind::RstStream);
        let codes = resets.map(|frame| {
            assert!(streams.contains(&frame.stream));
            number(&frame.payload)
        });
        codes.take(count).collect()
    }

    pub fn answer(&mut self, stream: u32) -> Answer {
        self.answers(&[stream]).remove(&stream).expect("it came")
    }

    fn give(&mut self, stream: u32, bytes: u32) {
        self.send(Kind::WindowUpdate, 0, stream, &bytes.to_be_bytes());
    }
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Request {
    pub stream: u32,
    pub fields: HashMap<String, String>,
    /// Nothing follows.
    pub end: bool,
}

/// A scripted server: a client's parts, without its greeting.
pub struct Server<S>(pub Client<S>);

impl Server<std::net::TcpStream> {
    pub fn over(peer: Peer) -> Self {
        Self::new(peer.stream, &[])
    }
}

impl<S: Read + Write> Server<S> {
    /// Takes the preface and sends settings.
    pub fn new(stream: S, settings: &[u8]) -> Self {
        let mut server = Self::greeted(stream);
        server.0.send(Kind::Settings, 0, 0, settings);
        server
    }

    /// Takes the preface; settings were sent.
    pub fn greeted(mut stream: S) -> Self {
        let mut preface = [0; PREFACE.len()];
        stream.read_exact(&mut preface).expect("a preface");
        assert_eq!(&preface, PREFACE);
        let (held, encoder, decoder) = (Vec::new(), Encoder::new(), Decoder::new(4_096));
        Self(Client { stream, held, encoder, decoder, next: 2, together: None })
    }

    /// The next request; windows and the like are passed over.
    pub fn request(&mut self) -> Request {
        let frame = self.frame(Kind::Headers);
        let (stream, end) = (frame.stream, frame.flags & flag::END_STREAM != 0);
        Request { stream, fields: self.fields(&frame), end }
    }

    /// The next frame of a kind.
    pub fn frame(&mut self, kind: Kind) -> Frame {
        let frames = std::iter::from_fn(|| self.0.frame());
        frames.into_iter().find(|frame| frame.kind == kind).expect("a frame, not the end")
    }

    pub fn fields(&mut self, frame: &Frame) -> HashMap<String, String> {
        self.0.decode(frame)
    }

    /// The body of a stream up to its end, and its trailers.
    pub fn body(&mut self, stream: u32) -> (Vec<u8>, HashMap<String, String>) {
        let mut body = Vec::new();
        while let Some(frame) = self.0.frame() {
            match frame.kind {
                Kind::Data if frame.stream == stream => body.extend_from_slice(&frame.payload),
                Kind::Headers if frame.stream == stream => return (body, self.fields(&frame)),
                _ => continue,
            }
            let len = frame.payload.len() as u32;
            if len > 0 {
                self.0.give(0, len);
                self.0.give(stream, len);
            }
            if frame.flags & flag::END_STREAM != 0 {
                return (body, HashMap::new());
            }
        }
        panic!("the connection ended inside a body")
    }

    pub fn heads(&mut self, stream: u32, fields: &[(&str, &str)], end: bool) {
        let mut block = Vec::new();
        self.0.encoder.begin(&mut block);
        for (name, value) in fields {
            self.0.encoder.field(name.as_bytes(), &[value.as_bytes()], false, &mut block);
        }
        let flags = flag::END_HEADERS | if end { flag::END_STREAM } else { 0 };
        self.0.send(Kind::Headers, flags, stream, &block);
    }

    pub fn data(&mut self, stream: u32, bytes: &[u8], end: bool) {
        self.0.send(Kind::Data, if end { flag::END_STREAM } else { 0 }, stream, bytes);
    }

    /// Answers with a body.
    pub fn answer(&mut self, stream: u32, body: &str) {
        self.heads(stream, &[(":status", "200")], false);
        self.data(stream, body.as_bytes(), true);
    }

    pub fn reset(&mut self, stream: u32, code: u32) {
        self.0.send(Kind::RstStream, 0, stream, &code.to_be_bytes());
    }
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().expect("four bytes"))
}
