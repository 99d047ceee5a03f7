//! Main is replaced while it runs: nobody notices, and one that cannot go on replaces nobody.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use process_support::control::{bad, good, json};
use process_support::held::{Asked, goes_on, is_one, stop};
use process_support::installed::Installed;
use weir_client::proto::request::RequestType;
use weir_client::proto::{Cluster, Status, UpgradeMain};
use weir_client::{Client, Options};
use weir_testkit::process::{PATIENCE, Signal, eventually, is_running, send_signal, state};
use weir_testkit::resources::open_files;

/// Workers are another matter.
const UPGRADE: [&str; 2] = ["upgrade", "--main"];

/// What main executes.
fn image(pid: i32) -> u64 {
    fs::metadata(format!("/proc/{pid}/exe")).expect("it runs").ino()
}

fn client(installed: &Installed) -> Client {
    let options = Options { timeout: Some(PATIENCE), max_frame_bytes: 100_000 };
    let socket = installed.proxy.config.in_directory("control.sock");
    Client::connect(&socket, options).expect("connected")
}

fn add(client: &mut Client, id: &str) {
    let cluster = Cluster { cluster_id: id.to_owned(), ..Cluster::default() };
    client.request(RequestType::AddCluster(cluster)).expect("added");
}

#[test]
fn main_is_replaced_again_and_again_while_traffic_runs() {
    let installed = Installed::start();
    let proxy = &installed.proxy;
    let (main, workers, epoch) = (proxy.main.pid(), proxy.workers(), is_one(proxy));
    let traffic = installed.traffic();
    traffic.goes_on(10);
    let count =
        || -> Vec<u64> { [main].iter().chain(&workers).map(|pid| open_files(*pid)).collect() };
    // The first one may open what the start did not need.
    good(proxy, &UPGRADE);
    let before = open_files(main);
    for number in 0..10 {
        installed.install();
        assert!(good(proxy, &UPGRADE).contains("runs as main"));
        traffic.goes_on(5);
        assert_eq!(proxy.workers(), workers, "upgrade {number}");
        assert_eq!(is_one(proxy), epoch, "upgrade {number}");
    }
    eventually("descriptors are as many", || open_files(main) <= before);
    traffic.finish();
    assert_eq!(count().len(), 3);
    goes_on(proxy);
    assert_eq!(proxy.workers(), workers);
}

#[test]
fn what_is_at_its_path_is_executed() {
    let installed = Installed::start();
    let main = installed.proxy.main.pid();
    let path = installed.program();
    // A copy is another file, with another number.
    let copy = installed.proxy.config.in_directory("copy");
    fs::copy(&path, &copy).expect("copied");
    fs::rename(&copy, &path).expect("moved");
    let new = fs::metadata(&path).expect("there").ino();
    assert_ne!(image(main), new);
    good(&installed.proxy, &UPGRADE);
    assert_eq!(image(main), new);
    // Workers that die are started from it, too.
    let workers = installed.proxy.workers();
    send_signal(workers[0], Signal::KILL);
    eventually("it is replaced", || {
        installed
            .proxy
            .workers()
            .into_iter()
            .any(|pid| !workers.contains(&pid) && image(pid) == new)
    });
    is_one(&installed.proxy);
}

#[test]
fn a_dead_worker_is_replaced_after_an_upgrade_and_it_can_be_stopped() {
    let mut installed = Installed::start();
    good(&installed.proxy, &UPGRADE);
    let before = installed.proxy.workers();
    send_signal(before[1], Signal::KILL);
    let line = installed.proxy.main.line_with("started again");
    assert!(line.contains("was killed by SIGKILL"), "{line}");
    is_one(&installed.proxy);
    let workers = installed.proxy.workers();
    installed.proxy.main.signal(Signal::TERM);
    assert_eq!(installed.proxy.main.wait().code(), Some(0));
    assert!(!workers.into_iter().any(is_running));
    assert!(!installed.proxy.config.in_directory("control.sock").exists());
}

