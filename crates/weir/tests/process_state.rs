//! The control socket of a real proxy: changes while it runs, on every worker or none, that
//! survive the end of main and of workers.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use process_support::control::{ask, bad, epoch, good, json, route, status};
use process_support::held::{Asked, routes};
use process_support::{CONTROLLED, Config, Proxy, fetch, weir};
use weir_testkit::process::{Signal, eventually, send_signal};

#[test]
fn a_route_is_served_by_every_worker_as_soon_as_it_is_acknowledged() {
    let proxy = Proxy::controlled();
    assert_eq!(status(&proxy), "404");
    route(&proxy, "second");
    for _ in 0..20 {
        assert_eq!(status(&proxy), "503", "the cluster has no backend yet");
    }
    let backend = TcpListener::bind("127.0.0.1:0").expect("bound");
    let at = backend.local_addr().expect("bound").to_string();
    good(&proxy, &["backend", "add", "--id", "second", "--backend-id", "b0", "-a", &at]);
    let address = proxy.address;
    let client = std::thread::spawn(move || fetch(address, "/"));
    let (mut stream, _) = backend.accept().expect("the proxy connects");
    std::io::Write::write_all(&mut stream, b"HTTP/1.1 204 No Content\r\n\r\n").expect("sent");
    assert!(client.join().expect("an answer").starts_with("HTTP/1.1 204 "));
    let listed = good(&proxy, &["frontend", "list"]);
    assert!(listed.contains("a.example") && listed.contains("second"), "{listed}");
    let drift = json(&good(&proxy, &["drift", "--json"]));
    for worker in drift["workers"].as_array().expect("a list") {
        assert_eq!((&worker["hash"], &worker["epoch"]), (&drift["hash"], &drift["epoch"]));
    }
    let address = proxy.address.to_string();
    let frontend = ["frontend", "http", "remove", "-a", &address, "--hostname", "a.example"];
    good(&proxy, &[&frontend[..], &["id", "second"]].concat());
    assert_eq!(status(&proxy), "404");
}

#[test]
fn what_a_worker_refuses_changes_nothing_anywhere() {
    let proxy = Proxy::controlled();
    let before = epoch(&proxy);
    let address = proxy.address.to_string();
    let broken = ["--path-regex", "(", "id", "first"];
    let frontend = ["frontend", "http", "add", "-a", &address, "--hostname", "a.example"];
    let refusal = bad(&proxy, &[&frontend[..], &broken].concat());
    assert!(refusal.contains("Request failed") && refusal.contains('('), "{refusal}");
    assert_eq!(epoch(&proxy), before);
    assert_eq!(status(&proxy), "404");
    let lost = bad(&proxy, &["listener", "udp", "remove", "-a", "127.0.0.1:53"]);
    assert!(lost.contains("there is no UDP listener on 127.0.0.1:53"), "{lost}");
    let main = good(&proxy, &["status"]);
    assert_eq!(main.matches("Running").count() + main.matches("RUNNING").count(), 2, "{main}");
}

#[test]
fn a_listener_comes_and_goes_while_the_proxy_runs() {
    let proxy = Proxy::controlled();
    let free = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound");
    let at = free.to_string();
    good(&proxy, &["listener", "http", "add", "-a", &at, "--sticky-name", "S"]);
    assert!(std::net::TcpStream::connect(free).is_err(), "it is not active yet");
    good(&proxy, &["listener", "http", "activate", "-a", &at]);
    for _ in 0..10 {
        assert!(fetch(free, "/").starts_with("HTTP/1.1 404 "));
    }
    let taken = bad(&proxy, &["listener", "http", "add", "-a", &at, "--sticky-name", "S"]);
    assert!(taken.contains("already"), "{taken}");
    good(&proxy, &["listener", "http", "deactivate", "-a", &at]);
    assert!(std::net::TcpStream::connect(free).is_err());
    good(&proxy, &["listener", "http", "activate", "-a", &at]);
    assert!(fetch(free, "/").starts_with("HTTP/1.1 404 "));
    good(&proxy, &["listener", "http", "remove", "-a", &at]);
    assert!(std::net::TcpStream::connect(free).is_err());
    assert_eq!(status(&proxy), "404", "the other listener is untouched");
}

#[test]
fn a_new_listener_leaves_no_connection_to_a_worker_that_is_not_there() {
    let text = format!("worker_automatic_restart = false\n{CONTROLLED}");
    let mut proxy = Proxy::start(Config::new(&text), &[]);
    send_signal(proxy.workers()[0], Signal::KILL);
    proxy.main.line_with("not started again");
    assert_eq!(status(&proxy), "404");
    let free = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound");
    let at = free.to_string();
    good(&proxy, &["listener", "http", "add", "-a", &at, "--sticky-name", "S"]);
    good(&proxy, &["listener", "http", "activate", "-a", &at]);
    // The kernel gives half of the connections to the socket of the dead worker.
    for _ in 0..50 {
        assert!(fetch(free, "/").starts_with("HTTP/1.1 404 "));
    }
}

