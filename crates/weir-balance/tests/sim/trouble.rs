//! What befalls the servers: each by itself, many at once, or all, and how soon they must be found
//! to have come back.

use weir_base::Instant;

use crate::server::{Condition, Seen, Server};
use crate::worker::{EJECTION, SLOW_START};
use crate::world::{
    CHECK_INTERVAL, Event, LONGEST_OPEN, RISE, SERVERS, STEADY, TRIED_AGAIN, WORKERS, World,
};

impl World {
    /// Another condition.
    pub(crate) fn change(&mut self, id: usize) {
        if self.peace {
            return;
        }
        if self.dark || self.ill {
            return self.after_seconds(10..600, Event::Change(id));
        }
        let (next, wait) = self.servers[id].next(&mut self.rng);
        self.set_condition(id, next);
        self.after(wait, Event::Change(id));
    }

    fn set_condition(&mut self, id: usize, next: Condition) {
        self.account.changes += 1;
        self.servers[id].set_condition(next, self.now);
    }

    pub(crate) fn change_membership(&mut self, id: usize) {
        if self.peace {
            return;
        }
        if self.servers[id].member {
            self.remove(id);
            self.after_seconds(1..120, Event::Membership(id));
        } else {
            self.join(id);
            self.after_seconds(60..600, Event::Membership(id));
        }
    }

    fn remove(&mut self, id: usize) {
        let server = &mut self.servers[id];
        server.look_at_recoveries(self.now);
        server.member = false;
        for index in 0..WORKERS {
            self.workers[index].group.remove(&self.servers[id].spec.id);
            self.stir(index);
        }
    }

    fn join(&mut self, id: usize) {
        self.account.joined += 1;
        self.account.changes += 1;
        let server = &mut self.servers[id];
        (server.member, server.times) = (true, server.times + 1);
        (server.since, server.bad_since) = (self.now, self.now);
        server.tally = Default::default();
        let served = server.condition != Condition::Good;
        server.seen.fill(Seen { served, risen: None });
        for index in 0..WORKERS {
            self.workers[index].group.upsert(self.servers[id].spec.clone()).expect("room");
            self.stir(index);
        }
    }

    pub(crate) fn black_out(&mut self, begins: bool) {
        if self.peace {
            return;
        }
        self.dark = begins;
        self.dark_until = self.now;
        let all = if begins { Condition::Refuses } else { Condition::Good };
        (0..SERVERS).for_each(|id| self.set_condition(id, all));
        let range = if begins { 30..180 } else { 900..1_500 };
        self.after_seconds(range, Event::Blackout(!begins));
    }

    pub(crate) fn break_out(&mut self, begins: bool) {
        if self.peace {
            return;
        }
        self.ill = begins;
        if !self.dark {
            let all = if begins { Condition::AnswersBadly } else { Condition::Good };
            (STEADY..SERVERS).for_each(|id| self.set_condition(id, all));
        }
        let range = if begins { 60..240 } else { 900..1_500 };
        self.after_seconds(range, Event::Epidemic(!begins));
    }

    pub(crate) fn rush(&mut self, begins: bool) {
        self.busy = begins && !self.peace;
        match begins {
            true => self.after_seconds(3..4, Event::Rush(false)),
            false if self.peace => {}
            false => self.after_seconds(300..900, Event::Rush(true)),
        }
    }

    pub(crate) fn make_peace(&mut self) {
        self.after(SLOW_START, Event::Settle);
        (self.peace, self.dark, self.dark_until) = (true, false, self.now);
        for id in 0..SERVERS {
            if !self.servers[id].member {
                self.join(id);
            }
            self.set_condition(id, Condition::Good);
        }
    }
}

impl Server {
    fn set_condition(&mut self, next: Condition, now: Instant) {
        let before = std::mem::replace(&mut self.condition, next);
        if before == next {
            return;
        }
        if before == Condition::Good && self.member {
            self.look_at_recoveries(now);
        }
        if before == Condition::Good && self.seen.iter().all(|seen| seen.served) {
            self.bad_since = now;
        }
        self.since = now;
        let served = next != Condition::Good || !self.member;
        self.seen.iter_mut().for_each(|seen| seen.served = served);
    }

    pub(crate) fn look_at_recoveries(&self, now: Instant) {
        (0..WORKERS).for_each(|worker| self.look_at_recovery(worker, now));
    }

    /// It gets requests again after checks have found it good, and after it was left alone for no
    /// longer than a wait for connections lasts or than it was bad.
    pub(crate) fn look_at_recovery(&self, worker: usize, now: Instant) {
        if self.seen[worker].served || !self.member {
            return;
        }
        let wait = TRIED_AGAIN.max(self.since - self.bad_since + EJECTION.base);
        let most = wait + CHECK_INTERVAL * (RISE + 1) + 2 * SLOW_START + LONGEST_OPEN;
        let took = now - self.since;
        assert!(took <= most, "{} came back after {took:?}, not {most:?}", self.spec.id);
    }

    /// How long ago it came back: 0 in the first quarter of its slow start, 1 after it.
    pub(crate) fn phase(&self, worker: usize, now: Instant) -> Option<usize> {
        let risen = self.seen[worker].risen.filter(|_| self.condition == Condition::Good)?;
        match now - risen {
            since if since < SLOW_START / 4 => Some(0),
            since if (SLOW_START..5 * SLOW_START).contains(&since) => Some(1),
            _ => None,
        }
    }
}
