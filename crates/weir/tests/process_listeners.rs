//! Listeners are declared anew while clients come and go, and no client is refused or loses its
//! connection.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use process_support::connect;
use process_support::control::{good, pids};
use process_support::held::{is_one, kill};
use process_support::installed::Installed;
use process_support::traffic::Traffic;
use weir_client::proto::request::RequestType;
use weir_client::proto::{
    ActivateListener, HttpListenerConfig, HttpsListenerConfig, ListenerType, RemoveListener,
    Request, RequestHttpFrontend, RequestTcpFrontend, TcpListenerConfig, TlsVersion, Transaction,
};
use weir_client::{Client, Options};
use weir_testkit::process::{PATIENCE, eventually};

/// In place of whatever is there: an active listener of a kind, which leads to the backend.
fn declared_anew(at: SocketAddr, before: ListenerType, after: ListenerType) -> Vec<RequestType> {
    let address = at.into();
    let remove = RemoveListener { address, proxy: before.into(), interface: None };
    let activate = ActivateListener { address, proxy: after.into(), ..ActivateListener::default() };
    let sticky_name = "S".to_owned();
    let add = match after {
        ListenerType::Http => {
            let config = HttpListenerConfig { address, sticky_name, ..Default::default() };
            RequestType::AddHttpListener(config)
        }
        ListenerType::Https => {
            let versions = vec![TlsVersion::TlsV13.into()];
            let config =
                HttpsListenerConfig { address, sticky_name, versions, ..Default::default() };
            RequestType::AddHttpsListener(config)
        }
        _ => RequestType::AddTcpListener(TcpListenerConfig { address, ..Default::default() }),
    };
    let cluster_id = "first".to_owned();
    let frontend = match after {
        ListenerType::Http => Some(RequestType::AddHttpFrontend(RequestHttpFrontend {
            cluster_id: Some(cluster_id),
            address,
            hostname: "*".to_owned(),
            ..Default::default()
        })),
        ListenerType::Tcp => {
            let frontend = RequestTcpFrontend { cluster_id, address, ..Default::default() };
            Some(RequestType::AddTcpFrontend(frontend))
        }
        _ => None,
    };
    let first = [RequestType::RemoveListener(remove), add, RequestType::ActivateListener(activate)];
    first.into_iter().chain(frontend).collect()
}

fn client(installed: &Installed) -> Client {
    let options = Options { timeout: Some(PATIENCE), max_frame_bytes: 100_000 };
    let socket = installed.proxy.config.in_directory("control.sock");
    Client::connect(&socket, options).expect("connected")
}

/// All of it, or nothing.
fn transact(client: &mut Client, changes: Vec<RequestType>) {
    let changes = changes.into_iter().map(Request::from).collect();
    let wanted = Transaction { changes, ..Transaction::default() };
    client.request(RequestType::Transact(wanted)).expect("the change is made");
}

/// As many times, with traffic in between.
const TIMES: usize = 10;

#[test]
fn a_listener_that_is_declared_anew_is_the_same_to_its_clients() {
    use ListenerType::Http;
    let installed = Installed::start();
    let (at, mut control) = (installed.proxy.address, client(&installed));
    // One of them is connected all the time, the others come and go.
    let (traffic, single) = (installed.traffic(), installed.single_requests());
    for _ in 0..TIMES {
        transact(&mut control, declared_anew(at, Http, Http));
        traffic.goes_on(2);
        single.goes_on(2);
    }
    traffic.finish();
    single.finish();
    is_one(&installed.proxy);
}

#[test]
fn a_listener_that_is_deactivated_keeps_its_connections() {
    let installed = Installed::start();
    let at = installed.proxy.address;
    installed.backend.let_go();
    let (mut kept, sockets) = (connect(at), listening(at));
    for _ in 0..3 {
        switch(&installed, "deactivate");
        rests(&installed, &sockets);
        kept.write_all(b"GET /kept HTTP/1.1\r\nHost: traffic.example\r\n\r\n").expect("sent");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n/kept") {
            let mut byte = [0];
            kept.read_exact(&mut byte).expect("an answer");
            answer.extend(byte);
        }
        switch(&installed, "activate");
        assert_eq!(listening(at), sockets, "they are the same");
        Traffic::of_single_requests(at).finish();
    }
    is_one(&installed.proxy);
}

