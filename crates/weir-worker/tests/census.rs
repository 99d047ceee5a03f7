//! How many sessions objects of the configuration concern, as a whole worker counts them.

mod harness;

use std::net::SocketAddr;

use harness::{Backside, Proxy, backend, frontend};
use weir_control::order::{Object, Order};
use weir_control::state::{BackendId, Frontend};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// The objects of the harness's state, then some that are not there.
fn objects(address: SocketAddr) -> Vec<Object> {
    let backend = |id: &str| BackendId { cluster: "app".into(), id: id.into() };
    vec![
        Object::Listener(address),
        Object::Frontend(frontend(address).id()),
        Object::Cluster("app".into()),
        Object::Backend(backend("app-0")),
        Object::Backend(backend("app-1")),
        Object::Listener(SocketAddr::from(([127, 0, 0, 1], 1))),
        Object::Frontend(Frontend { hostname: "x".into(), ..frontend(address) }.id()),
        Object::Cluster("nobody".into()),
        Object::Backend(BackendId { cluster: "nobody".into(), id: "app-0".into() }),
    ]
}

#[test]
fn sessions_count_for_what_their_request_goes_through() {
    let back = Backside::new();
    let mut proxy = Proxy::to(&[back.address]);
    let all = objects(proxy.address);
    assert_eq!(proxy.count(all.clone()), [0; 9]);
    let mut clients: Vec<_> = (0..3).map(|_| proxy.connect()).collect();
    let mut servers = Vec::new();
    for client in &mut clients {
        client.send(REQUEST);
        let mut server = back.accept();
        server.head();
        servers.push(server);
    }
    assert_eq!(proxy.count(all.clone()), [3, 3, 3, 3, 0, 0, 0, 0, 0]);
    assert_eq!(proxy.count(Vec::new()), [0; 0]);
    servers[0].send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    clients[0].head();
    // It is idle: a session of its listener and of nothing else.
    assert_eq!(proxy.count(all.clone()), [3, 2, 2, 2, 0, 0, 0, 0, 0]);

    let address = proxy.address;
    let replaced = Frontend { required_auth: true, ..frontend(address) };
    proxy.transact(vec![Order::Frontend(Box::new(replaced))]);
    assert_eq!(proxy.count(all.clone())[1], 2, "they keep the route that they started with");
    proxy.transact(vec![Order::RemoveBackend {
        cluster: "app".into(),
        id: "app-0".into(),
        close_after: None,
    }]);
    assert_eq!(proxy.count(all.clone())[2..4], [2, 2], "the backend serves what it has begun");
    proxy.transact(vec![Order::Backend(backend("app-1", back.address))]);
    assert_eq!(proxy.count(all)[2..5], [2, 2, 0]);
    drop(clients);
    drop(servers);
}
