use weir_control::order::Order;
use weir_control::state::Cluster;

use super::*;

fn record(state: &mut State, orders: Vec<Order>) -> Record {
    let mut undo = Vec::new();
    for order in orders {
        state.apply(order, &mut undo);
    }
    let (time_ms, uid, pid, client, changes) = (1, 2, 3, None, Vec::new());
    Record { time_ms, uid, pid, client, undo, changes }
}

fn cluster(id: String) -> Order {
    Order::Cluster(Cluster { id, ..Cluster::default() })
}

#[test]
fn what_was_stored_is_found_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    let (mut history, stored) = History::open(&path).expect("opened");
    assert_eq!(stored, None);
    let mut state = State::default();
    history.put(1, &state).expect("stored");
    for epoch in 2..6 {
        let record = record(&mut state, vec![cluster(format!("c{epoch}"))]);
        history.add(epoch, &record, &state).expect("stored");
    }
    let many = (0..1_000).map(|n| cluster(format!("m{}", n % 7))).collect();
    let many = record(&mut state, many);
    history.add(6, &many, &state).expect("stored");
    drop(history);

    let (mut history, stored) = History::open(&path).expect("opened");
    assert_eq!(stored, Some((6, state.clone())));
    let epochs = |records: Vec<(u64, Record)>| records.into_iter().map(|(e, _)| e).collect();
    let newest: Vec<u64> = epochs(history.before(6, 2).expect("read"));
    assert_eq!(newest, [5, 4]);
    for (_, record) in history.since(3).expect("read") {
        state.undo(record.undo);
    }
    assert_eq!(state.clusters.keys().collect::<Vec<_>>(), ["c2", "c3"]);
}

#[test]
fn what_was_undone_stands_where_it_stood_though_others_before_it_had_gone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    let (mut history, _) = History::open(&path).expect("opened");
    let backend = |id: &str| weir_control::state::Backend {
        cluster: "c".into(),
        id: id.into(),
        address: std::net::SocketAddr::from(([127, 0, 0, 1], 1)).into(),
        weight: 1,
        sticky_id: None,
        backup: false,
        max_connections: None,
    };
    let remove =
        |id: &str| Order::RemoveBackend { cluster: "c".into(), id: id.into(), close_after: None };
    let mut state = State::default();
    let all = ["a", "b", "d", "e"].map(|id| Order::Backend(backend(id))).to_vec();
    record(&mut state, all);
    record(&mut state, vec![remove("a")]);
    history.put(1, &state).expect("stored");
    let before = state.clone();
    let removed = record(&mut state, vec![remove("b")]);
    history.add(2, &removed, &state).expect("stored");
    drop(history);

    let (mut history, stored) = History::open(&path).expect("opened");
    let (_, mut state) = stored.expect("a state");
    for (_, record) in history.since(1).expect("read") {
        state.undo(record.undo);
    }
    assert_eq!(state, before);
}

#[test]
fn what_was_refused_is_not_found_though_its_last_step_alone_had_failed() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    let (mut history, _) = History::open(&path).expect("opened");
    let mut state = State::default();
    history.put(1, &state).expect("stored");
    let kept = record(&mut state, vec![cluster("kept".into())]);
    history.add(2, &kept, &state).expect("stored");
    let mut with = state.clone();
    let order = [cluster("refused".into()), Order::RemoveCluster("kept".into())];
    let refused = record(&mut with, order.to_vec());
    history.write(3, &refused, &with).expect("written");
    history.let_go(&std::io::Error::from(std::io::ErrorKind::StorageFull));
    assert_eq!(history.since(1).expect("read").len(), 1);
    let made = record(&mut state, vec![cluster("made".into())]);
    history.add(3, &made, &state).expect("stored");
    drop(history);
    let (_, stored) = History::open(&path).expect("opened");
    assert_eq!(stored, Some((3, state)));
}

