//! Main dies: workers go on, and the next main finds them.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::fs;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::Command;
use std::thread::JoinHandle;

use process_support::control::{bad, good, pids};
use process_support::held::{Asked, goes_on, is_one, kill, resume, stop};
use process_support::installed::{Installed, command};
use process_support::{fetch, fetch_from};
use weir_base::Endpoint;
use weir_client::proto::request::RequestType;
use weir_client::proto::{ActivateListener, ListenerType, UpgradeMain};
use weir_client::{Client, Options};
use weir_control::channel::{Settings, ToWorker, encode};
use weir_control::config;
use weir_sys::{Channel, TcpListener as Shared};
use weir_testkit::process::{
    PATIENCE, Process, Signal, children, eventually, is_running, send_signal,
};
use weir_testkit::resources::open_files;

/// The names of workers' sockets.
fn places(installed: &Installed) -> Vec<String> {
    let directory = installed.proxy.config.in_directory("control.sock.workers");
    let entries = fs::read_dir(directory).expect("there").map(|entry| entry.expect("an entry"));
    let names = entries.map(|entry| entry.file_name().into_string().expect("text"));
    let mut names: Vec<_> = names.filter(|name| name.starts_with("worker-")).collect();
    names.sort();
    names
}

/// Every connection is answered, whichever socket the kernel gives it to.
fn every_socket_is_served(installed: &Installed) {
    installed.backend.let_go();
    for _ in 0..50 {
        let answer = fetch_from(installed.proxy.address, "traffic.example", "/here");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("/here"), "{answer:?}");
    }
}

fn ended(workers: &[i32]) {
    eventually("workers have ended", || !workers.iter().any(|pid| is_running(*pid)));
}

#[test]
fn main_is_killed_again_and_again_while_traffic_runs() {
    let mut installed = Installed::start();
    let (workers, epoch) = (pids(&installed.proxy), is_one(&installed.proxy));
    let traffic = installed.traffic();
    traffic.goes_on(10);
    // The first time may open what nobody needed before.
    installed.kill_main();
    installed.start_main();
    let count = |pid: &i32| open_files(*pid);
    let before: Vec<_> = workers.iter().map(count).collect();
    for number in 0..5 {
        installed.kill_main();
        // Nobody is in control, and nobody notices.
        traffic.goes_on(5);
        installed.start_main();
        assert_eq!(pids(&installed.proxy), workers, "death {number}");
        assert_eq!(is_one(&installed.proxy), epoch, "death {number}");
        traffic.goes_on(5);
    }
    let places = places(&installed);
    assert_eq!(places, [0, 1].map(|slot: usize| format!("worker-{slot}-{}", workers[slot])));
    traffic.finish();
    eventually("descriptors are as many", || {
        workers.iter().map(count).zip(&before).all(|(now, before)| now <= *before + 2)
    });
    goes_on(&installed.proxy);
    every_socket_is_served(&installed);
}

#[test]
fn workers_that_were_found_are_led_like_any_other() {
    let mut installed = Installed::start();
    installed.kill_main();
    installed.start_main();
    let workers = pids(&installed.proxy);
    goes_on(&installed.proxy);
    // One that dies is replaced on its sockets.
    kill(workers[0]);
    let line = installed.proxy.main.line_with("started again");
    assert!(line.contains(&format!("(pid {}) has ended", workers[0])), "{line}");
    is_one(&installed.proxy);
    // And one that hangs.
    every_socket_is_served(&installed);
    let (now, name) = (pids(&installed.proxy), format!("worker-0-{}", workers[0]));
    assert_eq!(now[1], workers[1]);
    assert!(!places(&installed).contains(&name));
    // Another image of main has them, too.
    good(&installed.proxy, &["upgrade", "--main"]);
    assert_eq!(pids(&installed.proxy), now);
    kill(workers[1]);
    installed.proxy.main.line_with("has taken over");
    installed.proxy.main.line_with("started again");
    is_one(&installed.proxy);
    every_socket_is_served(&installed);
}

#[test]
fn what_was_found_ends_with_the_proxy() {
    let mut installed = Installed::start();
    installed.kill_main();
    installed.start_main();
    let workers = pids(&installed.proxy);
    installed.proxy.main.signal(Signal::TERM);
    assert_eq!(installed.proxy.main.wait().code(), Some(0), "{}", installed.proxy.main.output());
    assert!(!workers.into_iter().any(is_running));
    assert_eq!(places(&installed), [""; 0]);
    assert!(installed.proxy.main.output().contains("worker 1 has finished"));
}

