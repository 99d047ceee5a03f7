//! Events, a line each.

use serde_json::{Value, json};
use weir_client::Told;

use super::page::address;

/// `<origin>, <kind> <what it is about>`
pub(crate) fn event(told: &Told) -> String {
    let event = &told.event;
    let fields = [
        ("cluster", event.cluster_id.clone()),
        ("backend", event.backend_id.clone()),
        ("address", event.address.as_ref().map(address)),
        ("refused", event.refused.clone()),
        ("detail", event.metric_detail.as_ref().map(|detail| detail.transition_kind.clone())),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let about: String = fields.map(|(name, value)| format!(" {name}={value}")).collect();
    let line = format!("{}, {}{about}", told.origin, name(told));
    line.replace(char::is_control, "\u{fffd}")
}

/// The event as it came, its origin and the name of its kind.
pub(crate) fn event_json(told: &Told) -> Value {
    json!({ "origin": told.origin, "name": name(told), "event": told.event })
}

fn name(told: &Told) -> String {
    let kind = weir_client::proto::EventKind::try_from(told.event.kind);
    kind.map_or_else(|_| format!("event {}", told.event.kind), |kind| kind.as_str_name().to_owned())
}
