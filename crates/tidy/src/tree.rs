//! The files of the repository that rules look at.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::items;
use crate::lexer::{self, Comment, Token};

/// A Rust file, read and cut.
#[derive(Clone, Debug)]
pub struct Source {
    /// Relative to the repository, with `/`.
    pub path: String,
    /// As it is.
    pub text: String,
    /// Without comments and contents of literals.
    pub tokens: Vec<Token>,
    /// The comments.
    pub comments: Vec<Comment>,
    /// Lines of items that exist only in tests.
    test_lines: Vec<Range<usize>>,
}

impl Source {
    /// A file with this text.
    pub fn new(path: &str, text: &str) -> Self {
        let (tokens, comments) = lexer::lex(text);
        let test_lines = items::test_lines(&tokens);
        Self { path: path.into(), text: text.into(), tokens, comments, test_lines }
    }

    /// Directory name of its crate; empty outside `crates/`.
    pub fn crate_name(&self) -> &str {
        let rest = self.path.strip_prefix("crates/").unwrap_or("");
        rest.split_once('/').map_or("", |(name, _)| name)
    }

    /// True when the whole file exists only in tests.
    pub fn is_test(&self) -> bool {
        let mut parts = self.path.split('/');
        parts.any(|part| matches!(part, "tests" | "tests.rs" | "benches" | "weir-testkit"))
    }

    /// True for the program that runs before its crate is compiled and is no part of it.
    pub fn is_build_script(&self) -> bool {
        self.path.strip_suffix("/build.rs") == Some(&*format!("crates/{}", self.crate_name()))
    }

    /// True when a line exists only in tests.
    pub fn is_test_line(&self, line: usize) -> bool {
        self.is_test() || self.test_lines.iter().any(|range| range.contains(&line))
    }
}

/// A `Cargo.toml`.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Relative to the repository, with `/`.
    pub path: String,
    /// As it is.
    pub text: String,
}

/// Every Rust file, in order.
pub fn sources(root: &Path) -> io::Result<Vec<Source>> {
    let files = read(root, |name| name.ends_with(".rs"))?;
    Ok(files.into_iter().map(|(path, text)| Source::new(&path, &text)).collect())
}

/// The manifest of every crate, in order; not that of the workspace.
pub fn manifests(root: &Path) -> io::Result<Vec<Manifest>> {
    let files = read(root, |name| name == "Cargo.toml")?;
    let crates = files.into_iter().filter(|(path, _)| path != "Cargo.toml");
    Ok(crates.map(|(path, text)| Manifest { path, text }).collect())
}

fn read(root: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() {
                if !name.starts_with('.') && name != "target" {
                    directories.push(entry.path());
                }
            } else if wanted(&name) {
                found.push((relative(root, &entry.path()), fs::read_to_string(entry.path())?));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn relative(root: &Path, path: &Path) -> String {
    let rest: PathBuf = path.strip_prefix(root).unwrap_or(path).components().collect();
    rest.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_from_production_code() {
        let source = Source::new("crates/a/src/b.rs", "fn f() {}\n#[test]\nfn g() {}\n");
        assert_eq!((source.crate_name(), source.is_test()), ("a", false));
        assert_eq!([1, 2, 3, 4].map(|line| source.is_test_line(line)), [false, true, true, false]);
        for path in ["crates/a/tests/b/c.rs", "crates/a/src/b/tests.rs", "crates/a/benches/b.rs"] {
            assert!(Source::new(path, "").is_test_line(1), "{path}");
        }
        assert_eq!(Source::new("bench/src/lib.rs", "").crate_name(), "");
    }
}
