//! Workers that die of what a client sends, with the real program: main says what they were working
//! on, and refuses it for a while.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use process_support::tools::{text, tool};
use process_support::{CONTROLLED, Config, Proxy};
use weir_testkit::process::{PATIENCE, Signal, eventually, send_signal};

/// Clients that ask without a pause, so that a worker hardly ever has nothing in hand.
struct Crowd {
    answered: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl Crowd {
    fn start(at: SocketAddr) -> Self {
        let crowd = Self { answered: Arc::default(), over: Arc::default() };
        for _ in 0..4 {
            let (answered, over) = (Arc::clone(&crowd.answered), Arc::clone(&crowd.over));
            std::thread::spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    // A worker that dies takes the connection with it.
                    let _ = ask(at, &answered);
                }
            });
        }
        crowd
    }

    fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

/// Many requests at once, to be answered by the proxy itself: nothing is routed to that name.
fn ask(at: SocketAddr, answered: &AtomicUsize) -> io::Result<()> {
    const REQUESTS: usize = 50;
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n".repeat(REQUESTS).as_bytes())?;
    let mut bytes = [0; 65_536];
    while stream.read(&mut bytes)? > 0 {
        answered.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

/// The status that a client at this address is answered with; 000: none.
fn status(from: &str, at: SocketAddr) -> Option<String> {
    let mut curl = tool("curl", "curl")?;
    curl.args(["--silent", "--max-time", "30", "--noproxy", "*", "--interface", from]);
    curl.args(["--output", "/dev/null", "--write-out", "%{http_code}"]);
    let output = curl.arg(format!("http://{at}/")).output().expect("curl runs");
    Some(text(&output.stdout))
}

#[test]
fn a_client_that_workers_die_of_is_told_of_and_refused_for_a_while() {
    const REFUSED: &str =
        "workers have died 3 times in a similar way: requests of client 127.0.0.1 are refused";
    let Proxy { main, address, config } = Proxy::start(Config::new(CONTROLLED), &[]);
    let main = RefCell::new(main);
    let refused = || main.borrow_mut().count(REFUSED) > 0;
    let crowd = Crowd::start(address);
    // A signal may find a worker between two sessions: then it is nobody's fault.
    for _ in 0..100 {
        let (workers, answered) = (main.borrow().children(), crowd.answered());
        eventually("there are answers, or it is refused", || {
            crowd.answered() > answered + 20 || refused()
        });
        if refused() {
            break;
        }
        send_signal(workers[0], Signal::ABORT);
        eventually("another is there", || {
            let now = main.borrow().children();
            now.len() == 2 && !now.contains(&workers[0])
        });
    }
    assert!(refused(), "100 workers have died of nothing");
    let scene = "was killed by SIGABRT, while it worked for client 127.0.0.1 (session ";
    assert!(main.borrow_mut().count(scene) >= 3);
    drop(crowd);
    eventually("that client is not served, and others are", || {
        let Some(status_of_it) = status("127.0.0.1", address) else { return true };
        status_of_it != "404" && status("127.0.0.9", address).as_deref() == Some("404")
    });
    drop(config);
}
