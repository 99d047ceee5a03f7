//! What a worker serves: listeners with their routes, clusters with their backends.
//!
//! Tables change only between ticks, in place and by as much as an order says; a request keeps the
//! [`Route`] and [`ListenerSettings`] that it started with.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use hashbrown::HashMap;
use weir_balance::breaker::Breaker;
use weir_balance::commons::{Amount, Commons, Tenant, Terms};
use weir_balance::retry::Budget;
use weir_balance::{Group, GroupFull, Queue, Share, Spec};
use weir_base::{Address, Key, Limits, Slab};
use weir_control::change::object_hash;
use weir_control::channel::FoundCertificates;
use weir_control::guarantees;
use weir_control::state;
use weir_http::answers::AnswerSet;
use weir_http::answers::Template;
use weir_http::policy::{Edits, ForwardOptions, Hsts, RewriteTemplate};
use weir_route::Table;
use weir_sys::TcpListener;
use weir_telemetry::TagList;
use weir_tls::{
    Connection, Fingerprint, MAX_RECORD, Offer, ServerConfig, Store, Tickets, TlsError,
};

use crate::buffers::{BODY_ROOM, LEAST_FOR_TLS};
use crate::lists::Lists;
use crate::measure::{Places, Scopes};
use crate::rates::{Limit, Rates};
use crate::udp::listener::UdpListeners;
use crate::upstream::BackendTls;

/// Listeners of one worker.
pub(crate) const MAX_LISTENERS: usize = 1 << 10;
/// Clusters of one worker.
pub(crate) const MAX_CLUSTERS: usize = 1 << 18;

/// What is known by names that come from the configuration.
type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// How long clients may use a session ticket, in seconds: main keeps keys for as long.
const TICKET_LIFETIME: u32 = weir_control::channel::TICKET_LIFETIME.as_secs() as u32;

/// Everything a worker serves.
pub(crate) struct Tables {
    pub(crate) listeners: Slab<Listener>,
    pub(crate) by_address: Map<SocketAddr, Key>,
    pub(crate) udp: UdpListeners,
    pub(crate) clusters: Slab<Cluster>,
    pub(crate) by_id: Map<String, Key>,
    /// Lists of addresses.
    pub(crate) lists: Lists,
    /// What is left of limits of requests.
    pub(crate) rates: Rates,
    /// Sum of the hashes of all that is served, as main has it.
    pub(crate) hash: u64,
    /// Why no TLS can be spoken, if it cannot.
    pub(crate) tls_refusal: Option<String>,
    /// Keys of session tickets, for all listeners.
    pub(crate) tickets: Tickets,
    /// For what is counted.
    pub(crate) places: Places,
    /// What this worker may take of what backends take.
    pub(crate) share: Share,
    /// What clusters are guaranteed of this worker.
    pub(crate) commons: Commons,
    /// Clusters whose tables of keys are being made.
    pub(crate) unfinished: Vec<Key>,
    /// How many backends, of all clusters, are at an address.
    backends_at: Map<Address, usize>,
}

/// An address that is served.
pub(crate) struct Listener {
    pub(crate) settings: Rc<ListenerSettings>,
    pub(crate) routes: Table<Rc<Route>>,
    /// Ours, and those of slots that have no worker.
    pub(crate) sockets: Vec<TcpListener>,
    /// How many routes are for some clients of TCP, who have to say first what they want.
    pub(crate) choosy: usize,
    /// The hashes of its certificates.
    pub(crate) certificates: Map<Fingerprint, u64>,
}

/// What a connection keeps of its listener.
pub(crate) struct ListenerSettings {
    pub(crate) config: state::Listener,
    /// [`object_hash`] of it.
    pub(crate) hash: u64,
    pub(crate) forward: ForwardOptions,
    pub(crate) answers: AnswerSet,
    pub(crate) tls: Option<FrontTls>,
}

/// TLS with clients, ready for handshakes.
pub(crate) struct FrontTls {
    pub(crate) config: Arc<ServerConfig>,
    /// The listener's certificates; the same whatever else changes.
    pub(crate) store: Store,
    pub(crate) hsts: Option<Hsts>,
    /// To become the default certificate.
    pub(crate) default: Option<Offer>,
}

impl FrontTls {
    /// The server's end of a new connection.
    ///
    /// # Errors
    /// When TLS does not want the settings.
    pub(crate) fn connection(&self) -> Result<Connection, TlsError> {
        Connection::server(&self.config, &self.store)
    }
}

/// What happens to the requests of one frontend.
pub(crate) struct Route {
    pub(crate) frontend: state::Frontend,
    /// [`object_hash`] of the frontend.
    pub(crate) hash: u64,
    pub(crate) cluster: Option<Key>,
    /// For the access log.
    pub(crate) tags: Option<Box<TagList>>,
    /// What most routes do without.
    pub(crate) special: Option<Box<Special>>,
}

