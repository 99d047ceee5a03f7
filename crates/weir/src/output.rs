//! Standard output of the commands that print something and end.

use std::io::{self, Write};

/// Prints `text` and a newline. A reader that went away (`weir schema | head`) is no failure.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
