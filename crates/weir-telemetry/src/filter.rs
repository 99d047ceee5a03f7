//! Which lines are wanted: `level` or `module=level`, comma separated.
//!
//! A bare level stands for all modules. A module is named by any prefix of its path, and of the
//! directives that match, the last one wins.

use std::str::FromStr;

use log::{Level, LevelFilter};

/// Longest list of directives.
const MAX_DIRECTIVES: usize = 64;

/// A list of directives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    directives: Vec<Directive>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Directive {
    /// Prefix of a module path; empty for all.
    module: String,
    level: LevelFilter,
}

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Nothing is wanted and nothing is turned off.
    #[error("the log filter is empty; write a level, for example `info`")]
    Empty,
    /// A directive is missing between two commas, or at an end.
    #[error("the log filter `{0}` has an empty directive; remove the comma that is too much")]
    EmptyDirective(String),
    /// The name of a level is unknown.
    #[error(
        "`{level}` in the log filter directive `{directive}` is not a level; use off, error, \
             warn, info, debug or trace"
    )]
    UnknownLevel {
        /// The word in its place.
        level: String,
        /// The directive it stands in.
        directive: String,
    },
    /// There is an equals sign and nothing before it.
    #[error(
        "the log filter directive `{0}` names no module; write `module=level`, or only a level"
    )]
    EmptyModule(String),
    /// A regular expression on messages.
    #[error(
        "the log filter ends with `{0}`: a filter on the text of messages is not supported; \
             remove it"
    )]
    MessagePattern(String),
    /// The list is too long.
    #[error(
        "the log filter has more than {MAX_DIRECTIVES} directives; use shorter module prefixes"
    )]
    TooMany,
}

impl Filter {
    /// Whether a line of `module` at `level` is wanted.
    pub fn enabled(&self, level: Level, module: &str) -> bool {
        level <= self.level_of(module)
    }

    /// The most verbose level that lines of `module` are wanted at.
    pub fn level_of(&self, module: &str) -> LevelFilter {
        let mut directives = self.directives.iter().rev();
        let directive = directives.find(|directive| module.starts_with(&directive.module));
        directive.map_or(LevelFilter::Off, |directive| directive.level)
    }

    /// The most verbose level that any module may log at.
    pub fn max_level(&self) -> LevelFilter {
        self.directives.iter().map(|directive| directive.level).max().unwrap_or(LevelFilter::Off)
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        if let Some(at) = text.find('/') {
            return Err(FilterError::MessagePattern(text[at..].to_owned()));
        }
        if text.trim().is_empty() {
            return Err(FilterError::Empty);
        }
        let directives = text
            .split(',')
            .map(|directive| parse_directive(directive.trim(), text))
            .take(MAX_DIRECTIVES + 1)
            .collect::<Result<Vec<_>, _>>()?;
        if directives.len() > MAX_DIRECTIVES {
            return Err(FilterError::TooMany);
        }
        Ok(Self { directives })
    }
}

fn parse_directive(text: &str, filter: &str) -> Result<Directive, FilterError> {
    if text.is_empty() {
        return Err(FilterError::EmptyDirective(filter.to_owned()));
    }
    let (module, level) = match text.split_once('=') {
        Some((module, level)) if !module.trim().is_empty() => (module.trim(), level.trim()),
        Some(_) => return Err(FilterError::EmptyModule(text.to_owned())),
        None => ("", text),
    };
    let unknown =
        |_| FilterError::UnknownLevel { level: level.to_owned(), directive: text.to_owned() };
    Ok(Directive { module: module.to_owned(), level: level.parse().map_err(unknown)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filter(text: &str) -> Filter {
        text.parse().expect("a filter")
    }

    fn error(text: &str) -> String {
        text.parse::<Filter>().expect_err("not a filter").to_string()
    }

    #[test]
    fn the_last_match_wins() {
        let f = filter("info, weir_http=debug ,weir_http::h1=off");
        assert!(f.enabled(Level::Info, "weir_main"));
        assert!(!f.enabled(Level::Debug, "weir_main"));
        assert!(f.enabled(Level::Debug, "weir_http::exchange"));
        assert!(!f.enabled(Level::Error, "weir_http::h1::head"));
        assert_eq!(f.max_level(), LevelFilter::Debug);

        let f = filter("weir_http=trace,WARN");
        assert!(!f.enabled(Level::Info, "weir_http"), "a bare level matches every module");
    }

    #[test]
    fn what_no_directive_names_is_silent() {
        let f = filter("weir_http=info");
        assert!(f.enabled(Level::Info, "weir_http"));
        assert!(!f.enabled(Level::Error, "weir_main"));
        assert_eq!(filter("off").max_level(), LevelFilter::Off);
    }

    #[test]
    fn mistakes_are_named() {
        assert!(error("").contains("empty"));
        assert!(error("info,,debug").contains("empty directive"));
        assert!(error("weir=loud").contains("`loud` in the log filter directive `weir=loud`"));
        assert!(error("verbose").contains("`verbose`"));
        assert!(error("=info").contains("names no module"));
        assert!(error("info/secret.*").contains("`/secret.*`"));
        assert!(error(&vec!["info"; 65].join(",")).contains("more than 64"));
        assert!(vec!["info"; 64].join(",").parse::<Filter>().is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            if let Ok(filter) = text.parse::<Filter>() {
                prop_assert!(!filter.directives.is_empty());
            }
        }
    }
}
