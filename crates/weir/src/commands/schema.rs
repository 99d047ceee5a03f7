//! `weir schema`: what a configuration file may contain, for editors and other tools.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::output::print;

/// Prints the schema.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    print(&format!("{:#}", weir_control::config::json_schema()));
    Ok(ExitCode::SUCCESS)
}
