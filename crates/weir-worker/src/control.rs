//! The channel to main: messages in, acknowledgements out.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use weir_base::{Endpoint, Instant, Key, Transport};
use weir_control::channel::{
    self, Finding, Kinds, Passed, PassedPipe, Question, Settings, ToMain, ToWorker, decode, encode,
};
use weir_control::metrics::Query;
use weir_control::order::{Object, Order};
use weir_control::packed::FORMAT;
use weir_control::sessions;
use weir_control::takeover::{Hello, Lent, Verdict, settings_hash};
use weir_route::Request;
use weir_sys::{Channel, Epoll, TcpListener, TcpStream, UdpSocket};

use crate::apply::{Batch, Changes, Draft, Sockets, commit};
use crate::context::Context;
use crate::explain;
use crate::meeting::Meeting;
use crate::orphan::{Due, Orphan, Why, introduce};
use crate::token::Token;

mod passed;
mod said;

/// How long connections may finish when main is gone and none will come.
const ORPHAN_DRAIN: Duration = Duration::from_secs(30);

/// How long main may take to hear the last word.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What only the worker itself can carry out.
pub(crate) enum Command {
    /// Stop accepting, finish, leave.
    Drain(Duration),
    /// The same, but others accept already and take what can be passed on.
    Retire(Duration),
    /// Nobody takes connections any more that could be passed on.
    CloseIdle,
    /// Serve a connection of another worker.
    Adopt(Passed, TcpStream),
    /// The same for a byte pipe, with the connection to its backend.
    AdoptPipe(Passed, Box<PassedPipe>, [TcpStream; 2]),
    /// Accept from these sockets: listener and position.
    Watch(Vec<(Key, usize)>),
    /// Tables have changed.
    Changed {
        /// How.
        changes: Changes,
        /// What is in use once this is done.
        epoch: u64,
    },
    /// Checks have said something.
    Findings(Vec<Finding>),
    /// Say what was measured.
    Survey {
        /// Of the question.
        number: u64,
        /// What is asked for.
        query: Query,
    },
    /// Say which sessions there are.
    List {
        /// Of the question.
        number: u64,
        /// Which of them.
        query: sessions::Query,
    },
    /// End sessions.
    Close {
        /// Of the question.
        number: u64,
        /// Which.
        filter: sessions::Filter,
    },
    /// Say how many sessions these objects concern.
    Count {
        /// Of the question.
        number: u64,
        /// In the order of the answer.
        objects: Vec<Object>,
    },
}

/// Our end of the channel.
pub(crate) struct Control {
    channel: Channel,
    sockets: Sockets,
    /// The beginning of the next orders.
    begun: Draft,
    /// What may be committed, and the epoch that it makes.
    prepared: Option<(u64, Batch)>,
    readable: bool,
    /// This turn has had its part: the next message waits for the next one.
    paused: bool,
    /// Connections of another worker that were taken since the last pause.
    taken: usize,
    writing: bool,
    gone: bool,
    /// Where another main finds us; `None`: none can.
    meeting: Option<Meeting>,
    /// Main is gone and the next one awaited.
    orphan: Option<Orphan>,
    /// When main was gone.
    alone_since: Instant,
}

impl Control {
    pub(crate) fn new(channel: Channel) -> Self {
        let sockets = Sockets::new();
        Self {
            channel,
            sockets,
            begun: Draft::default(),
            prepared: None,
            readable: true,
            paused: false,
            taken: 0,
            writing: false,
            gone: false,
            meeting: None,
            orphan: None,
            alone_since: Instant::default(),
        }
    }

    /// Opens the place where the next main finds us. Without it this worker ends soon after main.
    pub(crate) fn open_meeting(&mut self, settings: &Settings) -> io::Result<()> {
        if let Some(home) = &settings.home {
            self.meeting = Some(Meeting::open(home, settings.worker)?);
        }
        Ok(())
    }

    /// Nobody is to find us any more.
    pub(crate) fn hide(&mut self) {
        self.meeting = None;
        self.orphan = None;
    }

    /// When there is something to do though nothing happens.
    pub(crate) fn deadline(&self) -> Instant {
        self.orphan.as_ref().map_or(Instant::FAR, Orphan::deadline)
    }

    /// No main is in control.
    pub(crate) fn is_orphan(&self) -> bool {
        self.gone
    }

    /// Waits for the first message.
    ///
    /// # Errors
    /// When main is gone or says something else first.
    pub(crate) fn settings(&mut self) -> io::Result<Settings> {
        let mut epoll = Epoll::new(1)?;
        epoll.add_level(self.channel.as_fd(), 0, true, false)?;
        loop {
            if let Some(frame) = self.channel.recv()? {
                return match decode(&frame)? {
                    ToWorker::Start(settings) => Ok(*settings),
                    other => Err(io::Error::other(format!("expected Start, not {other:?}"))),
                };
            }
            epoll.wait(None)?;
        }
    }

