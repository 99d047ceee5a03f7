//! What can be wrong with a rule.

/// A rule of the syntax that a route breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// No host.
    #[error("the hostname is empty; write `*` to match every host")]
    EmptyHost,
    /// Too long.
    #[error("the hostname is longer than 253 bytes")]
    HostTooLong,
    /// Not ASCII.
    #[error("the hostname is not ASCII; write it in its punycode form (`xn--…`)")]
    NotAscii,
    /// Bad label.
    #[error("`{0}` is not a host label: letters, digits, `-` and `_` only")]
    BadLabel(String),
    /// `*` somewhere else.
    #[error("`*` can only stand for the whole first label, as in `*.example.org`")]
    BadWildcard,
    /// No second slash.
    #[error("a regular expression in a hostname is written between slashes; the second is missing")]
    UnclosedRegex,
    /// Does not compile.
    #[error("`{pattern}` is not a regular expression: {reason}")]
    BadRegex {
        /// As written.
        pattern: String,
        /// What the compiler says.
        reason: String,
    },
    /// No slash.
    #[error("the path `{0}` does not start with `/`")]
    BadPath(String),
    /// Not a token.
    #[error("`{0}` is not a method")]
    BadMethod(String),
}
