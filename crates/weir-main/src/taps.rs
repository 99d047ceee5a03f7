//! Taps: clients that look at requests as they end.
//!
//! Must not know: what a record is.
//!
//! Invariants: there are at most [`MOST_TAPS`]; every worker knows all of them, new ones from their
//! start; a client that reads too slowly loses records, which are counted; a tap ends with its
//! client.

use serde::{Deserialize, Serialize};
use weir_control::channel::ToWorker;
use weir_control::tap::{Tap, Tapped};
use weir_proto::response_content::ContentType;
use weir_proto::{Response, Tap as Wanted, Tapped as Told};

use crate::control::Asker;
use crate::questions::Speaker;
use crate::supervise::Supervisor;

/// Bytes of records that a client is told at once, or one record.
const MOST_BYTES: usize = 32 << 10;
/// Clients that look at a time.
const MOST_TAPS: usize = 16;

/// A client that looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tapping {
    asker: Asker,
    tap: Tap,
    /// Records that the client was too slow for, since it was told last.
    #[serde(default)]
    lost: u64,
}

impl Supervisor {
    /// Somebody looks at requests from now on.
    pub(crate) fn open_tap(&mut self, asker: Asker, wanted: &Wanted) {
        if self.taps.len() >= MOST_TAPS {
            let sentence = format!("{MOST_TAPS} clients look at requests already: end one of them");
            return self.answer(&asker, &Response::failure(sentence));
        }
        self.asked += 1;
        let tap = match Tap::new(self.asked, wanted) {
            Ok(tap) => tap,
            Err(sentence) => return self.answer(&asker, &Response::failure(sentence)),
        };
        if let Some(control) = &mut self.control {
            control.follow(&asker, "it is told of requests");
        }
        self.send_to_all(&ToWorker::Tap(tap.clone()));
        self.taps.push(Tapping { asker, tap, lost: 0 });
    }

    /// What a new worker is told.
    pub(crate) fn tap_messages(&self) -> impl Iterator<Item = ToWorker> {
        self.taps.iter().map(|tapping| ToWorker::Tap(tapping.tap.clone()))
    }

    /// A worker tells of requests.
    pub(crate) fn note_tapped(&mut self, who: Speaker, tapped: Tapped) {
        let is = |tapping: &&mut Tapping| tapping.tap.number == tapped.number;
        let Some(tapping) = self.taps.iter_mut().find(is) else { return };
        let Some(control) = &mut self.control else { return };
        let mut left_out = tapped.left_out;
        for records in parts(tapped.records) {
            if !control.has_room(&tapping.asker) {
                tapping.lost += records.len() as u64;
                continue;
            }
            let (worker, lost) = (who.slot.into(), std::mem::take(&mut tapping.lost));
            let told = Told { worker, records, left_out: std::mem::take(&mut left_out), lost };
            let response = Response::processing("requests have ended", ContentType::Tapped(told));
            control.answer(&tapping.asker, &response);
        }
        tapping.lost += left_out;
    }

    /// Ends the taps of clients that are gone.
    pub(crate) fn close_taps(&mut self) {
        let Some(control) = &self.control else { return };
        let is_gone = |tapping: &mut Tapping| !control.is_there(&tapping.asker);
        let gone: Vec<_> = self.taps.extract_if(.., is_gone).collect();
        for tapping in gone {
            self.send_to_all(&ToWorker::Untap(tapping.tap.number));
        }
    }
}

/// Records in parts that fit into a frame; one without any if there is none.
fn parts(records: Vec<String>) -> Vec<Vec<String>> {
    let (mut parts, mut part) = (Vec::new(), Vec::new());
    let mut bytes = 0;
    for record in records {
        bytes += record.len();
        if bytes > MOST_BYTES {
            bytes = record.len();
            parts.push(std::mem::take(&mut part));
        }
        part.push(record);
    }
    parts.push(part);
    parts
}
