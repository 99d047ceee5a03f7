//! `weir start`: the proxy in the foreground.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use weir_control::channel::Settings;
use weir_control::config::{self, Checked};
use weir_main::{AuditPlan, ControlPlan, Ended, Files, Plan};
use weir_sys::Signals;

use crate::failure::Failure;
use crate::output::{is_colored, print_error};

/// What the last lines may take to be written.
pub(crate) const LAST_LINES: Duration = Duration::from_millis(500);

/// Arguments of a start.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Seconds that requests in flight may take when the proxy is stopped.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    drain_timeout: u64,
}

/// Runs until it is stopped.
pub(crate) fn run(path: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let mut checked = config::load(path).map_err(|report| refused(&report))?;
    if let Ok(filter) = std::env::var("RUST_LOG") {
        use_filter(&mut checked, filter);
    }
    if !checked.warnings.diagnostics().is_empty() {
        print_error(&checked.warnings.render(is_colored()));
    }
    let signals = weir_main::block_signals()?;
    let drain_timeout = Duration::from_secs(args.drain_timeout);
    serve(checked, Some(path.to_owned()), signals, drain_timeout, |_| {})
}

/// The environment wins over `log_level`, if it is a filter: a variable that was meant for another
/// program must not keep this one from starting.
fn use_filter(checked: &mut Checked, filter: String) {
    match filter.parse::<weir_telemetry::Filter>() {
        Ok(_) => checked.settings.logs.level = filter,
        Err(error) => print_error(&format!("RUST_LOG is not used: {error}\n")),
    }
}

/// The report of a file that cannot be used.
pub(crate) fn refused(report: &config::Report) -> Failure {
    Failure::Configuration(report.render(is_colored()))
}

/// Runs main with what was checked; `on_ready` is told the addresses listened on.
pub(crate) fn serve(
    checked: Checked,
    config_file: Option<PathBuf>,
    signals: Signals,
    drain_timeout: Duration,
    on_ready: impl FnOnce(&[SocketAddr]) + 'static,
) -> Result<ExitCode, Failure> {
    let logs = open_logs(&checked.settings)?;
    let executable = config_file.as_ref().and_then(|_| executable());
    let control = checked.main.control;
    let plan = Plan {
        files: Files {
            store: control.as_ref().map(|control| control.store.clone()),
            from_file: control.as_ref().is_some_and(|control| control.from_file),
            config_file,
            saved_state: control.as_ref().and_then(|control| control.saved_state.clone()),
            automatic_state_save: control.as_ref().is_some_and(|c| c.automatic_state_save),
        },
        control: control.map(|control| ControlPlan {
            path: control.path,
            max_frame_bytes: control.max_frame_bytes,
            allowed_uids: control.allowed_uids,
            audit: AuditPlan { text: control.audit_target, json: control.audit_json_target },
        }),
        state: checked.state,
        settings: checked.settings,
        worker_count: checked.main.worker_count,
        automatic_restart: checked.main.automatic_restart,
        worker_timeout: checked.main.worker_timeout,
        pin_workers: checked.main.affinity,
        pid_file: checked.main.pid_file,
        tls: checked.main.tls,
        metrics: checked.main.metrics,
        clients: checked.main.clients,
        drain_timeout,
        executable,
    };
    let ended = weir_main::run(plan, signals, Some(logs), on_ready);
    logs.flush_blocking(LAST_LINES);
    Ok(exit_code(ended?))
}

/// The path that this program was called by, which may be a link; else the one of its file, which
/// is known as long as the file is there.
fn executable() -> Option<PathBuf> {
    let called = std::env::args_os().next().map(PathBuf::from);
    let called = called.filter(|path| path.components().count() > 1);
    let called =
        called.and_then(|path| std::path::absolute(path).ok()).filter(|path| path.exists());
    called.or_else(|| std::env::current_exe().ok())
}

/// The exit code of main.
pub(crate) fn exit_code(ended: Ended) -> ExitCode {
    match ended {
        Ended::Clean => ExitCode::SUCCESS,
        Ended::Cut => ExitCode::FAILURE,
    }
}

/// Opens the logs of main.
pub(crate) fn open_logs(settings: &Settings) -> Result<&'static weir_log::Logs, Failure> {
    let logs = &settings.logs;
    let opened = weir_log::Logs::open(&weir_log::Settings {
        level: &logs.level,
        target: &logs.target,
        colored: logs.colored,
        access_target: logs.access_target.as_deref(),
        access_format: logs.access.compile(),
        access_colored: logs.access_colored,
        access_sampling: logs.access_sampling,
        json: logs.json,
        tag: "MAIN",
        ring_bytes: settings.limits.log_bytes,
        clock: || weir_sys::unix_time().as_nanos() as u64,
    });
    opened.and_then(weir_log::Logs::install).map_err(Failure::Logs)
}
