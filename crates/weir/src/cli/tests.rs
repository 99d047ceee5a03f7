use std::path::Path;

use weir_client::proto::frame::PREFIX;
use weir_client::proto::request::RequestType;
use weir_client::proto::{
    CustomHttpAnswers, HeaderPosition, ListenerType, PathRuleKind, ProxyProtocolConfig,
    RedirectPolicy, RedirectScheme, RulePosition, TlsVersion,
};

use super::*;

/// A self-signed certificate and its key, in PEM.
const CERTIFICATE: &str = include_str!("tests/certificate.pem");
const KEY: &str = "a key";
/// What `openssl x509 -fingerprint -sha256` says of it.
const FINGERPRINT: &str = include_str!("tests/fingerprint.txt");

/// The arguments of a line; `DIR` is a directory with files.
fn parse(line: &str, directory: &Path) -> Result<Cli, clap::Error> {
    let directory = directory.to_str().expect("UTF-8");
    let words = std::iter::once("weir".to_owned()).chain(words(line, directory));
    Cli::of_matches(&definition().try_get_matches_from(words)?)
}

/// Words between spaces; those in quotes hold spaces.
fn words(line: &str, directory: &str) -> Vec<String> {
    let parts = line.split('"').enumerate().flat_map(|(at, part)| {
        if at % 2 == 1 { vec![part] } else { part.split_whitespace().collect() }
    });
    parts.map(|word| word.replace("DIR", directory)).collect()
}

fn files() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let texts = [("cert.pem", CERTIFICATE), ("key.pem", KEY), ("a.http", "an answer")];
    for (name, text) in texts {
        std::fs::write(directory.path().join(name), text).expect("written");
    }
    let chain = format!("leading text\n{CERTIFICATE}\n{CERTIFICATE}");
    std::fs::write(directory.path().join("chain.pem"), chain).expect("written");
    directory
}

/// The request of a line.
fn request(line: &str) -> RequestType {
    let directory = files();
    let cli = parse(line, directory.path()).unwrap_or_else(|error| panic!("{line}\n{error}"));
    let Command::Verb(verb) = &cli.command else { panic!("{line}: asks for nothing") };
    verb.request().unwrap_or_else(|error| panic!("{line}\n{error}"))
}

/// The request of the first of [`LINES`] that begins so.
fn request_of(start: &str) -> RequestType {
    let line = LINES.iter().find(|(line, _)| line.starts_with(start));
    request(line.expect("there is such a line").0)
}

fn is_refused(line: &str) -> bool {
    let directory = files();
    match parse(line, directory.path()) {
        Err(_) => true,
        Ok(Cli { command: Command::Verb(verb), .. }) => verb.request().is_err(),
        Ok(_) => false,
    }
}

#[test]
fn the_command_line_is_consistent() {
    definition().debug_assert();
}

