//! Requests and their answers.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use weir_proto::frame::{DEFAULT_LIMIT, Decoder};
use weir_proto::request::RequestType;
use weir_proto::response_content::ContentType;
use weir_proto::{Request, Response, ResponseStatus, blocking};

use crate::connect::connect;
use crate::error::Error;
use crate::events::{self, Events, Following};
use crate::pages::Pages;
use crate::timed::Timed;

/// How long to wait and how much to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Longest wait for a connection, and for each frame of an answer. Nothing, or zero: for ever.
    pub timeout: Option<Duration>,
    /// Bytes of the longest frame in either direction (`max_command_buffer_size`).
    pub max_frame_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { timeout: Some(Duration::from_secs(1)), max_frame_bytes: DEFAULT_LIMIT }
    }
}

/// What Weir said of a request that it carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// For people.
    pub message: String,
    /// What was asked for, if anything.
    pub content: Option<ContentType>,
}

/// A connection to Weir.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    decoder: Decoder,
    options: Options,
    /// An answer may still come that nobody waits for.
    unusable: bool,
}

impl Client {
    /// Connects to the control socket at `path`.
    ///
    /// # Errors
    /// Why there is no connection: nobody is there, or may be spoken to.
    pub fn connect(path: &Path, options: Options) -> Result<Self, Error> {
        let timeout = options.timeout.filter(|timeout| !timeout.is_zero());
        let options = Options { timeout, ..options };
        let stream = connect(path, timeout)
            .map_err(|cause| Error::connecting(path.to_owned(), cause, timeout))?;
        let decoder = Decoder::new(options.max_frame_bytes);
        Ok(Self { stream, decoder, options, unusable: false })
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// [`Error::Refused`] when Weir says no; the connection can still be used then, and after
    /// [`Error::RequestTooLarge`], but not after other errors.
    pub fn request(&mut self, request: RequestType) -> Result<Answer, Error> {
        self.request_with(request, |_| {})
    }

    /// As [`Self::request`]; `on_progress` is handed what comes before the answer.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn request_with(
        &mut self,
        request: RequestType,
        mut on_progress: impl FnMut(Response),
    ) -> Result<Answer, Error> {
        self.send(request)?;
        loop {
            let response = self.receive(self.options.timeout)?.ok_or(Error::Closed);
            let response = self.noting(response)?;
            if response.is_last() {
                return answer(response);
            }
            on_progress(response);
        }
    }

    /// Asks for an answer that may be too long for one frame, page by page. What does not come in
    /// pages, or of somebody who does not know them, is one page.
    pub fn pages(&mut self, request: RequestType) -> Pages<'_> {
        Pages::new(self, request)
    }

    /// Subscribes to what happens. Events come until the iterator is dropped or Weir stops.
    ///
    /// # Errors
    /// The subscription cannot be sent. A refusal of it is the first item.
    pub fn events(self) -> Result<Events, Error> {
        let request = RequestType::SubscribeEvents(weir_proto::SubscribeEvents {});
        self.follow(request, events::told)
    }

    /// Looks at requests as they end, until the iterator is dropped or Weir stops.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn tap(self, wanted: weir_proto::Tap) -> Result<Following<weir_proto::Tapped>, Error> {
        self.follow(RequestType::Tap(wanted), events::tapped)
    }

    fn follow<T>(
        mut self,
        request: RequestType,
        of: fn(Response) -> Option<T>,
    ) -> Result<Following<T>, Error> {
        self.send(request)?;
        Ok(Following::new(self, of))
    }

    fn send(&mut self, request: RequestType) -> Result<(), Error> {
        if self.unusable {
            return Err(Error::Unusable);
        }
        let Options { timeout, max_frame_bytes } = self.options;
        let mut to = Timed::new(&self.stream, timeout);
        let sent = blocking::send(&mut to, &Request::from(request), max_frame_bytes);
        self.noting(sent.map_err(|error| Error::sending(error, timeout)))
    }

    /// The next frame; nothing at the end of the connection.
    pub(crate) fn receive(&mut self, timeout: Option<Duration>) -> Result<Option<Response>, Error> {
        let mut from = Timed::new(&self.stream, timeout);
        let received = blocking::receive(&mut from, &mut self.decoder);
        self.noting(received.map_err(|error| Error::receiving(error, timeout)))
    }

    fn noting<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        self.unusable |= matches!(&result, Err(error) if !is_harmless(error));
        result
    }
}

/// True when the next request can be sent on the same connection.
fn is_harmless(error: &Error) -> bool {
    matches!(error, Error::Refused(_) | Error::RequestTooLarge { .. })
}

/// What the last response comes to.
pub(crate) fn answer(response: Response) -> Result<Answer, Error> {
    if response.status() == ResponseStatus::Failure {
        return Err(Error::Refused(response.message));
    }
    let content = response.content.and_then(|content| content.content_type);
    Ok(Answer { message: response.message, content })
}
