//! Answer templates: legacy keys first, then `answers`, which wins.

use std::ops::Range;
use std::path::Path;

use weir_http::answers::Template;

use super::Builder;
use crate::config::files::read_text;
use crate::config::read::{Named, Reader};
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
            let status = self.status(&entry);
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

    fn status<T>(&mut self, entry: &Named<'_, T>) -> Option<u16> {
        let status = entry.name.parse().ok().filter(|status| (200..600).contains(status));
        if status.is_none() {
            let message = format!("`{}` is not a status of an answer", entry.name);
            let diagnostic = Diagnostic::error(entry.span.clone(), message);
            self.report.push(diagnostic.help("write three digits, such as 503"));
        }
        status
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
        if let Err(error) = Template::compile(Some(status), &text) {
            let message = format!("the answer for {status} is not a template");
            self.report.push(Diagnostic::error(span, message).label(error.to_string()));
        }
        answers.insert(status, text);
    }
}
