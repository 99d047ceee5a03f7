//! One client: bytes in both directions.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;

use prost::Message;
use serde::{Deserialize, Serialize};
use weir_proto::frame::{self, Decoder, FrameError};
use weir_proto::request::RequestType;
use weir_proto::{Request, Response};
use weir_sys::{Credentials, Epoll};

/// Requests that wait behind the one under way; then no more is read.
const MOST_WAITING: usize = 64;
/// Longest frames that may wait to be written.
const MOST_UNWRITTEN: usize = 4;
/// Reads in one turn.
const READS: usize = 8;

/// What a client said.
enum Said {
    Request(Box<RequestType>),
    /// Something that is answered with this sentence.
    Nonsense(String),
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) credentials: Credentials,
    /// When it connected, in nanoseconds since the Unix epoch; 0: unknown.
    pub(super) since: u64,
}

/// A client.
pub(super) struct Client {
    stream: UnixStream,
    pub(super) serial: u64,
    pub(super) caller: Caller,
    /// It is told of events.
    pub(super) subscribed: bool,
    /// The request under way has no end.
    pub(super) follows: bool,
    /// Nobody is at the other end any more: what it has said is carried out, and told to nobody.
    pub(super) gone: bool,
    decoder: Decoder,
    said: VecDeque<Said>,
    /// A request is under way.
    pub(super) busy: bool,
    unwritten: Vec<u8>,
    longest: usize,
    /// Nothing more is read; the connection closes when everything is written.
    ended: bool,
    failed: Option<io::Error>,
    /// In reading and writing; `None`: it is not watched any more.
    interest: Option<(bool, bool)>,
}

/// A client that passes to another image of main.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HandedClient {
    pub(super) stream: RawFd,
    serial: u64,
    credentials: (u32, i32),
    /// See [`Caller`].
    #[serde(default, skip_serializing_if = "is_unknown")]
    since: u64,
    subscribed: bool,
    #[serde(default)]
    follows: bool,
    busy: bool,
    ended: bool,
    /// What it has said and nobody has carried out.
    #[serde(with = "crate::upgrade::base64")]
    unread: Vec<u8>,
    #[serde(with = "crate::upgrade::base64")]
    unwritten: Vec<u8>,
}

fn is_unknown(since: &u64) -> bool {
    *since == 0
}

impl Client {
    /// What another image needs to go on with it.
    pub(super) fn hand_over(&self) -> HandedClient {
        let mut unread = Vec::new();
        for said in &self.said {
            let request_type = match said {
                Said::Request(request) => Some((**request).clone()),
                // What asks for nothing is answered with a sentence, too.
                Said::Nonsense(_) => None,
            };
            // It was not too long when it came.
            let _ = frame::encode(&Request { request_type }, usize::MAX, &mut unread);
        }
        unread.extend_from_slice(self.decoder.rest());
        HandedClient {
            stream: self.stream.as_raw_fd(),
            serial: self.serial,
            credentials: (self.caller.credentials.user, self.caller.credentials.pid),
            since: self.caller.since,
            subscribed: self.subscribed,
            follows: self.follows,
            busy: self.busy,
            ended: self.ended,
            unread,
            unwritten: self.unwritten.clone(),
        }
    }

    /// Goes on with what [`Client::hand_over`] has told.
    pub(super) fn resume(handed: HandedClient, longest: usize) -> io::Result<Self> {
        let stream = UnixStream::from(weir_sys::inherited(handed.stream)?);
        let mut client = Self::new(stream, handed.serial, longest)?;
        client.caller.since = handed.since;
        client.subscribed = handed.subscribed;
        client.follows = handed.follows || handed.subscribed;
        client.busy = handed.busy;
        client.decoder.handle(&handed.unread);
        client.cut();
        client.ended |= handed.ended;
        client.unwritten = handed.unwritten;
        Ok(client)
    }

