//! Finding the backend that a cookie names.

use crate::{at, key, spec};
use weir_balance::{Group, LoadBalancing, LoadMetric, Spec};

/// `a` sticks by its id, `b` by `blue`.
fn group() -> Group {
    let mut group = Group::new(LoadBalancing::RoundRobin, LoadMetric::Connections);
    group.upsert(Spec { sticky_id: Some("blue".into()), ..spec("b") }).expect("room");
    group.upsert(spec("a")).expect("room");
    group
}

fn sticky(group: &Group, cookie: &str) -> Option<String> {
    let pick = group.pick_sticky(at(0), cookie.as_bytes())?;
    group.spec(pick.key).map(|spec| spec.id.to_string())
}

#[test]
fn a_cookie_names_the_sticky_id_or_else_the_id() {
    let group = group();
    assert_eq!(sticky(&group, "a").as_deref(), Some("a"));
    assert_eq!(sticky(&group, "blue").as_deref(), Some("b"));
    for unknown in ["b", "", "blu", "blue2", "z", "\u{ff}"] {
        assert_eq!(sticky(&group, unknown), None, "{unknown}");
    }
}

#[test]
fn the_value_that_a_pick_hands_out_leads_back() {
    let mut group = group();
    for _ in 0..2 {
        let pick = group.pick(at(0), &mut || 0, &[]).expect("a backend");
        let value = group.spec(pick.key).expect("current").sticky_value().to_owned();
        assert_eq!(group.pick_sticky(at(0), value.as_bytes()), Some(pick));
    }
}

#[test]
fn a_change_of_the_sticky_id_or_a_removal_is_seen_at_once() {
    let mut group = group();
    group.upsert(Spec { sticky_id: Some("green".into()), ..spec("b") }).expect("room");
    assert_eq!((sticky(&group, "blue"), sticky(&group, "green")), (None, Some("b".into())));
    let removed = key(&group, "b");
    group.request_started(removed);
    group.remove("b");
    assert_eq!(sticky(&group, "green"), None);
}

#[test]
fn a_backend_that_is_left_alone_does_not_stick() {
    let mut group = group();
    let failed = key(&group, "a");
    group.handle_connect_failure(failed, at(0), at(0), 0);
    assert_eq!(sticky(&group, "a"), None);
    group.handle_connect_success(failed, at(0), at(0));
    assert_eq!(sticky(&group, "a").as_deref(), Some("a"));
}

#[test]
fn backends_may_share_a_value() {
    let mut group = group();
    group.upsert(Spec { sticky_id: Some("blue".into()), ..spec("c") }).expect("room");
    for id in ["b", "c"] {
        assert!(sticky(&group, "blue").is_some());
        group.remove(id);
    }
    assert_eq!(sticky(&group, "blue"), None);
}
