//! How many sessions objects of the configuration concern.

use std::collections::HashMap;
use std::rc::Rc;

use weir_balance::BackendKey;
use weir_base::Key;
use weir_control::order::Object;
use weir_control::state::BackendId;

use crate::context::Context;
use crate::session::{Session, Stage};
use crate::tables::{Route, Tables};
use crate::udp::Link;

/// Sessions by what they use, as they know it.
#[derive(Default)]
struct Live<'a> {
    listeners: HashMap<Key, u64>,
    udp: HashMap<Key, u64>,
    clusters: HashMap<Key, u64>,
    backends: HashMap<(Key, BackendKey), u64>,
    routes: HashMap<*const Route, (&'a Route, u64)>,
}

/// For each object, the sessions or flows that came from it, if it is a listener, or that have a
/// request which goes through it now. Looks once at each of them, and once at each object.
pub(crate) fn count<'a>(
    cx: &Context,
    sessions: impl Iterator<Item = &'a Session>,
    objects: &[Object],
) -> Vec<u64> {
    let mut live = Live::default();
    for session in sessions {
        live.add(session);
    }
    cx.udp.iter().for_each(|link| live.add_flow(link));
    let by_object = live.by_object(&cx.tables);
    objects.iter().map(|object| by_object.get(object).copied().unwrap_or(0)).collect()
}

impl<'a> Live<'a> {
    fn add(&mut self, session: &'a Session) {
        *self.listeners.entry(session.listener).or_default() += 1;
        let Stage::Exchange(active) = &session.stage else { return };
        if let Some(route) = &active.route {
            self.routes.entry(Rc::as_ptr(route)).or_insert((route, 0)).1 += 1;
        }
        let Some(cluster) = active.cluster else { return };
        *self.clusters.entry(cluster).or_default() += 1;
        if let Some(back) = active.back {
            *self.backends.entry((cluster, back.backend)).or_default() += 1;
        }
    }

    fn add_flow(&mut self, link: &Link) {
        *self.udp.entry(link.listener).or_default() += 1;
        *self.clusters.entry(link.cluster).or_default() += 1;
        *self.backends.entry((link.cluster, link.backend)).or_default() += 1;
    }

    /// By names. A request keeps its route when that is replaced: it counts for the name still.
    fn by_object(self, tables: &Tables) -> HashMap<Object, u64> {
        let listeners = self.listeners.into_iter().filter_map(|(key, count)| {
            let address = tables.listeners.get(key)?.settings.config.address;
            Some((Object::Listener(address), count))
        });
        let udp = self.udp.into_iter().filter_map(|(key, count)| {
            let address = tables.udp.get(key)?.settings.config.address;
            Some((Object::UdpListener(address), count))
        });
        let listeners = listeners.chain(udp);
        let id = |cluster| Some(tables.clusters.get(cluster)?.settings.config.id.clone());
        let clusters = self.clusters.into_iter();
        let clusters = clusters.filter_map(|(key, n)| Some((Object::Cluster(id(key)?), n)));
        let backends = self.backends.into_iter().filter_map(|((key, backend), count)| {
            let spec = tables.clusters.get(key)?.group.spec(backend)?;
            let backend = BackendId { cluster: id(key)?, id: spec.id.to_string() };
            Some((Object::Backend(backend), count))
        });
        let routes = self.routes.into_values();
        let routes = routes.map(|(route, n)| (Object::Frontend(route.frontend.id()), n));
        let mut all = HashMap::new();
        for (object, count) in listeners.chain(clusters).chain(backends).chain(routes) {
            *all.entry(object).or_default() += count;
        }
        all
    }
}
