//! The objects of the state, each by itself in a table: a change costs what it touches.
//!
//! Keys begin with a byte for the kind; frontends and backends follow by their place, which is
//! their order of declaration, others by name. A list of addresses is an object for itself and one
//! for each of its blocks.

use redb::{ReadableTable, Table, TableDefinition};
use weir_base::{Cidr, Wiped};
use weir_control::change::{ListChange, Undo};
use weir_control::packed::{pack, unpack};
use weir_control::state::State;

use super::Result;

/// By key, packed.
pub(super) const OBJECTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("objects");

const LISTENER: u8 = 0;
const CLUSTER: u8 = 1;
const FRONTEND: u8 = 2;
const BACKEND: u8 = 3;
const CERTIFICATE: u8 = 4;
const UDP_LISTENER: u8 = 5;
const LIST: u8 = 6;
/// Of a list: its name and the block.
const BLOCK: u8 = 7;

type Objects<'a> = Table<'a, &'static [u8], &'static [u8]>;

/// Stores what changes have made of the objects that they touched; `state` is what they led to.
pub(super) fn put_changed(objects: &mut Objects<'_>, state: &State, undo: &[Undo]) -> Result<()> {
    for step in undo {
        if let Undo::List(change) = step {
            put_list(objects, change)?;
        }
        let (before, now) = (key_before(step)?, entry(state, step)?);
        if before.as_ref() != now.as_ref().map(|(key, _)| key) {
            remove(objects, before)?;
        }
        put(objects, now)?;
    }
    Ok(())
}

/// Takes changes back; `state` is what they led to, and becomes what was before.
pub(super) fn take_back(
    objects: &mut Objects<'_>,
    state: &mut State,
    undo: Vec<Undo>,
) -> Result<()> {
    for step in undo.iter().rev() {
        if let Undo::List(change) = step {
            put_list(objects, &opposite(change))?;
        }
        remove(objects, entry(state, step)?.map(|(key, _)| key))?;
    }
    state.undo(undo.clone());
    undo.iter().try_for_each(|step| put(objects, entry(state, step)?))
}

/// Stores every object of a state in an empty table.
pub(super) fn put_all(objects: &mut Objects<'_>, state: &State) -> Result<()> {
    for (name, blocks) in &state.lists {
        objects.insert(&*named(LIST, name.as_bytes()), &[][..])?;
        for block in blocks {
            objects.insert(&*named(BLOCK, &pack(&(name, block))?), &[][..])?;
        }
    }
    for listener in state.listeners.values() {
        objects.insert(&*named(LISTENER, &pack(&listener.address)?), &*pack(listener)?)?;
    }
    for listener in state.udp.values() {
        objects.insert(&*named(UDP_LISTENER, &pack(&listener.address)?), &*pack(listener)?)?;
    }
    for cluster in state.clusters.values() {
        objects.insert(&*named(CLUSTER, cluster.id.as_bytes()), &*pack(cluster)?)?;
    }
    for (place, frontend) in state.frontends.places() {
        objects.insert(&*placed(FRONTEND, place), &*pack(frontend)?)?;
    }
    for (place, backend) in state.backends.places() {
        objects.insert(&*placed(BACKEND, place), &*pack(backend)?)?;
    }
    for (id, certificate) in &state.certificates {
        objects.insert(&*named(CERTIFICATE, &pack(id)?), &*pack(certificate)?)?;
    }
    Ok(())
}

/// The state that all objects make.
pub(super) fn state(objects: &impl ReadableTable<&'static [u8], &'static [u8]>) -> Result<State> {
    let mut state = State::default();
    for entry in objects.iter()? {
        let (key, value) = entry?;
        let (kind, name) = key.value().split_first().ok_or("an object has no key")?;
        let place = || name.try_into().map(u64::from_be_bytes);
        let value = value.value();
        match *kind {
            LISTENER => {
                let listener: weir_control::state::Listener = unpack(value)?;
                state.listeners.insert(listener.address, listener);
            }
            UDP_LISTENER => {
                let listener: weir_control::state::UdpListener = unpack(value)?;
                state.udp.insert(listener.address, listener);
            }
            CLUSTER => {
                let cluster: weir_control::state::Cluster = unpack(value)?;
                state.clusters.insert(cluster.id.clone(), cluster);
            }
            FRONTEND => _ = state.frontends.put_at(place()?, unpack(value)?),
            BACKEND => _ = state.backends.put_at(place()?, unpack(value)?),
            CERTIFICATE => {
                let certificate: weir_control::state::Certificate = unpack(value)?;
                state.certificates.insert(certificate.id(), certificate);
            }
            LIST => _ = state.lists.entry(String::from_utf8(name.to_vec())?).or_default(),
            BLOCK => {
                let (list, block): (String, Cidr) = unpack(name)?;
                state.lists.entry(list).or_default().insert(block);
            }
            kind => return Err(format!("there is an object of unknown kind {kind}").into()),
        }
    }
    Ok(state)
}

