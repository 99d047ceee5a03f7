//! The end of the proxy: on a signal, or because it cannot go on.

use std::collections::BTreeSet;
use std::time::Duration;

use log::{info, warn};
use weir_base::Instant;
use weir_control::channel::{Kinds, Question, ToWorker};
use weir_log::Logs;
use weir_proto::{EventKind, Response};
use weir_sys::Signal;

use crate::account::Account;
use crate::control::Asker;
use crate::questions::About;
use crate::slot::Slot;
use crate::succession::told;
use crate::supervise::{Stage, Supervisor};
use crate::{Ended, Error};

/// Workers cut what is left when their time is over; this is how long they may take to do it.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// How often whoever waits for the end is told that it is not there.
const TELL_PERIOD: Duration = Duration::from_secs(1);

/// Who waits for the end of the proxy.
pub(crate) struct Stopper {
    asker: Asker,
    tell_at: Instant,
    account: Account,
}

impl Stopper {
    /// When there is something to do or to tell.
    pub(crate) fn due(&self, until: Instant) -> Instant {
        until.min(self.tell_at)
    }
}

impl Supervisor {
    /// Stops the proxy; whoever asked is told how far it is, and answered when the last worker has
    /// ended. `at_once`: whatever is in flight.
    pub(crate) fn stop_for(&mut self, asker: Asker, at_once: bool, now: Instant) {
        self.answer(&asker, &Response::processing("stopping", None));
        self.tell_of(EventKind::SozuStopRequested);
        warn!("stopping, as uid {} (pid {}) asked", asker.uid, asker.pid);
        let (tell_at, account) = (now + TELL_PERIOD, Account::default());
        self.stopper = Some(Stopper { asker, tell_at, account });
        self.stop("the control socket", now);
        if let Stage::Ending { until, .. } = &mut self.stage
            && at_once
        {
            *until = now;
        }
    }

    /// Tells whoever waits for the end what is left.
    pub(crate) fn tell_stopper(&mut self, now: Instant) {
        let Some(stopper) = self.stopper.as_mut().filter(|stopper| stopper.tell_at <= now) else {
            return;
        };
        stopper.tell_at = now + TELL_PERIOD;
        let (asker, mut left) = (stopper.asker, Kinds::default());
        let finishing = self.workers().map(|worker| left += worker.unfinished()).count();
        let workers = if finishing == 1 { "worker finishes" } else { "workers finish" };
        let mut sentence = format!("{finishing} {workers}{}", told(left));
        if let Stage::Ending { until, .. } = self.stage
            && until != Instant::FAR
        {
            sentence += &format!("; {} s are left", until.since(now).as_secs());
        }
        self.answer(&asker, &Response::processing(sentence, None));
    }

    /// A worker has said its last word.
    pub(crate) fn note_drained(&mut self, finished: Kinds, cut: Kinds) {
        if let Some(stopper) = &mut self.stopper {
            stopper.account.close(finished, cut);
        }
    }

    /// The last worker has ended.
    pub(crate) fn answer_stopper(&mut self) {
        if let Some(Stopper { asker, account, .. }) = self.stopper.take() {
            let sentence = format!("every worker has ended; {account}");
            self.answer(&asker, &Response::ok(sentence, None));
        }
        if let Some(control) = &mut self.control {
            control.flush(&self.epoll);
        }
    }

    /// Does what the signals that came ask for.
    pub(crate) fn read_signals(&mut self, now: Instant) {
        while let Ok(Some(signal)) = self.signals.read() {
            match signal {
                Signal::Terminate => self.stop("SIGTERM", now),
                Signal::Interrupt => self.stop("SIGINT", now),
                Signal::Hangup => info!("SIGHUP does nothing; SIGUSR1 opens the log files again"),
                Signal::User1 => {
                    if let Err(sentence) = self.reopen_logs() {
                        warn!("{sentence}");
                    }
                }
                Signal::Child => {}
            }
        }
    }

    /// Main's files, and workers are told to.
    fn reopen_logs(&mut self) -> Result<(), String> {
        self.send_to_all(&ToWorker::ReopenLogs);
        let own = self.logs.map_or(Ok(()), Logs::reopen);
        let audit = self.control.as_mut().map_or(Ok(()), |control| control.audit.reopen());
        own.and(audit).map_err(|error| format!("not every log file was opened again: {error}"))
    }

    /// Answers when workers have done so, too: what they are asked next they answer afterwards.
    pub(crate) fn reopen_logs_for(&mut self, asker: Asker, now: Instant) {
        let workers: BTreeSet<u16> = self.slots_that(Slot::serves).collect();
        match self.reopen_logs() {
            Ok(()) if workers.is_empty() => {
                self.answer(&asker, &Response::ok("main has opened its log files again", None));
            }
            Ok(()) => self.ask(workers, Question::Hash, About::Reopened(asker), now),
            Err(sentence) => self.answer(&asker, &Response::failure(sentence)),
        }
    }

    pub(crate) fn send_to_all(&mut self, message: &ToWorker) {
        self.workers_mut().for_each(|worker| worker.send(message));
    }

    /// The first time, lets requests in flight finish; the second, ends at once.
    pub(crate) fn stop(&mut self, signal: &str, now: Instant) {
        if let Stage::Ending { until, verdict } = &mut self.stage {
            warn!("{signal} again: what is in flight is cut");
            *until = now;
            if verdict.is_ok() {
                *verdict = Ok(Ended::Cut);
            }
            return;
        }
        self.give_up_upgrade(&format!("the proxy is stopping ({signal})"));
        let time = self.plan.drain_timeout;
        info!("{signal}: stopping; requests in flight have {time:?} to finish");
        self.notify.stopping();
        // Connections that wait for a worker that is not there are served before the end.
        self.lend_orphaned_sockets();
        for worker in self.slots.iter_mut().filter_map(|slot| slot.worker.as_mut()) {
            worker.drain(time);
        }
        self.stop_succession(now);
        self.dismiss_retiring();
        // A socket that stays open here would take connections that nobody accepts any more.
        self.sockets.close();
        self.stage = Stage::Ending { until: now + time + CUT_GRACE, verdict: Ok(Ended::Clean) };
    }

    /// Ends everything at once, because of `error`.
    pub(crate) fn give_up(&mut self, error: Error, now: Instant) {
        self.notify.stopping();
        self.stage = Stage::Ending { until: now, verdict: Err(error) };
    }

    /// Kills the workers that are left when their time is over.
    pub(crate) fn kill_what_is_late(&mut self, now: Instant) {
        let Stage::Ending { until, .. } = &mut self.stage else { return };
        if now < *until {
            return;
        }
        *until = Instant::FAR;
        self.workers_mut().for_each(|worker| worker.kill("had no time left".to_owned()));
    }

    /// The worker of `slot` had no time for some sessions.
    pub(crate) fn note_cut(&mut self, slot: u16, cut: Kinds) {
        let count = cut.total();
        let sessions = if count == 1 { "session" } else { "sessions" };
        warn!("worker {slot} cut {count} {sessions}{cut}: the time to finish was over");
        self.judge_cut();
    }

    /// A worker ended before it had finished.
    pub(crate) fn note_early_end(&mut self, what: &str) {
        warn!("{what} before it had finished");
        self.judge_cut();
    }

    fn judge_cut(&mut self) {
        if let Stage::Ending { verdict: verdict @ Ok(_), .. } = &mut self.stage {
            *verdict = Ok(Ended::Cut);
        }
    }
}