#[test]
fn there_is_one_main_at_a_time() {
    let installed = Installed::start();
    let mut second = Process::spawn(&mut command(&installed.proxy.config));
    second.line_with("another main runs with the control socket");
    assert_eq!(second.wait().code(), Some(1));
    // One that is stopped is there, too.
    stop(installed.proxy.main.pid());
    let mut third = Process::spawn(&mut command(&installed.proxy.config));
    third.line_with("another main runs");
    assert_eq!(third.wait().code(), Some(1));
    resume(installed.proxy.main.pid());
    goes_on(&installed.proxy);
}

#[test]
fn nobody_else_is_let_in() {
    let installed = Installed::start();
    let directory = installed.proxy.config.in_directory("control.sock.workers");
    let mode = |path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(directory.clone()), 0o700);
    for name in places(&installed) {
        assert_eq!(mode(directory.join(name)), 0o600);
    }
}

#[test]
fn workers_alone_for_too_long_finish() {
    let installed = Installed::start_with("orphan_timeout = 1", 5);
    let workers = pids(&installed.proxy);
    let traffic = installed.traffic();
    installed.kill_main();
    // The one on a kept connection may find it closed: that is not looked at here.
    ended(&workers);
    drop(traffic);
    assert_eq!(places(&installed), [""; 0]);
}

#[test]
fn workers_that_cannot_be_found_finish() {
    let installed = Installed::start();
    let workers = pids(&installed.proxy);
    installed.kill_main();
    fs::remove_dir_all(installed.proxy.config.in_directory("control.sock.workers")).expect("gone");
    ended(&workers);
    TcpListener::bind(installed.proxy.address).expect("the port is free");
}

#[test]
fn workers_without_main_obey_signals() {
    let installed = Installed::start();
    let workers = pids(&installed.proxy);
    // As long as there is main, they do not.
    send_signal(workers[0], Signal::TERM);
    every_socket_is_served(&installed);
    installed.kill_main();
    every_socket_is_served(&installed);
    for pid in &workers {
        send_signal(*pid, Signal::TERM);
    }
    ended(&workers);
    assert_eq!(places(&installed), [""; 0]);
}

#[test]
fn a_start_that_fails_leaves_them_alone() {
    let mut installed = Installed::start();
    let workers = pids(&installed.proxy);
    let traffic = installed.traffic();
    installed.kill_main();
    let unwritable = "pid_file_path = \"/nowhere/weir.pid\"\n";
    installed.configure(|text| format!("{unwritable}{text}"));
    let mut failing = Process::spawn(&mut command(&installed.proxy.config));
    failing.line_with("the process id cannot be written");
    assert_eq!(failing.wait().code(), Some(1));
    traffic.goes_on(10);
    installed.configure(|text| text.replace(unwritable, ""));
    installed.start_main();
    assert_eq!(pids(&installed.proxy), workers);
    traffic.finish();
}

#[test]
fn workers_are_not_let_go_before_others_serve() {
    let mut installed = Installed::start();
    let workers = pids(&installed.proxy);
    let traffic = installed.traffic();
    installed.kill_main();
    // Main has room enough, and its workers not for that many buffers.
    let wanted = "max_buffers = 100000\nmin_buffers = 100000\n";
    installed.configure(|text| format!("{wanted}{text}"));
    let start = command(&installed.proxy.config);
    let mut limited = Command::new("bash");
    limited.args(["-c", "ulimit -v 1000000; exec \"$@\"", "bash"]).arg(start.get_program());
    let mut failing = Process::spawn(limited.args(start.get_args()));
    failing.line_with("so nothing was started");
    assert_eq!(failing.wait().code(), Some(1));
    traffic.goes_on(10);
    installed.configure(|text| text.replace(wanted, ""));
    installed.start_main();
    assert_eq!(pids(&installed.proxy), workers);
    traffic.finish();
}

