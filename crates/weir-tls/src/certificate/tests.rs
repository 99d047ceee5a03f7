use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, Issuer, KeyIdMethod, KeyPair, SerialNumber, date_time_ymd,
};

use super::CertificateError as E;
use super::*;

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn intermediate(name: &str, by: &Issuer<'_, KeyPair>) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), by).unwrap()
}

fn params(names: &[&str]) -> CertificateParams {
    let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(2026, 1, 2);
    params.not_after = date_time_ymd(2027, 1, 31);
    params
}

/// A leaf of a chain with one intermediate, and its key.
struct Made {
    leaf: String,
    middle: String,
    root: String,
    key: KeyPair,
}

fn made(key: KeyPair) -> Made {
    let root = authority("Root");
    let middle = intermediate("Middle", &root);
    let leaf = params(&["A.example", "*.b.example", "127.0.0.1"]);
    let leaf = leaf.signed_by(&key, &middle).unwrap().pem();
    Made { leaf, middle: middle.pem(), root: root.pem(), key }
}

const NO_CHAIN: [&str; 0] = [];

#[test]
fn a_certificate_is_read_with_its_chain_and_key() {
    let made = made(KeyPair::generate().unwrap());
    let rest = format!("{}{}{}", made.leaf, made.middle, made.root);
    let read = read_certificate(&made.leaf, [&rest], &made.key.serialize_pem()).unwrap();
    assert_eq!(read.chain.len(), 3, "the second leaf is dropped");
    assert_eq!(read.description.names, ["a.example", "*.b.example"]);
    let (from, to) = (read.description.not_before, read.description.not_after);
    assert_eq!((&*day(from), &*day(to)), ("2026-01-02", "2027-01-31"));
    let remark = |now: i64| read.description.remark(now).unwrap_or_default();
    assert_eq!(remark(from - 1), "is not valid before 2026-01-02: clients refuse it");
    assert_eq!((remark(from), remark(to - 8 * 86_400)), (String::new(), String::new()));
    assert_eq!(remark(to - 86_400), "expires soon, on 2027-01-31");
    assert_eq!(remark(to + 1), "expired on 2027-01-31: clients refuse it");
    assert_eq!(fingerprint_of(&rest), Ok(read.description.fingerprint));
    let leaf = certificate_pem(&read.chain[0]);
    assert_eq!(pem::certificates(&leaf).unwrap(), read.chain[..1]);
    let again = read_certificate(&leaf, NO_CHAIN, &key_pem(&read.key)).unwrap();
    assert_eq!((again.key, again.description), (read.key, read.description));
}

#[test]
fn every_kind_of_key_can_be_used() {
    let kinds = [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ];
    for kind in kinds {
        let made = made(KeyPair::generate_for(kind).unwrap());
        let key = made.key.serialize_pem();
        let read = read_certificate(&made.leaf, [&made.middle], &key).unwrap();
        assert_eq!(key_pem(&read.key).replace(['\r', '\n'], ""), key.replace(['\r', '\n'], ""));
    }
}

/// The key inside of a PKCS#8 one (RFC 5958): algorithm and version stand before it.
fn inner(pkcs8: &[u8]) -> &[u8] {
    let value = |der: &[u8]| match der[1] {
        length @ 0..=0x7f => 2..2 + usize::from(length),
        0x80 | 0x81 => 3..3 + usize::from(der[2]),
        _ => 4..4 + (usize::from(der[2]) << 8) + usize::from(der[3]),
    };
    let mut rest = &pkcs8[value(pkcs8)];
    for _ in 0..2 {
        rest = &rest[value(rest).end..];
    }
    &rest[value(rest)]
}

#[test]
fn keys_of_older_forms_keep_their_form() {
    let kinds = [
        (&rcgen::PKCS_ECDSA_P256_SHA256, "EC PRIVATE KEY"),
        (&rcgen::PKCS_RSA_SHA256, "RSA PRIVATE KEY"),
    ];
    for (kind, label) in kinds {
        let key = KeyPair::generate_for(kind).unwrap();
        let leaf = params(&["a.example"]).self_signed(&key).unwrap().pem();
        let text = key_pem(&Secret::from(inner(key.serialized_der())));
        assert!(text.starts_with(&format!("-----BEGIN {label}-----\n")));
        // What `openssl ecparam` writes in front.
        let curve = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----";
        let read = read_certificate(&leaf, NO_CHAIN, &format!("{curve}\n{}", *text)).unwrap();
        assert_eq!(key_pem(&read.key), text);
    }
}

