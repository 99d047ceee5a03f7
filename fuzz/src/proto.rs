//! Invariants of the control protocol.

use std::net::SocketAddr;

use prost::Message;
use weir_proto::frame::{self, Decoder, FrameError};
use weir_proto::request::RequestType;
use weir_proto::state_file::{Reader, Writer};
use weir_proto::{Request, Response, WorkerRequest};

const LIMIT: usize = 4096;

type Frames = Vec<Result<Vec<u8>, FrameError>>;

/// Any bytes as a stream of frames; the first says how it is cut.
pub fn frames(data: &[u8]) {
    let Some((&size, data)) = data.split_first() else { return };
    let whole = decode_frames(data, data.len().max(1));
    assert_eq!(decode_frames(data, usize::from(size).max(1)), whole);
    for payload in whole.into_iter().flatten() {
        assert!(payload.len() + frame::PREFIX <= LIMIT);
    }
}

fn decode_frames(data: &[u8], size: usize) -> Frames {
    let mut decoder = Decoder::new(LIMIT);
    let mut frames = Frames::new();
    for chunk in data.chunks(size) {
        decoder.handle(chunk);
        loop {
            match decoder.poll() {
                Ok(None) => break,
                Ok(Some(payload)) => frames.push(Ok(payload.to_vec())),
                Err(error @ FrameError::TooShort { .. }) => frames.push(Err(error)),
                Err(error @ FrameError::TooLarge { .. }) => {
                    frames.push(Err(error));
                    return frames;
                }
            }
        }
    }
    frames
}

/// Any bytes as a message of a client and as one of main.
pub fn message(data: &[u8]) {
    if let Some(request) = stable::<Request>(data) {
        addresses(&request);
        let record = WorkerRequest { id: "a".into(), content: request };
        saved(&record);
    }
    stable::<Response>(data);
}

/// What was understood is understood again.
fn stable<M: Message + Default + PartialEq + std::fmt::Debug>(data: &[u8]) -> Option<M> {
    let message = M::decode(data).ok()?;
    let bytes = message.encode_to_vec();
    assert_eq!(M::decode(&bytes[..]).as_ref(), Ok(&message));
    Some(message)
}

fn addresses(request: &Request) {
    let Some(RequestType::AddBackend(backend)) = &request.request_type else { return };
    if let Ok(address) = SocketAddr::try_from(backend.address) {
        assert_eq!(SocketAddr::try_from(weir_proto::SocketAddress::from(address)), Ok(address));
    }
}

fn saved(record: &WorkerRequest) {
    let mut writer = Writer::new(Vec::new());
    writer.write(record.content.clone()).expect("memory");
    let (text, _) = writer.finish().expect("memory");
    let mut reader = Reader::new(&text[..], text.len());
    let read = reader.next().expect("a record").expect("what was written");
    assert_eq!(read.content, record.content);
    assert!(reader.next().is_none());
}

/// Any bytes as a state file.
pub fn state(data: &[u8]) {
    let mut failed = false;
    for record in Reader::new(data, LIMIT) {
        assert!(!failed, "an error is the last");
        match record {
            Ok(record) => saved(&record),
            Err(error) => {
                assert!(error.offset <= data.len() as u64);
                failed = true;
            }
        }
    }
}