#[test]
fn connected_clients_go_on_and_those_that_come_are_served() {
    let mut installed = Installed::start();
    let mut events = client(&installed).events().expect("subscribed");
    events.next().expect("an event").expect("that it has subscribed");
    let mut kept = client(&installed);
    add(&mut kept, "before");
    let socket = installed.proxy.config.in_directory("control.sock");
    let file = fs::metadata(&socket).expect("there").ino();
    // Stopped, it finds all of this at once.
    stop(installed.proxy.main.pid());
    let mut upgrading = client(&installed);
    let upgrading =
        std::thread::spawn(move || upgrading.request(RequestType::UpgradeMain(UpgradeMain {})));
    let mut late = client(&installed);
    let asking = std::thread::spawn(move || add(&mut late, "meanwhile"));
    installed.proxy.main.signal(Signal::CONT);
    upgrading.join().expect("no panic").expect("upgraded");
    asking.join().expect("no panic");
    add(&mut kept, "after");
    let told: Vec<_> =
        events.by_ref().take(4).map(|event| format!("{:?}", event.expect("told"))).collect();
    for name in ["before", "meanwhile", "after", "MainUpgraded"] {
        assert!(told.iter().any(|event| event.contains(name)), "{name}: {told:?}");
    }
    assert_eq!(fs::metadata(&socket).expect("there").ino(), file);
    installed.proxy.main.line_with("has taken over as main");
}

/// An upgrade fails with a sentence that has all of `parts`; everything goes on as before.
fn goes_on_as_before(installed: &Installed, parts: &[&str]) {
    let proxy = &installed.proxy;
    let (main, workers, epoch) = (proxy.main.pid(), proxy.workers(), is_one(proxy));
    let (image, files) = (image(main), open_files(main));
    let sentence = bad(proxy, &UPGRADE);
    for part in parts.iter().chain(&["the running version goes on"]) {
        assert!(sentence.contains(part), "{part:?} is not in {sentence:?}");
    }
    assert_eq!(self::image(main), image);
    eventually("nothing is left of the other one", || proxy.workers() == workers);
    assert_eq!(is_one(proxy), epoch);
    goes_on(proxy);
    good(proxy, &["rollback", &epoch.to_string()]);
    eventually("descriptors are as many", || open_files(main) <= files);
}

#[test]
fn a_program_that_cannot_take_over_replaces_nobody() {
    let installed = Installed::start_with("", 2);
    let traffic = installed.traffic();
    installed.install_script("exit 1");
    goes_on_as_before(&installed, &["ended with status 1 and was not ready"]);
    installed.install_script("kill -SEGV $$");
    goes_on_as_before(&installed, &["was killed by SIGSEGV"]);
    installed.install_script("exec sleep 1000");
    goes_on_as_before(&installed, &["was not ready after 2s"]);
    fs::set_permissions(installed.program(), Permissions::from_mode(0o644)).expect("set");
    goes_on_as_before(&installed, &["cannot be started", "denied"]);
    fs::write(installed.program(), "no program").expect("written");
    fs::set_permissions(installed.program(), Permissions::from_mode(0o755)).expect("set");
    goes_on_as_before(&installed, &["was not ready"]);
    fs::remove_file(installed.program()).expect("removed");
    goes_on_as_before(&installed, &["cannot be started", "No such file"]);
    installed.install();
    good(&installed.proxy, &UPGRADE);
    traffic.finish();
}

