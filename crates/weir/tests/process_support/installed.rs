//! Weir as it is installed: a file that can be replaced while it runs.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use weir_testkit::process::{Process, eventually};

use super::backend::Backend;
use super::held::kill;
use super::traffic::Traffic;
use super::{CONTROLLED, Config, Proxy, weir};

/// A proxy whose program is a file beside its configuration, in front of a backend.
pub(crate) struct Installed {
    pub(crate) proxy: Proxy,
    pub(crate) backend: Backend,
}

impl Installed {
    /// Two workers that route everything for `traffic.example` to the backend.
    pub(crate) fn start() -> Self {
        Self::start_with("", 5)
    }

    /// The same with more keys and another `worker_timeout`.
    pub(crate) fn start_with(keys: &str, timeout: u64) -> Self {
        let backend = Backend::start();
        let text = CONTROLLED
            .replace("127.0.0.1:1\"", &format!("{}\"", backend.address))
            .replace("worker_timeout = 5", &format!("worker_timeout = {timeout}"))
            .replace("first.example", "traffic.example");
        let quiet = "access_logs_target = \"file:///dev/null\"";
        let config = Config::new(&format!("{quiet}\n{keys}\n{text}"));
        install(&config);
        let main = Process::spawn(&mut command(&config));
        let address = ready(&config);
        Self { proxy: Proxy { main, address, config }, backend }
    }

    /// Requests that go through to the backend.
    pub(crate) fn traffic(&self) -> Traffic {
        self.backend.let_go();
        Traffic::start(self.proxy.address)
    }

    /// Requests that each have a connection of their own.
    pub(crate) fn single_requests(&self) -> Traffic {
        self.backend.let_go();
        Traffic::of_single_requests(self.proxy.address)
    }

    /// Main is gone when this returns; its workers go on.
    pub(crate) fn kill_main(&self) {
        kill(self.proxy.main.pid());
    }

    /// Starts main again, which was killed, and waits until it can be asked.
    pub(crate) fn start_main(&mut self) {
        self.proxy.main = Process::spawn(&mut command(&self.proxy.config));
        self.proxy.main.line_with("workers are ready");
    }

    /// The configuration is another one for the next start.
    pub(crate) fn configure(&self, change: impl Fn(&str) -> String) {
        let path = self.proxy.config.path();
        let text = fs::read_to_string(&path).expect("there");
        fs::write(path, change(&text)).expect("written");
    }

    /// The same program in a new file.
    pub(crate) fn install(&self) {
        install(&self.proxy.config);
    }

    /// Another program in its place, which a shell runs.
    pub(crate) fn install_script(&self, text: &str) {
        let (new, path) = (self.proxy.config.in_directory("new"), program(&self.proxy.config));
        fs::write(&new, format!("#!/bin/bash\n{text}\n")).expect("written");
        fs::set_permissions(&new, Permissions::from_mode(0o755)).expect("set");
        fs::rename(new, path).expect("moved");
    }

    /// Where the program is.
    pub(crate) fn program(&self) -> PathBuf {
        program(&self.proxy.config)
    }
}

/// Waits until main serves clients; where it listens.
fn ready(config: &Config) -> SocketAddr {
    let socket = config.in_directory("control.sock");
    eventually("it has a control socket", || UnixStream::connect(&socket).is_ok());
    let listed = weir()
        .args(["listener", "list", "--json", "-t", "30000", "--socket"])
        .arg(&socket)
        .output();
    let listed: Value = serde_json::from_slice(&listed.expect("it runs").stdout).expect("JSON");
    let listeners = listed["http_listeners"].as_object().expect("an object");
    listeners.keys().next().expect("a listener").parse().expect("an address")
}

/// Starts what is installed.
pub(crate) fn command(config: &Config) -> Command {
    let mut command = weir();
    let mut installed = Command::new(program(config));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => installed.env(name, value),
            None => installed.env_remove(name),
        };
    }
    command = installed;
    command.arg("start").arg("-c").arg(config.path());
    command
}

fn program(config: &Config) -> PathBuf {
    config.in_directory("weir")
}

fn install(config: &Config) {
    let (built, path) = (env!("CARGO_BIN_EXE_weir"), program(config));
    // What runs goes on without its file, and cannot be written.
    let _ = fs::remove_file(&path);
    let linked = fs::hard_link(built, &path);
    linked.or_else(|_| fs::copy(built, &path).map(|_| ())).expect("linked or copied");
}
