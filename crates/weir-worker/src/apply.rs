//! Orders: compiled first, all of them, piece by piece, then put into the tables in one go.
//!
//! What can be refused is refused while nothing has changed; what is put in place cannot fail. The
//! cost follows the orders, not the tables; what takes long is done before they are put in place.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use weir_balance::breaker::Breaker;
use weir_balance::commons::{Tenant, Terms};
use weir_balance::{Group, Queue, Rules, Spec};
use weir_base::{Address, Endpoint, Instant, Key};
use weir_control::change::object_hash;
use weir_control::order::Order;
use weir_control::state::{self, CertificateId, EditPosition, Frontend, FrontendId, Position};
use weir_http::answers::{AnswerSet, Template};
use weir_http::policy::{EditError, Edits, ForwardOptions, RewriteTemplate};
use weir_route::{CaptureCounts, Compiled, Rule, Table};
use weir_sys::{TcpListener, UdpSocket};
use weir_telemetry::TagList;
use weir_tls::Offer;

mod order;
mod places;
mod tls;
mod udp;

use tls::Stores;

use crate::departures::Departed;
use crate::lists::ListUpdate;
use crate::measure::Scopes;
use crate::rates::Limit;
use crate::session::protocol_token;
use crate::tables::{Cluster, ClusterSettings, Listener, ListenerSettings, Route, Special, Tables};
use crate::udp::listener::UdpSettings;
use places::Places;

/// Sockets that main has lent and no listener uses yet.
pub(crate) type Sockets = HashMap<Endpoint, Vec<OwnedFd>>;

/// What changed outside the tables.
#[derive(Default)]
pub(crate) struct Changes {
    /// Sockets that are to be watched: listener and position.
    pub(crate) opened: Vec<(Key, usize)>,
    /// Listeners that accept no more: their sockets are emptied and closed.
    pub(crate) closed: Vec<Key>,
    /// Listeners that were removed so far.
    removed: BTreeSet<SocketAddr>,
    /// As `opened`, of UDP.
    pub(crate) udp_opened: Vec<(Key, usize)>,
    /// As `closed`, of UDP, with their sockets; the listeners may be gone.
    pub(crate) udp_closed: Vec<(Key, Vec<UdpSocket>)>,
    /// Clusters whose checks begin anew.
    pub(crate) checked: Vec<Key>,
    /// Backends that joined a cluster.
    pub(crate) joined: Vec<(Key, Box<str>)>,
    /// Backends to which no idle connection is to be kept.
    pub(crate) forgotten: Vec<Address>,
    /// Removed backends whose sessions end after that time.
    pub(crate) departed: Vec<(Departed, Duration)>,
}

/// Orders as they come, in pieces: each piece is checked and compiled when it is added, and traffic
/// goes on between two. Tables stay as they are until the last one has come.
#[derive(Default)]
pub(crate) struct Draft {
    places: Places,
    stores: Stores,
    orders: Vec<Prepared>,
    /// Why an order cannot be put in place.
    refusal: Option<String>,
}

/// Orders that can be put in place.
pub(crate) struct Batch(Vec<Prepared>);

/// An order that cannot fail any more.
enum Prepared {
    Listener(Box<ListenerSettings>),
    RemoveListener(SocketAddr),
    UdpListener(Box<UdpSettings>),
    RemoveUdpListener(SocketAddr),
    Cluster(Box<ClusterSettings>),
    RemoveCluster(String),
    Frontend(Box<(Compiled, Route)>),
    RemoveFrontend(Box<FrontendId>),
    Backend(Box<(state::Backend, u64)>),
    RemoveBackend { cluster: String, id: String, close_after: Option<Duration> },
    Certificate(Box<(SocketAddr, Offer, u64)>),
    RemoveCertificate(CertificateId),
    List(Box<ListUpdate>),
    RemoveList(String),
}

impl Draft {
    /// Adds further orders. After one that is refused, the rest does not count.
    pub(crate) fn add(&mut self, tables: &Tables, orders: Vec<Order>) {
        self.orders.reserve(orders.len());
        for order in orders {
            if self.refusal.is_some() {
                return;
            }
            match self.compile(tables, order) {
                Ok(prepared) => self.orders.push(prepared),
                Err(sentence) => self.refusal = Some(sentence),
            }
        }
    }

    fn compile(&mut self, tables: &Tables, order: Order) -> Result<Prepared, String> {
        self.places.look(tables, &order)?;
        compile(order, tables, &mut self.stores)
    }