#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    History::open(&path).expect("opened");
    let mode = std::fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn objects_that_come_go_and_move_in_one_transaction_are_found_as_they_are() {
    use weir_control::state::Backend;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    let (mut history, _) = History::open(&path).expect("opened");
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let backend = |cluster: u32, weight: u8| {
        let (cluster, id) = (format!("c{cluster}"), "b".to_owned());
        Order::Backend(Backend {
            cluster,
            id,
            address: address.into(),
            weight,
            sticky_id: None,
            backup: false,
            max_connections: None,
        })
    };
    let mut state = State::default();
    history.put(1, &state).expect("stored");
    let mut seed = 7_u32;
    for epoch in 2..200 {
        let orders = (0..5).map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (number, what) = ((seed >> 16) % 6, seed >> 24);
            match what % 4 {
                0 => cluster(format!("c{number}")),
                1 => Order::RemoveCluster(format!("c{number}")),
                2 => Order::RemoveBackend {
                    cluster: format!("c{number}"),
                    id: "b".into(),
                    close_after: None,
                },
                _ => backend(number, what as u8),
            }
        });
        let made = record(&mut state, orders.collect());
        history.add(epoch, &made, &state).expect("stored");
        if epoch % 20 == 0 {
            drop(history);
            let (again, stored) = History::open(&path).expect("opened");
            assert_eq!(stored, Some((epoch, state.clone())));
            (history, state) = (again, stored.expect("a state").1);
        }
    }
}

#[test]
fn old_transactions_go() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut history, _) = History::open(&directory.path().join("store")).expect("opened");
    let mut state = State::default();
    history.put(1, &state).expect("stored");
    for epoch in [2, 3, 4, KEPT + 3, KEPT + 4] {
        let made = record(&mut state, vec![cluster(format!("c{epoch}"))]);
        history.add(epoch, &made, &state).expect("stored");
    }
    let left = history.since(0).expect("read").into_iter().map(|(epoch, _)| epoch);
    assert_eq!(left.collect::<Vec<_>>(), [KEPT + 4, KEPT + 3, 4]);
}

#[test]
fn old_transactions_give_way_to_large_ones() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    let (mut history, _) = History::open(&path).expect("opened");
    let mut state = State::default();
    history.put(1, &state).expect("stored");
    for epoch in 2..6 {
        let made = record(&mut state, vec![cluster(format!("c{epoch}"))]);
        history.add(epoch, &made, &state).expect("stored");
    }
    drop(history);
    let (mut history, _) = History::open(&path).expect("opened");
    let (kept, one) = (history.kept, history.kept.bytes / 4);
    assert!(kept.oldest == 2 && one > 0);
    // As if there were larger ones.
    history.kept.bytes += KEPT_BYTES - 3 * one;
    let made = record(&mut state, vec![cluster("c6".into())]);
    history.add(6, &made, &state).expect("stored");
    let left = history.since(0).expect("read").into_iter().map(|(epoch, _)| epoch);
    assert_eq!(left.collect::<Vec<_>>(), [6, 5, 4]);
}

#[test]
fn a_store_of_another_version_is_refused_with_a_way_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    let database = open(&path).expect("made");
    let write = database.begin_write().expect("begun");
    let states: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("states");
    write.open_table(states).expect("opened").insert(1, &b"{}"[..]).expect("stored");
    write.commit().expect("committed");
    drop(database);
    let Err(error) = History::open(&path) else { panic!("it is not read") };
    let error = error.to_string();
    assert!(error.contains("another version") && error.contains("weir state save"), "{error}");
}

#[test]
fn a_store_that_was_taken_away_takes_no_change_that_needs_those_before_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    let (mut history, _) = History::open(&path).expect("opened");
    let mut state = State::default();
    history.put(1, &state).expect("stored");
    let made = record(&mut state, vec![cluster("made".into())]);
    history.add(2, &made, &state).expect("stored");
    history.release();
    std::fs::remove_file(&path).expect("removed");
    let next = record(&mut state, vec![cluster("next".into())]);
    let sentence = history.add(3, &next, &state).expect_err("refused");
    assert!(sentence.contains("epoch 2"), "{sentence}");
    let (_, stored) = History::open(&path).expect("opened");
    assert_eq!(stored, None, "a part of a state is none");
}

#[test]
fn a_store_goes_on_in_another_image() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    let (mut history, _) = History::open(&path).expect("opened");
    let mut state = State::default();
    history.put(1, &state).expect("stored");
    assert!(History::resume(Some(&path), 1).is_err(), "it is open already");
    history.release();
    let error = History::resume(Some(&path), 2).err().expect("refused").to_string();
    assert!(error.contains("epoch 1 is the last one"), "{error}");
    let mut other = History::resume(Some(&path), 1).expect("opened");
    let made = record(&mut state, vec![cluster("made".into())]);
    other.add(2, &made, &state).expect("stored");
    drop(other);
    let (_, stored) = History::open(&path).expect("opened");
    assert_eq!(stored, Some((2, state)));
}
