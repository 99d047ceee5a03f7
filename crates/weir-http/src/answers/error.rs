//! What can be wrong with a template.

/// A rule that a template breaks. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// [`super::LONGEST_TEMPLATE`].
    #[error("the template is longer than 64 KiB: shorten it")]
    TooLong,
    /// No status line.
    #[error("line 1: a template starts with a status line such as `HTTP/1.1 404 Not Found`")]
    BadStatusLine,
    /// Another status.
    #[error("line 1: the status is {found}, but the template is for {expected}")]
    WrongStatus {
        /// In the template.
        found: u16,
        /// Of the key.
        expected: u16,
    },
    /// No blank line.
    #[error("there is no blank line between the fields and the body: add one")]
    NoBlankLine,
    /// A field line.
    #[error("line {line}: a field is written `Name: value`, without control characters")]
    BadField {
        /// Of the template.
        line: usize,
    },
    /// The length is computed.
    #[error("line {line}: the length of an answer is computed; remove Transfer-Encoding")]
    Chunked {
        /// Of the template.
        line: usize,
    },
    /// RFC 9110 §15.3.5, §15.3.6, §15.4.5.
    #[error("line {line}: an answer with status {status} has no body: remove it")]
    Body {
        /// Where the body begins.
        line: usize,
        /// Of the template.
        status: u16,
    },
    /// A variable between other text.
    #[error("line {line}: in a field, `%{name}` has to be the whole value")]
    NotWhole {
        /// Of the template.
        line: usize,
        /// Without `%`.
        name: &'static str,
    },
    /// A variable where it cannot stand.
    #[error("line {line}: `%{name}` cannot be used {place} this answer; {allowed} can")]
    Misplaced {
        /// Of the template.
        line: usize,
        /// Without `%`.
        name: &'static str,
        /// `in a field of` or `in the body of`.
        place: &'static str,
        /// What can be used there.
        allowed: String,
    },
    /// A variable too often.
    #[error("line {line}: `%{name}` may appear only once")]
    Repeated {
        /// Of the template.
        line: usize,
        /// Without `%`.
        name: &'static str,
    },
}
