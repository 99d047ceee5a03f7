//! The child of these tests is this test program itself, told to run [`child`] only; its last
//! argument is a role and the number of the descriptor that it was left.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::io::{FdFlags, fcntl_getfd};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::*;
use crate::testing::{accept, address_of, assert_closes_on_exec, connect, listener, read_exact};
use crate::testing::{is_readable, wait_readable};
use crate::{Channel, Signals, TcpListener};

const ONLY_CHILD: [&str; 5] =
    ["--exact", "process::tests::child", "--ignored", "--nocapture", "--quiet"];

fn role(name: &str, keep: &impl AsFd) -> String {
    format!("role:{name}:{}", keep.as_fd().as_raw_fd())
}

fn start(name: &str, keep: &impl AsFd) -> Child {
    let role = role(name, keep);
    spawn_self(&[&ONLY_CHILD[..], &[&role]].concat(), keep.as_fd()).expect("spawn")
}

/// For a child that has no use for a descriptor.
fn start_alone(name: &str) -> Child {
    start(name, &fs::File::open("/dev/null").expect("open"))
}

fn wait(child: &Child) -> ExitReason {
    wait_readable(child);
    child.try_wait().expect("wait").expect("a reason")
}

fn receive(channel: &mut Channel) -> Vec<u8> {
    loop {
        if let Some(frame) = channel.recv().expect("recv") {
            return frame.to_vec();
        }
        wait_readable(channel);
    }
}

#[test]
#[ignore = "what the children of the other tests run"]
fn child() {
    let last = std::env::args().next_back().unwrap_or_default();
    let Some((name, fd)) = last.strip_prefix("role:").and_then(|role| role.split_once(':')) else {
        return;
    };
    let kept = inherited(fd.parse().expect("a number"));
    let channel = || Channel::from_fd(kept.expect("a descriptor"));
    match name {
        "serve" => serve(channel()),
        "starve" => starve(channel()),
        "describe" => describe(channel()),
        "hang" => hang(channel()),
        "replaced" => replaced(),
        "replacing" => replacing(channel()),
        "bear" => bear(channel()),
        "reap" => reap(),
        "raise" => raise(),
        "abort" => std::process::abort(),
        _ => std::process::exit(7),
    }
    std::process::exit(0);
}

/// The listener that a frame of the parent comes with.
fn lent(channel: &mut Channel) -> TcpListener {
    assert_eq!(receive(channel), b"socket");
    TcpListener::from_fd(channel.take_fd().expect("a listener"))
}

fn serve(mut channel: Channel) {
    accept(&lent(&mut channel)).write(b"from the child").expect("write");
}

#[test]
fn a_connection_that_was_queued_before_is_served_by_the_next_process() {
    let (mut channel, theirs) = Channel::pair().expect("pair");
    let child = start("serve", &theirs);
    let listener = listener();
    let client = connect(address_of(&listener));
    channel.send(b"socket", Some(listener.as_fd())).expect("send");
    drop(listener);
    assert_eq!(read_exact(&client, 14), b"from the child");
    assert_eq!(wait(&child), ExitReason::Exited(0));
}

fn starve(mut channel: Channel) {
    let listener = lent(&mut channel);
    wait_readable(&listener);
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..limit }).expect("limit");
    let error = listener.accept().err().expect("no descriptor is left");
    assert!(crate::is_exhaustion(&error), "{error}");
    let (_, hard) = crate::nofile();
    assert_eq!(crate::raise_nofile(hard).expect("raise"), hard);
    accept(&listener).write(b"late").expect("write");
}

#[test]
fn without_descriptors_a_connection_stays_queued() {
    let (mut channel, theirs) = Channel::pair().expect("pair");
    let child = start("starve", &theirs);
    let listener = listener();
    let client = connect(address_of(&listener));
    channel.send(b"socket", Some(listener.as_fd())).expect("send");
    drop(listener);
    assert_eq!(read_exact(&client, 4), b"late");
    assert_eq!(wait(&child), ExitReason::Exited(0));
}

fn describe(mut channel: Channel) {
    assert_closes_on_exec(&channel);
    let status = fs::read_to_string("/proc/thread-self/status").expect("status");
    let blocked = status.lines().find(|line| line.starts_with("SigBlk")).expect("a line");
    let mut text = format!("{blocked}\n");
    for entry in fs::read_dir("/proc/self/fd").expect("descriptors").flatten() {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        text.push_str(&format!("{} {}\n", entry.file_name().display(), target.display()));
    }
    channel.send(text.as_bytes(), None).expect("send");
}

