//! A worker that behaves as the environment says.

use std::os::fd::AsFd;
use std::process::exit;

use weir_control::channel::{Kind, Kinds, ToMain, ToWorker, decode, encode};
use weir_control::last_words::{self, Work};
use weir_sys::{Channel, Epoll, SharedPage};

/// The variable that says how workers behave.
pub(crate) const BEHAVIOUR: &str = "WEIR_TEST_WORKER";

/// Arguments: `--id N --fd F`.
pub(crate) fn run(args: &[String]) {
    let [_, id, _, fd] = args else { panic!("unexpected arguments {args:?}") };
    let behaviour = std::env::var(BEHAVIOUR).expect("the test says how to behave");
    // The behaviour may be one worker's: "1:deaf" is for worker 1, the others obey.
    let behaviour = match behaviour.split_once(':') {
        None => behaviour.as_str(),
        Some((who, behaviour)) if who == id => behaviour,
        Some((who, _)) if who.parse::<u16>().is_err() => behaviour.as_str(),
        Some(_) => "obedient",
    };
    let number = fd.parse().expect("a number");
    let channel = Channel::from_fd(weir_sys::inherited(number).expect("main passed it"));
    Worker { id, behaviour, channel, page: None }.run();
}

struct Worker<'a> {
    id: &'a str,
    behaviour: &'a str,
    channel: Channel,
    page: Option<SharedPage>,
}

impl Worker<'_> {
    fn run(mut self) {
        let mut epoll = Epoll::new(8).expect("epoll");
        epoll.add_level(self.channel.as_fd(), 0, true, false).expect("watched");
        loop {
            epoll.wait(None).expect("waited");
            loop {
                match self.channel.recv() {
                    Ok(Some(frame)) => self.handle(&decode(&frame).expect("a message")),
                    Ok(None) => break,
                    Err(_) => exit(0),
                }
            }
        }
    }

    fn handle(&mut self, message: &ToWorker) {
        match (message, self.behaviour) {
            (ToWorker::Start(settings), _) => {
                assert_eq!(settings.worker.to_string(), self.id);
            }
            (ToWorker::Socket(at), _) => {
                assert!(self.channel.take_fd().is_some(), "a socket comes with the message");
                println!("worker {} was lent {at}", self.id);
            }
            (ToWorker::Page, _) => {
                let page = self.channel.take_fd().expect("a page comes with the message");
                self.page = Some(SharedPage::map(page.as_fd()).expect("mapped"));
            }
            (ToWorker::Apply { .. }, "silent") => {}
            (ToWorker::Apply { epoch, .. }, "refusing") => {
                self.say(&ToMain::Refused { epoch: *epoch, reason: "no such thing".to_owned() });
            }
            (ToWorker::Apply { .. }, "stillborn") => exit(3),
            (ToWorker::Apply { epoch, .. }, behaviour) => {
                self.say(&ToMain::Applied { epoch: *epoch });
                if behaviour == "mortal" {
                    exit(4);
                }
                if let Some(client) = behaviour.strip_prefix("panicking:") {
                    self.panic(client, *epoch);
                }
            }
            (ToWorker::Ping(_), "deaf") | (ToWorker::Drain { .. }, "stubborn") => {}
            (ToWorker::Ping(number), _) => self.say(&ToMain::Pong(*number)),
            (ToWorker::Drain { .. } | ToWorker::Retire { .. }, behaviour) => {
                let (mut cut, finished) = (Kinds::default(), Kinds::default());
                for _ in 0..if behaviour == "cutting" { 2 } else { 0 } {
                    cut.count(Kind::Request, false);
                }
                self.say(&ToMain::Drained { cut, finished });
                exit(0);
            }
            (ToWorker::Prepare { epoch, .. }, _) => self.say(&ToMain::Prepared { epoch: *epoch }),
            (ToWorker::Commit { epoch }, _) => self.say(&ToMain::Applied { epoch: *epoch }),
            (
                ToWorker::Abort { .. }
                | ToWorker::Orders(_)
                | ToWorker::Ask { .. }
                | ToWorker::Findings(_)
                | ToWorker::TicketKeys(_)
                | ToWorker::LogFilter(_)
                | ToWorker::Measure(_)
                | ToWorker::Tap(_)
                | ToWorker::Untap(_)
                | ToWorker::Workers(_)
                | ToWorker::Sums(_)
                | ToWorker::Clients(_)
                | ToWorker::ClearMetrics
                | ToWorker::Passed(_)
                | ToWorker::PassedFlow(_)
                | ToWorker::PassedBack(_)
                | ToWorker::TakeDatagrams(_),
                _,
            ) => {}
            (ToWorker::Refuse(refusals), _) => {
                println!("worker {} refuses {}", self.id, refusals.len());
            }
            (ToWorker::ReopenLogs, _) => println!("worker {} opened its logs again", self.id),
        }
    }

    /// Dies while it works for a client.
    fn panic(&self, client: &str, epoch: u64) {
        let client = client.parse().expect("an address");
        let page = self.page.as_ref().expect("there is a page").words();
        last_words::set_epoch(page, epoch);
        last_words::begin(page, &Work { session: [b'7'; 26], client, route: 0 });
        last_words::panicked(page, "panicked at here.rs:1: on purpose");
        std::process::abort();
    }

    fn say(&mut self, message: &ToMain) {
        self.channel.send(&encode(message).expect("encoded"), None).expect("sent");
    }
}
