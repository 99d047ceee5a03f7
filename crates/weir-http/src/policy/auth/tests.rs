use super::*;

const JOE_SECRET: &str = "joe:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
const NOBODY_EMPTY: &str = ":e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn accepts(value: &str, hashes: &[&str], limit: usize) -> bool {
    let hashes: Vec<_> = hashes.iter().map(|hash| (*hash).to_owned()).collect();
    let mut scratch = b"left over".to_vec();
    let accepted = basic_auth(value.as_bytes(), &hashes, limit, &mut scratch);
    assert!(scratch.is_empty());
    accepted
}

fn basic(credentials: &str) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

#[test]
fn credentials_of_the_list_are_accepted() {
    for scheme in ["Basic", "basic", "BASIC", "Basic "] {
        let value = basic("joe:secret").replace("Basic", scheme);
        assert!(accepts(&value, &[JOE_SECRET], 4096), "{value}");
    }
    assert!(accepts(&basic("joe:secret"), &[NOBODY_EMPTY, JOE_SECRET], 4096));
    assert!(accepts(&basic("joe:secret"), &[JOE_SECRET, NOBODY_EMPTY], 4096));
    assert!(accepts(&basic(":"), &[NOBODY_EMPTY], 4096));
}

#[test]
fn the_password_begins_behind_the_first_colon() {
    let hash = "joe:46c829aa87f7b0cb7e16f7b6d28bf1a5b9b94dd7f19c4a72e4bb6fa5ea4b5fdb";
    let right = format!("joe:{:x}", Sha256::digest("a:b"));
    assert!(accepts(&basic("joe:a:b"), &[&right], 4096));
    assert!(!accepts(&basic("joe:a:b"), &[hash], 4096));
}

#[test]
fn anything_else_is_refused() {
    let wrong_user = basic("jo:secret");
    let wrong_password = basic("joe:secreT");
    let no_colon = basic("joesecret");
    let hash_instead = basic(JOE_SECRET);
    for value in [
        &*wrong_user,
        &wrong_password,
        &no_colon,
        &hash_instead,
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic am9lOnNlY3JldA=",
        "Basicam9lOnNlY3JldA==",
        "Bearer am9lOnNlY3JldA==",
        "Basic am9lOnNlY3JldA== x",
    ] {
        assert!(!accepts(value, &[JOE_SECRET], 4096), "{value}");
    }
    assert!(!accepts(&basic("joe:secret"), &[], 4096));
    assert!(!accepts(&basic("joe:secret"), &[&JOE_SECRET.to_uppercase()], 4096));
}

#[test]
fn credentials_over_the_limit_are_refused() {
    for password in ["", "a", "ab", "abc", "abcd"] {
        let credentials = format!("joe:{password}");
        let hash = format!("joe:{:x}", Sha256::digest(password));
        assert!(accepts(&basic(&credentials), &[&hash], credentials.len()));
        assert!(!accepts(&basic(&credentials), &[&hash], credentials.len() - 1));
    }
    let long = format!("joe:{}", "x".repeat(5_000));
    let hash = format!("joe:{:x}", Sha256::digest("x".repeat(5_000)));
    assert!(!accepts(&basic(&long), &[&hash], 4096));
    assert!(accepts(&basic(&long), &[&hash], 8192));
}

#[test]
fn nothing_is_allocated_when_the_scratch_has_room() {
    let mut scratch = Vec::with_capacity(256);
    let before = scratch.capacity();
    let hashes = [JOE_SECRET.to_owned()];
    assert!(basic_auth(basic("joe:secret").as_bytes(), &hashes, 4096, &mut scratch));
    assert_eq!(scratch.capacity(), before);
}
