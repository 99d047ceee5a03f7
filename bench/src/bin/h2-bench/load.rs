//! What `h2load` asks a proxy for.

use std::process::Command;

use crate::Result;
use crate::place::Place;
use crate::process::said;
use crate::server::{Running, Server};

/// One load.
pub(crate) struct Load {
    pub(crate) name: String,
    path: &'static str,
    requests: usize,
    connections: usize,
    streams: usize,
    tls: bool,
    /// Whether the backend is asked for HTTP/2.
    two: bool,
    uploads: bool,
}

/// A path, what its body is called, and how often it is asked for.
const BODIES: [(&str, &str, usize); 2] = [("/small", "small", 40_000), ("/16k", "16 KiB", 10_000)];
/// What a load has cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// CPU microseconds of the proxy per request.
    pub(crate) micros: f64,
    /// Requests in a second.
    pub(crate) rate: f64,
}

/// Connections, and streams of each.
const SHAPES: [(usize, usize); 3] = [(100, 1), (10, 10), (10, 100)];

impl Load {
    /// Small and 16 KiB responses.
    pub(crate) fn responses() -> Vec<Self> {
        let mut loads = Vec::new();
        for (two, tls) in [(false, false), (false, true), (true, false), (true, true)] {
            for (path, body, requests) in BODIES {
                for (connections, streams) in SHAPES {
                    let wire = if tls { "TLS" } else { "in clear" };
                    let back = if two { "HTTP/2" } else { "HTTP/1.1" };
                    let name = format!("{body}, {connections} × {streams}, {wire}, to {back}");
                    let uploads = false;
                    let load =
                        Self { name, path, requests, connections, streams, tls, two, uploads };
                    loads.push(load);
                }
            }
        }
        loads
    }

    /// A hundred bodies of 10 MiB at once.
    pub(crate) fn large() -> Vec<Self> {
        let load = |path, tls, two, uploads| Self {
            name: format!(
                "{}, {}, to {}",
                if uploads { "uploads" } else { "downloads" },
                if tls { "TLS" } else { "in clear" },
                if two { "HTTP/2" } else { "HTTP/1.1" },
            ),
            path,
            requests: 100,
            connections: 100,
            streams: 1,
            tls,
            two,
            uploads,
        };
        let both = [false, true];
        let downloads = both.map(|two| both.map(|tls| load("/10m", tls, two, false)));
        let uploads = both.map(|tls| load("/up", tls, false, true));
        downloads.into_iter().flatten().chain(uploads).collect()
    }

    /// Whether the server can do it.
    pub(crate) fn suits(&self, server: Server) -> bool {
        !(self.two && server == Server::Nginx)
    }

    /// What it costs a proxy.
    pub(crate) fn run(&self, proxy: &Running, place: &Place) -> Result<Cost> {
        let before = proxy.cpu()?;
        let text = said(&mut self.command(proxy.server, place))?;
        let used = proxy.cpu()? - before;
        let wanted = format!("{} succeeded, 0 failed", self.requests);
        if !text.contains(&wanted) {
            let line = text.lines().find(|line| line.starts_with("requests:"));
            return Err(format!("{}: {}", self.name, line.unwrap_or("nothing")).into());
        }
        // finished in 1.23s, 81.30 req/s, 813.00MB/s
        let rate =
            text.lines().find_map(|line| line.strip_prefix("finished in ")?.split(", ").nth(1));
        let rate = rate.and_then(|rate| rate.strip_suffix(" req/s")?.parse().ok());
        let rate = rate.ok_or("h2load does not say how fast it was")?;
        Ok(Cost { micros: used as f64 / 1_000.0 / self.requests as f64, rate })
    }

    fn command(&self, server: Server, place: &Place) -> Command {
        let (scheme, address) =
            if self.tls { ("https", server.tls()) } else { ("http", server.clear()) };
        let host = match self.two {
            _ if self.uploads => "up.bench.example",
            true => "h2.bench.example",
            false => "h1.bench.example",
        };
        let mut command = Command::new("h2load");
        for (flag, number) in
            [("-n", self.requests), ("-c", self.connections), ("-m", self.streams), ("-t", 1)]
        {
            command.args([flag, &number.to_string()]);
        }
        command.arg(format!("--connect-to={address}"));
        if self.uploads {
            command.arg("-d").arg(place.path().join("www/10m"));
        }
        command.arg(format!("{scheme}://{host}{}", self.path));
        command
    }
}