#[test]
fn whoever_was_let_in_before_a_listener_is_deactivated_is_answered() {
    let installed = Installed::start();
    installed.backend.let_go();
    let clients = Traffic::of_insistent_clients(installed.proxy.address);
    for _ in 0..TIMES / 2 {
        clients.goes_on(2);
        switch(&installed, "deactivate");
        switch(&installed, "activate");
    }
    clients.finish();
    is_one(&installed.proxy);
}

#[test]
fn a_listener_that_is_deactivated_stays_so_whoever_is_replaced() {
    let installed = Installed::start();
    let at = installed.proxy.address;
    installed.backend.let_go();
    let sockets = listening(at);
    let replace: [&dyn Fn(); 3] = [
        &|| drop(good(&installed.proxy, &["upgrade", "--worker", "0"])),
        &|| drop(good(&installed.proxy, &["upgrade"])),
        &|| {
            pids(&installed.proxy).into_iter().for_each(kill);
            is_one(&installed.proxy);
        },
    ];
    for replace in replace {
        switch(&installed, "deactivate");
        replace();
        rests(&installed, &sockets);
        switch(&installed, "activate");
        assert_eq!(listening(at), sockets, "they are the same");
        Traffic::of_single_requests(at).finish();
    }
    is_one(&installed.proxy);
}

#[test]
fn a_listener_that_is_activated_has_a_socket_for_each_worker_that_there_is() {
    let installed = Installed::start();
    let at = installed.proxy.address;
    installed.backend.let_go();
    let set = |count: usize| good(&installed.proxy, &["workers", "set", &count.to_string()]);
    for count in [3, 1, 2] {
        let before = listening(at);
        switch(&installed, "deactivate");
        set(count);
        rests(&installed, &before);
        switch(&installed, "activate");
        let after = listening(at);
        assert_eq!(after.len(), count);
        assert_eq!(after.intersection(&before).count(), count.min(before.len()));
        Traffic::of_single_requests(at).finish();
    }
    // The other way round: some listen that no worker has a place for.
    let before = listening(at);
    set(1);
    Traffic::of_single_requests(at).finish();
    assert_eq!(listening(at), before);
    switch(&installed, "deactivate");
    rests(&installed, &before);
    switch(&installed, "activate");
    assert_eq!(listening(at).len(), 1);
    set(2);
    Traffic::of_single_requests(at).finish();
    is_one(&installed.proxy);
}

#[test]
fn a_listener_rests_on_when_its_activation_is_refused_and_is_let_go_when_it_is_removed() {
    use ListenerType::Http;
    let installed = Installed::start();
    let (at, mut control) = (installed.proxy.address, client(&installed));
    let sockets = listening(at);
    switch(&installed, "deactivate");
    let taken = TcpListener::bind("127.0.0.1:0").expect("bound");
    let other = taken.local_addr().expect("bound");
    let both = [declared_anew(at, Http, Http), declared_anew(other, Http, Http).split_off(1)];
    let changes = both.concat().into_iter().map(Request::from).collect();
    let wanted = Transaction { changes, ..Transaction::default() };
    let error = control.request(RequestType::Transact(wanted)).expect_err("refused").to_string();
    assert!(error.contains(&other.to_string()), "{error}");
    rests(&installed, &sockets);
    transact(&mut control, declared_anew(at, Http, Http));
    assert_eq!(listening(at), sockets, "they are the same");
    installed.backend.let_go();
    Traffic::of_single_requests(at).finish();
    switch(&installed, "deactivate");
    let remove = RemoveListener { address: at.into(), proxy: Http.into(), interface: None };
    transact(&mut control, vec![RequestType::RemoveListener(remove)]);
    TcpListener::bind(at).expect("the port is free");
    assert!(held(installed.proxy.main.pid()).is_disjoint(&sockets));
}

