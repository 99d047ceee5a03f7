//! The client against a server that follows a script.

use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;
use weir_client::proto::frame::Decoder;
use weir_client::proto::request::RequestType;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{
    self, Event, EventKind, Request, RequestCounts, Response, TransactionResult, blocking,
};
use weir_client::{Client, Error, Options, Transaction};

const LIMIT: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that handles one connection.
struct Server {
    directory: TempDir,
    thread: JoinHandle<()>,
}

/// The server's end of a connection.
struct Peer {
    stream: UnixStream,
    decoder: Decoder,
}

impl Peer {
    fn expect(&mut self) -> RequestType {
        let request: Option<Request> =
            blocking::receive(&mut self.stream, &mut self.decoder).expect("a request");
        request.expect("not the end").request_type.expect("one that is known")
    }

    fn say(&mut self, response: Response) {
        blocking::send(&mut self.stream, &response, usize::MAX).expect("sent");
    }

    fn expect_end(&mut self) {
        let request: Option<Request> =
            blocking::receive(&mut self.stream, &mut self.decoder).expect("the end");
        assert_eq!(request, None);
    }
}

impl Server {
    fn start(script: impl FnOnce(&mut Peer) + Send + 'static) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let listener = UnixListener::bind(directory.path().join("s")).expect("bound");
        let thread = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a client");
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            script(&mut Peer { stream, decoder: Decoder::new(usize::MAX) });
        });
        Self { directory, thread }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("s")
    }

    fn client(&self) -> Client {
        self.client_with(PATIENCE)
    }

    fn client_with(&self, timeout: Duration) -> Client {
        let options = Options { timeout: Some(timeout), max_frame_bytes: LIMIT };
        Client::connect(&self.path(), options).expect("a connection")
    }

    fn finish(self) {
        self.thread.join().expect("the script went as written");
    }
}

fn count() -> RequestType {
    RequestType::CountRequests(proto::CountRequests {})
}

#[test]
fn answers_come_with_what_precedes_them() {
    let counts = || ContentType::RequestCounts(RequestCounts { map: [("A".into(), 3)].into() });
    let server = Server::start(move |peer| {
        assert_eq!(peer.expect().name(), "CountRequests");
        peer.say(Response::processing("one", None));
        peer.say(Response::processing("two", None));
        peer.say(Response::ok("done", counts()));
        assert_eq!(peer.expect().name(), "Logging");
        peer.say(Response::ok("logged", None));
        peer.expect_end();
    });
    let mut client = server.client();
    let mut progress = Vec::new();
    let answer = client.request_with(count(), |response| progress.push(response.message));
    let answer = answer.expect("an answer");
    assert_eq!((&*answer.message, answer.content), ("done", Some(counts())));
    assert_eq!(progress, ["one", "two"]);
    let answer = client.request(RequestType::Logging("debug".into())).expect("an answer");
    assert_eq!((&*answer.message, answer.content), ("logged", None));
    drop(client);
    server.finish();
}

#[test]
fn a_refusal_is_an_error_after_which_the_connection_goes_on() {
    let server = Server::start(|peer| {
        peer.expect();
        peer.say(Response::failure("no such cluster"));
        peer.expect();
        peer.say(Response::ok("fine", None));
    });
    let mut client = server.client();
    let error = client.request(RequestType::RemoveCluster("a".into())).expect_err("refused");
    assert_eq!(error.to_string(), "no such cluster");
    assert!(client.request(count()).is_ok());
    server.finish();
}

#[test]
fn silence_is_an_error_after_which_the_connection_is_of_no_use() {
    let server = Server::start(|peer| {
        peer.expect();
        peer.expect_end();
    });
    let mut client = server.client_with(Duration::from_millis(10));
    let error = client.request(count()).expect_err("no answer");
    assert!(matches!(error, Error::TimedOut(_)), "{error:?}");
    assert!(error.to_string().contains("10 ms"), "{error}");
    assert!(matches!(client.request(count()), Err(Error::Unusable)));
    drop(client);
    server.finish();
}

#[test]
fn a_frame_in_pieces_has_one_deadline() {
    let server = Server::start(|peer| {
        peer.expect();
        let mut bytes = 900_u64.to_le_bytes().to_vec();
        bytes.resize(900, 0);
        // Until the client is gone.
        while peer.stream.write_all(&bytes[..1]).is_ok() {
            bytes.rotate_left(1);
            thread::yield_now();
        }
    });
    let options = Options { timeout: Some(Duration::from_millis(5)), max_frame_bytes: usize::MAX };
    let mut client = Client::connect(&server.path(), options).expect("a connection");
    // Whatever comes first, it ends.
    assert!(client.request(count()).is_err());
    drop(client);
    server.finish();
}

#[test]
fn frames_have_a_limit_in_both_directions() {
    let server = Server::start(|peer| {
        peer.expect();
        peer.say(Response::ok("x".repeat(LIMIT), None));
    });
    let mut client = server.client();
    let long = client.request(RequestType::Logging("x".repeat(LIMIT))).expect_err("too long");
    assert!(matches!(long, Error::RequestTooLarge { limit: LIMIT, .. }), "{long:?}");
    let long = client.request(count()).expect_err("too long");
    assert!(matches!(long, Error::AnswerTooLarge { limit: LIMIT, .. }), "{long:?}");
    assert!(long.to_string().contains("max_command_buffer_size"), "{long}");
    server.finish();
}

#[test]
fn an_end_before_or_inside_an_answer_is_no_answer() {
    let half = [20, 0, 0, 0, 0, 0, 0, 0, 1, 2];
    for bytes in [&half[..0], &half[..]] {
        let bytes = bytes.to_vec();
        let server = Server::start(move |peer| {
            peer.expect();
            peer.stream.write_all(&bytes).expect("sent");
        });
        let error = server.client().request(count()).expect_err("the end");
        assert!(matches!(error, Error::Closed), "{error:?}");
        server.finish();
    }
}

