//! The state file: the requests that build a configuration, as text.
//!
//! A record is a [`WorkerRequest`] in JSON, a newline and a NUL. Reading stops at the first record
//! that is not right; what to do with those before it is the caller's choice.

use std::io::{self, BufRead, BufReader, Read, Write};

use thiserror::Error;

use crate::{Request, WorkerRequest};

/// Longest record. A request of 2 000 000 bytes, the longest that a client sends, becomes at most
/// six times as long in JSON (a control character is `\u0001`), and the names of fields come to it.
pub const RECORD_LIMIT: usize = 16 * 1024 * 1024;

const END: u8 = 0;

/// Why a record was not read.
#[derive(Debug, Error)]
#[error("record {record} of the state file, at byte {offset}: {cause}")]
pub struct Error {
    /// Number of the record, from 1.
    pub record: u64,
    /// Where it begins, from 0.
    pub offset: u64,
    /// What is wrong with it.
    #[source]
    pub cause: Cause,
}

/// What is wrong with a record.
#[derive(Debug, Error)]
pub enum Cause {
    /// The file cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is longer than a record may be.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// It is no request.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

/// Gives the records of a state file, one by one; after an error none.
#[derive(Debug)]
pub struct Reader<R> {
    from: BufReader<R>,
    limit: usize,
    buffer: Vec<u8>,
    record: u64,
    offset: u64,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Reads records of at most `limit` bytes.
    pub fn new(from: R, limit: usize) -> Self {
        let from = BufReader::new(from);
        Self { from, limit, buffer: Vec::new(), record: 0, offset: 0, ended: false }
    }

    /// Space in place of a record is no error: an editor ends a file with a newline.
    fn read(&mut self) -> Result<Option<WorkerRequest>, Cause> {
        let most = (self.limit as u64).saturating_add(1);
        (&mut self.from).take(most).read_until(END, &mut self.buffer)?;
        let text = self.buffer.strip_suffix(&[END]).unwrap_or(&self.buffer);
        if text.len() > self.limit {
            return Err(Cause::TooLong(self.limit));
        }
        if text.trim_ascii().is_empty() && text.len() == self.buffer.len() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(text)?))
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<WorkerRequest, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        self.record += 1;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        let (record, offset) = (self.record, self.offset);
        let read = self.read().map_err(|cause| Error { record, offset, cause });
        self.ended = !matches!(read, Ok(Some(_)));
        read.transpose()
    }
}

/// Writes a state file.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    buffer: Vec<u8>,
    record: u64,
}

impl<W: Write> Writer<W> {
    /// Writes to `to`, a record at once.
    pub fn new(to: W) -> Self {
        Self { to, buffer: Vec::new(), record: 0 }
    }

    /// Writes the next record and names it.
    ///
    /// # Errors
    /// Those of the file.
    pub fn write(&mut self, request: Request) -> io::Result<()> {
        let record = WorkerRequest { id: format!("SAVE-{}", self.record), content: request };
        self.record += 1;
        self.buffer.clear();
        serde_json::to_writer(&mut self.buffer, &record)?;
        self.buffer.extend_from_slice(&[b'\n', END]);
        self.to.write_all(&self.buffer)
    }

    /// Ends the file and says how many records it has.
    ///
    /// # Errors
    /// Those of the file.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        self.to.flush()?;
        Ok((self.to, self.record))
    }
}
