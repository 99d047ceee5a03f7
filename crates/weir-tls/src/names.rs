//! Names of cipher suites and key-exchange groups, as configurations write them.

use rustls::SupportedCipherSuite;
use rustls::crypto::{SupportedKxGroup, aws_lc_rs};

/// Other names of groups, and the ones that [`known_groups`] has.
const ALIASES: [(&str, &str); 4] = [
    ("x25519", "X25519"),
    ("P-256", "secp256r1"),
    ("P-384", "secp384r1"),
    ("x25519mlkem768", "X25519MLKEM768"),
];

/// What a cipher suite can be called, most wanted first.
pub fn known_cipher_suites() -> Vec<String> {
    aws_lc_rs::ALL_CIPHER_SUITES.iter().map(suite_name).collect()
}

/// What a group can be called, most wanted first; other names after them.
pub fn known_groups() -> Vec<String> {
    let groups = aws_lc_rs::ALL_KX_GROUPS.iter().map(|group| group_name(*group));
    groups.chain(ALIASES.iter().map(|(alias, _)| (*alias).to_owned())).collect()
}

/// The suites of a list, in its order; all of them when it is empty.
///
/// # Errors
/// The first name that is not known.
pub(crate) fn cipher_suites(names: &[String]) -> Result<Vec<SupportedCipherSuite>, String> {
    if names.is_empty() {
        return Ok(aws_lc_rs::DEFAULT_CIPHER_SUITES.to_vec());
    }
    let find = |name: &String| {
        let found = aws_lc_rs::ALL_CIPHER_SUITES.iter().find(|suite| suite_name(suite) == *name);
        found.copied().ok_or_else(|| format!("there is no cipher suite `{name}`"))
    };
    names.iter().map(find).collect()
}

/// The groups of a list, in its order; the usual ones when it is empty.
///
/// # Errors
/// The first name that is not known.
pub(crate) fn groups(names: &[String]) -> Result<Vec<&'static dyn SupportedKxGroup>, String> {
    if names.is_empty() {
        return Ok(aws_lc_rs::DEFAULT_KX_GROUPS.to_vec());
    }
    let find = |name: &String| {
        let alias = ALIASES.iter().find(|(alias, _)| alias == name);
        let wanted = alias.map_or(name.as_str(), |(_, known)| known);
        let found = aws_lc_rs::ALL_KX_GROUPS.iter().find(|group| group_name(**group) == wanted);
        found.copied().ok_or_else(|| format!("there is no key-exchange group `{name}`"))
    };
    names.iter().map(find).collect()
}

fn suite_name(suite: &SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite())
}

fn group_name(group: &'static dyn SupportedKxGroup) -> String {
    format!("{:?}", group.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_found() {
        assert!(cipher_suites(&known_cipher_suites()).is_ok());
        assert!(groups(&known_groups()).is_ok());
        assert_eq!(groups(&[]).map(|all| group_name(all[0])).as_deref(), Ok("X25519MLKEM768"));
        let unknown = groups(&["P-1".to_owned()]).err();
        assert_eq!(unknown.as_deref(), Some("there is no key-exchange group `P-1`"));
    }
}
