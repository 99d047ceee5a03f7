//! What a misspelt word may have meant.

use super::catalogue::{FILE, Section};

/// Longer words are not looked at: comparing costs the product of the lengths.
const LONGEST: usize = 64;

/// The candidate nearest to `word`, if a third of its letters or less differ; case does not count.
pub(crate) fn nearest<'a>(word: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_lowercase();
    let limit = word.chars().count().max(3) / 3;
    among
        .map(|near| (strsim::damerau_levenshtein(&word, &near.to_lowercase()), near))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, near)| near)
}

/// A sentence about a key that `section` does not have.
pub(super) fn for_key(name: &str, section: &Section) -> Option<String> {
    let later = section.later.iter().flat_map(|later| later.names.iter().copied());
    let names = section.keys.iter().map(|key| key.name).chain(later);
    if let Some(near) = nearest(name, names) {
        return Some(format!("did you mean `{near}`?"));
    }
    let home = FILE.all().into_iter().find(|home| home.key(name).is_some())?;
    Some(format!("`{name}` is a key of {}: {}", home.name, home.heading.replace('`', "")))
}
