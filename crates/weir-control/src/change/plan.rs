//! What changes did, for people: what is there before and after, key by key.

use serde::Serialize;
use serde_json::{Map, Value};
use weir_proto::{ChangeKind, ChangedKey, PlannedChange};

use super::first::first_of_each;
use super::names::{Names, certificate_name};
use super::{Undo, lists, shown};
use crate::order::Object;
use crate::state::{Frontend, FrontendId, Listener, Position, State};

/// The net effect of changes that were just made to `state`; objects that are as before are left
/// out.
pub fn plan(state: &State, undo: &[Undo]) -> Vec<PlannedChange> {
    let names = Names::new(state, undo);
    let changes = first_of_each(undo).filter_map(|step| compare_object(state, &names, undo, step));
    changes.collect()
}

/// As [`plan`], with the object that each change is of.
pub fn plan_by_object(state: &State, undo: &[Undo]) -> Vec<(Object, PlannedChange)> {
    let names = Names::new(state, undo);
    let changes = first_of_each(undo).filter_map(|step| {
        let change = compare_object(state, &names, undo, step)?;
        let object = match step {
            Undo::Listener(address, _) => Object::Listener(*address),
            Undo::UdpListener(address, _) => Object::UdpListener(*address),
            Undo::Cluster(id, _) => Object::Cluster(id.clone()),
            Undo::Frontend(id, _) => Object::Frontend(id.clone()),
            Undo::Backend(id, _) => Object::Backend(id.clone()),
            Undo::Certificate(id, _) => Object::Certificate(*id),
            Undo::List(change) => Object::List(change.name.clone()),
        };
        Some((object, change))
    });
    changes.collect()
}

fn compare_object(
    state: &State,
    names: &Names<'_>,
    undo: &[Undo],
    first: &Undo,
) -> Option<PlannedChange> {
    match first {
        Undo::Listener(address, before) => {
            let after = state.listeners.get(address);
            let change = compare("listener", address.to_string(), before.as_ref(), after);
            change.map(|change| match after.is_some_and(Listener::is_tcp) {
                true => named_as_tcp(change),
                false => change,
            })
        }
        Undo::UdpListener(address, before) => {
            let name = format!("{address} (UDP)");
            compare("listener", name, before.as_deref(), state.udp.get(address))
        }
        Undo::Cluster(id, before) => {
            compare("cluster", id.clone(), before.as_ref(), state.clusters.get(id))
        }
        Undo::Frontend(id, before) => {
            compare_frontend(state, id, names.of_frontend(id), before.as_ref())
        }
        Undo::Backend(id, before) => {
            let name = format!("{}/{}", id.cluster, id.id);
            let before = before.as_ref().map(|(_, backend)| backend);
            compare("backend", name, before, state.backends.get(id))
        }
        Undo::Certificate(id, before) => {
            let after = state.certificates.get(id);
            let either = before.as_deref().or(after);
            let names = either.map_or(&[][..], |certificate| &certificate.names);
            compare("certificate", certificate_name(id, names), before.as_deref(), after)
        }
        Undo::List(change) => lists::plan(state, &change.name, undo),
    }
}

/// Keys of a listener of TCP have names of their own.
fn named_as_tcp(mut change: PlannedChange) -> PlannedChange {
    for changed in &mut change.keys {
        let name = match &*changed.key {
            "request_timeout" => "sni_preread_timeout",
            "hello_bytes" => "sni_preread_max_bytes",
            _ => continue,
        };
        changed.key = name.to_owned();
    }
    change
}

/// In a list, a frontend that was declared again stands behind those that it stood before.
fn compare_frontend(
    state: &State,
    id: &FrontendId,
    name: String,
    before: Option<&(u64, Frontend)>,
) -> Option<PlannedChange> {
    let after = state.frontends.get(id);
    let plain = compare("frontend", name.clone(), before.map(|(_, frontend)| frontend), after);
    let (Some((old, _)), Some(new)) = (before, state.frontends.place(id)) else { return plain };
    if *old == new || id.position == Position::Tree {
        return plain;
    }
    let place = |place: u64| format!("place {}", place + 1);
    let moved = ChangedKey { key: "order".into(), old: place(*old), new: place(new) };
    let kind = ChangeKind::ChangeChanged.into();
    let plain = plain.unwrap_or_else(|| PlannedChange {
        kind,
        object: "frontend".into(),
        name,
        ..PlannedChange::default()
    });
    let keys = plain.keys.into_iter().chain([moved]).collect();
    Some(PlannedChange { keys, ..plain })
}

fn compare<T: Serialize + PartialEq>(
    object: &str,
    name: String,
    before: Option<&T>,
    after: Option<&T>,
) -> Option<PlannedChange> {
    let (kind, keys) = match (before, after) {
        (None, None) => return None,
        (Some(before), Some(after)) if before == after => return None,
        (None, Some(_)) => (ChangeKind::ChangeAdded, Vec::new()),
        (Some(_), None) => (ChangeKind::ChangeRemoved, Vec::new()),
        (Some(before), Some(after)) => (ChangeKind::ChangeChanged, keys(before, after)),
    };
    let object = object.to_owned();
    Some(PlannedChange { kind: kind.into(), object, name, keys, sessions: None })
}

fn keys<T: Serialize>(before: &T, after: &T) -> Vec<ChangedKey> {
    let value = |object: &T| serde_json::to_value(object).unwrap_or_default();
    let mut changed = Vec::new();
    if let (Value::Object(before), Value::Object(after)) = (value(before), value(after)) {
        compare_fields("", &before, &after, &mut changed);
    }
    changed
}

/// Members that are compared one by one, not as a whole.
const NESTED: [&str; 6] = ["tls", "hsts", "identity", "default_certificate", "udp", "access"];

fn compare_fields(
    path: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    changed: &mut Vec<ChangedKey>,
) {
    for (key, new) in after {
        let old = before.get(key).unwrap_or(&Value::Null);
        let name = format!("{path}{key}");
        match (old, new) {
            _ if old == new => {}
            (Value::Object(old), Value::Object(new)) if NESTED.contains(&key.as_str()) => {
                compare_fields(&format!("{name}."), old, new, changed);
            }
            _ => {
                let (old, mut new) = (shown::text(key, old), shown::text(key, new));
                if old == new {
                    new = format!("another {new}");
                }
                changed.push(ChangedKey { key: name, old, new });
            }
        }
    }
}
