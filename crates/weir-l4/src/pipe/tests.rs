use std::fmt::Write;

use proptest::prelude::*;

use super::half::Phase;
use super::*;
use Side::{Back, Front};

const TABLE: &str = "\
phase     End       Emptied   Shut      Broken    Refused
Open      Draining  Open      Open      Flushing  Done
Draining  Draining  Closing   Draining  Flushing  Done
Closing   Closing   Closing   Done      Closing   Done
Flushing  Flushing  Done      Flushing  Flushing  Done
Done      Done      Done      Done      Done      Done
";

const ALL: Ready = Ready { readable: true, writable: true };
const ANY: Sides<Ready> = Sides { front: ALL, back: ALL };
const NONE: Sides<usize> = Sides { front: 0, back: 0 };

const OPTIONS: Options = Options {
    capacity: 100,
    timeouts: Sides { front: Duration::from_secs(60), back: Duration::from_secs(30) },
};

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn pipe() -> Pipe {
    Pipe::new(OPTIONS, NONE, at(0))
}

fn poll(pipe: &mut Pipe) -> Option<Action> {
    pipe.poll(ANY, at(0))
}

#[test]
fn the_transition_table_is_the_documented_one() {
    let phases = [Phase::Open, Phase::Draining, Phase::Closing, Phase::Flushing, Phase::Done];
    let events = [Event::End, Event::Emptied, Event::Shut, Event::Broken, Event::Refused];
    let row = |name: String, cells: [String; 5]| {
        let mut line = format!("{name:<10}");
        cells.iter().for_each(|cell| write!(line, "{cell:<10}").expect("strings take all"));
        format!("{}\n", line.trim_end())
    };
    let mut table = row("phase".into(), events.map(|event| format!("{event:?}")));
    for phase in phases {
        let cells = events.map(|event| format!("{:?}", phase.after(event)));
        table += &row(format!("{phase:?}"), cells);
    }
    assert_eq!(table, TABLE);
}

#[test]
fn bytes_go_both_ways_in_turn() {
    let mut pipe = pipe();
    assert_eq!(poll(&mut pipe), Some(Action::Read(Front)));
    pipe.handle_read(Front, 10, at(0));
    assert_eq!(poll(&mut pipe), Some(Action::Read(Back)), "the other direction");
    pipe.handle_read(Back, 20, at(0));
    assert_eq!(poll(&mut pipe), Some(Action::Write(Back)));
    pipe.handle_written(Back, 4, at(0));
    assert_eq!(poll(&mut pipe), Some(Action::Write(Front)));
    pipe.handle_written(Front, 20, at(0));
    assert_eq!(poll(&mut pipe), Some(Action::Write(Back)), "the rest");
    pipe.handle_written(Back, 6, at(0));
    assert_eq!((pipe.bytes(Front), pipe.bytes(Back)), (10, 20));
    assert_eq!((pipe.pending(Front), pipe.pending(Back)), (0, 0));
}

#[test]
fn what_is_not_ready_is_waited_for() {
    let mut pipe = pipe();
    let reading = Ready { readable: true, writable: false };
    assert_eq!(pipe.interest(), Sides { front: reading, back: reading });
    pipe.handle_read(Front, 100, at(0));
    let writing = Ready { readable: true, writable: true };
    let full = Ready::default();
    assert_eq!(pipe.interest(), Sides { front: full, back: writing });
    assert_eq!(pipe.poll(Sides { front: ALL, back: full }, at(0)), None);
    assert_eq!(pipe.poll(Sides { front: full, back: writing }, at(0)), Some(Action::Read(Back)));
}

#[test]
fn bytes_that_were_read_ahead_are_written_first() {
    let mut pipe = Pipe::new(OPTIONS, Sides { front: 517, back: 0 }, at(0));
    assert_eq!(pipe.room(Front), 0, "more than the capacity");
    assert_eq!(poll(&mut pipe), Some(Action::Write(Back)));
    pipe.handle_written(Back, 517, at(0));
    assert_eq!((pipe.room(Front), pipe.bytes(Front)), (100, 517));
}

#[test]
fn one_direction_ends_and_the_other_goes_on() {
    let mut pipe = pipe();
    pipe.handle_read(Front, 5, at(0));
    pipe.handle_end(Front, at(0));
    let only = |side, ready| {
        let mut sides = Sides::<Ready>::default();
        sides[side] = ready;
        sides
    };
    assert_eq!(pipe.poll(only(Front, ALL), at(0)), None, "nothing more is read");
    assert_eq!(pipe.poll(only(Back, ALL), at(0)), Some(Action::Read(Back)));
    pipe.handle_read(Back, 1, at(0));
    assert_eq!(poll(&mut pipe), Some(Action::Write(Back)), "what was sent before the end");
    pipe.handle_written(Back, 5, at(0));
    pipe.handle_written(Front, 1, at(0));
    assert_eq!(poll(&mut pipe), Some(Action::Shut(Back)));
    pipe.handle_shut(Back, at(0));
    assert_eq!(poll(&mut pipe), Some(Action::Read(Back)));
    pipe.handle_read(Back, 50, at(0));
    pipe.handle_written(Front, 50, at(0));
    pipe.handle_end(Back, at(0));
    assert_eq!(poll(&mut pipe), Some(Action::Shut(Front)));
    pipe.handle_shut(Front, at(0));
    assert_eq!(poll(&mut pipe), Some(Action::Close(Ending::Finished)));
    assert_eq!((poll(&mut pipe), pipe.deadline()), (None, None));
    assert_eq!(pipe.interest(), Sides::default());
}

