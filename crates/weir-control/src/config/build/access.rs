//! Lists of addresses, and who names them.

use std::ops::Range;
use std::path::Path;

use weir_base::Cidr;

use super::Builder;
use crate::check;
use crate::config::files::read_text;
use crate::config::read::{Named, Reader};
use crate::config::report::Diagnostic;
use crate::state::{Access, AddressList};

/// Bytes of a file with blocks: more than the most blocks take.
const LONGEST_FILE: u64 = 64 << 20;
/// Mistakes of one file that are reported.
const MOST_MISTAKES: usize = 5;

impl Builder<'_> {
    pub(super) fn add_list(&mut self, named: &Named<'_, Reader<'_>>) {
        let (name, table) = (named.name, &named.value);
        let mut blocks = AddressList::new();
        for (text, span) in table.texts("addresses") {
            blocks.extend(self.accept(check::block(text), span));
        }
        if let Some(path) = table.read("file") {
            self.read_list(path, table.span_of("file"), &mut blocks);
        }
        let room = check::list(&self.state, name, blocks.len());
        self.accept(room, named.span.clone());
        self.state.lists.insert(name.to_owned(), blocks);
    }

    fn read_list(&mut self, path: &str, span: Range<usize>, blocks: &mut AddressList) {
        let text = match read_text(Path::new(path), LONGEST_FILE) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("the list `{path}` cannot be read: {error}");
                let help = "paths are relative to the working directory";
                return self.report.push(Diagnostic::error(span, message).help(help));
            }
        };
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let lines = lines.enumerate().filter(|(_, line)| !line.is_empty());
        let mut mistakes = 0;
        for (at, line) in lines {
            match line.parse::<Cidr>() {
                Ok(block) => _ = blocks.insert(block),
                Err(_) if mistakes == MOST_MISTAKES => break,
                Err(error) => {
                    mistakes += 1;
                    let message = format!("line {} of `{path}`, `{line}`: {error}", at + 1);
                    self.report.push(Diagnostic::error(span.clone(), message));
                }
            }
        }
    }

    /// `allow` and `deny`
    pub(super) fn access(&mut self, table: &Reader<'_>) -> Access {
        Access { allow: self.lists(table, "allow"), deny: self.lists(table, "deny") }
    }

    /// The lists that a key names.
    pub(super) fn lists(&mut self, table: &Reader<'_>, key: &str) -> Vec<String> {
        let mut names = Vec::new();
        for (name, span) in table.texts(key) {
            self.accept(check::known_lists(&self.state, [name]), span);
            names.push(name.to_owned());
        }
        names
    }
}
