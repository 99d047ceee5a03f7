//! Live sessions: every worker is asked, those that finish too, and the answers become one.
//!
//! Must not know: what a session is.
//!
//! Invariant: no more sessions are kept than were asked for, and those of the workers that are
//! telling theirs.

use std::collections::BTreeSet;

use log::info;
use weir_base::Instant;
use weir_control::channel::Question;
use weir_control::sessions::{self, Closed, Filter, Found, Live, Query};
use weir_proto::response_content::ContentType;
use weir_proto::{
    CloseLiveSessions, CloseSessions, ClosedSessions, Response, SessionFilter, SessionList,
    SessionQuery,
};

use crate::control::Asker;
use crate::questions::{About, Speaker};
use crate::supervise::Supervisor;
use crate::worker_process::WorkerProcess;

/// Which sessions there are, as far as workers have said it.
pub(crate) struct Listing {
    asker: Asker,
    query: Query,
    found: Vec<(Speaker, Live)>,
    matching: u64,
}

/// What became of sessions that are to end, as far as workers have said it.
pub(crate) struct Closing {
    asker: Asker,
    closed: Closed,
}

impl Listing {
    /// Sorts what was found and keeps what is asked for.
    fn trim(&mut self) {
        let Query { order, limit, .. } = self.query;
        self.found.sort_by_cached_key(|(who, live)| {
            (std::cmp::Reverse(live.rank(order)), *who, live.id.clone())
        });
        self.found.truncate(limit);
    }
}

impl Supervisor {
    pub(crate) fn ask_for_sessions(&mut self, asker: Asker, wanted: &SessionQuery, now: Instant) {
        let query = match sessions::query(wanted) {
            Ok(query) => query,
            Err(sentence) => return self.answer(&asker, &Response::failure(sentence)),
        };
        let pids = self.who_has_sessions(wanted.filter.as_ref());
        let question = Question::ListSessions(query.clone());
        let listing = Listing { asker, query, found: Vec::new(), matching: 0 };
        if pids.is_empty() {
            return self.tell_sessions(listing, 0);
        }
        self.ask_workers(pids, question, About::Live(Box::new(listing)), now);
    }

    /// Process ids of the workers that a filter names, or of all.
    fn who_has_sessions(&self, filter: Option<&SessionFilter>) -> BTreeSet<i32> {
        let is_meant = |slot: u16| {
            let workers = filter.map(|filter| &filter.workers).filter(|list| !list.is_empty());
            workers.is_none_or(|workers| workers.contains(&slot.into()))
        };
        let serving = (0..).zip(&self.slots).filter(|(_, slot)| slot.serves());
        let serving = serving.filter(|(number, _)| is_meant(*number));
        let serving = serving.filter_map(|(_, slot)| slot.worker.as_ref());
        let leaving = self.leaving.iter().filter(|leaving| is_meant(leaving.slot));
        let leaving = leaving.map(|leaving| &leaving.worker);
        serving.chain(leaving).map(WorkerProcess::pid).collect()
    }

    /// A worker has found these, and maybe more.
    pub(crate) fn note_sessions_found(
        &mut self,
        who: Speaker,
        number: u64,
        part: Found,
        last: bool,
    ) {
        if let Some(About::Live(listing)) = self.about(number) {
            listing.found.extend(part.sessions.into_iter().map(|live| (who, live)));
            listing.matching += part.matching;
            if last {
                listing.trim();
            }
        }
        if last {
            self.note_answer(who, number, |_| ());
        }
    }

    /// Tells whoever asked; so many workers have not said it all.
    pub(crate) fn tell_sessions(&mut self, mut listing: Listing, late: usize) {
        listing.trim();
        let Listing { asker, found, matching, .. } = listing;
        let shown = found.len() as u64;
        let message = match matching {
            0 => "no session is like that".to_owned(),
            matching if matching <= shown => format!("{shown} sessions"),
            matching => format!("{shown} of {matching} sessions"),
        };
        let listed = found.into_iter().map(|(who, live)| sessions::tell(live, who.slot, who.pid));
        let list = SessionList { sessions: listed.collect(), matching: matching.max(shown) };
        let message = message + &silent(late);
        self.answer(&asker, &Response::ok(message, ContentType::SessionList(list)));
    }

    pub(crate) fn close_live_sessions(
        &mut self,
        asker: Asker,
        wanted: &CloseLiveSessions,
        now: Instant,
    ) {
        let named = wanted.filter.clone().unwrap_or_default();
        let filter = match sessions::filter(&named) {
            Ok(filter) if filter.is_empty() && named.workers.is_empty() && !wanted.all() => {
                let sentence = "this would end every session: say which ones, or that it is to be \
                                all of them (`--all`)";
                return self.answer(&asker, &Response::failure(sentence));
            }
            Ok(filter) => filter,
            Err(sentence) => return self.answer(&asker, &Response::failure(sentence)),
        };
        let pids = self.who_has_sessions(Some(&named));
        self.close(asker, filter, pids, now);
    }

    pub(crate) fn close_sessions(&mut self, asker: Asker, wanted: &CloseSessions, now: Instant) {
        match sessions::of_cluster(wanted) {
            Ok(filter) => {
                let pids = self.who_has_sessions(None);
                self.close(asker, filter, pids, now);
            }
            Err(sentence) => self.answer(&asker, &Response::failure(sentence)),
        }
    }

    fn close(&mut self, asker: Asker, filter: Filter, pids: BTreeSet<i32>, now: Instant) {
        let closing = Closing { asker, closed: Closed::default() };
        if pids.is_empty() {
            return self.tell_closed(closing, 0);
        }
        self.ask_workers(pids, Question::CloseSessions(filter), About::Closing(closing), now);
    }

    pub(crate) fn note_sessions_closed(&mut self, who: Speaker, number: u64, closed: Closed) {
        self.note_answer(who, number, |about| {
            if let About::Closing(closing) = about {
                closing.closed.closed += closed.closed;
                closing.closed.draining += closed.draining;
            }
        });
    }

    /// Tells whoever asked; so many workers have not said what became of theirs.
    pub(crate) fn tell_closed(&mut self, closing: Closing, late: usize) {
        let Closing { asker, closed: Closed { closed, draining } } = closing;
        let sentence = format!("{closed} sessions ended, {draining} end once they are answered");
        info!("{sentence}, as uid {} (pid {}) asked", asker.uid, asker.pid);
        let content = ContentType::ClosedSessions(ClosedSessions { closed, draining });
        self.answer(&asker, &Response::ok(sentence + &silent(late), content));
    }
}

/// What is said of workers that did not answer.
fn silent(late: usize) -> String {
    match late {
        0 => String::new(),
        late => format!("; {late} workers have not answered in time, or not completely"),
    }
}
