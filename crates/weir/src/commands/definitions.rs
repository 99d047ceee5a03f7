//! `completions` and `man`: made of the same definitions as the parser.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use clap_complete::Shell;

use crate::cli;
use crate::failure::Failure;
use crate::output::print;

/// For which shell.
#[derive(clap::Args)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

/// Where to.
#[derive(clap::Args)]
pub(crate) struct Man {
    /// The directory; it is made if it is not there.
    directory: PathBuf,
}

/// Prints the script.
pub(crate) fn completions(args: &Completions) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::definition(), "weir", &mut script);
    print(String::from_utf8_lossy(&script).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Writes a page for each command.
pub(crate) fn man(args: &Man) -> Result<ExitCode, Failure> {
    let written = write_pages(&args.directory);
    written.map_err(|cause| Failure::Write { path: args.directory.clone(), cause })?;
    Ok(ExitCode::SUCCESS)
}

fn write_pages(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(cli::definition(), directory)
}
