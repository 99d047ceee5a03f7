//! One run of wrk.

use std::io;
use std::process::Command;

use crate::place::Place;
use crate::rows::Row;
use crate::said;
use crate::server::Server;

/// What wrk saw.
pub(crate) struct Load {
    pub(crate) requests: f64,
    pub(crate) seconds: f64,
    /// Received, those of unfinished responses too.
    pub(crate) bytes: f64,
    /// p50, p99 and p99.9 in milliseconds.
    pub(crate) latency: [f64; 3],
    pub(crate) errors: f64,
}

impl Load {
    /// Loads `server` with a row's requests, with `under` in front of the command.
    pub(crate) fn run(
        row: &Row,
        server: Server,
        place: &Place,
        seconds: u32,
        under: &[String],
    ) -> io::Result<Self> {
        let mut words = under.to_vec();
        words.extend(["taskset", "-c", "1", "wrk", "-t1"].map(String::from));
        words.extend([format!("-c{}", row.connections), format!("-d{seconds}s")]);
        words.extend(["-s".into(), place.path().join("wrk.lua").display().to_string()]);
        if !row.kept {
            words.extend(["-H".into(), "Connection: close".into()]);
        }
        let text = said(Command::new(&words[0]).args(&words[1..]).arg(server.url(row.path)))?;
        Self::parse(&text).ok_or_else(|| io::Error::other(format!("wrk said: {text}")))
    }

    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("result"))?;
        let numbers: Vec<f64> = line.split_whitespace().flat_map(str::parse).collect();
        let [requests, micros, bytes, p50, p99, p999, errors] = numbers[..] else { return None };
        let latency = [p50, p99, p999].map(|micros| micros / 1e3);
        Some(Self { requests, seconds: micros / 1e6, bytes, latency, errors })
    }
}
