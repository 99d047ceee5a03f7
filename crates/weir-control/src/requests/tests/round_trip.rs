//! Any state is made again by its requests.

use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::of_state;
use super::make;
use crate::state::{
    Answers, Backend, Cluster, EditPosition, Frontend, HeaderEdit, Listener, LoadBalancing,
    LoadMetric, PathRule, Position, Redirect, RedirectScheme, State,
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

fn listener() -> impl Strategy<Value = Listener> {
    let timeouts = (1..99_u64, 1..99_u64, 1..99_u64, 1..99_u64);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (1..4_u16, option::of(1..9_u16), timeouts, flags, answers()).prop_map(
        |(port, public, (front, back, connect, request), (elide, send, active), answers)| {
            Listener {
                tls: None,
                address: address(port),
                public_address: public.map(address),
                front_timeout: Duration::from_secs(front),
                back_timeout: Duration::from_secs(back),
                connect_timeout: Duration::from_secs(connect),
                request_timeout: Duration::from_secs(request),
                sticky_name: format!("S{front}"),
                sozu_id_header: format!("Id-{back}"),
                elide_x_real_ip: elide,
                send_x_real_ip: send,
                answers,
                active,
            }
        },
    )
}

fn cluster() -> impl Strategy<Value = Cluster> {
    use LoadBalancing::{LeastLoaded, PowerOfTwo, Random, RoundRobin};
    let balancing = select(vec![RoundRobin, Random, LeastLoaded, PowerOfTwo]);
    let metric =
        select(vec![LoadMetric::Connections, LoadMetric::Requests, LoadMetric::ConnectionTime]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let numbers = (option::of(1..9_u16), option::of(1..9_u64), option::of(1..9_u32));
    (0..3_u8, balancing, metric, flags, numbers, answers()).prop_map(
        |(
            id,
            load_balancing,
            load_metric,
            (sticky, redirect, auth),
            (port, limit, retry),
            answers,
        )| {
            Cluster {
                tls: None,
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
                retry_after: retry,
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
    (rule, rewrite, option::of(0..3_u8), tags, vec(edit(), 0..3)).prop_map(
        |((port, host, path, method, position), rewrite, cluster, tags, headers)| {
            let (redirect, redirect_scheme, rewrite_port, auth) = rewrite;
            Frontend {
                hsts: None,
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
            }
        },
    )
}

fn backend() -> impl Strategy<Value = Backend> {
    let flags = (any::<u8>(), any::<bool>(), any::<bool>());
    (0..4_u8, 0..4_u8, 1..9_u16, flags).prop_map(|(cluster, id, port, (weight, named, backup))| {
        Backend {
            cluster: format!("c{cluster}"),
            id: format!("b{id}"),
            address: address(port),
            weight,
            sticky_id: named.then(|| format!("s{id}")),
            backup,
        }
    })
}

fn state() -> impl Strategy<Value = State> {
    let (listeners, clusters) = (vec(listener(), 0..4), vec(cluster(), 0..4));
    let (frontends, backends) = (vec(frontend(), 0..9), vec(backend(), 0..9));
    (listeners, clusters, frontends, backends).prop_map(
        |(listeners, clusters, frontends, backends)| {
            let listeners: std::collections::BTreeMap<_, _> =
                listeners.into_iter().map(|listener| (listener.address, listener)).collect();
            let served = frontends.into_iter().filter(|f| listeners.contains_key(&f.address));
            State {
                frontends: served.collect(),
                backends: backends.into_iter().collect(),
                clusters: clusters.into_iter().map(|c| (c.id.clone(), c)).collect(),
                listeners,
                certificates: Default::default(),
            }
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
        prop_assert_eq!(again, state);
    }
}
