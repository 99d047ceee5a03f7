//! Messages as tables of their fields.

use serde::Serialize;
use serde_json::{Map, Value};
use weir_client::proto::{
    LoadBalancingAlgorithms, LoadMetric, ProxyProtocolConfig, SocketAddress, TlsVersion,
};

use super::page::{Page, address, row};

/// Fields that hold private keys.
const SECRET: &str = "key";

/// A table of the fields that are set.
pub(super) fn table(page: &mut Page, title: &str, message: &impl Serialize) {
    let Ok(Value::Object(fields)) = serde_json::to_value(message) else { return };
    page.table(title, ["property", "value"], rows(&fields));
}

fn rows(fields: &Map<String, Value>) -> Vec<Vec<String>> {
    let fields = fields.iter().filter(|(_, value)| !is_empty(value));
    fields.map(|(key, value)| row![key.replace('_', " "), text(key, value)]).collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        _ => false,
    }
}

fn text(key: &str, value: &Value) -> String {
    match value {
        _ if key == SECRET => "(not shown)".into(),
        Value::Number(number) => {
            let name = number.as_i64().and_then(|number| name(key, number.try_into().ok()?));
            name.map_or_else(|| number.to_string(), str::to_owned)
        }
        Value::String(text) => text.trim_end().to_owned(),
        Value::Array(items) => items.iter().map(|i| text(key, i)).collect::<Vec<_>>().join("\n"),
        Value::Object(fields) => object(fields),
        other => other.to_string(),
    }
}

fn object(fields: &Map<String, Value>) -> String {
    if let Ok(found) = serde_json::from_value::<SocketAddress>(Value::Object(fields.clone())) {
        return address(&found);
    }
    let fields = fields.iter().filter(|(_, value)| !is_empty(value));
    let lines = fields.map(|(key, value)| format!("{key}: {}", text(key, value)));
    lines.collect::<Vec<_>>().join("\n")
}

/// The name that a number stands for.
fn name(key: &str, number: i32) -> Option<&'static str> {
    Some(match key {
        "load_balancing" => LoadBalancingAlgorithms::try_from(number).ok()?.as_str_name(),
        "load_metric" => LoadMetric::try_from(number).ok()?.as_str_name(),
        "proxy_protocol" => ProxyProtocolConfig::try_from(number).ok()?.as_str_name(),
        "versions" => TlsVersion::try_from(number).ok()?.as_str_name(),
        _ => return None,
    })
}
