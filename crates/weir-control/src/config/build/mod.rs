//! From a file whose keys are right to settings and state: defaults filled in, files read, what
//! belongs together compared.
//!
//! Must not know: TOML. Invariant: what it makes keeps the invariants of [`crate::state`], or the
//! report is fatal.

mod access;
mod answers;
mod certificates;
mod clusters;
mod control;
mod frontends;
mod health;
mod listeners;
mod rates;
mod settings;
mod tcp;
mod text;
mod tls;
mod udp;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use weir_route::Usage;
use weir_tls::certificate::ReadCertificate;

use super::MainSettings;
use super::read::Reader;
use super::report::{Diagnostic, Report};
use crate::change::Coverage;
use crate::channel::Settings;
use crate::guarantees;
use crate::state::{Frontend, FrontendId, State};

/// What a file comes to, if the report is not fatal.
pub(super) fn build(file: &Reader<'_>, report: &mut Report) -> (MainSettings, State, Settings) {
    let main = settings::main(file, report);
    let settings = settings::worker(file, report);
    let mut builder = Builder::new(file, report);
    for list in file.table_map("lists") {
        builder.add_list(&list);
    }
    for table in file.tables("listeners") {
        builder.add_listener(&table);
    }
    for cluster in file.table_map("clusters") {
        builder.add_cluster(&cluster);
    }
    builder.check_guarantees(&settings, main.worker_count);
    (main, builder.finish(), settings)
}

/// What is made of the file so far.
struct Builder<'r> {
    inherited: Inherited,
    state: State,
    /// With where each begins in the file.
    frontends: Vec<(usize, Frontend)>,
    places: Places,
    /// What was read of files, since frontends share them.
    certificates: HashMap<certificates::Paths, Rc<ReadCertificate>>,
    /// Seconds since 1970.
    now: i64,
    report: &'r mut Report,
}

/// What listeners and clusters take from the top level.
struct Inherited {
    front_timeout: Duration,
    back_timeout: Duration,
    connect_timeout: Duration,
    request_timeout: Duration,
    active: bool,
    retry_after: u32,
}

/// Where objects are defined, for messages about duplicates, and how full routing tables are.
#[derive(Default)]
struct Places {
    listeners: BTreeMap<SocketAddr, Range<usize>>,
    udp: BTreeMap<SocketAddr, Range<usize>>,
    frontends: HashMap<FrontendId, Range<usize>>,
    tables: HashMap<SocketAddr, Usage>,
    /// The last `min_sessions`.
    guaranteed: Option<Range<usize>>,
}

impl<'r> Builder<'r> {
    fn new(file: &Reader<'_>, report: &'r mut Report) -> Self {
        let inherited = Inherited {
            front_timeout: file.value("front_timeout"),
            back_timeout: file.value("back_timeout"),
            connect_timeout: file.value("connect_timeout"),
            request_timeout: file.value("request_timeout"),
            active: file.value("activate_listeners"),
            retry_after: file.value("retry_after"),
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            inherited,
            state: State::default(),
            frontends: Vec::new(),
            places: Places::default(),
            certificates: HashMap::new(),
            now: now.as_secs().cast_signed(),
            report,
        }
    }

    /// What is guaranteed to clusters must be there.
    fn check_guarantees(&mut self, settings: &Settings, workers: u16) {
        let Some(span) = self.places.guaranteed.clone() else { return };
        if let Err(excess) = guarantees::check(&self.state, &settings.limits, workers) {
            let diagnostic = Diagnostic::error(span, excess.to_string());
            self.report.push(diagnostic.help(excess.remedy()));
        }
    }

    /// The state, with the frontends of all clusters in the order of the file: it counts in `PRE`
    /// and `POST`.
    fn finish(mut self) -> State {
        self.frontends.sort_by_key(|(start, _)| *start);
        let frontends = std::mem::take(&mut self.frontends).into_iter();
        self.state.frontends = frontends.map(|(_, frontend)| frontend).collect();
        self.warn_of_uncovered();
        self.warn_of_clusterless();
        let used: HashSet<_> = self.state.frontends.iter().map(|f| f.address).collect();
        for (address, span) in self.places.listeners {
            if !used.contains(&address) {
                let does = match self.state.listeners.get(&address) {
                    Some(listener) if listener.is_tcp() => "closes every connection",
                    _ => "answers 404 to everything",
                };
                let message = format!("no frontend is on {address}: it {does}");
                self.report.push(Diagnostic::warning(span, message));
            }
        }
        let served = !(self.state.listeners.is_empty() && self.state.udp.is_empty());
        if !served && !self.report.is_fatal() {
            let message = "the file has no listener and no frontend: it serves nothing";
            self.report.push(Diagnostic::of_file(message).into_warning());
        }
        self.state
    }

    /// Says which hosts no client can reach, since nobody could show it a certificate.
    fn warn_of_uncovered(&mut self) {
        let coverage = Coverage::of_all(&self.state);
        for (address, span) in &self.places.listeners {
            if coverage.has_nothing(&self.state, *address) {
                let message = format!("no client can connect to {address}: it has no certificate");
                self.report.push(Diagnostic::warning(span.clone(), message));
            }
        }
        for frontend in self.state.frontends.iter() {
            let Some(span) = self.places.frontends.get(&frontend.id()) else { continue };
            let nothing = coverage.has_nothing(&self.state, frontend.address);
            let remark = coverage.remark(&self.state, frontend).filter(|_| !nothing);
            if let Some(message) = remark {
                self.report.push(Diagnostic::warning(span.clone(), message));
            }
        }
    }
}
