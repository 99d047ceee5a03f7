mod carried;

use super::handshake::UNRECOGNIZED_NAME;
use super::*;
use crate::{ClientCheck, Fingerprint, client_config, server_config};
use crate::{ClientOptions, Der, Offer, Secret, ServerOptions, TicketKey, Tickets};
use proptest::collection::vec;
use proptest::prelude::any;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
};

/// An authority and what it issues.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: Der,
}

impl Authority {
    fn new() -> Self {
        Self::named("one")
    }

    fn named(name: &str) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let der = Der::from(&certificate.der()[..]);
        Self { issuer: Issuer::new(params, key), der }
    }

    fn issue(&self, name: &str) -> (Vec<Der>, Secret) {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (vec![Der::from(&certificate.der()[..])], Secret::from(&key.serialize_der()[..]))
    }

    fn offer(&self, name: &str, expires: i64) -> Offer {
        let (chain, key) = self.issue(name);
        let fingerprint = Fingerprint::of(chain[0].bytes());
        Offer { fingerprint, names: vec![name.to_owned()], expires, chain, key }
    }
}

const FAR: i64 = 1 << 40;

/// Both ends and what is on its way between them.
struct Pair {
    server: Connection,
    client: Connection,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    at_server: Vec<u8>,
    at_client: Vec<u8>,
}

impl Pair {
    fn new(server: Connection, client: Connection) -> Self {
        let [to_server, to_client, at_server, at_client] = [(); 4].map(|()| Vec::new());
        Self { server, client, to_server, to_client, at_server, at_client }
    }

    /// Carries bytes both ways, at most `piece` at a time, until nothing moves.
    fn run(&mut self, piece: usize) -> Result<(), TlsError> {
        loop {
            let one = carry(
                &mut self.client,
                &mut self.to_client,
                &mut self.to_server,
                &mut self.at_client,
                piece,
            )?;
            let other = carry(
                &mut self.server,
                &mut self.to_server,
                &mut self.to_client,
                &mut self.at_server,
                piece,
            )?;
            if !one && !other {
                return Ok(());
            }
        }
    }
}

/// One turn of one end: true when something happened.
fn carry(
    end: &mut Connection,
    incoming: &mut Vec<u8>,
    out: &mut Vec<u8>,
    plain: &mut Vec<u8>,
    room: usize,
) -> Result<bool, TlsError> {
    let before = (incoming.len(), out.len(), plain.len());
    let mut space = vec![0; room];
    let received = end.receive(incoming, &mut space, out)?;
    incoming.drain(..received.consumed);
    plain.extend(&space[..received.plain]);
    Ok(before != (incoming.len(), out.len(), plain.len()))
}

fn options<'a>() -> ServerOptions<'a> {
    ServerOptions {
        tls12: true,
        tls13: true,
        cipher_suites: &[],
        groups: &[],
        alpn: &[b"http/1.1"],
        tickets: 2,
        clients: None,
    }
}

fn tickets() -> Tickets {
    let tickets = Tickets::new(60);
    tickets.set(&[TicketKey { made: 0, bytes: Secret::from(&[7; TicketKey::LEN][..]) }]);
    tickets
}

fn client(authority: &Authority) -> Arc<ClientConfig> {
    client_config(&ClientOptions {
        authorities: std::slice::from_ref(&authority.der),
        verify: true,
        identity: None,
        alpn: &[b"http/1.1"],
    })
    .unwrap()
}

fn pair(store: &Store, server: &Arc<ServerConfig>, config: &Arc<ClientConfig>, name: &str) -> Pair {
    let server = Connection::server(server, store).unwrap();
    Pair::new(server, Connection::client(config, name).unwrap())
}

#[test]
fn bytes_arrive_as_they_were_sent_whatever_the_room() {
    let authority = Authority::new();
    let store = Store::default();
    store.add(authority.offer("example.org", FAR));
    let config = server_config(&options(), store.clone(), tickets()).unwrap();
    let mut pair = pair(&store, &config, &client(&authority), "example.org");
    pair.run(64).unwrap();
    assert!(pair.server.is_established() && pair.client.is_established());
    let facts = pair.server.take_facts().unwrap();
    assert_eq!((facts.version, facts.server_name.as_deref()), ("TLSv1.3", Some("example.org")));
    assert_eq!(facts.alpn.as_deref(), Some(&b"http/1.1"[..]));
    assert!(!facts.resumed && facts.certificate.unwrap().covers(b"example.org"));
    let text: Vec<u8> = (0..40_000_u32).map(|n| n as u8).collect();
    pair.client.seal(&text, &mut pair.to_server).unwrap();
    pair.server.seal(b"answer", &mut pair.to_client).unwrap();
    pair.run(100).unwrap();
    assert!(pair.at_server == text && pair.at_client == b"answer");
    pair.client.close(&mut pair.to_server);
    let mut space = [0; 10];
    let received = pair.server.receive(&mut pair.to_server, &mut space, &mut pair.to_client);
    assert!(received.unwrap().closed);
}

