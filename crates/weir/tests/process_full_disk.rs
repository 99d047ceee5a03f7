//! No room for the store: a change that cannot be stored is refused with the reason and made
//! nowhere, traffic goes on, and when there is room again changes are made again.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use process_support::control::{good, status};
use process_support::held::{Asked, goes_on, is_made, is_one, kill, routes, started_with};
use process_support::tools::tool;
use process_support::{CONTROLLED, Config, Proxy, listening, weir};
use weir_testkit::process::{Process, Signal};
use weir_testkit::resources::limit_file_length;

/// As [`CONTROLLED`], for long requests and answers.
fn roomy() -> String {
    CONTROLLED.replace("max_command_buffer_size = 100000", "max_command_buffer_size = 100000000")
}

/// Bytes of the disk that is full.
const DISK: usize = 8 << 20;

/// Asks for more and more until there is no room; the refusal. Nothing of it is in use.
fn filled(proxy: &Proxy) -> String {
    let before = is_one(proxy);
    let refusal = Asked::of(proxy, routes(proxy, "a.example", 5_000)).answer();
    let refusal = refusal.expect_err("there is no room for it");
    assert_eq!(is_one(proxy), before);
    assert!(!is_made(proxy));
    refusal
}

#[test]
fn a_store_that_may_not_grow_refuses_changes_until_it_may() {
    let (proxy, workers, _) = started_with(&roomy());
    let store = proxy.config.in_directory("control.sock.state");
    let length = fs::metadata(store).expect("there is a store").len();
    let main = proxy.main.pid();
    for _ in 0..2 {
        limit_file_length(main, Some(length));
        for _ in 0..2 {
            let refusal = filled(&proxy);
            assert!(refusal.contains("cannot be stored"), "{refusal}");
            assert!(refusal.contains("the file may not grow"), "{refusal}");
        }
        good(&proxy, &["history"]);
        limit_file_length(main, None);
        good(&proxy, &["cluster", "add", "--id", "kept", "--load-balancing-policy", "random"]);
        good(&proxy, &["cluster", "remove", "--id", "kept"]);
    }
    goes_on(&proxy);
    assert_eq!(proxy.workers(), workers, "nobody has died");
}

/// Main on a disk of its own, for its store only, and where that disk is seen by others.
fn on_small_disk() -> Option<(Proxy, PathBuf)> {
    let mut probe = tool("unshare", "util-linux")?;
    if !probe.args(["-rm", "true"]).status().is_ok_and(|status| status.success()) {
        std::io::stderr().write_all(b"skipped: no disk can be mounted here\n").expect("open");
        return None;
    }
    let config = Config::new("");
    let text = format!("{}\n[state]\npath = \"disk/store\"\n", roomy());
    fs::write(config.path(), text).expect("written");
    let disk = config.in_directory("disk");
    fs::create_dir(&disk).expect("made");
    let mount = format!("mount -t tmpfs -o size={DISK} tmpfs \"$0\" && exec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", &mount]).arg(&disk);
    command.arg(weir().get_program()).args(["start", "-c"]).arg(config.path());
    let mut main = Process::spawn(&mut command);
    let address = listening(&mut main);
    main.line_with("all workers are ready");
    let root = Path::new("/proc").join(main.pid().to_string()).join("root");
    let seen = root.join(disk.strip_prefix("/").expect("it is absolute"));
    Some((Proxy { main, address, config }, seen))
}

/// Takes all the room that is left on a disk.
fn fill(disk: &Path) {
    let mut file = fs::File::create(disk.join("filler")).expect("made");
    while file.write_all(&[0; 4096]).is_ok() {}
    while file.write_all(&[0; 1]).is_ok() {}
}

fn empty(disk: &Path) {
    fs::remove_file(disk.join("filler")).expect("removed");
}

#[test]
fn a_full_disk_refuses_changes_until_there_is_room() {
    let Some((proxy, disk)) = on_small_disk() else { return };
    assert_eq!(status(&proxy), "404");
    for _ in 0..2 {
        fill(&disk);
        for _ in 0..2 {
            let refusal = filled(&proxy);
            assert!(refusal.contains("cannot be stored"), "{refusal}");
            assert!(refusal.contains("the disk is full"), "{refusal}");
        }
        empty(&disk);
        good(&proxy, &["cluster", "add", "--id", "kept", "--load-balancing-policy", "random"]);
        good(&proxy, &["cluster", "remove", "--id", "kept"]);
    }
    goes_on(&proxy);
}

#[test]
fn a_state_that_cannot_be_saved_leaves_the_file_that_was() {
    let Some((proxy, disk)) = on_small_disk() else { return };
    let path = proxy.config.in_directory("disk/saved.json");
    let path = path.to_str().expect("UTF-8");
    good(&proxy, &["state", "save", "-f", path]);
    let saved = fs::read(disk.join("saved.json")).expect("saved");
    let many = routes(&proxy, "a.example", 1_000);
    Asked::of(&proxy, many).answer().expect("there is room for it");
    fill(&disk);
    let refusal = process_support::control::bad(&proxy, &["state", "save", "-f", path]);
    assert!(refusal.contains("cannot be saved"), "{refusal}");
    assert!(refusal.contains("No space left") || refusal.contains("full"), "{refusal}");
    assert_eq!(fs::read(disk.join("saved.json")).expect("still there"), saved);
    assert!(!disk.join("saved.json.new").exists(), "what was begun takes no room");
    empty(&disk);
    good(&proxy, &["state", "save", "-f", path]);
    proxy.main.signal(Signal::TERM);
}

#[test]
fn a_proxy_that_was_killed_starts_on_a_full_disk_with_what_it_had() {
    let (proxy, _, _) = started_with(&roomy());
    goes_on(&proxy);
    let epoch = is_one(&proxy);
    let store = proxy.config.in_directory("control.sock.state");
    let length = fs::metadata(store).expect("there is a store").len();
    limit_file_length(proxy.main.pid(), Some(length));
    let again = Asked::of(&proxy, routes(&proxy, "b.example", 5_000)[1..].to_vec()).answer();
    again.expect_err("there is no room for it");
    let Proxy { main, config, .. } = proxy;
    kill(main.pid());
    drop(main);
    // The shell counts blocks of 512 or 1024 bytes: less than there is, either way.
    let limited = format!("ulimit -f {}; exec \"$@\"", length / 1024);
    let mut command = Command::new("sh");
    command.args(["-c", &limited, "sh"]).arg(weir().get_program());
    let mut main = Process::spawn(command.args(["start", "-c"]).arg(config.path()));
    let address = listening(&mut main);
    main.line_with("all workers are ready");
    let proxy = Proxy { main, address, config };
    assert_eq!(is_one(&proxy), epoch);
    assert!(is_made(&proxy));
}
