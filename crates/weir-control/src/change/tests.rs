use proptest::prelude::*;

use super::*;
use crate::fixtures::MADE;
use crate::order::ListOrder;
use crate::state::{BackendTls, Hsts, Identity, ListenerTls};
use weir_base::Cidr;
use weir_tls::certificate::{ReadCertificate, read_certificate};
use weir_tls::{Der, Secret};

mod tcp;

fn identity(number: u8) -> Identity {
    Identity { chain: vec![Der::from(&[number; 9][..])], key: Secret::from(&b"hushhush"[..]) }
}

fn certificate(port: u8, number: u8, name: u8) -> Certificate {
    Certificate {
        address: address(port),
        fingerprint: Fingerprint::of(&[number]),
        names: vec![format!("n{name}.example")],
        expires: i64::from(name),
        identity: identity(number),
    }
}

/// A listener that ends TLS.
fn secure(port: u8, number: u8) -> Listener {
    let hsts = Hsts {
        enabled: true,
        max_age: number.into(),
        include_subdomains: false,
        preload: false,
        force_replace_backend: false,
    };
    let tls = ListenerTls {
        default_certificate: Some(identity(number)),
        client_authorities: identity(number).chain,
        hsts: Some(hsts),
        ..ListenerTls::default()
    };
    Listener { tls: Some(Box::new(tls)), ..listener(port, true) }
}

/// A cluster whose backends speak TLS.
fn secure_cluster(id: u8, number: u8) -> Cluster {
    let tls = BackendTls {
        authorities: identity(number).chain,
        server_name: None,
        identity: Some(identity(number)),
        verify: true,
    };
    Cluster { id: format!("c{id}"), tls: Some(Box::new(tls)), ..Cluster::default() }
}

fn address(port: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1 + u16::from(port)))
}

fn listener(port: u8, active: bool) -> Listener {
    Listener { active, ..Listener::new(address(port)) }
}

/// A listener of UDP, at an address that one of TCP may have as well.
fn udp_listener(port: u8, number: u8) -> UdpListener {
    UdpListener {
        cluster: (number > 0).then(|| format!("c{number}")),
        max_flows: number.into(),
        ..UdpListener::new(address(port))
    }
}

fn frontend(port: u8, host: u8, position: Position, auth: bool) -> Frontend {
    let id = FrontendId::new(address(port), &format!("h{host}"), None);
    let id = FrontendId { position, ..id };
    Frontend { required_auth: auth, ..Frontend::new(id, "c0", Default::default()) }
}

fn backend(cluster: u8, id: u8, weight: u8) -> Backend {
    Backend {
        cluster: format!("c{cluster}"),
        id: format!("b{id}"),
        address: address(200 + id).into(),
        weight,
        sticky_id: None,
        backup: false,
        max_connections: None,
    }
}

fn block() -> impl Strategy<Value = Cidr> {
    (0..6_u8).prop_map(|number| format!("10.{number}.0.0/16").parse().expect("a block"))
}

fn order() -> impl Strategy<Value = Order> {
    let small = 0..3_u8;
    let position = prop_oneof![Just(Position::Pre), Just(Position::Tree), Just(Position::Post)];
    prop_oneof![
        (small.clone(), any::<bool>()).prop_map(|(port, on)| Order::Listener(listener(port, on))),
        small.clone().prop_map(|port| Order::RemoveListener(address(port))),
        (small.clone(), any::<bool>()).prop_map(|(id, sticky)| Order::Cluster(Cluster {
            id: format!("c{id}"),
            sticky_session: sticky,
            ..Cluster::default()
        })),
        small.clone().prop_map(|id| Order::RemoveCluster(format!("c{id}"))),
        (small.clone(), 0..5_u8, position.clone(), any::<bool>()).prop_map(
            |(port, host, position, auth)| {
                Order::Frontend(Box::new(frontend(port, host, position, auth)))
            }
        ),
        (small.clone(), 0..5_u8, position).prop_map(|(port, host, position)| {
            Order::RemoveFrontend(frontend(port, host, position, false).id())
        }),
        (small.clone(), small.clone(), 0..3_u8)
            .prop_map(|(cluster, id, weight)| Order::Backend(backend(cluster, id, weight))),
        (small.clone(), small.clone()).prop_map(|(cluster, id)| Order::RemoveBackend {
            cluster: format!("c{cluster}"),
            id: format!("b{id}"),
            close_after: None,
        }),
        (small.clone(), small.clone(), small.clone()).prop_map(|(port, number, name)| {
            Order::Certificate(Box::new(certificate(port, number, name)))
        }),
        (small.clone(), small.clone())
            .prop_map(|(port, number)| Order::RemoveCertificate(certificate(port, number, 0).id())),
        (small.clone(), small.clone())
            .prop_map(|(port, number)| Order::Listener(secure(port, number))),
        (small.clone(), small.clone())
            .prop_map(|(id, number)| Order::Cluster(secure_cluster(id, number))),
        (small.clone(), small.clone())
            .prop_map(|(port, number)| Order::UdpListener(Box::new(udp_listener(port, number)))),
        small.clone().prop_map(|port| Order::RemoveUdpListener(address(port))),
        (small.clone(), prop::collection::vec(block(), 0..4), prop::collection::vec(block(), 0..3))
            .prop_map(|(name, add, remove)| {
                Order::List(ListOrder { name: format!("l{name}"), add, remove })
            }),
        small.prop_map(|name| Order::RemoveList(format!("l{name}"))),
    ]
}

