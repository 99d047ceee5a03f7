//! Programs of other people that are clients or backends of the proxy.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A tool that a test needs, by the name of its command, and the package that has it.
///
/// `None` when it is missing: the test is over. Where real clients are asked for, with `CI` or
/// `WEIR_REAL_CLIENTS` set, that is a failure instead.
pub(crate) fn tool(name: &str, package: &str) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|directory| directory.join(name).is_file()) {
        return Some(Command::new(name));
    }
    skip(name, &format!("apt-get install {package}"));
    None
}

/// Python with a module from its package registry; as [`tool`] when it is missing.
pub(crate) fn python(module: &str) -> Option<Command> {
    let mut found = tool("python3", "python3")?;
    let import = found.arg("-c").arg(format!("import {module}")).output().expect("it starts");
    if import.status.success() {
        return Some(Command::new("python3"));
    }
    skip(&format!("Python's {module}"), "pip install -r .ci/requirements.txt");
    None
}

fn skip(missing: &str, remedy: &str) {
    let required = ["CI", "WEIR_REAL_CLIENTS"].iter().any(|key| std::env::var_os(key).is_some());
    assert!(!required, "{missing} is missing: install it with `{remedy}`");
    // Written past the capture of the test harness, which shows nothing of tests that pass.
    let line = format!("skipped: {missing} is missing; `{remedy}` installs it\n");
    std::io::stderr().write_all(line.as_bytes()).expect("standard error is open");
}

/// A script for such a program.
pub(crate) fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/process_clients").join(name)
}

/// Runs it to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().expect("it starts");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    output
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A file of that many bytes, no two parts of which are the same.
pub(crate) fn file(path: &Path, length: usize) -> Vec<u8> {
    let bytes: Vec<u8> = (0_u64..).flat_map(|n| n.to_be_bytes()).take(length).collect();
    std::fs::write(path, &bytes).expect("written");
    bytes
}
