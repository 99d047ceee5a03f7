//! `backend add|remove`.

use std::net::Ipv4Addr;

use weir_base::Address;
use weir_client::proto::request::RequestType;
use weir_client::proto::{AddBackend, LoadBalancingParams, RemoveBackend, SocketAddress};

/// What to do about backends.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Add a backend, or put another in its place.
    Add(Add),
    /// Remove a backend.
    Remove(Remove),
}

/// What names a backend.
#[derive(clap::Args)]
pub(crate) struct Name {
    /// Its cluster.
    #[arg(short, long)]
    id: String,
    /// Its id.
    #[arg(long)]
    backend_id: String,
    /// Its address.
    #[arg(short, long, value_name = "IP:PORT|unix:/PATH")]
    address: Address,
}

/// What stands where an address must, for a backend on a Unix socket.
const NOWHERE: (Ipv4Addr, u16) = (Ipv4Addr::UNSPECIFIED, 0);

impl Name {
    fn address(&self) -> SocketAddress {
        self.address.ip().unwrap_or(NOWHERE.into()).into()
    }

    fn unix_path(&self) -> Option<String> {
        self.address.path().map(str::to_owned)
    }
}

/// A backend.
#[derive(clap::Args)]
pub(crate) struct Add {
    #[command(flatten)]
    name: Name,
    /// Value of the cookie that keeps a client on it.
    #[arg(short, long, value_name = "VALUE")]
    sticky_id: Option<String>,
    /// Used when no other can be.
    #[arg(short, long, value_name = "true|false")]
    backup: Option<bool>,
    /// Its share of requests, beside those of the others; 100 is usual.
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..=255))]
    weight: Option<i32>,
    /// Connections to it that may be in use; what is more waits.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: Option<u32>,
}

/// A backend to remove.
#[derive(clap::Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    name: Name,
    /// End the sessions that use it still, after so many seconds; at once without a number.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true,
          default_missing_value = "0")]
    close_sessions: Option<u32>,
}

impl Verb {
    pub(super) fn request(&self) -> RequestType {
        match self {
            Self::Add(add) => RequestType::AddBackend(AddBackend {
                cluster_id: add.name.id.clone(),
                backend_id: add.name.backend_id.clone(),
                address: add.name.address(),
                sticky_id: add.sticky_id.clone(),
                load_balancing_parameters: add.weight.map(|weight| LoadBalancingParams { weight }),
                backup: add.backup,
                unix_path: add.name.unix_path(),
                max_connections: add.max_connections,
            }),
            Self::Remove(Remove { name, close_sessions }) => {
                RequestType::RemoveBackend(RemoveBackend {
                    cluster_id: name.id.clone(),
                    backend_id: name.backend_id.clone(),
                    address: name.address(),
                    unix_path: name.unix_path(),
                    close_sessions_after: *close_sessions,
                })
            }
        }
    }
}
