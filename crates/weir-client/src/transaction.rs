//! Changes that take effect together, or not at all.

use weir_proto::request::RequestType;
use weir_proto::response_content::ContentType;
use weir_proto::{self as proto, TransactionResult};

use crate::client::Client;
use crate::error::Error;

/// Changes to come.
#[derive(Clone, Debug, Default)]
#[must_use = "a transaction does nothing until it is committed"]
pub struct Transaction {
    message: proto::Transaction,
}

impl Transaction {
    /// One that changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a change. Changes are made in the order in which they are added.
    pub fn change(mut self, request: RequestType) -> Self {
        self.message.changes.push(request.into());
        self
    }

    /// Refuse it unless this epoch is in use.
    pub fn if_epoch(mut self, epoch: u64) -> Self {
        self.message.if_epoch = Some(epoch);
        self
    }

    /// Only tell what it would change.
    pub fn dry_run(mut self) -> Self {
        self.message.dry_run = Some(true);
        self
    }

    /// Who asks, for the history.
    pub fn client(mut self, name: impl Into<String>) -> Self {
        self.message.client = Some(name.into());
        self
    }

    /// Asks for it; every worker uses it when this returns.
    ///
    /// # Errors
    /// [`Error::Refused`] when Weir says no and nothing changes, or any other [`Error`].
    pub fn commit(self, client: &mut Client) -> Result<TransactionResult, Error> {
        match client.request(RequestType::Transact(self.message))?.content {
            Some(ContentType::Transaction(result)) => Ok(result),
            _ => Err(Error::NotUnderstood("a transaction was answered without a result".into())),
        }
    }
}
