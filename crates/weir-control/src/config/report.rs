//! Mistakes, with the place they are at.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

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
    /// An error at a span.
    pub(super) fn error(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            span: Some(span),
            message: message.into(),
            label: String::new(),
            help: None,
            other: None,
        }
    }

    pub(super) fn warning(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(span, message) }
    }

    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn other(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.other = Some((span, label.into()));
        self
    }
}

/// Everything that was found in one file.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Path of the file.
    pub origin: PathBuf,
    pub(super) source: String,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// The diagnostics by place.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Whether the file is refused.
    pub fn is_fatal(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub(super) fn sort(&mut self) {
        self.diagnostics.sort_by_key(|diagnostic| diagnostic.span.as_ref().map(|span| span.start));
    }

    /// Text for people: file, line, column, the source line and a caret for each.
    pub fn render(&self, colored: bool) -> String {
        let renderer = if colored { Renderer::styled() } else { Renderer::plain() };
        let texts: Vec<_> = self
            .diagnostics
            .iter()
            .map(|diagnostic| renderer.render(&self.groups(diagnostic)))
            .collect();
        texts.join("\n\n")
    }

    fn groups<'a>(&'a self, diagnostic: &'a Diagnostic) -> Vec<Group<'a>> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(&diagnostic.message);
        let path = self.origin.to_string_lossy();
        let mut group = match &diagnostic.span {
            Some(span) => {
                let annotation =
                    AnnotationKind::Primary.span(span.clone()).label(&*diagnostic.label);
                let mut snippet = Snippet::source(&*self.source).path(path).annotation(annotation);
                if let Some((span, label)) = &diagnostic.other {
                    let other = AnnotationKind::Context.span(span.clone()).label(&**label);
                    snippet = snippet.annotation(other);
                }
                title.element(snippet)
            }
            None => title.element(annotate_snippets::Origin::path(path)),
        };
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(&**help));
        }
        vec![group]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}
