//! What a route does to requests and responses, through a whole worker.

mod harness;

use harness::{Backside, Proxy, limits, settings, state};
use weir_control::declared::Edit;
use weir_control::order::Order;
use weir_control::state::{EditPosition, Frontend, HeaderEdit, PathRule, State};

/// A proxy whose only frontend and cluster are changed before they are served.
fn proxy(back: &Backside, change: impl Fn(&mut State)) -> Proxy {
    let (mut state, socket) = state(&[back.address]);
    change(&mut state);
    Proxy::with(settings(limits()), (state, socket))
}

fn frontend(state: &mut State) -> Edit<'_, Frontend> {
    state.frontends.edit(0)
}

/// The head that the backend gets for a request; the client's answer is awaited.
fn forwarded(proxy: &Proxy, back: &Backside, request: &str) -> (String, String) {
    let mut client = proxy.connect();
    client.send(request);
    let mut server = back.accept();
    let head = server.head();
    server.send("HTTP/1.1 204 No Content\r\nServer: s\r\n\r\n");
    (head, client.head())
}

#[test]
fn a_rewritten_request_keeps_its_query() {
    let back = Backside::new();
    let proxy = proxy(&back, |state| {
        frontend(state).hostname = "*.example.org".into();
        frontend(state).path = PathRule::Prefix("/api".into());
        frontend(state).rewrite_host = Some("$HOST[1].internal:8080".into());
        frontend(state).rewrite_path = Some("$PATH[1]".into());
    });
    let request = "GET /api/x?q=1 HTTP/1.1\r\nHost: a.example.org\r\n\r\n";
    let (head, _) = forwarded(&proxy, &back, request);
    assert!(head.starts_with("GET /x?q=1 HTTP/1.1\r\nHost: a.internal:8080\r\n"), "{head}");
    assert!(head.contains("\r\nX-Forwarded-Host: a.example.org\r\n"), "{head}");
}

