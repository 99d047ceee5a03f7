//! Templates of hosts and paths: `$HOST[n]` and `$PATH[n]` insert what the route captured.

/// A rule that a template breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    /// The bracket is not a number.
    #[error("`{0}` is not followed by a number in brackets, as in `{0}[0]`")]
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
    #[error("the template has a space or a control byte")]
    BadByte,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<[u8]>),
    Host(usize),
    Path(usize),
}

/// A compiled template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewriteTemplate(Vec<Part>);

impl RewriteTemplate {
    /// Compiles a template for a route that captures so many pieces of host and path.
    ///
    /// # Errors
    /// When a capture does not exist or the text could not stand in a target.
    pub fn compile(text: &str, hosts: usize, paths: usize) -> Result<Self, RewriteError> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(RewriteError::BadByte);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("$HOST").into_iter().chain(rest.find("$PATH")).min() {
            let (before, from) = rest.split_at(at);
            push_text(&mut parts, before);
            let is_host = from.starts_with("$HOST");
            let (name, count) = if is_host { ("$HOST", hosts) } else { ("$PATH", paths) };
            let (index, after) = index(&from[5..]).ok_or(RewriteError::BadIndex(name))?;
            if index >= count {
                return Err(RewriteError::NoCapture { name, index, count });
            }
            parts.push(if is_host { Part::Host(index) } else { Part::Path(index) });
            rest = after;
        }
        push_text(&mut parts, rest);
        Ok(Self(parts))
    }

    /// Appends the template with its captures; one that did not take part is empty.
    pub fn render<'a>(
        &self,
        host: impl Fn(usize) -> &'a [u8],
        path: impl Fn(usize) -> &'a [u8],
        out: &mut Vec<u8>,
    ) {
        for part in &self.0 {
            out.extend_from_slice(match part {
                Part::Text(text) => text,
                Part::Host(index) => host(*index),
                Part::Path(index) => path(*index),
            });
        }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.as_bytes().into()));
    }
}

/// `[n]` and what follows.
fn index(text: &str) -> Option<(usize, &str)> {
    let (digits, rest) = text.strip_prefix('[')?.split_once(']')?;
    Some((digits.parse().ok()?, rest))
}