    /// All of them.
    ///
    /// # Errors
    /// A sentence about the first order that is refused.
    pub(crate) fn finish(self, tables: &Tables) -> Result<Batch, String> {
        self.places.require_room(tables)?;
        self.refusal.map_or(Ok(Batch(self.orders)), Err)
    }
}

/// Puts prepared orders in place.
pub(crate) fn commit(tables: &mut Tables, sockets: &mut Sockets, batch: Batch) -> Changes {
    let mut changes = Changes::default();
    for order in batch.0 {
        put(tables, sockets, order, &mut changes);
    }
    for address in std::mem::take(&mut changes.removed) {
        tables.by_address.remove(&address).map(|key| tables.listeners.remove(key));
    }
    let active = |l: &Listener| l.settings.config.active;
    changes.closed.retain(|key| !tables.listeners.get(*key).is_some_and(active));
    changes
}

fn compile(order: Order, tables: &Tables, stores: &mut Stores) -> Result<Prepared, String> {
    Ok(match order {
        Order::Listener(listener) => {
            Prepared::Listener(Box::new(listener_settings(listener, tables, stores)?))
        }
        Order::RemoveListener(address) => {
            stores.forget(address);
            Prepared::RemoveListener(address)
        }
        Order::UdpListener(listener) => Prepared::UdpListener(Box::new(udp::settings(*listener))),
        Order::RemoveUdpListener(address) => Prepared::RemoveUdpListener(address),
        Order::Cluster(cluster) => Prepared::Cluster(Box::new(cluster_settings(cluster, tables)?)),
        Order::RemoveCluster(id) => Prepared::RemoveCluster(id),
        Order::Frontend(frontend) => Prepared::Frontend(Box::new(route(*frontend)?)),
        Order::RemoveFrontend(id) => Prepared::RemoveFrontend(Box::new(id)),
        Order::Backend(backend) => {
            let hash = object_hash("backend", &backend);
            Prepared::Backend(Box::new((backend, hash)))
        }
        Order::RemoveBackend { cluster, id, close_after } => {
            Prepared::RemoveBackend { cluster, id, close_after }
        }
        Order::Certificate(certificate) => {
            Prepared::Certificate(Box::new(tls::certificate(*certificate)))
        }
        Order::RemoveCertificate(id) => Prepared::RemoveCertificate(id),
        Order::List(order) => Prepared::List(Box::new(ListUpdate::new(order))),
        Order::RemoveList(name) => Prepared::RemoveList(name),
    })
}

fn listener_settings(
    config: state::Listener,
    tables: &Tables,
    stores: &mut Stores,
) -> Result<ListenerSettings, String> {
    let answers = answer_set(&config.answers)
        .map_err(|error| format!("listener {}: {error}", config.address))?;
    let forward = ForwardOptions {
        correlation: config.sozu_id_header.as_bytes().into(),
        sticky_name: config.sticky_name.as_bytes().into(),
        elide_x_real_ip: config.elide_x_real_ip,
        send_x_real_ip: config.send_x_real_ip,
    };
    let tls = tls::front(&config, tables, stores)
        .map_err(|error| format!("listener {}: {error}", config.address))?;
    let hash = object_hash("listener", &config);
    Ok(ListenerSettings { config, hash, forward, answers, tls })
}

fn cluster_settings(config: state::Cluster, tables: &Tables) -> Result<ClusterSettings, String> {
    let answers =
        answer_set(&config.answers).map_err(|error| format!("cluster `{}`: {error}", config.id))?;
    let hash = object_hash("cluster", &config);
    let tls = tls::back(tables, &config, hash)
        .map_err(|error| format!("cluster `{}`: {error}", config.id))?;
    let rates = Limit::all(&config.id, &config.rate_limits);
    Ok(ClusterSettings { config, hash, answers, tls: tls.map(Rc::new), rates })
}

fn answer_set(answers: &state::Answers) -> Result<AnswerSet, String> {
    AnswerSet::compile(answers)
        .map_err(|(status, error)| format!("answer template for {status}: {error}"))
}