#[test]
fn what_is_no_message_is_not_understood() {
    let server = Server::start(|peer| {
        peer.expect();
        peer.stream.write_all(&[10, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]).expect("sent");
    });
    let error = server.client().request(count()).expect_err("garbage");
    assert!(matches!(error, Error::NotUnderstood(_)), "{error:?}");
    server.finish();
}

#[test]
fn events_come_until_the_end() {
    let event = |kind: EventKind| Event { kind: kind.into(), ..Event::default() };
    let server = Server::start(move |peer| {
        assert_eq!(peer.expect().name(), "SubscribeEvents");
        peer.say(Response::processing("soon", None));
        for (origin, kind) in [("0", EventKind::BackendDown), ("main", EventKind::StateSaved)] {
            peer.say(Response::processing(origin, ContentType::Event(event(kind))));
        }
    });
    let events = server.client().events().expect("subscribed");
    let told: Vec<_> = events.map(|told| told.expect("an event")).collect();
    let told: Vec<_> = told.iter().map(|told| (&*told.origin, told.event.kind())).collect();
    assert_eq!(told, [("0", EventKind::BackendDown), ("main", EventKind::StateSaved)]);
    server.finish();
}

#[test]
fn a_refused_subscription_is_the_only_item() {
    let server = Server::start(|peer| {
        peer.expect();
        peer.say(Response::failure("unauthorized"));
    });
    let mut events = server.client().events().expect("sent");
    assert!(matches!(events.next(), Some(Err(Error::Refused(_)))));
    assert!(events.next().is_none());
    server.finish();
}

#[test]
fn a_transaction_is_one_request() {
    let result = TransactionResult { epoch: 8, ..TransactionResult::default() };
    let sent = result.clone();
    let server = Server::start(move |peer| {
        let RequestType::Transact(transaction) = peer.expect() else { panic!("another request") };
        assert_eq!((transaction.if_epoch, transaction.dry_run), (Some(7), Some(true)));
        assert_eq!(transaction.client.as_deref(), Some("test"));
        let names = transaction.changes.iter().flat_map(|change| &change.request_type);
        let names: Vec<_> = names.map(RequestType::name).collect();
        assert_eq!(names, ["AddCluster", "RemoveCluster"]);
        peer.say(Response::ok("planned", ContentType::Transaction(sent)));
        peer.expect();
        peer.say(Response::ok("planned", None));
    });
    let mut client = server.client();
    let transaction = Transaction::new()
        .client("test")
        .if_epoch(7)
        .dry_run()
        .change(RequestType::AddCluster(proto::Cluster::default()))
        .change(RequestType::RemoveCluster("b".into()));
    assert_eq!(transaction.commit(&mut client).expect("a result"), result);
    let error = Transaction::new().commit(&mut client).expect_err("no result");
    assert!(matches!(error, Error::NotUnderstood(_)), "{error:?}");
    server.finish();
}

#[test]
fn why_there_is_no_connection_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let connect = |name: &str| {
        let path = directory.path().join(name);
        Client::connect(&path, Options::default()).expect_err("nobody is there")
    };
    let error = connect("nothing");
    assert!(matches!(error, Error::NoSocket(_)), "{error:?}");
    assert!(error.to_string().contains("command_socket"), "{error}");
    drop(UnixListener::bind(directory.path().join("left")).expect("bound"));
    let error = connect("left");
    assert!(matches!(error, Error::NobodyListens(_)), "{error:?}");
    let error = connect(&"long".repeat(50));
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
}

#[test]
fn pages_are_asked_for_one_after_the_other() {
    let metrics = |next: Option<&str>, id: &str| {
        let clusters = [(id.to_owned(), proto::ClusterMetrics::default())].into();
        let next = next.map(str::to_owned);
        let metrics = proto::AggregatedMetrics { clusters, next, ..Default::default() };
        Response::ok(id, ContentType::Metrics(metrics))
    };
    let server = Server::start(move |peer| {
        for (page, next, id) in [("", Some("2"), "a"), ("2", None, "b"), ("", None, "c")] {
            let RequestType::QueryMetrics(query) = peer.expect() else { panic!("another") };
            assert_eq!((query.page.as_deref(), query.workers), (Some(page), true));
            peer.say(metrics(next, id));
        }
        peer.expect();
        peer.say(metrics(Some("2"), "a"));
        peer.expect();
        peer.say(Response::failure("there is no such page"));
        assert_eq!(peer.expect(), RequestType::Status(proto::Status {}));
        peer.say(Response::ok("x", None));
        peer.expect_end();
    });
    let mut client = server.client();
    let query = proto::QueryMetricsOptions { workers: true, ..Default::default() };
    let query = RequestType::QueryMetrics(query);
    let ids = |client: &mut Client| {
        let answer = client.pages(query.clone()).together()?;
        let Some(ContentType::Metrics(all)) = answer.content else { panic!("another") };
        assert_eq!(all.next, None);
        Ok::<_, Error>((answer.message, all.clusters.into_keys().collect::<Vec<_>>()))
    };
    assert_eq!(ids(&mut client).expect("two"), ("a".into(), vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(ids(&mut client).expect("one who knows no pages").1, ["c"]);
    assert!(matches!(ids(&mut client), Err(Error::Refused(_))));
    let status = RequestType::Status(proto::Status {});
    assert_eq!(client.pages(status).count(), 1, "no pages");
    drop(client);
    server.finish();
}
