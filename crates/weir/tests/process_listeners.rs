//! Listeners are declared anew while clients come and go, and no client is refused or loses its
//! connection.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use process_support::connect;
use process_support::control::good;
use process_support::held::is_one;
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
    let switch = |verb| good(&installed.proxy, &["listener", "http", verb, "-a", &at.to_string()]);
    installed.backend.let_go();
    let mut kept = connect(at);
    for _ in 0..3 {
        switch("deactivate");
        assert!(TcpStream::connect(at).is_err(), "nobody else is let in");
        kept.write_all(b"GET /kept HTTP/1.1\r\nHost: traffic.example\r\n\r\n").expect("sent");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n/kept") {
            let mut byte = [0];
            kept.read_exact(&mut byte).expect("an answer");
            answer.extend(byte);
        }
        switch("activate");
        Traffic::of_single_requests(at).finish();
    }
    is_one(&installed.proxy);
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