fn route(frontend: Frontend) -> Result<(Compiled, Route), String> {
    let name = || format!("frontend `{}` on {}", frontend.hostname, frontend.address);
    let compiled = Compiled::new(rule(frontend.id()));
    let compiled = compiled.map_err(|error| format!("{}: {error}", name()))?;
    let special =
        special(&frontend, compiled.captures()).map_err(|error| format!("{}: {error}", name()))?;
    let route = Route {
        hash: object_hash("frontend", &frontend),
        cluster: None,
        special: (special != Special::default()).then(|| Box::new(special)),
        tags: TagList::new(frontend.tags.iter().map(|(key, value)| (&**key, &**value)))
            .map(Box::new),
        frontend,
    };
    Ok((compiled, route))
}

/// The rule of a frontend. A protocol of TLS stands where the method does, as a token.
fn rule(id: FrontendId) -> Rule {
    let rule = Rule::from(id);
    let method = rule.method.as_deref().map(|method| protocol_token(method.as_bytes()));
    Rule { method: method.map(|token| token.into_owned()), ..rule }
}

fn special(frontend: &Frontend, captures: CaptureCounts) -> Result<Special, String> {
    let rewrite = |template: &Option<String>| {
        let compile = |text| RewriteTemplate::compile(text, captures.host, captures.path);
        template.as_deref().map(compile).transpose().map_err(|error| error.to_string())
    };
    let edits = |position| edits(frontend, position).map_err(|error| error.to_string());
    let template = frontend.redirect_template.as_deref();
    let template = template.map(|text| Template::compile(None, text)).transpose();
    Ok(Special {
        request_edits: edits(EditPosition::Request)?,
        response_edits: edits(EditPosition::Response)?,
        rewrite_host: rewrite(&frontend.rewrite_host)?,
        rewrite_path: rewrite(&frontend.rewrite_path)?,
        redirect_template: template.map_err(|error| format!("redirect template: {error}"))?,
        hsts: frontend.hsts.map(|hsts| hsts.enabled.then(|| tls::hsts(&hsts))),
        rates: match &frontend.rate_limits[..] {
            [] => Vec::new(),
            limits => Limit::all(&frontend.id(), limits),
        },
    })
}

fn edits(frontend: &Frontend, position: EditPosition) -> Result<Edits, EditError> {
    let wanted = |edit: &&state::HeaderEdit| {
        edit.position == position || edit.position == EditPosition::Both
    };
    Edits::new(frontend.headers.iter().filter(wanted).map(|edit| (&*edit.key, &*edit.value)))
}

fn put(tables: &mut Tables, sockets: &mut Sockets, order: Prepared, changes: &mut Changes) {
    match order {
        Prepared::Listener(settings) => commit_listener(tables, sockets, *settings, changes),
        Prepared::RemoveListener(address) => empty_listener(tables, address, changes),
        Prepared::UdpListener(settings) => udp::put(tables, sockets, *settings, changes),
        Prepared::RemoveUdpListener(address) => udp::remove(tables, &address, changes),
        Prepared::Cluster(settings) => commit_cluster(tables, *settings, changes),
        Prepared::RemoveCluster(id) => remove_cluster(tables, &id, changes),
        Prepared::Frontend(route) => commit_route(tables, *route),
        Prepared::RemoveFrontend(id) => {
            let listener = tables.by_address.get(&id.address).copied();
            let Some(listener) = listener.and_then(|key| tables.listeners.get_mut(key)) else {
                return;
            };
            let rule = rule(*id);
            tables.hash = tables.hash.wrapping_sub(order::around(&listener.routes, &rule));
            let removed = listener.routes.remove(&rule);
            listener.choosy -= removed.iter().filter(|route| route.is_choosy()).count();
            release_route(tables, removed);
        }
        Prepared::Backend(backend) => {
            let (backend, hash) = *backend;
            let cluster = cluster_slot(tables, &backend.cluster);
            let spec = Spec {
                id: backend.id.into(),
                address: backend.address,
                weight: backend.weight,
                sticky_id: backend.sticky_id.map(Into::into),
                backup: backend.backup,
                max_connections: backend.max_connections,
            };
            changes.joined.push((cluster, spec.id.clone()));
            match tables.put_backend(cluster, spec, hash) {
                Ok(left) => changes.forgotten.extend(left),
                Err(error) => log::error!("cluster `{}`: {error}", backend.cluster),
            }
        }
        Prepared::RemoveBackend { cluster, id, close_after } => {
            let key = tables.by_id.get(&cluster).copied();
            let Some(key) = key else { return };
            let group = tables.clusters.get(key).map(|cluster| &cluster.group);
            let backend = group.and_then(|group| group.key_of(&id));
            changes.departed.extend(backend.zip(close_after).map(|(b, after)| ((key, b), after)));
            changes.forgotten.extend(tables.remove_backend(key, &id));
            drop_if_unused(tables, key);
        }
        Prepared::Certificate(certificate) => {
            let (address, offer, hash) = *certificate;
            tables.put_certificate(address, offer, hash);
        }
        Prepared::RemoveCertificate(id) => tables.remove_certificate(&id),
        Prepared::List(update) => {
            let change = tables.lists.change(*update);
            tables.add(change);
        }
        Prepared::RemoveList(name) => {
            let change = tables.lists.remove(&name);
            tables.add(change);
        }
    }
}

