//! What can be wrong with a rule.

use crate::regex::MAX_REGEX_TEXT;
use crate::usage::{MAX_LISTED, MAX_REGEXES};

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
    /// Does not parse.
    #[error("`{pattern}` is not a regular expression: {reason}")]
    BadRegex {
        /// As written.
        pattern: String,
        /// What the compiler says.
        reason: String,
    },
    /// Its automaton, or what it keeps of groups, has no bound that we accept.
    #[error(
        "`{0}` is too large when it is compiled: use fewer alternatives, smaller repetitions or \
         fewer groups"
    )]
    RegexTooLarge(String),
    /// Its text.
    #[error("a regular expression of {0} bytes is too long: the most is {MAX_REGEX_TEXT}")]
    RegexTooLong(usize),
    /// No slash.
    #[error("the path `{0}` does not start with `/`")]
    BadPath(String),
    /// A byte that no path of a request has.
    #[error("the path `{}` never matches: {}", path.escape_debug(), why_never(*character))]
    PathCharacter {
        /// As written.
        path: String,
        /// The first such character.
        character: char,
    },
    /// Not a token.
    #[error("`{0}` is not a method")]
    BadMethod(String),
    /// One regular expression more than a table holds.
    #[error(
        "there are {MAX_REGEXES} regular expressions on this listener already: write hosts as \
         `*.suffix`, and paths as `PREFIX` or `EQUALS`"
    )]
    TooManyRegexes,
    /// One rule more than a list holds.
    #[error(
        "there are {MAX_LISTED} rules in {0} on this listener already, which are tried one by \
         one: put rules in `TREE`"
    )]
    ListFull(&'static str),
}

fn why_never(character: char) -> String {
    match character {
        '?' => "`?` begins the query, which is not compared".to_owned(),
        '#' => "`#` begins the fragment, which is not sent".to_owned(),
        ' ' => "a space is sent as `%20`".to_owned(),
        _ => {
            let sent = character.to_string().into_bytes();
            let sent: String = sent.iter().map(|byte| format!("%{byte:02X}")).collect();
            format!("{character:?} is sent as `{sent}`, if at all")
        }
    }
}
