//! The record of an exchange.

use std::time::Duration;

use weir_base::Instant;
use weir_http::message::{FieldName, Fields, Span};
use weir_telemetry::{
    AccessRecord, Counter, Counters, Protocol, Scope, Time, TlsDetails, TraceParent,
};

use super::Observe;
use crate::session::{Active, Session, TlsClient};
use crate::tables::Tables;

impl Observe {
    /// Counts an exchange that ended and writes its record.
    pub(crate) fn record(&mut self, session: &Session, active: &Active, tables: &mut Tables) {
        let backend = active.served_by.map(|by| by.backend);
        let times = measured(active, self.now);
        tables.count(active.cluster, backend, |scope| count(scope, active, &times));
        for (time, took) in times.into_iter().flatten() {
            self.timed(time, took);
        }
        self.counters.add(Counter::Served, u64::from(backend.is_some()));
        let (counted, version) = match (active.raw, session.front.stream().is_some()) {
            (true, _) => (Counter::TcpRequests, None),
            (false, true) => (Counter::Requests, Some(Counter::Http2Exchanges)),
            (false, false) => (Counter::Requests, Some(Counter::Exchanges)),
        };
        [Some(counted), version].into_iter().flatten().for_each(|c| self.counters.add(c, 1));
        self.counters.add(Counter::BytesIn, active.bytes_in);
        self.counters.add(Counter::BytesOut, active.bytes_out);
        self.counters.add(Counter::BackBytesIn, active.backend_bytes_in);
        self.counters.add(Counter::BackBytesOut, active.backend_bytes_out);
        if active.failed {
            self.counters.add(Counter::RequestErrors, 1);
        }
        if active.tunnel && !active.raw {
            self.counters.add(Counter::WebSockets, 1);
        }
        match active.status {
            0 if active.raw => {}
            0 => self.counters.add(Counter::StatusNone, 1),
            status => self.counters.count_status(status),
        }
        self.write_record(session, active, tables);
        if !self.taps.is_empty() {
            let record = access_record(self.now, self.epoch, session, active, tables);
            self.taps.look(&record, active.head.target.host.of(active.head_bytes()), self.now);
        }
    }

    fn write_record(&mut self, session: &Session, active: &Active, tables: &Tables) {
        let Some(logs) = self.logs else { return };
        let cluster = active.cluster.and_then(|key| tables.clusters.get(key));
        if cluster.is_some_and(|cluster| cluster.settings.config.no_access_log) {
            return;
        }
        self.counters.add(Counter::AccessLogs, 1);
        let record = access_record(self.now, self.epoch, session, active, tables);
        logs.access(&record, self.unix_ns);
    }
}

fn access_record<'a>(
    now: Instant,
    epoch: u64,
    session: &'a Session,
    active: &'a Active,
    tables: &'a Tables,
) -> AccessRecord<'a> {
    let cluster = active.cluster.and_then(|key| tables.clusters.get(key));
    let backend = active.served_by.and_then(|by| cluster?.group.spec(by.backend));
    let head = active.head_bytes();
    let target = &active.head.target;
    let times = &active.times;
    let responded = times.responded > times.sent;
    AccessRecord {
        session: Some(session.id.as_bytes()),
        request: Some(active.id.as_bytes()),
        cluster: cluster.map_or("", |cluster| &cluster.settings.config.id),
        backend: backend.map_or("", |backend| &backend.id),
        client: Some(session.client),
        backend_address: active.served_at.as_ref(),
        request_time: Some(now.since(times.started)),
        service_time: Some(times.sent.since(times.received)),
        wait_time: active.served_by.map(|_| times.connect.since(times.received)),
        connect_time: times.reached.map(|reached| reached.since(times.connect)),
        tls_time: times.agreed.zip(times.reached).map(|(agreed, there)| agreed.since(there)),
        response_time: responded.then(|| times.responded.since(times.sent)),
        client_rtt: active.round_trips[0],
        server_rtt: active.round_trips[1],
        bytes_in: active.bytes_in,
        bytes_out: active.bytes_out,
        backend_bytes_in: active.backend_bytes_in,
        backend_bytes_out: active.backend_bytes_out,
        retries: active.tried.len() as u64,
        tags: active.route.as_ref().and_then(|route| route.tags.as_deref()),
        user_agent: active.noted.user_agent.of(head),
        x_request_id: active.noted.request_id.of(head),
        forwarded_for: active.noted.forwarded_for.of(head),
        trace: TraceParent::parse(active.noted.trace_parent.of(head)),
        tls: session.tls.as_deref().map(tls_details),
        protocol: protocol(session, active),
        client_certificate: session.tls.as_ref().map_or("", |tls| &tls.fingerprint),
        authority: target.authority.of(head),
        method: active.head.method_text.of(head),
        path: target.path_and_query.of(head),
        status: Some(active.status).filter(|status| *status > 0),
        message: active.message,
        epoch,
        error: active.failed,
    }
}

