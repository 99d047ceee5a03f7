//! Requests that change much at once: transactions, files, rollbacks.

use std::fs;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use log::warn;
use weir_base::Instant;
use weir_control::change::diff;
use weir_control::config::{self, Checked, Report};
use weir_control::order::Order;
use weir_control::requests;
use weir_control::state::State;
use weir_proto::state_file::{Reader, Writer};
use weir_proto::{
    ApplyConfiguration, ChangeKind, Event, EventKind, PlannedChange, Request, Response, Rollback,
    Transaction as Wanted,
};

use crate::control::Asker;
use crate::supervise::Supervisor;
use crate::transact::{Made, Who};

/// Bytes of one record of a state file.
const LONGEST_RECORD: usize = 16 << 20;

/// What is asked of a transaction beside its changes.
struct Terms {
    if_epoch: Option<u64>,
    dry_run: bool,
    client: Option<String>,
}

impl Terms {
    fn new(if_epoch: Option<u64>, dry_run: Option<bool>, client: Option<String>) -> Self {
        Self { if_epoch, dry_run: dry_run.unwrap_or_default(), client }
    }
}

impl Supervisor {
    /// Changes that a client lists.
    pub(crate) fn transact_requests(&mut self, asker: Asker, wanted: Wanted, now: Instant) {
        let Wanted { changes, if_epoch, dry_run, client } = wanted;
        match make_all(&mut self.plan.state, &changes) {
            Ok(made) => self.transact_on(asker, Terms::new(if_epoch, dry_run, client), made, now),
            Err(sentence) => self.answer(&asker, &Response::failure(sentence)),
        }
    }

    fn transact_on(&mut self, asker: Asker, terms: Terms, made: Made, now: Instant) {
        if let Some(wanted) = terms.if_epoch.filter(|wanted| *wanted != self.epoch) {
            self.plan.state.undo(made.undo);
            let sentence = format!(
                "the state has changed: epoch {} is in use, not {wanted}; look at it and ask again",
                self.epoch
            );
            return self.answer(&asker, &Response::failure(sentence));
        }
        let who = Who {
            asker,
            client: terms.client,
            done: "the changes are in use by every worker".to_owned(),
            detailed: true,
            dry_run: terms.dry_run,
        };
        if !who.dry_run {
            self.answer(&asker, &Response::processing("telling the workers", None));
        }
        self.transact(who, made, now);
    }

    /// Makes the state equal to a file of the configuration.
    pub(crate) fn apply_configuration(
        &mut self,
        asker: Asker,
        wanted: ApplyConfiguration,
        now: Instant,
    ) {
        let ApplyConfiguration { text, origin, if_epoch, dry_run, client } = wanted;
        let made = match text {
            Some(text) => {
                let origin = origin.as_deref().unwrap_or("-");
                self.make_configured(config::check(&text, Path::new(origin)), dry_run)
            }
            None => self.make_file(None, dry_run),
        };
        match made {
            Ok(made) => self.transact_on(asker, Terms::new(if_epoch, dry_run, client), made, now),
            Err(sentence) => self.answer(&asker, &Response::failure(sentence)),
        }
    }

    /// The request of the protocol; an empty path is the file of the start.
    pub(crate) fn reload(&mut self, asker: Asker, path: &str, now: Instant) {
        match self.make_file(Some(path).filter(|path| !path.is_empty()), None) {
            Ok(made) => {
                self.answer(&asker, &Response::processing("telling the workers", None));
                let done = "the configuration is in use by every worker".to_owned();
                self.transact(Who::plain(asker, done), made, now);
                self.tell_of(EventKind::ConfigurationReloaded);
            }
            Err(sentence) => self.answer(&asker, &Response::failure(sentence)),
        }
    }

    /// Makes the state that of a file; without a path, of the one that the proxy was started with.
    fn make_file(&mut self, path: Option<&str>, dry_run: Option<bool>) -> Result<Made, String> {
        let of_start = self.plan.files.config_file.as_deref();
        let path = path.map(Path::new).or(of_start);
        let checked = config::load(path.ok_or("the proxy was not started with a file: name one")?);
        self.make_configured(checked, dry_run)
    }

