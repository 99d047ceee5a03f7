//! Names of whoever asks: the kernel knows numbers.
//!
//! Invariant: nothing here fails; who cannot be named has no name.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};

/// The program of a process, which may be gone already.
pub(super) fn program(pid: i32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm"));
    name.unwrap_or_default().trim_end().to_owned()
}

/// The name of a user of this host. Directories of users elsewhere are not asked: they could keep
/// main waiting.
pub(super) fn user(uid: u32) -> String {
    let Ok(file) = File::open("/etc/passwd") else { return String::new() };
    let lines = BufReader::new(file).lines().map_while(Result::ok);
    named(lines, uid).unwrap_or_default()
}

/// Lines are `name:password:uid:…`, see passwd(5).
fn named(mut lines: impl Iterator<Item = String>, uid: u32) -> Option<String> {
    lines.find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_the_first_line_with_its_number() {
        let lines = ["root:x:0:0::/root:/bin/sh", "#", "a:x:zero", "ops:x:1000:1::", "b:x:1000:"];
        let name = |uid| named(lines.iter().map(|line| (*line).to_owned()), uid);
        assert_eq!((name(0), name(1_000)), (Some("root".into()), Some("ops".into())));
        assert_eq!(name(7), None);
    }

    #[test]
    fn this_process_has_a_program() {
        assert!(!program(std::process::id().cast_signed()).is_empty());
        assert_eq!(program(0), "");
    }
}
