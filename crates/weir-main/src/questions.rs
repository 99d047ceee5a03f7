//! Questions about the past, and those that workers answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use weir_base::Instant;
use weir_control::channel::{Explained, FoundCertificates, Question, ToWorker};
use weir_control::requests::query;
use weir_proto::response_content::ContentType;
use weir_proto::{
    Drift, ExplainRequest, Explanation, History as Listed, HistoryEntry, HistoryQuery,
    QueryCertificatesFilters, Response, ResponseContent, WorkerDrift, WorkerResponses,
};
use weir_telemetry::Fanout;

use crate::control::Asker;
use crate::dry_run::Planned;
use crate::history::Record;
use crate::metrics::Gathering;
use crate::sessions::{Closing, Listing};
use crate::slot::Slot;
use crate::supervise::Supervisor;
use crate::transact::counts;
use crate::worker_process::WorkerProcess;

/// Time between two comparisons of main and workers.
pub(crate) const COMPARE_PERIOD: Duration = Duration::from_secs(60);

/// Transactions that are listed when no number is asked for.
const LISTED: u32 = 100;

/// Something that workers are asked.
pub(crate) struct Ask {
    number: u64,
    /// Process ids of the workers that have not answered.
    waiting: BTreeSet<i32>,
    /// What they have said.
    part: Fanout,
    pub(crate) deadline: Instant,
    about: About,
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Speaker {
    /// The slot that it has, or has had.
    pub(crate) slot: u16,
    pub(crate) pid: i32,
}

/// What an answer is for.
pub(crate) enum About {
    /// Who has in use what main has.
    Hashes {
        /// `None` when main wants to know.
        asker: Option<Asker>,
        /// Epoch and hash by slot; `None` while it has not answered.
        found: BTreeMap<u16, Option<(u64, u64)>>,
    },
    /// Log files were opened again before.
    Reopened(Asker),
    /// What one worker would do.
    Explanation(Asker),
    /// Which certificates are served.
    Certificates {
        /// Who wants to know.
        asker: Asker,
        /// By slot.
        found: BTreeMap<String, ResponseContent>,
    },
    /// What workers have measured.
    Metrics(Box<Gathering>),
    /// A dry run.
    Sessions(Box<Planned>),
    /// Which sessions there are.
    Live(Box<Listing>),
    /// Sessions are to end.
    Closing(Closing),
}

impl Supervisor {
    pub(crate) fn tell_history(&mut self, asker: &Asker, query: &HistoryQuery) {
        let limit = query.limit.filter(|limit| *limit > 0).unwrap_or(LISTED);
        let before = query.before.unwrap_or(u64::MAX);
        let response = match self.history.before(before, limit as usize) {
            Ok(records) => {
                let entries = records.iter().map(|(epoch, record)| entry(*epoch, record));
                let content = ContentType::History(Listed { entries: entries.collect() });
                Response::ok("the newest transactions", content)
            }
            Err(error) => Response::failure(format!("the history cannot be read: {error}")),
        };
        self.answer(asker, &response);
    }

    pub(crate) fn show_epoch(&mut self, asker: &Asker, epoch: u64) {
        let found = self.history.before(epoch.saturating_add(1), 1);
        let response = match found.as_deref() {
            Ok([(at, record)]) if *at == epoch => {
                let changes = record.changes.clone();
                let entry = HistoryEntry { changes, ..entry(epoch, record) };
                let content = ContentType::History(Listed { entries: vec![entry] });
                Response::ok(format!("epoch {epoch}"), content)
            }
            Ok(_) => Response::failure(format!("there is no transaction of epoch {epoch}")),
            Err(error) => Response::failure(format!("the history cannot be read: {error}")),
        };
        self.answer(asker, &response);
    }

    /// Asks one worker what it would do with a request.
    pub(crate) fn ask_to_explain(&mut self, asker: Asker, wanted: &ExplainRequest, now: Instant) {
        let question = match self.question(wanted) {
            Ok(question) => question,
            Err(sentence) => return self.answer(&asker, &Response::failure(sentence)),
        };
        let Some(slot) = self.slots_that(Slot::serves).next() else {
            return self.answer(&asker, &Response::failure("no worker is there to be asked"));
        };
        self.ask([slot].into(), question, About::Explanation(asker), now);
    }

