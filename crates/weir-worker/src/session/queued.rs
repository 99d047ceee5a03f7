//! Waiting for a connection to a backend that takes no more than so many.

use weir_balance::{BackendKey, Pick, Room};
use weir_http::exchange::BackFailure;

use super::{Active, Session, Stage, Step};
use crate::context::Context;

impl Session {
    /// Gets in line for what was picked, which is full. The wait has one deadline, however often a
    /// choice is made meanwhile.
    pub(super) fn wait_in_line(
        &self,
        active: &mut Active,
        pick: &Pick,
        cx: &mut Context,
    ) -> Result<(), BackFailure> {
        let key = active.cluster.ok_or(BackFailure::NoBackend)?;
        let cluster = cx.tables.clusters.get(key).ok_or(BackFailure::NoBackend)?;
        let patience = cluster.settings.config.queue_timeout;
        let patience = patience.unwrap_or(self.settings.config.connect_timeout);
        let wants = (pick.room == Room::NotThere).then_some(pick.key);
        cx.join_queue(key, self.key, wants)?;
        if active.waits_until.is_none() {
            active.waits_until = Some(cx.now + patience);
            cx.note_queued(key);
        }
        Ok(())
    }

    /// Goes on: a connection to `backend` is free, or another choice is to be made, or there may be
    /// room for a connection. `false`: the client's connection is over.
    #[must_use]
    pub(crate) fn resume(&mut self, backend: Option<BackendKey>, cx: &mut Context) -> bool {
        let waits = |active: &Active| {
            active.back.is_none() && (active.waits_until.is_some() || active.in_line.is_some())
        };
        if !matches!(&self.stage, Stage::Exchange(active) if waits(active)) {
            return true;
        }
        let Some(mut active) = self.take_active() else { return true };
        active.promised = backend;
        self.engage(active, cx) != Step::Close && self.drive(cx)
    }
}