#[test]
fn a_child_has_what_it_was_left_and_no_signal_blocked() {
    let _signals = Signals::block(&[crate::Signal::User1, crate::Signal::Terminate]);
    let (careless, _other_end) = UnixStream::pair().expect("pair");
    // SAFETY: duplicates an open descriptor into a new one, which is ours.
    let careless = unsafe { OwnedFd::from_raw_fd(libc::dup(careless.as_raw_fd())) };
    assert!(!fcntl_getfd(&careless).expect("flags").contains(FdFlags::CLOEXEC));

    let (mut channel, theirs) = Channel::pair().expect("pair");
    let child = start("describe", &theirs);
    assert_closes_on_exec(&theirs);
    let text = String::from_utf8(receive(&mut channel)).expect("text");
    assert!(text.starts_with("SigBlk:\t0000000000000000\n"), "{text}");
    let kept = theirs.as_raw_fd().to_string();
    for line in text.lines().skip(1).filter(|line| !line.contains("/fd")) {
        let number = line.split(' ').next().expect("a number");
        assert!(["0", "1", "2", &kept].contains(&number), "{text}");
    }
    assert_eq!(wait(&child), ExitReason::Exited(0));
}

fn replaced() {
    fs::remove_file(std::env::current_exe().expect("path")).expect("remove");
    assert_eq!(wait(&start_alone("exit")), ExitReason::Exited(7));
}

#[test]
fn the_running_image_is_started_even_when_its_file_is_gone() {
    let image = std::env::current_exe().expect("path");
    let link = image.with_file_name(format!("gone-{}", std::process::id()));
    fs::hard_link(image, &link).expect("link");
    let args = [&ONLY_CHILD[..], &["role:replaced:-1"]].concat();
    let status = Command::new(&link).args(args).status().expect("spawn");
    assert!(status.success() && !link.exists());
}

fn reap() {
    // SAFETY: no handler is involved.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    let _signals = Signals::block(&[crate::Signal::Child]).expect("signals");
    assert_eq!(wait(&start_alone("exit")), ExitReason::Exited(7));
}

/// A process whose parent ignored `SIGCHLD` ignores it too, and the kernel reaps its children.
#[test]
fn children_can_be_waited_for_though_their_end_was_ignored_before() {
    assert_eq!(wait(&start_alone("reap")), ExitReason::Exited(0));
}

fn raise() {
    // SAFETY: no handler is involved, and a blocked signal is delivered to nobody.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
    let signals = Signals::block(&[crate::Signal::Interrupt]).expect("signals");
    // SAFETY: as above.
    unsafe { libc::raise(libc::SIGINT) };
    assert_eq!(signals.read().expect("read"), Some(crate::Signal::Interrupt));
}

#[test]
fn a_signal_is_read_though_it_was_ignored_before() {
    assert_eq!(wait(&start_alone("raise")), ExitReason::Exited(0));
}

fn hang(mut channel: Channel) {
    channel.send(b"here", None).expect("send");
    wait_readable(&channel);
}

#[test]
fn the_end_of_a_child_is_told_once_and_with_its_cause() {
    let child = start_alone("exit");
    assert_eq!(wait(&child), ExitReason::Exited(7));
    assert_eq!(child.try_wait().expect_err("reaped").raw_os_error(), Some(libc::ECHILD));
    child.kill();

    let (mut channel, theirs) = Channel::pair().expect("pair");
    let child = start("hang", &theirs);
    assert_closes_on_exec(&child);
    assert_eq!(receive(&mut channel), b"here");
    assert!(Path::new(&format!("/proc/{}", child.pid())).exists());
    assert!(!is_readable(&child));
    assert_eq!(child.try_wait().expect("wait"), None);
    child.kill();
    assert_eq!(wait(&child), ExitReason::Killed(libc::SIGKILL));

    assert_eq!(wait(&start_alone("abort")), ExitReason::Killed(libc::SIGABRT));
}

#[test]
fn a_child_outlives_its_handle() {
    let (mut channel, theirs) = Channel::pair().expect("pair");
    let child = start("hang", &theirs);
    drop(theirs);
    drop(child);
    assert_eq!(receive(&mut channel), b"here");
}

#[test]
fn a_reason_is_a_predicate() {
    assert_eq!(ExitReason::Exited(2).to_string(), "ended with status 2");
    assert_eq!(ExitReason::Killed(libc::SIGSEGV).to_string(), "was killed by SIGSEGV");
    assert_eq!(
        ExitReason::Killed(libc::SIGUSR2).to_string(),
        format!("was killed by signal {}", libc::SIGUSR2)
    );
    let named = [libc::SIGABRT, libc::SIGBUS, libc::SIGILL, libc::SIGKILL];
    for number in named.into_iter().chain([libc::SIGSYS, libc::SIGTERM]) {
        assert!(ExitReason::Killed(number).to_string().starts_with("was killed by SIG"));
    }
}

