//! Keys of session tickets: made, kept for as long as tickets live, shared by all workers.
//!
//! They come from a file that several hosts share, or are made here, a new one each rotation, and
//! then live in the store, so that clients resume their sessions after a restart.
//!
//! Invariant: there is always a key.

use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use log::{info, warn};
use weir_base::Instant;
use weir_control::channel::{TICKET_LIFETIME, ToWorker};
use weir_tls::{Secret, TicketKey};

use crate::history::{History, now_millis};
use crate::supervise::Supervisor;
use weir_control::config::TlsPlan;

use crate::Error;

/// How often the file is looked at.
const FILE_PERIOD: Duration = Duration::from_secs(60);

/// Keys of a file; more would be searched for every ticket.
const MOST_KEYS: usize = 64;

/// The keys in use, the sealing one first.
pub(crate) struct Tickets {
    plan: TlsPlan,
    keys: Vec<TicketKey>,
    /// When the file was written, if there is one.
    written: Option<SystemTime>,
    /// When to look at the file, or to make a key.
    pub(crate) next: Instant,
}

impl Tickets {
    /// The keys of the file, or those of the store that are young enough, or a new one.
    ///
    /// # Errors
    /// [`Error::TicketKeys`] when the file cannot be used.
    pub(crate) fn new(plan: TlsPlan, history: &mut History, now: Instant) -> Result<Self, Error> {
        let mut tickets = Self { plan, keys: Vec::new(), written: None, next: now };
        if let Some(path) = tickets.plan.ticket_key_file.clone() {
            let failed = |cause| Error::TicketKeys { path: path.clone(), cause };
            (tickets.keys, tickets.written) = read(&path).map_err(failed)?;
            tickets.next = now + FILE_PERIOD;
            return Ok(tickets);
        }
        tickets.keys = history.ticket_keys();
        tickets.rotate(history, now)?;
        Ok(tickets)
    }

    /// Goes on with the keys in use; whether there are others now is looked at soon.
    pub(crate) fn resume(plan: TlsPlan, keys: Vec<TicketKey>, now: Instant) -> Self {
        Self { plan, keys, written: None, next: now }
    }

    /// The keys in use.
    pub(crate) fn keys(&self) -> &[TicketKey] {
        &self.keys
    }

    /// What workers are told.
    pub(crate) fn message(&self) -> ToWorker {
        ToWorker::TicketKeys(self.keys.clone())
    }

    /// Does what is due; true when the keys have changed.
    fn attend(&mut self, history: &mut History, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        let before = self.keys.clone();
        match self.plan.ticket_key_file.clone() {
            Some(path) => self.look_at(&path, now),
            None => {
                if let Err(error) = self.rotate(history, now) {
                    warn!("{error}; session tickets are sealed with the old key");
                    self.next = now + FILE_PERIOD;
                }
            }
        }
        self.keys != before
    }

    /// Reads the file again when it was written.
    fn look_at(&mut self, path: &Path, now: Instant) {
        self.next = now + FILE_PERIOD;
        if modified(path) == self.written {
            return;
        }
        match read(path) {
            Ok((keys, written)) => {
                info!("{} keys of session tickets were read from {}", keys.len(), path.display());
                (self.keys, self.written) = (keys, written);
            }
            Err(cause) => warn!("{}: {cause}; the keys in use stay", path.display()),
        }
    }

    /// Forgets keys that no ticket can be sealed with any more, and makes a new one when it is
    /// time.
    fn rotate(&mut self, history: &mut History, now: Instant) -> Result<(), Error> {
        let today = now_millis() / 1_000;
        let rotation = self.plan.ticket_rotation.as_secs().max(1);
        let kept = rotation + TICKET_LIFETIME.as_secs();
        self.keys.retain(|key| key.made <= today && today - key.made < kept);
        let age = self.keys.first().map_or(u64::MAX, |key| today - key.made);
        if age < rotation {
            self.next = now + Duration::from_secs(rotation - age);
            return Ok(());
        }
        let mut bytes = [0; TicketKey::LEN];
        weir_sys::fill_random(&mut bytes).map_err(Error::Random)?;
        self.keys.insert(0, TicketKey { made: today, bytes: Secret::from(&bytes[..]) });
        self.next = now + self.plan.ticket_rotation;
        if let Err(error) = history.put_ticket_keys(&self.keys) {
            warn!("keys of session tickets cannot be stored: {error}; they end with this process");
        }
        Ok(())
    }
}

