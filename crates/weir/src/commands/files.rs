//! Files that the command line reads, and paths that it passes on.

use std::path::Path;
use std::{fs, io};

use crate::failure::Failure;

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| file_failure(path, error))
}

/// The text of a file that may not be asked for.
pub(super) fn read_optional(path: Option<&Path>) -> Result<Option<String>, Failure> {
    path.map(read).transpose()
}

/// A path for a message, which holds text.
pub(super) fn text_of(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::Arguments(format!("the path {} is not UTF-8", path.display())))
}

pub(super) fn file_failure(path: &Path, cause: io::Error) -> Failure {
    Failure::File { path: path.to_owned(), cause }
}
