//! Templates of hosts and paths: `$HOST[n]` and `$PATH[n]` insert what the route captured, all else
//! stands for itself.
//!
//! Invariants: a rendered host is one that a request could have named, a rendered path is a target
//! in origin form.
//!
//! Limits: [`LONGEST_REWRITTEN`].

use crate::message::{Authority, AuthorityError, Span, bytes};

/// Bytes of a template, and of what one renders.
pub const LONGEST_REWRITTEN: usize = 8 * 1024;

/// A rule that a template breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    /// The bracket is not a number.
    #[error("`{0}` is not followed by a number in brackets: write it as in `{0}[0]`")]
    BadIndex(&'static str),
    /// The route has fewer captures.
    #[error("`{name}[{index}]` does not exist: the route captures {count}, counted from 0")]
    NoCapture {
        /// `$HOST` or `$PATH`.
        name: &'static str,
        /// As written.
        index: usize,
        /// Captures of the route.
        count: usize,
    },
    /// Nothing a host or path may hold.
    #[error(
        "the template has a space, `#`, a control or a non-ASCII character: encode it as `%20`"
    )]
    BadByte,
    /// [`LONGEST_REWRITTEN`].
    #[error("the template is longer than {LONGEST_REWRITTEN} bytes: shorten it")]
    TooLong,
}

/// Why a request cannot be rewritten; what it captured is the client's, so the answer is 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// No request could name that host.
    #[error("the rewritten host cannot be used: {0}")]
    BadHost(#[from] AuthorityError),
    /// [`LONGEST_REWRITTEN`].
    #[error("the rewritten host or path is longer than {LONGEST_REWRITTEN} bytes")]
    TooLong,
}

/// What the route captured of a request; a group that took no part is empty.
#[derive(Clone, Copy, Debug)]
pub struct Captures<'a> {
    /// Of the host; the whole first.
    pub host: &'a [&'a [u8]],
    /// Of the path; the whole first.
    pub path: &'a [&'a [u8]],
}

/// A compiled template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewriteTemplate {
    parts: Vec<Part>,
    has_query: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<[u8]>),
    Host(usize),
    Path(usize),
}

impl RewriteTemplate {
    /// Compiles a template for a route that captures so many pieces of host and path.
    ///
    /// # Errors
    /// When a capture does not exist or the text could not stand in a target.
    pub fn compile(text: &str, hosts: usize, paths: usize) -> Result<Self, RewriteError> {
        if text.len() > LONGEST_REWRITTEN {
            return Err(RewriteError::TooLong);
        }
        if bytes::target_end(text.as_bytes(), 0) < text.len() {
            return Err(RewriteError::BadByte);
        }
        let mut template = Self { parts: Vec::new(), has_query: false };
        let mut rest = text;
        while let Some(at) = rest.find("$HOST").into_iter().chain(rest.find("$PATH")).min() {
            let (before, from) = rest.split_at(at);
            template.push_text(before);
            let is_host = from.starts_with("$HOST");
            let (name, count) = if is_host { ("$HOST", hosts) } else { ("$PATH", paths) };
            let (index, after) = index(&from[name.len()..]).ok_or(RewriteError::BadIndex(name))?;
            if index >= count {
                return Err(RewriteError::NoCapture { name, index, count });
            }
            template.parts.push(if is_host { Part::Host(index) } else { Part::Path(index) });
            rest = after;
        }
        template.push_text(rest);
        Ok(template)
    }

    /// Appends the host, with its port if the template has one.
    ///
    /// # Errors
    /// When no request could name that host.
    pub fn render_host(
        &self,
        captures: Captures<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), RenderError> {
        let start = out.len();
        self.render(captures, out)?;
        Authority::parse(out, Span::new(start, out.len()))?;
        Ok(())
    }

    /// Appends the path. It gets a `/` in front if it has none, and keeps `query` (with its `?`,
    /// or empty) unless the template has one of its own.
    ///
    /// # Errors
    /// When it is too long.
    pub fn render_path(
        &self,
        captures: Captures<'_>,
        query: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), RenderError> {
        let start = out.len();
        out.push(b'/');
        self.render(captures, out)?;
        if out.get(start + 1) == Some(&b'/') {
            out.remove(start);
        }
        if !self.has_query {
            out.extend_from_slice(query);
        }
        Ok(())
    }

    fn render(&self, captures: Captures<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let limit = out.len() + LONGEST_REWRITTEN;
        for part in &self.parts {
            let piece = match part {
                Part::Text(text) => text,
                Part::Host(index) => captures.host.get(*index).copied().unwrap_or_default(),
                Part::Path(index) => captures.path.get(*index).copied().unwrap_or_default(),
            };
            if out.len() + piece.len() > limit {
                return Err(RenderError::TooLong);
            }
            out.extend_from_slice(piece);
        }
        Ok(())
    }

    fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.has_query |= text.contains('?');
            self.parts.push(Part::Text(text.as_bytes().into()));
        }
    }
}

/// `[n]` and what follows.
fn index(text: &str) -> Option<(usize, &str)> {
    let (digits, rest) = text.strip_prefix('[')?.split_once(']')?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((digits.parse().ok().filter(|_| is_number)?, rest))
}

#[cfg(test)]
mod tests;
