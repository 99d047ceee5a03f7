//! `listener list` and `listener http|https|tcp|udp add|remove|activate|deactivate|update`.

use std::net::SocketAddr;

use weir_client::proto::request::RequestType;
use weir_client::proto::{
    ActivateListener, DeactivateListener, ListListeners, ListenerType, RemoveListener,
};

use super::listener_add::{AddHttp, AddHttps, AddTcp, AddUdp};
use super::listener_update::{UpdateHttp, UpdateHttps, UpdateTcp, UpdateUdp};
use crate::failure::Failure;

/// What to do about listeners.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Print listeners.
    List,
    /// Listeners of HTTP.
    #[command(subcommand)]
    Http(Of<AddHttp, UpdateHttp>),
    /// Listeners of HTTPS.
    #[command(subcommand)]
    Https(Of<AddHttps, UpdateHttps>),
    /// Listeners of TCP.
    #[command(subcommand)]
    Tcp(Of<AddTcp, UpdateTcp>),
    /// Listeners of UDP.
    #[command(subcommand)]
    Udp(Of<AddUdp, UpdateUdp>),
}

/// What to do about the listeners of a protocol.
#[derive(clap::Subcommand)]
pub(crate) enum Of<A: clap::Args, U: clap::Args> {
    /// Add a listener; it accepts nothing until it is activated.
    Add(Box<A>),
    /// Remove a listener.
    Remove(At),
    /// Accept connections.
    Activate(At),
    /// Accept none.
    Deactivate(At),
    /// Change settings; those that are not given stay.
    Update(Box<U>),
}

/// Which listener.
#[derive(clap::Args)]
pub(crate) struct At {
    /// Its address.
    #[arg(short, long, value_name = "IP:PORT")]
    address: SocketAddr,
}

/// The look at what clients of TCP ask for.
#[derive(clap::Args)]
pub(crate) struct Hello {
    /// Longest wait for a ClientHello.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) sni_preread_timeout: Option<u32>,
    /// Bytes of a ClientHello that are looked at.
    #[arg(long, value_name = "BYTES")]
    pub(crate) sni_preread_max_bytes: Option<u32>,
}

/// Arguments that come to a request.
pub(crate) trait Ask {
    fn request(&self) -> Result<RequestType, Failure>;
}

impl Verb {
    pub(super) fn request(&self) -> Result<RequestType, Failure> {
        match self {
            Self::List => Ok(RequestType::ListListeners(ListListeners {})),
            Self::Http(verb) => verb.request(ListenerType::Http),
            Self::Https(verb) => verb.request(ListenerType::Https),
            Self::Tcp(verb) => verb.request(ListenerType::Tcp),
            Self::Udp(verb) => verb.request(ListenerType::Udp),
        }
    }
}

impl<A: clap::Args + Ask, U: clap::Args + Ask> Of<A, U> {
    fn request(&self, proxy: ListenerType) -> Result<RequestType, Failure> {
        let proxy = proxy.into();
        Ok(match self {
            Self::Add(add) => add.request()?,
            Self::Update(update) => update.request()?,
            Self::Remove(At { address }) => {
                let address = (*address).into();
                RequestType::RemoveListener(RemoveListener { address, proxy, interface: None })
            }
            Self::Activate(At { address }) => RequestType::ActivateListener(ActivateListener {
                address: (*address).into(),
                proxy,
                from_scm: false,
                interface: None,
            }),
            Self::Deactivate(At { address }) => {
                RequestType::DeactivateListener(DeactivateListener {
                    address: (*address).into(),
                    proxy,
                    to_scm: false,
                    interface: None,
                })
            }
        })
    }
}
