//! `weir main`: this image in the place of another one, or a rehearsal of that.

use std::os::fd::RawFd;
use std::process::ExitCode;

use weir_control::channel::{AccessForm, LogSettings, Settings};

use crate::commands::start::{LAST_LINES, exit_code, open_logs};
use crate::failure::Failure;

/// What the other image passes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The descriptor of what it leaves.
    #[arg(long)]
    handover: RawFd,
    /// Only rehearse, and report on this descriptor.
    #[arg(long)]
    report: Option<RawFd>,
    /// Why the image that was to run could not.
    #[arg(long)]
    failed: Option<String>,
}

fn to_stdout(settings: &Settings) -> Settings {
    let target = "stdout".to_owned();
    let access = AccessForm::Ascii;
    let logs = LogSettings { target, access_target: None, access, ..settings.logs.clone() };
    Settings { logs, ..settings.clone() }
}

/// Runs until the proxy is stopped.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let inherited = |number| weir_sys::inherited(number).map_err(Failure::MainImage);
    let handover = inherited(args.handover)?;
    if let Some(report) = args.report {
        weir_main::rehearse(handover, inherited(report)?).map_err(Failure::MainImage)?;
        return Ok(ExitCode::SUCCESS);
    }
    let signals = weir_main::block_signals()?;
    // Nothing depends on the name.
    let _ = weir_sys::name_process("weir");
    let mut opened = None;
    let ended = weir_main::resume(handover, args.failed.clone(), signals, |settings| {
        let logs = open_logs(settings).or_else(|failure| match args.failed {
            // Nobody else is left to go back to.
            Some(_) => open_logs(&to_stdout(settings)),
            None => Err(failure),
        });
        Ok(*opened.insert(logs.map_err(|failure| failure.to_string())?))
    });
    if let Some(logs) = opened {
        logs.flush_blocking(LAST_LINES);
    }
    Ok(exit_code(ended?))
}
