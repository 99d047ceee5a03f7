//! What main is told: acknowledgements, answers, and what somebody looks at.

use weir_balance::ledger::Held;
use weir_control::channel::ToMain;
use weir_control::metrics::Measured;
use weir_control::sessions;
use weir_control::tap::Tapped;

use super::Control;

impl Control {
    /// Everything of an epoch is in use.
    pub(crate) fn applied(&mut self, epoch: u64) {
        self.say(&ToMain::Applied { epoch });
    }

    /// As many sessions as that.
    pub(crate) fn counted(&mut self, number: u64, sessions: Vec<u64>) {
        self.say(&ToMain::Counted { number, sessions });
    }

    /// What was measured, or a part of it.
    pub(crate) fn measured(&mut self, number: u64, part: Measured, last: bool) {
        self.report(&ToMain::Measured { number, part: Box::new(part), last });
    }

    /// Which sessions there are, or a part of them.
    pub(crate) fn sessions_found(&mut self, number: u64, part: sessions::Found, last: bool) {
        self.report(&ToMain::SessionsFound { number, part, last });
    }

    /// What became of sessions that were to end.
    pub(crate) fn sessions_closed(&mut self, number: u64, closed: sessions::Closed) {
        self.report(&ToMain::SessionsClosed { number, closed });
    }

    /// Requests that somebody looks at.
    pub(crate) fn tapped(&mut self, tapped: Tapped) {
        self.report(&ToMain::Tapped(tapped));
    }

    /// What this worker has of limits for all.
    pub(crate) fn held(&mut self, held: Vec<Held>) {
        self.report(&ToMain::Held(held));
    }

    /// Says it; the turn looks whether all of it was sent.
    pub(super) fn report(&mut self, message: &ToMain) {
        self.say(message);
        self.readable = true;
    }
}