/// Every verb of Sōzu's command line with every flag that it has, and those of Weir's own.
const LINES: &[(&str, &str)] = &[
    ("shutdown", "SoftStop"),
    ("shutdown --hard", "HardStop"),
    ("upgrade", "UpgradeMain"),
    ("upgrade --main", "UpgradeMain"),
    ("upgrade --worker 3", "UpgradeWorker"),
    ("status", "Status"),
    ("logging info,weir=debug", "Logging"),
    ("logging --reopen", "ReopenLogs"),
    ("reload", "ApplyConfiguration"),
    ("reload -f new.toml", "ReloadConfiguration"),
    ("reload --file new.toml", "ReloadConfiguration"),
    ("events", "SubscribeEvents"),
    ("state save -f s", "SaveState"),
    ("state save --file s", "SaveState"),
    ("state load -f s", "LoadState"),
    ("state stats", "CountRequests"),
    ("metrics enable", "ConfigureMetrics"),
    ("metrics disable", "ConfigureMetrics"),
    ("metrics clear", "ConfigureMetrics"),
    ("metrics get", "QueryMetrics"),
    ("metrics get -l -r 2 -n a,b -k c,d -b e,f -w", "QueryMetrics"),
    (
        "metrics get --list --refresh 2 --names a --clusters c --backends e --no-clusters \
         --workers",
        "QueryMetrics",
    ),
    ("cluster list", "QueryClustersHashes"),
    ("cluster list -i a", "QueryClusterById"),
    ("cluster list --id a", "QueryClusterById"),
    ("cluster list -d a.org/b", "QueryClustersByDomain"),
    ("cluster list --domain a.org", "QueryClustersByDomain"),
    ("cluster remove -i a", "RemoveCluster"),
    ("cluster add -i a --load-balancing-policy random", "AddCluster"),
    ("cluster add -i a --load-balancing-policy random --rate-limit 5/60,burst=2", "AddCluster"),
    (
        "cluster add --id a --sticky-session --https-redirect --send-proxy --expect-proxy \
         --load-balancing-policy round_robin --http2 --https-redirect-port 8443 \
         --www-authenticate \"Basic realm=a\" --authorized-hash a:1 --authorized-hash b:2 \
         --answer 503=busy --answer 404=file://DIR/a.http",
        "AddCluster",
    ),
    (
        "cluster add -i a --load-balancing-policy random --tls --tls-ca DIR/cert.pem \
         --tls-server-name b.internal --tls-no-verify --tls-certificate DIR/cert.pem \
         --tls-key DIR/key.pem",
        "AddCluster",
    ),
    (
        "listener https add -a 127.0.0.1:1 --certificate DIR/cert.pem --key DIR/key.pem \
         --certificate-chain DIR/chain.pem",
        "AddHttpsListener",
    ),
    (
        "listener https add -a 127.0.0.1:1 --client-auth required --client-ca DIR/cert.pem \
         --client-crl DIR/cert.pem",
        "AddHttpsListenerWithClientAuth",
    ),
    ("certificate list -f AB:CD --with-key", "QueryCertificatesFromTheState"),
    (
        "certificate add -a 127.0.0.1:1 --certificate DIR/cert.pem --key DIR/key.pem \
         --name a.org --name b.org --expired-at 7",
        "AddCertificate",
    ),
    (
        "certificate replace -a 127.0.0.1:1 --new-certificate DIR/cert.pem \
         --new-key DIR/key.pem -f abcd --name a.org --expired-at -7",
        "ReplaceCertificate",
    ),
    ("cluster add -i a -s -r --load-balancing-policy MAGLEV", "AddCluster"),
    (
        "cluster add -i a --load-balancing-policy random --max-queued 5 --queue-timeout 2",
        "AddCluster",
    ),
    (
        "cluster add -i a --load-balancing-policy random --min-sessions 5 --max-sessions 20",
        "AddCluster",
    ),
    ("backend remove -i a --backend-id b -a unix:/run/b.sock --close-sessions", "RemoveBackend"),
    ("backend remove -i a --backend-id b -a 127.0.0.1:1 --close-sessions=9", "RemoveBackend"),
    ("cluster h2 enable -i a", "QueryClusterById"),
    ("cluster h2 disable --id a", "QueryClusterById"),
    ("cluster health-check set -i a -u /", "SetHealthCheck"),
    (
        "cluster health-check set --id a --uri /up --interval 9 --timeout 4 --healthy-threshold 2 \
         --unhealthy-threshold 1 --expected-status 204",
        "SetHealthCheck",
    ),
    ("cluster health-check set -i a --udp ping --tcp --port 9", "SetHealthCheck"),
    ("cluster health-check remove -i a", "RemoveHealthCheck"),
    ("cluster health-check list", "QueryHealthChecks"),
    ("cluster health-check list -i a", "QueryHealthChecks"),
    ("backend add -i a --backend-id b -a 127.0.0.1:1", "AddBackend"),
    (
        "backend add --id a --backend-id b --address [::1]:1 --sticky-id s --backup true \
         --weight 50",
        "AddBackend",
    ),
    ("backend remove -i a --backend-id b -a 127.0.0.1:1", "RemoveBackend"),
    ("frontend http add -a 127.0.0.1:1 --hostname a.org id c", "AddHttpFrontend"),
    (
        "frontend https add --address 127.0.0.1:1 --host a.org --path-regex /a.* --method GET \
         --tags \"a=b, c=d\" --redirect permanent --redirect-scheme use-https \
         --redirect-template t --rewrite-host h --rewrite-path p --rewrite-port 8080 \
         --required-auth --header request=X-A=1 --header both=X-B= --hsts-max-age 9 \
         --hsts-include-subdomains --hsts-preload --hsts-force-replace-backend id c",
        "AddHttpsFrontend",
    ),
    ("frontend https add -a 127.0.0.1:1 --hostname a --hsts-disabled deny", "AddHttpsFrontend"),
    ("frontend http remove -a 127.0.0.1:1 --hostname a -p /a -m GET id c", "RemoveHttpFrontend"),
    ("frontend https remove -a 127.0.0.1:1 --host a --path-equals /a deny", "RemoveHttpsFrontend"),
    ("frontend tcp add -i a -a 127.0.0.1:1 --tags a=b", "AddTcpFrontend"),
    ("frontend tcp remove --id a --address 127.0.0.1:1", "RemoveTcpFrontend"),
    ("frontend tcp add -i a -a 127.0.0.1:1 --sni a.org --alpn h2,http/1.1", "AddTcpFrontend"),
    (
        "frontend tcp add -i a -a 127.0.0.1:1 --deny bad --rate-limit 5,by=source-ip",
        "AddTcpFrontend",
    ),
    ("frontend tcp remove -i a -a 127.0.0.1:1 --sni a.org --alpn h2", "RemoveTcpFrontend"),
    ("frontend udp add -i a -a 127.0.0.1:1 --tags a=b", "AddUdpFrontend"),
    ("frontend udp remove -i a -a 127.0.0.1:1", "RemoveUdpFrontend"),
    ("frontend list --http --https --tcp -d a", "ListFrontends"),
    ("frontend list --domain a", "ListFrontends"),
    ("listener list", "ListListeners"),
    (
        "listener http add -a 127.0.0.1:1 --public-address 192.0.2.1:80 --answer-404 DIR/a.http \
         --answer-503 DIR/a.http --expect-proxy --sticky-name n --front-timeout 1 \
         --back-timeout 2 --request-timeout 3 --connect-timeout 4",
        "AddHttpListener",
    ),
    (
        "listener https add -a 127.0.0.1:1 --public-address 192.0.2.1:80 --answer-404 DIR/a.http \
         --answer-503 DIR/a.http --tls-versions TLS_V12 --tls-versions TLS_V13 \
         --tls-cipher-list TLS13_AES_128_GCM_SHA256 --expect-proxy --sticky-name n \
         --front-timeout 1 --back-timeout 2 --request-timeout 3 --connect-timeout 4",
        "AddHttpsListener",
    ),
    (
        "listener tcp add --address 127.0.0.1:1 --public-address 192.0.2.1:80 --expect-proxy \
         --sni-preread-timeout 2 --sni-preread-max-bytes 2048 --mptcp",
        "AddTcpListener",
    ),
    (
        "listener udp add -a 127.0.0.1:1 --public-address 192.0.2.1:80 --front-timeout 1 \
         --back-timeout 2 --max-rx-datagram-size 9000 --max-flows 10",
        "AddUdpListener",
    ),
    ("listener http remove -a 127.0.0.1:1", "RemoveListener"),
    ("listener https activate --address 127.0.0.1:1", "ActivateListener"),
    ("listener tcp deactivate -a 127.0.0.1:1", "DeactivateListener"),
    (
        "listener http update -a 127.0.0.1:1 --public-address 192.0.2.1:80 --front-timeout 1 \
         --back-timeout 2 --connect-timeout 3 --request-timeout 4 --sticky-name n \
         --sozu-id-header X-Id --expect-proxy --answer-301 DIR/a.http --answer-401 DIR/a.http \
         --answer-404 DIR/a.http --answer-408 DIR/a.http --answer-413 DIR/a.http \
         --answer-421 DIR/a.http --answer-429 DIR/a.http --answer-502 DIR/a.http \
         --answer-503 DIR/a.http --answer-504 DIR/a.http --answer-507 DIR/a.http \
         --h2-max-rst-stream-per-window 1 --h2-max-ping-per-window 2 \
         --h2-max-settings-per-window 3 --h2-max-empty-data-per-window 4 \
         --h2-max-window-update-stream0-per-window 5 --h2-max-continuation-frames 6 \
         --h2-max-glitch-count 7 --h2-max-rst-stream-lifetime 8 \
         --h2-max-rst-stream-abusive-lifetime 9 --h2-max-rst-stream-emitted-lifetime 10 \
         --h2-max-header-list-size 11 --h2-max-header-table-size 12 --h2-max-header-fields 13 \
         --h2-initial-connection-window 14 --h2-max-concurrent-streams 15 \
         --h2-stream-shrink-ratio 16 --h2-stream-idle-timeout-seconds 17 \
         --h2-graceful-shutdown-deadline-seconds 18",
        "UpdateHttpListener",
    ),
    (
        "listener https update --address 127.0.0.1:1 --no-expect-proxy --strict-sni-binding \
         --disable-http11 --alpn-protocols h2,http/1.1 --hsts-max-age 5 --answer-404 DIR/a.http \
         --hsts-include-subdomains --hsts-preload --hsts-force-replace-backend \
         --h2-max-header-fields 9",
        "UpdateHttpsListener",
    ),
    (
        "listener https update -a 127.0.0.1:1 --no-strict-sni-binding --enable-http11 \
         --reset-alpn --hsts-disabled --no-certificate --client-auth none",
        "UpdateHttpsListener",
    ),
    (
        "listener https update -a 127.0.0.1:1 --certificate DIR/cert.pem --key DIR/key.pem \
         --client-auth optional --client-ca DIR/cert.pem",
        "UpdateHttpsListener",
    ),
    (
        "listener tcp update -a 127.0.0.1:1 --public-address 192.0.2.1:80 --front-timeout 1 \
         --back-timeout 2 --connect-timeout 3 --expect-proxy --sni-preread-timeout 4 \
         --sni-preread-max-bytes 4096",
        "UpdateTcpListener",
    ),
    (
        "listener udp update -a 127.0.0.1:1 --public-address 192.0.2.1:80 --front-timeout 1 \
         --back-timeout 2 --max-rx-datagram-size 3 --max-flows 4",
        "UpdateUdpListener",
    ),
    ("certificate list", "QueryCertificatesFromTheState"),
    ("certificate list -f AB:CD -d a.org", "QueryCertificatesFromTheState"),
    ("certificate list --workers --domain a.org", "QueryCertificatesFromWorkers"),
    (
        "certificate add -a 127.0.0.1:1 --certificate DIR/cert.pem \
         --certificate-chain DIR/chain.pem --key DIR/key.pem --tls-versions TLS_V12 TLS_V13",
        "AddCertificate",
    ),
    ("certificate remove -a 127.0.0.1:1 --cert DIR/cert.pem", "RemoveCertificate"),
    ("certificate remove -a 127.0.0.1:1 --certificate DIR/cert.pem", "RemoveCertificate"),
    ("certificate remove --address 127.0.0.1:1 --fingerprint AB:CD", "RemoveCertificate"),
    (
        "certificate replace -a 127.0.0.1:1 --new-certificate DIR/cert.pem \
         --new-certificate-chain DIR/chain.pem --new-key DIR/key.pem --old-cert DIR/cert.pem \
         --tls-versions TLSv1",
        "ReplaceCertificate",
    ),
    (
        "certificate replace -a 127.0.0.1:1 --new-certificate DIR/cert.pem \
         --new-certificate-chain DIR/chain.pem --new-key DIR/key.pem -f abcd",
        "ReplaceCertificate",
    ),
    ("list add bad 192.0.2.0/24", "ChangeAddressList"),
    ("list remove bad 192.0.2.0/24", "ChangeAddressList"),
    ("list delete bad", "RemoveAddressList"),
    ("list show bad", "QueryAddressLists"),
    ("connection-limit set 5", "SetMaxConnectionsPerIp"),
    ("connection-limit remove", "SetMaxConnectionsPerIp"),
    ("connection-limit show", "QueryMaxConnectionsPerIp"),
    ("connection-limit set 5 --subnet", "SetMaxConnectionsPerSubnet"),
    ("connection-limit remove --subnet", "SetMaxConnectionsPerSubnet"),
    ("connection-limit show --subnet", "QueryMaxConnectionsPerSubnet"),
    ("apply -f DIR/a.http --dry-run --if-epoch 7", "ApplyConfiguration"),
    ("diff --file DIR/a.http", "ApplyConfiguration"),
    ("history --limit 5", "QueryHistory"),
    ("show 7", "ShowEpoch"),
    ("rollback 7 --dry-run --if-epoch 9", "Rollback"),
    ("explain GET http://a.org/ -H \"x: y\" -H z:1 -a 127.0.0.1:1", "Explain"),
    ("drift", "QueryDrift"),
    ("workers set 4", "SetWorkerCount"),
    (
        "session list -k a,b --client 10.0.0.0/8 -l 127.0.0.1:1 -s idle -o 5m -w 0 --sort most-in \
         -n 20",
        "QuerySessions",
    ),
    ("session show 01ARYZ6S410000000000000000", "QuerySessions"),
    ("session close 01ARYZ6S410000000000000000", "CloseLiveSessions"),
    ("session close --all", "CloseLiveSessions"),
    ("tap -k a --host x.org,*.y.org --client 10.0.0.0/8 --status 5xx,none --rate 7 -n 3", "Tap"),
];

