//! What is wrong with the store, for people.

use std::error::Error;
use std::io::{self, ErrorKind};

use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};

/// Says what can be done about an error of the store, where it is known.
pub(super) fn sentence(error: &(dyn Error + 'static)) -> String {
    let cause = match cause(error).map(io::Error::kind) {
        Some(ErrorKind::StorageFull) => "the disk is full",
        Some(ErrorKind::QuotaExceeded) => "the disk quota is used up",
        Some(ErrorKind::FileTooLarge) => {
            "the file may not grow (LimitFSIZE= in the unit, `ulimit -f` in a shell)"
        }
        Some(ErrorKind::ReadOnlyFilesystem) => "the disk cannot be written to",
        _ => return error.to_string(),
    };
    format!("{cause}: {error}")
}

/// What the system said; the errors of the store do not tell it as their source.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return Some(error);
    }
    let storage = if let Some(CommitError::Storage(error)) = error.downcast_ref() {
        error
    } else if let Some(TableError::Storage(error)) = error.downcast_ref() {
        error
    } else if let Some(TransactionError::Storage(error)) = error.downcast_ref() {
        error
    } else if let Some(DatabaseError::Storage(error)) = error.downcast_ref() {
        error
    } else {
        error.downcast_ref()?
    };
    match storage {
        StorageError::Io(error) => Some(error),
        _ => None,
    }
}
