//! Counters and gauges: one array entry each, named once.
//!
//! Names are those that statsd consumers of such proxies know. A process adds to its own arrays;
//! nothing is shared and nothing is locked.

/// Declares an enum whose variants are positions in an array and have a metric name.
macro_rules! names {
    (
        $(#[$doc:meta])*
        $enum:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)+ }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $enum { $($(#[$variant_doc])* $variant,)+ }

        impl $enum {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The metric name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

names! {
    /// Things that happened. Values only grow.
    Counter {
        /// Sockets accepted.
        Accepted = "listener.accepted.total",
        /// Sockets accepted by HTTP listeners.
        AcceptedHttp = "listener.accepted.http",
        /// Sockets accepted by HTTPS listeners.
        AcceptedHttps = "listener.accepted.https",
        /// Sockets accepted by TCP listeners.
        AcceptedTcp = "listener.accepted.tcp",
        /// Connections of TCP that were passed on.
        TcpRequests = "tcp.requests",
        /// Handshakes with clients that failed.
        HandshakeErrors = "https.upgrade.handshake.failed",
        /// Times that slow handshakes were cut to make room.
        HandshakesCut = "tls.handshakes.cut",
        /// Handshakes with backends that failed.
        BackendHandshakeErrors = "backend.tls.handshake.failed",
        /// Accepted sockets closed because they waited too long for a session.
        AcceptQueueTimeout = "accept_queue.timeout",
        /// Seconds during which nothing was accepted because a limit was reached.
        AcceptSaturatedSeconds = "accept_queue.saturated_seconds",
        /// Times accepting was stopped because a limit was reached.
        AcceptClosed = "accept_queue.closed",
        /// Times every buffer was in use.
        BuffersExhausted = "buffer.exhausted",
        /// Sessions closed because nothing had happened to them for too long.
        Zombies = "zombies",
        /// Sessions closed to make room for new ones.
        Evicted = "sessions.evicted",
        /// Sessions cut because a deadline passed.
        SessionsCut = "sessions.cut",
        /// Sessions ended because somebody asked for it.
        SessionsDismissed = "sessions.dismissed",
        /// Connections and requests refused because workers died of ones like them.
        CulpritsRefused = "sessions.refused",
        /// Client connections given to another worker.
        SessionsPassed = "sessions.passed",
        /// Client connections taken over from another worker.
        SessionsAdopted = "sessions.adopted",
        /// Those of them that could not be served.
        PassedLost = "sessions.passed.lost",

        /// Exchanges that a backend took part in.
        Served = "requests",
        /// Request heads received.
        Requests = "http.requests",
        /// HTTP/1 exchanges that ended, well or not.
        Exchanges = "http.e2e.http11",
        /// HTTP/2 exchanges that ended, well or not.
        Http2Exchanges = "http.e2e.h2",
        /// Exchanges that failed.
        RequestErrors = "http.errors",
        /// Requests that break a rule of HTTP.
        FrontendParseErrors = "http.frontend_parse_errors",
        /// Responses that break a rule of HTTP.
        BackendParseErrors = "http.backend_parse_errors",
        /// Requests that no frontend matches.
        NoRoute = "http.failed_backend_matching",
        /// Requests refused because their address has too many connections to the cluster.
        PerAddressLimit = "connections.rejected_per_cluster_ip",
        /// WebSocket pipes that ended.
        WebSockets = "websocket.upgrades",

        /// Responses of class 1xx.
        Status1xx = "http.status.1xx",
        /// Responses of class 2xx.
        Status2xx = "http.status.2xx",
        /// Responses of class 3xx.
        Status3xx = "http.status.3xx",
        /// Responses of class 4xx.
        Status4xx = "http.status.4xx",
        /// Responses of class 5xx.
        Status5xx = "http.status.5xx",
        /// Responses of no registered class.
        StatusOther = "http.status.other",
        /// Exchanges that ended before a response.
        StatusNone = "http.status.none",
        /// OK
        Status200 = "http.status.200",
        /// Created
        Status201 = "http.status.201",
        /// No Content
        Status204 = "http.status.204",
        /// Moved Permanently
        Status301 = "http.status.301",
        /// Found
        Status302 = "http.status.302",
        /// Not Modified
        Status304 = "http.status.304",
        /// Bad Request
        Status400 = "http.status.400",
        /// Unauthorized
        Status401 = "http.status.401",
        /// Forbidden
        Status403 = "http.status.403",
        /// Not Found
        Status404 = "http.status.404",
        /// Request Timeout
        Status408 = "http.status.408",
        /// Content Too Large
        Status413 = "http.status.413",
        /// Too Many Requests
        Status429 = "http.status.429",
        /// Internal Server Error
        Status500 = "http.status.500",
        /// Bad Gateway
        Status502 = "http.status.502",
        /// Service Unavailable
        Status503 = "http.status.503",
        /// Gateway Timeout
        Status504 = "http.status.504",
        /// Insufficient Storage
        Status507 = "http.status.507",

        /// Own answers: 301.
        Answer301 = "http.301.redirection",
        /// Own answers: 302.
        Answer302 = "http.302.redirection",
        /// Own answers: 308.
        Answer308 = "http.308.redirection",
        /// Own answers: 400.
        Answer400 = "http.400.errors",
        /// Own answers: 401.
        Answer401 = "http.401.errors",
        /// Own answers: 404.
        Answer404 = "http.404.errors",
        /// Own answers: 408.
        Answer408 = "http.408.errors",
        /// Own answers: 413.
        Answer413 = "http.413.errors",
        /// Own answers: 502.
        Answer502 = "http.502.errors",
        /// Own answers: 503.
        Answer503 = "http.503.errors",
        /// Own answers: 504.
        Answer504 = "http.504.errors",
        /// Own answers: 507.
        Answer507 = "http.507.errors",
        /// Own answers with any other status.
        AnswerOther = "http.other.errors",

        /// Bytes received from clients.
        BytesIn = "bytes_in",
        /// Bytes sent to clients.
        BytesOut = "bytes_out",

        /// Datagrams sent to backends.
        UdpDatagramsIn = "udp.datagrams.in",
        /// Datagrams sent to clients.
        UdpDatagramsOut = "udp.datagrams.out",
        /// Bytes of datagrams sent to backends.
        UdpBytesIn = "udp.bytes.in",
        /// Bytes of datagrams sent to clients.
        UdpBytesOut = "udp.bytes.out",
        /// Flows of datagrams that began.
        UdpFlowsCreated = "udp.flows.created",
        /// Flows of datagrams that are over.
        UdpFlowsEvicted = "udp.flows.evicted",
        /// Flows of datagrams that there was no room for.
        UdpFlowsShed = "udp.flows.shed",
        /// Datagrams that were dropped, for whatever reason.
        UdpDropped = "udp.datagrams.dropped",
        /// Datagrams without a byte, which clients sent.
        UdpDroppedInvalid = "udp.datagrams.dropped.invalid",
        /// Datagrams of clients that are longer than they may be.
        UdpDroppedTruncated = "udp.datagrams.dropped.truncated",
        /// Datagrams for which there is no cluster or backend.
        UdpDroppedNoBackend = "udp.datagrams.dropped.no_backend",
        /// Datagrams for which there is no room for a flow.
        UdpDroppedShed = "udp.datagrams.dropped.shed",
        /// Datagrams of a flow that is over.
        UdpDroppedUnknownFlow = "udp.datagrams.dropped.unknown_flow",
        /// Datagrams that the kernel did not take and there is no room for.
        UdpDroppedQueueFull = "udp.datagrams.dropped.wq_full",
        /// Datagrams that could not be sent.
        UdpDroppedSendError = "udp.datagrams.dropped.send_error",

        /// Requests sent on a connection that had served one before.
        BackendReused = "backend.pool.hit",
        /// Requests for which a connection was made.
        BackendFresh = "backend.pool.miss",
        /// Connections to backends that could not be made.
        BackendConnectErrors = "backend.connections.error",
        /// Attempts to reach another backend for a request.
        BackendRetries = "backend.connect.retries",
        /// Times a backend was taken out of its cluster.
        BackendDown = "backend.down",
        /// Times a backend was taken back into its cluster.
        BackendUp = "backend.up",
        /// Times a cluster lost its last available backend.
        NoAvailableBackends = "cluster.no_available_backends",
        /// Times a cluster had an available backend again.
        ClusterRecovered = "cluster.available_recovered",

        /// Times that a cluster or backend had no place of its own among the metrics.
        ScopesRefused = "metrics.scopes.refused",
        /// Datagrams for statsd that were not sent.
        StatsdDropped = "metrics.datagrams.dropped",
        /// Access-log records.
        AccessLogs = "access_logs.count",
        /// Log lines and access-log records lost because their target was slow.
        LogLinesDropped = "unsent-access-logs",
    }
}

names! {
    /// Things that are. Never below zero.
    Gauge {
        /// Seconds since the worker started.
        Uptime = "process.uptime_seconds",
        /// 1, or 0 while draining.
        Live = "server.live",
        /// Client connections.
        Clients = "client.connections",
        /// Their limit.
        ClientsMax = "client.connections_max",
        /// Buffers in use.
        BuffersInUse = "buffer.in_use",
        /// Their limit.
        BuffersMax = "buffer.capacity",
        /// Accepted sockets that wait for a session.
        AcceptQueue = "accept_queue.connections",
        /// 1 while nothing is accepted because a limit is reached.
        AcceptClosed = "accept_queue.backpressure",
        /// Connections of TCP that are passed on.
        TcpConnections = "protocol.tcp",
        /// Flows of datagrams.
        UdpFlows = "udp.active_flows",
        /// Open streams of HTTP/2 clients.
        Streams = "h2.connection.active_streams",
        /// WebSocket pipes.
        WebSockets = "protocol.ws",
        /// Exchanges in progress.
        ActiveRequests = "http.active_requests",
        /// Connections to backends.
        BackendConnections = "backend.connections",
        /// Those of them that wait for a request.
        BackendIdle = "backend.pool.size",
        /// The configuration in use.
        Epoch = "configuration.epoch",
        /// Clusters of the configuration.
        Clusters = "configuration.clusters",
        /// Backends of the configuration.
        Backends = "configuration.backends",
        /// Frontends of the configuration.
        Frontends = "configuration.frontends",
        /// Backends of a cluster that can be chosen.
        AvailableBackends = "cluster.available_backends",
        /// Backends of a cluster.
        TotalBackends = "cluster.total_backends",
        /// Connections to a backend, those being made included.
        PerBackend = "connections_per_backend",
        /// 1, or 0 while the backend counts as down.
        BackendAvailable = "backend.available",
    }
}

names! {
    /// Durations, recorded in microseconds.
    Time {
        /// From the first byte of a request to the end of the exchange.
        Request = "request_time",
        /// From the complete head to when it was written to the backend.
        Service = "service_time",
        /// From there to the head of the response.
        Response = "backend_response_time",
        /// Until a connection to a backend was there.
        Connect = "backend_connection_time",
    }
}

/// The value of every [`Counter`].
#[derive(Clone, Debug)]
pub struct Counters {
    values: [u64; Counter::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Self { values: [0; Counter::ALL.len()] }
    }
}

impl Counters {
    /// Adds `n`.
    #[inline]
    pub fn add(&mut self, counter: Counter, n: u64) {
        self.values[counter as usize] += n;
    }

    /// The value of one.
    #[inline]
    pub fn value(&self, counter: Counter) -> u64 {
        self.values[counter as usize]
    }

    /// Every counter with its value.
    pub fn iter(&self) -> impl Iterator<Item = (Counter, u64)> {
        Counter::ALL.iter().copied().zip(self.values)
    }

    /// Counts a final response sent to a client, by class and, if it is listed, by code.
    pub fn count_status(&mut self, status: u16) {
        self.add(class(status), 1);
        if let Some(counter) = listed(status) {
            self.add(counter, 1);
        }
    }

    /// The counters of a final response.
    pub fn of_status(status: u16) -> impl Iterator<Item = Counter> {
        [Some(class(status)), listed(status)].into_iter().flatten()
    }

    /// The counter of a response that the proxy gives by itself.
    pub fn of_answer(status: u16) -> Counter {
        answer(status)
    }

    /// Counts a response that the proxy gave by itself, in addition to
    /// [`Counters::count_status`].
    pub fn count_answer(&mut self, status: u16) {
        self.add(answer(status), 1);
    }
}

fn class(status: u16) -> Counter {
    match status {
        100..=199 => Counter::Status1xx,
        200..=299 => Counter::Status2xx,
        300..=399 => Counter::Status3xx,
        400..=499 => Counter::Status4xx,
        500..=599 => Counter::Status5xx,
        _ => Counter::StatusOther,
    }
}

fn listed(status: u16) -> Option<Counter> {
    Some(match status {
        200 => Counter::Status200,
        201 => Counter::Status201,
        204 => Counter::Status204,
        301 => Counter::Status301,
        302 => Counter::Status302,
        304 => Counter::Status304,
        400 => Counter::Status400,
        401 => Counter::Status401,
        403 => Counter::Status403,
        404 => Counter::Status404,
        408 => Counter::Status408,
        413 => Counter::Status413,
        429 => Counter::Status429,
        500 => Counter::Status500,
        502 => Counter::Status502,
        503 => Counter::Status503,
        504 => Counter::Status504,
        507 => Counter::Status507,
        _ => return None,
    })
}

fn answer(status: u16) -> Counter {
    match status {
        301 => Counter::Answer301,
        302 => Counter::Answer302,
        308 => Counter::Answer308,
        400 => Counter::Answer400,
        401 => Counter::Answer401,
        404 => Counter::Answer404,
        408 => Counter::Answer408,
        413 => Counter::Answer413,
        502 => Counter::Answer502,
        503 => Counter::Answer503,
        504 => Counter::Answer504,
        507 => Counter::Answer507,
        _ => Counter::AnswerOther,
    }
}

/// The value of every [`Gauge`].
#[derive(Clone, Debug)]
pub struct Gauges {
    values: [u64; Gauge::ALL.len()],
}

impl Default for Gauges {
    fn default() -> Self {
        Self { values: [0; Gauge::ALL.len()] }
    }
}

impl Gauges {
    /// Replaces a value.
    #[inline]
    pub fn set(&mut self, gauge: Gauge, value: u64) {
        self.values[gauge as usize] = value;
    }

    /// Adds `n`.
    #[inline]
    pub fn add(&mut self, gauge: Gauge, n: u64) {
        self.values[gauge as usize] += n;
    }

    /// Takes `n` away, down to zero.
    #[inline]
    pub fn sub(&mut self, gauge: Gauge, n: u64) {
        let value = &mut self.values[gauge as usize];
        *value = value.saturating_sub(n);
    }

    /// The value of one.
    #[inline]
    pub fn value(&self, gauge: Gauge) -> u64 {
        self.values[gauge as usize]
    }

    /// Every gauge with its value.
    pub fn iter(&self) -> impl Iterator<Item = (Gauge, u64)> {
        Gauge::ALL.iter().copied().zip(self.values)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn counted(counters: &Counters) -> Vec<(&'static str, u64)> {
        counters.iter().filter(|(_, v)| *v > 0).map(|(c, v)| (c.name(), v)).collect()
    }

    #[test]
    fn names_are_unique_and_fit_statsd() {
        let counters = Counter::ALL.iter().map(|c| c.name());
        let names = counters.chain(Gauge::ALL.iter().map(|g| g.name())).collect::<Vec<_>>();
        let unique = names.iter().collect::<HashSet<_>>();
        assert_eq!(unique.len(), names.len());
        for name in names {
            assert!(
                name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
                "{name}"
            );
        }
    }

    #[test]
    fn every_counter_has_its_own_place() {
        let mut counters = Counters::default();
        for (n, &counter) in Counter::ALL.iter().enumerate() {
            counters.add(counter, n as u64);
        }
        assert!(counters.iter().enumerate().all(|(n, (_, value))| value == n as u64));
        assert_eq!(counters.value(Counter::LogLinesDropped), Counter::ALL.len() as u64 - 1);
    }

    #[test]
    fn a_status_counts_in_its_class_and_under_its_code() {
        let mut counters = Counters::default();
        for status in [200, 206, 404, 404, 503, 601] {
            counters.count_status(status);
        }
        assert_eq!(
            counted(&counters),
            [
                ("http.status.2xx", 2),
                ("http.status.4xx", 2),
                ("http.status.5xx", 1),
                ("http.status.other", 1),
                ("http.status.200", 1),
                ("http.status.404", 2),
                ("http.status.503", 1)
            ]
        );
    }

    #[test]
    fn listed_codes_count_under_the_name_that_they_have() {
        for status in 100..=999 {
            if let Some(counter) = listed(status) {
                assert_eq!(counter.name(), format!("http.status.{status}"));
            }
            let name = answer(status).name();
            assert!(name.contains(&status.to_string()) || name == "http.other.errors", "{name}");
        }
    }

    #[test]
    fn a_gauge_stops_at_zero() {
        let mut gauges = Gauges::default();
        gauges.add(Gauge::Clients, 2);
        gauges.sub(Gauge::Clients, 3);
        assert_eq!(gauges.value(Gauge::Clients), 0);
        gauges.set(Gauge::Epoch, 7);
        assert_eq!(gauges.iter().find(|(_, v)| *v > 0), Some((Gauge::Epoch, 7)));
    }
}