#[test]
fn a_change_whose_list_is_too_long_for_an_answer_is_acknowledged() {
    let proxy = Proxy::controlled();
    let before = epoch(&proxy);
    let answer = Asked::of(&proxy, routes(&proxy, "a.example", 1_000)).answer();
    let answer = answer.expect("it is made, so it is not told to have failed");
    assert!(answer.contains("in use by every worker"), "{answer}");
    assert_eq!(epoch(&proxy), before + 1);
    assert_eq!(status(&proxy), "503");
}

#[test]
fn a_listener_whose_address_is_taken_is_refused_whole() {
    let proxy = Proxy::controlled();
    let theirs = TcpListener::bind("127.0.0.1:0").expect("bound");
    let at = theirs.local_addr().expect("bound").to_string();
    good(&proxy, &["listener", "http", "add", "-a", &at, "--sticky-name", "S"]);
    let refusal = bad(&proxy, &["listener", "http", "activate", "-a", &at]);
    assert!(refusal.contains("is in use"), "{refusal}");
    let listed = json(&good(&proxy, &["listener", "list", "--json"]));
    assert_eq!(listed["http_listeners"][&at]["active"], false);
}

#[test]
fn acknowledged_changes_survive_kill_9_of_main_and_of_workers() {
    let proxy = Proxy::controlled();
    route(&proxy, "second");
    let last = epoch(&proxy);
    for worker in proxy.workers() {
        send_signal(worker, Signal::KILL);
    }
    eventually("both workers serve again", || {
        good(&proxy, &["status"]).to_uppercase().matches("RUNNING").count() == 2
    });
    assert_eq!(status(&proxy), "503");
    assert_eq!(epoch(&proxy), last);

    let Proxy { mut main, config, .. } = proxy;
    main.signal(Signal::KILL);
    main.wait();
    let again = Proxy::start(config, &[]);
    assert_eq!(epoch(&again), last);
    assert_eq!(status(&again), "503", "the stored route is served");
    good(&again, &["rollback", &(last - 1).to_string()]);
    assert_eq!(status(&again), "404");
    let history = json(&good(&again, &["history", "--json"]));
    assert_eq!(history["entries"][0]["epoch"], last + 1);
    assert_eq!(history["entries"][0]["removed"], 1);
}

#[test]
fn a_file_is_applied_as_one_transaction_and_again_changes_nothing() {
    let proxy = Proxy::controlled();
    route(&proxy, "second");
    let at = proxy.address.to_string();
    let text = CONTROLLED.replace("127.0.0.1:0", &at).replace("first.example", "a.example");
    let file = proxy.config.in_directory("new.toml");
    std::fs::write(&file, text).expect("written");
    let file = file.to_str().expect("UTF-8");
    let before = epoch(&proxy);
    let plan = ask(&proxy, &["diff", "-f", file]);
    assert_eq!(plan.status.code(), Some(1), "{}", String::from_utf8_lossy(&plan.stderr));
    assert_eq!(epoch(&proxy), before, "a plan changes nothing");
    let stale = bad(&proxy, &["apply", "-f", file, "--if-epoch", &(before - 1).to_string()]);
    assert!(stale.contains("the state has changed"), "{stale}");
    let done = good(&proxy, &["apply", "-f", file]);
    assert!(done.contains("second") && done.contains("first.example"), "{done}");
    assert_eq!(epoch(&proxy), before + 1);
    let nothing = good(&proxy, &["diff", "-f", file]);
    assert_eq!(epoch(&proxy), before + 1, "{nothing}");
    let explained =
        good(&proxy, &["explain", "GET", &format!("http://{at}/x"), "-H", "Host: a.example"]);
    assert!(explained.contains("first"), "{explained}");
}

#[test]
fn a_state_is_saved_and_loaded() {
    let proxy = Proxy::controlled();
    route(&proxy, "second");
    let file = proxy.config.in_directory("state.json");
    let path = file.to_str().expect("UTF-8");
    good(&proxy, &["state", "save", "-f", path]);
    let saved = std::fs::read(&file).expect("saved");
    assert!(saved.ends_with(b"\n\0"));
    good(&proxy, &["cluster", "remove", "--id", "second"]);
    good(&proxy, &["state", "load", "-f", path]);
    let clusters = good(&proxy, &["cluster", "list"]);
    assert!(clusters.contains("second"), "{clusters}");
    let missing = bad(&proxy, &["state", "load", "-f", "/nonexistent/state"]);
    assert!(missing.contains("cannot be loaded"), "{missing}");
}

#[test]
fn the_socket_is_the_owners_alone_and_goes_with_the_proxy() {
    let proxy = Proxy::controlled();
    let path = proxy.config.in_directory("control.sock");
    let mode = std::fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let second = weir().arg("start").arg("-c").arg(proxy.config.path()).output().expect("runs");
    let error = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && !error.is_empty(), "{error}");
    good(&proxy, &["shutdown"]);
    eventually("the socket is gone", || !path.exists());
    let gone = bad(&proxy, &["status"]);
    assert!(gone.contains("control.sock"), "{gone}");
}