/// What is done to the requests and responses of a route beside forwarding them.
#[derive(Default, PartialEq)]
pub(crate) struct Special {
    pub(crate) request_edits: Edits,
    pub(crate) response_edits: Edits,
    pub(crate) rewrite_host: Option<RewriteTemplate>,
    pub(crate) rewrite_path: Option<RewriteTemplate>,
    pub(crate) redirect_template: Option<Template>,
    /// Instead of the listener's policy, which may be to say nothing.
    pub(crate) hsts: Option<Option<Hsts>>,
    /// How many requests are served in a while.
    pub(crate) rates: Vec<Limit>,
}

impl Route {
    /// It is not for all clients of a listener of TCP.
    pub(crate) fn is_choosy(&self) -> bool {
        self.frontend.hostname != "*" || self.frontend.method.is_some()
    }

    pub(crate) fn request_edits(&self) -> &Edits {
        self.special.as_ref().map_or(&NO_EDITS, |special| &special.request_edits)
    }

    /// How many requests are served in a while.
    pub(crate) fn rates(&self) -> &[Limit] {
        self.special.as_ref().map_or(&[], |special| &special.rates)
    }

    pub(crate) fn response_edits(&self) -> &Edits {
        self.special.as_ref().map_or(&NO_EDITS, |special| &special.response_edits)
    }
}

static NO_EDITS: Edits = Edits::NONE;

/// A cluster and its backends as this worker sees them.
pub(crate) struct Cluster {
    pub(crate) settings: Rc<ClusterSettings>,
    pub(crate) group: Group,
    /// Who waits for a connection to one of its backends.
    pub(crate) queue: Queue,
    /// Made when something fails for the first time.
    pub(crate) retries: Option<Box<Budget>>,
    /// Of a cluster that has one.
    pub(crate) breaker: Option<Box<Breaker>>,
    /// Its sessions among those of others.
    pub(crate) tenant: Tenant,
    /// What was counted.
    pub(crate) scopes: Scopes,
    /// Routes that lead here.
    pub(crate) routes: usize,
    /// Made by an order, and not only named by a route or backend.
    pub(crate) defined: bool,
}

impl Cluster {
    /// What this worker's part is of what the cluster may have.
    pub(crate) fn terms(&self, share: Share) -> Terms {
        if !self.defined {
            return Terms::default();
        }
        let config = &self.settings.config;
        let min = config.min_sessions.filter(|min| *min > 0);
        let places = min.map_or(0, |min| share.of(Some(min)).into());
        let space = places * guarantees::buffers_each(config);
        let ceiling = config.max_sessions.map_or(u64::MAX, |max| share.of(Some(max)).into());
        Terms { guaranteed: Amount { places, space }, ceiling }
    }
}

/// What an exchange keeps of its cluster.
pub(crate) struct ClusterSettings {
    pub(crate) config: state::Cluster,
    /// [`object_hash`] of it.
    pub(crate) hash: u64,
    pub(crate) answers: AnswerSet,
    pub(crate) tls: Option<Rc<BackendTls>>,
    /// How many requests are served in a while.
    pub(crate) rates: Vec<Limit>,
}

