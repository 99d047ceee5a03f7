//! Main, with a plan made of the arguments and a log on standard output.

use std::time::Duration;

use log::{LevelFilter, Log, Metadata, Record};
use weir_base::Limits;
use weir_control::channel::{AccessForm, LogSettings, Settings};
use weir_control::state::{Listener, State};
use weir_main::{Ended, Files, Plan};

/// Arguments: `key=value` for what differs from [`plan`].
pub(crate) fn run(args: &[String]) {
    log::set_logger(&ToStdout).expect("the only logger");
    log::set_max_level(LevelFilter::Info);
    let mut plan = plan();
    for arg in args {
        let (key, value) = arg.split_once('=').expect("key=value");
        match key {
            "workers" => plan.worker_count = value.parse().expect("a number"),
            "restart" => plan.automatic_restart = value == "on",
            "patience_ms" => plan.worker_timeout = millis(value),
            "drain_ms" => plan.drain_timeout = millis(value),
            "sessions" => plan.settings.limits.sessions = value.parse().expect("a number"),
            "pid_file" => plan.pid_file = Some(value.into()),
            "address" => {
                plan.state.listeners.clear();
                listen(&mut plan.state, value);
            }
            _ => panic!("unknown argument {arg}"),
        }
    }
    let signals = weir_main::block_signals().expect("blocked");
    let ended = weir_main::run(plan, signals, None, |addresses| println!("ready on {addresses:?}"));
    println!("ended: {}", ended.as_ref().map_or_else(ToString::to_string, |e| format!("{e:?}")));
    std::process::exit(i32::from(ended.ok() != Some(Ended::Clean)));
}

fn millis(value: &str) -> Duration {
    Duration::from_millis(value.parse().expect("a number"))
}

fn plan() -> Plan {
    let mut state = State::default();
    listen(&mut state, "127.0.0.1:0");
    Plan {
        state,
        settings: settings(),
        worker_count: 1,
        automatic_restart: true,
        worker_timeout: Duration::from_secs(60),
        pin_workers: false,
        pid_file: None,
        drain_timeout: Duration::from_secs(60),
        tls: Default::default(),
        metrics: Default::default(),
        clients: Default::default(),
        control: None,
        files: Files::default(),
        executable: None,
    }
}

fn listen(state: &mut State, address: &str) {
    let address = address.parse().expect("an address");
    let listener = Listener::new(address);
    state.listeners.insert(address, listener);
}

fn settings() -> Settings {
    let limits = Limits {
        sessions: 10,
        backend_connections: 10,
        idle_backend_connections: 10,
        accept_queue: 10,
        buffers: 10,
        buffers_at_start: 1,
        buffer_bytes: 16_393,
        target_bytes: 8_192,
        fields: 100,
        pipes: 2,
        pipe_bytes: 65_536,
        log_bytes: 65_536,
        scopes: Limits::SCOPES,
    };
    Settings {
        worker: 0,
        core: None,
        limits,
        accept_queue_timeout: Duration::from_secs(60),
        evict_on_queue_full: false,
        zombie_check_interval: Duration::from_secs(60),
        basic_auth_max_credential_bytes: 4_096,
        home: None,
        orphan_timeout: None,
        logs: LogSettings {
            level: "info".to_owned(),
            target: "stdout".to_owned(),
            colored: Some(false),
            access_target: None,
            access_colored: Some(false),
            access: AccessForm::Ascii,
            access_sampling: 1,
            json: false,
        },
    }
}

struct ToStdout;

impl Log for ToStdout {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        println!("{} {}", record.level(), record.args());
    }

    fn flush(&self) {}
}
