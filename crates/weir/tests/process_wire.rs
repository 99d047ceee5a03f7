//! The bytes of the control socket of a real proxy: pipelined requests, garbage, half frames,
//! clients that do not read, events; and a random walk of changes.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use process_support::{CONTROLLED, Config, Proxy};
use weir_client::proto::frame::{self, Decoder};
use weir_client::proto::request::RequestType;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{
    Cluster, EventKind, ListWorkers, Request, Response, ResponseStatus, Status, SubscribeEvents,
    blocking,
};
use weir_client::{Client, Options, Transaction};
use weir_testkit::process::{PATIENCE, Signal, eventually, send_signal};

fn client(proxy: &Proxy) -> Client {
    let path = proxy.config.in_directory("control.sock");
    Client::connect(&path, Options::default()).expect("connected")
}

struct Raw {
    stream: UnixStream,
    decoder: Decoder,
}

impl Raw {
    fn new(proxy: &Proxy) -> Self {
        let stream = UnixStream::connect(proxy.config.in_directory("control.sock"));
        let stream = stream.expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self { stream, decoder: Decoder::new(usize::MAX) }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("sent");
    }

    fn hear(&mut self) -> Option<Response> {
        blocking::receive(&mut self.stream, &mut self.decoder).expect("an answer or the end")
    }

    fn last(&mut self) -> Response {
        loop {
            let response = self.hear().expect("an answer");
            if response.is_last() {
                return response;
            }
        }
    }
}

fn framed(request: RequestType) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::encode(&Request::from(request), usize::MAX, &mut bytes).expect("encoded");
    bytes
}

fn cluster(id: &str) -> RequestType {
    RequestType::AddCluster(Cluster { cluster_id: id.into(), ..Cluster::default() })
}

fn names(proxy: &Proxy) -> Vec<String> {
    let query = RequestType::QueryClustersHashes(Default::default());
    let answer = client(proxy).request(query).expect("answered");
    let Some(ContentType::WorkerResponses(responses)) = answer.content else {
        panic!("{answer:?}")
    };
    let Some(ContentType::ClusterHashes(hashes)) = &responses.map["main"].content_type else {
        panic!("{responses:?}")
    };
    hashes.map.keys().cloned().collect()
}

#[test]
fn requests_in_one_buffer_are_all_answered_in_order() {
    let proxy = Proxy::controlled();
    let mut raw = Raw::new(&proxy);
    let requests = [
        cluster("a"),
        RequestType::RemoveCluster("nobody".into()),
        RequestType::ListWorkers(ListWorkers {}),
        cluster("b"),
    ];
    raw.send(&requests.map(framed).concat());
    let answers: Vec<_> = (0..4).map(|_| raw.last()).collect();
    let statuses: Vec<_> = answers.iter().map(Response::status).collect();
    use ResponseStatus::{Failure, Ok};
    assert_eq!(statuses, [Ok, Failure, Ok, Ok]);
    assert!(answers[2].content.is_some());
    assert_eq!(names(&proxy), ["a", "b", "first"]);
}

#[test]
fn nonsense_harms_nobody_but_its_author() {
    let proxy = Proxy::controlled();
    // A length that cannot be, then something that is no message, then a real request.
    let mut raw = Raw::new(&proxy);
    raw.send(&3u64.to_le_bytes());
    raw.send(&[&12u64.to_le_bytes()[..], &[0xff; 4]].concat());
    raw.send(&framed(RequestType::Status(Status {})));
    assert_eq!(raw.last().status(), ResponseStatus::Failure);
    assert!(raw.last().message.contains("no request"));
    assert_eq!(raw.last().status(), ResponseStatus::Ok);
    // A request that this version does not know.
    raw.send(&[&11u64.to_le_bytes()[..], &[0xfa, 0x3f, 0x00]].concat());
    assert!(raw.last().message.contains("asks for nothing"));
    // A frame that is too long is answered, and the connection closes.
    raw.send(&100_001u64.to_le_bytes());
    assert!(raw.last().message.contains("max_command_buffer_size"));
    assert_eq!(raw.hear(), None);
    // Half a frame, and gone; others do not notice.
    Raw::new(&proxy).send(&framed(cluster("half"))[..12]);
    let status = client(&proxy).request(RequestType::Status(Status {}));
    assert!(status.is_ok());
    assert_eq!(names(&proxy), ["first"]);
}

#[test]
fn a_client_that_does_not_read_is_let_go_and_holds_up_nobody() {
    let proxy = Proxy::controlled();
    let mut deaf = Raw::new(&proxy);
    let request = framed(RequestType::ListListeners(Default::default()));
    deaf.stream.set_nonblocking(true).expect("set");
    let mut blocked = 0;
    while blocked < 50 {
        match deaf.stream.write(&request) {
            Ok(_) => blocked = 0,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                blocked += 1;
                let status = client(&proxy).request(RequestType::Status(Status {}));
                assert!(status.is_ok(), "{status:?}");
            }
            Err(_) => return,
        }
    }
    deaf.stream.set_nonblocking(false).expect("set");
    let mut all = Vec::new();
    deaf.stream.shutdown(std::net::Shutdown::Write).expect("shut");
    deaf.stream.read_to_end(&mut all).expect("what was answered");
    assert!(!all.is_empty());
}

