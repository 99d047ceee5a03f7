//! Lines of statsd, gathered into datagrams.

use std::fmt::Write;

use weir_control::metrics::{StatsdPlan, Value};

/// Bytes of a datagram that passes an Ethernet in one piece.
const DATAGRAM: usize = 1432;

/// What a line is of.
#[derive(Clone, Copy)]
pub(super) struct Labels<'a> {
    pub(super) origin: &'a str,
    pub(super) cluster: Option<&'a str>,
    pub(super) backend: Option<&'a str>,
}

impl<'a> Labels<'a> {
    /// A process as a whole.
    pub(super) fn process(origin: &'a str) -> Self {
        Self { origin, cluster: None, backend: None }
    }
}

/// Lines as they are made.
pub(super) struct Lines<'a> {
    plan: &'a StatsdPlan,
    datagrams: Vec<String>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(plan: &'a StatsdPlan) -> Self {
        Self { plan, datagrams: Vec::new() }
    }

    /// What was gathered.
    pub(super) fn datagrams(self) -> Vec<String> {
        self.datagrams
    }

    /// One line, or of times one for each length.
    pub(super) fn add(&mut self, labels: &Labels<'_>, name: &str, value: &Value) {
        let mut line = self.name(labels, name);
        let length = line.len();
        match value {
            Value::Count(count) => self.put(&mut line, length, format_args!("{count}|c")),
            Value::Gauge(gauge) => self.put(&mut line, length, format_args!("{gauge}|g")),
            Value::Times(times) => {
                for (microseconds, n) in &times.buckets {
                    let milliseconds = *microseconds as f64 / 1000.0;
                    match n {
                        1 => self.put(&mut line, length, format_args!("{milliseconds}|ms")),
                        n => {
                            let rate = 1.0 / *n as f64;
                            let text = format_args!("{milliseconds}|ms|@{rate}");
                            self.put(&mut line, length, text);
                        }
                    }
                }
            }
        }
    }

    fn put(&mut self, line: &mut String, name: usize, value: std::fmt::Arguments<'_>) {
        line.truncate(name);
        let _ = line.write_fmt(value);
        line.push('\n');
        match self.datagrams.last_mut() {
            Some(datagram) if datagram.len() + line.len() <= DATAGRAM => datagram.push_str(line),
            _ => self.datagrams.push(line.clone()),
        }
    }

    /// The name and its labels, up to the value.
    fn name(&self, labels: &Labels<'_>, name: &str) -> String {
        let StatsdPlan { prefix, tagged, .. } = self.plan;
        let Labels { origin, cluster, backend } = labels;
        let version = env!("CARGO_PKG_VERSION");
        let (cluster, backend) = (cluster.map(plain), backend.map(plain));
        match (tagged, cluster, backend) {
            (true, None, _) => format!("{prefix}.{name},origin={origin},version={version}:"),
            (true, Some(cluster), None) => format!(
                "{prefix}.cluster.{name},origin={origin},version={version},cluster_id={cluster}:"
            ),
            (true, Some(cluster), Some(backend)) => format!(
                "{prefix}.backend.{name},origin={origin},version={version},cluster_id={cluster},\
                 backend_id={backend}:"
            ),
            (false, None, _) => format!("{prefix}.{origin}.{name}:"),
            (false, Some(cluster), None) => {
                format!("{prefix}.{origin}.cluster.{cluster}.{name}:")
            }
            (false, Some(cluster), Some(backend)) => {
                format!("{prefix}.{origin}.cluster.{cluster}.backend.{backend}.{name}:")
            }
        }
    }
}

/// An id without what means something to statsd.
fn plain(id: &str) -> String {
    let special = |c: char| c.is_whitespace() || c.is_control() || ":|@,=#".contains(c);
    id.chars().map(|c| if special(c) { '_' } else { c }).collect()
}
