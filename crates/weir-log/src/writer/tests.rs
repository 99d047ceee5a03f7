use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};

use super::*;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

fn writer(target: &str, ring_bytes: usize) -> Writer {
    Writer::open(&target.parse().expect("a target"), ring_bytes).expect("opened")
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
    let target = format!("tcp://{}", listener.local_addr().expect("an address"));
    (listener, target)
}

fn read(stream: &mut TcpStream, text: &[u8]) {
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut read = vec![0; text.len()];
    stream.read_exact(&mut read).expect("read");
    assert_eq!(read, text);
}

#[test]
fn a_file_is_appended_to_and_opened_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    let moved = directory.path().join("log.1");
    fs::write(&path, "before\n").expect("written");
    let mut writer = writer(&format!("file://{}", path.display()), 1_024);
    writer.push_line(b"one\n");
    writer.flush(Instant::default());
    fs::rename(&path, &moved).expect("moved");
    writer.push_line(b"two\n");
    writer.flush(Instant::default());
    writer.reopen().expect("opened again");
    writer.push_line(b"three\n");
    writer.flush(Instant::default());
    assert_eq!(fs::read_to_string(&moved).expect("read"), "before\none\ntwo\n");
    assert_eq!(fs::read_to_string(&path).expect("read"), "three\n");
}

#[test]
fn a_file_that_cannot_be_opened_again_stays_in_use() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("logs").join("log");
    fs::create_dir(path.parent().expect("a parent")).expect("created");
    let mut writer = writer(&format!("file://{}", path.display()), 1_024);
    let moved = directory.path().join("elsewhere");
    fs::rename(path.parent().expect("a parent"), &moved).expect("moved");
    assert!(writer.reopen().is_err());
    writer.push_line(b"still here\n");
    writer.flush(Instant::default());
    assert_eq!(fs::read_to_string(moved.join("log")).expect("read"), "still here\n");
}

#[test]
fn a_full_disk_costs_lines_and_no_time() {
    let mut writer = writer("file:///dev/full", 16);
    writer.push_line(b"kept\n");
    let mut now = Instant::default();
    writer.flush(now);
    assert!(writer.deadline() > now, "not tried again at once");
    writer.push_line(b"does not fit\n");
    assert_eq!(writer.dropped(), 1);
    now = writer.deadline();
    writer.flush(now);
    assert_eq!(writer.deadline() - now, 2 * FIRST_PAUSE);
    writer.flush_blocking(PATIENCE);
}

#[test]
fn a_named_pipe_without_a_reader_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).expect("made");
    let target = Target::File(path);
    assert!(Writer::open(&target, 16).is_err());
}

#[test]
fn udp_carries_one_line_per_datagram() {
    let collector = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
    collector.set_read_timeout(Some(PATIENCE)).expect("set");
    let target = format!("udp://{}", collector.local_addr().expect("an address"));
    let mut writer = writer(&target, 100_000);
    writer.push_line(b"one\n");
    writer.push_line(&[vec![b'x'; 70_000], b"\n".to_vec()].concat());
    writer.push_line(b"two\n");
    writer.flush(Instant::default());
    let mut datagram = [0; 64];
    for line in [b"one\n", b"two\n"] {
        let n = collector.recv(&mut datagram).expect("received");
        assert_eq!(&datagram[..n], line);
    }
    assert_eq!(writer.dropped(), 1, "longer than a datagram can be");
}

#[test]
fn unix_datagrams_wait_for_their_collector() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let mut writer = writer(&format!("unix://{}", path.display()), 1_024);
    writer.push_line(b"early\n");
    writer.flush(Instant::default());
    let collector = UnixDatagram::bind(&path).expect("bound");
    collector.set_read_timeout(Some(PATIENCE)).expect("set");
    writer.flush(writer.deadline());
    let mut datagram = [0; 64];
    let n = collector.recv(&mut datagram).expect("received");
    assert_eq!(&datagram[..n], b"early\n");
}

#[test]
fn a_unix_stream_waits_for_its_collector_and_takes_many_lines_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let hold = Duration::from_millis(5);
    let mut writer = writer(&format!("unix-stream://{}", path.display()), 1 << 20).holding(hold);
    let mut now = Instant::default();
    writer.push_line(b"early\n");
    writer.flush(now);
    assert_eq!(writer.deadline(), now + hold, "more may come");
    now = writer.deadline();
    writer.flush(now);
    assert_eq!(writer.deadline(), now + FIRST_PAUSE, "nobody is there");
    let collector = UnixListener::bind(&path).expect("bound");
    writer.flush(writer.deadline());
    let (mut stream, _) = collector.accept().expect("accepted");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut bytes = [0; 6];
    stream.read_exact(&mut bytes).expect("read");
    assert_eq!(&bytes, b"early\n");
    now = now + Duration::from_secs(60);
    for _ in 0..3 {
        writer.push_line(b"later\n");
        writer.flush(now);
    }
    let line = vec![b'x'; ENOUGH];
    stream.set_nonblocking(true).expect("set");
    let mut all = vec![0; 2 * ENOUGH];
    assert!(stream.read(&mut all).is_err(), "they wait for others");
    writer.push_line(&line);
    writer.flush(now);
    assert_eq!(stream.read(&mut all).expect("read"), 18 + ENOUGH, "enough for a write");
    assert_eq!(writer.deadline(), Instant::FAR);
    writer.push_line(b"last\n");
    writer.flush(now);
    writer.flush_blocking(PATIENCE);
    assert_eq!(stream.read(&mut all).expect("read"), 5, "at the end nothing waits");
}

