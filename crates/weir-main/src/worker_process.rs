//! One worker as main sees it: a child process, a channel to it, and what it is doing.
//!
//! Must not know: other workers; whether and when this one is replaced.
//!
//! Invariants: a worker that was killed stays [`Phase::Killed`] until its process has ended; at
//! most one ping waits for its answer; dropping a worker kills it, unless it was left.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_base::{Endpoint, Instant, Wiped};
use weir_control::channel::{Kinds, Passed, ToMain, ToWorker, decode, encode};
use weir_control::last_words::{self, LastWords};
use weir_control::order::Order;
use weir_sys::{Channel, Child, Epoll, ExitReason};

use crate::token::Token;

/// Time between the answer to a ping and the next ping.
const PING_PERIOD: Duration = Duration::from_secs(1);
/// Time from the end of the channel to the end of the process.
const EXIT_GRACE: Duration = Duration::from_secs(1);
/// What a worker decodes and compiles in one turn, while its traffic waits: less than a
/// millisecond, unless there are regular expressions.
const ORDERS_IN_A_FRAME: usize = 200;
/// How a process ends that we kill, unless it was ending already.
const KILLED: ExitReason = ExitReason::Killed(9);

/// What a worker is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has not confirmed its first orders.
    Starting,
    /// It serves; the next ping is due then.
    Ready(Instant),
    /// It serves; a ping that was sent then is not answered.
    Pinged(Instant),
    /// It was told to finish.
    Draining,
    /// It has closed its channel; its process is expected to end before then.
    Ending(Instant),
    /// We killed it, for this reason; its end has not been seen.
    Killed(String),
}

/// A worker's process.
pub(crate) struct WorkerProcess {
    slot: u16,
    child: Child,
    channel: Channel,
    watches_write: bool,
    phase: Phase,
    started: Instant,
    pings: u64,
    /// It has said that it has nothing left.
    drained: bool,
    /// It is to outlive this.
    left: bool,
    /// What it leaves when it dies.
    page: Option<File>,
    /// It was killed because it gave no sign of life.
    stuck: bool,
    /// What it has not finished, as far as it has said so.
    unfinished: Kinds,
}

/// A worker as it passes from one image of main to the next.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedWorker {
    pid: i32,
    process: RawFd,
    /// It is not a child of main.
    adopted: bool,
    channel: RawFd,
    #[serde(with = "crate::upgrade::base64")]
    unread: Vec<u8>,
    doing: Doing,
    pings: u64,
    #[serde(default)]
    page: Option<RawFd>,
}

/// A [`Phase`] without the instants of one image.
#[derive(Debug, Serialize, Deserialize)]
enum Doing {
    Starting,
    Serving,
    Draining,
    Ending,
    Killed(String),
}

impl HandedWorker {
    /// The descriptors in it.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        [self.process, self.channel].into_iter().chain(self.page)
    }
}

impl WorkerProcess {
    /// What another image of this process needs to go on with it. Nothing waits to be sent.
    pub(crate) fn hand_over(&self) -> HandedWorker {
        HandedWorker {
            pid: self.pid(),
            process: self.child.as_fd().as_raw_fd(),
            adopted: self.child.is_adopted(),
            channel: self.channel.as_fd().as_raw_fd(),
            unread: self.channel.unread().to_vec(),
            doing: match &self.phase {
                Phase::Starting => Doing::Starting,
                Phase::Ready(_) | Phase::Pinged(_) => Doing::Serving,
                Phase::Draining => Doing::Draining,
                Phase::Ending(_) => Doing::Ending,
                Phase::Killed(why) => Doing::Killed(why.clone()),
            },
            pings: self.pings,
            page: self.page.as_ref().map(AsRawFd::as_raw_fd),
        }
    }

