use super::*;
use crate::testing::{
    DEADLINE, abort, address_of, assert_closes_on_exec, connect, connection, interrupted,
    is_readable, listener, read_exact, wait_closed, wait_readable,
};

/// The single event of a wait that must have one.
fn one(epoll: &mut Epoll) -> Event {
    assert_eq!(epoll.wait(Some(DEADLINE)).expect("wait"), 1);
    epoll.event(0)
}

fn none(epoll: &mut Epoll) {
    assert_eq!(epoll.wait(Some(Duration::ZERO)).expect("wait"), 0);
}

#[test]
fn an_edge_is_reported_once_and_again_when_more_arrives() {
    let (a, b) = connection();
    let mut epoll = Epoll::new(8).expect("epoll");
    epoll.add_edge(b.as_fd(), u64::MAX).expect("add");
    let event = one(&mut epoll);
    assert_eq!((event.token, event.readable, event.writable), (u64::MAX, false, true));
    none(&mut epoll);
    for _ in 0..2 {
        a.write(b"x").expect("write");
        assert!(one(&mut epoll).readable);
        none(&mut epoll);
    }
}

#[test]
fn a_level_is_reported_until_it_is_served() {
    let (a, b) = connection();
    let mut epoll = Epoll::new(8).expect("epoll");
    epoll.add_level(b.as_fd(), 7, true, false).expect("add");
    none(&mut epoll);
    a.write(b"x").expect("write");
    for _ in 0..2 {
        let event = one(&mut epoll);
        assert_eq!((event.token, event.readable, event.writable), (7, true, false));
    }
    read_exact(&b, 1);
    none(&mut epoll);
    epoll.modify_level(b.as_fd(), 8, false, true).expect("modify");
    let event = one(&mut epoll);
    assert_eq!((event.token, event.readable, event.writable), (8, false, true));
    epoll.modify_level(b.as_fd(), 8, false, false).expect("modify");
    none(&mut epoll);
}

#[test]
fn what_is_removed_is_not_reported_though_it_is_open() {
    let (_a, b) = connection();
    let mut epoll = Epoll::new(8).expect("epoll");
    epoll.add_level(b.as_fd(), 1, false, true).expect("add");
    epoll.remove(b.as_fd()).expect("remove");
    none(&mut epoll);
    assert!(epoll.remove(b.as_fd()).is_err(), "it is not there");
    assert!(epoll.modify_level(b.as_fd(), 1, true, true).is_err());
}

#[test]
fn what_closes_is_forgotten() {
    let (_a, b) = connection();
    let mut epoll = Epoll::new(8).expect("epoll");
    epoll.add_level(b.as_fd(), 1, true, true).expect("add");
    drop(b);
    none(&mut epoll);
}

#[test]
fn the_end_of_the_peer_is_told_from_the_end_of_both() {
    let (a, b) = connection();
    let mut epoll = Epoll::new(8).expect("epoll");
    epoll.add_edge(b.as_fd(), 1).expect("add");
    assert!(!one(&mut epoll).read_closed);
    a.shutdown_write().expect("shutdown");
    let event = one(&mut epoll);
    assert!(event.readable && event.read_closed && !event.hangup && !event.error, "{event:?}");
    b.shutdown_write().expect("shutdown");
    let event = one(&mut epoll);
    assert!(event.read_closed && event.hangup && !event.error, "{event:?}");
}

#[test]
fn a_reset_is_an_error() {
    let (a, b) = connection();
    let mut epoll = Epoll::new(8).expect("epoll");
    abort(a);
    wait_closed(&b);
    epoll.add_edge(b.as_fd(), 1).expect("add");
    let event = one(&mut epoll);
    assert!(event.error && event.hangup && event.readable && event.writable, "{event:?}");
}

/// A level-triggered descriptor without any interest still tells of its end: whoever is not
/// interested any more has to remove it.
#[test]
fn the_end_of_both_is_told_to_whoever_asked_for_nothing() {
    let (channel, theirs) = crate::Channel::pair().expect("pair");
    let mut epoll = Epoll::new(8).expect("epoll");
    epoll.add_level(channel.as_fd(), 1, false, false).expect("add");
    none(&mut epoll);
    drop(theirs);
    let event = one(&mut epoll);
    assert!(event.hangup && event.readable && event.writable, "{event:?}");
}

#[test]
fn what_does_not_fit_one_wait_comes_with_the_next() {
    let listeners = [listener(), listener(), listener()];
    let mut epoll = Epoll::new(2).expect("epoll");
    let mut clients = Vec::new();
    for (token, listener) in listeners.iter().enumerate() {
        clients.push(connect(address_of(listener)));
        wait_readable(listener);
        epoll.add_edge(listener.as_fd(), token as u64).expect("add");
    }
    let mut tokens = Vec::new();
    for expected in [2, 1] {
        assert_eq!(epoll.wait(Some(DEADLINE)).expect("wait"), expected);
        tokens.extend((0..expected).map(|index| epoll.event(index).token));
    }
    tokens.sort_unstable();
    assert_eq!(tokens, [0, 1, 2]);
}

#[test]
fn there_is_no_event_beyond_the_last() {
    let epoll = Epoll::new(2).expect("epoll");
    let event = epoll.event(0);
    let nothing = !event.readable && !event.writable && !event.read_closed;
    assert!(nothing && !event.hangup && !event.error, "{event:?}");
}

#[test]
fn room_for_no_event_is_room_for_one() {
    let (_a, b) = connection();
    let mut epoll = Epoll::new(0).expect("epoll");
    epoll.add_edge(b.as_fd(), 5).expect("add");
    assert_eq!(one(&mut epoll).token, 5);
}

#[test]
fn a_set_can_be_watched_by_another() {
    let (_a, b) = connection();
    let inner = Epoll::new(1).expect("epoll");
    assert_closes_on_exec(&inner);
    assert!(!is_readable(&inner));
    inner.add_edge(b.as_fd(), 1).expect("add");
    wait_readable(&inner);
}

#[test]
fn a_wait_does_not_end_before_its_deadline() {
    let mut epoll = Epoll::new(1).expect("epoll");
    for nanos in [1, 999, 1_000, 300_000, 999_999, 1_000_001] {
        let timeout = Duration::from_nanos(nanos);
        let start = std::time::Instant::now();
        assert_eq!(epoll.wait(Some(timeout)).expect("wait"), 0);
        assert!(start.elapsed() >= timeout, "{timeout:?}");
        assert!(nanos > 999 || start.elapsed() >= Duration::from_millis(1), "{timeout:?}");
    }
}

#[test]
fn the_longest_wait_is_accepted() {
    let (a, b) = connection();
    let mut epoll = Epoll::new(1).expect("epoll");
    epoll.add_edge(b.as_fd(), 1).expect("add");
    assert_eq!(epoll.wait(Some(Duration::MAX)).expect("wait"), 1);
    drop(a);
    assert_eq!(epoll.wait(None).expect("wait"), 1);
}

#[test]
fn a_signal_ends_a_wait_without_an_event() {
    let waited = interrupted(|| Epoll::new(1).expect("epoll").wait(None));
    assert_eq!(waited.expect("no error"), 0);
}
