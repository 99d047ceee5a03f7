//! Workers are replaced while they serve, and no connection is lost.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::JoinHandle;

use process_support::connect;
use process_support::control::{bad, good, pids};
use process_support::held::{is_one, stop};
use process_support::installed::Installed;
use weir_client::proto::EventKind;
use weir_client::proto::request::RequestType;
use weir_client::{Client, Options};
use weir_testkit::process::{PATIENCE, Signal, eventually, is_running, send_signal};
use weir_testkit::resources::{open_files, own_memory};

/// A request for `traffic.example` on a connection that is kept; its answer ends with the target.
fn exchange(stream: &mut TcpStream, target: &str) {
    send(stream, target);
    answer(stream, target);
}

fn send(stream: &mut TcpStream, target: &str) {
    let head = format!("GET {target} HTTP/1.1\r\nHost: traffic.example\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
}

fn answer(stream: &mut TcpStream, target: &str) {
    let (end, mut text, mut bytes) = (format!("\r\n\r\n{target}"), String::new(), [0; 4096]);
    while !text.ends_with(&end) {
        let count = stream.read(&mut bytes).expect("an answer");
        assert!(count > 0, "the connection ended after {text:?}");
        text.push_str(std::str::from_utf8(&bytes[..count]).expect("text"));
    }
    assert!(text.starts_with("HTTP/1.1 200 "), "{text:?}");
    assert!(!text.to_lowercase().contains("connection: close"), "{text:?}");
}

/// The number before a word of the account of a replaced worker, in all of a text.
fn counted(text: &str, word: &str) -> usize {
    let word = format!(" {word}");
    let parts = text.split(&word);
    let numbers = parts.map(|part| part.rsplit(' ').next().and_then(|n| n.parse::<usize>().ok()));
    numbers.flatten().sum()
}

fn replace_all(installed: &Installed) -> String {
    let replace = |id: &str| good(&installed.proxy, &["upgrade", "--worker", id]);
    [replace("0"), replace("1")].concat()
}

fn client(installed: &Installed) -> Client {
    let options = Options { timeout: Some(PATIENCE), max_frame_bytes: 100_000 };
    let socket = installed.proxy.config.in_directory("control.sock");
    Client::connect(&socket, options).expect("connected")
}

/// The same, while something else is done.
fn replacing_all(installed: &Installed) -> JoinHandle<String> {
    let mut client = client(installed);
    let mut replace = move |id| client.request(RequestType::UpgradeWorker(id)).expect("replaced");
    std::thread::spawn(move || [0, 1].map(|id| replace(id).message).concat())
}

#[test]
fn workers_are_replaced_again_and_again_while_traffic_runs() {
    let installed = Installed::start();
    let (traffic, single) = (installed.traffic(), installed.single_requests());
    let epoch = is_one(&installed.proxy);
    for _ in 0..5 {
        let before = pids(&installed.proxy);
        let text = replace_all(&installed);
        assert_eq!(counted(&text, "cut"), 0, "{text}");
        let after = pids(&installed.proxy);
        assert_eq!(after.len(), 2, "{after:?}");
        assert!(!after.iter().any(|pid| before.contains(pid)), "{before:?} {after:?}");
        assert!(!before.into_iter().any(is_running));
        traffic.goes_on(5);
        assert_eq!(is_one(&installed.proxy), epoch);
    }
    traffic.finish();
    single.finish();
}

#[test]
fn connections_between_two_requests_go_on_at_the_successor() {
    let installed = Installed::start();
    installed.backend.let_go();
    let mut clients: Vec<_> = (0..20).map(|_| connect(installed.proxy.address)).collect();
    clients.iter_mut().for_each(|client| exchange(client, "/before"));
    let text = replace_all(&installed);
    assert_eq!(counted(&text, "passed on"), 20, "{text}");
    clients.iter_mut().for_each(|client| exchange(client, "/after"));
    // And once more: what has been passed on can be again.
    let text = replace_all(&installed);
    assert_eq!(counted(&text, "passed on"), 20, "{text}");
    clients.iter_mut().for_each(|client| exchange(client, "/again"));
}

/// Requests that are under way at once, each with a connection to the backend.
fn exchange_at_once(installed: &Installed, clients: &mut [TcpStream]) {
    installed.backend.hold();
    clients.iter_mut().for_each(|client| send(client, "/held"));
    installed.backend.until_waiting(clients.len());
    installed.backend.let_go();
    clients.iter_mut().for_each(|client| answer(client, "/held"));
}

#[test]
fn connections_to_the_backend_go_on_at_the_successor() {
    let installed = Installed::start();
    let mut clients: Vec<_> = (0..20).map(|_| connect(installed.proxy.address)).collect();
    exchange_at_once(&installed, &mut clients);
    for _ in 0..2 {
        let text = replace_all(&installed);
        assert_eq!(counted(&text, "to backends are kept"), 20, "{text}");
        exchange_at_once(&installed, &mut clients);
    }
    assert_eq!(installed.backend.connections(), 20, "no other was made");
}

#[test]
fn what_had_to_finish_is_told_by_kind() {
    let installed = Installed::start();
    let mut client = connect(installed.proxy.address);
    let head = "GET /held HTTP/1.1\r\nHost: traffic.example\r\nConnection: close\r\n\r\n";
    client.write_all(head.as_bytes()).expect("sent");
    installed.backend.until_waiting(1);
    let reader = std::thread::spawn(move || client.read_to_string(&mut String::new()));
    let mut control = self::client(&installed);
    let told = [0, 1].map(|id| {
        let replaced = control.request_with(RequestType::UpgradeWorker(id), |progress| {
            if progress.message.contains(" still finishes: 1 connection (1 with a request)") {
                installed.backend.let_go();
            }
        });
        replaced.expect("replaced").message
    });
    reader.join().expect("no panic").expect("an answer, then the end");
    let told = told.concat();
    assert!(told.contains(", 1 ended (1 with a request), 0 cut"), "{told}");
}

#[test]
fn connections_that_have_said_nothing_yet_go_on_too() {
    let installed = Installed::start();
    installed.backend.let_go();
    let mut clients: Vec<_> = (0..20).map(|_| connect(installed.proxy.address)).collect();
    let text = replace_all(&installed);
    // Those that were still in the queue of a socket are the successor's without that.
    assert!(counted(&text, "passed on") <= 20, "{text}");
    assert_eq!(counted(&text, "ended") + counted(&text, "cut"), 0, "{text}");
    clients.iter_mut().for_each(|client| exchange(client, "/first"));
}

#[test]
fn what_comes_while_a_connection_passes_is_answered_by_the_successor() {
    let installed = Installed::start();
    installed.backend.let_go();
    let mut clients: Vec<_> = (0..20).map(|_| connect(installed.proxy.address)).collect();
    clients.iter_mut().for_each(|client| exchange(client, "/before"));
    let replacing = replacing_all(&installed);
    let mut number = 0;
    while !replacing.is_finished() {
        number += 1;
        let target = format!("/{number}");
        clients.iter_mut().for_each(|client| send(client, &target));
        clients.iter_mut().for_each(|client| answer(client, &target));
    }
    replacing.join().expect("no panic");
    clients.iter_mut().for_each(|client| exchange(client, "/after"));
}

#[test]
fn a_request_in_flight_finishes_and_its_connection_goes_on() {
    let installed = Installed::start();
    let mut clients: Vec<_> = (0..8).map(|_| connect(installed.proxy.address)).collect();
    clients.iter_mut().for_each(|client| send(client, "/held"));
    installed.backend.until_waiting(8);
    let before = pids(&installed.proxy);
    let replacing = replacing_all(&installed);
    eventually("the old one is seen to finish", || pids(&installed.proxy).len() == 3);
    // Others are served, and changes made, meanwhile.
    let mut other = connect(installed.proxy.address);
    exchange(&mut other, "/other");
    good(&installed.proxy, &["cluster", "add", "--id", "x", "--load-balancing-policy", "random"]);
    assert!(before.iter().all(|pid| is_running(*pid)));
    installed.backend.let_go();
    clients.iter_mut().for_each(|client| answer(client, "/held"));
    let text = replacing.join().expect("no panic");
    assert_eq!(counted(&text, "cut"), 0, "{text}");
    clients.iter_mut().for_each(|client| exchange(client, "/after"));
    is_one(&installed.proxy);
}

/// A byte pipe to the backend, which sends everything back.
fn pipe(installed: &Installed) -> TcpStream {
    let mut stream = connect(installed.proxy.address);
    let head = "GET /pipe HTTP/1.1\r\nHost: traffic.example\r\nConnection: upgrade\r\n\
                Upgrade: echo\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        answer.extend(byte);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{:?}", String::from_utf8_lossy(&answer));
    stream
}

