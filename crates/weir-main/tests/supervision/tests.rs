//! What is expected of main.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;

use weir_testkit::process::{PATIENCE, Process, Signal, eventually, is_running, send_signal};

use crate::as_worker::BEHAVIOUR;

/// Runs the tests whose name contains `filter`.
pub(crate) fn run(filter: &str) {
    macro_rules! tests {
        ($($name:ident),* $(,)?) => { [$((stringify!($name), $name as fn())),*] };
    }
    let tests = tests![
        it_starts_and_stops,
        a_refusal_ends_the_start,
        a_worker_that_never_gets_ready_ends_the_start,
        a_worker_that_dies_at_once_ends_the_start,
        a_worker_that_dies_is_replaced,
        a_worker_that_gives_no_sign_of_life_is_replaced,
        a_crash_loop_is_slowed_down,
        a_worker_leaves_last_words_and_what_kills_them_is_refused,
        sockets_of_a_slot_without_worker_are_lent_to_another,
        it_gives_up_when_no_worker_may_be_replaced,
        sessions_that_were_cut_show_in_the_exit_code,
        a_worker_that_does_not_finish_is_killed,
        a_second_signal_ends_at_once,
        logs_are_opened_again_everywhere,
        an_address_in_use_is_named,
        too_few_descriptors_are_named,
        the_pid_file_names_main,
        the_service_manager_is_told,
        workers_learn_that_main_is_gone,
    ];
    for (name, test) in tests.iter().filter(|(name, _)| name.contains(filter)) {
        test();
        println!("{name} ... ok");
    }
}

fn main_with(behaviour: &str, args: &[&str]) -> Process {
    Process::spawn(&mut command(behaviour, args))
}

fn command(behaviour: &str, args: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("our own path"));
    command.arg("main").args(args).env(BEHAVIOUR, behaviour);
    command
}

/// The process ids in order of the slots.
fn workers_of(main: &Process, count: usize) -> Vec<i32> {
    let workers = main.children();
    assert_eq!(workers.len(), count);
    workers
}

fn expect_end(main: &mut Process, code: i32, last_line: &str) {
    main.line_with(last_line);
    assert_eq!(main.wait().code(), Some(code));
}

fn it_starts_and_stops() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut main = main_with("obedient", &["workers=2"]);
        let listening = main.line_with("listening on http://127.0.0.1:");
        assert!(!listening.ends_with(":0"), "{listening}");
        main.line_with("ready on [127.0.0.1:");
        let workers = workers_of(&main, 2);
        main.signal(signal);
        expect_end(&mut main, 0, "ended: Clean");
        assert!(!workers.into_iter().any(is_running));
    }
}

fn a_refusal_ends_the_start() {
    let mut main = main_with("1:refusing", &["workers=2"]);
    expect_end(&mut main, 1, "refused the configuration of epoch 1 (no such thing)");
    assert!(!main.output().contains("listening"));
}

fn a_worker_that_never_gets_ready_ends_the_start() {
    let mut main = main_with("1:silent", &["workers=2", "patience_ms=50"]);
    expect_end(&mut main, 1, "was not ready after 50ms and was killed, so nothing was started");
}

fn a_worker_that_dies_at_once_ends_the_start() {
    let mut main = main_with("1:stillborn", &["workers=2"]);
    expect_end(&mut main, 1, "ended with status 3, so nothing was started");
}

fn a_worker_that_dies_is_replaced() {
    let mut main = main_with("obedient", &["workers=2"]);
    main.line_with("ready on");
    let workers = workers_of(&main, 2);
    send_signal(workers[1], Signal::KILL);
    let line = main.line_with("started again");
    let dead = format!("worker 1 (pid {}) was killed by SIGKILL", workers[1]);
    assert!(line.contains(&dead), "{line}");
    assert!(line.ends_with("on the same sockets"), "{line}");
    main.line_with("worker 1 was lent 127.0.0.1:");
    let after = workers_of(&main, 2);
    assert_eq!(after[0], workers[0]);
    assert_ne!(after[1], workers[1]);
    main.signal(Signal::TERM);
    expect_end(&mut main, 0, "ended: Clean");
}

fn a_worker_that_gives_no_sign_of_life_is_replaced() {
    let mut main = main_with("1:deaf", &["workers=2", "patience_ms=300"]);
    main.line_with("ready on");
    let deaf = workers_of(&main, 2)[1];
    let line = main.line_with("started again");
    let expected = format!("worker 1 (pid {deaf}) gave no sign of life for 300ms and was killed");
    assert!(line.contains(&expected), "{line}");
}

fn a_crash_loop_is_slowed_down() {
    let mut main = main_with("mortal", &[]);
    main.line_with("ready on");
    main.line_with("ended with status 4; started again as pid");
    main.line_with("ended with status 4; started again as pid");
    main.line_with(
        "ended with status 4; workers here keep ending early: the next is started in 100ms",
    );
    main.line_with("worker 0 has waited 100ms; started again");
    main.line_with("the next is started in 200ms");
    main.line_with("the next is started in 400ms");
}