#[test]
fn a_session_is_resumed_by_another_server_with_the_same_keys() {
    let authority = Authority::new();
    let client = client(&authority);
    let (chain, key) = authority.issue("example.org");
    let resumed = [1, 2].map(|_| {
        let store = Store::default();
        let fingerprint = Fingerprint::of(chain[0].bytes());
        let (chain, key) = (chain.clone(), key.clone());
        store.add(Offer {
            fingerprint,
            names: vec!["example.org".into()],
            expires: FAR,
            chain,
            key,
        });
        let config = server_config(&options(), store.clone(), tickets()).unwrap();
        let mut pair = pair(&store, &config, &client, "example.org");
        pair.run(64).unwrap();
        pair.server.take_facts().unwrap().resumed
    });
    assert_eq!(resumed, [false, true]);
}

#[test]
fn a_session_is_not_resumed_where_clients_must_show_who_they_are() {
    let authority = Authority::new();
    let client = client(&authority);
    let store = Store::default();
    store.add(authority.offer("example.org", FAR));
    let check = || ClientCheck {
        optional: false,
        authorities: std::slice::from_ref(&authority.der),
        revoked: &[],
    };
    let open = server_config(&options(), store.clone(), tickets()).unwrap();
    let strict = ServerOptions { clients: Some(check()), ..options() };
    let strict = server_config(&strict, store.clone(), tickets()).unwrap();
    pair(&store, &open, &client, "example.org").run(64).unwrap();
    let mut again = pair(&store, &open, &client, "example.org");
    again.run(64).unwrap();
    assert!(again.server.take_facts().unwrap().resumed);
    assert!(pair(&store, &strict, &client, "example.org").run(64).is_err());
}

#[test]
fn a_name_without_certificate_is_told_so_or_gets_the_default() {
    let authority = Authority::new();
    let store = Store::default();
    store.add(authority.offer("*.example.org", FAR));
    let config = server_config(&options(), store.clone(), tickets()).unwrap();
    let client = client(&authority);
    pair(&store, &config, &client, "one.example.org").run(64).unwrap();
    let mut unknown = pair(&store, &config, &client, "two.one.example.org");
    let error = unknown.run(64).unwrap_err();
    assert!(matches!(&error, TlsError::UnknownName(name) if name == "two.one.example.org"));
    assert_eq!(unknown.to_client, UNRECOGNIZED_NAME);
    let alert = unknown.run(64).unwrap_err().to_string();
    assert!(alert.to_lowercase().contains("unrecogni"), "{alert}");
    store.set_default(Some(authority.offer("two.one.example.org", FAR)));
    let mut known = pair(&store, &config, &client, "two.one.example.org");
    known.run(64).unwrap();
    assert!(known.server.take_facts().unwrap().is_default);
}

#[test]
fn the_certificate_that_lives_longest_is_served_and_the_next_when_it_goes() {
    let authority = Authority::new();
    let store = Store::default();
    let (old, new, dead) = (
        authority.offer("example.org", FAR),
        authority.offer("example.org", FAR + 1),
        authority.offer("example.org", 1),
    );
    let wanted = [new.fingerprint, old.fingerprint, dead.fingerprint];
    [dead, new, old].into_iter().for_each(|offer| store.add(offer));
    let config = server_config(&options(), store.clone(), tickets()).unwrap();
    let client = client(&authority);
    for fingerprint in wanted {
        let mut pair = pair(&store, &config, &client, "example.org");
        pair.run(64).unwrap();
        assert_eq!(
            pair.server.take_facts().unwrap().certificate.unwrap().fingerprint(),
            fingerprint
        );
        store.remove(&fingerprint);
    }
    assert_eq!(store.list(None), []);
}

