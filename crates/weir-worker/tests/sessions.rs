//! Which sessions there are, as a whole worker tells them, and how they are ended.

mod harness;

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use harness::h2::Client;
use harness::tls::{Authority, TlsPeer, listener_tls};
use harness::{Backside, PATIENCE, Proxy, cluster, limits, settings, state};
use weir_base::{Endpoint, Limits};
use weir_control::channel::{Question, ToMain, ToWorker};
use weir_control::order::Order;
use weir_control::sessions::{Closed, Filter, Found, Live, Order as Sorted, Protocol, Query};
use weir_control::sessions::{State as Doing, Wait};
use weir_control::state::{Carries, Cluster, UdpListener, UdpRules};

const REQUEST: &str = "GET /cart?secret=1 HTTP/1.1\r\nHost: shop.example\r\n\r\n";

fn ask(proxy: &mut Proxy, question: Question) {
    proxy.say(&ToWorker::Ask { number: 9, question });
}

/// What there is, and how many match.
fn listed(proxy: &mut Proxy, query: Query) -> (Vec<Live>, u64) {
    ask(proxy, Question::ListSessions(query));
    let (mut found, mut all) = (Vec::new(), 0);
    loop {
        let ToMain::SessionsFound { number: 9, part, last } = proxy.hear() else {
            panic!("something else")
        };
        let Found { sessions, matching } = part;
        assert!(sessions.len() <= 256, "a part is bounded");
        found.extend(sessions);
        all += matching;
        if last {
            return (found, all);
        }
    }
}

fn those(proxy: &mut Proxy, filter: Filter) -> Vec<Live> {
    listed(proxy, Query { filter, limit: 1_000, order: Sorted::Oldest }).0
}

fn all(proxy: &mut Proxy) -> Vec<Live> {
    those(proxy, Filter::default())
}

/// Waits until the sessions are like that.
fn until(proxy: &mut Proxy, filter: &Filter, fits: impl Fn(&[Live]) -> bool) -> Vec<Live> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = those(proxy, filter.clone());
        if fits(&found) {
            return found;
        }
        assert!(Instant::now() < deadline, "{found:#?}");
        std::thread::yield_now();
    }
}

fn close(proxy: &mut Proxy, filter: Filter) -> Closed {
    ask(proxy, Question::CloseSessions(filter));
    match proxy.hear() {
        ToMain::SessionsClosed { number: 9, closed } => closed,
        other => panic!("not closed: {other:?}"),
    }
}

fn named(id: &str) -> Filter {
    Filter { ids: vec![id.to_owned()], ..Filter::default() }
}

fn in_state(state: Doing) -> Filter {
    Filter { states: vec![state], ..Filter::default() }
}

#[test]
fn a_session_tells_what_it_does_and_what_it_waits_for() {
    let back = Backside::new();
    let mut proxy = Proxy::to(&[back.address]);
    assert_eq!(
        listed(&mut proxy, Query { filter: Filter::default(), limit: 5, order: Sorted::Oldest }),
        (vec![], 0)
    );
    let mut client = proxy.connect();
    let fresh = until(&mut proxy, &Filter::default(), |found| found.len() == 1).remove(0);
    assert_eq!(
        (fresh.protocol, fresh.state, fresh.waits_for),
        (Protocol::Http1, Doing::Idle, Wait::Request)
    );
    client.send("GET / HT");
    let head = until(&mut proxy, &Filter::default(), |found| found[0].state == Doing::Head);
    assert_eq!((&head[0].id, head[0].bytes_in), (&fresh.id, 8));
    drop(client);
    until(&mut proxy, &Filter::default(), <[_]>::is_empty);

    let mut client = proxy.connect();
    client.send(REQUEST);
    let mut server = back.accept();
    server.head();
    let waiting = until(&mut proxy, &in_state(Doing::Waiting), |found| found.len() == 1).remove(0);
    assert_eq!(waiting.cluster.as_deref(), Some("app"));
    assert_eq!(waiting.backend.as_deref(), Some("app-0"));
    assert_eq!(waiting.backend_address, Some(back.address.into()));
    assert_eq!(
        waiting.request.as_deref(),
        Some("GET shop.example/cart"),
        "no query: it may be secret"
    );
    assert_eq!((waiting.listener, waiting.tls), (proxy.address, false));
    assert_eq!(
        (waiting.bytes_in, waiting.bytes_out, waiting.requests),
        (REQUEST.len() as u64, 0, 1)
    );
    assert_eq!(waiting.waits_for, Wait::Back);
    assert!(waiting.ends_in.is_some_and(|left| left > Duration::ZERO && left < PATIENCE * 10));
    let response = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe";
    server.send(response);
    client.until("\r\n\r\nhe");
    let half = until(&mut proxy, &named(&waiting.id), |found| found[0].state == Doing::Responding);
    assert!(half[0].bytes_out > response.len() as u64, "fields were added");
    server.send("llo");
    client.until("llo");
    let idle = until(&mut proxy, &named(&waiting.id), |found| found[0].state == Doing::Idle);
    assert_eq!((idle[0].waits_for, &idle[0].cluster), (Wait::Front, &None));
}