#[test]
fn a_collector_that_reads_nothing_costs_lines_and_no_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let collector = UnixDatagram::bind(&path).expect("bound");
    let mut writer = writer(&format!("unix://{}", path.display()), 1_024);
    let mut now = Instant::default();
    for n in 0..100_000 {
        writer.push_line(format!("line {n}\n").as_bytes());
        writer.flush(now);
        if writer.dropped() > 0 {
            break;
        }
    }
    assert!(writer.dropped() > 0);
    assert!(writer.take_untold().is_none(), "no room to tell it");
    // It reads again: lines flow.
    collector.set_nonblocking(true).expect("set");
    let mut last = Vec::new();
    while writer.deadline() != Instant::FAR {
        let mut datagram = [0; 64];
        while let Ok(n) = collector.recv(&mut datagram) {
            last = datagram[..n].to_vec();
        }
        now = now + LONGEST_FULL_PAUSE;
        writer.flush(now);
    }
    assert!(last.starts_with(b"line "));
    assert_eq!(writer.take_untold(), Some(1));
}

#[test]
fn tcp_is_connected_again_and_no_line_is_cut() {
    let (listener, target) = listener();
    let mut writer = writer(&target, 65_536);
    writer.push_line(b"one\n");
    writer.flush_blocking(PATIENCE);
    let (mut stream, _) = listener.accept().expect("accepted");
    read(&mut stream, b"one\n");

    // The peer resets the connection: lines are lost until that is noticed, then flow again.
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("set");
    drop(stream);
    let mut now = Instant::default();
    while writer.sink.is_some() {
        writer.push_line(b"lost\n");
        writer.flush(now);
    }
    writer.push_line(b"two\n");
    now = writer.deadline();
    writer.flush(now);
    writer.flush_blocking(PATIENCE);
    let (mut stream, _) = listener.accept().expect("accepted again");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut text = Vec::new();
    while !text.ends_with(b"two\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("read");
        text.push(byte[0]);
    }
    assert!(
        text.split_inclusive(|b| *b == b'\n').all(|line| line == b"lost\n" || line == b"two\n")
    );
}

#[test]
fn the_rest_of_a_line_is_not_sent_to_another_connection() {
    let (listener, target) = listener();
    let mut writer = writer(&target, 65_536);
    let line = [vec![b'x'; 60], b"\n".to_vec()].concat();
    writer.push_line(&line);
    writer.push_line(b"next\n");
    writer.consume(10);
    writer.disconnect();
    assert_eq!(writer.dropped(), 1);
    writer.flush_blocking(PATIENCE);
    let (_first, _) = listener.accept().expect("accepted");
    let (mut second, _) = listener.accept().expect("accepted");
    read(&mut second, b"next\n");
}

#[test]
fn a_collector_that_is_away_is_tried_less_and_less_often() {
    let (listener, target) = listener();
    drop(listener);
    let mut writer = writer(&target, 1_024);
    writer.push_line(b"kept\n");
    let mut now = Instant::default();
    let mut pauses = Vec::new();
    while pauses.last() != Some(&LONGEST_PAUSE) {
        writer.flush(now);
        let pause = writer.deadline() - now;
        if pause > LONGEST_FULL_PAUSE {
            pauses.push(pause);
        }
        now = writer.deadline();
    }
    assert_eq!(pauses.first(), Some(&FIRST_PAUSE));
    assert!(pauses.is_sorted());
    assert_eq!(writer.dropped(), 0);
}

#[test]
fn the_end_of_a_process_waits_for_a_slow_reader_but_not_for_ever() {
    let (mut reader, pipe) = io::pipe().expect("a pipe");
    let mut writer = writer("stdout", 1 << 20);
    writer.sink = Some(Sink::Stdout(crate::sink::Stdout::new(pipe.as_fd()).expect("opened")));
    drop(pipe);
    let line = [vec![b'x'; 1_023], b"\n".to_vec()].concat();
    for _ in 0..1_000 {
        writer.push_line(&line);
    }
    writer.flush_blocking(Duration::from_millis(1));
    assert!(writer.deadline() != Instant::FAR, "nobody reads");
    let thread = std::thread::spawn(move || {
        let mut bytes = 0;
        let mut buffer = [0; 10_000];
        while let Ok(n @ 1..) = reader.read(&mut buffer) {
            bytes += n;
        }
        bytes
    });
    writer.flush_blocking(PATIENCE);
    assert_eq!(writer.deadline(), Instant::FAR);
    drop(writer);
    assert_eq!(thread.join().expect("joined"), 1_000 * 1_024);
}
