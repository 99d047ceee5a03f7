//! Changes by HAProxy's runtime API, over its stats socket.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use crate::Result;
use crate::changes::{cluster, host};
use crate::process::said;
use crate::proxy::{Medium, local};
use crate::samples::Samples;

const CHANGES: usize = 2_000;
const PATIENCE: Duration = Duration::from_secs(30);

/// A session of commands.
struct Session(UnixStream);

impl Session {
    /// A command's answer.
    fn ask(&mut self, command: &str) -> Result<String> {
        self.0.write_all(format!("{command}\n").as_bytes())?;
        let mut answer = Vec::new();
        let mut some = [0; 4096];
        while !answer.ends_with(b"\n> ") {
            let count = self.0.read(&mut some)?;
            if count == 0 {
                return Err("HAProxy closed its stats socket".into());
            }
            answer.extend_from_slice(&some[..count]);
        }
        Ok(String::from_utf8_lossy(&answer).trim_end_matches(['\n', '>', ' ']).to_owned())
    }
}

/// Times of commands on a configuration of so many routes and backends of two servers.
pub(crate) fn measure(routes: usize) -> Result<Vec<(&'static str, Samples)>> {
    let dir = Medium::Disk.directory()?;
    let path = dir.path().display().to_string();
    let mut config = include_str!("../../../config/control-haproxy.cfg")
        .replace("@dir@", &path)
        .replace("@address@", &local(19_102).to_string());
    let mut map = String::new();
    for number in 0..routes {
        let _ = writeln!(config, "backend {}", cluster(number));
        config += "  server b0 127.0.0.1:1\n  server b1 127.0.0.1:2\n";
        let _ = writeln!(map, "{} {}", host(number), cluster(number));
    }
    fs::write(dir.path().join("hosts.map"), map)?;
    let file = dir.path().join("haproxy.cfg");
    fs::write(&file, config)?;
    // The socket is there when the process goes to the background.
    let pid_file = dir.path().join("pid");
    said(Command::new("haproxy").arg("-D").arg("-p").arg(&pid_file).arg("-f").arg(&file))?;
    let result = time(&path, routes);
    let pid = fs::read_to_string(&pid_file)?;
    let mut killer = Command::new("kill").arg(pid.trim()).spawn()?;
    let _ = killer.wait();
    result
}

fn time(dir: &str, routes: usize) -> Result<Vec<(&'static str, Samples)>> {
    let stream = UnixStream::connect(format!("{dir}/haproxy.sock"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut session = Session(stream);
    session.ask("prompt")?;
    let (mut moved, mut added, mut mapped) = Default::default();
    for number in 0..CHANGES {
        let target = cluster(number.wrapping_mul(7_919) % routes);
        let (port, name) = (1_000 + number, format!("n{number}"));
        let orders: [(&mut Samples, String, &str); 3] = [
            (&mut moved, format!("set server {target}/b0 addr 127.0.0.1 port {port}"), "changed"),
            (&mut added, format!("add server {target}/{name} 127.0.0.1:{port}"), "registered"),
            (
                &mut mapped,
                format!("set map {dir}/hosts.map {} {target}", host(number % routes)),
                "",
            ),
        ];
        for (samples, order, expected) in orders {
            let samples: &mut Samples = samples;
            let answer = samples.time(|| session.ask(&order))?;
            if !answer.contains(expected) {
                return Err(format!("HAProxy: {order}: {answer}").into());
            }
        }
    }
    Ok(vec![
        ("HAProxy `set server … addr`", moved),
        ("HAProxy `add server`", added),
        ("HAProxy `set map`", mapped),
    ])
}