#[test]
fn every_verb_makes_its_request() {
    for (line, name) in LINES {
        assert_eq!(request(line).name(), *name, "{line}");
    }
}

#[test]
fn every_request_fits_a_frame_with_all_that_its_arguments_say() {
    use weir_client::proto::Request;
    for (line, _) in LINES {
        let mut bytes = Vec::new();
        weir_client::proto::frame::encode(&Request::from(request(line)), 100_000, &mut bytes)
            .expect("encoded");
        assert!(bytes.len() > PREFIX, "{line}");
    }
}

#[test]
fn lines_that_contradict_themselves_are_refused() {
    let refused = [
        "cluster list -i a -d b",
        "cluster add -i a",
        "cluster add -i a --load-balancing-policy fair",
        "cluster add -i a --load-balancing-policy hrw --answer 5=a",
        "cluster health-check set -i a -u up",
        "frontend http add -a 127.0.0.1:1 --hostname a",
        "frontend http add -a 127.0.0.1:1 --hostname a -p / --path-equals / id c",
        "frontend https add -a 127.0.0.1:1 --hostname a --hsts-disabled --hsts-preload deny",
        "listener https update -a 127.0.0.1:1 --reset-alpn --alpn-protocols h2",
        "listener tcp add -a localhost:1",
        "frontend tcp add -i a -a 127.0.0.1:1 --alpn",
        "frontend tcp add -i a -a 127.0.0.1:1 --rate-limit a",
        "frontend udp add -i a -a 127.0.0.1:1 --sni a.org",
        "certificate remove -a 127.0.0.1:1",
        "certificate list --with-key",
        "listener https add -a 127.0.0.1:1 --certificate DIR/cert.pem",
        "listener https add -a 127.0.0.1:1 --client-auth optional",
        "listener https update -a 127.0.0.1:1 --certificate DIR/cert.pem",
        "listener https update -a 127.0.0.1:1 --client-ca DIR/cert.pem",
        "cluster add -i a --load-balancing-policy random --tls-key DIR/key.pem",
        "certificate remove -a 127.0.0.1:1 -f ab --cert DIR/cert.pem",
        "certificate remove -a 127.0.0.1:1 --cert DIR/key.pem",
        "certificate remove -a 127.0.0.1:1 --cert DIR/nothing",
        "apply -f DIR/nothing",
        "explain GET http://a/ -H nothing",
        "session list --older-than soon",
        "tap --rate 0",
        "session list --limit 2001",
        "session show",
        "backend add -i a --backend-id b -a 127.0.0.1:1 --weight 256",
        "state save",
    ];
    for line in refused {
        assert!(is_refused(line), "{line}");
    }
}

