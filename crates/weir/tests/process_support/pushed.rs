//! A worker that is pushed to its limits, and what is to hold there.

use std::io::Read;
use std::time::Duration;

use weir_testkit::process::eventually;
use weir_testkit::resources::{allow_many_files, cpu_ticks, own_memory, ticks_per_second};

use super::backend::Backend;
use super::crowd::Crowd;
use super::{Config, Proxy, connect, fetch, weir};

/// `max_connections`.
pub(crate) const CONNECTIONS: usize = 200;
/// `max_buffers`.
pub(crate) const BUFFERS: usize = 100;

/// A worker that is pushed to its limits, and what it may come to use there.
pub(crate) struct Pushed {
    pub(crate) proxy: Proxy,
    pub(crate) backend: Backend,
    pub(crate) worker: i32,
    /// Bytes that `weir check` says a worker can come to use.
    most: usize,
    /// How much memory it may come to use beyond that of its start.
    growth: usize,
    at_start: usize,
}

impl Pushed {
    /// A worker with small limits, which writes no access log.
    pub(crate) fn start() -> Self {
        Self::with(BUFFERS, "file:///dev/null")
    }

    /// A worker with that many buffers and an access log there.
    pub(crate) fn with(buffers: usize, target: &str) -> Self {
        allow_many_files();
        let backend = Backend::start();
        let config = Config::new(&format!(
            r#"
worker_count = 1
max_connections = {CONNECTIONS}
max_buffers = {buffers}
buffer_size = 16393
request_timeout = 60
access_logs_target = "{target}"

[[listeners]]
protocol = "http"
address = "127.0.0.1:0"

[clusters.app]
protocol = "http"
frontends = [{{ address = "127.0.0.1:0", hostname = "*" }}]
backends = [{{ address = "{}" }}]
"#,
            backend.address
        ));
        let checked = weir().arg("check").arg("-c").arg(config.path()).output().expect("it runs");
        let checked = String::from_utf8(checked.stdout).expect("text");
        let most = bytes_of("together", &checked);
        let growth = most - bytes_of("the program", &checked);
        let proxy = Proxy::start(config, &[]);
        let worker = proxy.workers()[0];
        let at_start = own_memory(worker);
        Self { proxy, backend, worker, most, growth, at_start }
    }

    /// It uses no more memory than was printed, and its clients cost no more than their share.
    pub(crate) fn measure(&self, when: &str) {
        let used = own_memory(self.worker);
        let (grown, of) = (used.saturating_sub(self.at_start), self.growth);
        println!("{when}: {used} bytes of {}; {grown} of {of} since the start", self.most);
        assert!(used <= self.most, "{when}: {used} bytes are used, {} were printed", self.most);
        assert!(grown <= of, "{when}: {grown} bytes since the start, {of} without the program");
    }

    /// When everything that can move has moved, it computes nothing.
    pub(crate) fn rests(&self, when: &str) {
        let silent = connect(self.proxy.address);
        silent.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
        eventually(&format!("{when}: the worker rests"), || {
            let before = cpu_ticks(self.worker);
            (&silent).read(&mut [0]).expect_err("nobody answers what was not asked");
            cpu_ticks(self.worker) - before <= ticks_per_second() / 10
        });
    }

    /// All are served again.
    pub(crate) fn serves(&self, when: &str) {
        let answer = fetch(self.proxy.address, "/again");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{when}: {answer}");
    }

    pub(crate) fn connect(&self, count: usize) -> Crowd {
        Crowd::connect(self.proxy.address, count)
    }

    /// Everything that is to hold at a limit, and again after the clients have gone.
    pub(crate) fn endure(&mut self, what: &str, clients: Crowd) {
        self.measure(what);
        self.rests(what);
        drop(clients);
        self.backend.let_go();
        self.serves(what);
        self.measure(&format!("after {what}"));
    }
}

/// The figure for `what` in the summary of `weir check`.
fn bytes_of(what: &str, summary: &str) -> usize {
    let line = summary.lines().find(|line| line.trim_end().ends_with(what));
    let words: Vec<_> = line.expect("a figure").split_whitespace().collect();
    let number: usize = words[0].parse().expect("a number");
    number
        * match words[1] {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            other => panic!("{other} is no unit"),
        }
}

/// A request for a target.
pub(crate) fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n").into_bytes()
}
