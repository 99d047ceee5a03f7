use proptest::prelude::*;

use super::*;

const LISTENER: &str = "192.0.2.1:53";

const RULES: Rules = Rules { idle: Duration::from_secs(30), requests: 0, responses: 0 };

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1000)
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn key(client: &str, affinity: Affinity) -> FlowKey {
    FlowKey::new(address(LISTENER), address(client), affinity)
}

fn flows(flows: usize, per_source: u32) -> Flows<&'static str> {
    Flows::new(Limits { flows, per_source }, at(0))
}

/// A datagram of `client`, which begins a flow if need be.
fn send(flows: &mut Flows<&'static str>, client: &str, rules: Rules, now: Instant) -> Arrival {
    let key = key(client, Affinity::SourceIpPort);
    match flows.handle_request(&key, address(client), now) {
        Arrival::New => {
            Arrival::Known(flows.begin(key, address(client), rules, "data", now).expect("room"))
        }
        other => other,
    }
}

fn known(arrival: Arrival) -> Key {
    let Arrival::Known(id) = arrival else { panic!("{arrival:?}") };
    id
}

/// What comes out at `now`: client port and cause.
fn ended(flows: &mut Flows<&'static str>, now: Instant) -> Vec<(u16, Cause)> {
    std::iter::from_fn(|| flows.poll(now))
        .map(|ended| (ended.flow.client.port(), ended.cause))
        .collect()
}

#[test]
fn datagrams_of_one_client_belong_together() {
    let mut flows = flows(10, 0);
    let first = known(send(&mut flows, "10.0.0.1:1", RULES, at(0)));
    assert_eq!(send(&mut flows, "10.0.0.1:1", RULES, at(1)), Arrival::Known(first));
    assert_ne!(send(&mut flows, "10.0.0.1:2", RULES, at(1)), Arrival::Known(first));
    let flow = flows.get(first).expect("a flow");
    assert_eq!((flow.requests, flow.responses, flow.data), (2, 0, "data"));
    assert!(flows.handle_response(first, at(2)));
    assert_eq!(flows.get(first).expect("a flow").responses, 1);
}

#[test]
fn with_affinity_to_the_address_responses_go_where_the_last_datagram_came_from() {
    let mut flows = flows(10, 0);
    let send = |flows: &mut Flows<_>, client| {
        let key = key(client, Affinity::SourceIp);
        match flows.handle_request(&key, address(client), at(0)) {
            Arrival::New => flows.begin(key, address(client), RULES, "", at(0)).expect("room"),
            other => known(other),
        }
    };
    let first = send(&mut flows, "10.0.0.1:1");
    assert_eq!(send(&mut flows, "10.0.0.1:2"), first);
    assert_eq!(flows.get(first).expect("a flow").client, address("10.0.0.1:2"));
    assert_ne!(send(&mut flows, "10.0.0.2:2"), first);
}

#[test]
fn listeners_do_not_share_flows() {
    let mut flows = flows(10, 0);
    send(&mut flows, "10.0.0.1:1", RULES, at(0));
    let client = address("10.0.0.1:1");
    let other = FlowKey::new(address("192.0.2.1:54"), client, Affinity::SourceIpPort);
    assert_eq!(flows.handle_request(&other, client, at(0)), Arrival::New);
}

#[test]
fn a_full_table_refuses_new_flows_and_keeps_those_there_are() {
    let mut flows = flows(2, 0);
    let first = send(&mut flows, "10.0.0.1:1", RULES, at(0));
    send(&mut flows, "10.0.0.1:2", RULES, at(0));
    let refused = Arrival::Refused(NoRoom::Flows);
    assert_eq!(send(&mut flows, "10.0.0.1:3", RULES, at(1)), refused);
    assert_eq!(send(&mut flows, "10.0.0.1:1", RULES, at(1)), first);
    flows.close(known(first));
    assert_eq!(send(&mut flows, "10.0.0.1:3", RULES, at(1)), refused, "until it has come out");
    assert_eq!(ended(&mut flows, at(1)), [(1, Cause::Closed)]);
    assert!(matches!(send(&mut flows, "10.0.0.1:3", RULES, at(1)), Arrival::Known(_)));
}

#[test]
fn a_source_has_its_share() {
    let mut flows = flows(10, 1);
    let first = known(send(&mut flows, "10.0.0.1:1", RULES, at(0)));
    let refused = Arrival::Refused(NoRoom::Source);
    assert_eq!(send(&mut flows, "10.0.0.1:2", RULES, at(0)), refused);
    assert!(matches!(send(&mut flows, "10.0.0.2:2", RULES, at(0)), Arrival::Known(_)));
    flows.handle_unreachable(first);
    assert_eq!(ended(&mut flows, at(0)), [(1, Cause::Unreachable)]);
    assert!(matches!(send(&mut flows, "10.0.0.1:2", RULES, at(0)), Arrival::Known(_)));
}

