use std::net::UdpSocket;

use weir_control::metrics::Times;
use weir_control::packed::{pack, unpack};

use super::*;

fn plan(address: SocketAddr, tagged: bool) -> StatsdPlan {
    StatsdPlan { address, tagged, prefix: "p".to_owned() }
}

fn nowhere(tagged: bool) -> StatsdPlan {
    plan("127.0.0.1:1".parse().expect("an address"), tagged)
}

fn measured(uptime: u64, count: u64, times: &[(u64, u64)]) -> Measured {
    let sum = times.iter().map(|(value, n)| value * n).sum();
    let times = Times { sum, max: 0, buckets: times.to_vec() };
    let count = || Sample::count("n", count);
    Measured {
        proxy: vec![
            count(),
            Sample { name: "t".into(), value: Value::Times(times) },
            Sample::gauge(Gauge::Uptime.name(), uptime),
        ],
        clusters: vec![OfCluster {
            id: "a:b".to_owned(),
            own: vec![count()],
            backends: vec![("one".to_owned(), vec![count()])],
        }],
    }
}

/// The lines of a round about the worker of process 7.
fn round(statsd: &mut Last, plan: &StatsdPlan, measured: Measured) -> Vec<String> {
    let mut lines = Lines::new(plan);
    statsd.changes("WRK-01", measured, &mut lines);
    lines.datagrams().concat().lines().map(str::to_owned).collect()
}

#[test]
fn lines_have_the_difference_and_the_documented_names() {
    let (plan, mut last) = (nowhere(false), Last::default());
    assert_eq!(
        round(&mut last, &plan, measured(1, 2, &[(400, 1), (2_000, 4)])),
        [
            "p.WRK-01.n:2|c",
            "p.WRK-01.t:0.4|ms",
            "p.WRK-01.t:2|ms|@0.25",
            "p.WRK-01.process.uptime_seconds:1|g",
            "p.WRK-01.cluster.a_b.n:2|c",
            "p.WRK-01.cluster.a_b.backend.one.n:2|c",
        ]
    );
    assert_eq!(
        round(&mut last, &plan, measured(1, 5, &[(400, 1), (2_000, 5)])),
        [
            "p.WRK-01.n:3|c",
            "p.WRK-01.t:2|ms",
            "p.WRK-01.cluster.a_b.n:3|c",
            "p.WRK-01.cluster.a_b.backend.one.n:3|c",
        ]
    );
    assert_eq!(round(&mut last, &plan, measured(1, 5, &[(400, 1), (2_000, 5)])), [""; 0]);
    let again = round(&mut last, &plan, measured(1, 1, &[]));
    assert_eq!(again[0], "p.WRK-01.n:1|c", "counted from 0 again");
}

#[test]
fn labels_can_be_tags() {
    let lines = round(&mut Last::default(), &nowhere(true), measured(1, 2, &[]));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(lines[0], format!("p.n,origin=WRK-01,version={version}:2|c"));
    let cluster = format!("p.cluster.n,origin=WRK-01,version={version},cluster_id=a_b:2|c");
    assert!(lines.contains(&cluster), "{lines:?}");
    let tags = format!("origin=WRK-01,version={version},cluster_id=a_b,backend_id=one");
    assert!(lines.contains(&format!("p.backend.n,{tags}:2|c")), "{lines:?}");
}

#[test]
fn many_lines_share_a_datagram_that_fits_a_packet() {
    let plan = nowhere(false);
    let mut lines = Lines::new(&plan);
    for number in 0..500 {
        lines.add(&Labels::process("MAIN"), "some.name", &Value::Gauge(number));
    }
    let datagrams = lines.datagrams();
    assert!(datagrams.len() > 5 && datagrams.iter().all(|d| d.len() <= 1432));
    assert_eq!(datagrams.concat().lines().count(), 500);
}

/// What sends to a sink, and what comes there next.
fn sending(sent: Sent) -> (Statsd, impl Fn() -> String) {
    let sink = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let plan = plan(sink.local_addr().expect("bound"), false);
    let received = move || {
        let mut datagram = [0; 2000];
        let length = sink.recv(&mut datagram).expect("received");
        String::from_utf8_lossy(&datagram[..length]).into_owned()
    };
    (Statsd::new(plan, sent, Instant::default()), received)
}

#[test]
fn an_old_worker_that_main_meets_has_sent_what_it_had() {
    let (mut statsd, received) = sending(Sent::default());
    let mut send = |measured| statsd.send(Vec::new(), [((7, 0), measured)].into(), |_| true);
    send(measured(100, 20, &[]));
    send(measured(100, 21, &[]));
    let text = received();
    assert!(text.starts_with("p.WRK-00.n:1|c\n"), "{text}");
    assert!(statsd.is_new(&[7, 8]) && !statsd.is_new(&[7]));
    statsd.retain(|_| false);
    assert!(statsd.is_new(&[7]));
}

#[test]
fn the_next_image_of_main_goes_on_from_what_was_sent() {
    let (mut statsd, received) = sending(Sent::default());
    let main = |count| vec![Sample::count("m", count)];
    let workers = |count| [((7, 0), measured(100, count, &[]))].into();
    statsd.send(main(4), workers(20), |_| true);
    assert_eq!(received(), "p.MAIN.m:4|c\n");
    let packed = pack(statsd.sent()).expect("packed");
    let (mut next, received) = sending(unpack(&packed).expect("whole"));
    assert!(!next.is_new(&[7]));
    next.send(main(5), workers(22), |_| true);
    let text = received();
    assert!(text.starts_with("p.MAIN.m:1|c\np.WRK-00.n:2|c\n"), "{text}");
    next.send(main(5), workers(22), |_| true);
    next.send(main(6), workers(22), |_| true);
    assert_eq!(received(), "p.MAIN.m:1|c\n", "what is as before is not sent");
}
