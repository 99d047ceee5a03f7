//! Connections that other processes go on with, and what is said after a handshake.

use super::*;
use crate::known_cipher_suites;

/// As another process gets it: through a frame.
fn elsewhere(connection: Connection) -> Connection {
    let carried = connection.part().expect("an established connection");
    let text = serde_json::to_vec(&carried).expect("plain values");
    Connection::resume(serde_json::from_slice(&text).expect("the same")).expect("a known suite")
}

/// Both ends after a handshake with this cipher suite.
fn established(suite: &str, tickets: usize) -> Pair {
    let authority = Authority::new();
    let store = Store::default();
    store.add(authority.offer("example.org", FAR));
    let suites = [suite.to_owned()];
    let tls13 = suite.starts_with("TLS13");
    let options =
        ServerOptions { tls12: !tls13, tls13, cipher_suites: &suites, tickets, ..options() };
    let config = server_config(&options, store.clone(), super::tickets()).unwrap();
    let mut pair = pair(&store, &config, &client(&authority), "example.org");
    pair.run(64).unwrap();
    assert_eq!(pair.server.take_facts().unwrap().cipher, suite);
    pair
}

/// Sends both ways, and looks whether it arrives.
fn exchange(pair: &mut Pair, text: &[u8]) {
    pair.at_server.clear();
    pair.at_client.clear();
    pair.client.seal(text, &mut pair.to_server).unwrap();
    pair.server.seal(text, &mut pair.to_client).unwrap();
    pair.run(100).unwrap();
    assert!(pair.at_server == text && pair.at_client == text);
}

fn records(connection: &mut Connection) -> &mut Records {
    match &mut connection.state {
        State::Open(records) => records,
        State::Shaking(_) | State::Over => panic!("not established"),
    }
}

#[test]
fn either_end_goes_on_elsewhere_again_and_again_with_every_cipher() {
    let ecdsa = |suite: &String| !suite.contains("RSA");
    for suite in known_cipher_suites().into_iter().filter(ecdsa) {
        let mut pair = established(&suite, 2);
        for round in 0..4_u8 {
            exchange(&mut pair, &vec![round; 20_000]);
            match round {
                0 => pair.server = elsewhere(pair.server),
                1 => pair.client = elsewhere(pair.client),
                _ => (pair.server, pair.client) = (elsewhere(pair.server), elsewhere(pair.client)),
            }
        }
        pair.client.close(&mut pair.to_server);
        pair.server = elsewhere(pair.server);
        let received = pair.server.receive(&mut pair.to_server, &mut [0; 9], &mut Vec::new());
        assert!(received.unwrap().closed);
        assert!(elsewhere(pair.server).heard_end(), "that it has ended goes with it");
    }
}

#[test]
fn what_had_no_room_goes_with_it_and_parts_of_records_stay_with_the_caller() {
    let mut pair = established("TLS13_AES_128_GCM_SHA256", 0);
    pair.client.seal(b"one two three", &mut pair.to_server).unwrap();
    let whole = pair.to_server.len();
    pair.client.seal(b" four", &mut pair.to_server).unwrap();
    let mut space = [0; 4];
    let received = pair.server.receive(&mut pair.to_server, &mut space, &mut Vec::new()).unwrap();
    assert_eq!((received.consumed, received.more, &space), (whole, true, b"one "));
    pair.server = elsewhere(pair.server);
    assert!(pair.server.has_plain());
    pair.to_server.drain(..whole);
    let late = pair.to_server.split_off(7);
    pair.run(100).unwrap();
    assert_eq!(pair.at_server, b"two three");
    pair.server = elsewhere(pair.server);
    pair.to_server.extend(late);
    pair.run(100).unwrap();
    assert_eq!(pair.at_server, b"two three four");
}

#[test]
fn keys_are_renewed_before_and_after_a_connection_is_carried() {
    for suite in ["TLS13_AES_256_GCM_SHA384", "TLS13_CHACHA20_POLY1305_SHA256"] {
        let mut pair = established(suite, 0);
        for _ in 0..3 {
            records(&mut pair.client).owes_update = true;
            exchange(&mut pair, b"with another key of the client");
            pair.server = elsewhere(pair.server);
            exchange(&mut pair, b"and after that");
        }
        let before = records(&mut pair.server).sends.secret().clone();
        let ask = [24, 0, 0, 1, 1];
        records(&mut pair.client).sends.seal(22, &ask, &mut pair.to_server).unwrap();
        records(&mut pair.client).sends.renew().unwrap();
        pair.run(100).unwrap();
        pair.server = elsewhere(pair.server);
        exchange(&mut pair, b"both keys are others");
        assert!(*records(&mut pair.server).sends.secret() != before, "it was asked for one");
    }
}

