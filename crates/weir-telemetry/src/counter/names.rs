//! The names of all metrics, once each.

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
        /// Handshakes with clients that agreed on TLS 1.2.
        TlsVersion12 = "tls.version.TLSv1_2",
        /// Handshakes with clients that agreed on TLS 1.3.
        TlsVersion13 = "tls.version.TLSv1_3",
        /// Handshakes with clients that agreed on TLS13_AES_128_GCM_SHA256.
        CipherTls13Aes128 = "tls.cipher.TLS13_AES_128_GCM_SHA256",
        /// Handshakes with clients that agreed on TLS13_AES_256_GCM_SHA384.
        CipherTls13Aes256 = "tls.cipher.TLS13_AES_256_GCM_SHA384",
        /// Handshakes with clients that agreed on TLS13_CHACHA20_POLY1305_SHA256.
        CipherTls13ChaCha20 = "tls.cipher.TLS13_CHACHA20_POLY1305_SHA256",
        /// Handshakes with clients that agreed on TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256.
        CipherEcdsaAes128 = "tls.cipher.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        /// Handshakes with clients that agreed on TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384.
        CipherEcdsaAes256 = "tls.cipher.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        /// Handshakes with clients that agreed on TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256.
        CipherEcdsaChaCha20 = "tls.cipher.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        /// Handshakes with clients that agreed on TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256.
        CipherRsaAes128 = "tls.cipher.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        /// Handshakes with clients that agreed on TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384.
        CipherRsaAes256 = "tls.cipher.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        /// Handshakes with clients that agreed on TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256.
        CipherRsaChaCha20 = "tls.cipher.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        /// Handshakes with clients that agreed on another cipher suite.
        CipherOther = "tls.cipher.Unsupported",
        /// Handshakes in which the default certificate was shown.
        TlsDefaultCertificate = "tls.default_cert_used",
        /// Handshakes with clients that agreed on HTTP/2.
        AlpnH2 = "http.alpn.h2",
        /// Handshakes with clients that agreed on HTTP/1.1, or on nothing.
        AlpnHttp11 = "http.alpn.http11",
        /// Connections closed because HTTP/1.1 is not served on their listener.
        AlpnHttp11Disabled = "https.alpn.rejected.http11_disabled",
        /// Requests for a host that their connection is not for.
        Misdirected = "http.sni_authority_mismatch",
        /// Handshakes with clients that failed because the client gave up with an alert.
        TlsAlertReceived = "tls.handshake.failed.alert_received",
        /// Handshakes with clients that failed because nothing was found that both sides speak.
        TlsPeerIncompatible = "tls.handshake.failed.peer_incompatible",
        /// Handshakes with clients that failed because the client broke a rule.
        TlsPeerMisbehaved = "tls.handshake.failed.peer_misbehaved",
        /// Handshakes with clients that failed because a message could not be read.
        TlsInvalidMessage = "tls.handshake.failed.invalid_message",
        /// Handshakes with clients that failed because a message came out of turn.
        TlsInappropriateMessage = "tls.handshake.failed.inappropriate_message",
        /// Handshakes with clients that failed because a handshake message came out of turn.
        TlsInappropriateHandshakeMessage = "tls.handshake.failed.inappropriate_handshake_message",
        /// Handshakes with clients that failed because a record was too long.
        TlsOversizedRecord = "tls.handshake.failed.oversized_record",
        /// Handshakes with clients that failed because no application protocol was found that
        /// both sides speak.
        TlsNoAlpn = "tls.handshake.failed.no_alpn",
        /// Handshakes with clients that failed because the client's certificate is not trusted.
        TlsInvalidCertificate = "tls.handshake.failed.invalid_certificate",
        /// Handshakes with clients that failed because a record could not be opened.
        TlsDecryptError = "tls.handshake.failed.decrypt_error",
        /// Handshakes with clients that failed because the client showed no certificate, or there
        /// was none for its name.
        TlsNoCertificatesPresent = "tls.handshake.failed.no_certificates_present",
        /// Handshakes with clients that failed because of anything else.
        TlsOther = "tls.handshake.failed.other",
        /// Bytes received from backends.
        BackBytesIn = "back_bytes_in",
        /// Bytes sent to backends.
        BackBytesOut = "back_bytes_out",
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
        /// Connections closed because lists of addresses keep their client out.
        ConnectionsDenied = "connections.denied",
        /// Connections closed because their sender may not begin with a PROXY protocol header.
        ConnectionsUntrusted = "connections.untrusted",
        /// Requests answered 403 because lists of addresses keep their client out.
        RequestsDenied = "http.requests.denied",
        /// Requests answered 429, and connections of TCP closed, because there were too many in a
        /// while.
        RateLimited = "requests.rate_limited",
        /// Requests answered 503, and connections of TCP closed, because their cluster has as many
        /// sessions as it may, or the room is kept for others.
        NoPlace = "requests.no_place",
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
        /// Own answers: 421.
        Answer421 = "http.421.errors",
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
        /// Datagrams of clients that lists of addresses keep out.
        UdpDroppedDenied = "udp.datagrams.dropped.denied",
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
        /// Requests that failed after as many attempts as there may be.
        RetriesExhausted = "backend.connect.retries_exhausted",
        /// Choices of a backend when none could be tried.
        FailOpen = "backends.fail_open",
        /// Requests that waited for a connection to a backend.
        Queued = "backend.queued",
        /// Those that did not, since as many waited as may.
        QueueFull = "backend.queue.full",
        /// Those that waited in vain.
        QueueTimeouts = "backend.queue.timeouts",
        /// Times a backend was taken out of its cluster.
        BackendDown = "backend.down",
        /// Times a backend was taken back into its cluster.
        BackendUp = "backend.up",
        /// Times a cluster lost its last available backend.
        NoAvailableBackends = "cluster.no_available_backends",
        /// Times a cluster had an available backend again.
        ClusterRecovered = "cluster.available_recovered",

        /// Checks that a backend has passed.
        CheckSuccess = "health_check.success",
        /// Checks that a backend has failed.
        CheckFailure = "health_check.failure",
        /// Times that checks found a backend healthy again.
        CheckUp = "health_check.up",
        /// Times that checks found a backend unhealthy.
        CheckDown = "health_check.down",
        /// PROXY protocol headers of clients that cannot be read.
        ProxyProtocolErrors = "proxy_protocol.errors",

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
    /// What happened in main, as [`Counter`]s of its own.
    Verb {
        /// A worker died of a mistake in the program.
        Panic = "panic",
        /// A cluster was added.
        ClusterAdded = "config.cluster_added",
        /// A cluster was removed.
        ClusterRemoved = "config.cluster_removed",
        /// A frontend of HTTP was added.
        HttpFrontendAdded = "config.http_frontend_added",
        /// A frontend of HTTPS was added.
        HttpsFrontendAdded = "config.https_frontend_added",
        /// A frontend of TCP was added.
        TcpFrontendAdded = "config.tcp_frontend_added",
        /// A frontend of UDP was added.
        UdpFrontendAdded = "config.udp_frontend_added",
        /// A frontend of HTTP was removed.
        HttpFrontendRemoved = "config.http_frontend_removed",
        /// A frontend of HTTPS was removed.
        HttpsFrontendRemoved = "config.https_frontend_removed",
        /// A frontend of TCP was removed.
        TcpFrontendRemoved = "config.tcp_frontend_removed",
        /// A frontend of UDP was removed.
        UdpFrontendRemoved = "config.udp_frontend_removed",
        /// A certificate was added.
        CertificateAdded = "config.certificate_added",
        /// A certificate was removed.
        CertificateRemoved = "config.certificate_removed",
        /// A certificate was replaced.
        CertificateReplaced = "config.certificate_replaced",
        /// A listener was activated.
        ListenerActivated = "config.listener_activated",
        /// A listener was deactivated.
        ListenerDeactivated = "config.listener_deactivated",
        /// A listener of HTTP was added.
        HttpListenerAdded = "config.http_listener_added",
        /// A listener of HTTPS was added.
        HttpsListenerAdded = "config.https_listener_added",
        /// A listener of TCP was added.
        TcpListenerAdded = "config.tcp_listener_added",
        /// A listener of UDP was added.
        UdpListenerAdded = "config.udp_listener_added",
        /// A listener was removed.
        ListenerRemoved = "config.listener_removed",
        /// A listener of HTTP was updated.
        HttpListenerUpdated = "config.http_listener_updated",
        /// A listener of HTTPS was updated.
        HttpsListenerUpdated = "config.https_listener_updated",
        /// A listener of TCP was updated.
        TcpListenerUpdated = "config.tcp_listener_updated",
        /// A listener of UDP was updated.
        UdpListenerUpdated = "config.udp_listener_updated",
        /// There is another filter of log lines.
        LoggingLevelChanged = "config.logging_level_changed",
        /// Metrics were switched on, off, or cleared.
        MetricsConfigured = "config.metrics_configured",
        /// What metrics tell apart changed.
        MetricDetailChanged = "config.metric_detail_changed",
        /// The file was read again.
        ConfigurationReloaded = "config.configuration_reloaded",
        /// A state file was loaded.
        StateLoaded = "config.state_loaded",
        /// A state file was written.
        StateSaved = "config.state_saved",
        /// Somebody wanted to be told of events.
        EventsSubscribed = "config.events_subscribed",
        /// The proxy was told to stop.
        SozuStopRequested = "config.sozu_stop_requested",
        /// Another image took main's place.
        MainUpgraded = "config.main_upgraded",
        /// Another worker took the place of one.
        WorkerUpgraded = "config.worker_upgraded",
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
        /// WebSocket pipes of clients with TLS.
        SecureWebSockets = "protocol.wss",
        /// Both together.
        WebSocketRequests = "websocket.active_requests",
        /// Sessions of HTTP without TLS.
        Http = "protocol.http",
        /// Sessions of HTTP with TLS.
        Https = "protocol.https",
        /// Handshakes with clients in progress.
        Handshakes = "protocol.tls.handshake",
        /// Connections that wait for a PROXY protocol header.
        AwaitedHeaders = "protocol.proxy.expect",
        /// Sessions of all kinds: connections and streams.
        Sessions = "slab.entries",
        /// Their limit.
        SessionsMax = "slab.capacity",
        /// Exchanges in progress.
        ActiveRequests = "http.active_requests",
        /// Connections to backends.
        BackendConnections = "backend.connections",
        /// Those of them that wait for a request.
        BackendIdle = "backend.pool.size",
        /// Requests that wait for a connection to a backend.
        Waiting = "backend.queue.size",
        /// The configuration in use.
        Epoch = "configuration.epoch",
        /// When the first certificate ends, in seconds since 1970.
        FirstExpiry = "tls.cert.min_expires_at_seconds",
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
        /// Exchanges of a cluster that is not told apart, if it is among those with the most: as
        /// many, or [`Gauge::HeavyError`] less.
        HeavyRequests = "metrics.heaviest.requests",
        /// How much less that may be.
        HeavyError = "metrics.heaviest.error",
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
        /// Of a worker's turn: from the events to when it waits for the next ones.
        Turn = "event_loop_time",
        /// That a worker waited for events.
        Poll = "epoll_time",
        /// From an accepted connection to its session.
        AcceptWait = "accept_queue.wait_time",
        /// From the session of a client to the end of its handshake.
        Handshake = "tls.handshake_ms",
        /// From the first datagram of a flow to its end.
        Flow = "udp.flow.duration",
    }
}

impl Time {
    /// The kinds that clusters and backends have, too: the first ones.
    pub const SCOPED: usize = 4;
}