/// Stores what a change has made of a list: each of its blocks is an object.
fn put_list(objects: &mut Objects<'_>, change: &ListChange) -> Result<()> {
    let list = named(LIST, change.name.as_bytes());
    match change.is {
        true => objects.insert(&*list, &[][..])?,
        false => objects.remove(&*list)?,
    };
    for block in &change.removed {
        objects.remove(&*named(BLOCK, &pack(&(&change.name, block))?))?;
    }
    for block in &change.added {
        objects.insert(&*named(BLOCK, &pack(&(&change.name, block))?), &[][..])?;
    }
    Ok(())
}

/// The change that takes one back.
fn opposite(change: &ListChange) -> ListChange {
    let ListChange { name, was, is, added, removed } = change.clone();
    ListChange { name, was: is, is: was, added: removed, removed: added }
}

fn put(objects: &mut Objects<'_>, entry: Option<(Vec<u8>, Wiped)>) -> Result<()> {
    if let Some((key, value)) = entry {
        objects.insert(&*key, &*value)?;
    }
    Ok(())
}

fn remove(objects: &mut Objects<'_>, key: Option<Vec<u8>>) -> Result<()> {
    if let Some(key) = key {
        objects.remove(&*key)?;
    }
    Ok(())
}

/// Where an object was before a change, if it was there.
fn key_before(step: &Undo) -> Result<Option<Vec<u8>>> {
    Ok(match step {
        Undo::Listener(_, None) | Undo::UdpListener(_, None) => None,
        Undo::Cluster(_, None) | Undo::Certificate(_, None) => None,
        Undo::Listener(address, Some(_)) => Some(named(LISTENER, &pack(address)?)),
        Undo::UdpListener(address, Some(_)) => Some(named(UDP_LISTENER, &pack(address)?)),
        Undo::Cluster(id, Some(_)) => Some(named(CLUSTER, id.as_bytes())),
        Undo::Frontend(_, before) => before.as_ref().map(|(at, _)| placed(FRONTEND, *at)),
        Undo::Backend(_, before) => before.as_ref().map(|(at, _)| placed(BACKEND, *at)),
        Undo::Certificate(id, Some(_)) => Some(named(CERTIFICATE, &pack(id)?)),
        Undo::List(_) => None,
    })
}

/// The object that a change was about as it is in a state, if it is there.
fn entry(state: &State, step: &Undo) -> Result<Option<(Vec<u8>, Wiped)>> {
    Ok(match step {
        Undo::Listener(address, _) => match state.listeners.get(address) {
            Some(listener) => Some((named(LISTENER, &pack(address)?), pack(listener)?)),
            None => None,
        },
        Undo::UdpListener(address, _) => match state.udp.get(address) {
            Some(listener) => Some((named(UDP_LISTENER, &pack(address)?), pack(listener)?)),
            None => None,
        },
        Undo::Cluster(id, _) => match state.clusters.get(id) {
            Some(cluster) => Some((named(CLUSTER, id.as_bytes()), pack(cluster)?)),
            None => None,
        },
        Undo::Frontend(id, _) => match state.frontends.with_place(id) {
            Some((place, frontend)) => Some((placed(FRONTEND, place), pack(frontend)?)),
            None => None,
        },
        Undo::Backend(id, _) => match state.backends.with_place(id) {
            Some((place, backend)) => Some((placed(BACKEND, place), pack(backend)?)),
            None => None,
        },
        Undo::Certificate(id, _) => match state.certificates.get(id) {
            Some(certificate) => Some((named(CERTIFICATE, &pack(id)?), pack(certificate)?)),
            None => None,
        },
        // It is many objects.
        Undo::List(_) => None,
    })
}

fn named(kind: u8, name: &[u8]) -> Vec<u8> {
    [&[kind], name].concat()
}

fn placed(kind: u8, place: u64) -> Vec<u8> {
    named(kind, &place.to_be_bytes())
}