fn commit_listener(
    tables: &mut Tables,
    sockets: &mut Sockets,
    mut settings: ListenerSettings,
    changes: &mut Changes,
) {
    let address = settings.config.address;
    let active = settings.config.active;
    // An order that follows may want them if this one does not.
    let lent = if active { sockets.remove(&Endpoint::tcp(address)) } else { None };
    let lent: Vec<_> = lent.unwrap_or_default().into_iter().map(TcpListener::from_fd).collect();
    tables.add(settings.hash);
    if let Some(tls) = &mut settings.tls {
        tls.store.set_default(tls.default.take());
    }
    let settings = Rc::new(settings);
    let known = tables.by_address.get(&address).copied();
    let Some((key, listener)) = known.and_then(|key| Some((key, tables.listeners.get_mut(key)?)))
    else {
        let count = lent.len();
        let (routes, certificates) = (Table::new(), Default::default());
        let listener = Listener { settings, routes, sockets: lent, choosy: 0, certificates };
        if let Ok(key) = tables.listeners.insert(listener) {
            tables.by_address.insert(address, key);
            changes.opened.extend((0..count).map(|index| (key, index)));
        }
        return;
    };
    let before = std::mem::replace(&mut listener.settings, settings);
    let first = listener.sockets.len();
    listener.sockets.extend(lent);
    changes.opened.extend((first..listener.sockets.len()).map(|index| (key, index)));
    if !active {
        changes.closed.push(key);
    }
    if !changes.removed.remove(&address) {
        tables.subtract(before.hash);
    }
}

/// Takes from a listener what goes with it. It goes itself when all orders are in place, unless one
/// of them declares it again: clients may come, and stay connected, all the while.
fn empty_listener(tables: &mut Tables, address: SocketAddr, changes: &mut Changes) {
    let key = tables.by_address.get(&address).copied();
    let Some(listener) = key.and_then(|key| tables.listeners.get_mut(key)) else { return };
    if !changes.removed.insert(address) {
        return;
    }
    let hash = listener.settings.hash;
    let routes = std::mem::replace(&mut listener.routes, Table::new());
    let certificates = std::mem::take(&mut listener.certificates);
    listener.choosy = 0;
    tables.subtract(hash);
    certificates.into_values().for_each(|hash| tables.subtract(hash));
    tables.hash = tables.hash.wrapping_sub(order::of_all(&routes));
    let routes: Vec<_> = routes.iter().map(|(_, route)| Rc::clone(route)).collect();
    routes.into_iter().for_each(|route| release_route(tables, Some(route)));
}

fn commit_cluster(tables: &mut Tables, mut settings: ClusterSettings, changes: &mut Changes) {
    let key = cluster_slot(tables, &settings.config.id);
    tables.add(settings.hash);
    tables.rates.hold(&mut settings.rates);
    let Some(cluster) = tables.clusters.get_mut(key) else { return };
    cluster.group.set_policy(settings.config.load_balancing, settings.config.load_metric);
    cluster.group.set_rules(Rules {
        checked: settings.config.health.is_some(),
        slow_start: settings.config.slow_start,
        ejection: settings.config.ejection,
    });
    if cluster.settings.config.health != settings.config.health {
        changes.checked.push(key);
    }
    if cluster.settings.config.breaker != settings.config.breaker {
        let now = weir_sys::now();
        let breaker = settings.config.breaker.map(|rules| Box::new(Breaker::new(rules, now)));
        cluster.breaker = breaker;
    }
    if cluster.settings.config.retries != settings.config.retries {
        cluster.retries = None;
    }
    let before = std::mem::replace(&mut cluster.settings, Rc::new(settings));
    tables.rates.let_go(&before.rates);
    let known = std::mem::replace(&mut cluster.defined, true);
    let terms = cluster.terms(tables.share);
    tables.commons.set(&mut cluster.tenant, terms);
    if known {
        tables.subtract(before.hash);
    }
}

