//! Regular expressions whose memory and time are bounded.
//!
//! Matching is linear in the text: there is no look-around and no back-reference. Classes are those
//! of ASCII, as are hosts and paths: `\d` is `[0-9]`, `.` any byte but a line feed.

use regex_automata::meta::{Config, Regex};
use regex_automata::nfa::thompson::{self, NFA};
use regex_automata::util::captures::Captures as Groups;
use regex_automata::util::syntax;

use crate::RuleError;

/// Bytes that a compiled expression takes at most, with all that it comes to keep while it is
/// matched, as long as one thread uses it.
///
/// The sum of: two automata and the one-pass automaton, [`AUTOMATON`] each; the tables of two
/// lazily built automata, [`LAZY_TABLE`] each; the places of groups, [`GROUP_PLACES`]; 64 KiB of
/// lists of states and odds and ends. Measured with an allocator that counts: a usual
/// path takes 9 to 21 KiB, the worst of 108 that were made to be large 440 KiB.
pub const REGEX_MEMORY: usize = 3 * AUTOMATON + 2 * LAZY_TABLE + GROUP_PLACES + (64 << 10);

/// Bytes of an expression as it is written.
pub const MAX_REGEX_TEXT: usize = 4096;

/// Bytes of one automaton.
const AUTOMATON: usize = 64 << 10;

/// Bytes of what a lazy automaton has built. Beyond: it begins anew, and gives way to a slower
/// matcher if that happens often. Enough to begin with for any that [`AUTOMATON`] allows.
const LAZY_TABLE: usize = 192 << 10;

/// Bytes of the places where groups begin and end, in each state of the automaton.
const GROUP_PLACES: usize = 128 << 10;

/// Whether `A` is `a`.
#[derive(Clone, Copy)]
pub(crate) enum Case {
    Counts,
    Ignored,
}

/// Compiles an expression over bytes; `shown` is how it was written.
pub(crate) fn compile(text: &str, shown: &str, case: Case) -> Result<Regex, RuleError> {
    if shown.len() > MAX_REGEX_TEXT {
        return Err(RuleError::RegexTooLong(shown.len()));
    }
    let ignored = matches!(case, Case::Ignored);
    let syntax = syntax::Config::new().utf8(false).unicode(false).case_insensitive(ignored);
    // What a search for literals prepares has no bound, and backtracking would add another.
    let config = Config::new()
        .nfa_size_limit(Some(AUTOMATON))
        .onepass_size_limit(Some(AUTOMATON))
        .hybrid_cache_capacity(LAZY_TABLE)
        .auto_prefilter(false)
        .backtrack(false)
        .utf8_empty(false);
    let built = Regex::builder().configure(config).syntax(syntax).build(text);
    let regex = built.map_err(|error| match error.syntax_error() {
        Some(syntax) => RuleError::BadRegex {
            pattern: shown.to_owned(),
            reason: last_line(&syntax.to_string()),
        },
        None => RuleError::RegexTooLarge(shown.to_owned()),
    })?;
    match group_places(text, syntax) {
        Some(bytes) if bytes <= GROUP_PLACES => Ok(regex),
        _ => Err(RuleError::RegexTooLarge(shown.to_owned())),
    }
}

/// What each group of an expression captured; empty for one that took no part.
pub(crate) fn groups<'a>(regex: &Regex, text: &'a [u8]) -> Vec<&'a [u8]> {
    let mut groups: Groups = regex.create_captures();
    regex.captures(text, &mut groups);
    groups
        .iter()
        .map(|span| span.and_then(|span| text.get(span.start..span.end)).unwrap_or_default())
        .collect()
}

/// Number of groups, the whole match included.
pub(crate) fn group_count(regex: &Regex) -> usize {
    regex.captures_len()
}

/// Bytes of the places of groups: the slowest matcher keeps them twice for each state. `None` for
/// an automaton that is too large.
fn group_places(text: &str, syntax: syntax::Config) -> Option<usize> {
    let config = thompson::Config::new().utf8(false).nfa_size_limit(Some(AUTOMATON));
    let nfa = NFA::compiler().configure(config).syntax(syntax).build(text).ok()?;
    Some(2 * size_of::<usize>() * nfa.states().len() * nfa.group_info().slot_len())
}

/// The compiler draws the expression; its last line says what is wrong.
fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or(text);
    line.trim_start_matches("error: ").to_owned()
}