#[test]
fn the_service_manager_is_told_of_every_main() {
    let mut installed = Installed::start();
    let manager = installed.proxy.config.in_directory("notify");
    let socket = UnixDatagram::bind(&manager).expect("bound");
    socket.set_read_timeout(Some(PATIENCE)).expect("set");
    let told = || {
        let mut bytes = [0; 100];
        let count = socket.recv(&mut bytes).expect("told");
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    installed.kill_main();
    let mut start = command(&installed.proxy.config);
    installed.proxy.main = Process::spawn(start.env("NOTIFY_SOCKET", &manager));
    assert_eq!(told(), "READY=1");
    good(&installed.proxy, &["upgrade", "--main"]);
    assert_eq!(told(), format!("MAINPID={}", installed.proxy.main.pid()));
    assert_eq!(told(), "READY=1");
    installed.proxy.main.signal(Signal::TERM);
    assert_eq!(told(), "STOPPING=1");
}

#[test]
fn fewer_workers_take_over_the_sockets_of_all() {
    let mut installed = Installed::start();
    let workers = pids(&installed.proxy);
    let traffic = installed.single_requests();
    installed.kill_main();
    installed.configure(|text| text.replace("worker_count = 2", "worker_count = 1"));
    installed.start_main();
    assert_eq!(pids(&installed.proxy), workers[..1]);
    ended(&workers[1..]);
    every_socket_is_served(&installed);
    traffic.finish();
    // Whoever comes after it, too.
    kill(workers[0]);
    installed.proxy.main.line_with("started again");
    every_socket_is_served(&installed);
}

#[test]
fn sockets_that_there_is_no_slot_for_are_lent_once() {
    let mut installed = Installed::start();
    installed.kill_main();
    installed.configure(|text| text.replace("worker_count = 2", "worker_count = 1"));
    installed.start_main();
    let worker = pids(&installed.proxy)[0];
    let add = ["cluster", "add", "--id", "one", "--load-balancing-policy", "random"];
    good(&installed.proxy, &add);
    every_socket_is_served(&installed);
    let listening = |pid: i32| {
        let sockets = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
        let target = |entry: std::io::Result<fs::DirEntry>| {
            fs::read_link(entry.expect("an entry").path()).unwrap_or_default()
        };
        let mut targets: Vec<_> = sockets.map(target).collect();
        targets.sort();
        let count = targets.len();
        targets.dedup();
        count - targets.len()
    };
    let before = listening(worker);
    for _ in 0..3 {
        good(&installed.proxy, &["upgrade", "--main"]);
        every_socket_is_served(&installed);
        installed.kill_main();
        installed.start_main();
        every_socket_is_served(&installed);
    }
    assert_eq!(pids(&installed.proxy), [worker]);
    eventually("no socket is there twice", || listening(worker) <= before);
}

/// Somebody who says to be a worker of another version; what it hears.
fn of_another_version(installed: &Installed, socket: Shared) -> JoinHandle<String> {
    let directory = installed.proxy.config.in_directory("control.sock.workers");
    let address = socket.local_addr().expect("bound");
    let meeting = UnixListener::bind(directory.join("worker-0-1")).expect("bound");
    std::thread::spawn(move || {
        let (stream, _) = meeting.accept().expect("main comes");
        let mut channel = Channel::from_fd(stream.into());
        let hello = r#"{"packed":999,"channel":999,"slot":0,"settings":0,"epoch":7,"hash":8,
                        "sockets":1,"news":"from the future"}"#;
        channel.send(hello.as_bytes(), None).expect("sent");
        let lent = format!("{{\"address\":\"{address}\"}}");
        channel.send(lent.as_bytes(), Some(socket.as_fd())).expect("sent");
        // Nothing is closed before main has its own.
        let frame = loop {
            if let Some(frame) = channel.recv().expect("main says what is to be") {
                break frame;
            }
        };
        String::from_utf8(frame.to_vec()).expect("text")
    })
}

