//! What a worker does about health checks: the one of slot 0 makes them, all heed what was found.

use weir_base::Key;
use weir_control::channel::Finding;
use weir_control::state::BackendId;

use crate::worker::Worker;

impl Worker {
    /// What is checked has changed.
    pub(crate) fn check(&mut self, checked: Vec<Key>, joined: Vec<(Key, Box<str>)>) {
        let Some(probes) = &mut self.probes else { return };
        for cluster in checked {
            probes.reschedule(cluster, &self.cx);
        }
        for (cluster, backend) in joined {
            probes.greet(cluster, backend);
        }
    }

    pub(crate) fn take_finding(&mut self, finding: &Finding) {
        let BackendId { cluster, id } = &finding.backend;
        let Some(key) = self.cx.tables.by_id.get(cluster).copied() else { return };
        self.cx.checked(key, id, finding.healthy);
        if let Some(probes) = &mut self.probes {
            probes.remember(key, id, finding.healthy);
        }
    }

    /// Moves health checks on; everybody is told of verdicts by main.
    pub(crate) fn probe(&mut self) {
        let Some(probes) = self.probes.as_mut().filter(|_| !self.cx.draining()) else { return };
        for judged in probes.turn(&mut self.cx) {
            self.cx.checked(judged.cluster, &judged.backend, judged.healthy);
            self.cx.tell_finding(&judged);
        }
    }
}