#[test]
fn clients_are_who_they_show_to_be() {
    let (authority, other) = (Authority::new(), Authority::named("other"));
    let store = Store::default();
    store.add(authority.offer("example.org", FAR));
    let check = |optional| ServerOptions {
        clients: Some(ClientCheck {
            optional,
            authorities: std::slice::from_ref(&authority.der),
            revoked: &[],
        }),
        ..options()
    };
    let known = authority.issue("client");
    let stranger = other.issue("client");
    let run = |optional, identity: Option<&(Vec<Der>, Secret)>| {
        let config = server_config(&check(optional), store.clone(), tickets()).unwrap();
        let client = client_config(&ClientOptions {
            authorities: std::slice::from_ref(&authority.der),
            verify: true,
            identity: identity.map(|(chain, key)| (&chain[..], key)),
            alpn: &[],
        });
        let mut pair = pair(&store, &config, &client.unwrap(), "example.org");
        pair.run(64).map(|()| pair.server.take_facts().unwrap().peer.len())
    };
    assert_eq!(run(false, Some(&known)).unwrap(), 1);
    assert_eq!(run(true, None).unwrap(), 0);
    assert!(run(false, None).is_err() && run(true, Some(&stranger)).is_err());
}

#[test]
fn a_backend_must_be_who_it_is_taken_for() {
    let (authority, other) = (Authority::new(), Authority::named("other"));
    let store = Store::default();
    store.add(authority.offer("example.org", FAR));
    store.set_default(Some(authority.offer("example.org", FAR)));
    let config = server_config(&options(), store.clone(), tickets()).unwrap();
    let error = pair(&store, &config, &client(&other), "example.org").run(64).unwrap_err();
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    let error = pair(&store, &config, &client(&authority), "example.net").run(64).unwrap_err();
    assert!(error.to_string().contains("not valid for name"), "{error}");
    let anybody = client_config(&ClientOptions {
        authorities: &[],
        verify: false,
        identity: None,
        alpn: &[],
    });
    pair(&store, &config, &anybody.unwrap(), "example.net").run(64).unwrap();
}

#[test]
fn garbage_is_answered_with_an_alert() {
    let authority = Authority::new();
    let store = Store::default();
    store.add(authority.offer("example.org", FAR));
    let config = server_config(&options(), store.clone(), tickets()).unwrap();
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[22, 3, 1, 255, 255, 1], &[0; 64]] {
        let mut server = Connection::server(&config, &store).unwrap();
        let mut out = Vec::new();
        let result = server.receive(&mut garbage.to_vec(), &mut [0; 64], &mut out);
        assert!(result.is_err() && out.first() == Some(&21), "{out:?}");
    }
}

/// A server, and what a client sends it first.
fn hello() -> (Connection, Vec<u8>) {
    let authority = Authority::new();
    let store = Store::default();
    store.add(authority.offer("example.org", FAR));
    let config = server_config(&options(), store.clone(), tickets()).unwrap();
    let mut pair = pair(&store, &config, &client(&authority), "example.org");
    carry(&mut pair.client, &mut pair.to_client, &mut pair.to_server, &mut pair.at_client, 64)
        .unwrap();
    (pair.server, pair.to_server)
}

/// Feeds bytes in pieces; true when the server gave up.
fn feed(server: &mut Connection, bytes: &[u8], pieces: &[usize]) -> bool {
    let (mut held, mut rest) = (Vec::new(), bytes);
    for piece in pieces.iter().cycle() {
        let (now, later) = rest.split_at((*piece).min(rest.len()));
        held.extend_from_slice(now);
        rest = later;
        match server.receive(&mut held, &mut [0; 32], &mut Vec::new()) {
            Ok(received) => held.drain(..received.consumed),
            Err(_) => return true,
        };
        if rest.is_empty() {
            return false;
        }
    }
    false
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_hello_breaks_the_server(
        changes in vec((any::<usize>(), any::<u8>()), 0..8),
        pieces in vec(1..900_usize, 1..6),
    ) {
        let (mut server, mut bytes) = hello();
        for (at, byte) in &changes {
            let at = at % bytes.len();
            bytes[at] = *byte;
        }
        let failed = feed(&mut server, &bytes, &pieces);
        proptest::prop_assert!(!failed || !changes.is_empty());
    }

    #[test]
    fn no_garbage_breaks_an_established_connection(
        garbage in vec(any::<u8>(), 1..200),
        pieces in vec(1..90_usize, 1..6),
        kind in 20..24_u8,
    ) {
        let authority = Authority::new();
        let store = Store::default();
        store.add(authority.offer("example.org", FAR));
        let config = server_config(&options(), store.clone(), tickets()).unwrap();
        let mut pair = pair(&store, &config, &client(&authority), "example.org");
        pair.run(64).unwrap();
        let record = [&[kind, 3, 3, 0, garbage.len() as u8][..], &garbage].concat();
        let failed = feed(&mut pair.server, &record, &pieces);
        let silent = kind == 20 && garbage == [1];
        proptest::prop_assert!(failed || silent, "a record that nobody sealed");
    }
}
