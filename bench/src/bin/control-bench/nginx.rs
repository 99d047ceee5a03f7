//! Changes of nginx's file, taken by a reload.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Result;
use crate::changes::host;
use crate::proxy::{Medium, end, local};
use crate::samples::Samples;

const RELOADS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(30);

/// Times of reloads of a configuration of so many routes.
pub(crate) fn measure(routes: usize) -> Result<Vec<(&'static str, Samples)>> {
    let dir = Medium::Disk.directory()?;
    let address = local(19_103);
    write(dir.path(), address, routes, 0)?;
    let mut child = Command::new("nginx").arg("-c").arg(dir.path().join("nginx.conf")).spawn()?;
    let mut samples = Samples::default();
    let mut reload = |version: usize| -> Result<()> {
        if version == 0 {
            return wait_for(address, 0);
        }
        write(dir.path(), address, routes, version)?;
        samples.time(|| {
            kill_process(Pid::from_child(&child), Signal::HUP)?;
            wait_for(address, version)
        })
    };
    let result = (0..=RELOADS).try_for_each(&mut reload);
    end(&mut child);
    result.map(|()| vec![("nginx reload", samples)])
}

/// The file of a version, which its answers tell.
fn write(dir: &Path, address: SocketAddr, routes: usize, version: usize) -> Result<()> {
    let mut config = include_str!("../../../config/control-nginx.conf")
        .replace("@dir@", &dir.display().to_string());
    let _ = writeln!(config, "  server {{ listen {address}; return 200 version-{version}.; }}");
    for number in 0..routes {
        let name = host(number);
        let place = format!("server_name {name}; location / {{ proxy_pass http://b; }}");
        let _ = writeln!(config, "  server {{ listen {address}; {place} }}");
    }
    config += "}\n";
    Ok(fs::write(dir.join("nginx.conf"), config)?)
}

/// Asks on new connections until that version answers.
fn wait_for(address: SocketAddr, version: usize) -> Result<()> {
    let wanted = format!("version-{version}.");
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        // It may not listen yet.
        if fetch(address).is_ok_and(|answer| answer.contains(&wanted)) {
            return Ok(());
        }
    }
    Err("nginx does not answer by the new configuration".into())
}

fn fetch(address: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: none\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