#[test]
fn what_the_flags_of_a_cluster_say_is_in_the_request() {
    let RequestType::AddCluster(cluster) = request_of("cluster add --id") else {
        panic!("another")
    };
    assert!(cluster.sticky_session && cluster.https_redirect);
    assert_eq!(cluster.proxy_protocol(), ProxyProtocolConfig::RelayHeader);
    assert_eq!((cluster.http2, cluster.https_redirect_port), (Some(true), Some(8443)));
    assert_eq!((&*cluster.answers["503"], &*cluster.answers["404"]), ("busy", "an answer"));
    assert_eq!(cluster.authorized_hashes, ["a:1", "b:2"]);
    assert_eq!(cluster.www_authenticate.as_deref(), Some("Basic realm=a"));
    let RequestType::SetHealthCheck(set) = request_of("cluster health-check set --id") else {
        panic!("another")
    };
    assert_eq!((set.config.interval, set.config.timeout, set.config.expected_status), (9, 4, 204));
}

#[test]
fn what_the_flags_of_a_frontend_say_is_in_the_request() {
    let RequestType::AddHttpsFrontend(frontend) = request_of("frontend https add --address") else {
        panic!("another")
    };
    assert_eq!((frontend.cluster_id.as_deref(), &*frontend.hostname), (Some("c"), "a.org"));
    assert_eq!((frontend.path.kind(), &*frontend.path.value), (PathRuleKind::Regex, "/a.*"));
    assert_eq!(frontend.position(), RulePosition::Tree);
    assert_eq!((&*frontend.tags["a"], &*frontend.tags["c"]), ("b", "d"));
    assert_eq!(frontend.redirect(), RedirectPolicy::Permanent);
    assert_eq!(frontend.redirect_scheme(), RedirectScheme::UseHttps);
    assert_eq!((frontend.required_auth, frontend.rewrite_port), (Some(true), Some(8080)));
    let positions: Vec<_> = frontend.headers.iter().map(|header| header.position()).collect();
    assert_eq!(positions, [HeaderPosition::Request, HeaderPosition::Both]);
    let hsts = frontend.hsts.expect("some");
    assert_eq!((hsts.enabled, hsts.max_age, hsts.preload), (Some(true), Some(9), Some(true)));
    let RequestType::AddHttpsFrontend(denied) = request_of("frontend https add -a") else {
        panic!("another")
    };
    assert_eq!(denied.cluster_id, None);
    assert_eq!(denied.hsts.and_then(|hsts| hsts.enabled), Some(false));
    let RequestType::AddHttpFrontend(plain) = request_of("frontend http add") else {
        panic!("another")
    };
    assert_eq!((plain.path.kind(), &*plain.path.value), (PathRuleKind::Prefix, ""));
    assert_eq!((plain.hsts, plain.redirect, plain.required_auth), (None, None, None));
}

