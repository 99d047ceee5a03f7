//! HTTPS listeners, their frontends and certificates.

use weir_proto::{
    AddCertificate, AlpnProtocols, CertificateAndKey, CertificatesWithFingerprints, ClientAuthMode,
    ClientAuthPolicy, DefaultCertificate, HstsConfig, HttpsListenerConfig,
    QueryCertificatesFilters, RemoveCertificate, RemoveListener, ReplaceCertificate, TlsVersion,
    UpdateHttpsListenerConfig,
};
use weir_tls::Fingerprint;
use weir_tls::certificate::fingerprint_of;

use super::*;
use crate::fixtures::MADE;
use crate::state::{self, Hsts};

fn https(change: impl FnOnce(&mut HttpsListenerConfig)) -> RequestType {
    let mut config = HttpsListenerConfig {
        address: at(8443),
        sticky_name: "S".into(),
        send_tls13_tickets: 4,
        ..HttpsListenerConfig::default()
    };
    change(&mut config);
    RequestType::AddHttpsListener(config)
}

fn secured() -> State {
    let mut state = served();
    make(&mut state, &https(|_| {})).expect("accepted");
    state
}

fn tls(state: &State) -> &state::ListenerTls {
    let address = SocketAddr::from(([127, 0, 0, 1], 8443));
    state.listeners[&address].tls.as_deref().expect("it ends TLS")
}

fn shown(number: usize) -> CertificateAndKey {
    MADE.certificates[number].clone()
}

fn fingerprint(number: usize) -> Fingerprint {
    fingerprint_of(&shown(number).certificate).expect("one")
}

fn add(certificate: CertificateAndKey) -> RequestType {
    RequestType::AddCertificate(AddCertificate { address: at(8443), certificate, expired_at: None })
}

fn replace(old: &str, new: CertificateAndKey) -> RequestType {
    RequestType::ReplaceCertificate(ReplaceCertificate {
        address: at(8443),
        new_certificate: new,
        old_fingerprint: old.into(),
        new_expired_at: None,
    })
}

fn remove(fingerprint: &str) -> RequestType {
    RequestType::RemoveCertificate(RemoveCertificate {
        address: at(8443),
        fingerprint: fingerprint.into(),
    })
}

fn update(change: impl FnOnce(&mut UpdateHttpsListenerConfig)) -> RequestType {
    let mut patch = UpdateHttpsListenerConfig { address: at(8443), ..Default::default() };
    change(&mut patch);
    RequestType::UpdateHttpsListener(patch)
}

fn enabled() -> HstsConfig {
    HstsConfig { enabled: Some(true), ..HstsConfig::default() }
}

#[test]
fn a_listener_has_the_usual_settings_where_nothing_is_said() {
    assert_eq!(*tls(&secured()), state::ListenerTls::default());
    let mut state = State::default();
    let all = https(|config| {
        let CertificateAndKey { certificate, certificate_chain, key, .. } = shown(0);
        (config.certificate, config.key) = (Some(certificate), Some(key));
        config.certificate_chain = certificate_chain;
        config.versions = vec![TlsVersion::TlsV11.into(), TlsVersion::TlsV13.into()];
        config.cipher_list = vec!["TLS13_AES_256_GCM_SHA384".into()];
        config.groups_list = vec!["x25519".into()];
        config.alpn_protocols = vec!["http/1.1".into()];
        config.strict_sni_binding = Some(false);
        config.hsts = Some(enabled());
        config.client_auth = Some(ClientAuthMode::ClientAuthOptional.into());
        config.client_ca_certificates = vec![MADE.authority.clone()];
        config.client_ca_crls = vec![MADE.revoked.clone()];
    });
    make(&mut state, &all).expect("accepted");
    let tls = tls(&state);
    assert_eq!(tls.versions, [state::TlsVersion::V13]);
    assert_eq!(tls.default_certificate.as_ref().map(|identity| identity.chain.len()), Some(2));
    assert_eq!(tls.hsts.map(|policy| policy.max_age), Some(31_536_000));
    assert_eq!((tls.client_auth, tls.client_revoked.len()), (state::ClientAuth::Optional, 1));
}

