//! The file that tells other programs which process is main.

use std::io;
use std::path::Path;

/// Writes this process's id to `path`: decimal, no newline. The file stays when main ends, like
/// that of the tools this format comes from; the next start overwrites it.
pub(crate) fn write(path: &Path) -> io::Result<()> {
    std::fs::write(path, std::process::id().to_string())
}
