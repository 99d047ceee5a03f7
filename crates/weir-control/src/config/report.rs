//! Mistakes, with the place they are at.
//!
//! Must not know: what a configuration is. Keeps a bounded number of mistakes and counts the rest.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is used as it is.
    Warning,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Bytes of the file it is about; `None` when it is about the file as a whole.
    pub span: Option<Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// What stands at the span.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
    /// Another place that has to do with it.
    pub other: Option<(Range<usize>, String)>,
}

impl Diagnostic {
    /// An error about the file as a whole.
    pub(super) fn of_file(message: impl Into<String>) -> Self {
        Self { span: None, ..Self::error(0..0, message) }
    }

    /// An error at a span.
    pub(super) fn error(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            span: Some(span),
            message: printable(message.into()),
            label: String::new(),
            help: None,
            other: None,
        }
    }

    pub(super) fn warning(span: Range<usize>, message: impl Into<String>) -> Self {
        Self::error(span, message).into_warning()
    }

    pub(super) fn into_warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        self.helps(Some(help.into()))
    }

    pub(super) fn helps(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    pub(super) fn other(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.other = Some((span, label.into()));
        self
    }
}

/// Names of the file stand in messages, whatever they are made of.
fn printable(text: String) -> String {
    if text.contains(char::is_control) { text.escape_debug().to_string() } else { text }
}

/// Everything that was found in one file.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Path of the file.
    pub origin: PathBuf,
    source: String,
    diagnostics: Vec<Diagnostic>,
    /// How many errors were found, those that are not kept included.
    errors: usize,
    /// Diagnostics that are not kept.
    dropped: usize,
}

/// Diagnostics that are kept. The others are counted: nobody mends that many in one go.
const MOST: usize = 200;

impl Report {
    pub(super) fn new(origin: &Path, source: &str) -> Self {
        Self { origin: origin.to_owned(), source: source.to_owned(), ..Self::default() }
    }

    pub(super) fn of_one(origin: &Path, source: &str, diagnostic: Diagnostic) -> Self {
        let mut report = Self::new(origin, source);
        report.push(diagnostic);
        report
    }

    /// The diagnostics by place.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Whether the file is refused.
    pub fn is_fatal(&self) -> bool {
        self.errors > 0
    }

    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        if self.diagnostics.len() < MOST {
            self.diagnostics.push(diagnostic);
        } else {
            self.dropped += 1;
        }
    }

    pub(super) fn sort(&mut self) {
        self.diagnostics.sort_by_key(|diagnostic| diagnostic.span.as_ref().map(|span| span.start));
    }

    /// Line of a byte, from 1.
    pub(super) fn line_of(&self, at: usize) -> usize {
        1 + self.source.bytes().take(at).filter(|byte| *byte == b'\n').count()
    }

    /// Text for people: file, line, column, the source line and a caret for each.
    pub fn render(&self, colored: bool) -> String {
        let renderer = if colored { Renderer::styled() } else { Renderer::plain() };
        let diagnostics = self.diagnostics.iter();
        let mut texts: Vec<_> =
            diagnostics.map(|diagnostic| renderer.render(&[self.group(diagnostic)])).collect();
        if self.dropped > 0 {
            texts.push(format!("and {} more", self.dropped));
        }
        texts.join("\n\n")
    }

    fn group<'a>(&'a self, diagnostic: &'a Diagnostic) -> Group<'a> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(&diagnostic.message);
        let group = match &diagnostic.span {
            Some(span) => title.element(self.snippet(span, diagnostic)),
            None => title.element(Origin::path(self.origin.to_string_lossy())),
        };
        match &diagnostic.help {
            Some(help) => group.element(Level::HELP.message(&**help)),
            None => group,
        }
    }

    /// Only the lines in question are handed over: a file may be long.
    fn snippet<'a>(
        &'a self,
        span: &Range<usize>,
        diagnostic: &'a Diagnostic,
    ) -> Snippet<'a, Annotation<'a>> {
        let span = self.on_one_line(span);
        let other = diagnostic.other.as_ref();
        let other = other.map(|(span, label)| (self.on_one_line(span), label));
        let spans = || [&span].into_iter().chain(other.as_ref().map(|(span, _)| span));
        let first = spans().map(|span| span.start).min().unwrap_or_default();
        let last = spans().map(|span| span.end).max().unwrap_or_default();
        let start = self.source[..first].rfind('\n').map_or(0, |at| at + 1);
        let end = self.source[last..].find('\n').map_or(self.source.len(), |at| last + at + 1);
        let shift = |span: &Range<usize>| span.start - start..span.end - start;
        let primary = AnnotationKind::Primary.span(shift(&span)).label(&*diagnostic.label);
        let snippet = Snippet::source(&self.source[start..end])
            .path(self.origin.to_string_lossy())
            .line_start(self.line_of(start))
            .annotation(primary);
        match &other {
            Some((span, label)) => {
                let context = AnnotationKind::Context.span(shift(span)).label(label.as_str());
                snippet.annotation(context)
            }
            None => snippet,
        }
    }

    /// The part of a span on its first line.
    fn on_one_line(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.source.floor_char_boundary(span.start);
        let end = self.source.floor_char_boundary(span.end).max(start);
        let text = &self.source[start..end];
        start..start + text.find('\n').unwrap_or(text.len())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}