#[test]
fn a_rollback_and_a_reload_put_a_listener_to_rest_and_wake_it() {
    let installed = Installed::start();
    let at = installed.proxy.address;
    installed.backend.let_go();
    let epoch = || is_one(&installed.proxy).to_string();
    let (sockets, active) = (listening(at), epoch());
    switch(&installed, "deactivate");
    let deactivated = epoch();
    let serves = || {
        assert_eq!(listening(at), sockets, "they are the same");
        Traffic::of_single_requests(at).finish();
    };
    good(&installed.proxy, &["rollback", &active]);
    serves();
    good(&installed.proxy, &["rollback", &deactivated]);
    rests(&installed, &sockets);
    installed.configure(|text| text.replace("127.0.0.1:0", &at.to_string()));
    good(&installed.proxy, &["reload"]);
    serves();
    is_one(&installed.proxy);
}

fn switch(installed: &Installed, verb: &str) {
    let at = installed.proxy.address.to_string();
    good(&installed.proxy, &["listener", "http", verb, "-a", &at]);
}

/// Nobody is let in, nobody else can have the port, and main has the sockets.
fn rests(installed: &Installed, sockets: &BTreeSet<u64>) {
    let at = installed.proxy.address;
    let refused = TcpStream::connect(at).expect_err("nobody is let in").kind();
    assert_eq!(refused, ErrorKind::ConnectionRefused);
    let taken = TcpListener::bind(at).expect_err("the port is kept").kind();
    assert_eq!(taken, ErrorKind::AddrInUse);
    assert!(held(installed.proxy.main.pid()).is_superset(sockets));
    for worker in pids(&installed.proxy) {
        assert!(held(worker).is_disjoint(sockets), "workers have let them go");
    }
}

/// What tells the sockets apart that listen at an address.
fn listening(at: SocketAddr) -> BTreeSet<u64> {
    const LISTENS: &str = "0A";
    let table = std::fs::read_to_string("/proc/net/tcp").expect("readable");
    let port = format!(":{:04X}", at.port());
    let rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    let rows = rows.filter(|row| row[1].ends_with(&port) && row[3] == LISTENS);
    rows.map(|row| row[9].parse().expect("a number")).collect()
}

/// What tells the sockets apart that a process has.
fn held(pid: i32) -> BTreeSet<u64> {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("readable").flatten();
    let links = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let names = links.map(|link| link.to_string_lossy().into_owned());
    let number = |name: String| name.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    names.filter_map(number).collect()
}

#[test]
fn an_address_passes_from_a_listener_of_one_kind_to_one_of_another() {
    use ListenerType::{Http, Https, Tcp};
    let installed = Installed::start();
    installed.backend.let_go();
    let (at, mut control) = (installed.proxy.address, client(&installed));
    let comers = Comers::start(at);
    for (before, after) in [(Http, Tcp), (Tcp, Https), (Https, Tcp), (Tcp, Http), (Http, Http)] {
        comers.go_on();
        transact(&mut control, declared_anew(at, before, after));
        comers.go_on();
        if after != Https {
            // They speak HTTP, to the one or through the other.
            Traffic::of_single_requests(at).finish();
        }
    }
    comers.finish();
    is_one(&installed.proxy);
}

/// Clients that connect, say nothing and leave, one after the other.
struct Comers {
    came: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<()>>,
}

impl Comers {
    fn start(at: SocketAddr) -> Self {
        let (came, over) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (count, end) = (Arc::clone(&came), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::SeqCst) {
                TcpStream::connect(at)?;
                count.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        });
        Self { came, over, thread }
    }

    fn go_on(&self) {
        let wanted = self.came.load(Ordering::SeqCst) + 10;
        eventually("clients come", || {
            self.came.load(Ordering::SeqCst) >= wanted || self.thread.is_finished()
        });
    }

    /// None was refused.
    fn finish(self) {
        self.over.store(true, Ordering::SeqCst);
        self.thread.join().expect("no panic").expect("all are let in");
    }
}
