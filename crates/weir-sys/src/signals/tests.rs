use super::*;
use crate::testing::{is_readable, wait_readable};

/// To the calling thread, so that other tests do not see it.
fn raise(signal: i32) {
    // SAFETY: sends a signal that this thread has blocked.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

#[test]
fn blocked_signals_are_read_instead_of_ending_the_process() {
    let signals = Signals::block(&[Signal::Terminate, Signal::Hangup]).expect("signals");
    crate::testing::assert_closes_on_exec(&signals);
    assert_eq!(signals.read().expect("read"), None);
    assert!(!is_readable(&signals));

    raise(libc::SIGTERM);
    raise(libc::SIGHUP);
    raise(libc::SIGHUP);
    wait_readable(&signals);
    let read = [signals.read().expect("read"), signals.read().expect("read")];
    assert!(read.contains(&Some(Signal::Hangup)) && read.contains(&Some(Signal::Terminate)));
    assert_eq!(signals.read().expect("read"), None, "repetitions merge");
}

#[test]
fn each_signal_has_its_name() {
    let signals = Signals::block(&ALL.map(|(signal, _)| signal)).expect("signals");
    for (signal, number) in ALL {
        raise(number);
        assert_eq!(signals.read().expect("read"), Some(signal));
    }
}

#[test]
fn only_the_chosen_signals_are_read() {
    let _other = Signals::block(&[Signal::Interrupt]).expect("signals");
    let signals = Signals::block(&[Signal::User1]).expect("signals");
    raise(libc::SIGINT);
    assert_eq!(signals.read().expect("read"), None);
    raise(libc::SIGUSR1);
    assert_eq!(signals.read().expect("read"), Some(Signal::User1));
}
