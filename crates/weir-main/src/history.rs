//! The transactions of the past and the state that they made, in a file that survives a crash at
//! any moment.
//!
//! A transaction is stored with what it did and what undoes it, and beside all of them the objects
//! of the state: those that it touched are stored anew with it. So storing costs what a change
//! touches, and reading what the state is.
//!
//! Invariants: what [`History::add`] has stored is found after any crash; what it has refused is
//! not, and leaves the store as it was.

mod objects;
mod sentence;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use redb::{AccessGuard, Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};
use weir_control::change::Undo;
use weir_control::channel::Finding;
use weir_control::packed::{FORMAT, pack, unpack};
use weir_control::state::{BackendId, State};
use weir_proto::PlannedChange;
use weir_tls::TicketKey;

use objects::OBJECTS;
use sentence::sentence;

/// By epoch, packed.
const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("transactions");
/// [`FORM`] and [`EPOCH`].
const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("about");
/// The [`FORMAT`] of everything in the store.
const FORM: &str = "format";
/// The epoch of the last state that no transaction led to.
const EPOCH: &str = "epoch";
/// The keys of session tickets, packed; one entry.
const TICKET_KEYS: TableDefinition<'_, (), &[u8]> = TableDefinition::new("ticket_keys");
/// What health checks found, by packed backend; 1: it is healthy.
const FINDINGS: TableDefinition<'_, &[u8], u8> = TableDefinition::new("findings");
/// Transactions that are kept.
const KEPT: u64 = 10_000;
/// Bytes of transactions that are kept, packed.
const KEPT_BYTES: u64 = 256 << 20;
/// Old transactions that one new one removes at most.
const REMOVED_AT_ONCE: usize = 8;
/// Pages of the file that are kept in memory, in bytes.
const CACHE_BYTES: usize = 16 << 20;

/// What is known of one transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Since the Unix epoch.
    pub(crate) time_ms: u64,
    pub(crate) uid: u32,
    pub(crate) pid: i32,
    pub(crate) client: Option<String>,
    pub(crate) undo: Vec<Undo>,
    pub(crate) changes: Vec<PlannedChange>,
}

/// The store; without a file, nothing is kept.
pub(crate) struct History {
    /// `None`: nothing is kept.
    path: Option<PathBuf>,
    /// `None` with a path: it could not be written, and is opened again when it is needed.
    database: Option<Database>,
    /// The last epoch that was stored.
    last: u64,
    kept: Kept,
}

/// The transactions that are stored. Only a start looks at all of them.
#[derive(Clone, Copy, Default)]
struct Kept {
    /// There is none before this epoch.
    oldest: u64,
    /// Of all of them.
    bytes: u64,
}

impl Kept {
    fn of(database: &Database) -> Result<Self> {
        let read = database.begin_read()?;
        let Ok(records) = read.open_table(RECORDS) else { return Ok(Self::default()) };
        let oldest = records.first()?.map_or(0, |(epoch, _)| epoch.value());
        let sum = |sum, entry: std::result::Result<Entry<'_>, _>| {
            entry.map(|(_, record)| sum + record.value().len() as u64)
        };
        Ok(Self { oldest, bytes: records.iter()?.try_fold(0, sum)? })
    }

    /// Whether the oldest is to go when this epoch is stored.
    fn exceeds(self, epoch: u64) -> bool {
        let many = self.oldest + KEPT < epoch;
        many || (self.bytes > KEPT_BYTES && self.oldest < epoch)
    }
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

impl History {
    /// Keeps nothing.
    pub(crate) fn none() -> Self {
        Self { path: None, database: None, last: 0, kept: Kept::default() }
    }

    /// Opens a store, which only its owner may read; the state in it and its epoch.
    pub(crate) fn open(path: &Path) -> Result<(Self, Option<(u64, State)>)> {
        let database = open(path)?;
        let stored = stored(&database)?;
        let last = stored.as_ref().map_or(0, |(epoch, _)| *epoch);
        let (path, kept) = (Some(path.to_owned()), Kept::of(&database)?);
        Ok((Self { path, database: Some(database), last, kept }, stored))
    }

    /// Goes on with a store whose last epoch is known.
    ///
    /// # Errors
    /// Also when another epoch is the last one in it.
    pub(crate) fn resume(path: Option<&Path>, last: u64) -> Result<Self> {
        let Some(path) = path else { return Ok(Self { last, ..Self::none() }) };
        let (history, stored) = Self::open(path)?;
        match stored {
            Some((epoch, _)) if epoch == last => Ok(history),
            Some((epoch, _)) => Err(format!("epoch {epoch} is the last one in it").into()),
            None => Err("it is empty".into()),
        }
    }

    /// Lets another process have the store. It is opened again when it is needed here.
    pub(crate) fn release(&mut self) {
        self.database = None;
    }

