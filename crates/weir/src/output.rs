//! Standard output of the commands that print something and end.

use std::io::{self, IsTerminal, Write};

/// Prints `text` and a newline. A reader that went away (`weir schema | head`) is no failure.
pub(crate) fn print(text: &str) {
    let _ = try_print(text);
}

/// Prints `text` and a newline.
///
/// # Errors
/// Nobody reads any more.
pub(crate) fn try_print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush())
}

/// Prints what people should see, though nothing failed.
pub(crate) fn print_error(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Standard error is a terminal: reports may have colours.
pub(crate) fn is_colored() -> bool {
    io::stderr().is_terminal()
}
