//! The transactions of the past and the state that they made, in a file that survives a crash at
//! any moment.
//!
//! A transaction is stored with what it did and what undoes it; from time to time the whole state
//! is stored beside it, so that reading it again costs no more than the state.
//!
//! Invariants: what [`History::add`] has stored is found after any crash; what it has refused is
//! not, and leaves the store as it was.

mod sentence;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use log::warn;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};
use weir_control::change::Undo;
use weir_control::order::Order;
use weir_control::state::State;
use weir_proto::PlannedChange;
use weir_tls::TicketKey;

use sentence::sentence;

/// By epoch, as JSON.
const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("transactions");
/// The whole state at an epoch, as JSON; one entry.
const STATES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("states");
/// The keys of session tickets, as JSON; one entry.
const TICKET_KEYS: TableDefinition<'_, (), &[u8]> = TableDefinition::new("ticket_keys");
/// Transactions that are kept; older ones go when the state is stored.
const KEPT: u64 = 10_000;
/// Pages of the file that are kept in memory, in bytes.
const CACHE_BYTES: usize = 16 << 20;
/// Orders after which the state is stored, unless the state is larger.
const ORDERS_BETWEEN_STATES: usize = 10_000;

/// What is known of one transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Since the Unix epoch.
    pub(crate) time_ms: u64,
    pub(crate) uid: u32,
    pub(crate) pid: i32,
    pub(crate) client: Option<String>,
    pub(crate) orders: Vec<Order>,
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
    /// Orders that were stored since the state was.
    orders: usize,
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

impl History {
    /// Keeps nothing.
    pub(crate) fn none() -> Self {
        Self { path: None, database: None, last: 0, orders: 0 }
    }

    /// Opens a store, which only its owner may read; the state in it and its epoch.
    pub(crate) fn open(path: &Path) -> Result<(Self, Option<(u64, State)>)> {
        let database = Some(open(path)?);
        let mut history = Self { path: Some(path.to_owned()), database, last: 0, orders: 0 };
        let stored = history.stored()?;
        history.last = stored.as_ref().map_or(0, |(epoch, _)| *epoch);
        Ok((history, stored))
    }

    /// The last state: the stored one, and what was done since.
    fn stored(&mut self) -> Result<Option<(u64, State)>> {
        let Some(database) = &self.database else { return Ok(None) };
        let read = database.begin_read()?;
        let Ok(states) = read.open_table(STATES) else { return Ok(None) };
        let Some((epoch, state)) = states.last()? else { return Ok(None) };
        let mut epoch = epoch.value();
        let mut state: State = serde_json::from_slice(state.value())?;
        let mut undo = Vec::new();
        for entry in read.open_table(RECORDS)?.range(epoch + 1..)? {
            let (at, record) = entry?;
            let record: Record = serde_json::from_slice(record.value())?;
            self.orders += record.orders.len();
            for order in record.orders {
                state.apply(order, &mut undo);
            }
            undo.clear();
            epoch = at.value();
        }
        Ok(Some((epoch, state)))
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
        self.add_record(epoch, record).map_err(|error| self.let_go(&*error))?;
        self.last = epoch;
        self.orders += record.orders.len();
        let objects = state.frontends.len() + state.backends.len() + state.clusters.len();
        // It saves time at the next start: the transaction is stored whether there is room or not.
        if self.orders >= ORDERS_BETWEEN_STATES.max(objects)
            && let Err(error) = self.put(epoch, state)
        {
            warn!("the whole state of epoch {epoch} cannot be stored: {}", self.let_go(&*error));
        }
        Ok(())
    }

    fn add_record(&mut self, epoch: u64, record: &Record) -> Result<()> {
        let Some(database) = self.database()? else { return Ok(()) };
        let write = database.begin_write()?;
        write.open_table(RECORDS)?.insert(epoch, &*serde_json::to_vec(record)?)?;
        Ok(write.commit()?)
    }

    /// Stores a state beside the transactions that led to it, if there were any.
    pub(crate) fn put(&mut self, epoch: u64, state: &State) -> Result<()> {
        let Some(database) = self.database()? else { return Ok(()) };
        let write = database.begin_write()?;
        put_state(&write, epoch, state)?;
        let old = ..epoch.saturating_sub(KEPT);
        write.open_table(RECORDS)?.retain_in(old, |_, _| false)?;
        write.commit()?;
        self.last = epoch;
        self.orders = 0;
        Ok(())
    }