/// The slot of a cluster, made when an order names it for the first time.
fn cluster_slot(tables: &mut Tables, id: &str) -> Key {
    if let Some(key) = tables.by_id.get(id) {
        return *key;
    }
    let config = state::Cluster { id: id.to_owned(), ..state::Cluster::default() };
    let mut group = Group::new(config.load_balancing, config.load_metric);
    group.set_share(tables.share);
    let cluster = Cluster {
        group,
        queue: Queue::default(),
        settings: Rc::new(ClusterSettings {
            config,
            hash: 0,
            answers: AnswerSet::default(),
            tls: None,
            rates: Vec::new(),
        }),
        retries: None,
        breaker: None,
        tenant: Tenant::default(),
        scopes: Scopes::default(),
        routes: 0,
        defined: false,
    };
    match tables.clusters.insert(cluster) {
        Ok(key) => {
            tables.by_id.insert(id.to_owned(), key);
            key
        }
        // Stale for ever: requests that lead there are answered 503.
        Err(_) => Key::from_bits(u64::from(u32::MAX)),
    }
}

fn remove_cluster(tables: &mut Tables, id: &str, changes: &mut Changes) {
    let Some(key) = tables.by_id.get(id).copied() else { return };
    let Some(cluster) = tables.clusters.get_mut(key) else { return };
    let ids: Vec<_> =
        cluster.group.iter(Instant::default()).map(|view| view.spec.id.to_string()).collect();
    for id in ids {
        changes.forgotten.extend(tables.remove_backend(key, &id));
    }
    let Some(cluster) = tables.clusters.get_mut(key) else { return };
    tables.commons.set(&mut cluster.tenant, Terms::default());
    if std::mem::replace(&mut cluster.defined, false) {
        let hash = cluster.settings.hash;
        tables.subtract(hash);
    }
    drop_if_unused(tables, key);
}

fn commit_route(tables: &mut Tables, (compiled, mut route): (Compiled, Route)) {
    let cluster = route.frontend.cluster.as_deref().map(|id| cluster_slot(tables, id));
    route.cluster = cluster;
    tables.add(route.hash);
    let Some(key) = tables.by_address.get(&route.frontend.address).copied() else { return };
    let Some(listener) = tables.listeners.get_mut(key) else { return };
    let listed = compiled.rule().position != Position::Tree;
    let listed = listed.then(|| compiled.rule().clone());
    let choosy = route.is_choosy();
    if let Some(special) = &mut route.special {
        tables.rates.hold(&mut special.rates);
    }
    let replaced = listener.routes.put(compiled, Rc::new(route));
    if let Ok(None) = &replaced {
        listener.choosy += usize::from(choosy);
    }
    if let (Ok(None), Some(rule)) = (&replaced, listed) {
        tables.hash = tables.hash.wrapping_add(order::around(&listener.routes, &rule));
    }
    if let Some(cluster) = cluster.and_then(|key| tables.clusters.get_mut(key)) {
        cluster.routes += 1;
    }
    release_route(tables, replaced.ok().flatten());
}

/// A route is gone: its cluster's slot may go too.
fn release_route(tables: &mut Tables, route: Option<Rc<Route>>) {
    let Some(route) = route else { return };
    tables.subtract(route.hash);
    tables.rates.let_go(route.rates());
    if let Some(key) = route.cluster {
        release_cluster(tables, key);
    }
}

/// A route or listener does not lead to a cluster any more.
fn release_cluster(tables: &mut Tables, key: Key) {
    let Some(cluster) = tables.clusters.get_mut(key) else { return };
    cluster.routes -= 1;
    drop_if_unused(tables, key);
}

/// Gives the slot of a cluster up that no order, route or backend names any more.
fn drop_if_unused(tables: &mut Tables, key: Key) {
    let Some(cluster) = tables.clusters.get(key) else { return };
    let has_backends = cluster.group.iter(Instant::default()).any(|view| !view.removed);
    if cluster.routes == 0 && !cluster.defined && !has_backends {
        let id = cluster.settings.config.id.clone();
        if let Some(mut cluster) = tables.clusters.remove(key) {
            cluster.scopes.clear(&mut tables.places);
            tables.places.heaviest.remove(key);
            tables.rates.let_go(&cluster.settings.rates);
        }
        tables.by_id.remove(&id);
    }
}
