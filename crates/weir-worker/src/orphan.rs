//! A worker without main: it goes on, and waits for the next one.
//!
//! Must not know: what main is, or whether there will be one.
//!
//! Invariants: what is in use stays in use; a listening socket that nobody accepts from is
//! kept for [`SPARE`] only; a worker that cannot be found any more finishes and ends.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use serde::Serialize;
use weir_base::Instant;
use weir_control::takeover::{Hello, Lent, Verdict};
use weir_sys::{Channel, Epoll};

use crate::meeting::Meeting;
use crate::token::Token;

/// For how long sockets are kept that only the next main could use: time for it to come.
const SPARE: Duration = Duration::from_secs(5);

/// How often it is looked whether the next main could find us.
const LOOK: Duration = Duration::from_secs(1);

/// Why an orphan ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Why {
    /// It was alone for as long as it may be.
    Alone,
    /// Its place is gone.
    Lost,
    /// There is no place where one could find us.
    Nowhere,
    /// It has nothing to serve and was not told.
    Empty,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alone => "none has come within orphan_timeout",
            Self::Lost => "the socket by which one would find this worker is gone",
            Self::Nowhere => "without command_socket, none can find this worker",
            Self::Empty => "the last one died before it said what to serve",
        })
    }
}

/// What has become due.
pub(crate) enum Due {
    /// Nothing.
    Not,
    /// To give up what is not in use.
    Tidy,
    /// To finish and end.
    End(Why),
}

/// The state of waiting.
pub(crate) struct Orphan {
    until: Instant,
    tidy_at: Instant,
    look_at: Instant,
    /// A main that has not said its verdict.
    candidate: Option<Channel>,
}

impl Orphan {
    /// Begins to wait.
    pub(crate) fn new(patience: Option<Duration>, now: Instant) -> Self {
        let until = patience.map_or(Instant::FAR, |patience| now + patience);
        Self { until, tidy_at: now + SPARE, look_at: now + LOOK, candidate: None }
    }

    /// When [`Orphan::due`] has to be looked at.
    pub(crate) fn deadline(&self) -> Instant {
        self.until.min(self.tidy_at).min(self.look_at)
    }

    /// What has become due.
    pub(crate) fn due(&mut self, meeting: &Meeting, serves: bool, now: Instant) -> Due {
        if self.look_at <= now {
            self.look_at = now + LOOK;
            if !meeting.is_there() {
                return Due::End(Why::Lost);
            }
        }
        if self.until <= now {
            return Due::End(Why::Alone);
        }
        if self.tidy_at <= now {
            self.tidy_at = Instant::FAR;
            return if serves { Due::Tidy } else { Due::End(Why::Empty) };
        }
        Due::Not
    }

    /// Talks to whoever comes: `tell` says what there is to know. The channel, once it has said
    /// what becomes of us.
    pub(crate) fn meet(
        &mut self,
        meeting: &Meeting,
        epoll: &Epoll,
        tell: impl Fn(&mut Channel) -> io::Result<()>,
    ) -> Option<(Verdict, Channel)> {
        loop {
            if self.candidate.is_none() {
                let mut channel = Channel::from_fd(meeting.accept()?);
                let token = Token::Candidate.to_bits();
                let begun = tell(&mut channel)
                    .and_then(|()| epoll.add_level(channel.as_fd(), token, true, false));
                self.candidate = begun.ok().map(|()| channel);
            }
            let heard = self.candidate.as_mut().map(|candidate| hear(candidate, epoll));
            match heard {
                Some(Ok(None)) => return None,
                Some(Ok(Some(verdict))) => {
                    let channel = self.candidate.take()?;
                    let _ = epoll.remove(channel.as_fd());
                    return Some((verdict, channel));
                }
                // It is gone, or nothing that we know: the next one may come.
                Some(Err(_)) => self.candidate = None,
                None => {}
            }
        }
    }
}

fn hear(candidate: &mut Channel, epoll: &Epoll) -> io::Result<Option<Verdict>> {
    candidate.flush()?;
    let (token, writes) = (Token::Candidate.to_bits(), candidate.wants_write());
    epoll.modify_level(candidate.as_fd(), token, true, writes)?;
    let frame = candidate.recv()?;
    Ok(frame.map(|frame| serde_json::from_slice(&frame)).transpose()?)
}

/// Says who we are, and gives the listening sockets along.
pub(crate) fn introduce<'a>(
    channel: &mut Channel,
    hello: &Hello,
    sockets: impl Iterator<Item = (Lent, std::os::fd::BorrowedFd<'a>)>,
) -> io::Result<()> {
    channel.send(&frame(hello)?, None)?;
    for (lent, socket) in sockets {
        channel.send(&frame(&lent)?, Some(socket))?;
    }
    Ok(())
}

fn frame(message: &impl Serialize) -> io::Result<Vec<u8>> {
    Ok(serde_json::to_vec(message)?)
}