    pub(crate) fn watch(&mut self, epoll: &Epoll) -> io::Result<()> {
        epoll.add_level(self.channel.as_fd(), Token::Channel.to_bits(), true, false)
    }

    /// There may be a message, or room for one.
    pub(crate) fn mark(&mut self) {
        self.readable = true;
    }

    /// A message may wait that was there already.
    pub(crate) fn has_more(&self) -> bool {
        self.readable && !self.gone
    }

    /// Carries out messages until one needs the worker. `None`: no more in this turn.
    pub(crate) fn next(&mut self, cx: &mut Context) -> Option<Command> {
        for happening in cx.observe.happened() {
            self.say(&ToMain::Happened(happening));
        }
        if self.orphan.is_some()
            && let Some(command) = self.attend_orphan(cx)
        {
            return Some(command);
        }
        if self.gone || !self.readable || std::mem::take(&mut self.paused) {
            return None;
        }
        loop {
            match self.channel.recv() {
                Ok(Some(frame)) => {
                    if let Some(request) = self.message(&frame, cx) {
                        return Some(request);
                    }
                    if std::mem::take(&mut self.paused) {
                        return self.flush(cx);
                    }
                }
                Ok(None) => break,
                Err(error) => return self.orphaned(&error, cx),
            }
        }
        self.readable = false;
        self.flush(cx)
    }

    fn message(&mut self, frame: &[u8], cx: &mut Context) -> Option<Command> {
        let message = match decode(frame) {
            Ok(message) => message,
            Err(error) => {
                cx.observe.internal("reading a message from main", &error);
                return None;
            }
        };
        match message {
            ToWorker::Start(_) => None,
            ToWorker::Socket(endpoint) => self.borrow_socket(endpoint, cx),
            ToWorker::Orders(orders) => {
                self.begin(orders, cx);
                None
            }
            ToWorker::Apply { epoch, orders } => match self.prepare(orders, cx) {
                Ok(batch) => self.commit(epoch, batch, cx),
                Err(reason) => {
                    self.say(&ToMain::Refused { epoch, reason });
                    None
                }
            },
            ToWorker::Prepare { epoch, orders } => {
                match self.prepare(orders, cx) {
                    Ok(batch) => {
                        self.prepared = Some((epoch, batch));
                        self.say(&ToMain::Prepared { epoch });
                    }
                    Err(reason) => self.say(&ToMain::Refused { epoch, reason }),
                }
                None
            }
            ToWorker::Commit { epoch } => match self.prepared.take() {
                Some((prepared, batch)) if prepared == epoch => self.commit(epoch, batch, cx),
                _ => None,
            },
            ToWorker::Abort { .. } => {
                self.prepared = None;
                self.sockets.clear();
                None
            }
            other => self.carry_out(other, cx),
        }
    }

    /// What is not about the configuration.
    fn carry_out(&mut self, message: ToWorker, cx: &mut Context) -> Option<Command> {
        match message {
            ToWorker::TicketKeys(keys) => {
                cx.tables.tickets.set(&keys);
                None
            }
            shared @ (ToWorker::Workers(_) | ToWorker::Sums(_) | ToWorker::Clients(_)) => {
                cx.handle_shared(shared);
                None
            }
            ToWorker::Ask { number, question } => self.answer(number, question, cx),
            ToWorker::LogFilter(filter) => {
                cx.observe.set_filter(&filter);
                None
            }
            ToWorker::Measure(detail) => {
                cx.tables.set_detail(detail);
                None
            }
            ToWorker::ClearMetrics => {
                cx.observe.clear();
                cx.tables.clear_scopes();
                cx.multiplexes.clear_tallies();
                cx.upstream.clear_tallies();
                None
            }
            ToWorker::Findings(findings) => Some(Command::Findings(findings)),
            ToWorker::Drain { deadline } => Some(Command::Drain(deadline)),
            ToWorker::Retire { deadline } => Some(Command::Retire(deadline)),
            passed @ (ToWorker::Passed(_)
            | ToWorker::PassedFlow(_)
            | ToWorker::PassedBack(_)
            | ToWorker::TakeDatagrams(_)) => self.take_over(passed, cx),
            ToWorker::Page => self.take_page(cx),
            ToWorker::Refuse(refusals) => {
                cx.refusals = refusals;
                None
            }
            ToWorker::Ping(number) => {
                self.say(&ToMain::Pong(number));
                None
            }
            ToWorker::ReopenLogs => {
                cx.observe.reopen();
                None
            }
            ToWorker::Tap(tap) => {
                cx.observe.taps.open(tap, cx.now);
                None
            }
            ToWorker::Untap(number) => {
                cx.observe.taps.close(number);
                None
            }
            ToWorker::Start(_)
            | ToWorker::Socket(_)
            | ToWorker::Orders(_)
            | ToWorker::Apply { .. }
            | ToWorker::Prepare { .. }
            | ToWorker::Commit { .. }
            | ToWorker::Abort { .. } => None,
        }
    }

