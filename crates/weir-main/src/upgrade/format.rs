//! What one image of main leaves to the next: a file in memory.
//!
//! The length of a JSON document (8 bytes, little-endian), the document, the packed state. In the
//! document, numbers of descriptors stand for what is open. A reader skips fields that it does not
//! know and has defaults for those that a later version adds; the version changes when that
//! is not enough, and then a reader says so and nothing is lost.
//!
//! What is packed has forms of its own, which both images must share: that of the state, and that
//! of the messages to the workers that go on.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use serde::{Deserialize, Serialize};
use weir_base::Instant;
use weir_control::channel::{self, Finding};
use weir_control::packed::{FORMAT, pack, unpack};
use weir_control::state::State;
use weir_tls::TicketKey;

use crate::Plan;
use crate::control::{Asker, HandedControl};
use crate::headcount::Resize;
use crate::slot::HandedSlot;
use crate::sockets::HandedGroup;
use crate::succession::HandedLeaving;
use crate::supervise::Supervisor;
use crate::suspects::HandedSuspects;
use crate::taps::Tapping;
use crate::worker_process::HandedWorker;

/// Of the document.
pub(super) const VERSION: u32 = 1;

/// What of the document tells whether the rest can be read.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    version: u32,
    /// Who wrote it.
    program: String,
    /// [`FORMAT`] of the state.
    packed: u32,
    /// [`channel::VERSION`] of the workers.
    channel: u32,
}

/// The document.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Handover {
    #[serde(flatten)]
    mark: Mark,
    /// The image that wrote it, to go back to.
    pub(super) image: RawFd,
    /// That there is no other main.
    pub(super) lock: Option<RawFd>,
    /// Who waits for an answer.
    pub(super) asker: Asker,
    /// Without the state.
    pub(super) plan: Plan,
    pub(super) epoch: u64,
    /// Of the state.
    pub(super) hash: u64,
    pub(super) sockets: Vec<HandedGroup>,
    pub(super) slots: Vec<HandedSlot>,
    /// Workers that finish.
    #[serde(default)]
    pub(super) leaving: Vec<HandedLeaving>,
    #[serde(default)]
    pub(super) suspects: HandedSuspects,
    /// Who accepts from sockets that there is no slot for.
    #[serde(default)]
    pub(super) spare_hosts: BTreeMap<u16, i32>,
    #[serde(default)]
    pub(super) resize: Option<Resize>,
    pub(super) control: Option<HandedControl>,
    pub(super) ticket_keys: Vec<TicketKey>,
    /// What health checks found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) findings: Vec<Finding>,
    pub(super) counts: BTreeMap<String, i32>,
    /// Changes so far, by the name of what they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) verbs: BTreeMap<String, u64>,
    /// What workers have counted, packed.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "super::base64")]
    pub(super) ledger: Vec<u8>,
    /// What was sent to statsd, what windows are made of, and leases, packed.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "super::base64")]
    pub(super) lately: Vec<u8>,
    /// Who looks at requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) taps: Vec<Tapping>,
    /// Number of the last question to workers.
    pub(super) asked: u64,
}

/// Name and version of this program.
pub(super) fn program() -> String {
    concat!("weir ", env!("CARGO_PKG_VERSION")).to_owned()
}

impl Handover {
    /// Of main as it is. The descriptors in it are main's.
    pub(super) fn of(main: &Supervisor, asker: Asker, now: Instant) -> Self {
        Self {
            mark: Mark {
                version: VERSION,
                program: program(),
                packed: FORMAT,
                channel: channel::VERSION,
            },
            image: main.image.as_fd().as_raw_fd(),
            lock: main.home.as_ref().map(|home| home.as_fd().as_raw_fd()),
            asker,
            plan: main.plan.without_state(),
            epoch: main.epoch,
            hash: main.hash.value(),
            sockets: main.sockets.hand_over(),
            slots: main.slots.iter().map(|slot| slot.hand_over(now)).collect(),
            leaving: main.leaving.iter().map(|leaving| leaving.hand_over(now)).collect(),
            suspects: main.suspects.hand_over(now),
            spare_hosts: main.spare_hosts.clone(),
            resize: main.resize.clone(),
            control: main.control.as_ref().map(|control| control.hand_over()),
            ticket_keys: main.tickets.keys().to_vec(),
            findings: main.findings.all(),
            counts: main.counts.clone(),
            verbs: main.metrics.verbs.clone(),
            // It does not fail; without it, counters begin anew.
            ledger: pack(&main.metrics.ledger).map(|bytes| bytes.to_vec()).unwrap_or_default(),
            lately: main.metrics.lately(now),
            taps: main.taps.clone(),
            asked: main.asked,
        }
    }

    /// Every descriptor in it.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let sockets = self.sockets.iter().flat_map(|group| group.sockets.iter().copied());
        let workers = self.slots.iter().filter_map(|slot| slot.worker.as_ref());
        let leaving = self.leaving.iter().flat_map(HandedLeaving::descriptors);
        let control = self.control.iter().flat_map(HandedControl::descriptors);
        let workers = workers.flat_map(HandedWorker::descriptors);
        let own = [self.image].into_iter().chain(self.lock);
        own.chain(sockets).chain(workers).chain(leaving).chain(control)
    }

    /// The file of it and of the state.
    pub(super) fn write(&self, state: &State) -> Result<OwnedFd, String> {
        let failed = |error: &dyn std::fmt::Display| format!("main cannot be handed over: {error}");
        let document = serde_json::to_vec(self).map_err(|error| failed(&error))?;
        let state = pack(state).map_err(|error| failed(&error))?;
        let write = || {
            let mut file = weir_sys::memory_file("weir-handover")?;
            file.write_all(&(document.len() as u64).to_le_bytes())?;
            file.write_all(&document)?;
            file.write_all(&state)?;
            Ok(file.into())
        };
        write().map_err(|error: std::io::Error| failed(&error))
    }

    /// What a file has, from its beginning; the state is in the plan.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn read(file: &mut File) -> Result<Self, String> {
        let cannot = |error| format!("the handover cannot be read: {error}");
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(cannot)?;
        let (document, state) = parts(&bytes).ok_or("the handover is cut short")?;
        let mut handover = Self::parse(document)?;
        handover.plan.state = unpack(state).map_err(cannot)?;
        Ok(handover)
    }

    /// Reads a document.
    pub(super) fn parse(document: &[u8]) -> Result<Self, String> {
        let garbled = |error| format!("the handover cannot be understood: {error}");
        let mark: Mark = serde_json::from_slice(document).map_err(garbled)?;
        mark.require()?;
        serde_json::from_slice(document).map_err(garbled)
    }
}

impl Mark {
    fn require(&self) -> Result<(), String> {
        let (program, own) = (&self.program, program());
        let kinds = [
            ("handovers", self.version, VERSION),
            ("states", self.packed, FORMAT),
            ("messages to workers", self.channel, channel::VERSION),
        ];
        for (what, theirs, ours) in kinds {
            if theirs != ours {
                return Err(format!(
                    "{program} has {what} of version {theirs}, {own} reads version {ours}: save \
                     the state (`weir state save`), stop, start {own} and load it"
                ));
            }
        }
        Ok(())
    }
}

/// The document and what follows it.
fn parts(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests;