    /// What is beside the state, the limits of clients, holds at once.
    fn make_configured(
        &mut self,
        checked: Result<Checked, Report>,
        dry_run: Option<bool>,
    ) -> Result<Made, String> {
        let checked = checked.map_err(|report| report.render(false))?;
        if dry_run != Some(true) && checked.main.clients != self.plan.clients {
            self.limit_clients(checked.main.clients);
        }
        Ok(self.make(diff(&self.plan.state, &checked.state)))
    }

    /// Restores the state of an epoch.
    pub(crate) fn roll_back(&mut self, asker: Asker, wanted: &Rollback, now: Instant) {
        let target = match self.state_at(wanted.epoch) {
            Ok(target) => target,
            Err(sentence) => return self.answer(&asker, &Response::failure(sentence)),
        };
        let made = self.make(diff(&self.plan.state, &target));
        let terms = Terms::new(wanted.if_epoch, wanted.dry_run, wanted.client.clone());
        self.transact_on(asker, terms, made, now);
    }

    pub(crate) fn state_at(&mut self, epoch: u64) -> Result<State, String> {
        if epoch > self.epoch {
            return Err(format!("epoch {epoch} has not been: {} is in use", self.epoch));
        }
        let records = self.history.since(epoch).map_err(|error| error.to_string())?;
        if records.last().map_or(self.epoch, |(oldest, _)| oldest - 1) != epoch {
            return Err(format!("epoch {epoch} is not in the history any more"));
        }
        let mut state = self.plan.state.clone();
        for (_, record) in records {
            state.undo(record.undo);
        }
        Ok(state)
    }

    /// Writes the state as requests.
    pub(crate) fn save_state(&mut self, asker: &Asker, path: &str) {
        match save(&self.plan.state, Path::new(path)) {
            Ok(count) => {
                let message = format!("{count} requests are saved in {path}");
                self.answer(asker, &Response::ok(message, None));
                self.tell_of(EventKind::StateSaved);
            }
            Err(error) => {
                let sentence = format!("the state cannot be saved in {path}: {error}");
                self.answer(asker, &Response::failure(sentence));
            }
        }
    }

    /// After a change, when the configuration asks for it.
    pub(crate) fn save_automatically(&mut self) {
        let Some(path) = &self.plan.files.saved_state else { return };
        if self.plan.files.automatic_state_save
            && let Err(error) = save(&self.plan.state, path)
        {
            warn!("the state cannot be saved in {}: {error}", path.display());
        }
    }

    /// Makes the changes of a state file, as one transaction. Those that the state does not allow,
    /// because they were made already, are left out.
    pub(crate) fn load_state(&mut self, asker: Asker, path: &str, now: Instant) {
        match load(&mut self.plan.state, Path::new(path)) {
            Ok((made, left_out)) => {
                self.answer(&asker, &Response::processing("telling the workers", None));
                let done = format!("the state is loaded; {left_out} requests were left out");
                self.transact(Who::plain(asker, done), made, now);
                self.tell_of(EventKind::StateLoaded);
            }
            Err(sentence) => self.answer(&asker, &Response::failure(sentence)),
        }
    }

    /// Tells subscribers of what a transaction did.
    pub(crate) fn tell_of_changes(&mut self, changes: &[PlannedChange]) {
        self.forget_counts(changes);
        for change in changes {
            let Some(event) = event(change, changes) else { continue };
            self.count_change(event.kind(), change);
            if let Some(control) = &mut self.control {
                control.tell("main", event);
            }
        }
    }
}

/// Makes the changes of requests, each on the state that those before it lead to; all or none.
fn make_all(state: &mut State, changes: &[Request]) -> Result<Made, String> {
    let mut made = Made::default();
    for (number, change) in changes.iter().enumerate() {
        match orders_of(state, change) {
            Ok(orders) => made.add(state, orders),
            Err(sentence) => {
                state.undo(made.undo);
                return Err(format!("change {}: {sentence}", number + 1));
            }
        }
    }
    Ok(made)
}

fn orders_of(state: &State, change: &Request) -> Result<Vec<Order>, String> {
    let request = change.request_type.as_ref().ok_or("it asks for nothing that is known")?;
    let orders = requests::orders(state, request).map_err(|refusal| refusal.to_string())?;
    orders.ok_or_else(|| {
        format!("{} does not change the state: ask for it by itself", request.name())
    })
}