    fn question(&self, wanted: &ExplainRequest) -> Result<Question, String> {
        let (rest, tls) = match wanted.url.split_once("://") {
            Some(("http", rest)) => (rest, false),
            Some(("https", rest)) => (rest, true),
            _ => return Err("the URL begins with http:// or https://".to_owned()),
        };
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) if rest[at..].starts_with('/') => rest.split_at(at),
            Some(at) => (&rest[..at], "/"),
            None => (rest, "/"),
        };
        let path = path.split(['?', '#']).next().unwrap_or(path);
        let port = match authority.rsplit_once(':') {
            Some((_, port)) if !port.ends_with(']') => {
                port.parse().map_err(|_| format!("`{port}` is not a port"))?
            }
            _ if tls => 443,
            _ => 80,
        };
        let address = match &wanted.address {
            Some(address) => SocketAddr::try_from(*address).map_err(|error| error.to_string())?,
            None => {
                let listeners = self.plan.state.listeners.values();
                let mut listeners = listeners.filter(|listener| listener.tls.is_some() == tls);
                let listener = listeners.find(|l| {
                    l.public_address.unwrap_or(l.address).port() == port || l.address.port() == port
                });
                let scheme = if tls { "https" } else { "http" };
                let none =
                    || format!("no {scheme} listener has port {port}: name one with its address");
                listener.ok_or_else(none)?.address
            }
        };
        Ok(Question::Explain {
            address,
            method: wanted.method.clone(),
            host: host_of(wanted, authority).to_owned(),
            path: path.to_owned(),
        })
    }

    /// Asks every worker what it has in use.
    pub(crate) fn ask_for_hashes(&mut self, asker: Asker, now: Instant) {
        let waiting: BTreeSet<u16> = self.slots_that(Slot::serves).collect();
        if waiting.is_empty() {
            return self.answer(&asker, &Response::failure("no worker is there to be asked"));
        }
        self.ask_hashes(Some(asker), waiting, now);
    }

    fn ask_hashes(&mut self, asker: Option<Asker>, waiting: BTreeSet<u16>, now: Instant) {
        let found = waiting.iter().map(|slot| (*slot, None)).collect();
        self.ask(waiting, Question::Hash, About::Hashes { asker, found }, now);
    }

    /// Asks the workers of these slots.
    pub(crate) fn ask(
        &mut self,
        slots: BTreeSet<u16>,
        question: Question,
        about: About,
        now: Instant,
    ) {
        let pids = slots.into_iter().filter_map(|slot| self.pid_of(slot)).collect();
        self.ask_workers(pids, question, about, now);
    }

    /// The process id of the worker of a slot.
    pub(crate) fn pid_of(&self, slot: u16) -> Option<i32> {
        self.slots.get(usize::from(slot))?.worker.as_ref().map(WorkerProcess::pid)
    }

    /// Asks workers by their process ids.
    pub(crate) fn ask_workers(
        &mut self,
        waiting: BTreeSet<i32>,
        question: Question,
        about: About,
        now: Instant,
    ) {
        self.asked += 1;
        let number = self.asked;
        let message = ToWorker::Ask { number, question };
        for worker in self.workers_mut().filter(|worker| waiting.contains(&worker.pid())) {
            worker.send(&message);
        }
        let deadline = now + self.plan.worker_timeout;
        let part = Fanout::to(waiting.len());
        self.asks.push(Ask { number, waiting, part, deadline, about });
    }

    pub(crate) fn note_hash(&mut self, who: Speaker, number: u64, epoch: u64, hash: u64) {
        self.note_answer(who, number, |about| {
            if let About::Hashes { found, .. } = about {
                found.insert(who.slot, Some((epoch, hash)));
            }
        });
    }

    pub(crate) fn note_counted(&mut self, who: Speaker, number: u64, sessions: &[u64]) {
        self.note_answer(who, number, |about| {
            if let About::Sessions(planned) = about {
                planned.add(sessions);
            }
        });
    }

    /// What a question is for, while workers answer it.
    pub(crate) fn about(&mut self, number: u64) -> Option<&mut About> {
        let ask = self.asks.iter_mut().find(|ask| ask.number == number)?;
        Some(&mut ask.about)
    }

    /// Whether a question is for such a thing.
    pub(crate) fn has_asked(&self, is: impl Fn(&About) -> bool) -> bool {
        self.asks.iter().any(|ask| is(&ask.about))
    }

    /// A worker has answered; the last answer ends the question.
    pub(crate) fn note_answer(&mut self, who: Speaker, number: u64, add: impl FnOnce(&mut About)) {
        let Some(at) = self.asks.iter().position(|ask| ask.number == number) else { return };
        let ask = &mut self.asks[at];
        if ask.waiting.remove(&who.pid) {
            ask.part.ok += 1;
            add(&mut ask.about);
        }
        if ask.waiting.is_empty() {
            let ask = self.asks.swap_remove(at);
            self.tell(ask);
        }
    }

    /// A worker has ended: it answers no question.
    pub(crate) fn note_speechless(&mut self, pid: i32) {
        self.metrics.ledger.close(pid);
        let asked = |ask: &mut Ask| ask.waiting == BTreeSet::from([pid]);
        let over: Vec<_> = self.asks.extract_if(.., asked).collect();
        for ask in &mut self.asks {
            ask.waiting.remove(&pid);
        }
        over.into_iter().for_each(|ask| self.tell(ask));
    }

    /// Tells whoever asked what workers have said.
    fn tell(&mut self, ask: Ask) {
        self.note_part(Some(ask.part));
        self.tell_answers(ask);
        // Nobody may have been told: main asks, too.
        self.note_part(None);
    }

    fn tell_answers(&mut self, ask: Ask) {
        let silence = "the worker did not answer in time";
        match ask.about {
            About::Hashes { asker: None, found } => self.repair(&found),
            About::Hashes { asker: Some(asker), found } if found.values().all(Option::is_none) => {
                self.answer(&asker, &Response::failure(silence));
            }
            About::Hashes { asker: Some(asker), found } => self.tell_drift(&asker, &found),
            About::Reopened(asker) => {
                let response = match ask.waiting.len() {
                    0 => Response::ok("log files are opened again", None),
                    late => Response::failure(format!("{late} workers did not answer in time")),
                };
                self.answer(&asker, &response);
            }
            About::Explanation(asker) => self.answer(&asker, &Response::failure(silence)),
            About::Certificates { asker, found } if found.is_empty() => {
                self.answer(&asker, &Response::failure(silence));
            }
            About::Certificates { asker, found } => {
                self.tell_certificates(&asker, found, ask.waiting.len());
            }
            About::Metrics(gathering) => self.tell_metrics(*gathering, ask.waiting.len()),
            About::Sessions(planned) => self.tell_plan(*planned),
            About::Live(listing) => self.tell_sessions(*listing, ask.waiting.len()),
            About::Closing(closing) => self.tell_closed(closing, ask.waiting.len()),
        }
    }

    /// Asks every worker which certificates it serves: those that a client of a name could be
    /// shown, or all.
    pub(crate) fn ask_for_certificates(
        &mut self,
        asker: Asker,
        filters: QueryCertificatesFilters,
        now: Instant,
    ) {
        let waiting: BTreeSet<u16> = self.slots_that(Slot::serves).collect();
        if waiting.is_empty() {
            return self.answer(&asker, &Response::failure("no worker is there to be asked"));
        }
        let question = Question::Certificates { domain: filters.domain };
        let about = About::Certificates { asker, found: BTreeMap::new() };
        self.ask(waiting, question, about, now);
    }

    pub(crate) fn note_certificates(
        &mut self,
        who: Speaker,
        number: u64,
        served: &[FoundCertificates],
    ) {
        self.note_answer(who, number, |about| {
            if let About::Certificates { found, .. } = about {
                let list = ContentType::CertificatesByAddress(query::certificates_found(served));
                found.insert(who.slot.to_string(), ResponseContent { content_type: Some(list) });
            }
        });
    }

    /// What every worker that has answered serves.
    fn tell_certificates(
        &mut self,
        asker: &Asker,
        map: BTreeMap<String, ResponseContent>,
        late: usize,
    ) {
        let message = match late {
            0 => "every worker has answered".to_owned(),
            late => format!("{late} workers have not answered in time"),
        };
        let content = ContentType::WorkerResponses(WorkerResponses { map });
        self.answer(asker, &Response::ok(message, content));
    }

    /// Asks the workers, from time to time, whether they have in use what main has.
    pub(crate) fn compare_workers(&mut self, now: Instant) {
        if now < self.compare_at {
            return;
        }
        self.compare_at = now + COMPARE_PERIOD;
        let waiting: BTreeSet<u16> = self.slots_that(Slot::serves).collect();
        if !waiting.is_empty() {
            self.ask_hashes(None, waiting, now);
        }
    }

    /// Replaces workers that do not have in use what main has.
    fn repair(&mut self, found: &BTreeMap<u16, Option<(u64, u64)>>) {
        for (slot, found) in found {
            let Some((epoch, hash)) = *found else { continue };
            if epoch == self.epoch
                && hash != self.hash.value()
                && let Some(place) = self.slots.get_mut(usize::from(*slot))
                && let Some(worker) = &mut place.worker
            {
                worker.kill(format!("had something else in use than epoch {epoch}"));
            }
        }
    }

    fn tell_drift(&mut self, asker: &Asker, found: &BTreeMap<u16, Option<(u64, u64)>>) {
        let hash = self.hash.value();
        let differs = |found: &Option<(u64, u64)>| *found != Some((self.epoch, hash));
        let differing = found.values().filter(|found| differs(found)).count();
        let message = match differing {
            0 => "every worker has in use what main has".to_owned(),
            count => format!("{count} workers do not have in use what main has"),
        };
        let workers = found.iter().map(|(slot, found)| WorkerDrift {
            id: (*slot).into(),
            epoch: found.map(|(epoch, _)| epoch),
            hash: found.map(|(_, hash)| hash),
        });
        let drift = Drift { epoch: self.epoch, hash, workers: workers.collect() };
        self.answer(asker, &Response::ok(message, ContentType::Drift(drift)));
    }

    pub(crate) fn note_explained(&mut self, who: Speaker, number: u64, explained: Explained) {
        let Some(at) = self.asks.iter().position(|ask| ask.number == number) else { return };
        let About::Explanation(asker) = self.asks.swap_remove(at).about else { return };
        let content = ContentType::Explanation(Explanation {
            worker: who.slot.into(),
            epoch: self.epoch,
            steps: explained.steps,
            listener: explained.listener,
            frontend: explained.frontend,
            cluster: explained.cluster,
            backends: explained.backends,
            lost: explained.lost,
        });
        self.answer(&asker, &Response::ok("this is what would happen", content));
    }

    /// Answers what workers have left unanswered for too long.
    pub(crate) fn give_up_asks(&mut self, now: Instant) {
        while let Some(at) = self.asks.iter().position(|ask| ask.deadline <= now) {
            let ask = self.asks.swap_remove(at);
            self.tell(ask);
        }
    }
}

/// The host of a request without its port: that of its `Host` field, else of its URL.
fn host_of<'a>(wanted: &'a ExplainRequest, authority: &'a str) -> &'a str {
    let field = wanted.headers.iter().find_map(|header| {
        let (name, value) = header.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    });
    let host = field.unwrap_or(authority);
    let port = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
    port.map_or(host, |(host, _)| host)
}

fn entry(epoch: u64, record: &Record) -> HistoryEntry {
    let (added, changed, removed) = counts(&record.changes);
    HistoryEntry {
        epoch,
        time_ms: record.time_ms,
        uid: Some(record.uid),
        pid: Some(record.pid),
        client: record.client.clone(),
        added,
        changed,
        removed,
        changes: Vec::new(),
    }
}