fn echo(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).expect("sent");
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).expect("it comes back");
    assert_eq!(back, text.as_bytes());
}

#[test]
fn pipes_go_on_at_the_successor() {
    let installed = Installed::start();
    installed.backend.let_go();
    let mut pipes: Vec<_> = (0..10).map(|_| pipe(&installed)).collect();
    pipes.iter_mut().for_each(|pipe| echo(pipe, "before"));
    for round in ["first", "second"] {
        let text = replace_all(&installed);
        assert_eq!(counted(&text, "passed on"), 10, "{text}");
        assert_eq!(counted(&text, "cut") + counted(&text, "ended"), 0, "{text}");
        pipes.iter_mut().for_each(|pipe| echo(pipe, round));
    }
    // Their end is seen on both sides, and the worker lives on.
    for mut pipe in pipes {
        pipe.shutdown(std::net::Shutdown::Write).expect("shut");
        assert_eq!(pipe.read(&mut [0]).expect("the end"), 0);
    }
    exchange(&mut connect(installed.proxy.address), "/after");
}

#[test]
fn no_byte_of_a_pipe_is_lost_or_doubled() {
    const BYTES: usize = 32 << 20;
    let installed = Installed::start();
    installed.backend.let_go();
    let mut pipes: Vec<_> = (0..4).map(|_| pipe(&installed)).collect();
    let bytes: Vec<u8> = (0..BYTES).map(|at| (at / 251 + at % 251) as u8).collect();
    std::thread::scope(|scope| {
        for pipe in &mut pipes {
            let (mut out, bytes) = (pipe.try_clone().expect("cloned"), &bytes);
            scope.spawn(move || out.write_all(bytes).expect("sent"));
            scope.spawn(move || {
                let mut back = vec![0; BYTES];
                pipe.read_exact(&mut back).expect("it comes back");
                assert!(back == *bytes, "something else came back");
            });
        }
        for _ in 0..3 {
            assert_eq!(counted(&replace_all(&installed), "cut"), 0);
        }
    });
    pipes.iter_mut().for_each(|pipe| echo(pipe, "after"));
}

