//! Limits of how many requests are served in a while, and lists of addresses on frontends of TCP.

mod harness;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use harness::h2::Client;
use harness::{Backside, Proxy, cluster, frontend};
use weir_balance::ledger::{Held, Sum};
use weir_control::channel::{ToMain, ToWorker};
use weir_control::order::{ListOrder, Order};
use weir_control::state::{Access, Affinity, Carries, Cluster, Frontend, RateLimit, State};

/// So many in an hour, so that none comes while a test runs.
fn limit(requests: u32, by: Option<Affinity>) -> RateLimit {
    let requests = NonZeroU32::new(requests).expect("not zero");
    RateLimit { requests, seconds: 3600, burst: requests, by }
}

fn app(state: &mut State) -> &mut Cluster {
    state.clusters.get_mut("app").expect("there is one")
}

/// A proxy without backends whose cluster has a limit: who comes through gets a 503.
fn limited(limit: RateLimit) -> Proxy {
    Proxy::changed(&[], |state, _| {
        app(state).rate_limits = vec![limit];
        app(state).retry_after = Some(60);
    })
}

fn ask(proxy: &Proxy, fields: &str) -> String {
    proxy.ask(&format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n"))
}

fn statuses<const N: usize>(proxy: &Proxy, fields: [&str; N]) -> [String; N] {
    fields.map(|fields| ask(proxy, fields).split(' ').nth(1).unwrap_or_default().to_owned())
}

#[test]
fn what_is_too_many_is_answered_429_with_when_to_come_again() {
    let proxy = limited(limit(2, None));
    assert_eq!(statuses(&proxy, [""; 2]), ["503"; 2]);
    let answer = ask(&proxy, "");
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    let wait = answer.lines().find_map(|line| line.strip_prefix("Retry-After: "));
    let wait: u32 = wait.expect("there is one").parse().expect("a number");
    assert!((1700..=1800).contains(&wait), "one comes every half an hour: {wait}");
}

#[test]
fn without_retry_after_nothing_is_said_of_it() {
    let proxy = Proxy::changed(&[], |state, _| {
        app(state).rate_limits = vec![limit(1, None)];
    });
    ask(&proxy, "");
    let answer = ask(&proxy, "");
    assert!(answer.starts_with("HTTP/1.1 429 ") && !answer.contains("Retry-After"), "{answer}");
}

#[test]
fn each_value_of_a_field_has_its_own() {
    let proxy = limited(limit(1, Some(Affinity::Field("X-Key".into()))));
    let fields = ["X-Key: a\r\n", "x-key: a\r\n", "X-Key: b\r\n", "", "X-Other: c\r\n"];
    let expected = ["503", "429", "503", "503", "429"];
    assert_eq!(statuses(&proxy, fields), expected, "who has none is known by the address");
    let proxy = limited(limit(1, Some(Affinity::Cookie("key".into()))));
    let fields = ["Cookie: key=a\r\n", "Cookie: x=1; key=a\r\n", "Cookie: key=b\r\n"];
    assert_eq!(statuses(&proxy, fields), ["503", "429", "503"]);
}

#[test]
fn each_address_has_its_own() {
    let proxy = Proxy::changed(&[], |state, _| {
        state.listeners.values_mut().for_each(|listener| listener.expect_proxy = true);
        app(state).rate_limits = vec![limit(1, Some(Affinity::SourceIp))];
    });
    let status = |client: &str| {
        let family = if client.contains(':') { "TCP6" } else { "TCP4" };
        let header = format!("PROXY {family} {client} {client} 1 2\r\n");
        let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let answer = proxy.ask(&format!("{header}{request}"));
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let clients = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2:1"];
    assert_eq!(clients.map(status), ["503", "429", "503", "503", "429"]);
    assert_eq!(status("2001:db8:0:1::1"), "503", "another block of 64 bits");
}

#[test]
fn a_frontend_and_its_cluster_have_limits_of_their_own() {
    let proxy = Proxy::changed(&[], |state, at| {
        app(state).rate_limits = vec![limit(2, None)];
        let narrow = Frontend {
            hostname: "narrow".into(),
            rate_limits: vec![limit(1, None)],
            ..frontend(at)
        };
        state.frontends.push(narrow);
    });
    let ask = |host: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        proxy.ask(&request).split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let hosts = ["narrow", "narrow", "wide", "wide"];
    assert_eq!(hosts.map(ask), ["503", "429", "503", "429"]);
}

#[test]
fn streams_are_counted_one_by_one() {
    let backend = Backside::new();
    let proxy = Proxy::changed(&[backend.address], |state, _| {
        app(state).rate_limits = vec![limit(2, None)];
    });
    let mut client = Client::over(proxy.connect());
    let streams = [client.get("/"), client.get("/"), client.get("/")];
    for _ in 0..2 {
        let mut server = backend.accept();
        server.head();
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let answers = client.answers(&streams);
    let statuses = streams.map(|stream| answers[&stream].status().to_owned());
    assert_eq!(statuses, ["200", "200", "429"]);
}

#[test]
fn a_change_of_something_else_leaves_what_is_left() {
    let mut proxy = limited(limit(2, None));
    assert_eq!(statuses(&proxy, [""; 2]), ["503"; 2]);
    let changed = Cluster { rate_limits: vec![limit(2, None)], http2: true, ..cluster() };
    proxy.transact(vec![Order::Cluster(changed.clone())]);
    assert_eq!(statuses(&proxy, [""]), ["429"]);
    let wider = Cluster { rate_limits: vec![limit(3, None)], ..changed.clone() };
    proxy.transact(vec![Order::Cluster(wider)]);
    assert_eq!(statuses(&proxy, [""; 4]), ["503", "503", "503", "429"], "that is another limit");
    proxy.transact(vec![Order::Cluster(Cluster { rate_limits: Vec::new(), ..changed })]);
    assert_eq!(statuses(&proxy, [""; 5]), ["503"; 5]);
    let mut explained = limited(limit(2, Some(Affinity::SourceIp)));
    let steps = explained.explain(explained.address, "a", "/").steps.join("\n");
    let told = "the cluster serves 2 in 3600 s of each client address, at once 2; others get 429";
    assert!(steps.contains(told), "{steps}");
}

/// What the worker tells of the only key next.
fn held(proxy: &mut Proxy) -> Held {
    match proxy.hear() {
        ToMain::Held(held) if held.len() == 1 => held[0],
        other => panic!("not one amount: {other:?}"),
    }
}

#[test]
fn what_others_take_is_taken_from_the_rate() {
    let number = |number| NonZeroU32::new(number).expect("not zero");
    let fast = RateLimit { requests: number(1000), seconds: 1, burst: number(1), by: None };
    let mut proxy = limited(fast);
    proxy.say(&ToWorker::Workers(2));
    // As often as possible, for so long.
    let served = |proxy: &Proxy, time: Duration| {
        let (began, mut served) = (Instant::now(), 0);
        let mut client = proxy.connect();
        while began.elapsed() < time {
            client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            served += usize::from(client.rest().starts_with("HTTP/1.1 503 "));
            client = proxy.connect();
        }
        (served, began.elapsed())
    };
    let (all, _) = served(&proxy, Duration::from_millis(600));
    let told = held(&mut proxy);
    assert!(told.amount > 0 && all > 0);
    // Others take a thousand times as much: this one is left with a thirty-second of the rate.
    let Held { limit, key, amount: mine } = told;
    proxy.say(&ToWorker::Sums(vec![Sum { limit, key, mine, all: mine.saturating_mul(1000) }]));
    proxy.say(&ToWorker::Ping(7));
    while proxy.hear() != ToMain::Pong(7) {}
    let (few, took) = served(&proxy, Duration::from_millis(600));
    let most = 2 + took.as_millis() as usize / 30;
    assert!(few <= most, "{few} of {most} in {took:?}; {all} before");
}

#[test]
fn connections_of_tcp_are_closed() {
    let backend = Backside::new();
    let mut proxy = Proxy::changed(&[backend.address], |state, _| {
        state.listeners.values_mut().for_each(|listener| listener.carries = Carries::Tcp);
        let led: Vec<_> = state.frontends.iter().cloned().collect();
        let deny = Access { allow: Vec::new(), deny: vec!["bad".into()] };
        let led = led.into_iter().map(|frontend| Frontend {
            rate_limits: vec![limit(1, Some(Affinity::Field("ignored".into())))],
            access: deny.clone(),
            ..frontend
        });
        state.frontends = led.collect();
        state.lists.insert("bad".into(), Default::default());
    });
    let change = |add: &[&str], remove: &[&str]| {
        let blocks = |texts: &[&str]| texts.iter().map(|t| t.parse().expect("a block")).collect();
        let (add, remove) = (blocks(add), blocks(remove));
        vec![Order::List(ListOrder { name: "bad".into(), add, remove })]
    };
    proxy.transact(change(&["127.0.0.0/8"], &[]));
    assert_eq!(proxy.connect().rest(), "", "a list keeps it out");
    proxy.transact(change(&[], &["127.0.0.0/8"]));
    let mut client = proxy.connect();
    let mut server = backend.accept();
    server.send("hello");
    assert_eq!(client.exactly(5), b"hello");
    assert_eq!(proxy.connect().rest(), "", "there was one already");
    assert!(backend.is_quiet());
}
