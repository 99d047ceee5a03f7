//! `connection-limit set|remove|show`.

use weir_client::proto::request::RequestType;
use weir_client::proto::{QueryMaxConnectionsPerIp, QueryMaxConnectionsPerSubnet};

/// What to do about the limit of connections of one source address to a cluster, in all workers
/// together, where the cluster has none of its own.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Allow so many; 0: any number.
    Set {
        /// Connections to one cluster.
        limit: u64,
        #[command(flatten)]
        of: Of,
    },
    /// Allow any number.
    Remove(Of),
    /// Print the limit.
    Show(Of),
}

/// Whose connections.
#[derive(clap::Args)]
pub(crate) struct Of {
    /// Of one subnet, not of one address.
    #[arg(long)]
    subnet: bool,
}

impl Verb {
    pub(super) fn request(&self) -> RequestType {
        match self {
            Self::Set { limit, of } => of.set(*limit),
            Self::Remove(of) => of.set(0),
            Self::Show(Of { subnet: false }) => {
                RequestType::QueryMaxConnectionsPerIp(QueryMaxConnectionsPerIp {})
            }
            Self::Show(Of { subnet: true }) => {
                RequestType::QueryMaxConnectionsPerSubnet(QueryMaxConnectionsPerSubnet {})
            }
        }
    }
}

impl Of {
    fn set(&self, limit: u64) -> RequestType {
        match self.subnet {
            false => RequestType::SetMaxConnectionsPerIp(limit),
            true => RequestType::SetMaxConnectionsPerSubnet(limit),
        }
    }
}