    /// Stores a transaction; `state` is what it led to. It is on the disk when this returns.
    ///
    /// # Errors
    /// A sentence; the transaction is not in the store then, and it can be tried again.
    pub(crate) fn add(
        &mut self,
        epoch: u64,
        record: &Record,
        state: &State,
    ) -> std::result::Result<(), String> {
        self.write(epoch, record, state).map_err(|error| self.let_go(&*error))?;
        self.last = epoch;
        Ok(())
    }

    fn write(&mut self, epoch: u64, record: &Record, state: &State) -> Result<()> {
        let Some(database) = self.database()? else { return Ok(()) };
        let write = database.begin_write()?;
        let mut kept = self.kept;
        let mut records = write.open_table(RECORDS)?;
        let bytes = pack(record)?;
        records.insert(epoch, &*bytes)?;
        kept.bytes += bytes.len() as u64;
        for _ in 0..REMOVED_AT_ONCE {
            if !kept.exceeds(epoch) {
                break;
            }
            let gone = records.remove(kept.oldest)?.map_or(0, |gone| gone.value().len());
            kept.bytes = kept.bytes.saturating_sub(gone as u64);
            kept.oldest = records.first()?.map_or(epoch, |(epoch, _)| epoch.value());
        }
        drop(records);
        objects::put_changed(&mut write.open_table(OBJECTS)?, state, &record.undo)?;
        write.commit()?;
        self.kept = kept;
        Ok(())
    }

    /// Stores a state that no transaction led to, beside those that were before it.
    pub(crate) fn put(&mut self, epoch: u64, state: &State) -> Result<()> {
        let Some(database) = self.database()? else { return Ok(()) };
        let write = database.begin_write()?;
        write.delete_table(OBJECTS)?;
        objects::put_all(&mut write.open_table(OBJECTS)?, state)?;
        let mut about = write.open_table(ABOUT)?;
        about.insert(FORM, u64::from(FORMAT))?;
        about.insert(EPOCH, epoch)?;
        drop(about);
        write.open_table(RECORDS)?;
        write.commit()?;
        self.last = epoch;
        Ok(())
    }

    /// The database, opened again if it could not be written.
    fn database(&mut self) -> Result<Option<&Database>> {
        if let (None, Some(path)) = (&self.database, &self.path) {
            let database = open(path)?;
            let found = last_epoch(&database)?;
            if found < self.last {
                let (path, last) = (path.display(), self.last);
                return Err(format!(
                    "{path} has epoch {found} at most, where epoch {last} was stored: somebody has \
                     put another file there; put it back, or save the state (`weir state save`) \
                     and start again"
                )
                .into());
            }
            forget_after(&database, self.last)?;
            self.kept = Kept::of(&database)?;
            self.database = Some(database);
        }
        Ok(self.database.as_ref())
    }

    /// A database that could not be written takes nothing any more, and may hold what was refused:
    /// opens it again without that, at once if that can be. What went wrong, for people.
    fn let_go(&mut self, error: &(dyn std::error::Error + 'static)) -> String {
        self.database = None;
        let _ = self.database();
        sentence(error)
    }

    /// The keys of session tickets that were stored; none when they cannot be read.
    pub(crate) fn ticket_keys(&mut self) -> Vec<TicketKey> {
        self.read_ticket_keys().unwrap_or_default()
    }

    fn read_ticket_keys(&mut self) -> Result<Vec<TicketKey>> {
        let Some(database) = self.database()? else { return Ok(Vec::new()) };
        let table = database.begin_read()?.open_table(TICKET_KEYS)?;
        let keys = table.get(())?;
        keys.map_or(Ok(Vec::new()), |keys| Ok(unpack(keys.value())?))
    }

    /// Stores the keys of session tickets.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn put_ticket_keys(
        &mut self,
        keys: &[TicketKey],
    ) -> std::result::Result<(), String> {
        self.write_ticket_keys(keys).map_err(|error| self.let_go(&*error))
    }

    fn write_ticket_keys(&mut self, keys: &[TicketKey]) -> Result<()> {
        let Some(database) = self.database()? else { return Ok(()) };
        let write = database.begin_write()?;
        write.open_table(TICKET_KEYS)?.insert((), &*pack(&keys)?)?;
        Ok(write.commit()?)
    }

    /// What health checks found; nothing when it cannot be read.
    pub(crate) fn findings(&mut self) -> Vec<Finding> {
        self.read_findings().unwrap_or_default()
    }

    fn read_findings(&mut self) -> Result<Vec<Finding>> {
        let Some(database) = self.database()? else { return Ok(Vec::new()) };
        let table = database.begin_read()?.open_table(FINDINGS)?;
        let finding =
            |entry: std::result::Result<(AccessGuard<'_, &[u8]>, AccessGuard<'_, u8>), _>| {
                let (backend, healthy) = entry?;
                let backend = unpack(backend.value())?;
                Ok(Finding { backend, healthy: healthy.value() == 1 })
            };
        table.iter()?.map(finding).collect()
    }