/// Writes a file beside and moves it there; what is begun and cannot be finished is removed.
fn save(state: &State, path: &Path) -> std::io::Result<u64> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    let saved = write(state, beside).and_then(|count| fs::rename(beside, path).map(|()| count));
    if saved.is_err() {
        let _ = fs::remove_file(beside);
    }
    saved
}

fn write(state: &State, path: &Path) -> std::io::Result<u64> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let mut writer = Writer::new(BufWriter::new(file));
    for request in requests::of_state(state) {
        writer.write(request.into())?;
    }
    let (mut file, count) = writer.finish()?;
    file.flush()?;
    file.get_ref().sync_all()?;
    Ok(count)
}

/// Makes the changes of a file's requests, all that can be read or none; and how many of them the
/// state does not allow.
pub(crate) fn load(state: &mut State, path: &Path) -> Result<(Made, u64), String> {
    let mut made = Made::default();
    match load_into(state, path, &mut made) {
        Ok(left_out) => Ok((made, left_out)),
        Err(error) => {
            state.undo(made.undo);
            Err(format!("{} cannot be loaded: {error}", path.display()))
        }
    }
}

fn load_into(state: &mut State, path: &Path, made: &mut Made) -> Result<u64, String> {
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let mut left_out = 0;
    for record in Reader::new(BufReader::new(file), LONGEST_RECORD) {
        let request = record.map_err(|error| error.to_string())?.content.request_type;
        match request.as_ref().map(|request| requests::orders(state, request)) {
            Some(Ok(Some(orders))) => made.add(state, orders),
            Some(Err(refusal)) => {
                warn!("a request of {} is left out: {refusal}", path.display());
                left_out += 1;
            }
            Some(Ok(None)) | None => left_out += 1,
        }
    }
    Ok(left_out)
}

/// The event of the protocol for a change among others, if it has one.
fn event(change: &PlannedChange, all: &[PlannedChange]) -> Option<Event> {
    use ChangeKind::{ChangeAdded as Added, ChangeChanged as Changed, ChangeRemoved as Removed};
    let active = || change.keys.iter().find(|key| key.key == "active").map(|key| &*key.new);
    let kind = match (&*change.object, change.kind()) {
        ("cluster", Added | Changed) => EventKind::ClusterAdded,
        ("cluster", Removed) => EventKind::ClusterRemoved,
        ("frontend", Added | Changed) => EventKind::FrontendAdded,
        ("frontend", Removed) => EventKind::FrontendRemoved,
        ("certificate", Changed) => EventKind::CertificateAdded,
        ("certificate", Added) => match counterpart(change, Removed, all) {
            true => EventKind::CertificateReplaced,
            false => EventKind::CertificateAdded,
        },
        ("certificate", Removed) => match counterpart(change, Added, all) {
            true => return None,
            false => EventKind::CertificateRemoved,
        },
        ("listener", Added) => EventKind::ListenerAdded,
        ("listener", Removed) => EventKind::ListenerRemoved,
        ("listener", Changed) => match active() {
            Some("true") => EventKind::ListenerActivated,
            Some(_) => EventKind::ListenerDeactivated,
            None => EventKind::ListenerUpdated,
        },
        _ => return None,
    };
    let cluster_id = (change.object == "cluster").then(|| change.name.clone());
    let address = change.name.rsplit(' ').next().and_then(|text| text.parse().ok());
    let address = address.map(|address: std::net::SocketAddr| address.into());
    Some(Event { kind: kind.into(), cluster_id, address, ..Event::default() })
}

/// Whether a certificate of the same name and listener went, or came, in the same transaction.
fn counterpart(change: &PlannedChange, kind: ChangeKind, all: &[PlannedChange]) -> bool {
    let place = |change: &PlannedChange| {
        let (names, rest) = change.name.split_once(" (")?;
        Some((names.to_owned(), rest.split_once(") on ")?.1.to_owned()))
    };
    let mut others = all.iter().filter(|o| o.object == "certificate" && o.kind() == kind);
    others.any(|other| place(other) == place(change))
}