fn orders() -> impl Strategy<Value = Vec<Order>> {
    prop::collection::vec(order(), 0..40)
}

fn made(orders: Vec<Order>) -> (State, Vec<Undo>) {
    let (mut state, mut undo) = (State::default(), Vec::new());
    for order in orders {
        state.apply(order, &mut undo);
    }
    (state, undo)
}

/// What workers see of a state: in the tree, the order of declaration does not count.
fn seen(state: &State) -> (State, Vec<Frontend>, Vec<Frontend>) {
    let mut sorted = state.clone();
    let mut frontends: Vec<_> = state.frontends.iter().cloned().collect();
    let lists = frontends.iter().filter(|f| f.position != Position::Tree).cloned().collect();
    frontends.sort_by_key(Frontend::id);
    let mut backends: Vec<_> = state.backends.iter().cloned().collect();
    backends.sort_by_key(Backend::key);
    sorted.frontends = Vec::new().into();
    sorted.backends = backends.into();
    let by_list = |list: Vec<Frontend>| {
        let mut list = list;
        list.sort_by_key(|f| (f.address, f.position));
        list
    };
    (sorted, frontends, by_list(lists))
}

/// The order of the lists, pair by pair.
fn order_of(state: &State) -> u64 {
    let (_, _, listed) = seen(state);
    let pairs = listed
        .windows(2)
        .filter(|pair| (pair[0].address, pair[0].position) == (pair[1].address, pair[1].position));
    let links = pairs.map(|pair| object_hash("order", &(pair[0].id(), pair[1].id())));
    links.fold(0, u64::wrapping_add)
}

proptest! {
    #[test]
    fn undoing_leaves_no_trace(before in orders(), changes in orders()) {
        let (mut state, _) = made(before);
        let (old, hash) = (state.clone(), state_hash(&state));
        let mut followed = StateHash::of(&state);
        let mut undo = Vec::new();
        for order in changes {
            state.apply(order, &mut undo);
        }
        followed.follow(&state, &undo);
        prop_assert_eq!(state_hash(&state), followed.value());
        prop_assert_eq!(state.frontends.order(), order_of(&state));
        state.undo(undo);
        prop_assert_eq!(&state, &old);
        prop_assert_eq!(state_hash(&state), hash);
    }

    #[test]
    fn the_difference_leads_from_one_state_to_the_other(a in orders(), b in orders()) {
        let ((mut a, _), (b, _)) = (made(a), made(b));
        let orders = diff(&a, &b);
        let mut undo = Vec::new();
        for order in orders {
            a.apply(order, &mut undo);
        }
        prop_assert_eq!(seen(&a), seen(&b));
        prop_assert_eq!(state_hash(&a), state_hash(&b));
        prop_assert_eq!(diff(&a, &b), vec![]);
    }

    #[test]
    fn states_are_equal_to_workers_when_their_hashes_are(a in orders(), b in orders()) {
        let ((a, _), (b, _)) = (made(a), made(b));
        prop_assert_eq!(seen(&a) == seen(&b), state_hash(&a) == state_hash(&b));
    }

    #[test]
    fn the_hash_tells_orders_of_a_list_apart(
        hosts in Just((0..5_u8).collect::<Vec<_>>()).prop_shuffle(),
        again in Just((0..5_u8).collect::<Vec<_>>()).prop_shuffle(),
        position in prop_oneof![Just(Position::Pre), Just(Position::Tree), Just(Position::Post)],
    ) {
        let of = |hosts: &[u8]| {
            let add = |host: &u8| Order::Frontend(Box::new(frontend(0, *host, position, false)));
            state_hash(&made(hosts.iter().map(add).collect()).0)
        };
        let same = hosts == again || position == Position::Tree;
        prop_assert_eq!(of(&hosts) == of(&again), same);
    }

    #[test]
    fn a_stored_state_keeps_its_places(before in orders(), changes in orders()) {
        let (mut state, _) = made(before);
        let old = state.clone();
        let bytes = crate::packed::pack(&state).expect("stored");
        let mut read: State = crate::packed::unpack(&bytes).expect("read");
        let mut undo = Vec::new();
        for order in changes {
            state.apply(order.clone(), &mut undo);
            read.apply(order, &mut Vec::new());
        }
        prop_assert_eq!(&read, &state);
        read.undo(undo);
        prop_assert_eq!(state_hash(&read), state_hash(&old));
        prop_assert_eq!(read, old);
    }

    #[test]
    fn a_state_is_made_again_by_its_orders(orders in orders()) {
        let (state, _) = made(orders);
        let (again, undo) = made(state.orders().collect());
        prop_assert_eq!(&again, &state);
        let added = plan(&again, &undo).iter().all(|change| change.kind == 0);
        prop_assert!(added);
    }
}

