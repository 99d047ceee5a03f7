//! Lines and tables, one under the other.

use std::net::SocketAddr;

use comfy_table::{ContentArrangement, Table, presets};
use weir_client::proto::SocketAddress;

/// In place of an empty page.
pub(super) const NOTHING: &str = "Nothing to show";

/// Text that grows.
pub(super) struct Page {
    width: Option<u16>,
    parts: Vec<String>,
}

impl Page {
    /// An empty page; tables on it have at most `width` columns.
    pub(super) fn new(width: Option<u16>) -> Self {
        Self { width, parts: Vec::new() }
    }

    pub(super) fn line(&mut self, text: impl Into<String>) {
        self.parts.push(plain(text.into()));
    }

    /// A table under a title, which may be empty; no rows, no table.
    pub(super) fn table<'a, R: IntoIterator<Item = Vec<String>>>(
        &mut self,
        title: &str,
        header: impl IntoIterator<Item = &'a str>,
        rows: R,
    ) {
        let rows: Vec<_> =
            rows.into_iter().map(|row| row.into_iter().map(plain).collect::<Vec<_>>()).collect();
        if rows.is_empty() {
            return;
        }
        if !title.is_empty() {
            self.line(title);
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(header.into_iter().map(str::to_owned).collect::<Vec<_>>());
        table.add_rows(rows);
        if let Some(width) = self.width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        self.parts.push(table.trim_fmt());
    }

    /// Nothing: there is nothing on it.
    pub(super) fn text(self) -> Option<String> {
        (!self.parts.is_empty()).then(|| self.parts.join("\n"))
    }

    pub(super) fn finish(self) -> String {
        self.text().unwrap_or_else(|| NOTHING.to_owned())
    }
}

/// Without characters that would do something to the terminal.
pub(super) fn plain(text: String) -> String {
    text.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
}

/// A row of what can be printed.
macro_rules! row {
    ($($cell:expr),+ $(,)?) => { vec![$($cell.to_string()),+] };
}
pub(super) use row;

pub(crate) fn address(address: &SocketAddress) -> String {
    SocketAddr::try_from(*address).map_or_else(|error| error.to_string(), |a| a.to_string())
}

pub(super) fn optional(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

pub(super) fn yes(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}
