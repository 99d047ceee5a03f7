//! A change that is held at a step of its way.
//!
//! Main waits for every worker twice: to prepare, and to apply. A worker that is stopped does
//! neither, so it holds the change there, and a process that sleeps has done all that it was sent.

use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use weir_client::proto::request::RequestType;
use weir_client::proto::{
    Cluster, PathRule, Request, RequestHttpFrontend, RulePosition, Transaction,
};
use weir_client::{Client, Options};
use weir_testkit::process::{PATIENCE, Signal, eventually, is_running, send_signal, state};

use super::control::{good, json, status};
use super::{CONTROLLED, Config, Proxy};

/// Stops a process; it is stopped when this returns.
pub(crate) fn stop(pid: i32) {
    send_signal(pid, Signal::STOP);
    eventually("it is stopped", || state(pid) == Some('T'));
}

/// Lets it go on, until it has done all that was waiting for it.
pub(crate) fn resume(pid: i32) {
    send_signal(pid, Signal::CONT);
    until_idle(pid);
}

/// Waits until it waits: it is runnable from the moment that something was sent to it.
pub(crate) fn until_idle(pid: i32) {
    eventually("it waits for events", || state(pid) == Some('S'));
}

/// Kills a process, stopped or not; it has ended when this returns.
pub(crate) fn kill(pid: i32) {
    send_signal(pid, Signal::KILL);
    eventually("it has ended", || !is_running(pid));
}

/// A change that somebody waits for.
pub(crate) struct Asked {
    progress: Receiver<()>,
    answer: JoinHandle<Result<String, String>>,
}

impl Asked {
    /// Asks for all of `changes` at once. Every worker has been sent them when this returns.
    pub(crate) fn of(proxy: &Proxy, changes: Vec<RequestType>) -> Self {
        let options = Options { timeout: Some(PATIENCE), max_frame_bytes: 100_000_000 };
        let socket = proxy.config.in_directory("control.sock");
        let mut client = Client::connect(&socket, options).expect("connected");
        let (sender, progress) = channel();
        let answer = std::thread::spawn(move || {
            let changes = changes.into_iter().map(Request::from).collect();
            let wanted = RequestType::Transact(Transaction { changes, ..Transaction::default() });
            let answer = client.request_with(wanted, |_| _ = sender.send(()));
            answer.map(|answer| answer.message).map_err(|error| error.to_string())
        });
        let asked = Self { progress, answer };
        asked.progress.recv_timeout(PATIENCE).expect("the workers are told");
        seen_by_main(proxy);
        asked
    }

    /// Asks for a cluster and a route for `a.example` to it, which [`is_made`] looks for.
    pub(crate) fn route(proxy: &Proxy) -> Self {
        Self::of(proxy, routes(proxy, "a.example", 1))
    }

    /// What came of it.
    pub(crate) fn answer(self) -> Result<String, String> {
        self.answer.join().expect("the client does not panic")
    }
}

/// A cluster and `count` routes to it, the first of which is for `host`.
pub(crate) fn routes(proxy: &Proxy, host: &str, count: usize) -> Vec<RequestType> {
    let cluster = Cluster { cluster_id: "held".into(), ..Cluster::default() };
    let frontends = (0..count).map(|number| {
        let name = format!("n{number}.{host}");
        RequestType::AddHttpFrontend(RequestHttpFrontend {
            cluster_id: Some("held".into()),
            address: proxy.address.into(),
            hostname: if number == 0 { host.to_owned() } else { name },
            path: PathRule::default(),
            position: RulePosition::Tree.into(),
            ..RequestHttpFrontend::default()
        })
    });
    [RequestType::AddCluster(cluster)].into_iter().chain(frontends).collect()
}

/// Main has handled everything that was sent to it before.
pub(crate) fn seen_by_main(proxy: &Proxy) {
    good(proxy, &["status"]);
}

/// Every worker runs, and has in use what main has; the epoch.
pub(crate) fn is_one(proxy: &Proxy) -> u64 {
    eventually("every worker serves", || {
        good(proxy, &["status"]).to_uppercase().matches("RUNNING").count() == 2
    });
    let drift = json(&good(proxy, &["drift", "--json"]));
    let workers = drift["workers"].as_array().expect("a list");
    assert_eq!(workers.len(), 2, "{drift}");
    for worker in workers {
        assert_eq!((&worker["hash"], &worker["epoch"]), (&drift["hash"], &drift["epoch"]));
    }
    drift["epoch"].as_u64().expect("a number")
}

/// Every worker serves what [`Asked::route`] asks for, or none does.
pub(crate) fn is_made(proxy: &Proxy) -> bool {
    let clusters = good(proxy, &["cluster", "list", "--json"]);
    let made = clusters.contains("\"held\"");
    let expected = if made { "503" } else { "404" };
    for _ in 0..20 {
        assert_eq!(status(proxy), expected, "{clusters}");
    }
    made
}

/// Two workers that both may run, and the epoch in use.
pub(crate) fn started() -> (Proxy, [i32; 2], u64) {
    started_with(CONTROLLED)
}

/// The same with another configuration.
pub(crate) fn started_with(text: &str) -> (Proxy, [i32; 2], u64) {
    let proxy = Proxy::start(Config::new(text), &[]);
    let workers = proxy.workers().try_into().expect("two workers");
    let epoch = is_one(&proxy);
    assert_eq!(status(&proxy), "404");
    (proxy, workers, epoch)
}

/// A change that the first worker has prepared, and that the second, stopped, has not seen.
pub(crate) fn prepared_by_one(proxy: &Proxy, [first, second]: [i32; 2]) -> Asked {
    stop(second);
    let asked = Asked::route(proxy);
    until_idle(first);
    seen_by_main(proxy);
    asked
}

/// A change that is stored and that the first worker, stopped, was told to apply; the second does.
pub(crate) fn committed_but_for_one(proxy: &Proxy, [first, second]: [i32; 2]) -> Asked {
    let asked = prepared_by_one(proxy, [first, second]);
    stop(first);
    resume(second);
    seen_by_main(proxy);
    asked
}

/// The change was acknowledged and is in use everywhere.
pub(crate) fn was_made(proxy: &Proxy, asked: Asked, before: u64) {
    let answer = asked.answer();
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(is_one(proxy), before + 1);
    assert!(is_made(proxy));
}

/// Another change can be made now.
pub(crate) fn goes_on(proxy: &Proxy) {
    let before = is_one(proxy);
    was_made(proxy, Asked::route(proxy), before);
}