/// What a proxy uses, and its workers together.
fn used(installed: &Installed) -> [u64; 3] {
    let (main, workers) = (installed.proxy.main.pid(), pids(&installed.proxy));
    assert_eq!(installed.proxy.workers().len(), workers.len(), "there are others");
    let files = workers.iter().map(|pid| open_files(*pid)).sum();
    let memory = workers.iter().chain([&main]).map(|pid| own_memory(*pid) as u64).sum();
    [open_files(main), files, memory]
}

#[test]
fn nothing_is_left_of_a_hundred_upgrades() {
    let installed = Installed::start();
    installed.backend.let_go();
    let mut clients: Vec<_> = (0..10).map(|_| connect(installed.proxy.address)).collect();
    clients.iter_mut().for_each(|client| exchange(client, "/before"));
    let mut pipes: Vec<_> = (0..10).map(|_| pipe(&installed)).collect();
    let upgrade = || good(&installed.proxy, &["upgrade"]);
    let resize = |count| good(&installed.proxy, &["workers", "set", count]);
    // What the start did not need is there after the first ones.
    upgrade();
    let [main, ..] = used(&installed);
    let resized = ["4", "1", "2"].map(resize).concat();
    assert_eq!(counted(&resized, "ended") + counted(&resized, "cut"), 0, "{resized}");
    upgrade();
    // Those that have gone leave a socket each, for those that come.
    let main = main + 2;
    eventually("nothing else is left", || used(&installed)[0] <= main);
    let [_, workers, memory] = used(&installed);
    // Of main and both workers; and of their number, now and then.
    for round in 0..34 {
        let resized =
            if round % 8 == 0 { ["3", "1", "4", "2"].map(resize).concat() } else { String::new() };
        let text = upgrade() + &resized;
        assert_eq!(counted(&text, "ended") + counted(&text, "cut"), 0, "{text}");
    }
    eventually("it uses what it has used", || {
        let now = used(&installed);
        now[0] <= main && now[1] <= workers && now[2] <= memory + memory / 4
    });
    pipes.iter_mut().for_each(|pipe| echo(pipe, "after"));
    clients.iter_mut().for_each(|client| exchange(client, "/after"));
    is_one(&installed.proxy);
}

#[test]
fn a_worker_that_finishes_is_known_to_the_next_image_of_main() {
    let installed = Installed::start();
    let mut held = connect(installed.proxy.address);
    send(&mut held, "/held");
    installed.backend.until_waiting(1);
    let replacing = replacing_all(&installed);
    eventually("the old one is seen to finish", || pids(&installed.proxy).len() == 3);
    good(&installed.proxy, &["upgrade", "--main"]);
    assert_eq!(pids(&installed.proxy).len(), 3);
    installed.backend.let_go();
    answer(&mut held, "/held");
    replacing.join().expect("no panic");
    exchange(&mut held, "/after");
    is_one(&installed.proxy);
}

