//! The views and the rows of each.

use crate::watch::{Certificate, Cluster, Inventory, Listener, Number, Picture, Seen, Traffic};

use super::number::{NONE, bytes, instant, left, ms, part, rate, time_of_day};

/// Until a certificate ends, when that begins to be bad: 14 days.
const SOON: i64 = 14 * 86_400;

/// What can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Overview,
    Clusters,
    Backends,
    Listeners,
    Certificates,
    Http2,
    Events,
}

/// A column of a view.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) title: &'static str,
    /// Columns of the terminal; nothing: what is left.
    pub(super) width: Option<u16>,
    /// Numbers stand on the right and begin with the greatest.
    pub(super) is_number: bool,
}

/// What stands in a row under a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) text: String,
    /// What it is sorted by, if not by its text.
    pub(super) value: Option<f64>,
    /// Somebody should look at it.
    pub(super) is_bad: bool,
}

/// A cell for each column.
pub(super) type Row = Vec<Cell>;

const fn text(title: &'static str, width: Option<u16>) -> Column {
    Column { title, width, is_number: false }
}

const fn number(title: &'static str, width: u16) -> Column {
    Column { title, width: Some(width), is_number: true }
}

const CLUSTERS: [Column; 8] = [
    text("CLUSTER", None),
    number("REQ/S", 8),
    number("ERR/S", 7),
    number("5XX/S", 7),
    number("P50 ms", 7),
    number("P99 ms", 7),
    number("OUT/S", 10),
    number("AVAILABLE", 10),
];
const BACKENDS: [Column; 8] = [
    text("BACKEND", None),
    text("CLUSTER", Some(16)),
    number("REQ/S", 8),
    number("5XX/S", 7),
    number("P50 ms", 7),
    number("P99 ms", 7),
    number("CONNS", 6),
    text("AVAILABLE", Some(9)),
];
const LISTENERS: [Column; 5] = [
    text("ADDRESS", None),
    text("PROTOCOL", Some(8)),
    text("PUBLIC ADDRESS", Some(22)),
    text("PROXY HEADER", Some(12)),
    text("ACTIVE", Some(6)),
];
const CERTIFICATES: [Column; 4] = [
    text("NAMES", None),
    text("FINGERPRINT", Some(16)),
    text("ENDS (UTC)", Some(19)),
    number("LEFT", 7),
];
const HTTP2: [Column; 3] = [text("METRIC", None), number("TOTAL", 14), number("A SECOND", 10)];
const EVENTS: [Column; 2] = [text("UTC", Some(8)), text("EVENT", None)];

impl View {
    /// In the order of their keys.
    pub(super) const ALL: [Self; 7] = [
        Self::Overview,
        Self::Clusters,
        Self::Backends,
        Self::Listeners,
        Self::Certificates,
        Self::Http2,
        Self::Events,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Clusters => "Clusters",
            Self::Backends => "Backends",
            Self::Listeners => "Listeners",
            Self::Certificates => "Certificates",
            Self::Http2 => "HTTP/2",
            Self::Events => "Events",
        }
    }

    pub(super) fn columns(self) -> &'static [Column] {
        match self {
            Self::Overview | Self::Clusters => &CLUSTERS,
            Self::Backends => &BACKENDS,
            Self::Listeners => &LISTENERS,
            Self::Certificates => &CERTIFICATES,
            Self::Http2 => &HTTP2,
            Self::Events => &EVENTS,
        }
    }

    /// The column that is sorted by at first, and whether from the other end.
    pub(super) fn sorted_by(self) -> (usize, bool) {
        match self {
            Self::Overview | Self::Clusters => (1, false),
            Self::Backends => (2, false),
            Self::Listeners | Self::Http2 => (0, false),
            Self::Certificates => (3, true),
            Self::Events => (0, true),
        }
    }

    /// What is said when there are no rows.
    pub(super) fn nothing(self) -> &'static str {
        match self {
            Self::Overview | Self::Clusters => "no cluster has been measured yet",
            Self::Backends => "no backend has been measured yet",
            Self::Listeners => "there is no listener",
            Self::Certificates => "there is no certificate",
            Self::Http2 => "nobody has spoken HTTP/2 yet",
            Self::Events => "nothing has happened since you look",
        }
    }
}