    /// What this worker works on is noted there from now on.
    fn take_page(&mut self, cx: &mut Context) -> Option<Command> {
        let page = self.channel.take_fd()?;
        if let Err(error) = cx.desk.open(&page, cx.observe.epoch()) {
            cx.observe.internal("mapping the page of last words", &error);
        }
        None
    }

    /// Compiles orders that others follow.
    fn begin(&mut self, orders: Vec<Order>, cx: &Context) {
        self.begun.add(&cx.tables, orders);
        self.paused = true;
    }

    /// The last orders, with what came before them.
    fn prepare(&mut self, orders: Vec<Order>, cx: &Context) -> Result<Batch, String> {
        self.begin(orders, cx);
        std::mem::take(&mut self.begun).finish(&cx.tables)
    }

    /// Adds a socket to its listener, or keeps it for the listener that an order will bring.
    fn borrow_socket(&mut self, at: Endpoint, cx: &mut Context) -> Option<Command> {
        let socket = self.channel.take_fd()?;
        if let Some(key) = cx.active_udp(at) {
            cx.lend_datagrams(key, UdpSocket::from_fd(socket));
            return None;
        }
        let tcp = (at.transport == Transport::Tcp).then_some(at.address);
        let key = tcp.and_then(|address| cx.tables.by_address.get(&address)).copied();
        let listener = key.and_then(|key| cx.tables.listeners.get_mut(key));
        let active = listener.filter(|listener| listener.settings.config.active);
        let (Some(key), Some(listener)) = (key, active) else {
            self.sockets.entry(at).or_default().push(socket);
            return None;
        };
        let sockets = &mut listener.sockets;
        sockets.push(TcpListener::from_fd(socket));
        Some(Command::Watch(vec![(key, sockets.len() - 1)]))
    }

    fn commit(&mut self, epoch: u64, batch: Batch, cx: &mut Context) -> Option<Command> {
        let mut changes = commit(&mut cx.tables, &mut self.sockets, batch);
        for address in changes.forgotten.drain(..) {
            cx.upstream.forget(&address, &mut cx.buffers);
        }
        for (key, index) in changes.udp_opened.drain(..) {
            cx.open_datagrams(key, index);
        }
        for (key, sockets) in changes.udp_closed.drain(..) {
            cx.close_datagrams(key, sockets);
        }
        cx.stir_all();
        cx.observe.set_epoch(epoch, cx.tables.listeners.len() + cx.tables.udp.len());
        cx.desk.set_epoch(epoch);
        cx.expect_flows();
        Some(Command::Changed { changes, epoch })
    }

    fn answer(&mut self, number: u64, question: Question, cx: &mut Context) -> Option<Command> {
        self.say(&match question {
            Question::Sessions(objects) => return Some(Command::Count { number, objects }),
            Question::Metrics(query) => return Some(Command::Survey { number, query }),
            Question::ListSessions(query) => return Some(Command::List { number, query }),
            Question::CloseSessions(filter) => return Some(Command::Close { number, filter }),
            Question::Hash => {
                let (epoch, hash) = (cx.observe.epoch(), cx.tables.hash);
                ToMain::Hashed { number, epoch, hash }
            }
            Question::Explain { address, method, host, path } => {
                let request = Request {
                    host: host.as_bytes(),
                    path: path.as_bytes(),
                    method: method.as_bytes(),
                };
                let explained = Box::new(explain::explain(&cx.tables, cx.now, address, &request));
                ToMain::Explained { number, explained }
            }
            Question::Certificates { domain } => {
                let found = cx.tables.certificates(domain.as_deref());
                ToMain::CertificatesFound { number, found }
            }
        });
        None
    }

    /// Nothing waits to be sent to main.
    pub(crate) fn is_told(&self) -> bool {
        self.gone || !self.channel.wants_write()
    }

    /// What a drain has left so far.
    pub(crate) fn tell_left(&mut self, left: Kinds) {
        self.report(&ToMain::Left(left));
    }

    /// The last word. It is waited for, since this process ends after it.
    pub(crate) fn drained(&mut self, cut: Kinds, finished: Kinds) {
        self.say(&ToMain::Drained { cut, finished });
        let until = weir_sys::now() + LAST_WORD;
        while !self.is_told() && weir_sys::now() < until && self.channel.flush().is_ok() {
            let wait = || {
                let mut epoll = Epoll::new(1)?;
                epoll.add_level(self.channel.as_fd(), 0, false, true)?;
                epoll.wait(Some(until.since(weir_sys::now())))
            };
            if wait().is_err() {
                return;
            }
        }
    }

