//! Files that are refused, and odd ones.

use std::path::Path;

use super::{EXAMPLE, TCP, bad, cluster_with, frontend_with, good, small_with};
use crate::channel::AccessForm;
use crate::config::{check, load};

const FILES: [(&str, &str); 6] = [
    ("keys", include_str!("keys.toml")),
    ("misplaced", include_str!("misplaced.toml")),
    ("syntax", include_str!("syntax.toml")),
    ("values", include_str!("values.toml")),
    ("routes", include_str!("routes.toml")),
    ("tcp", include_str!("tcp.toml")),
];

#[test]
fn every_mistake_is_reported_with_its_place() {
    for (name, source) in FILES {
        insta::assert_snapshot!(name, bad(source));
    }
}

/// The small file with more frontends, each with what `more` says about its number.
fn frontends(count: usize, more: impl Fn(usize) -> String) -> String {
    let frontend = |at| {
        let more = more(at);
        format!("[[clusters.app.frontends]]\naddress = \"127.0.0.1:8080\"\n{more}\n")
    };
    let rest = "[clusters.app]\nprotocol = \"http\"\nbackends = []\n".to_owned();
    rest + &(0..count).map(frontend).collect::<String>()
}

#[test]
fn a_listener_has_room_for_so_many_rules_that_are_tried_one_by_one() {
    let paths = |at| format!("hostname = \"a\"\npath_type = \"REGEX\"\npath = \"^/{at}\"");
    good(&frontends(weir_route::MAX_REGEXES, paths));
    let text = bad(&frontends(weir_route::MAX_REGEXES + 1, paths));
    assert!(text.contains("1024 regular expressions on this listener already"), "{text}");
    assert!(text.contains("path = \"^/1024\"\n") && text.contains("^^^^"), "{text}");

    let hosts = |at| format!("hostname = \"/a/.{at}\"");
    assert!(bad(&frontends(weir_route::MAX_REGEXES + 1, hosts)).contains("/a/.1024"));

    let listed = |at| format!("hostname = \"{at}\"\nposition = \"PRE\"");
    good(&frontends(weir_route::MAX_LISTED, listed));
    let text = bad(&frontends(weir_route::MAX_LISTED + 1, listed));
    assert!(text.contains("4096 rules in `PRE`") && text.contains("position = \"PRE\""), "{text}");
}

#[test]
fn what_cannot_be_guaranteed_is_refused() {
    let text = bad(&cluster_with("min_sessions = 5\nmax_sessions = 4"));
    assert!(text.contains("min_sessions = 5\n") && text.contains("more than"), "{text}");
    assert!(text.contains("lower `min_sessions` or raise `max_sessions`"), "{text}");
    good(&cluster_with("min_sessions = 5\nmax_sessions = 5"));
    // Each of two workers has 1000 buffers, of which 63 are for heads.
    good(&cluster_with("min_sessions = 468"));
    let text = bad(&cluster_with("min_sessions = 469"));
    assert!(text.contains("min_sessions = 469\n") && text.contains("235 sessions"), "{text}");
    assert!(text.contains("lower `min_sessions` of clusters, or raise `max_buffers`"), "{text}");
}

#[test]
fn keys_that_ask_for_nothing_are_accepted() {
    good(&cluster_with("http2 = false\nsend_proxy = false"));
    good(&frontend_with("tls_versions = []"));
}

#[test]
fn a_layout_of_records_is_checked() {
    let text = bad(&small_with("access_logs_template = '{client} {statsu}'"));
    assert!(text.contains("there is no field `statsu`"), "{text}");
    assert!(text.contains("did you mean `status`?"), "{text}");
    assert!(text.contains(&format!("\n  | {}^^^^^^\n", " ".repeat(34))), "{text}");
    assert!(bad(&small_with("access_logs_template = '{cookie}'")).contains("there are time, "));
    assert!(bad(&small_with("access_logs_template = '{client'")).contains("a brace"));
    let both = "access_logs_template = '{client}'\naccess_logs_format = 'json'";
    assert!(bad(&small_with(both)).contains("remove one of the keys"));
    let shared = "access_logs_format = 'protobuf'\naccess_logs_target = 'stdout'";
    assert!(bad(&small_with(shared)).contains("a target of their own"));
    let own = "access_logs_format = 'protobuf'\naccess_logs_target = 'udp://127.0.0.1:5000'";
    assert_eq!(good(&small_with(own)).logs().access, AccessForm::Protobuf);
    let laid_out = good(&small_with("access_logs_template = '{client}'"));
    assert_eq!(laid_out.logs().access, AccessForm::Template("{client}".to_owned()));
}