#[test]
fn what_was_never_declared_can_go_alone() {
    let (orphan, _) = made(vec![Order::Backend(backend(0, 0, 0))]);
    let alone = Order::RemoveBackend { cluster: "c0".into(), id: "b0".into(), close_after: None };
    assert_eq!(diff(&orphan, &State::default()), [alone]);
    let cluster = Cluster { id: "c0".into(), ..Cluster::default() };
    let (declared, _) = made(vec![Order::Cluster(cluster), Order::Backend(backend(0, 0, 0))]);
    let removal = Order::RemoveCluster("c0".into());
    assert_eq!(diff(&declared, &State::default()), vec![removal.clone()]);
    assert_eq!(diff(&declared, &orphan), [removal, Order::Backend(backend(0, 0, 0))]);
}

#[test]
fn a_listener_takes_its_frontends_along() {
    let route = Order::Frontend(Box::new(frontend(0, 0, Position::Tree, false)));
    let (served, _) = made(vec![Order::Listener(listener(0, true)), route]);
    assert_eq!(diff(&served, &State::default()), [Order::RemoveListener(address(0))]);
}

#[test]
fn a_plan_names_what_differs() {
    let (mut state, _) = made(vec![Order::Backend(backend(0, 1, 5))]);
    let mut undo = Vec::new();
    state.apply(Order::Backend(backend(0, 1, 7)), &mut undo);
    state.apply(Order::Frontend(Box::new(frontend(0, 1, Position::Pre, true))), &mut undo);
    let changes = plan(&state, &undo);
    assert_eq!((&*changes[0].object, &*changes[0].name), ("backend", "c0/b1"));
    let key = &changes[0].keys[0];
    assert_eq!((&*key.key, &*key.old, &*key.new), ("weight", "5", "7"));
    assert_eq!(changes[1].name, "h1 (PREFIX, PRE) on 127.0.0.1:1");
    state.apply(Order::Backend(backend(0, 1, 5)), &mut undo);
    assert_eq!(plan(&state, &undo).len(), 1, "what is as before is no change");
}

#[test]
fn a_plan_tells_of_another_order() {
    let list = |host| frontend(0, host, Position::Pre, false);
    let add = |host| Order::Frontend(Box::new(list(host)));
    let (old, _) = made(vec![add(0), add(1)]);
    let (new, _) = made(vec![add(1), add(0)]);
    let (mut state, mut undo) = (old.clone(), Vec::new());
    for order in diff(&old, &new) {
        state.apply(order, &mut undo);
    }
    let changes = plan(&state, &undo);
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert!(changes.iter().all(|change| change.keys.iter().all(|key| key.key == "order")));
    state.undo(undo);
    assert_eq!(state, old);
}

#[test]
fn what_is_rarely_meant_is_warned_of() {
    let (mut state, _) = made(vec![
        Order::Listener(listener(0, true)),
        Order::Cluster(Cluster { id: "c0".into(), ..Cluster::default() }),
        Order::Backend(backend(0, 0, 1)),
    ]);
    let mut warned = |frontend: Frontend| {
        let mut undo = Vec::new();
        state.apply(Order::Frontend(Box::new(frontend)), &mut undo);
        warnings(&state, &undo, 0)
    };
    let fine = frontend(0, 1, Position::Tree, false);
    assert_eq!(warned(fine.clone()), Vec::<String>::new());
    let lost = Frontend { cluster: Some("nobody".into()), ..fine.clone() };
    assert!(warned(lost)[0].contains("leads to cluster nobody, which is not there"));
    let all = Frontend { hostname: "*".into(), position: Position::Pre, ..fine.clone() };
    assert!(warned(all)[0].contains("takes every request"));
    let late = frontend(0, 2, Position::Tree, true);
    assert!(warned(late)[0].contains("is never reached"));
}