#[test]
fn a_worker_of_another_version_gives_its_sockets_and_finishes() {
    let mut installed = Installed::start();
    let workers = pids(&installed.proxy);
    installed.backend.let_go();
    installed.kill_main();
    workers.into_iter().for_each(kill);
    let address = installed.proxy.address;
    let socket = Shared::bind(address, 128).expect("the port is free");
    // Its queue is not lost.
    let early: Vec<_> = (0..8)
        .map(|_| std::thread::spawn(move || fetch_from(address, "traffic.example", "/early")))
        .collect();
    let heard = of_another_version(&installed, socket);
    installed.start_main();
    assert_eq!(heard.join().expect("no panic"), r#"{"Finish":{"seconds":30}}"#);
    for client in early {
        assert!(client.join().expect("no panic").ends_with("/early"));
    }
    every_socket_is_served(&installed);
    goes_on(&installed.proxy);
}

#[test]
fn more_workers_are_started_beside_those_that_were_left() {
    let mut installed = Installed::start();
    let workers = pids(&installed.proxy);
    let traffic = installed.traffic();
    installed.kill_main();
    installed.configure(|text| text.replace("worker_count = 2", "worker_count = 3"));
    installed.start_main();
    let now = pids(&installed.proxy);
    assert_eq!((now.len(), &now[..2]), (3, &workers[..]));
    every_socket_is_served(&installed);
    traffic.finish();
}

#[test]
fn workers_with_other_settings_are_replaced() {
    let mut installed = Installed::start();
    let workers = pids(&installed.proxy);
    let traffic = installed.single_requests();
    installed.kill_main();
    installed.configure(|text| text.replace("max_connections = 100", "max_connections = 120"));
    installed.start_main();
    let now = pids(&installed.proxy);
    assert!(!now.iter().any(|pid| workers.contains(pid)), "{now:?}, {workers:?}");
    ended(&workers);
    goes_on(&installed.proxy);
    every_socket_is_served(&installed);
    traffic.finish();
}

#[test]
fn workers_with_another_state_are_replaced() {
    let mut installed = Installed::start();
    goes_on(&installed.proxy);
    let workers = pids(&installed.proxy);
    let traffic = installed.single_requests();
    installed.kill_main();
    // Nobody knows what they serve: the store is lost.
    fs::remove_file(installed.proxy.config.in_directory("control.sock.state")).expect("removed");
    let address = installed.proxy.address.to_string();
    installed.configure(|text| text.replace("127.0.0.1:0", &address));
    installed.start_main();
    ended(&workers);
    is_one(&installed.proxy);
    every_socket_is_served(&installed);
    traffic.finish();
}

#[test]
fn the_file_is_served_by_those_that_were_left_when_it_is_to_be() {
    let mut installed = Installed::start();
    let workers = pids(&installed.proxy);
    let address = installed.proxy.address.to_string();
    let traffic = installed.traffic();
    goes_on(&installed.proxy);
    installed.kill_main();
    installed.configure(|text| {
        format!("{}\n[state]\non_start = \"file\"\n", text.replace("127.0.0.1:0", &address))
    });
    installed.start_main();
    assert_eq!(pids(&installed.proxy), workers);
    is_one(&installed.proxy);
    assert!(!good(&installed.proxy, &["cluster", "list"]).contains("held"));
    assert!(fetch(installed.proxy.address, "/").starts_with("HTTP/1.1 404 "));
    traffic.finish();
}

#[test]
fn one_that_hangs_is_killed_and_replaced() {
    let mut installed = Installed::start_with("", 2);
    let workers = pids(&installed.proxy);
    installed.kill_main();
    stop(workers[1]);
    installed.start_main();
    ended(&workers[1..]);
    assert_eq!(pids(&installed.proxy)[0], workers[0]);
    is_one(&installed.proxy);
    every_socket_is_served(&installed);
}

#[test]
fn the_number_of_a_process_is_not_trusted() {
    let mut installed = Installed::start();
    let workers = pids(&installed.proxy);
    // A worker that was killed with main, and whose number somebody else has now.
    let mut innocent = Command::new("sleep").arg("1000").spawn().expect("started");
    let pid = innocent.id() as i32;
    let directory = installed.proxy.config.in_directory("control.sock.workers");
    let name = format!("worker-1-{pid}");
    drop(UnixListener::bind(directory.join(&name)).expect("bound"));
    installed.kill_main();
    kill(workers[1]);
    installed.start_main();
    assert!(is_running(pid));
    innocent.kill().expect("ours");
    innocent.wait().expect("ours");
    let now = pids(&installed.proxy);
    assert_eq!(now[0], workers[0]);
    let names = [0, 1].map(|slot: usize| format!("worker-{slot}-{}", now[slot]));
    assert_eq!(places(&installed), names);
    every_socket_is_served(&installed);
}

#[test]
fn sockets_that_a_worker_keeps_for_another_are_given_back() {
    let mut installed = Installed::start_with("worker_automatic_restart = false", 5);
    let workers = pids(&installed.proxy);
    kill(workers[0]);
    installed.proxy.main.line_with("not started again");
    every_socket_is_served(&installed);
    let traffic = installed.single_requests();
    installed.kill_main();
    installed.start_main();
    let now = pids(&installed.proxy);
    assert_eq!(now[1], workers[1]);
    assert!(now[0] != workers[0] && now[0] != 0);
    every_socket_is_served(&installed);
    traffic.finish();
    // The other one is not needed for them.
    kill(workers[1]);
    installed.proxy.main.line_with("not started again");
    every_socket_is_served(&installed);
}

/// Activates the listener of an address, which waits for both workers.
fn listener(installed: &Installed, address: &str) -> Asked {
    good(&installed.proxy, &["listener", "http", "add", "-a", address]);
    let request = ActivateListener {
        address: address.parse::<std::net::SocketAddr>().expect("an address").into(),
        proxy: ListenerType::Http.into(),
        from_scm: false,
        interface: None,
    };
    pids(&installed.proxy).into_iter().for_each(stop);
    Asked::of(&installed.proxy, vec![RequestType::ActivateListener(request)])
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").to_string()
}

#[test]
fn a_listener_that_was_not_stored_is_not_kept() {
    let mut installed = Installed::start();
    let workers = pids(&installed.proxy);
    let address = free_address();
    let asked = listener(&installed, &address);
    installed.kill_main();
    asked.answer().expect_err("nobody answers");
    workers.iter().for_each(|pid| send_signal(*pid, Signal::CONT));
    installed.start_main();
    assert_eq!(pids(&installed.proxy), workers);
    is_one(&installed.proxy);
    eventually("nobody listens there", || TcpListener::bind(&address).is_ok());
    good(&installed.proxy, &["listener", "http", "activate", "-a", &address]);
    assert!(fetch(address.parse().expect("an address"), "/").starts_with("HTTP/1.1 404 "));
}

#[test]
fn a_listener_that_was_stored_is_served_though_no_worker_was_told() {
    let mut installed = Installed::start();
    let workers = pids(&installed.proxy);
    let address = free_address();
    let asked = listener(&installed, &address);
    stop(installed.proxy.main.pid());
    for pid in &workers {
        resume(*pid);
        stop(*pid);
    }
    resume(installed.proxy.main.pid());
    good(&installed.proxy, &["status"]);
    // A client waits there already.
    let at: std::net::SocketAddr = address.parse().expect("an address");
    let early: Vec<_> = (0..8).map(|_| std::thread::spawn(move || fetch(at, "/"))).collect();
    installed.kill_main();
    asked.answer().expect_err("nobody answers");
    workers.iter().for_each(|pid| send_signal(*pid, Signal::CONT));
    installed.start_main();
    assert_eq!(pids(&installed.proxy), workers);
    is_one(&installed.proxy);
    for client in early {
        assert!(client.join().expect("an answer").starts_with("HTTP/1.1 404 "));
    }
    for _ in 0..20 {
        assert!(fetch(at, "/").starts_with("HTTP/1.1 404 "));
    }
}

#[test]
fn a_listener_that_workers_were_lent_is_served_when_the_file_has_it() {
    let mut installed = Installed::start();
    let workers = pids(&installed.proxy);
    let (first, address) = (installed.proxy.address.to_string(), free_address());
    let asked = listener(&installed, &address);
    installed.kill_main();
    asked.answer().expect_err("nobody answers");
    // They have its sockets, which nobody accepts from.
    workers.iter().for_each(|pid| send_signal(*pid, Signal::CONT));
    let at: std::net::SocketAddr = address.parse().expect("an address");
    let early: Vec<_> = (0..8).map(|_| std::thread::spawn(move || fetch(at, "/"))).collect();
    installed.configure(|text| {
        let other = format!("[[listeners]]\nprotocol = \"http\"\naddress = \"{address}\"\n");
        let text = text.replace("127.0.0.1:0", &first);
        format!("{text}\n{other}\n[state]\non_start = \"file\"\n")
    });
    installed.start_main();
    assert_eq!(pids(&installed.proxy), workers);
    for client in early {
        assert!(client.join().expect("an answer").starts_with("HTTP/1.1 404 "));
    }
    for _ in 0..20 {
        assert!(fetch(at, "/").starts_with("HTTP/1.1 404 "));
    }
}

#[test]
fn a_worker_that_was_not_told_what_to_serve_is_told() {
    let mut installed = Installed::start();
    let workers = pids(&installed.proxy);
    installed.backend.let_go();
    installed.kill_main();
    workers.into_iter().for_each(kill);
    let address = installed.proxy.address;
    installed.configure(|text| text.replace("127.0.0.1:0", &address.to_string()));
    fs::remove_file(installed.proxy.config.in_directory("control.sock.state")).expect("removed");
    // A main that dies as soon as it has lent a socket.
    let (mut channel, theirs) = Channel::pair().expect("a pair");
    let fd = theirs.as_raw_fd().to_string();
    let arguments = ["worker", "--id", "0", "--fd", &fd];
    let built = Path::new(env!("CARGO_BIN_EXE_weir"));
    let worker = weir_sys::spawn_bound(built, &arguments, &[theirs.as_fd()]).expect("started");
    let checked = config::load(&installed.proxy.config.path()).expect("a good file");
    let home = Some(installed.proxy.config.in_directory("control.sock.workers"));
    let start = ToWorker::Start(Box::new(Settings { home, ..checked.settings }));
    channel.send(&encode(&start).expect("encoded"), None).expect("sent");
    let lent = ToWorker::Socket(Endpoint::tcp(address));
    let socket = Shared::bind(address, 128).expect("the port is free");
    channel.send(&encode(&lent).expect("encoded"), Some(socket.as_fd())).expect("sent");
    drop((channel, theirs, socket));
    let early = std::thread::spawn(move || fetch_from(address, "traffic.example", "/early"));
    // Those that were killed have left theirs.
    let place = format!("worker-0-{}", worker.pid());
    eventually("it can be found", || places(&installed).contains(&place));
    installed.start_main();
    assert_eq!(pids(&installed.proxy)[0], worker.pid());
    assert!(early.join().expect("no panic").ends_with("/early"));
    is_one(&installed.proxy);
    every_socket_is_served(&installed);
}

/// Asks for an upgrade that main does not survive.
fn upgrade(installed: &Installed) -> std::thread::JoinHandle<bool> {
    let options = Options { timeout: Some(PATIENCE), max_frame_bytes: 100_000 };
    let socket = installed.proxy.config.in_directory("control.sock");
    let mut client = Client::connect(&socket, options).expect("connected");
    let ask = move || client.request(RequestType::UpgradeMain(UpgradeMain {})).is_ok();
    std::thread::spawn(ask)
}

#[test]
fn main_is_killed_while_another_program_rehearses() {
    let mut installed = Installed::start_with("", 60);
    let (main, workers) = (installed.proxy.main.pid(), pids(&installed.proxy));
    let traffic = installed.traffic();
    installed.install_script("exec sleep 1000");
    let asked = upgrade(&installed);
    let rehearsing = || children(main).into_iter().find(|pid| !workers.contains(pid));
    eventually("it rehearses", || rehearsing().is_some());
    let rehearsing = rehearsing().expect("it is there");
    installed.kill_main();
    assert!(!asked.join().expect("no panic"));
    eventually("the rehearsal is over", || !is_running(rehearsing));
    installed.install();
    installed.start_main();
    assert_eq!(pids(&installed.proxy), workers);
    traffic.finish();
    goes_on(&installed.proxy);
}

#[test]
fn main_is_killed_when_the_other_program_has_its_place() {
    let mut installed = Installed::start();
    let workers = pids(&installed.proxy);
    let traffic = installed.traffic();
    // It is ready in the rehearsal, and hangs when it counts.
    let built = env!("CARGO_BIN_EXE_weir");
    let hang = format!("[ $4 ] && exec {built} \"$@\"\nexec sleep 1000");
    installed.install_script(&hang);
    let asked = upgrade(&installed);
    let main = installed.proxy.main.pid();
    let name = move || fs::read_to_string(format!("/proc/{main}/comm")).unwrap_or_default();
    eventually("it hangs", || name() == "sleep\n");
    traffic.goes_on(10);
    installed.kill_main();
    assert!(!asked.join().expect("no panic"));
    installed.install();
    installed.start_main();
    assert_eq!(pids(&installed.proxy), workers);
    traffic.finish();
    goes_on(&installed.proxy);
    good(&installed.proxy, &["upgrade", "--main"]);
    assert!(bad(&installed.proxy, &["upgrade", "--worker", "9"]).contains("no worker 9"));
}