#[test]
fn a_patch_of_a_listener_changes_what_it_names() {
    let mut state = secured();
    let alpn = |names: &[&str]| {
        let values = names.iter().map(|name| (*name).to_owned()).collect();
        update(|patch| patch.alpn_protocols = Some(AlpnProtocols { values }))
    };
    make(&mut state, &alpn(&["http/1.1"])).expect("accepted");
    assert_eq!(tls(&state).alpn, ["http/1.1"]);
    make(&mut state, &alpn(&[])).expect("accepted");
    assert_eq!(tls(&state).alpn, ["h2", "http/1.1"]);
    let several = update(|patch| {
        patch.front_timeout = Some(7);
        patch.strict_sni_binding = Some(false);
        patch.hsts = Some(enabled());
        patch.answers = [("503".to_owned(), "HTTP/1.1 503 No\r\n\r\n".to_owned())].into();
        patch.client_auth_policy = Some(ClientAuthPolicy {
            client_auth: Some(ClientAuthMode::ClientAuthRequired.into()),
            client_ca_certificates: vec![MADE.authority.clone()],
            client_ca_crls: Vec::new(),
        });
    });
    make(&mut state, &several).expect("accepted");
    let listener = state.listeners.values().find(|l| l.tls.is_some()).expect("there");
    assert!(listener.answers.contains_key(&503) && listener.front_timeout.as_secs() == 7);
    assert!(!tls(&state).strict_sni_binding && tls(&state).hsts.is_some());
    assert_eq!(tls(&state).client_auth, state::ClientAuth::Required);
    make(&mut state, &update(|_| {})).expect("accepted");
    assert_eq!(tls(&state).client_auth, state::ClientAuth::Required, "it stays");
    let default = |certificate: Option<CertificateAndKey>| {
        update(|patch| patch.default_certificate = Some(DefaultCertificate { certificate }))
    };
    make(&mut state, &default(Some(shown(0)))).expect("accepted");
    make(&mut state, &update(|_| {})).expect("accepted");
    assert!(tls(&state).default_certificate.is_some(), "it stays");
    make(&mut state, &default(None)).expect("accepted");
    assert!(tls(&state).default_certificate.is_none(), "it was taken away");
    let another = CertificateAndKey { key: shown(1).key, ..shown(0) };
    let refused = [
        default(Some(another)),
        update(|patch| patch.hsts = Some(HstsConfig::default())),
        update(|patch| patch.disable_http11 = Some(true)),
        alpn(&["h3"]),
        update(|patch| patch.h2_max_ping_per_window = Some(0)),
        update(|patch| {
            patch.client_auth_policy = Some(ClientAuthPolicy {
                client_auth: Some(ClientAuthMode::ClientAuthRequired.into()),
                ..ClientAuthPolicy::default()
            })
        }),
        RequestType::UpdateHttpsListener(UpdateHttpsListenerConfig {
            address: at(8080),
            ..Default::default()
        }),
        RequestType::UpdateHttpListener(UpdateHttpListenerConfig {
            address: at(8443),
            ..Default::default()
        }),
    ];
    let refusals = refused.map(|request| make(&mut state, &request).expect_err("refused"));
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn listeners_that_cannot_be_served_are_refused() {
    let refused = [
        https(|config| config.address = at(8080)),
        https(|config| config.versions = vec![TlsVersion::SslV3.into()]),
        https(|config| config.cipher_list = vec!["RC4".into()]),
        https(|config| config.groups_list = vec!["P-265".into()]),
        https(|config| config.send_tls13_tickets = 17),
        https(|config| config.certificate = Some(shown(0).certificate)),
        https(|config| {
            (config.certificate, config.key) = (Some(shown(0).certificate), Some(shown(1).key));
        }),
        https(|config| config.client_auth = Some(2)),
        https(|config| config.client_ca_crls = vec![MADE.authority.clone()]),
        https(|config| (config.expect_proxy, config.public_address) = (true, Some(at(1)))),
    ];
    let refusals = refused.map(|request| make(&mut served(), &request).expect_err("refused"));
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn a_listener_is_found_by_what_it_speaks() {
    let mut state = secured();
    let removal = |kind: ListenerType| {
        RequestType::RemoveListener(RemoveListener {
            address: at(8443),
            proxy: kind.into(),
            interface: None,
        })
    };
    let activation = |kind: ListenerType| {
        RequestType::ActivateListener(ActivateListener {
            address: at(8443),
            proxy: kind.into(),
            ..ActivateListener::default()
        })
    };
    assert!(
        make(&mut state, &removal(ListenerType::Http)).expect_err("no").contains("speaks HTTPS")
    );
    assert!(make(&mut state, &removal(ListenerType::Tcp)).is_err());
    make(&mut state, &activation(ListenerType::Https)).expect("accepted");
    make(&mut state, &add(shown(0))).expect("accepted");
    let listed = query::listeners(&state);
    assert!(listed.https_listeners["127.0.0.1:8443"].active && listed.http_listeners.len() == 1);
    make(&mut state, &removal(ListenerType::Https)).expect("accepted");
    assert!(state.certificates.is_empty(), "they go with their listener");
}

#[test]
fn frontends_are_for_listeners_of_their_kind() {
    let mut state = secured();
    let at_tls = |host: &str| RequestHttpFrontend { address: at(8443), ..frontend(host) };
    let with_policy = RequestHttpFrontend { hsts: Some(enabled()), ..at_tls("a.example") };
    make(&mut state, &RequestType::AddHttpsFrontend(with_policy)).expect("accepted");
    let hsts: Option<Hsts> = state.frontends.iter().last().expect("there").hsts;
    assert!(hsts.is_some_and(|policy| policy.enabled));
    let plain_policy = RequestHttpFrontend { hsts: Some(enabled()), ..frontend("b.example") };
    for (request, why) in [
        (RequestType::AddHttpsFrontend(frontend("b.example")), "speaks HTTP: add no"),
        (RequestType::AddHttpFrontend(at_tls("b.example")), "speaks HTTPS: add no"),
        (RequestType::AddHttpFrontend(plain_policy), "HSTS needs an `https` listener"),
        (RequestType::RemoveHttpFrontend(at_tls("a.example")), "no HTTP frontend a.example"),
        (RequestType::RemoveHttpsFrontend(frontend("example.org")), "no HTTPS frontend"),
    ] {
        let refusal = make(&mut state, &request).expect_err("refused");
        assert!(refusal.contains(why), "{refusal}");
    }
    let filters = |http, https| FrontendFilters { http, https, ..FrontendFilters::default() };
    let counts = |http, https| {
        let list = query::frontends(&state, &filters(http, https)).expect("no page");
        (list.http_frontends.len(), list.https_frontends.len())
    };
    assert_eq!([counts(true, false), counts(false, true)], [(1, 0), (0, 1)]);
    assert_eq!([counts(true, true), counts(false, false)], [(1, 1), (1, 1)]);
    let known = query::cluster_by_id(&state, "app").vec;
    assert_eq!((known[0].http_frontends.len(), known[0].https_frontends.len()), (1, 1));
    make(&mut state, &RequestType::RemoveHttpsFrontend(at_tls("A.example"))).expect("accepted");
}

#[test]
fn a_certificate_is_added_once() {
    let mut state = secured();
    make(&mut state, &add(shown(0))).expect("accepted");
    let (known, certificate) = state.certificates.first_key_value().expect("there");
    assert_eq!(known.fingerprint, fingerprint(0));
    assert_eq!(certificate.names, ["c0.example", "*.c0.example"]);
    let again = CertificateAndKey { names: vec!["other.example".into()], ..shown(0) };
    assert_eq!(orders(&state, &add(again)), Ok(Some(Vec::new())), "it is known");
    let named = AddCertificate {
        address: at(8443),
        certificate: CertificateAndKey {
            names: vec!["X.example.".into(), "x.example".into(), "*.y.example".into()],
            ..shown(1)
        },
        expired_at: Some(7),
    };
    make(&mut state, &RequestType::AddCertificate(named)).expect("accepted");
    let second = state.certificates.values().find(|c| c.fingerprint == fingerprint(1));
    let second = second.expect("there");
    assert_eq!(second.names, ["x.example", "*.y.example"]);
    assert_eq!(second.expires, 7);
    make(&mut state, &add(MADE.expired.clone())).expect("it may be meant");
}

#[test]
fn a_certificate_is_replaced_and_removed() {
    let mut state = secured();
    let old = fingerprint(0).to_string();
    let alone = make(&mut state, &replace(&old, shown(1))).expect_err("refused");
    assert!(alone.contains("no certificate to replace"), "{alone}");
    make(&mut state, &add(shown(0))).expect("accepted");
    make(&mut state, &replace(&old.to_uppercase(), shown(1))).expect("accepted");
    let ids =
        |state: &State| state.certificates.keys().map(|id| id.fingerprint).collect::<Vec<_>>();
    assert_eq!(ids(&state), [fingerprint(1)]);
    make(&mut state, &replace(&old, shown(2))).expect("an unknown one is tolerated");
    assert_eq!(state.certificates.len(), 2);
    let same = replace(&fingerprint(2).to_string(), shown(2));
    assert_eq!(orders(&state, &same), Ok(Some(Vec::new())));
    assert!(make(&mut state, &replace("abc", shown(0))).is_err());

    make(&mut state, &remove(&fingerprint(1).to_string())).expect("accepted");
    assert_eq!(ids(&state), [fingerprint(2)]);
    assert_eq!(orders(&state, &remove(&old)), Ok(Some(Vec::new())), "unknown is tolerated");
    let refusal = make(&mut state, &remove("xyz")).expect_err("refused");
    assert!(refusal.contains("64 hexadecimal digits"), "{refusal}");
}

#[test]
fn certificates_that_cannot_be_served_are_refused() {
    let elsewhere = |port| {
        let (address, certificate) = (at(port), shown(0));
        RequestType::AddCertificate(AddCertificate { address, certificate, expired_at: None })
    };
    let refused = [
        elsewhere(9),
        elsewhere(8080),
        add(CertificateAndKey { key: shown(1).key, ..shown(0) }),
        add(CertificateAndKey { certificate_chain: vec![shown(1).certificate], ..shown(0) }),
        add(CertificateAndKey { certificate: shown(0).key, ..shown(0) }),
        add(CertificateAndKey { names: vec!["a b".into()], ..shown(0) }),
    ];
    let refusals = refused.map(|request| make(&mut secured(), &request).expect_err("refused"));
    insta::assert_snapshot!(refusals.join("\n"));
    assert!(!refusals.join("").contains("PRIVATE"));
}

#[test]
fn certificates_are_found_by_name_and_fingerprint() {
    let mut state = secured();
    for number in 0..2 {
        make(&mut state, &add(shown(number))).expect("accepted");
    }
    let found = |domain: Option<&str>, fingerprint: Option<String>| {
        let domain = domain.map(str::to_owned);
        let filters = QueryCertificatesFilters { domain, fingerprint, page: None };
        let found = query::certificates(&state, &filters).expect("no page is asked for");
        found.certs.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(found(None, None).len(), 2);
    assert_eq!(found(Some("c0.example"), None), [fingerprint(0).to_string()]);
    assert_eq!(found(Some("a.c0.example"), None), [""; 0], "a wildcard is a name like others");
    assert_eq!(found(Some("*.c0.example"), None), [fingerprint(0).to_string()]);
    let second = fingerprint(1).to_string();
    assert_eq!(found(None, Some(second.clone())), [second]);
    let all = query::certificates(&state, &QueryCertificatesFilters::default());
    let all = all.expect("no page is asked for");
    let first = &all.certs[&fingerprint(0).to_string()];
    assert_eq!(first.names, ["c0.example", "*.c0.example"]);
    let wanted = add(first.clone());
    assert!(make(&mut secured(), &wanted).is_ok(), "it is good for adding it again");
}

#[test]
fn certificates_are_listed_page_by_page() {
    let mut state = secured();
    for number in 0..2 {
        make(&mut state, &add(shown(number))).expect("accepted");
    }
    let page = |page: &str| {
        let page = Some(page.to_owned());
        query::certificates_up_to(
            &state,
            &QueryCertificatesFilters { page, ..Default::default() },
            1,
        )
    };
    let first = page("").expect("a page");
    let second = page(first.next.as_deref().expect("more")).expect("a page");
    assert_eq!((first.certs.len(), second.certs.len()), (1, 1));
    assert!(first.certs.keys().ne(second.certs.keys()));
    let last = second.next.map(|next| page(&next).expect("a page"));
    assert!(last.is_none_or(|last| last == CertificatesWithFingerprints::default()));
    assert!(page("x").expect_err("refused").0.starts_with("`x` is no page"));
}