#[test]
fn a_plan_shows_no_key_and_no_certificate_in_full() {
    let (mut state, _) = made(vec![
        Order::Listener(secure(0, 0)),
        Order::Listener(listener(1, true)),
        Order::Cluster(secure_cluster(0, 0)),
        Order::Certificate(Box::new(certificate(0, 1, 1))),
    ]);
    let mut undo = Vec::new();
    let other_key = Identity { key: Secret::from(&b"whisper!"[..]), ..identity(1) };
    for order in [
        Order::Listener(secure(0, 1)),
        Order::Listener(secure(1, 1)),
        Order::Cluster(secure_cluster(0, 1)),
        Order::Certificate(Box::new(Certificate { identity: other_key, ..certificate(0, 1, 1) })),
        Order::Certificate(Box::new(certificate(0, 2, 2))),
    ] {
        state.apply(order, &mut undo);
    }
    let changes = plan(&state, &undo);
    let lines = changes.iter().flat_map(|change| {
        let keys =
            change.keys.iter().map(|key| format!("  {}: {} → {}", key.key, key.old, key.new));
        [format!("{} {}", change.object, change.name)].into_iter().chain(keys)
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    // Base64 of the keys and of the certificates.
    for hidden in ["aHVzaGh1c2g", "d2hpc3Blc", "AQEBAQEB", "hush", "whisper"] {
        assert!(!text.contains(hidden), "{hidden} is in\n{text}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn certificates_that_nobody_takes_are_warned_of() {
    let made_of = |shown: &weir_proto::CertificateAndKey| {
        let read = read_certificate(&shown.certificate, &shown.certificate_chain, &shown.key);
        let ReadCertificate { description, chain, key } = read.expect("good");
        Certificate {
            address: address(0),
            fingerprint: description.fingerprint,
            names: description.names,
            expires: description.not_after,
            identity: Identity { chain, key },
        }
    };
    let now = 1_800_000_000;
    let mut tls = ListenerTls::default();
    let (mut state, mut undo) = (State::default(), Vec::new());
    let secure = |tls: &ListenerTls| {
        Order::Listener(Listener { tls: Some(Box::new(tls.clone())), ..listener(0, true) })
    };
    state.apply(secure(&tls), &mut undo);
    state.apply(Order::Certificate(Box::new(made_of(&MADE.expired))), &mut undo);
    state.apply(Order::Certificate(Box::new(made_of(&MADE.certificates[0]))), &mut undo);
    let warned = warnings(&state, &undo, now);
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("old.example, … (") && warned[0].contains("expired on 2020-12-31"));

    let mut warned = |host: &str, order: Option<Order>| {
        let mut undo = Vec::new();
        let denied = Frontend {
            cluster: None,
            hostname: host.to_owned(),
            ..frontend(0, 0, Position::Tree, false)
        };
        state.apply(Order::Frontend(Box::new(denied)), &mut undo);
        order.into_iter().for_each(|order| state.apply(order, &mut undo));
        warnings(&state, &undo, now)
    };
    for covered in ["c0.example", "a.c0.example", "*.c0.example", "*", "/c.*/.example"] {
        assert_eq!(warned(covered, None), Vec::<String>::new(), "{covered}");
    }
    let refused = warned("a.b.c0.example", None);
    assert!(refused[0].contains("no certificate of 127.0.0.1:1 is for a.b.c0.example"));
    assert!(refused[0].ends_with("clients that name it are refused"));
    tls.default_certificate = Some(made_of(&MADE.certificates[1]).identity);
    assert!(warned("c2.example", Some(secure(&tls)))[0].ends_with("does not either: 421"));
    assert_eq!(warned("c1.example", None), Vec::<String>::new(), "the default one is for it");
    tls.strict_sni_binding = false;
    assert_eq!(warned("c2.example", Some(secure(&tls))), Vec::<String>::new());
}

/// When this fails because a type has another field, [`crate::packed::FORMAT`] goes up with the
/// numbers here, or an old store would be read as something else.
#[test]
fn what_is_stored_has_the_form_that_is_said() {
    let one = [
        Undo::Listener(address(0), Some(secure(0, 1))),
        Undo::Cluster("c".into(), Some(secure_cluster(0, 1))),
        Undo::Frontend(
            frontend(0, 0, Position::Tree, true).id(),
            Some((1, frontend(0, 0, Position::Tree, true))),
        ),
        Undo::Backend(backend(0, 0, 1).key(), Some((1, backend(0, 0, 1)))),
        Undo::Certificate(certificate(0, 1, 1).id(), Some(Box::new(certificate(0, 1, 1)))),
        Undo::UdpListener(address(0), Some(Box::new(udp_listener(0, 1)))),
    ];
    let lengths = one.map(|undo| crate::packed::pack(&undo).map_or(0, |bytes| bytes.len()));
    assert_eq!((crate::packed::FORMAT, lengths), (7, [147, 69, 46, 33, 177, 30]));
}
