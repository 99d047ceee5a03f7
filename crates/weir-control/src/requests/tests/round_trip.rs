//! Any state is made again by its requests.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::of_state;
use super::make;
use crate::change::{diff, state_hash};
use crate::check;
use crate::fixtures::MADE;
use crate::state::{
    Access, AddressList, Affinity, Answers, Backend, BackendTls, BreakerSettings, Certificate,
    ClientAuth, Cluster, EditPosition, EjectionRules, Frontend, FrontendId, H2, HeaderEdit,
    HealthCheck, Hsts, Identity, Listener, ListenerTls, LoadBalancing, LoadMetric, PathRule,
    Position, Probe, ProxyDatagrams, ProxyMode, RateLimit, Redirect, RedirectScheme, RetryLimits,
    State, TlsVersion, UdpAffinity, UdpListener, UdpRules,
};
use weir_tls::certificate::{
    ReadCertificate, read_authorities, read_certificate, read_revocations,
};

fn address(port: u16) -> std::net::SocketAddr {
    match port % 2 {
        0 => ([127, 0, 0, 1], port).into(),
        _ => (std::net::Ipv6Addr::LOCALHOST, port).into(),
    }
}

fn answers() -> impl Strategy<Value = Answers> {
    let texts = select(vec!["HTTP/1.1 503 No\r\n\r\n", "HTTP/1.1 503 Gone away\r\n\r\nSorry"]);
    btree_map(Just(503), texts.prop_map(str::to_owned), 0..2)
}

fn read(number: usize) -> ReadCertificate {
    let made = &MADE.certificates[number];
    read_certificate(&made.certificate, &made.certificate_chain, &made.key).expect("good")
}

fn identity() -> impl Strategy<Value = Identity> {
    (0..3_usize).prop_map(|number| {
        let read = read(number);
        Identity { chain: read.chain, key: read.key }
    })
}

fn hsts() -> impl Strategy<Value = Hsts> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (0..9_u32, flags).prop_map(|(max_age, (enabled, below, preload, force))| Hsts {
        enabled,
        max_age,
        include_subdomains: below,
        preload,
        force_replace_backend: force,
    })
}

fn listener_tls() -> impl Strategy<Value = ListenerTls> {
    use TlsVersion::{V12, V13};
    let versions = select(vec![vec![V12], vec![V13], vec![V12, V13]]);
    let alpn = select(vec![vec!["http/1.1"], vec!["h2", "http/1.1"], vec!["http/1.1", "h2"]]);
    let groups = select(vec![vec![], vec!["x25519", "P-256"]]);
    let auth = select(vec![ClientAuth::None, ClientAuth::Optional, ClientAuth::Required]);
    let rest = (0..17_u64, any::<bool>(), auth, any::<bool>());
    (versions, alpn, groups, rest, option::of(identity()), option::of(hsts())).prop_map(
        |(versions, alpn, groups, (tickets, strict, client_auth, revokes), identity, hsts)| {
            let text = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
            let asks = client_auth != ClientAuth::None;
            let authorities = read_authorities(&MADE.authority).expect("good");
            ListenerTls {
                versions,
                cipher_list: Vec::new(),
                groups_list: text(groups),
                alpn: text(alpn),
                strict_sni_binding: strict,
                disable_http11: false,
                tickets,
                default_certificate: identity,
                hsts,
                client_auth,
                client_authorities: if asks { authorities } else { Vec::new() },
                client_revoked: match revokes {
                    true => read_revocations(&MADE.revoked).expect("good"),
                    false => Vec::new(),
                },
            }
        },
    )
}

fn backend_tls() -> impl Strategy<Value = BackendTls> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (flags, option::of(identity())).prop_map(|((trusts, named, verify), identity)| BackendTls {
        authorities: match trusts {
            true => read_authorities(&MADE.authority).expect("good"),
            false => Vec::new(),
        },
        server_name: named.then(|| "b.internal".to_owned()),
        identity,
        verify,
    })
}