/// Asks for a successor of the first worker and kills it as soon as it is seen; what is told then.
fn replace_in_vain(installed: &Installed) -> String {
    let before = installed.proxy.workers();
    let mut client = client(installed);
    let asked = std::thread::spawn(move || client.request(RequestType::UpgradeWorker(0)));
    let new = || installed.proxy.workers().into_iter().find(|pid| !before.contains(pid));
    eventually("there is a successor, which is killed", || {
        new().map(|pid| send_signal(pid, Signal::KILL)).is_some()
    });
    let answer = asked.join().expect("no panic");
    is_one(&installed.proxy);
    answer.map(|answer| answer.message).unwrap_or_else(|error| error.to_string())
}

#[test]
fn a_successor_that_dies_replaces_nobody() {
    let installed = Installed::start();
    installed.backend.let_go();
    let main = installed.proxy.main.pid();
    // Some serve before they die, and then it was no vain attempt.
    let in_vain = (0..50).any(|_| {
        let mut clients: Vec<_> = (0..10).map(|_| connect(installed.proxy.address)).collect();
        clients.iter_mut().for_each(|client| exchange(client, "/before"));
        let (workers, files) = (pids(&installed.proxy), open_files(main));
        let told = replace_in_vain(&installed);
        if !told.contains("worker 0 was not replaced: pid ") {
            return false;
        }
        // Or main had something to say to it, and could not.
        let killed = ["was killed by SIGKILL", "could not be told anything"];
        assert!(killed.iter().any(|how| told.contains(how)), "{told}");
        assert!(told.ends_with("; the running one goes on"), "{told}");
        assert_eq!(pids(&installed.proxy), workers);
        clients.iter_mut().for_each(|client| exchange(client, "/after"));
        eventually("descriptors are as many", || open_files(main) <= files);
        true
    });
    assert!(in_vain, "none has died early enough");
}

#[test]
fn a_worker_that_dies_while_it_finishes_is_told_of() {
    let installed = Installed::start();
    let mut held = connect(installed.proxy.address);
    send(&mut held, "/held");
    installed.backend.until_waiting(1);
    let before = pids(&installed.proxy);
    let mut first = client(&installed);
    let mut second = client(&installed);
    let ask = |client: &mut Client, id| {
        let answer = client.request(RequestType::UpgradeWorker(id));
        answer.map(|answer| answer.message).unwrap_or_else(|error| error.to_string())
    };
    let asked = [
        std::thread::spawn(move || ask(&mut first, 0)),
        std::thread::spawn(move || ask(&mut second, 1)),
    ];
    let left = || -> Vec<i32> {
        let now = pids(&installed.proxy);
        now.into_iter().skip(2).filter(|pid| before.contains(pid)).collect()
    };
    eventually("one of them has finished", || {
        left().len() == 1 && !pids(&installed.proxy)[..2].iter().any(|pid| before.contains(pid))
    });
    left().into_iter().for_each(|pid| send_signal(pid, Signal::KILL));
    let told = asked.map(|asked| asked.join().expect("no panic")).concat();
    assert!(told.contains("was killed by SIGKILL before it had finished"), "{told}");
    installed.backend.let_go();
    exchange(&mut connect(installed.proxy.address), "/after");
    is_one(&installed.proxy);
}

#[test]
fn what_happens_to_workers_is_told() {
    let installed = Installed::start();
    let mut events = client(&installed).events().expect("subscribed");
    events.next().expect("an event").expect("that it has subscribed");
    good(&installed.proxy, &["upgrade", "--worker", "1"]);
    send_signal(pids(&installed.proxy)[0], Signal::ABORT);
    let told = events.by_ref().take(3).map(|told| {
        let told = told.expect("told");
        (told.origin, EventKind::try_from(told.event.kind).expect("known"))
    });
    let expected = [
        ("1", EventKind::WorkerUpgraded),
        ("0", EventKind::WorkerKilled),
        ("0", EventKind::WorkerRelaunched),
    ];
    let expected = expected.map(|(origin, kind)| (origin.to_owned(), kind));
    assert_eq!(told.collect::<Vec<_>>(), expected);
    is_one(&installed.proxy);
}

