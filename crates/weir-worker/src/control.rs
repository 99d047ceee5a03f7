//! The channel to main: messages in, acknowledgements out.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use weir_base::Key;
use weir_control::channel::{Question, Settings, ToMain, ToWorker, decode, encode};
use weir_control::order::{Object, Order};
use weir_route::Request;
use weir_sys::{Channel, Epoll, TcpListener};

use crate::apply::{Batch, Draft, Sockets, commit};
use crate::context::Context;
use crate::explain;
use crate::token::Token;

/// How long connections may finish when main is gone.
const ORPHAN_DRAIN: Duration = Duration::from_secs(30);

/// What only the worker itself can carry out.
pub(crate) enum Command {
    /// Stop accepting, finish, leave.
    Drain(Duration),
    /// Accept from these sockets: listener and position.
    Watch(Vec<(Key, usize)>),
    /// Tables have changed.
    Changed {
        /// As for [`Command::Watch`].
        opened: Vec<(Key, usize)>,
        /// Listeners that accept no more.
        closed: Vec<Key>,
        /// What is in use once this is done.
        epoch: u64,
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
    /// Orders were compiled in this turn: the next message waits for the next one.
    paused: bool,
    writing: bool,
    gone: bool,
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
            writing: false,
            gone: false,
        }
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
            ToWorker::Socket(address) => self.borrow_socket(address, cx),
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
            ToWorker::TicketKeys(keys) => {
                cx.tables.tickets.set(&keys);
                None
            }
            ToWorker::Ask { number, question } => self.answer(number, question, cx),
            ToWorker::LogFilter(filter) => {
                cx.observe.set_filter(&filter);
                None
            }
            ToWorker::Drain { deadline } => Some(Command::Drain(deadline)),
            ToWorker::Ping(number) => {
                self.say(&ToMain::Pong(number));
                None
            }
            ToWorker::ReopenLogs => {
                cx.observe.reopen();
                None
            }
        }
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
    fn borrow_socket(&mut self, address: SocketAddr, cx: &mut Context) -> Option<Command> {
        let socket = TcpListener::from_fd(self.channel.take_fd()?);
        let key = cx.tables.by_address.get(&address).copied();
        let listener = key.and_then(|key| cx.tables.listeners.get_mut(key));
        let active = listener.filter(|listener| listener.settings.config.active);
        let (Some(key), Some(listener)) = (key, active) else {
            self.sockets.entry(address).or_default().push(socket);
            return None;
        };
        let sockets = &mut listener.sockets;
        sockets.push(socket);
        Some(Command::Watch(vec![(key, sockets.len() - 1)]))
    }

    fn commit(&mut self, epoch: u64, batch: Batch, cx: &mut Context) -> Option<Command> {
        let changes = commit(&mut cx.tables, &mut self.sockets, batch);
        for address in changes.forgotten {
            cx.upstream.forget(address, &mut cx.buffers);
        }
        cx.observe.set_epoch(epoch, cx.tables.listeners.len());
        Some(Command::Changed { opened: changes.opened, closed: changes.closed, epoch })
    }

    /// Everything of an epoch is in use.
    pub(crate) fn applied(&mut self, epoch: u64) {
        self.say(&ToMain::Applied { epoch });
    }

    /// As many sessions as that.
    pub(crate) fn counted(&mut self, number: u64, sessions: Vec<u64>) {
        self.say(&ToMain::Counted { number, sessions });
    }

    fn answer(&mut self, number: u64, question: Question, cx: &mut Context) -> Option<Command> {
        self.say(&match question {
            Question::Sessions(objects) => return Some(Command::Count { number, objects }),
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

    /// The last word.
    pub(crate) fn drained(&mut self, cut: usize) {
        self.say(&ToMain::Drained { cut });
    }

    /// Errors show in the next read: main is gone.
    fn say(&mut self, message: &ToMain) {
        if let Ok(bytes) = encode(message) {
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

    /// Main died: nobody would lend the sockets on, so what is in flight finishes here.
    fn orphaned(&mut self, error: &io::Error, cx: &mut Context) -> Option<Command> {
        self.gone = true;
        cx.observe.main_gone(error);
        let _ = cx.epoll.remove(self.channel.as_fd());
        Some(Command::Drain(ORPHAN_DRAIN))
    }
}
