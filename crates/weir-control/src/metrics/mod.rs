//! Metrics as they travel: what workers are asked, what they say, and what clients are told.
//!
//! Must not know: where something is counted, and where it goes.

mod answer;
mod sum;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_telemetry::{Histogram, Time};

pub use answer::{add, answer, metric, names, worker};

/// What is told apart: each level includes those before it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Detail {
    /// The worker as a whole.
    Process,
    /// The same: frontends have no metrics of their own.
    Frontend,
    /// Clusters.
    #[default]
    Cluster,
    /// Their backends.
    Backend,
}

impl Detail {
    /// Its name in the configuration file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Frontend => "frontend",
            Self::Cluster => "cluster",
            Self::Backend => "backend",
        }
    }
}

/// What a worker is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Names of metrics; none: all.
    pub names: Vec<String>,
    /// Nothing of the worker as a whole.
    pub narrow: bool,
    /// And of clusters.
    pub clusters: Clusters,
    /// Only clusters that have counted something since this was asked last.
    pub changed: bool,
}

/// Clusters that are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Clusters {
    /// All, and [`OTHER`].
    #[default]
    All,
    /// Those of these that there are.
    These(Vec<Part>),
}

impl Clusters {
    /// None of them.
    pub fn none() -> Self {
        Self::These(Vec::new())
    }
}

/// What is asked for of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its id, or [`OTHER`].
    pub cluster: String,
    /// What is of the cluster itself.
    pub own: bool,
    /// Those of these backends that there are; `None`: all.
    pub backends: Option<Vec<String>>,
}

impl Part {
    /// Everything of a cluster.
    pub fn all_of(cluster: String) -> Self {
        Self { cluster, own: true, backends: None }
    }

    /// Nothing of it, yet.
    pub fn none_of(cluster: String) -> Self {
        Self { cluster, own: false, backends: Some(Vec::new()) }
    }
}

impl Query {
    /// Whether a metric of that name is asked for, or its histogram, or a window of it.
    pub fn wants(&self, name: &str) -> bool {
        let is = |wanted: &String| {
            let suffixes = WINDOWS.iter().map(|(suffix, _)| *suffix).chain([HISTOGRAM]);
            let mut times = suffixes.filter_map(|suffix| wanted.strip_suffix(suffix));
            *wanted == name || times.any(|time| time == name)
        };
        self.names.is_empty() || self.names.iter().any(is)
    }
}

/// Stands for all clusters together that are not told apart, as there are too many.
pub const OTHER: &str = "(other)";

/// Times that are told of windows, too.
pub const WINDOWED: [Time; 2] = [Time::Request, Time::Response];

/// What the names of their percentiles have behind them, and how long the windows are.
pub const WINDOWS: [(&str, Duration); 2] =
    [("_10s", Duration::from_secs(10)), ("_1m", Duration::from_secs(60))];

/// What the name of a histogram has behind that of its percentiles.
const HISTOGRAM: &str = "_histogram";

/// What a worker has measured, or a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// As a whole.
    pub proxy: Vec<Sample>,
    /// By cluster.
    pub clusters: Vec<OfCluster>,
}

/// What a worker has measured of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfCluster {
    /// Its id.
    pub id: String,
    /// As a whole.
    pub own: Vec<Sample>,
    /// By id of the backend.
    pub backends: Vec<(String, Vec<Sample>)>,
}

/// A metric and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its value.
    pub value: Value,
}

/// The value of a metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// How often, since the worker started.
    Count(u64),
    /// How much, now.
    Gauge(u64),
    /// How long, since the worker started.
    Times(Times),
}

/// A distribution of durations in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// All of them together.
    pub sum: u64,
    /// The longest.
    pub max: u64,
    /// In order: how long, as exactly as it is known, and how often.
    pub buckets: Vec<(u64, u64)>,
}

impl<const BITS: u32> From<&Histogram<BITS>> for Times {
    fn from(histogram: &Histogram<BITS>) -> Self {
        let (sum, max) = (histogram.sum(), histogram.max());
        Self { sum, max, buckets: histogram.buckets().collect() }
    }
}

impl Times {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, n)| n).sum()
    }

    /// How long the part `q` (0 to 1) of all took at most; 0 when there is none.
    pub fn quantile(&self, q: f64) -> u64 {
        let count = self.count();
        let rank = ((count as f64 * q).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        let reached = self.buckets.iter().find(|(_, n)| {
            seen += n;
            seen >= rank
        });
        reached.map_or(self.max, |(value, _)| *value.min(&self.max))
    }
}

impl Sample {
    /// A counter.
    pub fn count(name: &'static str, value: u64) -> Self {
        Self { name: name.into(), value: Value::Count(value) }
    }

    /// A gauge.
    pub fn gauge(name: &'static str, value: u64) -> Self {
        Self { name: name.into(), value: Value::Gauge(value) }
    }

    /// Durations.
    pub fn times<const BITS: u32>(name: &'static str, histogram: &Histogram<BITS>) -> Self {
        Self { name: name.into(), value: Value::Times(histogram.into()) }
    }
}

/// What the configuration file says of metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricsPlan {
    /// What is told apart when nobody asks for more.
    pub detail: Detail,
    /// Clusters and backends are counted.
    pub clusters: bool,
    /// Where metrics are sent to.
    pub statsd: Option<StatsdPlan>,
}

impl Default for MetricsPlan {
    fn default() -> Self {
        Self { detail: Detail::default(), clusters: true, statsd: None }
    }
}

/// Where metrics are sent to, and how they are named there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatsdPlan {
    /// UDP.
    pub address: SocketAddr,
    /// Labels are tags, not parts of names.
    pub tagged: bool,
    /// The first part of names.
    pub prefix: String,
}