impl Supervisor {
    /// Makes or reads keys when it is time, and tells workers.
    pub(crate) fn attend_tickets(&mut self, now: Instant) {
        if self.tickets.attend(&mut self.history, now) {
            let message = self.tickets.message();
            self.send_to_all(&message);
        }
    }
}

type Keys = (Vec<TicketKey>, Option<SystemTime>);

/// Keys in base64, one a line; the first seals. Empty lines and those with `#` do not count.
fn read(path: &Path) -> Result<Keys, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let lines = (1..).zip(text.lines().map(str::trim));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let keys = lines.map(|(number, line)| {
        let bytes = STANDARD.decode(line).ok().filter(|bytes| bytes.len() == TicketKey::LEN);
        let bytes = bytes.ok_or_else(|| {
            let len = TicketKey::LEN;
            format!("line {number} is not {len} bytes in base64: `openssl rand -base64 {len}`")
        })?;
        Ok(TicketKey { made: 0, bytes: Secret::from(&bytes[..]) })
    });
    let keys = keys.collect::<Result<Vec<_>, String>>()?;
    match keys.len() {
        0 => Err("there is no key in it: one base64 line each, the first one seals".into()),
        n if n > MOST_KEYS => Err(format!("there are {n} keys in it, more than {MOST_KEYS}")),
        _ => Ok((keys, modified(path))),
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rotation: u64) -> TlsPlan {
        TlsPlan { ticket_key_file: None, ticket_rotation: Duration::from_secs(rotation) }
    }

    fn key(made: u64) -> TicketKey {
        TicketKey { made, bytes: Secret::from(&[made as u8; TicketKey::LEN][..]) }
    }

    #[test]
    fn keys_are_found_again_and_forgotten_when_no_ticket_needs_them() {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut history, _) = History::open(&directory.path().join("store")).expect("opened");
        let now = weir_sys::now();
        let today = now_millis() / 1_000;
        let first = Tickets::new(plan(600), &mut history, now).expect("made");
        let again = Tickets::new(plan(600), &mut history, now).expect("found");
        assert!(first.keys == again.keys && first.keys.len() == 1);
        let lifetime = TICKET_LIFETIME.as_secs();
        let old = [key(today - 700), key(today - 500 - lifetime), key(today - 601 - lifetime)];
        history.put_ticket_keys(&old).expect("stored");
        let rotated = Tickets::new(plan(600), &mut history, now).expect("made");
        assert_eq!(rotated.keys[1..], old[..2], "the last one is too old");
        assert!(rotated.keys[0].made >= today);
    }

    #[test]
    fn a_file_of_keys_is_read_again_when_it_was_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("keys");
        let line = |byte| format!("{}\n", STANDARD.encode([byte; TicketKey::LEN]));
        std::fs::write(&path, format!("# shared\n{}{}", line(1), line(2))).expect("written");
        let plan = TlsPlan { ticket_key_file: Some(path.clone()), ..plan(600) };
        let mut history = History::none();
        let mut tickets =
            Tickets::new(plan.clone(), &mut history, Instant::default()).expect("read");
        assert_eq!(tickets.keys.len(), 2);
        std::fs::write(&path, "AAAA\n").expect("written");
        tickets.written = None;
        assert!(!tickets.attend(&mut history, Instant::FAR), "bad keys change nothing");
        let error = Tickets::new(plan, &mut history, Instant::default()).err().expect("refused");
        assert!(error.to_string().contains("line 1 is not 48 bytes in base64"), "{error}");
        std::fs::write(&path, line(3)).expect("written");
        assert!(tickets.attend(&mut history, Instant::FAR));
        assert_eq!(tickets.keys.len(), 1);
    }
}
