//! Listeners that end TLS, certificates in files, TLS with backends.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
};
use tempfile::TempDir;

use super::{EXAMPLE, SMALL, bad, cluster_with, frontend_with, good, https_with, small_with};
use crate::state::{ClientAuth, Hsts, TlsVersion};

/// Files with an authority `ca.pem`, its revocation list `ca.crl`, and certificates of it.
struct Files {
    directory: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Files {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let files = Self { directory: tempfile::tempdir().expect("a directory"), authority };
        files.write("ca.pem", &files.authority.pem());
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&files.authority).expect("signed");
        files.write("ca.crl", &list.pem().expect("PEM"));
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    /// Makes `name.pem` and `name.key` for hosts, valid to the end of that year.
    fn certificate(&self, name: &str, hosts: &[&str], until: i32) {
        let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("names");
        params.not_after = date_time_ymd(until, 12, 31);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.authority).expect("signed");
        self.write(&format!("{name}.pem"), &certificate.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    /// Lines, or an inline table, with paths of these names in the place of `@name`.
    fn with(&self, text: &str) -> String {
        text.replace('@', &format!("{}/", self.directory.path().display()))
    }
}

/// The small file with TLS, and more in its frontend.
fn route_with(more: &str) -> String {
    https_with("").replace("path = \"/a\"", &format!("path = \"/a\", {more}"))
}

#[test]
fn an_https_listener_has_its_settings() {
    let files = Files::new();
    files.certificate("a", &["a.example"], 2099);
    let more = r#"
certificate = "@a.pem"
certificate_chain = "@ca.pem"
key = "@a.key"
tls_versions = ["TLS_V13", "TLS_V12", "TLS_V11"]
cipher_list = ["TLS13_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]
cipher_suites = ["anything"]
groups_list = ["x25519", "P-256"]
send_tls13_tickets = 2
alpn_protocols = ["http/1.1", "h2", "http/1.1"]
strict_sni_binding = false
client_auth = "required"
client_ca = "@ca.pem"
client_crl = "@ca.crl"
hsts = { enabled = true, preload = true }
"#;
    let checked = good(&https_with(&files.with(more)));
    let listener = checked.state.listeners.values().next().expect("one");
    let tls = listener.tls.as_deref().expect("TLS");
    assert_eq!(tls.versions, [TlsVersion::V12, TlsVersion::V13]);
    assert_eq!(
        (tls.cipher_list.len(), &*tls.groups_list),
        (2, &["x25519", "P-256"].map(String::from)[..])
    );
    assert_eq!((tls.tickets, tls.strict_sni_binding), (2, false));
    assert_eq!(tls.alpn, ["http/1.1", "h2"]);
    assert_eq!(tls.default_certificate.as_ref().map(|identity| identity.chain.len()), Some(2));
    assert_eq!(tls.client_auth, ClientAuth::Required);
    assert_eq!((tls.client_authorities.len(), tls.client_revoked.len()), (1, 1));
    let hsts = Hsts {
        enabled: true,
        max_age: 31_536_000,
        include_subdomains: false,
        preload: true,
        force_replace_backend: false,
    };
    assert_eq!(tls.hsts, Some(hsts));
    let warnings = checked.warnings.to_string();
    assert!(warnings.contains("TLS before 1.2 is not served"), "{warnings}");
    assert!(warnings.contains("to leave their lists takes months"), "{warnings}");
    insta::assert_snapshot!("summary_tls", checked.summary());

    let plain = good(&https_with("")).state.listeners.into_values().next().expect("one");
    assert_eq!(plain.tls, Some(Box::default()));
}

#[test]
fn a_certificate_of_a_frontend_is_one_of_its_listener() {
    let files = Files::new();
    files.certificate("a", &["example.org", "*.example.org"], 2099);
    let files_of_a = files.with("certificate = \"@a.pem\", key = \"@a.key\"");
    let route = route_with(&format!("{files_of_a}, hsts = {{ enabled = false }}"));
    let checked = good(&route);
    assert!(checked.warnings.diagnostics().is_empty(), "{}", checked.warnings);
    let certificate = checked.state.certificates.values().next().expect("one");
    assert_eq!(certificate.names, ["example.org", "*.example.org"]);
    assert_eq!(certificate.address.port(), 8080);
    assert!(checked.state.frontends[0].hsts.is_some_and(|policy| !policy.enabled));
    // A listener that nobody wrote is made for the certificate.
    let alone = frontend_with(&files_of_a).replacen("127.0.0.1:8080", "127.0.0.1:1", 1);
    assert!(good(&alone).state.listeners[&"127.0.0.1:8080".parse().expect("one")].tls.is_some());
    let summary = good(&alone).summary();
    assert!(summary.contains("1 certificate (until 2099-12-31)"), "{summary}");
}

#[test]
fn hosts_that_no_certificate_is_for_are_warned_of() {
    let files = Files::new();
    files.certificate("a", &["*.org"], 2099);
    files.certificate("other", &["other.net"], 2099);
    let warned = |source: &str| good(source).warnings.to_string();
    let nothing = warned(&https_with(""));
    assert!(nothing.contains("no client can connect to 127.0.0.1:8080"), "{nothing}");
    let own =
        |name: &str| files.with(&format!("certificate = \"@{name}.pem\", key = \"@{name}.key\""));
    assert_eq!(warned(&route_with(&own("a"))), "", "the wildcard is for it");
    let refused = warned(&route_with(&own("other")));
    assert!(refused.contains("clients that name it are refused"), "{refused}");
    let default = own("other").replace(", ", "\n");
    let misdirected = warned(&https_with(&default));
    assert!(misdirected.contains("the default one does not either: 421"), "{misdirected}");
    assert_eq!(warned(&https_with(&format!("{default}\nstrict_sni_binding = false"))), "");
}

#[test]
fn certificates_outside_of_their_time_are_warned_of() {
    let files = Files::new();
    files.certificate("old", &["example.org"], 2020);
    let old = files.with("certificate = \"@old.pem\", key = \"@old.key\"");
    let warnings = good(&route_with(&old)).warnings.to_string();
    assert!(warnings.contains("expired on 2020-12-31: clients refuse it"), "{warnings}");
}

#[test]
fn mistakes_about_tls_are_told_with_their_remedy() {
    let files = Files::new();
    files.certificate("a", &["example.org"], 2099);
    files.certificate("b", &["example.org"], 2099);
    files.certificate("nameless", &["127.0.0.1"], 2099);
    let listener = |more: &str| https_with(&files.with(more));
    let route = |more: &str| route_with(&files.with(more));
    for (source, why) in [
        (
            listener("cipher_list = [\"TLS13_AES_128_GCM_SHA265\"]"),
            "did you mean `TLS13_AES_128_GCM_SHA256`?",
        ),
        (listener("cipher_list = [\"RC4\"]"), "known are TLS13_AES_256_GCM_SHA384"),
        (listener("groups_list = [\"X25518\"]"), "did you mean `X25519`?"),
        (
            listener("tls_versions = [\"TLS_V12\"]\ncipher_list = [\"TLS13_AES_128_GCM_SHA256\"]"),
            "for these versions",
        ),
        (listener("tls_versions = [\"SSL_V3\"]"), "add `TLS_V12` or `TLS_V13`"),
        (listener("tls_versions = [\"TLSv1.3\"]"), "did you mean `TLS_V13`?"),
        (listener("alpn_protocols = [\"h3\"]"), "known are `h2` and `http/1.1`"),
        (listener("disable_http11 = true"), "set `alpn_protocols` to"),
        (listener("client_auth = \"required\""), "give the authorities"),
        (
            listener("client_auth = \"optional\"\nclient_ca = \"@a.key\""),
            "there is no certificate in it",
        ),
        (
            listener("client_auth = \"optional\"\nclient_ca = \"@no.pem\""),
            "cannot be read: No such file",
        ),
        (
            listener(
                "client_auth = \"optional\"\nclient_ca = \"@ca.pem\"\nclient_crl = \"@ca.pem\"",
            ),
            "no revocation list",
        ),
        (listener("hsts = { max_age = 1 }"), "needs the key `enabled`"),
        (listener("certificate = \"@a.pem\""), "add `key`"),
        (listener("key = \"@a.key\""), "add `certificate`"),
        (route("certificate = \"@a.pem\", key = \"@b.key\""), "does not belong to the certificate"),
        (
            route("certificate = \"@a.pem\", key = \"@a.key\", certificate_chain = \"@b.pem\""),
            "wrong order",
        ),
        (route("certificate = \"@nameless.pem\", key = \"@nameless.key\""), "names no host"),
        (frontend_with("hsts = { enabled = true }"), "HSTS needs an `https` listener"),
        (
            frontend_with(&files.with("certificate = \"@a.pem\", key = \"@a.key\"")),
            "`protocol = \"https\"`",
        ),
        (
            SMALL.replacen("[[listeners]]", "[[listeners]]\nhsts = { enabled = true }", 1),
            "HSTS needs an",
        ),
        (cluster_with("tls = { server_name = \"a b\" }"), "no name that a certificate can have"),
        (cluster_with("tls = { certificate = \"a\" }"), "add `key`"),
    ] {
        let text = bad(&source);
        assert!(text.contains(why) && text.contains('^'), "{why}:\n{text}");
    }
}

#[test]
fn what_does_nothing_is_warned_of() {
    let warned = |source: &str, what: &str| {
        let text = good(source).warnings.to_string();
        assert!(text.contains(what), "{text}");
    };
    let plain = SMALL.replacen("[[listeners]]", "[[listeners]]\nalpn_protocols = []", 1);
    warned(&plain, "`alpn_protocols` does nothing on a listener of `http`");
    let files = Files::new();
    warned(&https_with(&files.with("client_ca = \"@ca.pem\"")), "`client_ca` does nothing");
    warned(&https_with("hsts = { enabled = true, max_age = 60 }"), "less than a day");
}

#[test]
fn backends_of_a_cluster_speak_tls() {
    let files = Files::new();
    files.certificate("client", &["weir.example"], 2099);
    let tls = "tls = { ca = \"@ca.pem\", server_name = \"b.internal\", verify = false, \
               certificate = \"@client.pem\", key = \"@client.key\" }";
    let checked = good(&cluster_with(&files.with(tls)));
    let tls = checked.state.clusters["app"].tls.as_deref().expect("TLS");
    assert_eq!((tls.authorities.len(), tls.server_name.as_deref()), (1, Some("b.internal")));
    assert!(tls.identity.is_some() && !tls.verify);
    assert!(checked.warnings.to_string().contains("passes for a backend"));
    assert!(checked.summary().contains("round robin, TLS without verification"));
    assert!(good(&cluster_with("tls = {}")).state.clusters["app"].tls.is_some());
    assert_eq!(good(&cluster_with("tls = { enabled = false }")).state.clusters["app"].tls, None);
}

#[test]
fn ticket_keys_are_for_main() {
    let plan = good(SMALL).main.tls;
    assert_eq!((plan.ticket_key_file, plan.ticket_rotation.as_secs()), (None, 21_600));
    let plan =
        good(&small_with("[tls]\nticket_key_file = \"/keys\"\nticket_rotation = 60")).main.tls;
    assert_eq!((plan.ticket_key_file, plan.ticket_rotation.as_secs()), (Some("/keys".into()), 60));
}

#[test]
fn memory_of_tls_is_in_the_worst_case() {
    let sizes = crate::config::Sizes {
        session: 1,
        exchange: 1,
        backend_connection: 1,
        buffer_extra: 0,
        spare_buffers: 0,
        handshake_buffers: 0,
        udp_flow: 0,
        udp_shared: 0,
        fixed: 1,
    };
    let plain = good(SMALL).worst_case_memory(&sizes);
    let tls = good(&https_with("")).worst_case_memory(&sizes);
    assert_eq!(tls.per_worker() - plain.per_worker(), 10_000 * (12 << 10));
    assert!(tls.to_string().contains("TLS of client connections"));
    assert!(!plain.to_string().contains("TLS"));
}

#[test]
fn the_part_about_tls_of_the_example_is_accepted() {
    let files = Files::new();
    files.certificate("default", &["secure.example.org"], 2099);
    for (name, from) in [
        ("chain.pem", "ca.pem"),
        ("clients.pem", "ca.pem"),
        ("clients.crl", "ca.crl"),
        ("backends.pem", "ca.pem"),
    ] {
        std::fs::copy(files.path(from), files.path(name)).expect("copied");
    }
    let (before, part) = EXAMPLE.split_once("# ---- TLS").expect("the part");
    let lines = part.lines().skip(1).map(|line| line.strip_prefix("# ").unwrap_or(line));
    let part = lines.collect::<Vec<_>>().join("\n");
    let source = format!("{before}{}", part.replace("/etc/weir/", &files.with("@")));
    let checked = good(&source);
    assert!(checked.warnings.diagnostics().is_empty(), "{}", checked.warnings);
    assert_eq!(checked.state.certificates.len(), 1);
}