#[test]
fn a_common_name_counts_when_there_is_no_other() {
    let key = KeyPair::generate().unwrap();
    let named = |names: &[&str]| {
        let mut params = params(names);
        params.distinguished_name.push(DnType::CommonName, "Common.example");
        describe(params.self_signed(&key).unwrap().der()).unwrap().names
    };
    assert_eq!(named(&["a.example"]), ["a.example"]);
    assert_eq!(named(&["127.0.0.1"]), ["common.example"]);
    assert_eq!(named(&["a b.example", "a.example", "A.example"]), ["a.example"]);
}

#[test]
fn what_cannot_be_served_is_refused() {
    let made = made(KeyPair::generate().unwrap());
    let key = made.key.serialize_pem();
    let read = |chain: &[&String]| read_certificate(&made.leaf, chain, &key).map(drop);
    assert_eq!(read(&[&made.middle, &made.root]), Ok(()));
    assert_eq!(read(&[&made.root, &made.middle]), Err(E::WrongOrder { number: 2 }));
    assert_eq!(read(&[&made.middle, &made.middle, &made.root]), Ok(()));
    let namesake = intermediate("Middle", &authority("Root")).pem();
    assert_eq!(read(&[&namesake]), Err(E::NotSigned { number: 2 }));
    let damaged = made.middle.replace("-----END CERTIFICATE-----", "");
    assert_eq!(read(&[&damaged]), Err(E::DamagedPem));
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    assert_eq!(read(&[&nonsense]), Err(E::Unreadable { number: 2 }));
    let many: Vec<_> = (0..MAX_CHAIN).map(|n| authority(&n.to_string()).pem()).collect();
    assert_eq!(read(&many.iter().collect::<Vec<_>>()), Err(E::LongChain));

    let with_key = |key: &str| read_certificate(&made.leaf, NO_CHAIN, key).map(drop);
    assert_eq!(with_key(&KeyPair::generate().unwrap().serialize_pem()), Err(E::OtherKey));
    assert_eq!(with_key(&made.leaf), Err(E::NoKey));
    let block = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    assert_eq!(with_key(&block("PRIVATE KEY")), Err(E::UnusableKey));
    assert_eq!(with_key(&block("ENCRYPTED PRIVATE KEY")), Err(E::EncryptedKey));
    assert_eq!(read_certificate("", NO_CHAIN, &key), Err(E::NoCertificate));
    assert_eq!(fingerprint_of(&key), Err(E::NoCertificate));
}

#[test]
fn authorities_and_revocations_are_read() {
    let (one, other) = (authority("One"), authority("Other"));
    let bundle = format!("# trusted\n{}{}", one.pem(), other.pem());
    let ders = read_authorities(&bundle).unwrap();
    assert_eq!(ders.len(), 2);
    assert_eq!(read_authorities("nothing"), Err(E::NoCertificate));
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = format!("{}{nonsense}", one.pem());
    assert_eq!(read_authorities(&broken), Err(E::NoAuthority { number: 2 }));

    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2027, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let mut signer = CertificateParams::default();
    signer.key_usages.push(rcgen::KeyUsagePurpose::CrlSign);
    let signer = CertifiedIssuer::self_signed(signer, KeyPair::generate().unwrap()).unwrap();
    let text = list.signed_by(&signer).unwrap().pem().unwrap();
    let lists = read_revocations(&text).unwrap();
    assert_eq!(pem::revocations(&revocations_pem(&lists[0])), Ok(lists));
    assert_eq!(read_revocations(&bundle), Err(E::NoRevocations));
    let broken = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    assert_eq!(read_revocations(broken), Err(E::UnreadableRevocations { number: 1 }));
}

#[test]
fn names_are_those_that_a_host_can_have() {
    let pattern = |text| host_pattern(text);
    assert_eq!(pattern("A.Example.").as_deref(), Some("a.example"));
    assert_eq!(pattern("*.a_b.example").as_deref(), Some("*.a_b.example"));
    for bad in ["", ".", "*", "*.", "a..b", "a.*.b", "*a.b", "a b", "a/b", "10.0.0.1", "::1"] {
        assert_eq!(pattern(bad), None, "{bad}");
    }
    assert_eq!(pattern(&"a.".repeat(128)), None);
    assert!(is_server_name("a.example") && is_server_name("::1") && !is_server_name("a b"));
}

#[test]
fn days_are_those_of_the_calendar() {
    for (seconds, text) in [
        (0, "1970-01-01"),
        (-1, "1969-12-31"),
        (951_782_400, "2000-02-29"),
        (4_107_542_400, "2100-03-01"),
        (1_798_761_599, "2026-12-31"),
    ] {
        assert_eq!(day(seconds), text);
    }
}

#[test]
fn nothing_of_a_key_is_printed() {
    let made = made(KeyPair::generate().unwrap());
    let read = read_certificate(&made.leaf, NO_CHAIN, &made.key.serialize_pem()).unwrap();
    let printed = format!("{read:?}");
    assert!(printed.contains("key: Secret,") || printed.contains("key: Secret }"), "{printed}");
}