/// A frame for the shell to print.
fn report(refused: &str) -> String {
    let json = format!(r#"{{"program":"weir 9","refused":{refused},"new":[1]}}"#);
    let length = json.len();
    // `main --handover 5 --report 6`
    format!(r#"printf '\000\000\000\{length:03o}{json}' >&$5"#)
}

#[test]
fn a_program_that_refuses_says_why() {
    let installed = Installed::start();
    let why = "weir 1 has handovers of version 1, weir 9 reads version 2";
    installed.install_script(&report(&format!("\"{why}\"")));
    goes_on_as_before(&installed, &["cannot go on", why]);
}

#[test]
fn a_program_that_cannot_be_executed_after_its_rehearsal_replaces_nobody() {
    let installed = Installed::start();
    // It takes its own permission away before it says that it is ready.
    let script = format!("chmod 644 \"$0\"\n{}", report("null"));
    installed.install_script(&script);
    goes_on_as_before(&installed, &["cannot be executed", "denied"]);
}

#[test]
fn a_program_that_gives_up_after_its_rehearsal_is_left_for_the_one_before() {
    let installed = Installed::start();
    let traffic = installed.traffic();
    let (main, workers) = (installed.proxy.main.pid(), installed.proxy.workers());
    // It goes back to the built one, as the other image does when it cannot use what it was left.
    let built = env!("CARGO_BIN_EXE_weir");
    let script = format!("[ $4 ] && exec {built} \"$@\"\nexec {built} \"$@\" --failed \"no luck\"");
    installed.install_script(&script);
    let sentence = bad(&installed.proxy, &UPGRADE);
    assert!(sentence.contains("no luck; the running version goes on"), "{sentence}");
    assert_eq!((installed.proxy.main.pid(), installed.proxy.workers()), (main, workers));
    goes_on(&installed.proxy);
    installed.install();
    good(&installed.proxy, &UPGRADE);
    traffic.finish();
}

#[test]
fn a_program_that_cannot_write_its_logs_goes_back_to_the_one_before() {
    let log = "weir.log";
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(log);
    let installed =
        Installed::start_with(&format!("log_target = \"file://{}\"", path.display()), 5);
    let traffic = installed.traffic();
    let (main, workers) = (installed.proxy.main.pid(), installed.proxy.workers());
    let before = image(main);
    let built = env!("CARGO_BIN_EXE_weir");
    let copy = installed.proxy.config.in_directory("copy");
    fs::copy(built, &copy).expect("copied");
    let (path, copy) = (path.display(), copy.display());
    let spoil = format!("rm {path}; mkdir {path}");
    installed.install_script(&format!("[ $4 ] || {{ {spoil}; }}\nexec {copy} \"$@\""));
    let sentence = bad(&installed.proxy, &UPGRADE);
    assert!(sentence.contains("log"), "{sentence}");
    assert!(sentence.contains("the running version goes on"), "{sentence}");
    assert_eq!((installed.proxy.main.pid(), installed.proxy.workers()), (main, workers));
    assert_eq!(image(main), before);
    goes_on(&installed.proxy);
    traffic.finish();
}

#[test]
fn an_upgrade_waits_for_what_is_under_way() {
    let installed = Installed::start();
    let proxy = &installed.proxy;
    let workers = proxy.workers();
    stop(workers[1]);
    let asked = Asked::route(proxy);
    let mut upgrading = client(&installed);
    let upgrade =
        std::thread::spawn(move || upgrading.request(RequestType::UpgradeMain(UpgradeMain {})));
    // Others are answered while it waits.
    client(&installed).request(RequestType::Status(Status {})).expect("answered");
    send_signal(workers[1], Signal::CONT);
    asked.answer().expect("made");
    upgrade.join().expect("no panic").expect("upgraded");
    let entries = json(&good(proxy, &["history", "--json"]));
    assert_eq!(entries["entries"].as_array().map(Vec::len), Some(1), "{entries}");
    assert_eq!(state(workers[1]), Some('S'));
}

#[test]
fn a_signal_that_comes_meanwhile_stops_the_new_one() {
    let mut installed = Installed::start();
    let workers = installed.proxy.workers();
    let built = env!("CARGO_BIN_EXE_weir");
    let place = |name: &str| installed.proxy.config.in_directory(name);
    let (here, go) = (place("here"), place("go"));
    let (at, until) = (here.display(), go.display());
    let wait = format!(">{at}; until [ -e {until} ]; do :; done");
    let rehearse = format!("[ $4 ] && exec {built} \"$@\"");
    installed.install_script(&format!("{rehearse}\n{wait}\nexec {built} \"$@\""));
    let mut upgrading = client(&installed);
    let ask = move || upgrading.request(RequestType::UpgradeMain(UpgradeMain {}));
    let upgrade = std::thread::spawn(ask);
    eventually("the new one has begun", || here.exists());
    installed.proxy.main.signal(Signal::TERM);
    fs::write(go, "").expect("written");
    upgrade.join().expect("no panic").expect("upgraded");
    assert_eq!(installed.proxy.main.wait().code(), Some(0));
    assert!(!workers.into_iter().any(is_running));
}
