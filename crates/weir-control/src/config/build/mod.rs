//! From a file whose keys are right to settings and state: defaults filled in, files read, what
//! belongs together compared.
//!
//! Must not know: TOML. Invariant: what it makes keeps the invariants of [`crate::state`], or the
//! report is fatal.

mod answers;
mod clusters;
mod control;
mod frontends;
mod listeners;
mod settings;
mod text;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use weir_route::Usage;

use super::MainSettings;
use super::read::Reader;
use super::report::{Diagnostic, Report};
use crate::channel::Settings;
use crate::state::{Frontend, FrontendId, State};

/// What a file comes to, if the report is not fatal.
pub(super) fn build(file: &Reader<'_>, report: &mut Report) -> (MainSettings, State, Settings) {
    let main = settings::main(file, report);
    let settings = settings::worker(file, report);
    let mut builder = Builder::new(file, report);
    for table in file.tables("listeners") {
        builder.add_listener(&table);
    }
    for cluster in file.table_map("clusters") {
        builder.add_cluster(&cluster);
    }
    (main, builder.finish(), settings)
}

/// What is made of the file so far.
struct Builder<'r> {
    inherited: Inherited,
    state: State,
    /// With where each begins in the file.
    frontends: Vec<(usize, Frontend)>,
    places: Places,
    report: &'r mut Report,
}

/// What listeners and clusters take from the top level.
struct Inherited {
    front_timeout: Duration,
    back_timeout: Duration,
    connect_timeout: Duration,
    request_timeout: Duration,
    active: bool,
    max_connections_per_ip: u64,
    retry_after: u32,
}

/// Where objects are defined, for messages about duplicates, and how full routing tables are.
#[derive(Default)]
struct Places {
    listeners: BTreeMap<SocketAddr, Range<usize>>,
    frontends: HashMap<FrontendId, Range<usize>>,
    tables: HashMap<SocketAddr, Usage>,
}

impl<'r> Builder<'r> {
    fn new(file: &Reader<'_>, report: &'r mut Report) -> Self {
        let inherited = Inherited {
            front_timeout: file.value("front_timeout"),
            back_timeout: file.value("back_timeout"),
            connect_timeout: file.value("connect_timeout"),
            request_timeout: file.value("request_timeout"),
            active: file.value("activate_listeners"),
            max_connections_per_ip: file.value("max_connections_per_ip"),
            retry_after: file.value("retry_after"),
        };
        let state = State::default();
        Self { inherited, state, frontends: Vec::new(), places: Places::default(), report }
    }

    /// The state, with the frontends of all clusters in the order of the file: it counts in `PRE`
    /// and `POST`.
    fn finish(mut self) -> State {
        self.frontends.sort_by_key(|(start, _)| *start);
        self.state.frontends = self.frontends.into_iter().map(|(_, frontend)| frontend).collect();
        let used: HashSet<_> = self.state.frontends.iter().map(|f| f.address).collect();
        for (address, span) in self.places.listeners {
            if !used.contains(&address) {
                let message = format!("no frontend is on {address}: it answers 404 to everything");
                self.report.push(Diagnostic::warning(span, message));
            }
        }
        if self.state.listeners.is_empty() && !self.report.is_fatal() {
            let message = "the file has no listener and no frontend: it serves nothing";
            self.report.push(Diagnostic::of_file(message).into_warning());
        }
        self.state
    }
}
