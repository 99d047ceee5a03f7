use super::*;

fn spec(id: &str) -> Spec {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 80)).into();
    Spec {
        id: id.into(),
        address,
        weight: 100,
        sticky_id: None,
        backup: false,
        max_connections: None,
    }
}

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn group(ids: &[&str]) -> Group {
    let mut group = Group::new(LoadBalancing::RoundRobin, LoadMetric::Connections);
    for id in ids {
        group.upsert(spec(id)).expect("room");
    }
    group
}

fn key(group: &Group, id: &str) -> BackendKey {
    let view = group.iter(at(0)).find(|view| !view.removed && *view.spec.id == *id);
    view.expect("a backend of that id").key
}

/// Fails attempts, one after the other, until the backend is down.
fn bring_down(group: &mut Group, key: BackendKey) -> Option<Transition> {
    (1..=6).find_map(|second| group.handle_connect_failure(key, at(second), at(second), 0))
}

#[test]
fn a_removed_backend_stays_until_its_last_release() {
    let mut group = group(&["a"]);
    let a = key(&group, "a");
    group.connection_opened(a);
    group.request_started(a);
    assert_eq!(group.remove("a"), None);
    assert!(group.is_removed(a));
    assert_eq!(group.request_finished(a), None);
    assert_eq!(group.iter(at(0)).map(|view| view.connections).collect::<Vec<_>>(), [1]);
    assert_eq!(group.connection_closed(a), Some(spec("a")));
    assert_eq!(group.iter(at(0)).count(), 0);
}

#[test]
fn an_idle_backend_goes_at_once() {
    let mut group = group(&["a"]);
    assert_eq!(group.remove("a"), Some(spec("a")));
    assert_eq!(group.remove("a"), None);
}

#[test]
fn a_stale_key_changes_nothing() {
    let mut group = group(&["a"]);
    let stale = key(&group, "a");
    group.remove("a");
    group.upsert(spec("b")).expect("room");
    group.connection_opened(stale);
    group.request_started(stale);
    assert_eq!(bring_down(&mut group, stale), None);
    assert_eq!(group.connection_closed(stale), None);
    assert_eq!((group.spec(stale), group.is_removed(stale)), (None, true));
    let view = group.iter(at(0)).next().expect("b");
    assert_eq!((view.connections, view.requests, view.state), (0, 0, State::Up));
}

#[test]
fn what_is_known_survives_a_change_of_weight_but_not_of_address() {
    let mut group = group(&["a"]);
    let a = key(&group, "a");
    bring_down(&mut group, a);
    group.connection_opened(a);
    group.upsert(Spec { weight: 1, ..spec("a") }).expect("room");
    let view = group.iter(at(7)).next().expect("a");
    assert_eq!((view.key, view.state, view.connections), (a, State::Down, 1));
    assert_eq!(view.spec.weight, 1);

    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 81)).into();
    group.upsert(Spec { address, ..spec("a") }).expect("room");
    let views: Vec<_> = group.iter(at(7)).map(|v| (v.removed, v.state, v.connections)).collect();
    assert_eq!(views, [(true, State::Down, 1), (false, State::Up, 0)]);
}

#[test]
fn transitions_tell_the_first_and_the_last() {
    let mut group = group(&["a", "b"]);
    let (a, b) = (key(&group, "a"), key(&group, "b"));
    assert_eq!(bring_down(&mut group, a), Some(Transition::BackendDown { last: false }));
    assert!(!group.is_out());
    assert_eq!(bring_down(&mut group, b), Some(Transition::BackendDown { last: true }));
    assert!(group.is_out());
    assert_eq!(group.handle_connect_failure(a, at(7), at(7), 0), None, "it was down already");
    let up = group.handle_connect_success(b, at(7), at(8));
    assert_eq!(up, Some(Transition::BackendUp { first: true }));
    let up = group.handle_connect_success(a, at(7), at(8));
    assert_eq!(up, Some(Transition::BackendUp { first: false }));
    assert_eq!(group.handle_connect_success(a, at(7), at(8)), None, "it was up already");
}

#[test]
fn a_removed_backend_causes_no_transition() {
    let mut group = group(&["a", "b"]);
    let a = key(&group, "a");
    group.connection_opened(a);
    group.remove("a");
    assert_eq!(bring_down(&mut group, a), None);
    assert!(!group.is_out());
}

#[test]
fn an_empty_group_is_not_out() {
    assert!(!group(&[]).is_out());
}