#[test]
fn a_key_that_is_worn_is_renewed_or_ends_the_connection() {
    let worn = |connection: Connection| {
        let mut carried = connection.part().unwrap();
        carried.sends.1 = 1 << 24;
        Connection::resume(carried).unwrap()
    };
    let receives = |connection: Connection| {
        let mut carried = connection.part().unwrap();
        carried.receives.1 = 1 << 24;
        Connection::resume(carried).unwrap()
    };
    let mut pair = established("TLS13_AES_128_GCM_SHA256", 0);
    (pair.server, pair.client) = (worn(pair.server), receives(pair.client));
    exchange(&mut pair, b"goes on");
    assert_eq!(records(&mut pair.server).sends.count(), 1);
    let mut pair = established("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0);
    (pair.server, pair.client) = (worn(pair.server), receives(pair.client));
    let error = pair.server.seal(b"no more", &mut pair.to_client).unwrap_err();
    assert!(matches!(error, TlsError::Worn));
    let received = pair.client.receive(&mut pair.to_client, &mut [0; 9], &mut Vec::new());
    assert!(received.unwrap().closed, "it is said that this is the end");
}

/// What the server does when a client says this after the handshake.
fn says(suite: &str, kind: u8, text: &[u8], times: usize) -> Result<(), String> {
    let mut pair = established(suite, 0);
    for _ in 0..times {
        records(&mut pair.client).sends.seal(kind, text, &mut pair.to_server).unwrap();
        if kind == 22 && text[0] == 24 {
            records(&mut pair.client).sends.renew();
        }
    }
    let heard = pair.run(100).map_err(|error| error.to_string());
    let alert = pair.run(100).map_err(|error| error.to_string());
    match heard {
        // What is wrong is said to the client in an alert.
        Err(error) => Err(format!("{error}; {}", alert.unwrap_err())),
        Ok(()) => {
            exchange(&mut pair, b"unharmed");
            Ok(())
        }
    }
}

#[test]
fn what_has_no_place_after_a_handshake_is_refused_with_an_alert() {
    const NEW: &str = "TLS13_AES_128_GCM_SHA256";
    const OLD: &str = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    let refused = |suite, kind, text: &[u8], times, error: &str| {
        let said = says(suite, kind, text, times).unwrap_err();
        assert!(said.contains(error), "{said}");
    };
    refused(NEW, 22, &[1, 0, 0, 0], 1, "UnexpectedMessage");
    refused(NEW, 22, &[24, 0, 0, 1, 2], 1, "InvalidKeyUpdate");
    refused(NEW, 22, &[24, 0, 0, 1, 0, 24], 1, "KeyEpochWithPendingFragment");
    refused(NEW, 22, &[24, 0, 0, 1, 0], 33, "TooManyKeyUpdateRequests");
    refused(NEW, 20, &[1], 1, "UnexpectedMessage");
    refused(NEW, 21, &[1, 100], 1, "NoRenegotiation");
    refused(OLD, 21, &[1, 100], 5, "TooManyWarningAlerts");
    refused(OLD, 22, &[24, 0, 0, 1, 0], 1, "UnexpectedMessage");
    refused(NEW, 22, &[255; 16_384], 9, "too long");
    assert_eq!(says(NEW, 21, &[1, 90], 4), Ok(()), "user_canceled");
    assert_eq!(says(OLD, 21, &[1, 100], 4), Ok(()), "warnings");
}

#[test]
fn a_session_ticket_in_pieces_is_put_together() {
    let authority = Authority::new();
    let store = Store::default();
    store.add(authority.offer("example.org", FAR));
    let config = server_config(&options(), store.clone(), tickets()).unwrap();
    let client = client(&authority);
    let mut pair = pair(&store, &config, &client, "example.org");
    pair.run(64).unwrap();
    let ticket =
        [&[4, 0, 0, 18][..], &[0, 0, 9, 9, 1, 2, 3, 4, 1, 7, 0, 4, 1, 2, 3, 4, 0, 0]].concat();
    for piece in ticket.chunks(7) {
        records(&mut pair.server).sends.seal(22, piece, &mut pair.to_client).unwrap();
    }
    pair.run(64).unwrap();
    exchange(&mut pair, b"and on");
}