#[test]
fn what_tells_clients_of_tcp_apart_is_in_the_request() {
    let RequestType::AddTcpFrontend(plain) = request_of("frontend tcp add -i a -a 127.0.0.1:1")
    else {
        panic!("another")
    };
    assert_eq!((plain.sni, plain.alpn, &*plain.tags["a"]), (None, Vec::new(), "b"));
    let line = "frontend tcp add -i a -a 127.0.0.1:1 --sni a.org --alpn h2,http/1.1 --alpn x";
    let RequestType::AddTcpFrontend(named) = request(line) else { panic!("another") };
    assert_eq!(named.sni.as_deref(), Some("a.org"));
    assert_eq!(named.alpn, ["h2", "http/1.1", "x"]);
    let RequestType::AddTcpListener(added) = request_of("listener tcp add") else {
        panic!("another")
    };
    assert_eq!(added.sni_preread_timeout, Some(2));
    assert_eq!((added.sni_preread_max_bytes, added.front_timeout), (Some(2048), 60));
    let RequestType::AddTcpListener(usual) = request("listener tcp add -a 127.0.0.1:1") else {
        panic!("another")
    };
    assert_eq!((usual.sni_preread_timeout(), usual.sni_preread_max_bytes()), (5, 16_384));
    let RequestType::UpdateTcpListener(update) = request_of("listener tcp update") else {
        panic!("another")
    };
    assert_eq!(update.sni_preread_timeout, Some(4));
    assert_eq!((update.sni_preread_max_bytes, update.expect_proxy), (Some(4096), Some(true)));
}