#[test]
fn all_are_replaced_after_main() {
    let installed = Installed::start();
    let traffic = installed.traffic();
    let before = pids(&installed.proxy);
    let text = good(&installed.proxy, &["upgrade"]);
    assert!(text.contains("runs as main"), "{text}");
    let after = pids(&installed.proxy);
    assert!(after.len() == 2 && !after.iter().any(|pid| before.contains(pid)), "{after:?}");
    traffic.finish();
    is_one(&installed.proxy);
}

#[test]
fn a_worker_that_is_not_there_cannot_be_replaced() {
    let installed = Installed::start();
    let sentence = bad(&installed.proxy, &["upgrade", "--worker", "2"]);
    assert!(sentence.contains("there is no worker 2: there are 2"), "{sentence}");
}

fn set(installed: &Installed, count: u16) -> String {
    good(&installed.proxy, &["workers", "set", &count.to_string()])
}

#[test]
fn there_are_more_and_fewer_workers_while_traffic_runs() {
    let installed = Installed::start();
    let (traffic, single) = (installed.traffic(), installed.single_requests());
    for count in [4, 1, 3, 2, 5, 2] {
        let text = set(&installed, count);
        assert!(text.contains(&format!("the number of workers is {count}")), "{text}");
        assert_eq!(counted(&text, "cut"), 0, "{text}");
        let now = pids(&installed.proxy);
        assert!(now.len() == usize::from(count) && now.iter().all(|pid| is_running(*pid)));
        traffic.goes_on(5);
        single.goes_on(20);
    }
    traffic.finish();
    single.finish();
    is_one(&installed.proxy);
}

#[test]
fn connections_of_workers_that_go_are_taken_by_those_that_stay() {
    let installed = Installed::start();
    installed.backend.let_go();
    set(&installed, 4);
    let mut clients: Vec<_> = (0..40).map(|_| connect(installed.proxy.address)).collect();
    clients.iter_mut().for_each(|client| exchange(client, "/before"));
    let text = set(&installed, 1);
    assert_eq!(counted(&text, "ended") + counted(&text, "cut"), 0, "{text}");
    assert_eq!(pids(&installed.proxy).len(), 1);
    clients.iter_mut().for_each(|client| exchange(client, "/after"));
    // Connections come to the sockets of those that have gone, too.
    let mut clients: Vec<_> = (0..40).map(|_| connect(installed.proxy.address)).collect();
    clients.iter_mut().for_each(|client| exchange(client, "/new"));
}

#[test]
fn what_waits_for_a_worker_that_goes_is_served() {
    let installed = Installed::start();
    installed.backend.let_go();
    let last = pids(&installed.proxy)[1];
    // It accepts nothing, and what comes to its sockets waits there.
    stop(last);
    let mut clients: Vec<_> = (0..40).map(|_| connect(installed.proxy.address)).collect();
    let mut client = client(&installed);
    let ask = move || client.request(RequestType::SetWorkerCount(1)).map(|answer| answer.message);
    let asked = std::thread::spawn(ask);
    clients.iter_mut().for_each(|client| exchange(client, "/queued"));
    send_signal(last, Signal::CONT);
    let text = asked.join().expect("no panic").expect("made");
    assert!(text.contains("the number of workers is 1"), "{text}");
    clients.iter_mut().for_each(|client| exchange(client, "/again"));
}

#[test]
fn the_number_outlives_main_in_another_image_and_a_listener_that_comes_has_it() {
    let installed = Installed::start();
    installed.backend.let_go();
    set(&installed, 3);
    set(&installed, 1);
    good(&installed.proxy, &["upgrade"]);
    assert_eq!(pids(&installed.proxy).len(), 1);
    let mut clients: Vec<_> = (0..20).map(|_| connect(installed.proxy.address)).collect();
    clients.iter_mut().for_each(|client| exchange(client, "/one"));
    set(&installed, 3);
    clients.iter_mut().for_each(|client| exchange(client, "/three"));
    let mut clients: Vec<_> = (0..20).map(|_| connect(installed.proxy.address)).collect();
    clients.iter_mut().for_each(|client| exchange(client, "/new"));
}

#[test]
fn a_number_of_workers_that_cannot_be_is_refused() {
    let installed = Installed::start();
    for count in [0, 1025] {
        let refused = client(&installed).request(RequestType::SetWorkerCount(count));
        let sentence = refused.expect_err("refused").to_string();
        assert!(sentence.contains("1 to 1024"), "{sentence}");
    }
    assert!(set(&installed, 2).contains("the number of workers is 2 already"));
}
