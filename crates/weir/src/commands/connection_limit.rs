//! `connection-limit set|remove|show`.

use weir_client::proto::QueryMaxConnectionsPerIp;
use weir_client::proto::request::RequestType;

/// What to do about the limit of connections of one source address.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Allow so many; 0: any number.
    Set {
        /// Connections of one address to one cluster.
        limit: u64,
    },
    /// Allow any number.
    Remove,
    /// Print the limit.
    Show,
}

impl Verb {
    pub(super) fn request(&self) -> RequestType {
        match self {
            Self::Set { limit } => RequestType::SetMaxConnectionsPerIp(*limit),
            Self::Remove => RequestType::SetMaxConnectionsPerIp(0),
            Self::Show => RequestType::QueryMaxConnectionsPerIp(QueryMaxConnectionsPerIp {}),
        }
    }
}
