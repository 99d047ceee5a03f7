//! Processes that are measured: what a command says, what the scheduler and the memory say of one.

use std::fs;
use std::process::Command;

use crate::Result;

/// What a command prints, without the line's end; an error if it fails.
pub(crate) fn said(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    let text = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    if output.status.success() {
        return Ok(text.trim_end().into());
    }
    Err(format!("{command:?}: {}: {text}", output.status).into())
}

/// Nanoseconds that the scheduler has given to the threads of a process.
pub(crate) fn cpu(pid: u32) -> Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        sum += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(sum)
}

/// Memory that a process shares with nobody, in bytes.
pub(crate) fn private(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kib = text.lines().filter(|line| line.starts_with("Private_"));
    let kib = kib.filter_map(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    Ok(kib.sum::<f64>() * 1024.0)
}

/// The first child of a process.
pub(crate) fn child_of(pid: u32) -> Result<u32> {
    let children = said(Command::new("pgrep").args(["-P", &pid.to_string()]))?;
    let first = children.lines().next().and_then(|line| line.parse().ok());
    first.ok_or_else(|| format!("process {pid} has no child").into())
}