#[test]
fn what_the_flags_of_a_listener_say_is_in_the_request() {
    let RequestType::AddHttpListener(added) =
        request("listener http add -a 127.0.0.1:1 --front-timeout 1")
    else {
        panic!("another")
    };
    let timeouts = (added.front_timeout, added.back_timeout, added.connect_timeout);
    assert_eq!((timeouts, added.request_timeout), ((1, 30, 3), 10));
    assert_eq!((&*added.sticky_name, added.active), ("SOZUBALANCEID", false));
    let RequestType::AddHttpsListener(added) = request("listener https add -a 127.0.0.1:1") else {
        panic!("another")
    };
    assert_eq!(added.versions, [TlsVersion::TlsV12 as i32, TlsVersion::TlsV13 as i32]);
    assert_eq!(added.send_tls13_tickets, 4);
    let update = "listener https update -a 127.0.0.1:1";
    let https = |flags: &str| match request(&format!("{update} {flags}")) {
        RequestType::UpdateHttpsListener(update) => update,
        _ => panic!("another"),
    };
    assert_eq!(https("--expect-proxy --no-expect-proxy").expect_proxy, Some(false));
    assert_eq!(https("--no-expect-proxy --expect-proxy").expect_proxy, Some(true));
    assert_eq!(https("--enable-http11").disable_http11, Some(false));
    let sources = |flags: &str| https(flags).proxy_from.map(|sources| sources.lists);
    assert_eq!((sources(""), sources("--proxy-from-everybody")), (None, Some(Vec::new())));
    assert_eq!(sources("--proxy-from a,b"), Some(vec!["a".to_owned(), "b".to_owned()]));
    let alpn = |flags: &str| https(flags).alpn_protocols.map(|alpn| alpn.values);
    assert_eq!((alpn(""), alpn("--reset-alpn")), (None, Some(Vec::new())));
    assert_eq!(alpn("--alpn-protocols h2"), Some(vec!["h2".to_owned()]));
    assert_eq!(https("").http_answers, None);
    let expected = CustomHttpAnswers { answer_421: Some("an answer".into()), ..Default::default() };
    assert_eq!(https("--answer-421 DIR/a.http").http_answers, Some(expected));
    assert_eq!(https("--h2-max-rst-stream-lifetime 7").h2_max_rst_stream_lifetime, Some(7));
    let RequestType::ActivateListener(activate) = request("listener udp activate -a 127.0.0.1:1")
    else {
        panic!("another")
    };
    assert_eq!((activate.proxy(), activate.from_scm), (ListenerType::Udp, false));
}