#[test]
fn a_key_has_one_flow() {
    let mut flows = flows(10, 0);
    send(&mut flows, "10.0.0.1:1", RULES, at(0));
    let key = key("10.0.0.1:1", Affinity::SourceIpPort);
    let again = flows.begin(key, key.client, RULES, "", at(0));
    assert_eq!((again, flows.len()), (Err(NoRoom::Taken), 1));
}

#[test]
fn a_flow_is_over_after_so_many_responses() {
    let rules = Rules { responses: 2, ..RULES };
    let mut flows = flows(10, 0);
    let flow = known(send(&mut flows, "10.0.0.1:1", rules, at(0)));
    assert!(flows.handle_response(flow, at(1)));
    assert!(ended(&mut flows, at(1)).is_empty());
    assert!(flows.handle_response(flow, at(2)));
    assert!(flows.get(flow).is_some(), "its last datagram is still to be passed on");
    assert!(!flows.handle_response(flow, at(2)), "and no other");
    assert_eq!(ended(&mut flows, at(2)), [(1, Cause::Responses)]);
    assert!(flows.get(flow).is_none() && flows.is_empty());
}

#[test]
fn a_flow_is_over_after_so_many_requests() {
    let mut flows = flows(10, 0);
    let once = Rules { requests: 1, ..RULES };
    let first = known(send(&mut flows, "10.0.0.1:1", once, at(0)));
    let second = known(send(&mut flows, "10.0.0.1:1", once, at(0)));
    assert_ne!(first, second, "another flow, even before the first has come out");
    assert_eq!(ended(&mut flows, at(0)), [(1, Cause::Requests); 2]);
}

#[test]
fn any_datagram_keeps_a_flow() {
    let mut flows = flows(10, 0);
    let one = known(send(&mut flows, "10.0.0.1:1", RULES, at(0)));
    send(&mut flows, "10.0.0.1:2", RULES, at(0));
    send(&mut flows, "10.0.0.1:3", RULES, at(0));
    send(&mut flows, "10.0.0.1:2", RULES, at(20_000));
    flows.handle_response(one, at(25_000));
    assert!(flows.deadline().is_some_and(|deadline| deadline <= at(30_100)));
    assert_eq!(ended(&mut flows, at(29_999)), []);
    assert_eq!(ended(&mut flows, at(30_100)), [(3, Cause::Idle)]);
    assert_eq!(ended(&mut flows, at(50_100)), [(2, Cause::Idle)]);
    assert_eq!(ended(&mut flows, at(55_100)), [(1, Cause::Idle)]);
    assert_eq!(flows.deadline(), None);
}

#[test]
fn a_stale_name_changes_nothing() {
    let mut flows = flows(1, 0);
    let stale = known(send(&mut flows, "10.0.0.1:1", RULES, at(0)));
    flows.close(stale);
    flows.close(stale);
    assert_eq!(ended(&mut flows, at(0)).len(), 1);
    send(&mut flows, "10.0.0.1:2", RULES, at(0));
    flows.close(stale);
    flows.handle_unreachable(stale);
    assert!(!flows.handle_response(stale, at(0)));
    assert_eq!((ended(&mut flows, at(0)).len(), flows.len()), (0, 1));
}

#[test]
fn affinity_is_the_same_everywhere() {
    let hash = |client, affinity| key(client, affinity).affinity(7);
    let ip = hash("10.0.0.1:1", Affinity::SourceIp);
    assert_eq!(ip, 1_560_198_328_238_878_655);
    assert_eq!(ip, hash("10.0.0.1:2", Affinity::SourceIp));
    assert_eq!(ip, hash("[::ffff:10.0.0.1]:2", Affinity::SourceIp));
    assert_ne!(
        hash("10.0.0.1:1", Affinity::SourceIpPort),
        hash("10.0.0.1:2", Affinity::SourceIpPort)
    );
    assert_ne!(ip, key("10.0.0.1:1", Affinity::SourceIp).affinity(8));
}

#[test]
fn flows_go_on_in_another_process() {
    let mut old = flows(10, 0);
    let rules = Rules { responses: 2, ..RULES };
    let first = known(send(&mut old, "10.0.0.1:1", rules, at(0)));
    known(send(&mut old, "[2001:db8::1]:2", RULES, at(5_000)));
    old.handle_response(first, at(10_000));
    let over = known(send(&mut old, "10.0.0.3:3", RULES, at(0)));
    old.close(over);

    let now = at(20_000);
    let saved: Vec<_> = old.iter().map(|(_, flow)| flow.save(now)).collect();
    let text = serde_json::to_string(&saved).expect("plain data");
    let saved: Vec<Saved> = serde_json::from_str(&text).expect("plain data");
    assert_eq!(saved.len(), 2);

    let (mut new, now) = (Flows::new(Limits { flows: 10, per_source: 0 }, at(90_000)), at(90_000));
    for flow in saved {
        new.restore(flow, "restored", now).expect("room");
    }
    let flow = known(send(&mut new, "10.0.0.1:1", RULES, now));
    let restored = new.get(flow).expect("a flow");
    assert_eq!((restored.requests, restored.responses, restored.data), (2, 1, "restored"));
    assert_eq!(restored.begun, at(70_000));
    new.handle_response(flow, now);
    assert_eq!(ended(&mut new, now), [(1, Cause::Responses)]);
    assert_eq!(ended(&mut new, at(104_900)), []);
    assert_eq!(ended(&mut new, at(105_100)), [(2, Cause::Idle)]);
}

