//! What workers have counted that are gone, and what the others have told last: so that nothing
//! that a client sees of a slot goes back when a worker is replaced or dies.
//!
//! Must not know: what is counted, who asks. Gauges are not kept: they end with a worker.
//!
//! Invariants: what a process counted is told once, by itself, by what it told last, or as a part
//! of what is gone; for each process and each slot there are at most [`Ledger::most`] clusters and
//! backends, and what finds no place is forgotten with its process.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde::{Deserialize, Serialize};
use weir_control::metrics::{Clusters, Detail, Measured, OfCluster, Part, Query, Sample};
use weir_control::packed::{pack, unpack};
use weir_control::state::{BackendId, State};

use super::{Scope, has_cluster, parts};
use crate::questions::Speaker;

/// What workers say, by slot.
pub(super) type Found = BTreeMap<u16, Heard>;

/// What a worker has said.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) pid: i32,
    pub(super) measured: Measured,
    /// Nothing else follows.
    pub(super) complete: bool,
}

/// The accounts.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// Clusters and backends of an account.
    most: usize,
    /// By process, with its slot.
    told: BTreeMap<i32, (u16, Account)>,
    /// By slot.
    departed: BTreeMap<u16, Account>,
    /// Answers to this question and those before may have what is to be forgotten.
    stale: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Account {
    proxy: Vec<Sample>,
    /// Samples, packed: there may be many.
    scopes: BTreeMap<Scope, Vec<u8>>,
}

/// What an account has of a scope.
type Kept<'a> = (&'a Scope, &'a Vec<u8>);

/// What becomes of a list of samples when another one comes.
#[derive(Clone, Copy)]
enum How {
    /// It is replaced.
    Replaced,
    /// Its samples are, by name.
    Updated,
    /// The other one is added to it.
    Added,
}

impl Ledger {
    /// An account has at most so many clusters and backends.
    pub(super) fn limit(&mut self, most: usize) {
        self.most = most;
    }

    /// A worker has told this as an answer to a question, or of itself (0); `whole`: it has left
    /// no names out.
    pub(super) fn note(&mut self, who: Speaker, number: u64, part: &Measured, whole: bool) {
        let (_, account) = self.told.entry(who.pid).or_insert((who.slot, Account::default()));
        if number == 0 || number > self.stale {
            let how = if whole { How::Replaced } else { How::Updated };
            account.take(part, how, self.most);
        }
    }

    /// The first clusters and backends that anything was counted for, if there are more than that.
    pub(super) fn first(&self, most: usize) -> Option<Vec<Part>> {
        let told = self.told.values().map(|(_, account)| account);
        let accounts = told.chain(self.departed.values());
        let scopes = accounts.flat_map(|account| account.scopes.keys().take(most + 1));
        let scopes: BTreeSet<&Scope> = scopes.collect();
        let first = scopes.iter().take(most).map(|(cluster, backend)| (&**cluster, &**backend));
        (scopes.len() > most).then(|| parts(first))
    }

    /// A process has ended: what it had told is gone with it.
    pub(crate) fn close(&mut self, pid: i32) {
        if let Some((slot, account)) = self.told.remove(&pid) {
            match self.departed.entry(slot) {
                Entry::Vacant(place) => _ = place.insert(account),
                Entry::Occupied(mut known) => {
                    known.get_mut().take(&account.all(), How::Added, self.most);
                }
            }
        }
    }

    /// Everything is counted from 0 again; `asked` is the number of the last question.
    pub(super) fn clear(&mut self, asked: u64) {
        self.stale = asked;
        self.departed.clear();
        self.told.values_mut().for_each(|(_, account)| *account = Account::default());
    }

    /// Only so much is told apart from now on.
    pub(super) fn restrict(&mut self, detail: Detail, asked: u64) {
        self.stale = asked;
        self.retain(|_, backend| match detail {
            Detail::Process | Detail::Frontend => false,
            Detail::Cluster => backend.is_empty(),
            Detail::Backend => true,
        });
    }

    /// Forgets what is not in the state any more.
    pub(super) fn prune(&mut self, state: &State) {
        self.retain(|cluster, backend| exists(state, cluster, backend));
    }

    fn retain(&mut self, is_kept: impl Fn(&str, &str) -> bool) {
        let told = self.told.values_mut().map(|(_, account)| account);
        for account in told.chain(self.departed.values_mut()) {
            account.scopes.retain(|(cluster, backend), _| is_kept(cluster, backend));
        }
    }

    /// What workers have said, with what others of their slots had counted. Slots that there are
    /// no more belong to the first.
    pub(super) fn complete(
        &self,
        found: Found,
        query: &Query,
        state: &State,
        slots: u16,
    ) -> BTreeMap<u16, Measured> {
        // Whoever has ended since is in an account.
        let speaks = |heard: &Heard| heard.complete && self.told.contains_key(&heard.pid);
        let found: Found = found.into_iter().filter(|(_, heard)| speaks(heard)).collect();
        let told = self.told.iter();
        let told = told.filter(|(pid, _)| found.values().all(|heard| heard.pid != **pid));
        let accounts = told.map(|(_, (slot, account))| (*slot, account));
        let accounts: Vec<_> =
            accounts.chain(self.departed.iter().map(|(slot, account)| (*slot, account))).collect();
        let mut all: BTreeMap<u16, Measured> =
            found.into_iter().map(|(slot, heard)| (slot, heard.measured)).collect();
        for (slot, account) in accounts {
            let slot = if slot < slots { slot } else { 0 };
            all.entry(slot).or_default().add(account.answer(query, state));
        }
        all
    }
}

