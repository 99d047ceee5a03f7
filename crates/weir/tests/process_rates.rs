//! Limits of requests with the real program: workers share them, and they change while it runs.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::time::{Duration, Instant};

use process_support::control::{bad, good};
use process_support::{CONTROLLED, Config, Proxy, fetch_from};

/// How often workers are told what all have taken.
const INTERVAL: f64 = 0.25;

fn limited(limits: &str) -> Proxy {
    let backend = "[clusters.first]";
    Proxy::start(
        Config::new(&CONTROLLED.replacen(backend, &format!("{backend}\n{limits}"), 1)),
        &[],
    )
}

fn status(proxy: &Proxy) -> String {
    let answer = fetch_from(proxy.address, "first.example", "/");
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn two_workers_let_through_what_one_may() {
    const RATE: f64 = 40.0;
    const BURST: f64 = 5.0;
    let proxy = limited("rate_limits = [{ requests = 40, burst = 5 }]");
    assert_eq!(proxy.workers().len(), 2);
    let began = Instant::now();
    let mut served = 0.0;
    // Each request is a connection of its own: the kernel spreads them over the workers.
    while began.elapsed() < Duration::from_secs(4) {
        match &*status(&proxy) {
            "503" => served += 1.0,
            status => assert_eq!(status, "429"),
        }
    }
    let time = began.elapsed().as_secs_f64();
    // Without the exchange, each worker would let through all of the rate.
    let most = 2.0 * BURST + RATE * (time + time / 16.0 + 2.0 * 2.0 * INTERVAL);
    assert!(served <= most, "{served} of {most} in {time} s");
    assert!(2.0 * RATE * time > most, "two rates would be seen");
    let counted = good(&proxy, &["metrics", "get", "-n", "requests.rate_limited"]);
    assert!(counted.contains("requests.rate_limited"), "{counted}");
}

#[test]
fn limits_change_while_it_runs() {
    let proxy = Proxy::controlled();
    let listener = proxy.address.to_string();
    assert_eq!(status(&proxy), "503");
    let add = ["cluster", "add", "-i", "first", "--load-balancing-policy", "random"];
    good(&proxy, &[&add[..], &["--rate-limit", "1/3600,by=source-ip"]].concat());
    // One for each of the two workers, until they have told each other.
    let refused = (0..20).filter(|_| status(&proxy) == "429").count();
    assert!(refused >= 18, "{refused}");
    let explained = good(&proxy, &["explain", "GET", "http://first.example/", "-a", &listener]);
    assert!(explained.contains("serves 1 in 3600 s of each client address"), "{explained}");
    good(&proxy, &add);
    assert_eq!(status(&proxy), "503");
    let rule = ["-a", &listener, "--hostname", "second.example"];
    let add = [&["frontend", "http", "add"], &rule[..], &["--rate-limit", "1/9999"]].concat();
    let told = bad(&proxy, &[&add[..], &["id", "first"]].concat());
    assert!(told.contains("1 to 3600 seconds"), "{told}");
    assert!(good(&proxy, &["drift"]).starts_with("Success"));
}
