//! Values of the state as people may see them: no secrets, and no certificates in base64.

use serde_json::{Map, Value};
use weir_tls::{Der, Fingerprint};

/// Lists of certificates, by the names of their members.
const CERTIFICATES: [&str; 3] = ["chain", "authorities", "client_authorities"];
/// Lists of revocation lists.
const REVOKED: &str = "client_revoked";
/// Digits of a fingerprint that tell certificates apart.
const DIGITS: usize = 16;

/// The value of a member, in a line.
pub(super) fn text(key: &str, value: &Value) -> String {
    match shown(key, value) {
        Value::Null => "none".to_owned(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn shown(key: &str, value: &Value) -> Value {
    let member = |(key, value): (&String, &Value)| (key.clone(), shown(key, value));
    match value {
        Value::Object(fields) if fields.len() == 1 && fields.contains_key("secret") => {
            Value::String("secret".to_owned())
        }
        Value::Object(fields) if fields.len() == 2 && fields.contains_key("nanos") => {
            let seconds = fields.get("secs").and_then(Value::as_u64).unwrap_or_default();
            Value::String(format!("{seconds} s"))
        }
        Value::Object(fields) => Value::Object(fields.iter().map(member).collect::<Map<_, _>>()),
        Value::Array(items) if CERTIFICATES.contains(&key) => named("certificate", items),
        Value::Array(items) if key == REVOKED => named("revocation list", items),
        Value::Array(items) => items.iter().map(|item| shown("", item)).collect(),
        other => other.clone(),
    }
}

fn named(what: &str, items: &[Value]) -> Value {
    let name = |item: &Value| {
        let der = serde_json::from_value::<Der>(item.clone()).ok();
        let digest = der.map(|der| Fingerprint::of(der.bytes()).to_string());
        format!("{what} {}…", digest.unwrap_or_default().get(..DIGITS).unwrap_or_default())
    };
    items.iter().map(|item| Value::String(name(item))).collect()
}