    /// Goes on with what [`WorkerProcess::hand_over`] has told, and watches it. Its time begins
    /// anew.
    pub(crate) fn resume(
        slot: u16,
        handed: HandedWorker,
        epoll: &Epoll,
        now: Instant,
    ) -> io::Result<Self> {
        let page = handed.page.map(weir_sys::inherited).transpose()?.map(File::from);
        let child = Child::resume(handed.pid, weir_sys::inherited(handed.process)?, handed.adopted);
        let channel = Channel::resume(weir_sys::inherited(handed.channel)?, &handed.unread);
        let phase = match handed.doing {
            Doing::Starting => Phase::Starting,
            Doing::Serving => Phase::Ready(now),
            Doing::Draining => Phase::Draining,
            Doing::Ending => Phase::Ending(now + EXIT_GRACE),
            Doing::Killed(why) => Phase::Killed(why),
        };
        let mut worker = Self::new(slot, (child, channel), phase, now);
        (worker.pings, worker.page) = (handed.pings, page);
        worker.watch(epoll)?;
        Ok(worker)
    }

    /// One that another main has started; `serves`: it has in use what it is to.
    pub(crate) fn adopt(
        slot: u16,
        (child, channel): (Child, Channel),
        serves: bool,
        epoll: &Epoll,
        now: Instant,
    ) -> io::Result<Self> {
        let phase = if serves { Phase::Ready(now) } else { Phase::Starting };
        let worker = Self::new(slot, (child, channel), phase, now);
        worker.watch(epoll)?;
        Ok(worker)
    }

    /// One of which nothing else is known.
    fn new(slot: u16, (child, channel): (Child, Channel), phase: Phase, now: Instant) -> Self {
        Self {
            slot,
            child,
            channel,
            watches_write: false,
            phase,
            started: now,
            pings: 0,
            drained: false,
            left: false,
            page: None,
            stuck: false,
            unfinished: Kinds::default(),
        }
    }

    fn watch(&self, epoll: &Epoll) -> io::Result<()> {
        let pid = self.pid();
        epoll.add_level(self.child.as_fd(), Token::Process(pid).into(), true, false)?;
        if self.listens() {
            epoll.add_level(self.channel.as_fd(), Token::Channel(pid).into(), true, false)?;
        }
        Ok(())
    }

    /// Nothing waits to be sent, and no descriptor that came is of a message that did not.
    pub(crate) fn is_told(&self) -> bool {
        !self.channel.wants_write() && !self.channel.holds_descriptors()
    }

    /// The descriptors of a connection whose message was received last: with a pipe comes the
    /// connection to its backend.
    pub(crate) fn take_connection(&mut self, passed: &Passed) -> Vec<OwnedFd> {
        let count = 1 + usize::from(passed.pipe.is_some());
        let take = || self.channel.take_fd();
        std::iter::repeat_with(take).take(count).flatten().collect()
    }

    /// The descriptor of the message that was received last.
    pub(crate) fn take_descriptor(&mut self) -> Option<OwnedFd> {
        self.channel.take_fd()
    }

    /// Starts the process for `slot` and watches it. It serves nothing before it was sent orders.
    pub(crate) fn spawn(slot: u16, epoll: &Epoll, now: Instant) -> io::Result<Self> {
        let (channel, theirs) = Channel::pair()?;
        let (id, fd) = (slot.to_string(), theirs.as_raw_fd().to_string());
        let child = weir_sys::spawn_self(&["worker", "--id", &id, "--fd", &fd], theirs.as_fd())?;
        let worker = Self::new(slot, (child, channel), Phase::Starting, now);
        worker.watch(epoll)?;
        Ok(worker)
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.pid()
    }