#[test]
fn only_what_the_parent_left_can_be_taken_over() {
    for number in [-1, RawFd::MAX, 0, 1, 2] {
        let error = inherited(number).expect_err("nobody's");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let standard = fcntl_getfd(std::io::stdout()).expect("flags");
    assert!(!standard.contains(FdFlags::CLOEXEC), "a refusal changes nothing");
    let (left, _other_end) = UnixStream::pair().expect("pair");
    rustix::io::fcntl_setfd(&left, FdFlags::empty()).expect("flags");
    let taken = inherited(OwnedFd::from(left).into_raw_fd()).expect("ours");
    assert_closes_on_exec(&taken);
}

#[test]
fn a_pinned_thread_has_one_core_left() {
    let check = || {
        let last = *available_cores().expect("cores").last().expect("a core");
        pin_to_core(last).expect("pin");
        assert_eq!(available_cores().expect("cores"), [last]);
        for core in [CpuSet::MAX_CPU - 1, CpuSet::MAX_CPU, usize::MAX] {
            let error = pin_to_core(core).expect_err("no such core");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    };
    std::thread::spawn(check).join().expect("a core");
}

#[test]
fn a_name_is_cut_to_what_the_kernel_keeps() {
    let check = || {
        name("a name that is too long").expect("name");
        let comm = fs::read_to_string("/proc/thread-self/comm").expect("comm");
        assert_eq!(comm, "a name that is \n");
        assert_eq!(name("a\0b").expect_err("no name").kind(), ErrorKind::InvalidInput);
    };
    std::thread::spawn(check).join().expect("a name");
}

/// Becomes another image, which describes itself, with what it keeps.
fn replacing(channel: Channel) {
    let number = channel.as_fd().as_raw_fd();
    let signals = Signals::block(&[crate::Signal::User1]).expect("signals");
    // SAFETY: a blocked signal is delivered to nobody.
    unsafe { libc::raise(libc::SIGUSR1) };
    let nowhere = replace_self(Path::new("/nowhere"), &[], &[number]);
    assert_eq!(nowhere.kind(), ErrorKind::NotFound);
    assert_closes_on_exec(&channel);
    assert_eq!(signals.read().expect("read"), Some(crate::Signal::User1), "nothing has happened");
    // SAFETY: as above.
    unsafe { libc::raise(libc::SIGUSR1) };
    let role = format!("role:describe:{number}");
    let args = [&ONLY_CHILD[..], &[&role]].concat();
    let args: Vec<_> = args.iter().map(OsStr::new).collect();
    panic!("{}", replace_self(Path::new("/proc/self/exe"), &args, &[number]));
}

#[test]
fn another_image_in_its_place_has_what_it_kept_and_the_signals_that_came() {
    let (mut channel, theirs) = Channel::pair().expect("pair");
    let child = start("replacing", &theirs);
    let text = String::from_utf8(receive(&mut channel)).expect("text");
    assert!(text.starts_with("SigBlk:\t0000000000000200\n"), "SIGUSR1 is blocked: {text}");
    let kept = theirs.as_raw_fd().to_string();
    for line in text.lines().skip(1).filter(|line| !line.contains("/fd")) {
        let number = line.split(' ').next().expect("a number");
        assert!(["0", "1", "2", &kept].contains(&number), "{text}");
    }
    assert_eq!(wait(&child), ExitReason::Exited(0), "the process is the same");
}

/// Bears a child that is bound to it and that says its number, and ends.
fn bear(mut channel: Channel) {
    let (mut ours, theirs) = Channel::pair().expect("pair");
    let role = role("hang", &theirs);
    let args = [&ONLY_CHILD[..], &[&role]].concat();
    let image = std::env::current_exe().expect("path");
    let child = spawn_bound(&image, &args, &[theirs.as_fd()]).expect("spawn");
    assert_eq!(receive(&mut ours), b"here");
    channel.send(&child.pid().to_be_bytes(), None).expect("send");
    // Its end is ours.
    assert_eq!(receive(&mut channel), b"end");
}

#[test]
fn a_bound_child_ends_with_its_parent_and_an_adopted_process_can_be_waited_for() {
    let (mut channel, theirs) = Channel::pair().expect("pair");
    let parent = start("bear", &theirs);
    let pid = i32::from_be_bytes(receive(&mut channel).try_into().expect("a number"));
    let adopted = Child::adopt(pid).expect("it is there");
    assert!(adopted.is_adopted());
    assert_eq!(adopted.try_wait().expect("asked"), None);
    channel.send(b"end", None).expect("send");
    assert_eq!(wait(&parent), ExitReason::Exited(0));
    assert_eq!(wait(&adopted), ExitReason::Unknown);
    assert_eq!(adopted.try_wait().expect("asked again"), Some(ExitReason::Unknown));
    assert_eq!(ExitReason::Unknown.to_string(), "has ended");
}