    pub(super) fn new(stream: UnixStream, serial: u64, longest: usize) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let credentials = weir_sys::peer_credentials(&stream)?;
        let since = weir_sys::unix_time().as_nanos() as u64;
        Ok(Self {
            stream,
            serial,
            caller: Caller { credentials, since },
            subscribed: false,
            follows: false,
            gone: false,
            decoder: Decoder::new(longest),
            said: VecDeque::new(),
            busy: false,
            unwritten: Vec::new(),
            longest,
            ended: false,
            failed: None,
            interest: Some((true, false)),
        })
    }

    /// Reads what is there, up to a bound.
    pub(super) fn read(&mut self) {
        for _ in 0..READS {
            if self.ended || self.said.len() >= MOST_WAITING {
                return;
            }
            match self.decoder.read(&mut self.stream) {
                Ok(0) => self.ended = true,
                Ok(_) => self.cut(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = Some(error);
                    self.ended = true;
                }
            }
        }
    }

    /// Cuts what was read into requests.
    fn cut(&mut self) {
        loop {
            let said = match self.decoder.poll() {
                Ok(None) => return,
                Ok(Some(message)) => understood(message),
                Err(error) => {
                    self.ended |= matches!(error, FrameError::TooLarge { .. });
                    Said::Nonsense(error.to_string())
                }
            };
            self.said.push_back(said);
            if self.ended {
                return;
            }
        }
    }

    /// The next request, if none is under way and it may run.
    pub(super) fn next(&mut self, may_run: &impl Fn(&RequestType) -> bool) -> Option<RequestType> {
        while !self.busy {
            match self.said.pop_front()? {
                Said::Nonsense(sentence) => self.answer(&Response::failure(sentence)),
                Said::Request(request) if may_run(&request) => {
                    self.busy = true;
                    return Some(*request);
                }
                later => {
                    self.said.push_front(later);
                    return None;
                }
            }
        }
        None
    }

    /// Puts an answer in line.
    pub(super) fn answer(&mut self, response: &Response) {
        self.busy &= !response.is_last();
        if let Err(error) = frame::encode(response, self.longest, &mut self.unwritten) {
            let sentence = format!("the answer cannot be sent: {error}");
            let _ = frame::encode(&Response::failure(sentence), self.longest, &mut self.unwritten);
            self.busy = false;
        }
        if self.unwritten.len() > MOST_UNWRITTEN.saturating_mul(self.longest) {
            self.failed = Some(io::Error::other("it does not read what it is told"));
        }
    }

    /// Writes what the kernel takes and says to `epoll` what is waited for.
    ///
    /// # Errors
    /// When the client is to be let go.
    pub(super) fn flush(&mut self, epoll: &Epoll, token: u64) -> io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.gone {
            return self.flush_alone(epoll);
        }
        self.write()?;
        if self.ended && self.unwritten.is_empty() && self.said.is_empty() && !self.busy {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let reads = !self.ended && self.said.len() < MOST_WAITING;
        let interest = (reads, !self.unwritten.is_empty());
        if Some(interest) != self.interest {
            epoll.modify_level(self.stream.as_fd(), token, interest.0, interest.1)?;
            self.interest = Some(interest);
        }
        Ok(())
    }

    /// Without anybody at the other end: the kernel would tell us so again and again.
    fn flush_alone(&mut self, epoll: &Epoll) -> io::Result<()> {
        if self.interest.take().is_some() {
            epoll.remove(self.stream.as_fd())?;
        }
        self.unwritten.clear();
        self.read();
        if self.follows || (self.said.is_empty() && !self.busy) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// It reads what it is told, so far.
    pub(super) fn has_room(&self) -> bool {
        self.unwritten.len() <= self.longest
    }

    fn write(&mut self) -> io::Result<()> {
        let mut written = 0;
        while written < self.unwritten.len() {
            match self.stream.write(&self.unwritten[written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.unwritten.drain(..written);
        Ok(())
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn understood(message: &[u8]) -> Said {
    match Request::decode(message) {
        Ok(Request { request_type: Some(request) }) => Said::Request(Box::new(request)),
        Ok(Request { request_type: None }) => {
            Said::Nonsense("the message asks for nothing that this version knows".to_owned())
        }
        Err(error) => Said::Nonsense(format!("the message is no request: {error}")),
    }
}
