//! What workers were working on when they died; what is refused because of that.
//!
//! One request that ends a worker is a mistake of ours that a client found. One that comes again
//! and again would keep every worker from serving anybody: after a few deaths, what they have in
//! common is refused for a while, and nothing beyond that: requests of one client for one frontend;
//! those of any client for it; or all that one client asks for.
//!
//! Must not know: how a worker died, how requests are refused.
//!
//! Invariants: what is remembered is bounded; what is refused is served again after [`REFUSED`].

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use log::{error, info};
use serde::{Deserialize, Serialize};
use weir_base::Instant;
use weir_control::change::object_hash;
use weir_control::channel::{Refusal, ToWorker};
use weir_control::last_words::Work;
use weir_control::state::{Frontend, PathRule};
use weir_proto::{Event, EventKind};
use weir_telemetry::Verb;

use crate::supervise::Supervisor;
use crate::worker_process::End;

/// Deaths that have something in common, until that is refused.
const DEATHS: usize = 3;
/// Within that time.
const WITHIN: Duration = Duration::from_secs(600);
/// How long it is refused.
const REFUSED: Duration = Duration::from_secs(60);
/// Deaths that are remembered, and refusals at a time.
const MOST: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Death {
    at: Instant,
    client: IpAddr,
    /// 0: none was chosen.
    route: u64,
}

/// What is suspected, and what is refused.
#[derive(Debug, Default)]
pub(crate) struct Suspects {
    deaths: VecDeque<Death>,
    /// Until then.
    refused: Vec<(Instant, Refusal)>,
}

/// The same as it passes from one image of main to the next.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct HandedSuspects {
    deaths: Vec<HandedDeath>,
    refused: Vec<HandedRefusal>,
}

#[derive(Debug, Serialize, Deserialize)]
struct HandedDeath {
    ago: Duration,
    client: IpAddr,
    route: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct HandedRefusal {
    left: Duration,
    refusal: Refusal,
}

impl Suspects {
    /// A worker died of `work`; what is to be refused from now on.
    fn note(&mut self, work: &Work, now: Instant) -> Option<Refusal> {
        self.deaths.retain(|death| now.since(death.at) <= WITHIN);
        if self.deaths.len() == MOST {
            self.deaths.pop_front();
        }
        let death = Death { at: now, client: work.client, route: work.route };
        self.deaths.push_back(death);
        let (client, route) = (Some(death.client), (death.route != 0).then_some(death.route));
        let narrow = Refusal { client, route };
        let common = [narrow, Refusal { client: None, route }, Refusal { client, route: None }];
        let guilty = |refusal: &Refusal| {
            let some = refusal.client.is_some() || refusal.route.is_some();
            some && self.deaths.iter().filter(|death| death.is_of(refusal)).count() >= DEATHS
        };
        let refusal = common.into_iter().find(guilty)?;
        // After its time it begins anew.
        self.deaths.retain(|death| !death.is_of(&refusal));
        if self.refused.len() == MOST {
            self.refused.remove(0);
        }
        self.refused.push((now + REFUSED, refusal));
        Some(refusal)
    }

    /// What workers are told.
    pub(crate) fn message(&self) -> ToWorker {
        ToWorker::Refuse(self.refused.iter().map(|(_, refusal)| *refusal).collect())
    }

    /// When something is served again.
    pub(crate) fn deadline(&self) -> Instant {
        self.refused.iter().map(|(until, _)| *until).fold(Instant::FAR, Instant::min)
    }

    /// What another image of this process needs to go on with it.
    pub(crate) fn hand_over(&self, now: Instant) -> HandedSuspects {
        let deaths = self.deaths.iter().map(|death| {
            let Death { at, client, route } = *death;
            HandedDeath { ago: now.since(at), client, route }
        });
        let refused = self.refused.iter();
        let refused = refused
            .map(|(until, refusal)| HandedRefusal { left: until.since(now), refusal: *refusal });
        HandedSuspects { deaths: deaths.collect(), refused: refused.collect() }
    }

    /// Goes on with what [`Suspects::hand_over`] has told.
    pub(crate) fn resume(handed: HandedSuspects, now: Instant) -> Self {
        let deaths = handed.deaths.into_iter();
        let deaths = deaths.map(|HandedDeath { ago, client, route }| Death {
            at: now.before(ago),
            client,
            route,
        });
        let refused = handed.refused.into_iter();
        let refused = refused.map(|refused| (now + refused.left, refused.refusal));
        Self { deaths: deaths.collect(), refused: refused.collect() }
    }
}

impl Death {
    fn is_of(&self, refusal: &Refusal) -> bool {
        refusal.concerns(self.client) && refusal.route.is_none_or(|route| route == self.route)
    }
}

impl Supervisor {
    /// What a worker was working on, to be added to how it ended.
    pub(crate) fn scene(&self, end: &End) -> String {
        let mut scene = String::new();
        if let Some(panic) = &end.words.panic {
            scene.push_str(&format!(": it {panic}"));
        }
        if let Some(work) = &end.words.work {
            let session = String::from_utf8_lossy(&work.session);
            let frontend = self.frontend(work.route).map(named).unwrap_or_default();
            let Work { client, .. } = work;
            let epoch = end.words.epoch;
            scene.push_str(&format!(
                ", while it worked for client {client} (session {session}, epoch {epoch}){frontend}"
            ));
        }
        scene
    }