#[test]
fn a_full_group_refuses() {
    let mut group = group(&[]);
    for n in 0..Group::CAPACITY {
        // Inserted directly: looking for a backend of the same id would make this quadratic.
        group.insert(spec(&n.to_string())).expect("room");
    }
    assert_eq!(group.upsert(spec("one more")), Err(GroupFull));
    assert_eq!(group.upsert(Spec { weight: 3, ..spec("7") }), Ok(()));
    group.remove("8");
    assert_eq!(group.upsert(spec("one more")), Ok(()));
}

const EJECTION: EjectionRules =
    EjectionRules { consecutive: 3, base: Duration::from_secs(10), most_percent: 50 };

fn picked(group: &mut Group, now: Instant) -> String {
    let pick = group.pick(now, &mut || 0, &[]).expect("somebody");
    group.spec(pick.key).expect("there").id.to_string()
}

fn shares(group: &mut Group, now: Instant) -> [usize; 2] {
    let picks: Vec<_> = (0..1600).map(|_| picked(group, now)).collect();
    // To the nearest hundred: whose turn is first does not matter.
    ["a", "b"].map(|id| (picks.iter().filter(|pick| *pick == id).count() + 50) / 100 * 100)
}

#[test]
fn who_joins_a_checked_group_has_to_pass_a_check() {
    let mut group = group(&["a"]);
    let slow_start = Duration::from_secs(16);
    group.set_rules(Rules { checked: true, slow_start, ejection: None });
    group.upsert(spec("b")).expect("room");
    assert_eq!(shares(&mut group, at(1)), [1600, 0], "one in use is presumed healthy");
    assert_eq!(group.handle_check("b", true, at(1)), None, "it was never down");
    let [_, slow] = shares(&mut group, at(1));
    assert_eq!(slow, 200, "an eighth of the other's share");
    assert_eq!(shares(&mut group, at(20)), [800, 800]);
    let down = Some(Transition::BackendDown { last: false });
    assert_eq!(group.handle_check("b", false, at(21)), down);
    assert_eq!(group.handle_check("b", false, at(22)), None);
    assert_eq!(shares(&mut group, at(1000)), [1600, 0]);
    let last = Some(Transition::BackendDown { last: true });
    assert_eq!(group.handle_check("a", false, at(1000)), last);
    assert_eq!(shares(&mut group, at(1000)), [800, 800], "better any than none");
    let first = Some(Transition::BackendUp { first: true });
    assert_eq!(group.handle_check("a", true, at(1001)), first);
    assert_eq!(shares(&mut group, at(2000)), [1600, 0]);
}

#[test]
fn where_nobody_has_passed_yet_everybody_is_tried() {
    let mut group = Group::new(LoadBalancing::RoundRobin, LoadMetric::Connections);
    group.set_rules(Rules { checked: true, ..Rules::default() });
    for id in ["a", "b"] {
        group.upsert(spec(id)).expect("room");
    }
    assert_eq!(shares(&mut group, at(1)), [800, 800]);
    group.handle_check("b", false, at(1));
    assert_eq!(shares(&mut group, at(1)), [1600, 0]);
}

#[test]
fn bad_outcomes_in_a_row_eject_for_longer_each_time() {
    let mut group = group(&["a", "b"]);
    let (a, b) = (key(&group, "a"), key(&group, "b"));
    group.set_rules(Rules { ejection: Some(EJECTION), ..Rules::default() });
    let bad = |group: &mut Group, key, second| group.handle_outcome(key, false, at(second));
    for good in [false, false, true, false, false] {
        assert_eq!(group.handle_outcome(a, good, at(1)), None, "not three in a row");
    }
    let down = Some(Transition::BackendDown { last: false });
    assert_eq!(bad(&mut group, a, 1), down);
    assert_eq!(bad(&mut group, a, 2), None, "what was under way");
    assert_eq!(group.handle_outcome(a, true, at(2)), None);
    assert_eq!(shares(&mut group, at(10)), [0, 1600]);
    assert_eq!(shares(&mut group, at(11)), [800, 800]);
    assert_eq!(bad(&mut group, a, 11), None, "it counts as down already");
    assert_eq!(shares(&mut group, at(30)), [0, 1600], "for twenty seconds now");
    for _ in 0..9 {
        assert_eq!(bad(&mut group, b, 30), None, "half of the group is the most");
    }
    let up = Some(Transition::BackendUp { first: false });
    assert_eq!(group.handle_outcome(a, true, at(31)), up);
    assert_eq!(bad(&mut group, b, 31), down, "now it can be spared");
}