    /// The database, opened again if it could not be written.
    fn database(&mut self) -> Result<Option<&Database>> {
        if let (None, Some(path)) = (&self.database, &self.path) {
            let database = open(path)?;
            forget_after(&database, self.last)?;
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
        keys.map_or(Ok(Vec::new()), |keys| Ok(serde_json::from_slice(keys.value())?))
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
        write.open_table(TICKET_KEYS)?.insert((), &*serde_json::to_vec(keys)?)?;
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

/// Removes the transactions after an epoch.
fn forget_after(database: &Database, epoch: u64) -> Result<()> {
    let read = database.begin_read()?;
    let Ok(records) = read.open_table(RECORDS) else { return Ok(()) };
    // Where nothing is to be removed, nothing is written: there may be no room.
    if records.range(epoch + 1..)?.next().is_none() {
        return Ok(());
    }
    let write = database.begin_write()?;
    write.open_table(RECORDS)?.retain_in(epoch + 1.., |_, _| false)?;
    Ok(write.commit()?)
}

fn put_state(write: &redb::WriteTransaction, epoch: u64, state: &State) -> Result<()> {
    let mut states = write.open_table(STATES)?;
    states.retain(|_, _| false)?;
    states.insert(epoch, &*serde_json::to_vec(state)?)?;
    Ok(())
}

type Entry<'a> = (redb::AccessGuard<'a, u64>, redb::AccessGuard<'a, &'static [u8]>);

fn decode((epoch, record): Entry<'_>) -> Result<(u64, Record)> {
    Ok((epoch.value(), serde_json::from_slice(record.value())?))
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_millis() -> u64 {
    weir_sys::unix_time().as_millis() as u64
}

#[cfg(test)]
mod tests {
    use weir_control::state::Cluster;

    use super::*;

    fn record(state: &mut State, orders: Vec<Order>) -> Record {
        let mut undo = Vec::new();
        for order in orders.clone() {
            state.apply(order, &mut undo);
        }
        let (time_ms, uid, pid, client, changes) = (1, 2, 3, None, Vec::new());
        Record { time_ms, uid, pid, client, orders, undo, changes }
    }

    fn cluster(id: String) -> Order {
        Order::Cluster(Cluster { id, ..Cluster::default() })
    }

    #[test]
    fn what_was_stored_is_found_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store");
        let (mut history, stored) = History::open(&path).expect("opened");
        assert_eq!(stored, None);
        let mut state = State::default();
        history.put(1, &state).expect("stored");
        for epoch in 2..6 {
            let record = record(&mut state, vec![cluster(format!("c{epoch}"))]);
            history.add(epoch, &record, &state).expect("stored");
        }
        let many = (0..ORDERS_BETWEEN_STATES).map(|n| cluster(format!("m{}", n % 7))).collect();
        let many = record(&mut state, many);
        history.add(6, &many, &state).expect("stored");
        assert_eq!(history.orders, 0, "the whole state was stored");
        drop(history);

        let (mut history, stored) = History::open(&path).expect("opened");
        assert_eq!(stored, Some((6, state.clone())));
        let epochs = |records: Vec<(u64, Record)>| records.into_iter().map(|(e, _)| e).collect();
        let newest: Vec<u64> = epochs(history.before(6, 2).expect("read"));
        assert_eq!(newest, [5, 4]);
        for (_, record) in history.since(3).expect("read") {
            state.undo(record.undo);
        }
        assert_eq!(state.clusters.keys().collect::<Vec<_>>(), ["c2", "c3"]);
    }

    #[test]
    fn what_was_undone_stands_where_it_stood_though_others_before_it_had_gone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store");
        let (mut history, _) = History::open(&path).expect("opened");
        let backend = |id: &str| weir_control::state::Backend {
            cluster: "c".into(),
            id: id.into(),
            address: std::net::SocketAddr::from(([127, 0, 0, 1], 1)),
            weight: 1,
            sticky_id: None,
            backup: false,
        };
        let remove = |id: &str| Order::RemoveBackend { cluster: "c".into(), id: id.into() };
        let mut state = State::default();
        let all = ["a", "b", "d", "e"].map(|id| Order::Backend(backend(id))).to_vec();
        record(&mut state, all);
        record(&mut state, vec![remove("a")]);
        history.put(1, &state).expect("stored");
        let before = state.clone();
        let removed = record(&mut state, vec![remove("b")]);
        history.add(2, &removed, &state).expect("stored");
        drop(history);

        let (mut history, stored) = History::open(&path).expect("opened");
        let (_, mut state) = stored.expect("a state");
        for (_, record) in history.since(1).expect("read") {
            state.undo(record.undo);
        }
        assert_eq!(state, before);
    }

    #[test]
    fn what_was_refused_is_not_found_though_its_last_step_alone_had_failed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store");
        let (mut history, _) = History::open(&path).expect("opened");
        let mut state = State::default();
        history.put(1, &state).expect("stored");
        let kept = record(&mut state, vec![cluster("kept".into())]);
        history.add(2, &kept, &state).expect("stored");
        let refused = record(&mut state.clone(), vec![cluster("refused".into())]);
        history.add_record(3, &refused).expect("written");
        history.let_go(&std::io::Error::from(std::io::ErrorKind::StorageFull));
        assert_eq!(history.since(1).expect("read").len(), 1);
        let made = record(&mut state, vec![cluster("made".into())]);
        history.add(3, &made, &state).expect("stored");
        drop(history);
        let (_, stored) = History::open(&path).expect("opened");
        assert_eq!(stored, Some((3, state)));
    }

    #[test]
    fn only_the_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store");
        History::open(&path).expect("opened");
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