#[test]
fn a_backend_that_breaks_behind_its_answer_delivers_it() {
    let mut pipe = pipe();
    pipe.handle_read(Front, 7, at(0));
    pipe.handle_read(Back, 30, at(0));
    pipe.handle_read_failure(Back);
    assert_eq!(pipe.pending(Front), 0, "nobody takes what the client sent");
    assert_eq!(poll(&mut pipe), Some(Action::Write(Front)));
    pipe.handle_written(Front, 30, at(0));
    assert_eq!(poll(&mut pipe), Some(Action::Close(Ending::Broken(Back))), "no clean end");
}

#[test]
fn a_side_that_takes_no_more_may_still_send() {
    let mut pipe = pipe();
    pipe.handle_read(Front, 7, at(0));
    pipe.handle_write_failure(Back);
    assert_eq!(pipe.room(Front), 0);
    assert_eq!(poll(&mut pipe), Some(Action::Read(Back)));
    pipe.handle_read(Back, 30, at(0));
    pipe.handle_end(Back, at(0));
    pipe.handle_written(Front, 30, at(0));
    assert_eq!(poll(&mut pipe), Some(Action::Shut(Front)));
    pipe.handle_shut(Front, at(0));
    assert_eq!(poll(&mut pipe), Some(Action::Close(Ending::Broken(Back))));
}

#[test]
fn the_first_side_that_breaks_is_to_blame() {
    let mut pipe = pipe();
    pipe.handle_read_failure(Front);
    pipe.handle_read_failure(Back);
    assert_eq!(poll(&mut pipe), Some(Action::Close(Ending::Broken(Front))));
}

#[test]
fn silence_ends_a_pipe_and_anything_that_moves_counts_for_both() {
    let mut pipe = pipe();
    assert_eq!(pipe.deadline(), Some(at(30)));
    pipe.handle_read(Front, 1, at(10));
    assert_eq!(pipe.deadline(), Some(at(40)));
    pipe.handle_written(Back, 1, at(20));
    pipe.handle_end(Front, at(25));
    pipe.handle_shut(Back, at(26));
    assert_eq!(pipe.poll(Sides::default(), at(55)), None);
    let idle = Some(Action::Close(Ending::Idle(Back)));
    assert_eq!(pipe.poll(ANY, at(56)), idle, "though a side is ready");
    assert_eq!(pipe.poll(ANY, at(56)), None);
}

#[test]
fn a_pipe_goes_on_in_another_process() {
    let mut old = pipe();
    old.handle_read(Front, 40, at(10));
    old.handle_written(Back, 30, at(10));
    old.handle_end(Back, at(10));
    let text = serde_json::to_string(&old.save(at(15))).expect("plain data");
    let saved = serde_json::from_str(&text).expect("plain data");
    let mut new = Pipe::restore(saved, OPTIONS, at(100));
    assert_eq!((new.pending(Front), new.bytes(Front)), (10, 30));
    assert_eq!(new.deadline(), Some(at(125)));
    let first = new.poll(ANY, at(100));
    assert_eq!(first, Some(Action::Write(Back)));
    new.handle_written(Back, 10, at(100));
    assert_eq!(new.poll(ANY, at(100)), Some(Action::Shut(Front)));
}

/// A side of a world without sockets: what it has to say, and what it was told.
#[derive(Clone, Debug, Default)]
struct Peer {
    unsent: u64,
    received: u64,
    told_end: bool,
}

proptest! {
    /// Whatever is ready when, in pieces of any size: all bytes arrive, then the end, both ways.
    #[test]
    fn all_bytes_arrive_before_the_end(
        front in 0..500_u64,
        back in 0..500_u64,
        steps in prop::collection::vec((any::<[bool; 4]>(), 1..80_u64), 400),
    ) {
        let mut peers = Sides {
            front: Peer { unsent: front, ..Peer::default() },
            back: Peer { unsent: back, ..Peer::default() },
        };
        let mut pipe = pipe();
        let always = std::iter::repeat_n(([true; 4], 80), 200);
        for ([a, b, c, d], size) in steps.into_iter().chain(always) {
            let ready = Sides {
                front: Ready { readable: a, writable: b },
                back: Ready { readable: c, writable: d },
            };
            match pipe.poll(ready, at(0)) {
                None => {}
                Some(Action::Read(side)) => {
                    prop_assert!(ready[side].readable);
                    let count = size.min(peers[side].unsent).min(pipe.room(side) as u64);
                    peers[side].unsent -= count;
                    match count {
                        0 => pipe.handle_end(side, at(0)),
                        _ => pipe.handle_read(side, count as usize, at(0)),
                    }
                }
                Some(Action::Write(side)) => {
                    prop_assert!(ready[side].writable && !peers[side].told_end);
                    let count = size.min(pipe.pending(side.other()) as u64);
                    peers[side].received += count;
                    pipe.handle_written(side, count as usize, at(0));
                }
                Some(Action::Shut(side)) => {
                    peers[side].told_end = true;
                    pipe.handle_shut(side, at(0));
                }
                Some(Action::Close(ending)) => prop_assert_eq!(ending, Ending::Finished),
            }
        }
        prop_assert!(pipe.over);
        prop_assert!(peers.front.told_end && peers.back.told_end);
        prop_assert_eq!((peers.front.received, peers.back.received), (back, front));
        prop_assert_eq!((pipe.bytes(Front), pipe.bytes(Back)), (front, back));
    }
}