    /// It serves, as far as is known.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready(_) | Phase::Pinged(_))
    }

    /// What is sent to it will be read, as far as is known.
    pub(crate) fn listens(&self) -> bool {
        !matches!(self.phase, Phase::Ending(_) | Phase::Killed(_))
    }

    /// It can be told of changes, and will say when they are in use.
    pub(crate) fn takes_orders(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Ready(_) | Phase::Pinged(_))
    }

    pub(crate) fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Draining | Phase::Ending(_))
    }

    pub(crate) fn lifetime(&self, now: Instant) -> Duration {
        now.since(self.started)
    }

    /// Sends `message`; a worker that cannot be sent to is killed.
    pub(crate) fn send(&mut self, message: &ToWorker) {
        self.send_with(message, None);
    }

    /// Sends what [`order_frames`] made.
    pub(crate) fn send_frames(&mut self, frames: &[Wiped]) {
        for frame in frames {
            self.send_frame(Ok(frame), None);
        }
    }

    /// Lends a listening socket.
    pub(crate) fn lend(&mut self, at: Endpoint, socket: BorrowedFd<'_>) {
        self.send_with(&ToWorker::Socket(at), Some(socket));
    }

    /// Tells the worker to finish within `deadline`.
    pub(crate) fn drain(&mut self, deadline: Duration) {
        self.send(&ToWorker::Drain { deadline });
        if self.listens() {
            self.phase = Phase::Draining;
        }
    }

    /// The same, after another one serves in its place.
    pub(crate) fn retire(&mut self, deadline: Duration) {
        self.send(&ToWorker::Retire { deadline });
        if self.listens() {
            self.phase = Phase::Draining;
        }
    }

    /// Gives it what another one has passed on.
    pub(crate) fn take_over(&mut self, passed: &ToWorker, descriptors: &[OwnedFd]) {
        self.send_with(passed, descriptors.iter().map(AsFd::as_fd));
    }

    fn send_with<'a>(&mut self, message: &ToWorker, fd: impl IntoIterator<Item = BorrowedFd<'a>>) {
        if self.listens() {
            let frame = encode(message);
            self.send_frame(frame.as_deref().map_err(|error| error.kind().into()), fd);
        }
    }

    fn send_frame<'a>(
        &mut self,
        frame: io::Result<&[u8]>,
        fd: impl IntoIterator<Item = BorrowedFd<'a>>,
    ) {
        if self.listens() {
            let sent = frame.and_then(|frame| self.channel.send(frame, fd));
            self.require(sent);
        }
    }

    /// Sends what waits, as far as the kernel takes it, and watches for room for the rest.
    pub(crate) fn flush(&mut self, epoll: &Epoll) {
        if !self.listens() {
            return;
        }
        let flushed = self.channel.flush();
        self.require(flushed);
        let wants_write = self.channel.wants_write();
        if wants_write != self.watches_write {
            let token = Token::Channel(self.pid()).into();
            let watched = epoll.modify_level(self.channel.as_fd(), token, true, wants_write);
            self.require(watched);
            self.watches_write = wants_write;
        }
    }

    fn require(&mut self, sent: io::Result<()>) {
        if let Err(error) = sent {
            self.kill(format!("could not be told anything ({error})"));
        }
    }

    /// The next message; `None` when there is none now.
    pub(crate) fn receive(&mut self, epoll: &Epoll, now: Instant) -> Option<ToMain> {
        let received = self.channel.recv();
        match received.and_then(|frame| frame.as_deref().map(decode).transpose()) {
            Ok(message) => message,
            Err(error) => {
                // The channel would be readable for ever.
                let _ = epoll.remove(self.channel.as_fd());
                if self.listens() {
                    self.phase = Phase::Ending(now + EXIT_GRACE);
                }
                log::debug!("the channel of worker {} ended: {error}", self.slot);
                None
            }
        }
    }

    /// Its first orders are in use.
    pub(crate) fn became_ready(&mut self, now: Instant) {
        if self.phase == Phase::Starting {
            self.phase = Phase::Ready(now + PING_PERIOD);
        }
    }

    /// The answer to ping `number`; one to an older ping shows nothing about now.
    pub(crate) fn ponged(&mut self, number: u64, now: Instant) {
        if matches!(self.phase, Phase::Pinged(_)) && number == self.pings {
            self.phase = Phase::Ready(now + PING_PERIOD);
        }
    }

    /// It finishes, and has said what is left.
    pub(crate) fn note_left(&mut self, left: Kinds) {
        self.unfinished = left;
    }

    /// What it had to finish when it last said so.
    pub(crate) fn unfinished(&self) -> Kinds {
        self.unfinished
    }

    /// It has nothing left, and ends.
    pub(crate) fn has_drained(&mut self) {
        self.drained = true;
    }

    /// When [`WorkerProcess::attend`] has something to do. `patience`: how long an answer may take.
    pub(crate) fn deadline(&self, patience: Duration) -> Instant {
        match self.phase {
            Phase::Starting => self.started + patience,
            Phase::Pinged(sent) => sent + patience,
            Phase::Ready(due) | Phase::Ending(due) => due,
            Phase::Draining | Phase::Killed(_) => Instant::FAR,
        }
    }

    /// Pings a worker that serves; kills one that is late with an answer, or with its end.
    pub(crate) fn attend(&mut self, now: Instant, patience: Duration) {
        if now < self.deadline(patience) {
            return;
        }
        match self.phase {
            Phase::Starting => self.kill(format!("was not ready after {patience:?}")),
            Phase::Pinged(_) => {
                self.stuck = true;
                self.kill(format!("gave no sign of life for {patience:?}"));
            }
            Phase::Ending(_) => self.kill("closed its channel and went on".to_owned()),
            Phase::Ready(_) => {
                self.pings += 1;
                self.phase = Phase::Pinged(now);
                self.send(&ToWorker::Ping(self.pings));
            }
            Phase::Draining | Phase::Killed(_) => {}
        }
    }

    /// Lets it go on without main.
    pub(crate) fn leave(&mut self) {
        self.left = !matches!(self.phase, Phase::Killed(_));
    }

    /// Kills the process; `reason` completes "the worker …".
    pub(crate) fn kill(&mut self, reason: String) {
        if !matches!(self.phase, Phase::Killed(_)) {
            self.child.kill();
            self.phase = Phase::Killed(reason);
        }
    }

    /// How the process ended; `None` while it runs.
    pub(crate) fn end(&self) -> Option<End> {
        let reason = match self.child.try_wait() {
            Ok(None) => return None,
            Ok(Some(reason)) => reason,
            Err(error) => {
                let how = format!("is gone ({error})");
                return Some(End { how, by_itself: false, crashed: false, words: self.words() });
            }
        };
        let words = self.words();
        let how = match &self.phase {
            Phase::Killed(why) if matches!(reason, KILLED | ExitReason::Unknown) => {
                format!("{why} and was killed")
            }
            _ => reason.to_string(),
        };
        let by_itself = match reason {
            ExitReason::Unknown => self.drained,
            reason => reason == ExitReason::Exited(0),
        };
        let crashed = match reason {
            KILLED => self.stuck,
            ExitReason::Unknown => self.stuck || words.panic.is_some(),
            reason => reason.is_crash(),
        };
        Some(End { how, by_itself, crashed, words })
    }

    /// Gives it a page for its last words. Without one it dies in silence.
    pub(crate) fn give_page(&mut self) {
        let made = weir_sys::memory_file("weir-last-words").and_then(|page| {
            page.set_len(last_words::BYTES as u64)?;
            Ok(page)
        });
        match made {
            Ok(page) => {
                self.send_with(&ToWorker::Page, Some(page.as_fd()));
                self.page = Some(page);
            }
            Err(error) => {
                log::warn!("worker {} has no page for its last words: {error}", self.slot)
            }
        }
    }

    fn words(&self) -> LastWords {
        let mut bytes = [0; last_words::BYTES];
        let read = self.page.as_ref().map(|page| page.read_exact_at(&mut bytes, 0));
        if matches!(read, Some(Ok(()))) { last_words::read(&bytes) } else { LastWords::default() }
    }
}

/// Orders in frames of a bounded size, for any number of workers; `last` makes the message that
/// ends them.
///
/// # Errors
/// None that orders can cause.
pub(crate) fn order_frames(
    orders: impl IntoIterator<Item = Order>,
    last: impl FnOnce(Vec<Order>) -> ToWorker,
) -> io::Result<Vec<Wiped>> {
    let mut orders = orders.into_iter();
    let mut next = || orders.by_ref().take(ORDERS_IN_A_FRAME).collect::<Vec<_>>();
    let mut frames = Vec::new();
    loop {
        let part = next();
        if part.len() < ORDERS_IN_A_FRAME {
            frames.push(encode(&last(part))?);
            return Ok(frames);
        }
        frames.push(encode(&ToWorker::Orders(part))?);
    }
}

/// How a worker's process ended.
pub(crate) struct End {
    /// Completes "the worker …".
    pub(crate) how: String,
    /// It found nothing left to do.
    pub(crate) by_itself: bool,
    /// What it worked on may be to blame.
    pub(crate) crashed: bool,
    /// What it has left.
    pub(crate) words: LastWords,
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        if !self.left {
            self.child.kill();
        }
    }
}
