use super::*;

fn spec(id: &str) -> Spec {
    let address = ([127, 0, 0, 1], 80).into();
    Spec { id: id.into(), address, weight: 100, sticky_id: None, backup: false }
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

    let address = ([127, 0, 0, 1], 81).into();
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