fn certificate() -> impl Strategy<Value = Certificate> {
    let names = option::of(select(vec![vec!["x.example"], vec!["*.y.example", "z.example"]]));
    (1..4_u16, 0..3_usize, names, option::of(0..9_i64)).prop_map(
        |(port, number, names, expires)| {
            let ReadCertificate { description, chain, key } = read(number);
            let text = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
            Certificate {
                address: address(port),
                fingerprint: description.fingerprint,
                names: names.map_or(description.names, text),
                expires: expires.unwrap_or(description.not_after),
                identity: Identity { chain, key },
            }
        },
    )
}

fn listener() -> impl Strategy<Value = Listener> {
    prop_oneof![2 => http_listener(), 1 => tcp_listener()]
}

fn tcp_listener() -> impl Strategy<Value = Listener> {
    let timeouts = (1..99_u64, 1..99_u64, 1..99_u64, 1..99_u64);
    let flags = (any::<bool>(), any::<bool>());
    (1..4_u16, option::of(1..9_u16), timeouts, flags, 1024..65_537_u32).prop_map(
        |(port, public, (front, back, connect, hello), (expects, active), hello_bytes)| Listener {
            public_address: public.map(address),
            front_timeout: Duration::from_secs(front),
            back_timeout: Duration::from_secs(back),
            connect_timeout: Duration::from_secs(connect),
            request_timeout: Duration::from_secs(hello),
            expect_proxy: expects && public.is_none(),
            hello_bytes,
            active,
            mptcp: expects,
            ..Listener::of_tcp(address(port))
        },
    )
}

fn http_listener() -> impl Strategy<Value = Listener> {
    let timeouts = (1..99_u64, 1..99_u64, 1..99_u64, 1..99_u64);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let tls = option::of(listener_tls());
    (1..4_u16, option::of(1..9_u16), timeouts, flags, answers(), tls).prop_map(
        |(port, public, (front, back, connect, request), (elide, send, active), answers, tls)| {
            Listener {
                h2: Box::new(H2 { max_concurrent_streams: request as u32, ..H2::default() }),
                tls: tls.map(Box::new),
                address: address(port),
                public_address: public.map(address),
                expect_proxy: send && public.is_none(),
                front_timeout: Duration::from_secs(front),
                back_timeout: Duration::from_secs(back),
                connect_timeout: Duration::from_secs(connect),
                request_timeout: Duration::from_secs(request),
                sticky_name: format!("S{front}"),
                sozu_id_header: format!("Id-{back}"),
                elide_x_real_ip: elide,
                mptcp: elide,
                send_x_real_ip: send,
                answers,
                active,
                ..Listener::new(address(port))
            }
        },
    )
}

fn health() -> impl Strategy<Value = HealthCheck> {
    let http =
        |statuses: &[(u16, u16)]| Probe::Http { uri: "/up".into(), statuses: statuses.to_vec() };
    let probes = vec![
        http(&[]),
        http(&[(204, 204)]),
        http(&[(200, 299), (404, 404)]),
        Probe::Grpc { service: "shop".into() },
        Probe::Tcp,
        Probe::Udp { payload: vec![0, 255], connect: true },
        Probe::Udp { payload: b"ping".to_vec(), connect: false },
    ];
    let numbers = (1..99_u64, 1..99_u64, 1..9_u32, 1..9_u32);
    (select(probes), option::of(1..9_u16), numbers).prop_map(|(probe, port, numbers)| {
        let (interval, timeout, rise, fall) = numbers;
        let (interval, timeout) = (Duration::from_secs(interval), Duration::from_secs(timeout));
        HealthCheck { probe, port, interval, timeout, rise, fall }
    })
}

fn ejection() -> impl Strategy<Value = EjectionRules> {
    (1..9_u32, 1..9_u64, 0..=100_u8).prop_map(|(consecutive, base, most_percent)| EjectionRules {
        consecutive,
        base: Duration::from_secs(base),
        most_percent,
    })
}

