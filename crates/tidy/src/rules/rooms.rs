//! Which crate may depend on which: arrows only go down.

use crate::Finding;
use crate::tree::Manifest;

/// Where a crate stands. A crate may depend on crates of lower floors only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Floor {
    /// Shared vocabulary.
    Base,
    /// Machines and tables without input and output.
    Pure,
    /// The outside world: system calls, protocols, files.
    Adapter,
    /// Adapters that stand on adapters.
    UpperAdapter,
    /// What blocks, forks and reads the clock.
    Shell,
    /// The command line.
    Command,
    /// Tests, measurements and tools: nothing that is shipped depends on them.
    Workshop,
}

use Floor::{Adapter, Base, Command, Pure, Shell, UpperAdapter, Workshop};

const ROOMS: [(&str, Floor); 19] = [
    ("weir-base", Base),
    ("weir-http", Pure),
    ("weir-l4", Pure),
    ("weir-route", Pure),
    ("weir-balance", Pure),
    ("weir-telemetry", Pure),
    ("weir-proto", Pure),
    ("weir-client", Adapter),
    ("weir-control", UpperAdapter),
    ("weir-sys", Adapter),
    ("weir-tls", Adapter),
    ("weir-log", UpperAdapter),
    ("weir-main", Shell),
    ("weir-worker", Shell),
    ("weir", Command),
    ("weir-testkit", Workshop),
    ("weir-bench", Workshop),
    ("weir-fuzz", Workshop),
    ("tidy", Workshop),
];

/// Crates that reach outside: not for pure ones.
const OUTWARD: [&str; 12] = [
    "fastrand",
    "getrandom",
    "jiff",
    "libc",
    "mio",
    "nix",
    "rand",
    "rustix",
    "sd-notify",
    "signal-hook-registry",
    "socket2",
    "tempfile",
];

/// A runtime, and what needs one: for the command line, whose exporter is a process of its own. A
/// worker is one loop of state machines, and main is another.
const RUNTIME: [&str; 6] = ["axum", "hyper", "hyper-rustls", "hyper-util", "tokio", "tower-http"];

/// True for the crates that hold no clock, socket, randomness or environment.
pub fn is_pure(name: &str) -> bool {
    floor(name).is_some_and(|floor| floor <= Pure)
}

/// Checks the dependencies of a crate.
pub fn check(manifest: &Manifest) -> Vec<Finding> {
    let entries = entries(&manifest.text);
    let name = entries.iter().find(|entry| entry.section == "package" && entry.key == "name");
    let Some(name) = name else { return Vec::new() };
    let Some(floor) = floor(&name.value) else {
        let what = format!("`{}` has no place: give it one in the table of rooms", name.value);
        return vec![finding(manifest, name.line, what)];
    };
    let dependencies = entries.iter().filter(|entry| entry.section.ends_with("dependencies"));
    let complaint = |entry: &Entry| Some(finding(manifest, entry.line, complaint(floor, entry)?));
    dependencies.filter_map(complaint).collect()
}

fn complaint(from: Floor, entry: &Entry) -> Option<String> {
    let in_tests = entry.section.ends_with("dev-dependencies");
    let allowed = match floor(&entry.key) {
        Some(Workshop) => in_tests || from == Workshop,
        Some(to) => to < from,
        None if RUNTIME.contains(&&*entry.key) => from >= Command,
        None => from > Pure || in_tests || !OUTWARD.contains(&&*entry.key),
    };
    let rule = match floor(&entry.key) {
        None if RUNTIME.contains(&&*entry.key) => "a runtime is the exporter's alone",
        _ => "arrows only go down",
    };
    (!allowed).then(|| format!("may not depend on `{}`: {rule}", entry.key))
}

fn finding(manifest: &Manifest, line: usize, what: String) -> Finding {
    Finding { rule: "rooms", path: manifest.path.clone(), line, what }
}

fn floor(name: &str) -> Option<Floor> {
    ROOMS.iter().find(|(room, _)| *room == name).map(|(_, floor)| *floor)
}

/// `key = value` in a section of a manifest. A section `dependencies.a` is an entry `a`.
struct Entry {
    section: String,
    key: String,
    value: String,
    line: usize,
}

/// The entries of a manifest that is formatted as usual: a key and a section on a line of its own.
fn entries(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut section = String::new();
    for (line, text) in (1..).zip(text.lines().map(str::trim)) {
        if let Some(header) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            section = header.to_owned();
            if let Some((section, key)) = header.rsplit_once("dependencies.") {
                let section = format!("{section}dependencies");
                entries.push(Entry { section, key: key.into(), value: String::new(), line });
            }
        } else if let Some((key, value)) = text.split_once('=') {
            let key = key.split('.').next().unwrap_or(key).trim().to_owned();
            let value = value.trim().trim_matches('"').to_owned();
            entries.push(Entry { section: section.clone(), key, value, line });
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(name: &str, text: &str) -> Vec<usize> {
        let text = format!("[package]\nname = \"{name}\"\n{text}\n");
        let found = check(&Manifest { path: "crates/a/Cargo.toml".into(), text });
        found.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn arrows_go_down() {
        let down = "[dependencies]\nweir-base.workspace = true\nweir-http = { path = \"a\" }";
        assert_eq!(lines("weir-worker", down), []);
        assert_eq!(lines("weir-http", "[dependencies]\nweir-route.workspace = true"), [4]);
        assert_eq!(lines("weir-base", "[dependencies.weir-http]\npath = \"a\""), [3]);
        assert_eq!(lines("weir-sys", "[target.'cfg(a)'.dependencies]\nweir-main = \"1\""), [4]);
    }

    #[test]
    fn pure_crates_list_nothing_that_reaches_outside() {
        assert_eq!(lines("weir-http", "[dependencies]\nmemchr = \"2\"\nlibc = \"0.2\""), [5]);
        assert_eq!(lines("weir-sys", "[dependencies]\nlibc = \"0.2\""), []);
        assert_eq!(lines("weir-http", "[dev-dependencies]\nfastrand = \"2\""), []);
    }

    #[test]
    fn a_runtime_is_for_the_command_line_only() {
        let runtime = "[dependencies]\ntokio.workspace = true";
        assert_eq!(lines("weir", runtime), []);
        assert_eq!(lines("weir-worker", runtime), [4]);
        assert_eq!(lines("weir-main", "[dev-dependencies]\nhyper = \"1\""), [4]);
    }

    #[test]
    fn the_workshop_is_not_shipped() {
        assert_eq!(lines("weir", "[dependencies]\nweir-testkit.workspace = true"), [4]);
        assert_eq!(lines("weir", "[dev-dependencies]\nweir-testkit.workspace = true"), []);
        assert_eq!(lines("weir-bench", "[dependencies]\nweir-testkit.workspace = true"), []);
    }

    #[test]
    fn a_crate_without_a_place_is_reported() {
        assert_eq!(lines("weir-new", ""), [2]);
    }
}
