//! `weir check`: every mistake of a file, or what it serves and what that can cost.

use std::path::Path;
use std::process::ExitCode;

use weir_control::config;

use crate::commands::start::refused;
use crate::failure::Failure;
use crate::output::{is_colored, print, print_error};

/// Reads and checks the file; nothing is started.
pub(crate) fn run(path: &Path) -> Result<ExitCode, Failure> {
    let checked = config::load(path).map_err(|report| refused(&report))?;
    if !checked.warnings.diagnostics().is_empty() {
        print_error(&checked.warnings.render(is_colored()));
    }
    let sizes = weir_worker::sizes(checked.limits().buffers);
    print(&format!("{}\n{}", checked.summary(), checked.worst_case_memory(&sizes)));
    Ok(ExitCode::SUCCESS)
}
