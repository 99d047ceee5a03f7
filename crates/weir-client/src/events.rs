//! What happens, as Weir tells it.

use std::iter::FusedIterator;

use weir_proto::response_content::ContentType;
use weir_proto::{Event, Response};

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

/// Waits for events, without a timeout. It ends when Weir does, and after an error.
#[derive(Debug)]
pub struct Events {
    client: Client,
    ended: bool,
}

impl Events {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, ended: false }
    }

    /// The next event; nothing at the end.
    fn wait(&mut self) -> Result<Option<Told>, Error> {
        while let Some(response) = self.client.receive(None)? {
            if response.is_last() {
                answer(response)?;
                return Ok(None);
            }
            if let Some(told) = told(response) {
                return Ok(Some(told));
            }
        }
        Ok(None)
    }
}

impl Iterator for Events {
    type Item = Result<Told, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.wait();
        self.ended = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

impl FusedIterator for Events {}

fn told(response: Response) -> Option<Told> {
    match response.content?.content_type? {
        ContentType::Event(event) => Some(Told { origin: response.message, event }),
        _ => None,
    }
}