/// How long what took of an exchange with heads.
fn measured(active: &Active, now: Instant) -> [Option<(Time, Duration)>; 3] {
    let times = &active.times;
    let responded = times.responded > times.sent;
    let since_sent = times.responded.since(times.sent);
    [
        (!active.raw).then(|| (Time::Request, now.since(times.started))),
        responded.then(|| (Time::Service, times.sent.since(times.received))),
        responded.then_some((Time::Response, since_sent)),
    ]
}

/// Counts an exchange for its cluster or backend.
fn count(scope: &mut Scope, active: &Active, times: &[Option<(Time, Duration)>]) {
    scope.add(Counter::Served, u64::from(active.served_by.is_some()));
    if active.failed {
        scope.add(Counter::RequestErrors, 1);
    }
    scope.add(Counter::BytesIn, active.bytes_in);
    scope.add(Counter::BytesOut, active.bytes_out);
    scope.add(Counter::AccessLogs, 1);
    match active.status {
        0 if active.raw => {}
        0 => scope.add(Counter::StatusNone, 1),
        status => Counters::of_status(status).for_each(|counter| scope.add(counter, 1)),
    }
    for (time, took) in times.iter().flatten() {
        scope.record(*time, *took);
    }
}

fn protocol(session: &Session, active: &Active) -> Protocol {
    if active.raw {
        return Protocol::Tcp;
    }
    match (session.tls.as_ref().map(|tls| tls.version), active.tunnel) {
        (None, false) => Protocol::Http,
        (None, true) => Protocol::WebSocket,
        (Some(_), false) => Protocol::Https,
        (Some("TLSv1.3"), true) => Protocol::WebSocketTls13,
        (Some(_), true) => Protocol::WebSocketTls12,
    }
}

fn tls_details(tls: &TlsClient) -> TlsDetails<'_> {
    TlsDetails {
        version: tls.version,
        cipher: tls.cipher,
        server_name: tls.server_name.as_deref().unwrap_or_default(),
        alpn: &tls.alpn,
    }
}

/// Where fields of a request stand in its head that the record shows; empty when they are not
/// there. None of them may hold a secret.
#[derive(Clone, Copy, Default)]
pub(crate) struct Noted {
    user_agent: Span,
    request_id: Span,
    forwarded_for: Span,
    trace_parent: Span,
}

impl Noted {
    /// Of the fields of a head.
    pub(crate) fn of(fields: &Fields) -> Self {
        let mut noted = Self::default();
        for field in fields.as_slice() {
            let place = match field.kind {
                FieldName::UserAgent => &mut noted.user_agent,
                FieldName::XRequestId => &mut noted.request_id,
                FieldName::XForwardedFor => &mut noted.forwarded_for,
                FieldName::Traceparent => &mut noted.trace_parent,
                _ => continue,
            };
            if *place == Span::default() {
                *place = field.value;
            }
        }
        noted
    }
}