impl Account {
    fn take(&mut self, part: &Measured, how: How, most: usize) {
        merge(&mut self.proxy, counted(&part.proxy), how);
        for OfCluster { id, own, backends } in &part.clusters {
            self.take_scope((id.clone(), String::new()), own, how, most);
            for (backend, samples) in backends {
                self.take_scope((id.clone(), backend.clone()), samples, how, most);
            }
        }
    }

    fn take_scope(&mut self, scope: Scope, samples: &[Sample], how: How, most: usize) {
        let mut known = match (how, self.scopes.get(&scope)) {
            (_, None) if self.scopes.len() >= most => return,
            (How::Replaced, _) | (_, None) => Vec::new(),
            (How::Updated | How::Added, Some(packed)) => unpack(packed).unwrap_or_default(),
        };
        let samples = counted(samples);
        if samples.is_empty() {
            return;
        }
        merge(&mut known, samples, how);
        if let Ok(packed) = pack(&known) {
            self.scopes.insert(scope, packed.to_vec());
        }
    }

    /// What a worker would answer.
    fn answer(&self, query: &Query, state: &State) -> Measured {
        let is_known = |scope: &Kept<'_>| exists(state, &scope.0.0, &scope.0.1);
        let clusters = match &query.clusters {
            Clusters::All => unpacked(self.scopes.iter().filter(is_known)),
            Clusters::These(parts) => {
                let parts = parts.iter().flat_map(|part| self.part(part));
                unpacked(parts.filter(is_known))
            }
        };
        let proxy = if query.narrow { Vec::new() } else { self.proxy.clone() };
        let mut all = Measured { proxy, clusters };
        let narrow = |samples: &mut Vec<Sample>| samples.retain(|s| query.wants(&s.name));
        narrow(&mut all.proxy);
        for of in &mut all.clusters {
            narrow(&mut of.own);
            of.backends.iter_mut().for_each(|(_, samples)| narrow(samples));
        }
        all
    }

    /// What is kept of a cluster: the cluster itself, then its backends.
    fn part<'a>(&'a self, part: &'a Part) -> impl Iterator<Item = Kept<'a>> {
        let scope = |backend: &str| (part.cluster.clone(), backend.to_owned());
        let own = part.own.then(|| self.scopes.get_key_value(&scope(""))).flatten();
        let named = part.backends.iter().flatten();
        let named = named.filter_map(move |id| self.scopes.get_key_value(&scope(id)));
        let all = part.backends.is_none().then(|| {
            let behind = (Bound::Excluded(scope("")), Bound::Unbounded);
            self.scopes.range(behind).take_while(|((cluster, _), _)| *cluster == part.cluster)
        });
        own.into_iter().chain(named).chain(all.into_iter().flatten())
    }

    fn all(&self) -> Measured {
        Measured { proxy: self.proxy.clone(), clusters: unpacked(self.scopes.iter()) }
    }
}

/// Clusters and their backends, in order.
fn unpacked<'a>(scopes: impl Iterator<Item = Kept<'a>>) -> Vec<OfCluster> {
    let mut all = Vec::<OfCluster>::new();
    for ((cluster, backend), packed) in scopes {
        if all.last().is_none_or(|of| of.id != *cluster) {
            all.push(OfCluster { id: cluster.clone(), ..OfCluster::default() });
        }
        let Some(of) = all.last_mut() else { continue };
        let samples = unpack(packed).unwrap_or_default();
        match backend.as_str() {
            "" => of.own = samples,
            id => of.backends.push((id.to_owned(), samples)),
        }
    }
    all
}

fn counted(samples: &[Sample]) -> Vec<Sample> {
    samples.iter().filter(|sample| !sample.is_gauge()).cloned().collect()
}

/// No list is replaced by an empty one: that was not asked for.
fn merge(known: &mut Vec<Sample>, samples: Vec<Sample>, how: How) {
    match how {
        How::Replaced if samples.is_empty() => {}
        How::Replaced => *known = samples,
        How::Updated => {
            known.retain(|known| samples.iter().all(|sample| sample.name != known.name));
            known.extend(samples);
        }
        How::Added => Sample::add_all(known, samples),
    }
}

fn exists(state: &State, cluster: &str, backend: &str) -> bool {
    let id = || BackendId { cluster: cluster.to_owned(), id: backend.to_owned() };
    match backend {
        "" => has_cluster(state, cluster),
        _ => state.backends.get(&id()).is_some(),
    }
}

#[cfg(test)]
mod tests;