#[test]
fn a_prefix_that_is_the_whole_path_leaves_the_root() {
    let back = Backside::new();
    let proxy = proxy(&back, |state| {
        frontend(state).path = PathRule::Prefix("/api".into());
        frontend(state).rewrite_path = Some("$PATH[1]".into());
    });
    let (head, _) = forwarded(&proxy, &back, "GET /api?q HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(head.starts_with("GET /?q HTTP/1.1\r\n"), "{head}");
}

#[test]
fn a_host_that_cannot_be_rewritten_is_400() {
    let back = Backside::new();
    let proxy = proxy(&back, |state| {
        frontend(state).path = PathRule::Prefix("/".into());
        frontend(state).rewrite_host = Some("$PATH[1]".into());
    });
    let answer = proxy.ask("GET /a/b HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("the rewritten host cannot be used"), "{answer}");
    let (head, _) = forwarded(&proxy, &back, "GET /inner HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(head.contains("\r\nHost: inner\r\n"), "{head}");
}

#[test]
fn a_redirect_leads_to_the_rewritten_place() {
    let back = Backside::new();
    let proxy = proxy(&back, |state| {
        frontend(state).redirect = weir_control::state::Redirect::Permanent;
        frontend(state).redirect_scheme = weir_control::state::RedirectScheme::UseHttps;
        frontend(state).rewrite_path = Some("/v2$PATH[0]".into());
    });
    let mut client = proxy.connect();
    client.send("GET /p?q=1 HTTP/1.1\r\nHost: h:80\r\n\r\n");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 301 Moved Permanently\r\n"), "{head}");
    assert!(head.contains("\r\nLocation: https://h/v2/p?q=1\r\n"), "{head}");
}

#[test]
fn credentials_open_a_route_that_asks_for_them() {
    let back = Backside::new();
    let proxy = proxy(&back, |state| {
        frontend(state).required_auth = true;
        let cluster = state.clusters.get_mut("app").expect("there");
        cluster.www_authenticate = Some("Basic realm=\"x\"".into());
        // joe:secret
        let hash = "joe:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        cluster.authorized_hashes = vec![hash.into()];
    });
    let answer = proxy.ask("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic eDp5\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"), "{answer}");
    let request = "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic am9lOnNlY3JldA==\r\n\r\n";
    assert!(forwarded(&proxy, &back, request).1.starts_with("HTTP/1.1 204 "));
    let both = request.replace("\r\n\r\n", "\r\nAuthorization: Basic eDp5\r\n\r\n");
    let answer = proxy.ask(&both);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("more than one Authorization field"), "{answer}");
}

#[test]
fn every_answer_and_response_has_a_date() {
    let back = Backside::new();
    let proxy = proxy(&back, |state| frontend(state).hostname = "h".into());
    let year = |text: &str| text.contains("\r\nDate: ") && text.contains(" GMT\r\n");
    let (_, head) = forwarded(&proxy, &back, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(year(&head), "{head}");
    let answer = proxy.ask("GET / HTTP/1.1\r\nHost: unknown\r\n\r\n");
    assert!(year(&answer), "{answer}");
}

#[test]
fn a_template_tells_where_and_when_an_exchange_failed() {
    let back = Backside::new();
    let proxy = proxy(&back, |state| {
        let template = "HTTP/1.1 502 Bad Gateway\r\n\r\n[%BACKEND_ID|%CLUSTER_ID|%PHASE|%MESSAGE]";
        let cluster = state.clusters.get_mut("app").expect("there");
        cluster.answers.insert(502, template.into());
    });
    let mut client = proxy.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    let mut server = back.accept();
    server.head();
    server.send("nonsense\r\n\r\n");
    let answer = client.until("]");
    assert!(answer.ends_with("[app-0|app|response head|the backend&#39;s response is malformed]"));
}

#[test]
fn a_redirect_template_is_counted_as_the_status_it_has() {
    let back = Backside::new();
    let proxy = proxy(&back, |state| {
        frontend(state).redirect = weir_control::state::Redirect::Found;
        frontend(state).redirect_template =
            Some("HTTP/1.1 200 OK\r\n\r\ngo to %REDIRECT_LOCATION".into());
    });
    let answer = proxy.ask("GET /p HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("go to http://h/p"), "{answer}");
}

#[test]
fn a_removed_backend_takes_no_connection_of_another_at_its_address() {
    let back = Backside::new();
    let mut proxy = proxy(&back, |state| {
        state.backends.push(harness::backend("twin", back.address));
    });
    let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let response = "HTTP/1.1 204 No Content\r\n\r\n";
    let mut client = proxy.connect();
    client.send(request);
    let mut server = back.accept();
    server.head();
    server.send(response);
    client.head();
    let remove =
        |id: &str| Order::RemoveBackend { cluster: "app".into(), id: id.into(), close_after: None };
    proxy.apply(vec![remove("app-0")]);
    client.send(request);
    server.head();
    // Removed while its connection is lent out: it is not kept.
    proxy.apply(vec![remove("twin")]);
    server.send(response);
    client.head();
    assert_eq!(server.rest(), "");
    client.send(request);
    assert!(client.head().starts_with("HTTP/1.1 503 "));
}

#[test]
fn edits_change_both_directions() {
    let back = Backside::new();
    let edit = |position, key: &str, value: &str| HeaderEdit {
        position,
        key: key.into(),
        value: value.into(),
    };
    let proxy = proxy(&back, |state| {
        frontend(state).headers = vec![
            edit(EditPosition::Request, "X-Forwarded-Proto", ""),
            edit(EditPosition::Request, "X-Forwarded-Proto", "https"),
            edit(EditPosition::Response, "server", ""),
            edit(EditPosition::Both, "X-Both", "1"),
        ];
    });
    let request = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Proto: http\r\n\r\n";
    let (head, answer) = forwarded(&proxy, &back, request);
    assert_eq!(head.matches("X-Forwarded-Proto").count(), 1, "{head}");
    assert!(head.contains("\r\nX-Forwarded-Proto: https\r\n"), "{head}");
    assert!(head.contains("\r\nX-Both: 1\r\n") && answer.contains("\r\nX-Both: 1\r\n"));
    assert!(!answer.contains("Server"), "{answer}");
}

#[test]
fn an_edit_of_the_framing_is_refused_and_nothing_changes() {
    let back = Backside::new();
    let mut proxy = proxy(&back, |_| {});
    let (mut state, _socket) = state(&[]);
    let mut smuggling = state.frontends.edit(0).clone();
    smuggling.address = proxy.address;
    smuggling.headers = vec![HeaderEdit {
        position: EditPosition::Request,
        key: "Transfer-Encoding".into(),
        value: "chunked".into(),
    }];
    let refusal = proxy.refused(vec![Order::Frontend(Box::new(smuggling))]);
    assert!(refusal.contains("Transfer-Encoding"), "{refusal}");
    let (head, _) = forwarded(&proxy, &back, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(!head.contains("Transfer-Encoding"), "{head}");
}

#[test]
fn a_client_stays_with_the_backend_of_its_key() {
    use weir_control::state::{Affinity, LoadBalancing};
    for policy in [LoadBalancing::Rendezvous, LoadBalancing::Maglev] {
        let sides: Vec<_> = std::iter::repeat_with(Backside::new).take(4).collect();
        let addresses: Vec<_> = sides.iter().map(|side| side.address).collect();
        let proxy = Proxy::changed(&addresses, |state, _| {
            let app = state.clusters.get_mut("app").expect("there is one");
            app.load_balancing = policy;
            app.affinity = Affinity::Field("X-Tenant".into());
        });
        let all: Vec<_> = sides.iter().collect();
        let ask = |tenant: u32| {
            let mut client = proxy.connect();
            let head = format!("GET / HTTP/1.1\r\nHost: a\r\nx-tenant: t{tenant}\r\n\r\n");
            client.send(&head);
            let (side, mut peer) = Backside::accept_any(&all);
            peer.head();
            side
        };
        let first: Vec<_> = (0..20).map(ask).collect();
        let again: Vec<_> = (0..20).map(ask).collect();
        assert_eq!(first, again, "{policy:?}");
        assert!(first.iter().any(|side| *side != first[0]), "{policy:?}: {first:?}");
    }
}