/// All rows of a view, in no order; `now` is in seconds since 1970.
pub(super) fn rows(
    view: View,
    picture: &Picture,
    inventory: &Inventory,
    events: &[Seen],
    now: i64,
) -> Vec<Row> {
    match view {
        View::Overview | View::Clusters => picture.clusters.iter().map(cluster).collect(),
        View::Backends => picture.clusters.iter().flat_map(backends).collect(),
        View::Listeners => inventory.listeners.iter().map(listener).collect(),
        View::Certificates => inventory.certificates.iter().map(|c| certificate(c, now)).collect(),
        View::Http2 => picture.http2.iter().map(http2).collect(),
        View::Events => events.iter().map(event).collect(),
    }
}

fn cluster(of: &Cluster) -> Row {
    let Traffic { requests, errors, failed, bytes_out, p50, p99, .. } = of.traffic;
    vec![
        plain(&of.id),
        Cell::rate(requests),
        Cell::trouble(errors),
        Cell::trouble(failed),
        Cell::ms(p50),
        Cell::ms(p99),
        Cell { text: bytes(bytes_out), value: bytes_out, is_bad: false },
        Cell {
            text: part(of.available),
            value: Some(of.available[0]),
            is_bad: of.available[0] < of.available[1],
        },
    ]
}

fn backends(of: &Cluster) -> impl Iterator<Item = Row> {
    of.backends.iter().map(|backend| {
        let Traffic { requests, failed, p50, p99, .. } = backend.traffic;
        let is_available = backend.available[0] > 0.0;
        let available = Cell::plain(if is_available { "yes" } else { "no" });
        vec![
            plain(&backend.id),
            plain(&of.id),
            Cell::rate(requests),
            Cell::trouble(failed),
            Cell::ms(p50),
            Cell::ms(p99),
            Cell {
                text: backend.connections.to_string(),
                value: Some(backend.connections as f64),
                is_bad: false,
            },
            Cell { is_bad: !is_available, ..available },
        ]
    })
}

fn listener(of: &Listener) -> Row {
    let yes = |flag| Cell::plain(if flag { "yes" } else { "no" });
    let public = if of.public.is_empty() { NONE } else { &of.public };
    let active = Cell { is_bad: !of.active, ..yes(of.active) };
    vec![plain(&of.address), plain(of.protocol), plain(public), yes(of.proxied), active]
}

fn certificate(of: &Certificate, now: i64) -> Row {
    let to_go = of.ends.map(|ends| ends - now);
    let names = if of.names.is_empty() { NONE } else { &of.names };
    vec![
        plain(names),
        plain(of.fingerprint.get(..16).unwrap_or(&of.fingerprint)),
        Cell::plain(&of.ends.map_or_else(|| NONE.to_owned(), instant)),
        Cell {
            text: to_go.map_or_else(|| NONE.to_owned(), left),
            value: to_go.map(|seconds| seconds as f64),
            is_bad: to_go.is_some_and(|seconds| seconds < SOON),
        },
    ]
}

fn http2(of: &Number) -> Row {
    let value = Cell { text: of.value.to_string(), value: Some(of.value as f64), is_bad: false };
    vec![plain(&of.name), value, Cell::rate(of.rate)]
}

fn event(of: &Seen) -> Row {
    let seconds = i64::try_from(of.time).unwrap_or(i64::MAX);
    let time = Cell { value: Some(of.time as f64), ..Cell::plain(&time_of_day(seconds)) };
    vec![time, plain(&of.text)]
}

/// What others have chosen does nothing to the terminal.
fn plain(text: &str) -> Cell {
    Cell::plain(&text.replace(char::is_control, "\u{fffd}"))
}

impl Cell {
    fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), value: None, is_bad: false }
    }

    fn rate(value: Option<f64>) -> Self {
        Self { text: rate(value), value, is_bad: false }
    }

    /// A rate that should be zero.
    fn trouble(value: Option<f64>) -> Self {
        Self { is_bad: value.is_some_and(|value| value > 0.0), ..Self::rate(value) }
    }

    fn ms(value: Option<u64>) -> Self {
        Self { text: ms(value), value: value.map(|value| value as f64), is_bad: false }
    }
}
