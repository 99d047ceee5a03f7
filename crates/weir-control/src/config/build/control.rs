//! Settings of the control socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use weir_telemetry::Target;

use super::super::ControlSettings;
use super::super::catalogue::OnStart;
use super::super::read::Reader;
use super::super::report::{Diagnostic, Report};

/// Bytes of the path of a socket that the system takes.
const LONGEST_PATH: usize = 107;

/// Keys that mean something beside `command_socket` only.
const DEPENDENT: [&str; 8] = [
    "command_buffer_size",
    "max_command_buffer_size",
    "ctl_command_timeout",
    "command_allowed_uids",
    "audit_logs_target",
    "audit_logs_json_target",
    "saved_state",
    "automatic_state_save",
];

pub(super) fn control(file: &Reader<'_>, report: &mut Report) -> Option<ControlSettings> {
    let saved_state = path_of(file, "saved_state", report);
    let automatic_state_save: bool = file.value("automatic_state_save");
    if automatic_state_save && saved_state.is_none() {
        let message = "`automatic_state_save` needs `saved_state`, the file to save to";
        report.push(Diagnostic::error(file.span_of("automatic_state_save"), message));
    }
    let Some(path) = path_of(file, "command_socket", report) else {
        warn_of_no_socket(file, report);
        return None;
    };
    if path.as_os_str().len() > LONGEST_PATH {
        let message = format!(
            "`command_socket` is {} bytes long with its directory, more than {LONGEST_PATH}",
            path.as_os_str().len()
        );
        report.push(Diagnostic::error(file.span_of("command_socket"), message));
    }
    let max_frame_bytes: usize = file.value("max_command_buffer_size");
    let state = file.section("state");
    let store = state.as_ref().and_then(|state| path_of(state, "path", report));
    let beside = || {
        let mut store = path.as_os_str().to_owned();
        store.push(".state");
        PathBuf::from(store)
    };
    let on_start = state.as_ref().map(|state| state.value::<OnStart>("on_start"));
    Some(ControlSettings {
        store: store.unwrap_or_else(beside),
        from_file: on_start == Some(OnStart::File),
        path,
        max_frame_bytes,
        first_buffer_bytes: file.value::<usize>("command_buffer_size").min(max_frame_bytes),
        allowed_uids: file.numbers("command_allowed_uids"),
        client_timeout: Duration::from_millis(file.value("ctl_command_timeout")),
        saved_state,
        automatic_state_save,
        audit_target: target_of(file, "audit_logs_target", report),
        audit_json_target: target_of(file, "audit_logs_json_target", report),
    })
}

fn target_of(file: &Reader<'_>, key: &str, report: &mut Report) -> Option<String> {
    let written: String = file.read(key)?;
    if let Err(error) = written.parse::<Target>() {
        report.push(Diagnostic::error(file.span_of(key), error.to_string()));
    }
    Some(written)
}

/// A relative path is one beside the file.
pub(super) fn path_of(file: &Reader<'_>, key: &str, report: &mut Report) -> Option<PathBuf> {
    let written: &str = file.read(key)?;
    if written.is_empty() || written.contains('\0') {
        report.push(Diagnostic::error(file.span_of(key), format!("`{key}` is not a path")));
        return None;
    }
    let beside = report.origin.parent().unwrap_or(Path::new("")).join(written);
    Some(std::path::absolute(&beside).unwrap_or(beside))
}

fn warn_of_no_socket(file: &Reader<'_>, report: &mut Report) {
    for key in DEPENDENT.into_iter().filter(|key| file.has(key)) {
        let message = format!("without `command_socket`, `{key}` does nothing");
        report.push(Diagnostic::warning(file.span_of(key), message));
    }
}