    /// Errors show in the next read: main is gone.
    fn say(&mut self, message: &ToMain) {
        if !self.gone
            && let Ok(bytes) = encode(message)
        {
            let _ = self.channel.send(&bytes, None);
        }
    }

    /// Watches for room while something waits to be sent.
    fn flush(&mut self, cx: &mut Context) -> Option<Command> {
        if let Err(error) = self.channel.flush() {
            return self.orphaned(&error, cx);
        }
        let writing = self.channel.wants_write();
        if writing != self.writing {
            let token = Token::Channel.to_bits();
            let _ = cx.epoll.modify_level(self.channel.as_fd(), token, true, writing);
            self.writing = writing;
        }
        None
    }

    /// Main died. What was half said is forgotten. Where no other main can find us, nobody would
    /// lend the sockets on, so what is in flight finishes here.
    fn orphaned(&mut self, error: &io::Error, cx: &mut Context) -> Option<Command> {
        self.gone = true;
        self.alone_since = cx.now;
        self.begun = Draft::default();
        self.prepared = None;
        cx.observe.main_gone(error);
        cx.observe.taps.clear();
        let _ = cx.epoll.remove(self.channel.as_fd());
        if cx.draining() {
            return std::mem::take(&mut cx.passing).then_some(Command::CloseIdle);
        }
        let token = Token::Meeting.to_bits();
        let meeting = self.meeting.as_ref().map(Meeting::as_fd);
        match meeting.map(|meeting| cx.epoll.add_level(meeting, token, true, false)) {
            Some(Ok(())) => self.orphan = Some(Orphan::new(cx.settings.orphan_timeout, cx.now)),
            Some(Err(_)) | None => {
                cx.observe.orphan_ends(&Why::Nowhere);
                return Some(Command::Drain(ORPHAN_DRAIN));
            }
        }
        None
    }

    /// Does what is due without main, and becomes a worker of the one that has come.
    fn attend_orphan(&mut self, cx: &mut Context) -> Option<Command> {
        let (orphan, meeting) = (self.orphan.as_mut()?, self.meeting.as_ref()?);
        match orphan.due(meeting, cx.observe.epoch() > 0, cx.now) {
            Due::Not => {}
            // What no order has named was for a change that was not made, as far as we know.
            Due::Tidy => self.sockets.clear(),
            Due::End(why) => {
                cx.observe.orphan_ends(&why);
                return Some(Command::Drain(ORPHAN_DRAIN));
            }
        }
        let (sockets, shown) = (&self.sockets, &*cx);
        let tell = |channel: &mut Channel| tell(channel, sockets, shown);
        let (verdict, channel) = orphan.meet(meeting, &cx.epoll, tell)?;
        if let Verdict::Finish { seconds } = verdict {
            return Some(Command::Drain(Duration::from_secs(seconds)));
        }
        let token = Token::Channel.to_bits();
        if let Err(error) = cx.epoll.add_level(channel.as_fd(), token, true, false) {
            cx.observe.internal("watching the channel to main", &error);
            return None;
        }
        let _ = cx.epoll.remove(meeting.as_fd());
        cx.observe.main_back(cx.now - self.alone_since);
        self.channel = channel;
        self.orphan = None;
        (self.gone, self.readable, self.writing) = (false, true, false);
        None
    }
}

/// Who we are and which sockets we have.
fn tell(channel: &mut Channel, unused: &Sockets, cx: &Context) -> io::Result<()> {
    let used = cx.tables.listeners.iter().flat_map(|(_, listener)| {
        let at = Endpoint::tcp(listener.settings.config.address);
        listener.sockets.iter().map(move |socket| lent(at, true, socket.as_fd()))
    });
    let udp = cx.tables.udp.iter().flat_map(|(_, listener)| {
        let at = Endpoint::udp(listener.settings.config.address);
        listener.sockets.iter().map(move |socket| lent(at, true, socket.as_fd()))
    });
    let unused = unused.iter().flat_map(|(at, sockets)| {
        sockets.iter().map(move |socket| lent(*at, false, socket.as_fd()))
    });
    let sockets: Vec<_> = used.chain(udp).chain(unused).collect();
    let hello = Hello {
        packed: FORMAT,
        channel: channel::VERSION,
        slot: cx.settings.worker,
        settings: settings_hash(&cx.settings),
        epoch: cx.observe.epoch(),
        hash: cx.tables.hash,
        sockets: sockets.len(),
    };
    introduce(channel, &hello, sockets.into_iter())
}

fn lent(at: Endpoint, in_use: bool, socket: BorrowedFd<'_>) -> (Lent, BorrowedFd<'_>) {
    let Endpoint { transport, address } = at;
    (Lent { address, transport, in_use }, socket)
}