#[test]
fn an_upload_waits_for_the_client() {
    let back = Backside::new();
    let mut proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
    let mut server = back.accept();
    server.until("abc");
    let found = until(&mut proxy, &in_state(Doing::Uploading), |found| found.len() == 1);
    assert_eq!(found[0].waits_for, Wait::Body);
    assert_eq!(close(&mut proxy, in_state(Doing::Uploading)), Closed { closed: 0, draining: 1 });
    assert!(client.head().starts_with("HTTP/1.1 503 "), "it is told");
    assert_eq!(server.rest(), "", "and the backend let go");
}

#[test]
fn filters_are_all_heeded_and_lists_bounded() {
    let back = Backside::new();
    let many = Limits { sessions: 600, buffers: 100, ..limits() };
    let mut proxy = Proxy::with(settings(many), state(&[back.address]));
    let clients: Vec<_> = (0..520).map(|_| proxy.connect()).collect();
    until(&mut proxy, &Filter::default(), |found| found.len() == clients.len());
    let query = Query { filter: Filter::default(), limit: 3, order: Sorted::Idlest };
    let (found, matching) = listed(&mut proxy, query);
    assert_eq!((found.len(), matching), (3, 520));
    assert!(found.is_sorted_by_key(|live| std::cmp::Reverse(live.idle)));
    let here = "127.0.0.0/8".parse().expect("a block");
    let elsewhere = "10.0.0.0/8".parse().expect("a block");
    let address = proxy.address;
    let cases = [
        (Filter { clients: vec![here], ..Filter::default() }, 520),
        (Filter { clients: vec![elsewhere], ..Filter::default() }, 0),
        (Filter { listeners: vec![address], ..Filter::default() }, 520),
        (Filter { listeners: vec![back.address], ..Filter::default() }, 0),
        (Filter { clusters: vec!["app".into()], ..Filter::default() }, 0),
        (Filter { older_than: Duration::from_secs(3600), ..Filter::default() }, 0),
        (in_state(Doing::Idle), 520),
        (in_state(Doing::Pipe), 0),
        (named(&found[0].id), 1),
    ];
    for (filter, count) in cases {
        assert_eq!(those(&mut proxy, filter.clone()).len(), count, "{filter:?}");
    }
    // Nothing was asked: the client gets the answer that it would get after its time.
    assert_eq!(close(&mut proxy, named(&found[0].id)).draining, 1);
    let closed = close(&mut proxy, Filter::default());
    assert_eq!(closed.closed + closed.draining, 520);
    drop(clients);
    until(&mut proxy, &Filter::default(), <[_]>::is_empty);
}

#[test]
fn what_was_dismissed_is_cut_or_answered_and_no_backend_is_blamed() {
    let back = Backside::new();
    let mut proxy = Proxy::to(&[back.address]);
    let mut clients: Vec<_> = (0..2).map(|_| proxy.connect()).collect();
    let mut servers: Vec<_> = clients
        .iter_mut()
        .map(|client| {
            client.send(REQUEST);
            let mut server = back.accept();
            server.head();
            server
        })
        .collect();
    servers[1].send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    clients[1].until("half");
    let of = |cluster: &str| Filter { clusters: vec![cluster.into()], ..Filter::default() };
    assert_eq!(close(&mut proxy, of("other")), Closed::default());
    let other = Filter { backend: Some("app-1".into()), ..of("app") };
    assert_eq!(close(&mut proxy, other), Closed::default());
    let elsewhere = Filter { backend_address: Some(proxy.address.into()), ..of("app") };
    assert_eq!(close(&mut proxy, elsewhere), Closed::default());
    let here = Filter {
        backend: Some("app-0".into()),
        backend_address: Some(back.address.into()),
        ..of("app")
    };
    assert_eq!(close(&mut proxy, here), Closed { closed: 1, draining: 1 });
    assert!(clients[0].head().starts_with("HTTP/1.1 503 "));
    assert_eq!(clients[1].rest(), "", "the response is not completed by something else");
    // Three such failures of its own would have put the only backend off.
    let mut client = proxy.connect();
    client.send(REQUEST);
    back.accept().send("HTTP/1.1 204 No Content\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 204 "));
}