fn cluster() -> impl Strategy<Value = Cluster> {
    use LoadBalancing::{LeastLoaded, Maglev, PowerOfTwo, Random, Rendezvous, RoundRobin};
    let balancing = select(vec![RoundRobin, Random, LeastLoaded, PowerOfTwo, Rendezvous, Maglev]);
    let metric =
        select(vec![LoadMetric::Connections, LoadMetric::Requests, LoadMetric::ConnectionTime]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let numbers = (option::of(1..9_u16), option::of(1..9_u64), option::of(1..9_u32));
    let modes = vec![ProxyMode::Expect, ProxyMode::Send, ProxyMode::Relay];
    let used = (option::of(health()), option::of(ejection()), 0..99_u64, option::of(udp_rules()));
    let beyond = (option::of(backend_tls()), option::of(select(modes)), used);
    (0..3_u8, balancing, metric, flags, numbers, answers(), beyond).prop_map(
        |(
            id,
            load_balancing,
            load_metric,
            (sticky, redirect, auth),
            (port, limit, retry),
            answers,
            (tls, proxy, (health, ejection, slow, udp)),
        )| {
            Cluster {
                proxy,
                udp: udp.map(Box::new),
                affinity: match id {
                    0 => Affinity::SourceIp,
                    1 => Affinity::Field("x-tenant".into()),
                    _ => Affinity::Cookie("tenant".into()),
                },
                health: health.map(Box::new),
                ejection,
                retries: (slow > 50).then_some(RetryLimits { percent: 30, at_least: id.into() }),
                breaker: (slow > 70).then(|| BreakerSettings {
                    percent: 50,
                    at_least: 9,
                    wait: Duration::from_secs(slow),
                    longest_wait: Duration::from_secs(99),
                    trials: 2,
                }),
                slow_start: Duration::from_secs(slow),
                no_access_log: slow % 2 == 1,
                rate_limits: rate_limits(id, slow as u32),
                min_sessions: (slow > 60).then_some(slow as u32 / 2),
                max_sessions: (slow > 40).then_some(slow as u32),
                max_queued: (slow > 40).then_some(slow as u32),
                queue_timeout: (slow > 40).then(|| Duration::from_secs(slow)),
                http2: true,
                tls: tls.map(Box::new),
                id: format!("c{id}"),
                load_balancing,
                load_metric,
                sticky_session: sticky,
                https_redirect: redirect,
                https_redirect_port: port,
                answers,
                authorized_hashes: vec![format!("u:{:064x}", id); usize::from(auth)],
                www_authenticate: auth.then(|| "Basic realm=\"x\"".to_owned()),
                max_connections_per_ip: limit,
                max_connections_per_subnet: limit.map(|limit| limit - 1),
                retry_after: retry,
            }
        },
    )
}

/// None, or one or two of different kinds.
fn rate_limits(kind: u8, number: u32) -> Vec<RateLimit> {
    let Some(requests) = NonZeroU32::new(number) else { return Vec::new() };
    let by = match kind {
        0 => Affinity::SourceIp,
        1 => Affinity::Field("x-key".into()),
        _ => Affinity::Cookie("key".into()),
    };
    let all = RateLimit { requests, seconds: 60, burst: NonZeroU32::MIN, by: None };
    let each = RateLimit { by: Some(by), seconds: 1, ..all.clone() };
    if number.is_multiple_of(2) { vec![all, each] } else { vec![each] }
}

fn udp_rules() -> impl Strategy<Value = UdpRules> {
    let affinity = select(vec![UdpAffinity::SourceIp, UdpAffinity::SourceIpPort]);
    let proxy = select(vec![ProxyDatagrams::First, ProxyDatagrams::Every]);
    (affinity, 0..3_u32, 0..3_u32, option::of(proxy)).prop_map(
        |(affinity, requests, responses, proxy)| UdpRules { affinity, requests, responses, proxy },
    )
}

fn udp_listener() -> impl Strategy<Value = UdpListener> {
    let numbers = (1..99_u64, 1..99_u64, 1..65_536_u32, 0..9_u32);
    let tags = btree_map("[a-z]", "[a-z]", 0..3);
    let led = option::of((0..3_u8, tags));
    (1..4_u16, option::of(1..9_u16), numbers, any::<bool>(), led).prop_map(
        |(port, public, (front, back, bytes, max_flows), active, led)| {
            let (cluster, tags) = led.unzip();
            UdpListener {
                address: address(port),
                public_address: public.map(address),
                front_timeout: Duration::from_secs(front),
                back_timeout: Duration::from_secs(back),
                max_rx_datagram_size: bytes,
                max_flows,
                active,
                cluster: cluster.map(|id| format!("c{id}")),
                tags: tags.unwrap_or_default(),
                access: Access::default(),
            }
        },
    )
}

fn path() -> impl Strategy<Value = PathRule> {
    select(vec![
        PathRule::Prefix(String::new()),
        PathRule::Prefix("/a".into()),
        PathRule::Equals("/a".into()),
        PathRule::Regex("/(a+)".into()),
    ])
}

fn edit() -> impl Strategy<Value = HeaderEdit> {
    let position = select(vec![EditPosition::Request, EditPosition::Response, EditPosition::Both]);
    (position, "X-[A-Z]", "[a-z]{0,3}").prop_map(|(position, key, value)| HeaderEdit {
        position,
        key,
        value,
    })
}

fn frontend() -> impl Strategy<Value = Frontend> {
    use Redirect::{Forward, Found, Permanent, PermanentRedirect, Unauthorized};
    let hosts = select(vec!["example.org", "*.example.org", "/[A-Z]\\D/.org", "*"]);
    let position = select(vec![Position::Pre, Position::Tree, Position::Post]);
    let redirect = select(vec![Forward, Permanent, Found, PermanentRedirect, Unauthorized]);
    let scheme =
        select(vec![RedirectScheme::UseSame, RedirectScheme::UseHttp, RedirectScheme::UseHttps]);
    let rule = (1..4_u16, hosts, path(), option::of(select(vec!["GET", "purge"])), position);
    let rewrite = (redirect, scheme, option::of(1..9_u16), any::<bool>());
    let tags = btree_map("[a-z]", "[a-z]", 0..3);
    (rule, rewrite, option::of(0..3_u8), tags, vec(edit(), 0..3), option::of(hsts())).prop_map(
        |((port, host, path, method, position), rewrite, cluster, tags, headers, hsts)| {
            let (redirect, redirect_scheme, rewrite_port, auth) = rewrite;
            Frontend {
                hsts,
                address: address(port),
                hostname: host.to_owned(),
                path,
                method: method.map(str::to_owned),
                position,
                cluster: cluster.map(|id| format!("c{id}")),
                tags,
                redirect,
                redirect_scheme,
                redirect_template: auth.then(|| "HTTP/1.1 301 Go\r\n\r\n".to_owned()),
                rewrite_host: auth.then(|| "new.org".to_owned()),
                rewrite_path: auth.then(|| "/new".to_owned()),
                rewrite_port,
                required_auth: auth,
                headers,
                access: Access::default(),
                rate_limits: rate_limits(port as u8 % 3, u32::from(port) * u32::from(auth)),
            }
        },
    )
}

/// As a frontend of a listener of TCP can be; `None` when its cluster is not for TCP.
fn of_tcp(state: &State, frontend: Frontend) -> Option<Frontend> {
    let server = if frontend.hostname.contains('/') { "*" } else { &frontend.hostname };
    let id = FrontendId::new(frontend.address, server, frontend.method.as_deref());
    let cluster = frontend.cluster?;
    let good = state.clusters.get(&cluster).is_none_or(|known| check::for_tcp(known).is_ok());
    let Frontend { access, rate_limits, tags, .. } = frontend;
    good.then(|| Frontend { access, rate_limits, ..Frontend::new(id, &cluster, tags) })
}

fn backend() -> impl Strategy<Value = Backend> {
    let flags = (any::<u8>(), any::<bool>(), any::<bool>());
    (0..4_u8, 0..4_u8, 1..9_u16, flags).prop_map(|(cluster, id, port, (weight, named, backup))| {
        Backend {
            cluster: format!("c{cluster}"),
            id: format!("b{id}"),
            address: match backup {
                true => format!("unix:/run/{port}.sock").parse().expect("an address"),
                false => address(port).into(),
            },
            weight,
            sticky_id: named.then(|| format!("s{id}")),
            backup,
            max_connections: (weight > 100).then_some(weight.into()),
        }
    })
}

/// Lists with a few blocks, or none.
fn lists() -> impl Strategy<Value = BTreeMap<String, AddressList>> {
    let block = select(vec!["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::/0"]);
    let block = block.prop_map(|text| text.parse().expect("a block"));
    btree_map("[ab]", proptest::collection::btree_set(block, 0..4), 0..3)
}

/// Lets every object name what there is.
fn restrict(state: &mut State, lists: BTreeMap<String, AddressList>) {
    let mut names = lists.keys().cloned();
    let access = Access { allow: names.next().into_iter().collect(), deny: names.collect() };
    state.lists = lists;
    for listener in state.listeners.values_mut() {
        listener.access = access.clone();
        if listener.expect_proxy {
            listener.proxy_from.clone_from(&access.deny);
        }
    }
    state.udp.values_mut().for_each(|listener| listener.access = access.clone());
    let frontends: Vec<_> = state.frontends.iter().cloned().collect();
    let restrict = |frontend| Frontend { access: access.clone(), ..frontend };
    state.frontends = frontends.into_iter().map(restrict).collect();
}

fn state() -> impl Strategy<Value = State> {
    let listeners = (vec(listener(), 0..4), vec(udp_listener(), 0..3));
    let clusters = vec(cluster(), 0..4);
    let (frontends, backends) = (vec(frontend(), 0..9), vec(backend(), 0..9));
    let rest = (vec(certificate(), 0..4), lists());
    (listeners, clusters, frontends, backends, rest).prop_map(
        |((listeners, udp), clusters, frontends, backends, (certificates, lists))| {
            let mut state = State {
                listeners: listeners.into_iter().map(|l| (l.address, l)).collect(),
                backends: backends.into_iter().collect(),
                clusters: clusters.into_iter().map(|c| (c.id.clone(), c)).collect(),
                ..State::default()
            };
            for mut frontend in frontends {
                let Some(listener) = state.listeners.get(&frontend.address) else { continue };
                if listener.is_tcp() {
                    of_tcp(&state, frontend).map(|frontend| state.frontends.put(frontend));
                    continue;
                }
                frontend.hsts = frontend.hsts.filter(|_| listener.tls.is_some());
                state.frontends.put(frontend);
            }
            let ends_tls = |c: &Certificate| {
                state.listeners.get(&c.address).is_some_and(|listener| listener.tls.is_some())
            };
            let plain = |l: &UdpListener| {
                let cluster = l.cluster.as_ref().and_then(|id| state.clusters.get(id));
                cluster.is_none_or(|cluster| cluster.tls.is_none())
            };
            let udp: Vec<_> = udp.into_iter().filter(plain).collect();
            let certificates = certificates.into_iter().filter(ends_tls);
            state.certificates = certificates.map(|c| (c.id(), c)).collect();
            state.udp = udp.into_iter().map(|l| (l.address, l)).collect();
            restrict(&mut state, lists);
            state
        },
    )
}

proptest! {
    #[test]
    fn a_state_is_made_again_by_its_requests(state in state()) {
        let mut again = State::default();
        for request in of_state(&state) {
            prop_assert_eq!(make(&mut again, &request), Ok(()), "{:?}", request);
        }
        // Frontends of HTTP come before those of HTTPS: between listeners, order does not count.
        prop_assert_eq!(diff(&again, &state), vec![]);
        prop_assert_eq!(state_hash(&again), state_hash(&state));
        prop_assert_eq!(again.frontends.len(), state.frontends.len());
    }

    #[test]
    fn what_is_listed_of_a_cluster_is_good_for_adding_it_again(state in state()) {
        for id in state.clusters.keys() {
            let found = super::query::cluster_by_id(&state, id).vec.pop();
            let listed = found.and_then(|found| found.configuration).expect("it is there");
            let mut again = state.clone();
            let add = super::RequestType::AddCluster(listed);
            prop_assert_eq!(make(&mut again, &add), Ok(()));
            prop_assert_eq!(&again.clusters[id], &state.clusters[id]);
        }
    }

    #[test]
    fn keys_are_in_no_answer_but_the_one_that_is_for_them(state in state()) {
        let listed = serde_json::to_string(&super::query::listeners(&state)).expect("JSON");
        prop_assert!(!listed.contains("PRIVATE KEY"));
        for id in state.clusters.keys() {
            let listed = super::query::cluster_by_id(&state, id);
            prop_assert!(!serde_json::to_string(&listed).expect("JSON").contains("PRIVATE KEY"));
        }
    }
}