impl Tables {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            tls_refusal: tls_refusal(limits),
            listeners: Slab::new(MAX_LISTENERS),
            by_address: Map::default(),
            udp: UdpListeners::new(),
            clusters: Slab::new(MAX_CLUSTERS),
            by_id: Map::default(),
            lists: Lists::default(),
            rates: Rates::new(),
            hash: 0,
            tickets: Tickets::new(TICKET_LIFETIME),
            places: Places::new(limits),
            share: Share::default(),
            commons: Commons::default(),
            unfinished: Vec::new(),
            backends_at: Map::default(),
        }
    }

    /// Adds a backend to a cluster, or changes it; `hash` is its [`object_hash`]. The address that
    /// no backend is at any more.
    pub(crate) fn put_backend(
        &mut self,
        cluster: Key,
        spec: Spec,
        hash: u64,
    ) -> Result<Option<Address>, GroupFull> {
        let Some(cluster) = self.clusters.get_mut(cluster) else { return Ok(None) };
        let id = &cluster.settings.config.id;
        let known = cluster.group.spec_of(&spec.id);
        let before = known.map(|spec| spec.address.clone());
        let gone = known.map_or(0, |spec| backend_hash(id, spec));
        let address = spec.address.clone();
        cluster.group.upsert(spec)?;
        self.hash = self.hash.wrapping_add(hash).wrapping_sub(gone);
        if before.as_ref() == Some(&address) {
            return Ok(None);
        }
        *self.backends_at.entry(address).or_default() += 1;
        Ok(before.and_then(|address| self.leave(address)))
    }

    /// Removes a backend from a cluster. The address that no backend is at any more.
    pub(crate) fn remove_backend(&mut self, cluster: Key, id: &str) -> Option<Address> {
        let cluster = self.clusters.get_mut(cluster)?;
        let spec = cluster.group.spec_of(id)?;
        let address = spec.address.clone();
        self.hash = self.hash.wrapping_sub(backend_hash(&cluster.settings.config.id, spec));
        cluster.group.remove(id);
        self.leave(address)
    }

    /// Another number of workers share what backends take.
    pub(crate) fn set_share(&mut self, share: Share) {
        self.share = share;
        for cluster in self.clusters.values_mut() {
            cluster.group.set_share(share);
            let terms = cluster.terms(share);
            self.commons.set(&mut cluster.tenant, terms);
        }
    }

    /// A session with so many buffers has no place of a cluster any more.
    pub(crate) fn leave_place(&mut self, cluster: Option<Key>, buffers: usize) {
        if let Some(cluster) = cluster.and_then(|key| self.clusters.get_mut(key)) {
            self.commons.leave(&mut cluster.tenant, buffers as u64);
        }
    }

    /// Adds a certificate to a listener, or replaces it.
    pub(crate) fn put_certificate(&mut self, address: SocketAddr, offer: Offer, hash: u64) {
        let Some(listener) = self.listener_mut(address) else { return };
        let before = listener.certificates.insert(offer.fingerprint, hash).unwrap_or(0);
        if let Some(tls) = &listener.settings.tls {
            tls.store.add(offer);
        }
        self.hash = self.hash.wrapping_add(hash).wrapping_sub(before);
    }

    /// Removes a certificate from a listener.
    pub(crate) fn remove_certificate(&mut self, id: &state::CertificateId) {
        let Some(listener) = self.listener_mut(id.address) else { return };
        let before = listener.certificates.remove(&id.fingerprint).unwrap_or(0);
        if let Some(tls) = &listener.settings.tls {
            tls.store.remove(&id.fingerprint);
        }
        self.hash = self.hash.wrapping_sub(before);
    }

    /// What clients that ask for a name could be shown, or all certificates; by listener.
    pub(crate) fn certificates(&self, domain: Option<&str>) -> Vec<FoundCertificates> {
        let listeners = self.listeners.iter().filter_map(|(_, listener)| {
            let tls = listener.settings.tls.as_ref()?;
            let address = listener.settings.config.address;
            Some(FoundCertificates { address, certificates: tls.store.list(domain) })
        });
        listeners.filter(|found| !found.certificates.is_empty()).collect()
    }

    fn listener_mut(&mut self, address: SocketAddr) -> Option<&mut Listener> {
        let key = self.by_address.get(&address)?;
        self.listeners.get_mut(*key)
    }

    /// An object of this hash is served.
    pub(crate) fn add(&mut self, hash: u64) {
        self.hash = self.hash.wrapping_add(hash);
    }

    /// An object of this hash is not served any more.
    pub(crate) fn subtract(&mut self, hash: u64) {
        self.hash = self.hash.wrapping_sub(hash);
    }

    /// Whether a backend of some cluster is at that address.
    pub(crate) fn is_backend(&self, address: &Address) -> bool {
        self.backends_at.contains_key(address)
    }

    fn leave(&mut self, address: Address) -> Option<Address> {
        let count = self.backends_at.get_mut(&address)?;
        *count -= 1;
        if *count > 0 {
            return None;
        }
        self.backends_at.remove(&address);
        Some(address)
    }
}

/// A record must fit in a buffer, and the buffers of a session in the pool.
fn tls_refusal(limits: &Limits) -> Option<String> {
    let least = MAX_RECORD - BODY_ROOM;
    if limits.buffer_bytes < least {
        return Some(format!("TLS needs a `buffer_size` of at least {least}"));
    }
    let few = limits.buffers < LEAST_FOR_TLS;
    few.then(|| format!("TLS needs `max_buffers` to be at least {LEAST_FOR_TLS}"))
}

/// The hash of a backend as main describes it.
fn backend_hash(cluster: &str, spec: &Spec) -> u64 {
    let backend = state::Backend {
        cluster: cluster.to_owned(),
        id: spec.id.to_string(),
        address: spec.address.clone(),
        weight: spec.weight,
        sticky_id: spec.sticky_id.as_ref().map(ToString::to_string),
        backup: spec.backup,
        max_connections: spec.max_connections,
    };
    object_hash("backend", &backend)
}
