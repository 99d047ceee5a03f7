//! An access-log record as a span of a trace.
//!
//! The trace and the parent are those that the client has named (`traceparent`); a request without
//! them begins a trace, whose id is that of the request. Names of attributes are those of
//! OpenTelemetry's conventions for HTTP where there are such, and begin with `weir.` elsewhere.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use serde::Deserialize;

use super::common::{number, text};

/// What is read of a record in JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    unix_ns: u64,
    level: String,
    request: String,
    cluster: Option<String>,
    backend: Option<String>,
    client: Option<String>,
    backend_address: Option<String>,
    protocol: Option<String>,
    method: Option<String>,
    authority: Option<String>,
    path: Option<String>,
    status: Option<u16>,
    message: Option<String>,
    request_us: u64,
    wait_us: Option<u64>,
    connect_us: Option<u64>,
    tls_us: Option<u64>,
    response_us: Option<u64>,
    service_us: Option<u64>,
    bytes_in: Option<u64>,
    bytes_out: Option<u64>,
    retries: Option<u64>,
    epoch: Option<u64>,
    user_agent: Option<String>,
    trace_id: Option<String>,
    span_id: Option<String>,
    tls_version: Option<String>,
}

impl Record {
    /// The id of its trace; `None`: it has no id that can be one.
    pub(super) fn trace(&self) -> Option<u128> {
        match &self.trace_id {
            Some(hex) => u128::from_str_radix(hex, 16).ok(),
            None => number_of(&self.request),
        }
    }

    /// Its span in that trace.
    pub(super) fn span(self, trace: u128) -> Option<Span> {
        let id = number_of(&self.request)? as u64;
        let parent = self.span_id.as_deref().and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let took = self.request_us.saturating_mul(1_000);
        let status = (self.level == "error").then(|| Status {
            message: self.message.clone().unwrap_or_default(),
            code: StatusCode::Error.into(),
        });
        Some(Span {
            trace_id: trace.to_be_bytes().to_vec(),
            span_id: id.max(1).to_be_bytes().to_vec(),
            parent_span_id: parent.map_or_else(Vec::new, |id| id.to_be_bytes().to_vec()),
            name: self.method.clone().unwrap_or_else(|| "TCP".to_owned()),
            kind: SpanKind::Server.into(),
            start_time_unix_nano: self.unix_ns.saturating_sub(took),
            end_time_unix_nano: self.unix_ns,
            attributes: self.attributes(),
            status,
            ..Span::default()
        })
    }

    fn attributes(self) -> Vec<KeyValue> {
        let (path, query) = match self.path {
            Some(path) => match path.split_once('?') {
                Some((path, query)) => (Some(path.to_owned()), Some(query.to_owned())),
                None => (Some(path), None),
            },
            None => (None, None),
        };
        let (address, port) = match self.client.as_deref().and_then(|text| text.rsplit_once(':')) {
            Some((address, port)) => {
                let address = address.trim_matches(['[', ']']);
                (Some(address.to_owned()), port.parse().ok())
            }
            None => (None, None),
        };
        let texts = [
            ("http.request.method", self.method),
            ("url.path", path),
            ("url.query", query),
            ("server.address", self.authority),
            ("client.address", address),
            ("user_agent.original", self.user_agent),
            ("tls.protocol.version", self.tls_version),
            ("weir.protocol", self.protocol),
            ("weir.cluster", self.cluster),
            ("weir.backend", self.backend),
            ("weir.backend.address", self.backend_address),
            ("weir.end", self.message),
        ];
        let numbers = [
            ("http.response.status_code", self.status.map(u64::from)),
            ("client.port", port),
            ("weir.bytes.in", self.bytes_in),
            ("weir.bytes.out", self.bytes_out),
            ("weir.retries", self.retries),
            ("weir.epoch", self.epoch),
            ("weir.wait_us", self.wait_us),
            ("weir.connect_us", self.connect_us),
            ("weir.tls_us", self.tls_us),
            ("weir.response_us", self.response_us),
            ("weir.service_us", self.service_us),
        ];
        let texts = texts.into_iter().filter_map(|(key, value)| Some(text(key, value?)));
        let numbers = numbers.into_iter().filter_map(|(key, value)| Some(number(key, value?)));
        texts.chain(numbers).collect()
    }
}

/// The number of a ULID, which is 26 digits of Crockford's base 32.
fn number_of(ulid: &str) -> Option<u128> {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    if ulid.len() != 26 {
        return None;
    }
    ulid.bytes().try_fold(0_u128, |number, byte| {
        let digit = DIGITS.iter().position(|digit| *digit == byte)?;
        Some((number << 5) | digit as u128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ULID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

    fn span(text: &str) -> Span {
        let record: Record = serde_json::from_str(text).expect("a record");
        let trace = record.trace().expect("a trace");
        record.span(trace).expect("a span")
    }

    fn attribute<'a>(span: &'a Span, key: &str) -> Option<&'a KeyValue> {
        span.attributes.iter().find(|pair| pair.key == key)
    }

    #[test]
    fn a_request_of_a_trace_is_a_child_of_what_its_client_named() {
        let span = span(&format!(
            "{{\"unix_ns\":5000000,\"request\":\"{ULID}\",\"request_us\":2000,\"level\":\"error\",\
             \"method\":\"GET\",\"path\":\"/a?b=c\",\"status\":502,\"client\":\"[::1]:99\",\
             \"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"span_id\":\"00f067aa0ba902b7\",\
             \"message\":\"refused\",\"unknown\":[]}}"
        ));
        assert_eq!(span.trace_id[..4], [0x4b, 0xf9, 0x2f, 0x35]);
        assert_eq!(span.parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
        assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (3_000_000, 5_000_000));
        assert_eq!((span.name.as_str(), span.kind), ("GET", SpanKind::Server.into()));
        let code = StatusCode::Error.into();
        assert_eq!(span.status, Some(Status { message: "refused".to_owned(), code }));
        assert_eq!(attribute(&span, "url.path"), Some(&text("url.path", "/a")));
        assert_eq!(attribute(&span, "url.query"), Some(&text("url.query", "b=c")));
        assert_eq!(attribute(&span, "client.address"), Some(&text("client.address", "::1")));
        assert_eq!(attribute(&span, "client.port"), Some(&number("client.port", 99)));
        assert_eq!(
            attribute(&span, "http.response.status_code"),
            Some(&number("http.response.status_code", 502))
        );
        assert_eq!(attribute(&span, "weir.cluster"), None);
    }

    #[test]
    fn a_request_of_none_begins_one() {
        let span = span(&format!("{{\"request\":\"{ULID}\",\"level\":\"info\"}}"));
        // The example of the specification of ULIDs.
        let number = 0x0156_3e3a_b5d3_d676_4c61_efb9_9302_bd5b_u128;
        assert_eq!(span.trace_id, number.to_be_bytes());
        assert_eq!(span.span_id, (number as u64).to_be_bytes());
        assert!(span.parent_span_id.is_empty() && span.status.is_none());
        assert_eq!(span.name, "TCP");
        assert!(Record::default().trace().is_none());
    }
}
