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
const BODIES: [(&str, &str, usize); 2] = [("/small", "small", 10_000), ("/16k", "16 KiB", 5_000)];
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
        let load = |name: &str, path, tls, uploads| Self {
            name: format!("{name}, {}", if tls { "TLS" } else { "in clear" }),
            path,
            requests: 100,
            connections: 100,
            streams: 1,
            tls,
            two: false,
            uploads,
        };
        [false, true]
            .into_iter()
            .flat_map(|tls| {
                [load("downloads", "/10m", tls, false), load("uploads", "/up", tls, true)]
            })
            .collect()
    }

    /// Whether the server can do it.
    pub(crate) fn suits(&self, server: Server) -> bool {
        !(self.two && server == Server::Nginx)
    }

    /// CPU microseconds of the proxy per request.
    pub(crate) fn run(&self, proxy: &Running, place: &Place) -> Result<f64> {
        let before = proxy.cpu()?;
        let text = said(&mut self.command(proxy.server, place))?;
        let used = proxy.cpu()? - before;
        let wanted = format!("{} succeeded, 0 failed", self.requests);
        if !text.contains(&wanted) {
            let line = text.lines().find(|line| line.starts_with("requests:"));
            return Err(format!("{}: {}", self.name, line.unwrap_or("nothing")).into());
        }
        Ok(used as f64 / 1_000.0 / self.requests as f64)
    }

    fn command(&self, server: Server, place: &Place) -> Command {
        let (scheme, address) =
            if self.tls { ("https", server.tls()) } else { ("http", server.clear()) };
        let host = if self.two { "h2.bench.example" } else { "h1.bench.example" };
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
