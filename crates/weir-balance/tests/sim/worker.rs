//! One worker of several: its view of the cluster, its queue, its budget of retries, its breaker.

use std::collections::VecDeque;
use std::time::Duration;

use weir_balance::breaker::{Breaker, Settings, State, Ticket};
use weir_balance::retry::{Budget, Limits};
use weir_balance::{
    BackendKey, EjectionRules, Group, LoadBalancing, LoadMetric, Queue, Rules, Share,
};
use weir_base::Instant;

pub(crate) const SLOW_START: Duration = Duration::from_secs(60);
pub(crate) const EJECTION: EjectionRules =
    EjectionRules { consecutive: 5, base: Duration::from_secs(30), most_percent: 50 };
const BUDGET: Limits = Limits { percent: 20, at_least: 10 };
const BREAKER: Settings = Settings {
    percent: 80,
    at_least: 20,
    wait: Duration::from_secs(2),
    longest_wait: Duration::from_secs(30),
    trials: 3,
};
/// So many may wait, and for so long.
pub(crate) const MOST_QUEUED: u32 = 20;
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// What a worker knows.
pub(crate) struct Worker {
    pub(crate) group: Group,
    pub(crate) queue: Queue,
    budget: Budget,
    breaker: Breaker,
    /// Requests (false) and retries (true) of the last ten seconds.
    sent: VecDeque<(Instant, bool)>,
    /// Outcomes of the last ten seconds.
    outcomes: VecDeque<(Instant, bool)>,
}

impl Worker {
    pub(crate) fn new(
        policy: LoadBalancing,
        metric: LoadMetric,
        share: Share,
        now: Instant,
    ) -> Self {
        let mut group = Group::new(policy, metric);
        let (slow_start, ejection) = (SLOW_START, Some(EJECTION));
        group.set_rules(Rules { checked: true, slow_start, ejection });
        group.set_share(share);
        Self {
            group,
            queue: Queue::default(),
            budget: Budget::new(BUDGET, now),
            breaker: Breaker::new(BREAKER, now),
            sent: VecDeque::new(),
            outcomes: VecDeque::new(),
        }
    }

    /// A request comes. `None`: the breaker refuses it.
    pub(crate) fn admit(&mut self, now: Instant) -> Option<Ticket> {
        self.budget.handle_request(now);
        self.note_sent(false, now);
        let before = self.breaker.state();
        let ticket = self.breaker.admit(now);
        assert!(before != State::Closed || ticket.is_ok(), "refused by a closed breaker");
        ticket.ok()
    }

    /// One more attempt may be made.
    pub(crate) fn may_retry(&mut self, now: Instant) -> bool {
        let may = self.budget.take(now);
        if may {
            self.note_sent(true, now);
        }
        may
    }

    /// Retries stay within the budget, which forgets a second at a time.
    fn note_sent(&mut self, retry: bool, now: Instant) {
        note(&mut self.sent, retry, now);
        if !retry {
            return;
        }
        let recent = |at: &Instant| now < *at + Duration::from_secs(9);
        let requests = self.sent.iter().filter(|(_, retry)| !retry).count();
        let retries = self.sent.iter().filter(|(at, retry)| *retry && recent(at)).count();
        let most = requests * BUDGET.percent as usize / 100 + BUDGET.at_least as usize;
        assert!(retries <= most, "{retries} retries of {requests}");
    }

    /// A request is over. True if the breaker opens.
    pub(crate) fn handle_end(&mut self, ticket: Ticket, good: bool, now: Instant) -> bool {
        note(&mut self.outcomes, good, now);
        let before = self.breaker.state();
        let opens = self.breaker.handle_outcome(ticket, good, now) == Some(State::Open);
        if opens && before == State::Closed {
            let failures = self.outcomes.iter().filter(|(_, good)| !good).count();
            assert!(failures >= BREAKER.at_least as usize * BREAKER.percent as usize / 100);
        }
        opens
    }

    pub(crate) fn breaker(&self) -> State {
        self.breaker.state()
    }

    /// A backend has no more connections than this worker may have.
    pub(crate) fn look_at_room(&self, key: BackendKey, share: Share, now: Instant) {
        let view = self.group.iter(now).find(|view| view.key == key).expect("there");
        assert!(view.connections <= share.of(view.spec.max_connections), "{view:?}");
    }
}

fn note(list: &mut VecDeque<(Instant, bool)>, what: bool, now: Instant) {
    list.push_back((now, what));
    while list.front().is_some_and(|(at, _)| *at + Duration::from_secs(10) <= now) {
        list.pop_front();
    }
}
