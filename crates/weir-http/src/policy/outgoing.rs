//! The way out of the fields of a message: what the edits delete stays behind, what they add
//! follows, and the correlation field is the proxy's alone.

use super::{Edits, RequestId};
use crate::message::{Field, FieldSink};

/// Passes on what is not deleted.
pub(super) struct Outgoing<'a, S> {
    edits: &'a Edits,
    correlation: &'a [u8],
    sink: &'a mut S,
}

impl<'a, S: FieldSink> Outgoing<'a, S> {
    pub(super) fn new(edits: &'a Edits, correlation: &'a [u8], sink: &'a mut S) -> Self {
        Self { edits, correlation, sink }
    }

    /// Emits what no edit reaches.
    pub(super) fn own(&mut self, name: &[u8], value: &[&[u8]]) {
        self.sink.field(name, value);
    }

    /// Emits the additions and the correlation field.
    pub(super) fn finish(self, id: &RequestId) {
        let Self { edits, correlation, sink } = self;
        for (name, value) in edits.added().filter(|(n, _)| !n.eq_ignore_ascii_case(correlation)) {
            sink.field(name, &[value]);
        }
        sink.field(correlation, &[id.as_bytes()]);
    }

    fn stays(&self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.correlation) || self.edits.deletes(name)
    }
}

impl<S: FieldSink> FieldSink for Outgoing<'_, S> {
    fn field(&mut self, name: &[u8], value: &[&[u8]]) {
        if !self.stays(name) {
            self.sink.field(name, value);
        }
    }

    fn received(&mut self, buffer: &[u8], field: &Field) {
        if !self.stays(field.name.of(buffer)) {
            self.sink.received(buffer, field);
        }
    }
}