#[test]
fn streams_name_their_connection_and_end_without_it() {
    let back = Backside::new();
    let mut proxy = Proxy::to(&[back.address]);
    let mut client = Client::over(proxy.connect());
    let (first, second) = (client.get("/1"), client.get("/2"));
    let mut servers = [back.accept(), back.accept()];
    let paths = servers.each_mut().map(|server| server.head());
    let waiting =
        |found: &[Live]| found.iter().filter(|live| live.state == Doing::Waiting).count() == 2;
    let found = until(&mut proxy, &Filter::default(), waiting);
    let carrier = found.iter().find(|live| live.protocol == Protocol::Http2).expect("it is there");
    assert_eq!((carrier.state, carrier.streams), (Doing::Streams, 2));
    assert_eq!((carrier.waits_for, carrier.ends_in), (Wait::Streams, None));
    let streams: Vec<_> = found.iter().filter(|live| live.protocol == Protocol::Stream).collect();
    assert!(streams.iter().all(|stream| stream.connection.as_ref() == Some(&carrier.id)));
    let one = streams.iter().find(|live| live.request.as_deref() == Some("GET example.org/1"));
    let closed = close(&mut proxy, named(&one.expect("it is there").id));
    assert_eq!(closed.closed + closed.draining, 1);
    assert_eq!(client.answer(first).status(), "503");
    let other = paths.iter().position(|head| head.contains("/2 ")).expect("it came");
    servers[other].send("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(client.answer(second).status(), "204", "the other stream goes on");
    assert_eq!(close(&mut proxy, named(&carrier.id)).draining, 1);
    assert_eq!(client.goaway(), 0, "it ends without an error");
}

#[test]
fn pipes_and_handshakes_are_there_too() {
    let (authority, back) = (Authority::new("ca"), Backside::new());
    let mut proxy = Proxy::changed(&[back.address], |state, address| {
        if let Some(listener) = state.listeners.get_mut(&address) {
            listener.tls = Some(Box::new(listener_tls()));
        }
        let served = authority.certificate(address, &["example.org"], 1 << 40);
        state.certificates.insert(served.id(), served);
    });
    let silent = proxy.connect();
    let shaking = until(&mut proxy, &in_state(Doing::Handshake), |found| found.len() == 1);
    assert_eq!((shaking[0].protocol, shaking[0].waits_for), (Protocol::Tls, Wait::Request));
    assert_eq!(close(&mut proxy, in_state(Doing::Handshake)).closed, 1);
    drop(silent);
    let config = std::sync::Arc::new(authority.client());
    let mut client = TlsPeer::connect(proxy.address, &config, "example.org");
    client.send(
        "GET / HTTP/1.1\r\nHost: example.org\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    let mut server = back.accept();
    server.head();
    server.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello",
    );
    client.until("hello");
    let found = until(&mut proxy, &in_state(Doing::Pipe), |found| found.len() == 1);
    assert_eq!((found[0].protocol, found[0].tls), (Protocol::WebSocket, true));
    assert_eq!(found[0].backend.as_deref(), Some("app-0"));
    assert_eq!(close(&mut proxy, in_state(Doing::Pipe)), Closed { closed: 1, draining: 0 });
    assert_eq!(server.rest(), "");
}

#[test]
fn connections_of_tcp_are_pipes_of_their_cluster() {
    let back = Backside::new();
    let mut proxy = Proxy::changed(&[back.address], |state, address| {
        if let Some(listener) = state.listeners.get_mut(&address) {
            listener.carries = Carries::Tcp;
        }
    });
    let mut client = proxy.connect();
    let mut server = back.accept();
    client.send("question\n");
    server.until("\n");
    server.send("an answer\n");
    client.until("\n");
    let found = all(&mut proxy).remove(0);
    assert_eq!((found.protocol, found.state), (Protocol::Tcp, Doing::Pipe));
    assert_eq!((found.bytes_in, found.bytes_out, found.request), (9, 10, None));
    // A request keeps its cluster, and its session is found by it, when that is gone.
    proxy.transact(vec![Order::RemoveCluster("app".into())]);
    let filter = Filter { clusters: vec!["app".into()], ..Filter::default() };
    assert_eq!(close(&mut proxy, filter).closed, 1);
    assert_eq!(client.rest(), "");
}

#[test]
fn flows_of_datagrams_are_listed_and_ended() {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let socket = weir_sys::UdpSocket::bind(any).expect("bound");
    let at = socket.local_addr().expect("bound");
    let back = UdpSocket::bind(any).expect("bound");
    back.set_read_timeout(Some(PATIENCE)).expect("set");
    let (mut state, tcp) = state(&[back.local_addr().expect("bound")]);
    let app = Cluster { udp: Some(Box::new(UdpRules::default())), ..cluster() };
    state.clusters.insert("app".into(), app);
    let listener = UdpListener { cluster: Some("app".into()), ..UdpListener::new(at) };
    state.udp.insert(at, listener);
    let mut proxy = Proxy::untold(settings(limits()), tcp);
    proxy.lend(Endpoint::udp(at), &socket);
    proxy.apply(state.orders().collect());
    let client = UdpSocket::bind(any).expect("bound");
    client.send_to(b"hello", at).expect("sent");
    back.recv_from(&mut [0; 16]).expect("it comes");
    let found = until(&mut proxy, &in_state(Doing::Flow), |found| found.len() == 1).remove(0);
    assert_eq!((found.protocol, found.listener, found.bytes_in), (Protocol::Udp, at, 5));
    assert_eq!(found.client, client.local_addr().expect("bound"));
    assert_eq!(found.cluster.as_deref(), Some("app"));
    assert!(found.id.starts_with("udp-0-"), "{}", found.id);
    assert_eq!(close(&mut proxy, named(&found.id)), Closed { closed: 1, draining: 0 });
    until(&mut proxy, &Filter::default(), <[_]>::is_empty);
}