#[test]
fn certificates_are_read_here() {
    let RequestType::AddCertificate(added) = request(
        "certificate add -a 127.0.0.1:1 --certificate DIR/cert.pem \
         --certificate-chain DIR/chain.pem --key DIR/key.pem",
    ) else {
        panic!("another")
    };
    assert_eq!((&*added.certificate.certificate, &*added.certificate.key), (CERTIFICATE, KEY));
    assert_eq!(added.certificate.certificate_chain, [CERTIFICATE, CERTIFICATE]);
    for line in
        ["--cert DIR/cert.pem".to_owned(), format!("-f {}", FINGERPRINT.trim().to_uppercase())]
    {
        let RequestType::RemoveCertificate(removed) =
            request(&format!("certificate remove -a 127.0.0.1:1 {line}"))
        else {
            panic!("another")
        };
        assert_eq!(removed.fingerprint, FINGERPRINT.trim());
    }
}

#[test]
fn a_backend_without_a_weight_has_none_in_the_request() {
    let weight = |flags: &str| {
        let line = format!("backend add -i a --backend-id b -a 127.0.0.1:1 {flags}");
        let RequestType::AddBackend(backend) = request(&line) else { panic!("another") };
        backend.load_balancing_parameters.map(|parameters| parameters.weight)
    };
    assert_eq!((weight(""), weight("--weight 5")), (None, Some(5)));
}