#[test]
fn subscribers_are_told_of_changes() {
    let proxy = Proxy::controlled();
    let mut raw = Raw::new(&proxy);
    raw.send(&framed(RequestType::SubscribeEvents(SubscribeEvents {})));
    let mut event = || loop {
        let response = raw.hear().expect("an event");
        assert_eq!(response.status(), ResponseStatus::Processing);
        let content = response.content.and_then(|content| content.content_type);
        if let Some(ContentType::Event(event)) = content {
            break (response.message, event.kind(), event.cluster_id);
        }
    };
    assert_eq!(event().1, EventKind::EventsSubscribed);
    client(&proxy).request(cluster("new")).expect("made");
    assert_eq!(event(), ("main".into(), EventKind::ClusterAdded, Some("new".into())));
    client(&proxy).request(RequestType::RemoveCluster("new".into())).expect("made");
    assert_eq!(event(), ("main".into(), EventKind::ClusterRemoved, Some("new".into())));
    // The backend of the first cluster refuses connections: workers find out.
    let address = proxy.address;
    let asks = std::thread::spawn(move || {
        for _ in 0..40 {
            process_support::fetch_from(address, "first.example", "/");
        }
    });
    let (origin, kind, _) = event();
    assert_eq!(kind, EventKind::BackendDown);
    assert!(["0", "1"].contains(&&*origin), "{origin}");
    // The other worker may find out meanwhile.
    let next = std::iter::repeat_with(event).find(|(of, ..)| *of == origin).expect("another");
    assert_eq!(next.1, EventKind::NoAvailableBackends);
    asks.join().expect("answered");
}

#[test]
fn a_transaction_is_all_or_nothing_and_the_same_again_is_nothing() {
    let proxy = Proxy::controlled();
    let mut client = client(&proxy);
    let made = Transaction::new().change(cluster("a")).change(cluster("b")).client("test");
    let result = made.commit(&mut client).expect("made");
    assert_eq!((result.epoch, result.changes.len()), (2, 2));
    let again = Transaction::new().change(cluster("a")).change(cluster("b"));
    let result = again.commit(&mut client).expect("nothing to do");
    assert_eq!((result.epoch, result.changes.len()), (2, 0));
    let half =
        Transaction::new().change(cluster("c")).change(RequestType::RemoveCluster("nobody".into()));
    let error = half.commit(&mut client).expect_err("refused").to_string();
    assert!(error.contains("change 2: there is no cluster `nobody`"), "{error}");
    let dry = Transaction::new().change(cluster("c")).dry_run().commit(&mut client);
    assert_eq!(dry.expect("planned").changes.len(), 1);
    let late = Transaction::new().change(cluster("c")).if_epoch(1).commit(&mut client);
    assert!(late.expect_err("refused").to_string().contains("epoch 2 is in use, not 1"));
    assert_eq!(names(&proxy), ["a", "b", "first"]);
}

#[test]
fn a_worker_that_hangs_or_dies_in_a_transaction_is_replaced_at_its_epoch() {
    let proxy = Proxy::controlled();
    let [stuck, _] = proxy.workers()[..] else { panic!("two workers") };
    send_signal(stuck, Signal::STOP);
    let options = Options { timeout: Some(PATIENCE), ..Options::default() };
    let path = proxy.config.in_directory("control.sock");
    let mut client = Client::connect(&path, options).expect("connected");
    client.request(cluster("a")).expect("made without the worker that hangs");
    eventually("the worker was replaced", || !proxy.workers().contains(&stuck));
    let drift = || {
        let mut client = Client::connect(&path, options).expect("connected");
        let answer = client.request(RequestType::QueryDrift(Default::default())).expect("answered");
        let Some(ContentType::Drift(drift)) = answer.content else { panic!("{answer:?}") };
        drift
    };
    eventually("both workers are at the epoch", || drift().workers.len() == 2);
    let drift = drift();
    for worker in &drift.workers {
        assert_eq!((worker.epoch, worker.hash), (Some(2), Some(drift.hash)));
    }
}

#[test]
fn a_store_that_cannot_be_written_makes_no_change() {
    let text = CONTROLLED.replace("worker_count = 2", "worker_count = 1");
    let text = format!("{text}\n[state]\npath = \"/dev/full/state\"\n");
    let config = Config::new(&text);
    let output = process_support::weir().arg("start").arg("-c").arg(config.path()).output();
    let error = String::from_utf8_lossy(&output.expect("it runs").stderr).into_owned();
    assert!(error.contains("/dev/full/state") && error.contains("move it away"), "{error}");
}