fn a_worker_leaves_last_words_and_what_kills_them_is_refused() {
    let mut main = main_with("panicking:192.0.2.7", &[]);
    let line = main.line_with("started again as pid");
    let words = [
        "was killed by SIGABRT: it panicked at here.rs:1: on purpose, ",
        "while it worked for client 192.0.2.7 (session 77777777777777777777777777, epoch 1)",
    ];
    assert!(words.iter().all(|words| line.contains(words)), "{line}");
    main.line_with(
        "workers have died 3 times in a similar way: requests of client 192.0.2.7 are refused for \
         60s",
    );
    main.line_with("worker 0 refuses 1");
}

fn sockets_of_a_slot_without_worker_are_lent_to_another() {
    let mut main = main_with("obedient", &["workers=3", "restart=off"]);
    main.line_with("ready on");
    let workers = workers_of(&main, 3);
    send_signal(workers[0], Signal::KILL);
    main.line_with("not started again: worker_automatic_restart is off");
    main.line_with("worker 1 was lent");
    // The host dies: what it was lent goes on to the next, together with its own.
    send_signal(workers[1], Signal::KILL);
    main.line_with("worker 2 was lent");
    main.line_with("worker 2 was lent");
    main.signal(Signal::TERM);
    expect_end(&mut main, 0, "ended: Clean");
}

fn it_gives_up_when_no_worker_may_be_replaced() {
    let mut main = main_with("obedient", &["restart=off"]);
    main.line_with("ready on");
    send_signal(workers_of(&main, 1)[0], Signal::KILL);
    expect_end(&mut main, 1, "ended: no worker is left");
}

fn sessions_that_were_cut_show_in_the_exit_code() {
    let mut main = main_with("1:cutting", &["workers=2"]);
    main.line_with("ready on");
    main.signal(Signal::TERM);
    main.line_with("worker 1 cut 2 sessions");
    expect_end(&mut main, 1, "ended: Cut");
}

fn a_worker_that_does_not_finish_is_killed() {
    let mut main = main_with("1:stubborn", &["workers=2", "drain_ms=20"]);
    main.line_with("ready on");
    main.signal(Signal::TERM);
    main.line_with("had no time left and was killed");
    expect_end(&mut main, 1, "ended: Cut");
}

fn a_second_signal_ends_at_once() {
    let mut main = main_with("stubborn", &["workers=2"]);
    main.line_with("ready on");
    main.signal(Signal::TERM);
    main.line_with("stopping");
    let workers = workers_of(&main, 2);
    main.signal(Signal::INT);
    expect_end(&mut main, 1, "ended: Cut");
    assert!(!workers.into_iter().any(is_running));
}

fn logs_are_opened_again_everywhere() {
    let mut main = main_with("obedient", &["workers=2"]);
    main.line_with("ready on");
    main.signal(Signal::HUP);
    main.line_with("SIGHUP does nothing");
    main.signal(Signal::USR1);
    main.line_with("opened its logs again");
    main.line_with("opened its logs again");
}

fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound");
    let mut main = main_with("obedient", &[&format!("address={address}")]);
    expect_end(&mut main, 1, &format!("ended: {address} is in use"));

    // Another one of us shares its address with its own workers, not with a second main.
    let mut first = main_with("obedient", &["workers=2"]);
    let line = first.line_with("listening on http://");
    let (_, address) = line.split_once("http://").expect("an address");
    let mut second = main_with("obedient", &[&format!("address={address}")]);
    expect_end(&mut second, 1, &format!("ended: {address} is in use"));
}

fn too_few_descriptors_are_named() {
    let mut main = main_with("obedient", &["sessions=100000000000"]);
    expect_end(&mut main, 1, "open files in one process");
}

fn the_pid_file_names_main() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("weir.pid");
    let mut main = main_with("obedient", &[&format!("pid_file={}", path.display())]);
    main.line_with("ready on");
    let text = std::fs::read_to_string(&path).expect("the file");
    assert_eq!(text, main.pid().to_string());

    let nowhere = format!("pid_file={}", directory.path().join("no/such").display());
    let mut main = main_with("obedient", &[&nowhere]);
    expect_end(&mut main, 1, "ended: the process id cannot be written to");
}

fn the_service_manager_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("notify");
    let by_path = UnixDatagram::bind(&path).expect("bound");
    expect_notifications(&by_path, path.to_str().expect("text"));

    let name = format!("weir-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let by_name = UnixDatagram::bind_addr(&address).expect("bound");
    expect_notifications(&by_name, &format!("@{name}"));
}

fn expect_notifications(manager: &UnixDatagram, name: &str) {
    manager.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut command = command("obedient", &[]);
    let mut main =
        Process::spawn(command.env("NOTIFY_SOCKET", name).env("WATCHDOG_USEC", "100000"));
    let next = || {
        let mut bytes = [0; 64];
        let n = manager.recv(&mut bytes).expect("a notification in time");
        String::from_utf8_lossy(&bytes[..n]).into_owned()
    };
    assert_eq!(next(), "READY=1");
    assert_eq!(next(), "WATCHDOG=1");
    assert_eq!(next(), "WATCHDOG=1");
    main.signal(Signal::TERM);
    while next() != "STOPPING=1" {}
    expect_end(&mut main, 0, "ended: Clean");
}

fn workers_learn_that_main_is_gone() {
    let mut main = main_with("obedient", &["workers=2"]);
    main.line_with("ready on");
    let workers = workers_of(&main, 2);
    main.signal(Signal::KILL);
    main.wait();
    eventually("workers end after main", || !workers.iter().any(|pid| is_running(*pid)));
}
