//! What a record is made of, by name: for the forms that name it.

use std::net::SocketAddr;
use std::time::Duration;

use weir_base::Address;

use super::{AccessRecord, TagList, Ulid, max};
use crate::line::Moment;

/// The value of a field.
pub(super) enum Value<'a> {
    /// It is unknown, or there is none.
    None,
    /// At most so many bytes of a text from outside.
    Text(&'a [u8], usize),
    /// A text of our own, in printable ASCII without quotes.
    Plain(&'a [u8]),
    Address(SocketAddr),
    Number(u64),
    Tags(&'a TagList),
}

macro_rules! fields {
    ($($name:ident = $text:literal: |$record:ident, $moment:ident| $value:expr;)*) => {
        /// A field of a record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Field {
            $($name,)*
        }

        impl Field {
            /// All, in the order in which they are shown.
            pub(super) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name.
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The name as a member of an object begins.
            pub(super) const fn member(self) -> &'static [u8] {
                match self {
                    $(Self::$name => concat!(",\"", $text, "\":").as_bytes(),)*
                }
            }

            /// Its value in a record.
            #[inline]
            pub(super) fn of<'a>(
                self,
                record: &AccessRecord<'a>,
                moment: &'a Moment<'_>,
            ) -> Value<'a> {
                match self {
                    $(Self::$name => {
                        let ($record, $moment) = (record, moment);
                        let _ = ($record, $moment);
                        $value
                    })*
                }
            }
        }
    };
}

fields! {
    Time = "time": |_r, m| Value::Plain(&m.time);
    UnixNs = "unix_ns": |_r, m| Value::Number(m.unix_ns);
    Level = "level": |r, _m| Value::Plain(if r.error { b"error" } else { b"info" });
    Pid = "pid": |_r, m| Value::Number(m.pid.into());
    Process = "process": |_r, m| Value::Text(m.process, max::ID);
    Session = "session": |r, _m| ulid(r.session);
    Request = "request": |r, _m| ulid(r.request);
    Cluster = "cluster": |r, _m| text(r.cluster.as_bytes(), max::ID);
    Backend = "backend": |r, _m| text(r.backend.as_bytes(), max::ID);
    Client = "client": |r, _m| address(r.client);
    BackendAddress = "backend_address": |r, _m| backend(r.backend_address);
    Protocol = "protocol": |r, _m| Value::Plain(r.protocol.text());
    Method = "method": |r, _m| text(r.method, max::METHOD);
    Authority = "authority": |r, _m| text(r.authority, max::AUTHORITY);
    Path = "path": |r, _m| text(r.path, max::PATH);
    Status = "status": |r, _m| r.status.map_or(Value::None, |s| Value::Number(s.into()));
    Message = "message": |r, _m| text(r.message.as_bytes(), max::MESSAGE);
    RequestTime = "request_us": |r, _m| micros(r.request_time);
    WaitTime = "wait_us": |r, _m| micros(r.wait_time);
    ConnectTime = "connect_us": |r, _m| micros(r.connect_time);
    TlsTime = "tls_us": |r, _m| micros(r.tls_time);
    ResponseTime = "response_us": |r, _m| micros(r.response_time);
    ServiceTime = "service_us": |r, _m| micros(r.service_time);
    ClientRtt = "client_rtt_us": |r, _m| micros(r.client_rtt);
    ServerRtt = "server_rtt_us": |r, _m| micros(r.server_rtt);
    BytesIn = "bytes_in": |r, _m| Value::Number(r.bytes_in);
    BytesOut = "bytes_out": |r, _m| Value::Number(r.bytes_out);
    BackendBytesIn = "backend_bytes_in": |r, _m| Value::Number(r.backend_bytes_in);
    BackendBytesOut = "backend_bytes_out": |r, _m| Value::Number(r.backend_bytes_out);
    Retries = "retries": |r, _m| Value::Number(r.retries);
    Epoch = "epoch": |r, _m| Value::Number(r.epoch);
    Tags = "tags": |r, _m| r.tags.map_or(Value::None, Value::Tags);
    UserAgent = "user_agent": |r, _m| text(r.user_agent, max::USER_AGENT);
    XRequestId = "x_request_id": |r, _m| text(r.x_request_id, max::ID);
    ForwardedFor = "x_forwarded_for": |r, _m| text(r.forwarded_for, max::FORWARDED_FOR);
    TraceId = "trace_id": |r, _m| r.trace.map_or(Value::None, |t| Value::Plain(t.trace_id));
    SpanId = "span_id": |r, _m| r.trace.map_or(Value::None, |t| Value::Plain(t.span_id));
    TlsVersion = "tls_version": |r, _m| tls(r, |t| t.version.as_bytes());
    TlsCipher = "tls_cipher": |r, _m| tls(r, |t| t.cipher.as_bytes());
    TlsServerName = "tls_sni": |r, _m| tls(r, |t| t.server_name.as_bytes());
    TlsAlpn = "tls_alpn": |r, _m| tls(r, |t| t.alpn);
    ClientCertificate = "client_cert": |r, _m| text(r.client_certificate.as_bytes(), max::ID);
}

fn text(text: &[u8], max: usize) -> Value<'_> {
    if text.is_empty() { Value::None } else { Value::Text(text, max) }
}

fn ulid(id: Option<&Ulid>) -> Value<'_> {
    id.map_or(Value::None, |id| Value::Plain(id))
}

fn address<'a>(address: Option<SocketAddr>) -> Value<'a> {
    address.map_or(Value::None, Value::Address)
}

fn backend(address: Option<&Address>) -> Value<'_> {
    match address {
        None => Value::None,
        Some(Address::Ip(address)) => Value::Address(*address),
        Some(Address::Unix(path)) => Value::Text(path.text().as_bytes(), max::ADDRESS),
    }
}

fn micros<'a>(time: Option<Duration>) -> Value<'a> {
    time.map_or(Value::None, |time| Value::Number(whole_micros(time)))
}

fn tls<'a>(
    record: &AccessRecord<'a>,
    of: impl FnOnce(super::TlsDetails<'a>) -> &'a [u8],
) -> Value<'a> {
    record.tls.map_or(Value::None, |tls| text(of(tls), max::SERVER_NAME))
}

/// Whole microseconds; the longest time that fits is 584,000 years.
pub(super) fn whole_micros(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000).saturating_add(time.subsec_micros().into())
}