#[test]
fn of_two_flows_of_a_client_the_one_used_last_goes_on() {
    let mut there = flows(10, 0);
    let saved = |sent: u64, now: u64| {
        let mut old = flows(10, 0);
        known(send(&mut old, "10.0.0.1:1", RULES, at(sent)));
        let (_, flow) = old.iter().next().expect("a flow");
        flow.save(at(now))
    };
    let first = known(send(&mut there, "10.0.0.1:1", RULES, at(1_000)));
    assert_eq!(there.restore(saved(500, 2_000), "older", at(2_000)), Err(NoRoom::Taken));
    assert!(there.get(first).is_some_and(|flow| flow.data != "older"));
    let newer = there.restore(saved(1_500, 2_000), "newer", at(2_000)).expect("room");
    assert_eq!(ended(&mut there, at(2_000)), [(1, Cause::Closed)]);
    let again = known(send(&mut there, "10.0.0.1:1", RULES, at(2_000)));
    assert_eq!((again, there.len()), (newer, 1));
}

#[derive(Clone, Debug)]
enum Step {
    Request(u8),
    Response(u8),
    Close(u8),
    Part(u8),
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12_u8).prop_map(Step::Request),
        2 => (0..12_u8).prop_map(Step::Response),
        1 => (0..12_u8).prop_map(Step::Close),
        1 => (0..12_u8).prop_map(Step::Part),
        2 => (0..9_000_u16).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Against a list: who is there, and who is not.
    #[test]
    fn the_table_does_what_a_list_would(
        steps in prop::collection::vec(step(), 1..200),
        per_source in 0..4_u32,
        requests in 0..5_u32,
    ) {
        const FLOWS: usize = 8;
        let rules = Rules { idle: Duration::from_secs(10), requests, responses: 3 };
        let mut flows = flows(FLOWS, per_source);
        // Client, requests, responses, last datagram.
        let mut model: Vec<(u8, u32, u32, u64, Key)> = Vec::new();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Request(client) => {
                    let of_source = model.iter().filter(|flow| flow.0 % 3 == client % 3).count();
                    let name = format!("10.0.0.{}:{}", client % 3, u16::from(client) + 1);
                    let arrival = send(&mut flows, &name, rules, at(now));
                    match model.iter().position(|flow| flow.0 == client) {
                        Some(place) => {
                            let flow = &mut model[place];
                            prop_assert_eq!(arrival, Arrival::Known(flow.4));
                            (flow.1, flow.3) = (flow.1 + 1, now);
                        }
                        None if model.len() == FLOWS => {
                            prop_assert_eq!(arrival, Arrival::Refused(NoRoom::Flows));
                        }
                        None if per_source > 0 && of_source >= per_source as usize => {
                            prop_assert_eq!(arrival, Arrival::Refused(NoRoom::Source));
                        }
                        None => model.push((client, 1, 0, now, known(arrival))),
                    }
                }
                Step::Response(client) => {
                    let Some(flow) = model.iter_mut().find(|flow| flow.0 == client) else {
                        continue;
                    };
                    prop_assert!(flows.handle_response(flow.4, at(now)));
                    (flow.2, flow.3) = (flow.2 + 1, now);
                }
                Step::Close(client) => {
                    let found = model.iter().find(|flow| flow.0 == client);
                    found.into_iter().for_each(|flow| flows.close(flow.4));
                    model.retain(|flow| flow.0 != client);
                }
                Step::Part(client) => {
                    let found = model.iter().find(|flow| flow.0 == client);
                    prop_assert!(found.is_none_or(|flow| flows.part(flow.4).is_some()));
                    model.retain(|flow| flow.0 != client);
                }
                Step::Wait(millis) => now += u64::from(millis),
            }
            ended(&mut flows, at(now));
            // Within the tick either may be.
            let there = |id| flows.get(id).is_some();
            prop_assert!(model.iter().all(|flow| now < flow.3 + 10_100 || !there(flow.4)));
            model.retain(|flow| flow.2 < 3 && (requests == 0 || flow.1 < requests));
            model.retain(|flow| now < flow.3 + 10_000 || there(flow.4));
            prop_assert!(model.iter().all(|flow| there(flow.4)));
            prop_assert_eq!(flows.len(), model.len());
            prop_assert_eq!(flows.iter().count(), model.len());
        }
    }
}
