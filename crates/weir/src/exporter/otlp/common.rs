//! What metrics and traces have in common.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What all that is sent is of.
pub(super) fn resource() -> Option<Resource> {
    let attributes = vec![text("service.name", "weir"), text("service.version", VERSION)];
    Some(Resource { attributes, ..Resource::default() })
}

/// Who tells it.
pub(super) fn scope() -> Option<InstrumentationScope> {
    let (name, version) = ("weir".to_owned(), VERSION.to_owned());
    Some(InstrumentationScope { name, version, ..InstrumentationScope::default() })
}

/// An attribute.
pub(super) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

/// An attribute that is a number.
pub(super) fn number(key: &str, value: u64) -> KeyValue {
    attribute(key, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}
