//! What passes from worker to worker, by way of main.

use std::os::fd::BorrowedFd;

use weir_control::channel::{ToMain, ToWorker, encode};
use weir_sys::UdpSocket;

use super::{Command, Control};
use crate::context::Context;

/// Connections of another worker that are taken in one turn.
const TAKEN: usize = 64;

impl Control {
    /// What another worker has had.
    pub(super) fn take_over(&mut self, message: ToWorker, cx: &mut Context) -> Option<Command> {
        self.taken += 1;
        if self.taken >= TAKEN {
            (self.taken, self.paused) = (0, true);
        }
        match message {
            ToWorker::Passed(mut passed) => {
                let front = self.channel.take_fd()?.into();
                let Some(pipe) = passed.pipe.take() else {
                    return Some(Command::Adopt(passed, front));
                };
                let back = self.channel.take_fd()?.into();
                Some(Command::AdoptPipe(passed, pipe, [front, back]))
            }
            ToWorker::PassedFlow(passed) => {
                let socket = UdpSocket::from_fd(self.channel.take_fd()?);
                cx.adopt_flow(*passed, socket);
                None
            }
            ToWorker::PassedBack(passed) => {
                let stream = self.channel.take_fd()?.into();
                cx.adopt_back(*passed, stream);
                None
            }
            ToWorker::TakeDatagrams(takes) => {
                cx.take_datagrams(takes);
                None
            }
            _ => None,
        }
    }

    /// Gives a connection to another worker; false when there is no way to it.
    #[must_use]
    pub(crate) fn pass<'a>(
        &mut self,
        passed: &ToMain,
        fds: impl IntoIterator<Item = BorrowedFd<'a>>,
    ) -> bool {
        // The turn looks whether all of it was sent.
        self.readable = true;
        !self.gone && encode(passed).is_ok_and(|bytes| self.channel.send(&bytes, fds).is_ok())
    }

    /// All flows of datagrams were given.
    pub(crate) fn flows_passed(&mut self) {
        self.say(&ToMain::FlowsPassed);
    }
}
