//! What objects were before any of several changes.

use std::collections::HashSet;
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use super::Undo;
use crate::state::{BackendId, CertificateId, FrontendId};

/// The name of an object of any kind.
#[derive(PartialEq, Eq, Hash)]
enum Name<'a> {
    Listener(&'a SocketAddr),
    UdpListener(&'a SocketAddr),
    Cluster(&'a str),
    Frontend(&'a FrontendId),
    Backend(&'a BackendId),
    Certificate(&'a CertificateId),
    List(&'a str),
}

/// The first step about each object: it tells what the object was before all of them.
pub(super) fn first_of_each(undo: &[Undo]) -> impl Iterator<Item = &Undo> {
    let mut seen = HashSet::with_hasher(RandomState::default());
    undo.iter().filter(move |step| {
        seen.insert(match step {
            Undo::Listener(address, _) => Name::Listener(address),
            Undo::UdpListener(address, _) => Name::UdpListener(address),
            Undo::Cluster(id, _) => Name::Cluster(id),
            Undo::Frontend(id, _) => Name::Frontend(id),
            Undo::Backend(id, _) => Name::Backend(id),
            Undo::Certificate(id, _) => Name::Certificate(id),
            Undo::List(change) => Name::List(&change.name),
        })
    })
}
