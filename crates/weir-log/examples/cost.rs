//! What a record costs: CPU time to make one, and to make one and send it to a unix socket: one by
//! one to a datagram socket, many at once to a stream.
//!
//! `cargo run --release -p weir-log --example cost`

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use weir_base::Address;
use weir_log::{Logs, Settings};
use weir_telemetry::{AccessFormat, AccessRecord, LineFormat, TagList, Template};

const BACKEND: Address =
    Address::Ip(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 8_080));
const UNIX_NS: u64 = 1_764_064_721_000_000_000;
const RECORDS: u32 = 400_000;
/// Those that are sent: the kernel takes few at once, and then the logger waits.
const SENT: u32 = 8_000;
/// Records in one turn of a worker's loop: fewer than the kernel's shortest queue (10).
const A_TURN: u32 = 8;
const COMBINED: &str = r#"{client} [{time}] "{method} {path}" {status} {bytes_out} "{user_agent}""#;

fn cpu() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

fn record(tags: Option<&TagList>) -> AccessRecord<'_> {
    let micros = |n| Some(Duration::from_micros(n));
    AccessRecord {
        session: Some(b"01KAXYZ0000000000000000001"),
        request: Some(b"01KAXYZ0000000000000000002"),
        cluster: "api",
        backend: "api-1",
        client: Some(([192, 0, 2, 7], 51_234).into()),
        backend_address: Some(&BACKEND),
        request_time: micros(1_234),
        service_time: micros(90),
        wait_time: micros(5),
        response_time: micros(1_100),
        bytes_in: 120,
        bytes_out: 4_096,
        backend_bytes_in: 4_000,
        backend_bytes_out: 160,
        tags,
        user_agent: b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        authority: b"example.org",
        method: b"GET",
        path: b"/a/path/of/usual/length?with=query",
        status: Some(200),
        message: "H1::Complete",
        epoch: 42,
        ..AccessRecord::default()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tags = TagList::new([("owner", "team-a"), ("zone", "eu")]);
    let record = record(tags.as_ref());
    let template = AccessFormat::Template(Template::parse(COMBINED)?);
    let formats = [
        ("ascii", AccessFormat::Ascii),
        ("json", AccessFormat::Json),
        ("protobuf", AccessFormat::Protobuf),
        ("template", template),
    ];
    for (name, format) in formats {
        let mut line = LineFormat::new(std::process::id(), "WRK-00", false);
        let (mut bytes, before) = (0, cpu());
        for n in 0..RECORDS {
            let unix_ns = UNIX_NS + u64::from(n);
            bytes += std::hint::black_box(&record).encode(&format, &mut line, unix_ns).len();
        }
        let made = (cpu() - before) / RECORDS;
        let (datagrams, stream) = (datagrams(&record, &format)?, stream(&record, &format)?);
        println!(
            "{name:9} {:4} bytes, made in {made:?}, sent in a datagram too in {datagrams:?}, in a \
             stream in {stream:?}",
            bytes / RECORDS as usize
        );
    }
    Ok(())
}

/// CPU time of a record through a logger to a datagram socket that another thread reads.
fn datagrams(
    record: &AccessRecord<'_>,
    format: &AccessFormat,
) -> Result<Duration, Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("records");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    let (turns, turn) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut buffer = [0; 65_536];
        for n in 1..=SENT {
            if socket.recv(&mut buffer).is_err() || (n % A_TURN == 0 && turns.send(()).is_err()) {
                return;
            }
        }
    });
    let logs = logs(&format!("unix://{}", path.display()), format)?;
    let before = cpu();
    for n in 1..=SENT {
        logs.access(record, UNIX_NS);
        if n % A_TURN == 0 {
            logs.flush(weir_sys::now());
            turn.recv()?;
        }
    }
    let cost = (cpu() - before) / SENT;
    assert_eq!(logs.dropped(), 0, "every record was sent");
    drop(reader.join());
    Ok(cost)
}

/// The same to a stream, which takes more at once.
fn stream(
    record: &AccessRecord<'_>,
    format: &AccessFormat,
) -> Result<Duration, Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("records");
    let listener = UnixListener::bind(&path)?;
    let logs = logs(&format!("unix-stream://{}", path.display()), format)?;
    let (mut stream, _) = listener.accept()?;
    let reader = std::thread::spawn(move || std::io::copy(&mut stream, &mut std::io::sink()));
    let before = cpu();
    for n in 1..=RECORDS {
        logs.access(record, UNIX_NS);
        if n % A_TURN == 0 {
            logs.flush(weir_sys::now());
        }
        // Less than the ring has place for.
        if n % 400 == 0 {
            logs.flush_blocking(Duration::from_secs(1));
        }
    }
    let cost = (cpu() - before) / RECORDS;
    assert_eq!(logs.dropped(), 0, "every record was sent");
    drop(logs);
    drop(reader.join());
    Ok(cost)
}

fn logs(target: &str, format: &AccessFormat) -> Result<Logs, weir_log::Error> {
    Logs::open(&Settings {
        level: "info",
        target: "file:///dev/null",
        colored: Some(false),
        access_target: Some(target),
        access_format: format.clone(),
        access_colored: Some(false),
        access_sampling: 1,
        json: false,
        tag: "WRK-00",
        ring_bytes: 1 << 20,
        clock: || UNIX_NS,
    })
}
