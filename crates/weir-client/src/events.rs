//! What happens, as Weir tells it.

use std::iter::FusedIterator;

use weir_proto::response_content::ContentType;
use weir_proto::{Event, Response, Tapped};

use crate::client::{Client, answer};
use crate::error::Error;

/// An event and who told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The number of a worker, or `main`.
    pub origin: String,
    /// What happened.
    pub event: Event,
}

/// Waits for events.
pub type Events = Following<Told>;

/// Waits for what Weir tells, without a timeout. It ends when Weir does, and after an error.
#[derive(Debug)]
pub struct Following<T> {
    client: Client,
    of: fn(Response) -> Option<T>,
    ended: bool,
}

impl<T> Following<T> {
    pub(crate) fn new(client: Client, of: fn(Response) -> Option<T>) -> Self {
        Self { client, of, ended: false }
    }

    /// What is told next; nothing at the end.
    fn wait(&mut self) -> Result<Option<T>, Error> {
        while let Some(response) = self.client.receive(None)? {
            if response.is_last() {
                answer(response)?;
                return Ok(None);
            }
            if let Some(told) = (self.of)(response) {
                return Ok(Some(told));
            }
        }
        Ok(None)
    }
}

impl<T> Iterator for Following<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.wait();
        self.ended = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

impl<T> FusedIterator for Following<T> {}

pub(crate) fn told(response: Response) -> Option<Told> {
    match response.content?.content_type? {
        ContentType::Event(event) => Some(Told { origin: response.message, event }),
        _ => None,
    }
}

pub(crate) fn tapped(response: Response) -> Option<Tapped> {
    match response.content?.content_type? {
        ContentType::Tapped(tapped) => Some(tapped),
        _ => None,
    }
}
