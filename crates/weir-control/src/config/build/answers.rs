//! Answer templates: legacy keys first, then `answers`, which wins.

use std::ops::Range;
use std::path::Path;

use super::Builder;
use crate::check;
use crate::config::files::read_text;
use crate::config::read::Reader;
use crate::config::report::Diagnostic;
use crate::state::Answers;

/// Bytes of a file with an answer. The template has a bound of its own, which is lower.
const LONGEST_FILE: u64 = 1 << 20;

impl Builder<'_> {
    pub(super) fn answers(&mut self, table: &Reader<'_>) -> Answers {
        let mut answers = Answers::new();
        for (key, status) in table.legacy_answers() {
            if let Some(path) = table.read(key) {
                let text = self.answer_file(path, table.span_of(key));
                self.add_answer(status, text, table.span_of(key), &mut answers);
            }
        }
        for entry in table.text_map("answers") {
            let (text, span) = entry.value.clone();
            let status = self.accept(check::status(entry.name), entry.span.clone());
            if let Some(status) = status.filter(|_| !text.is_empty()) {
                let text = match text.strip_prefix("file://") {
                    Some(path) => self.answer_file(path, span.clone()),
                    None => Some(text.to_owned()),
                };
                self.add_answer(status, text, span, &mut answers);
            }
        }
        answers
    }

    fn answer_file(&mut self, path: &str, span: Range<usize>) -> Option<String> {
        read_text(Path::new(path), LONGEST_FILE)
            .map_err(|error| {
                let message = format!("the answer file `{path}` cannot be read: {error}");
                let help = "paths are relative to the working directory";
                self.report.push(Diagnostic::error(span, message).help(help));
            })
            .ok()
    }

    fn add_answer(
        &mut self,
        status: u16,
        text: Option<String>,
        span: Range<usize>,
        answers: &mut Answers,
    ) {
        let Some(text) = text else { return };
        self.accept(check::answer(status, &text), span);
        answers.insert(status, text);
    }
}