#[test]
fn options_of_every_command_are_taken_before_and_after_it() {
    let directory = files();
    let globals = |line: &str| parse(line, directory.path()).expect("parsed").globals;
    for line in [
        "-t 5 -j -c f --socket s cluster list -i a",
        "cluster -t 5 list -j -i a -c f --socket s",
        "cluster list -i a --timeout 5 --json --config f --socket s",
        "-t 9 cluster list --timeout 5 --json --config f --socket s",
    ] {
        let globals = globals(line);
        assert_eq!((globals.timeout, globals.json), (Some(5), true), "{line}");
        assert_eq!(globals.config.as_deref(), Some(Path::new("f")), "{line}");
        assert_eq!(globals.socket.as_deref(), Some(Path::new("s")), "{line}");
    }
    assert_eq!(globals("status").timeout, None);
}

#[test]
fn the_timeout_of_a_health_check_is_not_that_of_the_client() {
    let directory = files();
    let set = "cluster health-check set -i a -u / --timeout 4";
    let timeout = |line: &str| parse(line, directory.path()).expect("parsed").globals.timeout;
    assert_eq!(timeout(set), None);
    assert_eq!(timeout(&format!("{set} -t 900")), Some(900));
    assert_eq!(timeout(&format!("--timeout 900 {set}")), Some(900));
    let RequestType::SetHealthCheck(set) = request(set) else { panic!("another") };
    assert_eq!(set.config.timeout, 4);
}

#[test]
fn a_file_to_apply_goes_with_its_text_and_where_it_is() {
    let RequestType::ApplyConfiguration(apply) = request("apply -f DIR/a.http --if-epoch 7") else {
        panic!("another")
    };
    assert_eq!((apply.text.as_deref(), apply.dry_run), (Some("an answer"), None));
    assert_eq!(apply.if_epoch, Some(7));
    assert!(apply.origin.is_some_and(|origin| Path::new(&origin).is_absolute()));
    let RequestType::ApplyConfiguration(diff) = request("diff -f DIR/a.http") else {
        panic!("another")
    };
    assert_eq!(diff.dry_run, Some(true));
    let RequestType::ApplyConfiguration(reload) = request("reload") else { panic!("another") };
    assert_eq!((reload.text, reload.dry_run), (None, None));
}
