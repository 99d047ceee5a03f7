use super::*;
use crate::testing::{eventually, wait_readable};

fn bound(address: &str) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(address.parse().expect("an address")).expect("bound");
    let address = socket.local_addr().expect("bound");
    (socket, address)
}

fn out(bytes: &[u8]) -> Outgoing<'_> {
    Outgoing { to: None, from: None, head: b"", bytes, segment: 0 }
}

/// What comes, as soon as there are so many datagrams.
fn heard(socket: &UdpSocket, count: usize) -> Vec<(Option<SocketAddr>, Option<Local>, Vec<u8>)> {
    let mut all = Vec::new();
    let mut inbox = Inbox::new();
    while all.len() < count {
        wait_readable(socket);
        inbox.clear();
        socket.receive(&mut inbox).expect("received");
        for message in (0..inbox.len()).filter_map(|index| inbox.get(index)) {
            assert!(!message.cut);
            all.extend(message.datagrams().map(|d| (message.from, message.to, d.to_vec())));
        }
    }
    all
}

fn texts(socket: &UdpSocket, count: usize) -> Vec<Vec<u8>> {
    heard(socket, count).into_iter().map(|(_, _, bytes)| bytes).collect()
}

#[test]
fn many_datagrams_are_sent_and_received_at_once() {
    for any in ["127.0.0.1:0", "[::1]:0"] {
        let (server, address) = bound(any);
        let client = UdpSocket::connect(address).expect("connected");
        assert_eq!(server.receive(&mut Inbox::new()).expect("nothing"), 0);
        let messages =
            [out(b"one"), Outgoing { head: b"tw", ..out(b"o") }, out(b""), out(b"three")];
        assert_eq!(client.send(&messages).expect("sent"), 4);
        let from = client.local_addr().expect("bound");
        let all = heard(&server, 4);
        assert!(all.iter().all(|(who, to, _)| (*who, *to) == (Some(from), None)));
        let bytes: Vec<_> = all.iter().map(|(_, _, bytes)| &bytes[..]).collect();
        assert_eq!(bytes, [&b"one"[..], b"two", b"", b"three"]);
        let answer = Outgoing { to: Some(from), ..out(b"heard") };
        assert_eq!(server.send(&[answer]).expect("sent"), 1);
        assert_eq!(texts(&client, 1), [b"heard"]);
    }
}

#[test]
fn a_message_may_stand_for_several_datagrams() {
    let (server, address) = bound("127.0.0.1:0");
    let client = UdpSocket::connect(address).expect("connected");
    let bytes: Vec<u8> = (0..1050u32).map(|n| (n / 100) as u8).collect();
    let group = Outgoing { segment: 100, ..out(&bytes) };
    if client.send(&[group]).is_err() {
        return; // This kernel cannot.
    }
    let all = texts(&server, 11);
    assert_eq!(all.concat(), bytes);
    assert!(all[..10].iter().all(|d| d.len() == 100) && all[10].len() == 50);
}

#[test]
fn an_inbox_takes_as_much_as_it_has_room_for() {
    let (server, address) = bound("127.0.0.1:0");
    let client = UdpSocket::connect(address).expect("connected");
    // Of rising lengths, which no message can stand for together.
    let bytes = [7; 64];
    for len in 0..20 {
        assert_eq!(client.send(&[out(&bytes[..len])]).expect("sent"), 1);
    }
    let mut inbox = Inbox::new();
    eventually("a full inbox", || {
        server.receive(&mut inbox).expect("received");
        inbox.is_full()
    });
    assert_eq!(server.receive(&mut inbox).expect("no room"), 0);
    assert_eq!(inbox.get(15).map(|message| message.bytes.len()), Some(15));
    inbox.clear();
    assert!(inbox.is_empty() && inbox.get(0).is_none());
    assert_eq!(server.receive(&mut inbox).expect("the rest"), 4);
}

#[test]
fn who_listens_on_all_addresses_answers_from_the_one_that_was_meant() {
    for (any, meant) in [("0.0.0.0:0", "127.0.0.2"), ("[::]:0", "::1"), ("[::]:0", "127.0.0.3")] {
        let (server, address) = bound(any);
        let meant: IpAddr = meant.parse().expect("an address");
        let client = UdpSocket::connect((meant, address.port()).into()).expect("connected");
        client.send(&[out(b"question")]).expect("sent");
        let (from, to, _) = heard(&server, 1).remove(0);
        let told = to.expect("told");
        assert_eq!((told.ip.to_canonical(), told.interface), (meant, 0));
        // A connected socket hears nobody else.
        let answer = Outgoing { to: from, from: to, ..out(b"answer") };
        server.send(&[answer]).expect("sent");
        assert_eq!(texts(&client, 1), [b"answer"]);
    }
}

#[test]
fn a_datagram_that_nobody_takes_is_an_error_of_a_later_call() {
    let (server, address) = bound("127.0.0.1:0");
    drop(server);
    let client = UdpSocket::connect(address).expect("connected");
    client.send(&[out(b"?")]).expect("sent");
    let mut inbox = Inbox::new();
    eventually("the refusal", || match client.receive(&mut inbox) {
        Ok(0) => false,
        Ok(_) => panic!("nobody is there"),
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            true
        }
    });
    let mut refused = false;
    eventually("another refusal", || {
        refused |= client.send(&[out(b"?")]).is_err();
        refused
    });
}

#[test]
fn an_address_that_is_taken_is_recognised() {
    let (server, address) = bound("127.0.0.1:0");
    assert!(is_bound(address).expect("known"));
    let second = UdpSocket::bind(address).expect("another with SO_REUSEPORT");
    drop((server, second));
    assert!(!is_bound(address).expect("known"));
    assert!(!is_bound(SocketAddr::from(([127, 0, 0, 1], 0))).expect("known"));
}

#[test]
fn a_message_too_long_for_the_wire_is_refused_alone() {
    let (_server, address) = bound("127.0.0.1:0");
    let client = UdpSocket::connect(address).expect("connected");
    let long = vec![0; LONGEST_MESSAGE];
    let error = client.send(&[out(&long), out(b"x")]).expect_err("too long");
    assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    assert_eq!(client.send(&[out(b"x"), out(&long)]).expect("the first"), 1);
}