    /// Stores what health checks found; `None`: there is no such backend any more.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn put_findings(
        &mut self,
        findings: &[(BackendId, Option<bool>)],
    ) -> std::result::Result<(), String> {
        self.write_findings(findings).map_err(|error| self.let_go(&*error))
    }

    fn write_findings(&mut self, findings: &[(BackendId, Option<bool>)]) -> Result<()> {
        let Some(database) = self.database()? else { return Ok(()) };
        let write = database.begin_write()?;
        let mut table = write.open_table(FINDINGS)?;
        for (backend, healthy) in findings {
            let key = pack(backend)?;
            match healthy {
                Some(healthy) => table.insert(&*key, u8::from(*healthy))?,
                None => table.remove(&*key)?,
            };
        }
        drop(table);
        Ok(write.commit()?)
    }

    /// The newest transactions before an epoch.
    pub(crate) fn before(&mut self, epoch: u64, limit: usize) -> Result<Vec<(u64, Record)>> {
        let Some(database) = self.database()? else { return Ok(Vec::new()) };
        let read = database.begin_read()?;
        let Ok(records) = read.open_table(RECORDS) else { return Ok(Vec::new()) };
        let newest = records.range(..epoch)?.rev().take(limit);
        newest.map(|entry| decode(entry?)).collect()
    }

    /// The transactions after an epoch, the newest first.
    pub(crate) fn since(&mut self, epoch: u64) -> Result<Vec<(u64, Record)>> {
        let Some(database) = self.database()? else { return Ok(Vec::new()) };
        let read = database.begin_read()?;
        let Ok(records) = read.open_table(RECORDS) else { return Ok(Vec::new()) };
        records.range(epoch + 1..)?.rev().map(|entry| decode(entry?)).collect()
    }
}

fn open(path: &Path) -> Result<Database> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = redb::backends::FileBackend::new(options.open(path)?)?;
    Ok(redb::Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(file)?)
}

/// The state in a store and its epoch; `None` in a new one.
///
/// # Errors
/// Also when the store is of another version.
fn stored(database: &Database) -> Result<Option<(u64, State)>> {
    let read = database.begin_read()?;
    if read.list_tables()?.next().is_none() {
        return Ok(None);
    }
    let about = read.open_table(ABOUT);
    let form = about.as_ref().ok().map(|about| about.get(FORM)).transpose()?.flatten();
    let form = form.map_or(0, |form| form.value());
    if form != u64::from(FORMAT) {
        return Err(other_form(form).into());
    }
    Ok(Some((last_epoch(database)?, objects::state(&read.open_table(OBJECTS)?)?)))
}

/// The epoch of the state in a store; 0 when there is none.
fn last_epoch(database: &Database) -> Result<u64> {
    let read = database.begin_read()?;
    let Ok(about) = read.open_table(ABOUT) else { return Ok(0) };
    let put = about.get(EPOCH)?.map_or(0, |epoch| epoch.value());
    let made = read.open_table(RECORDS)?.last()?.map_or(0, |(epoch, _)| epoch.value());
    Ok(put.max(made))
}

fn other_form(form: u64) -> String {
    format!(
        "it was written by another version of Weir, in form {form} where this one reads {FORMAT}; \
         save the state with that version (`weir state save`), move the store away, start from the \
         file and load what was saved (`weir state load`)"
    )
}

/// Takes the transactions after an epoch back.
fn forget_after(database: &Database, epoch: u64) -> Result<()> {
    let read = database.begin_read()?;
    let Ok(records) = read.open_table(RECORDS) else { return Ok(()) };
    let newest = records.range(epoch + 1..)?.rev().map(|entry| decode(entry?));
    let refused: Vec<_> = newest.collect::<Result<_>>()?;
    // Where nothing is to be removed, nothing is written: there may be no room.
    if refused.is_empty() {
        return Ok(());
    }
    let mut state = objects::state(&read.open_table(OBJECTS)?)?;
    let write = database.begin_write()?;
    for (_, record) in refused {
        objects::take_back(&mut write.open_table(OBJECTS)?, &mut state, record.undo)?;
    }
    write.open_table(RECORDS)?.retain_in(epoch + 1.., |_, _| false)?;
    Ok(write.commit()?)
}

type Entry<'a> = (redb::AccessGuard<'a, u64>, redb::AccessGuard<'a, &'static [u8]>);

fn decode((epoch, record): Entry<'_>) -> Result<(u64, Record)> {
    Ok((epoch.value(), unpack(record.value())?))
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_millis() -> u64 {
    weir_sys::unix_time().as_millis() as u64
}

#[cfg(test)]
mod tests;