#[test]
fn a_control_socket_that_cannot_be_is_refused() {
    let refused = |lines: &str, why: &str| {
        let text = bad(&small_with(lines));
        assert!(text.contains(why), "{text}");
    };
    refused("command_socket = \"\"", "not a path");
    refused(&format!("command_socket = \"/{}\"", "a".repeat(107)), "more than 107");
    refused("command_socket = \"s\"\nautomatic_state_save = true", "needs `saved_state`");
    refused("command_socket = \"s\"\naudit_logs_target = \"syslog\"", "syslog");
    refused("command_allowed_uids = [\"root\"]", "a whole number");
    refused("command_allowed_uids = [4294967296]", "between 0 and 4294967295");
    let odd = good(&small_with("saved_state = \"s\"")).warnings.to_string();
    assert!(odd.contains("without `command_socket`"), "{odd}");
}

#[test]
fn fields_of_the_connection_are_not_for_editing() {
    for name in ["Content-Length", "transfer-encoding", "Connection", "Upgrade"] {
        let edit =
            format!("headers = [{{ position = \"both\", key = \"{name}\", value = \"1\" }}]");
        assert!(bad(&frontend_with(&edit)).contains("belongs to one connection"), "{name}");
    }
    good(&frontend_with("headers = [{ position = \"both\", key = \"Via\", value = \"\" }]"));
}

#[test]
fn a_file_full_of_mistakes_is_reported_up_to_a_bound() {
    let lines: String = (0..3000).map(|number| format!("nothing{number} = 1\n")).collect();
    let report = check(&lines, Path::new("weir.toml")).expect_err("mistakes");
    assert_eq!(report.diagnostics().len(), 200);
    assert!(report.render(false).ends_with("\n\nand 2800 more"));
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let said = |path: &str| load(Path::new(path)).expect_err(path).render(false);
    assert!(said("/nonexistent/weir.toml").contains("cannot be read: No such file"));
    assert!(said("/").contains("directory"));
    assert!(said("/dev/zero").contains("it is longer than 65536 KiB"));
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), b"worker_count = 2\npid_file_path = \"\xff\"\n").expect("written");
    let text = said(file.path().to_str().expect("UTF-8"));
    assert!(text.contains("the file is not UTF-8") && text.contains(":2:18"), "{text}");
}

#[test]
fn a_request_cannot_be_told_to_go_without_its_host() {
    let text = bad(concat!(
        "[[listeners]]\naddress = \"127.0.0.1:80\"\nprotocol = \"http\"\n",
        "[clusters.a]\nprotocol = \"http\"\nbackends = [{ address = \"127.0.0.1:81\" }]\n",
        "[[clusters.a.frontends]]\naddress = \"127.0.0.1:80\"\nhostname = \"a.org\"\n",
        "headers = [{ position = \"request\", key = \"Host\", value = \"\" }]\n",
    ));
    assert!(text.contains("a request cannot go without `Host`"), "{text}");
}

#[test]
fn colours_are_asked_for() {
    let report = check("worker_cuont = 2", Path::new("weir.toml")).expect_err("a mistake");
    assert!(report.render(true).contains("\u{1b}["));
    assert!(!report.render(false).contains('\u{1b}'));
}

#[test]
fn a_report_holds_no_control_characters_of_the_file() {
    let text = bad("\"a\\u001b[31m\\nb\" = 1\nclusters.\"\\u0007\".protocol = \"http\"");
    assert!(!text.contains(['\u{1b}', '\u{7}']), "{text}");
}

/// A text of the tests, with pieces cut out, doubled or replaced.
fn mutated() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let files = [FILES[0].1, FILES[1].1, FILES[3].1, FILES[5].1, TCP, EXAMPLE];
    let text = prop::sample::select(files.to_vec());
    let piece = prop_oneof!["[a-z_=\\[\\]{}\"'0-9.:\\\\ \n]{0,6}", "\\PC{0,3}"];
    let edit = (any::<prop::sample::Index>(), 0..40_usize, piece);
    (text, prop::collection::vec(edit, 0..8)).prop_map(|(text, edits)| {
        edits.into_iter().fold(text.to_owned(), |text, (at, len, piece)| {
            let chars: Vec<char> = text.chars().collect();
            let at = at.index(chars.len() + 1);
            let after = chars.len().min(at + len);
            chars[..at]
                .iter()
                .copied()
                .chain(piece.chars())
                .chain(chars[after..].to_vec())
                .collect()
        })
    })
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_checker_panic(text in mutated()) {
        match check(&text, Path::new("f")) {
            Ok(checked) => drop((checked.summary(), checked.warnings.render(false))),
            Err(report) => drop(report.render(true)),
        }
    }
}