    /// A worker has ended against our will: tells everybody, and refuses what it has in common with
    /// others.
    pub(crate) fn note_crash(&mut self, slot: u16, end: &End, now: Instant) {
        self.count_verb(end.words.panic.as_ref().map(|_| Verb::Panic));
        let mut event = Event { kind: EventKind::WorkerKilled.into(), ..Event::default() };
        let work = end.words.work.as_ref().filter(|_| end.crashed);
        if let Some(refusal) = work.and_then(|work| self.suspects.note(work, now)) {
            let frontend = refusal.route.and_then(|route| self.frontend(route));
            event.cluster_id = frontend.and_then(|frontend| frontend.cluster.clone());
            event.address = refusal.client.map(|client| SocketAddr::new(client, 0).into());
            let client = refusal.client.map(|client| format!(" of client {client}"));
            let (client, frontend) = (client.unwrap_or_default(), frontend.map(named));
            let refused = format!("requests{client}{}", frontend.unwrap_or_default());
            error!(
                "workers have died {DEATHS} times in a similar way: {refused} are refused for \
                 {REFUSED:?}"
            );
            event.refused = Some(refused);
            let message = self.suspects.message();
            self.send_to_all(&message);
        }
        if let Some(control) = &mut self.control {
            control.tell(&slot.to_string(), event);
        }
    }

    /// Serves again what was refused for long enough.
    pub(crate) fn attend_suspects(&mut self, now: Instant) {
        if self.suspects.deadline() > now {
            return;
        }
        self.suspects.refused.retain(|(until, _)| *until > now);
        info!("requests that were refused because workers died of them are served again");
        let message = self.suspects.message();
        self.send_to_all(&message);
    }

    fn frontend(&self, hash: u64) -> Option<&Frontend> {
        let mut frontends = self.plan.state.frontends.iter();
        frontends.find(|frontend| hash != 0 && object_hash("frontend", frontend) == hash)
    }
}

/// A frontend, to be added to a sentence.
fn named(frontend: &Frontend) -> String {
    let path = match &frontend.path {
        PathRule::Prefix(path) | PathRule::Equals(path) | PathRule::Regex(path) => path,
    };
    format!(" for frontend {} {path}", frontend.hostname)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(client: u8, route: u64) -> Work {
        Work { session: [b'0'; 26], client: IpAddr::from([192, 0, 2, client]), route }
    }

    fn refusal(client: Option<u8>, route: Option<u64>) -> Refusal {
        Refusal { client: client.map(|client| work(client, 0).client), route }
    }

    fn all(deaths: &[(u8, u64)]) -> Vec<Option<Refusal>> {
        let mut suspects = Suspects::default();
        let note = |(client, route): &(u8, u64)| suspects.note(&work(*client, *route), now(9));
        deaths.iter().map(note).collect()
    }

    fn now(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn what_deaths_have_in_common_is_refused_and_no_more() {
        let (one, route) = (refusal(Some(1), Some(7)), refusal(None, Some(7)));
        assert_eq!(all(&[(1, 7), (1, 7), (1, 7)]), [None, None, Some(one)]);
        assert_eq!(all(&[(1, 7), (2, 7), (3, 7)]), [None, None, Some(route)]);
        let client = refusal(Some(1), None);
        assert_eq!(all(&[(1, 7), (1, 8), (1, 9)]), [None, None, Some(client)]);
        assert_eq!(all(&[(1, 0), (1, 0), (1, 0)]), [None, None, Some(client)]);
        assert_eq!(all(&[(1, 0), (2, 0), (3, 0), (4, 5)]), [None; 4]);
        // It begins anew.
        assert_eq!(all(&[(1, 7), (1, 7), (1, 7), (1, 7)])[3], None);
    }

    #[test]
    fn old_deaths_do_not_count_and_what_is_refused_passes_on() {
        let mut suspects = Suspects::default();
        for second in [1, 2, 700] {
            assert_eq!(suspects.note(&work(1, 7), now(second)), None);
        }
        let handed = suspects.hand_over(now(701));
        let mut suspects = Suspects::resume(handed, now(701));
        assert_eq!(suspects.note(&work(1, 7), now(702)), None);
        assert_eq!(suspects.note(&work(1, 7), now(703)), Some(refusal(Some(1), Some(7))));
        let suspects = Suspects::resume(suspects.hand_over(now(710)), now(710));
        assert_eq!(suspects.deadline(), now(763));
        assert_eq!(suspects.message(), ToWorker::Refuse(vec![refusal(Some(1), Some(7))]));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut suspects = Suspects::default();
        for number in 0..1000 {
            suspects.note(&work((number % 250) as u8, number), now(1));
        }
        assert!(suspects.deaths.len() <= MOST && suspects.refused.len() <= MOST);
    }
}
