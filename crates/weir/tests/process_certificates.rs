//! Certificates and HTTPS listeners of a real proxy: added, replaced, removed and shown while it
//! runs, kept by its store and by state files, with keys that are shown to nobody who does not ask.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Output;

use process_support::{CONTROLLED, Config, Proxy, weir};
use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use weir_testkit::process::{Process, Signal};

/// The first second of 31 December 2090, UTC, since 1970.
const END_OF_2090: i64 = 3818361600;

/// A proxy, and an authority whose certificates are in files beside its configuration.
struct Platform {
    proxy: Proxy,
    authority: CertifiedIssuer<'static, KeyPair>,
    /// Where nothing listens.
    address: String,
}

impl Platform {
    fn start() -> Self {
        let proxy = Proxy::start(Config::new(CONTROLLED), &[]);
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Authority");
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let free = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound");
        let platform = Self { proxy, authority, address: free.to_string() };
        platform.write("ca.pem", &platform.authority.pem());
        platform
    }

    /// One with a listener.
    fn with_listener() -> Self {
        let platform = Self::start();
        platform.good(&["listener", "https", "add", "-a", &platform.address]);
        platform
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.proxy.config.in_directory(name)
    }

    fn text_path(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    /// Makes `name.pem` and `name.key` for a host, valid to the end of that year.
    fn make(&self, name: &str, host: &str, until: i32) -> [String; 2] {
        let mut params = CertificateParams::new(vec![host.to_owned()]).expect("names");
        params.not_after = date_time_ymd(until, 12, 31);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.authority).expect("signed");
        let [pem, secret] = [format!("{name}.pem"), format!("{name}.key")];
        self.write(&pem, &certificate.pem());
        self.write(&secret, &key.serialize_pem());
        [self.text_path(&pem), self.text_path(&secret)]
    }

    fn ask(&self, words: &[&str]) -> Output {
        weir().args(words).arg("-c").arg(self.proxy.config.path()).output().expect("weir runs")
    }

    /// The standard output of a command that succeeds.
    fn good(&self, words: &[&str]) -> String {
        let output = self.ask(words);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{words:?}: {out}{err}");
        out
    }

    /// The standard error of a command that fails.
    fn bad(&self, words: &[&str]) -> String {
        let output = self.ask(words);
        assert!(!output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn json(&self, words: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.good(&[words, &["--json"]].concat())).expect("JSON")
    }

    fn add(&self, [certificate, key]: &[String; 2]) -> String {
        let files = ["--certificate", certificate, "--key", key];
        self.good(&[&["certificate", "add", "-a", &self.address], &files[..]].concat())
    }

    /// Fingerprints in the state.
    fn fingerprints(&self) -> Vec<String> {
        let listed = self.json(&["certificate", "list"]);
        let certificates = listed["certs"].as_object().expect("certificates");
        certificates.keys().cloned().collect()
    }
}

#[test]
fn certificates_come_and_go_while_the_proxy_runs() {
    let platform = Platform::with_listener();
    let address = platform.address.as_str();
    let old = platform.make("old", "a.example", 2090);
    let new = platform.make("new", "a.example", 2091);
    let added = platform.add(&old);
    assert!(added.starts_with("Success: AddCertificate is in use by every worker\n"), "{added}");
    let first = platform.fingerprints();
    assert_eq!(first.len(), 1);
    platform.add(&old);
    assert_eq!(platform.fingerprints(), first, "it is known");
    let table = platform.good(&["certificate", "list", "-d", "a.example"]);
    for shown in [&*first[0], "a.example", "2090-12-31T00:00:00Z"] {
        assert!(table.contains(shown), "{table}");
    }
    let first_end = || {
        let main = platform.json(&["metrics", "get"])["main"].clone();
        main["tls.cert.min_expires_at_seconds"]["inner"]["GAUGE"].as_i64()
    };
    assert_eq!(first_end(), Some(END_OF_2090));
    let later = platform.make("later", "b.example", 2095);
    platform.add(&later);
    assert_eq!(first_end(), Some(END_OF_2090), "the first one counts");
    platform.good(&["certificate", "remove", "-a", address, "--certificate", &later[0]]);
    let replace = ["certificate", "replace", "-a", address, "--new-certificate", &new[0]];
    let rest = ["--new-key", &new[1], "--new-certificate-chain", &platform.text_path("ca.pem")];
    platform.good(&[&replace[..], &rest, &["--old-certificate", &old[0]]].concat());
    let second = platform.fingerprints();
    assert_eq!((second.len(), second == first), (1, false));
    assert_eq!(first_end(), Some(END_OF_2090 + 365 * 86_400));
    let everybody = platform.json(&["certificate", "list", "--workers"]);
    assert!(everybody["map"].as_object().is_some_and(|map| map.len() == 2), "{everybody}");
    platform.good(&["certificate", "remove", "-a", address, "-f", &first[0]]);
    assert_eq!(platform.fingerprints(), second, "an unknown one is tolerated");
    platform.good(&["certificate", "remove", "-a", address, "--certificate", &new[0]]);
    assert_eq!(platform.fingerprints(), Vec::<String>::new());
    assert_eq!(first_end(), None);
}

#[test]
fn what_cannot_be_served_is_refused_with_a_sentence() {
    let platform = Platform::with_listener();
    let a = platform.make("a", "a.example", 2090);
    let b = platform.make("b", "b.example", 2090);
    let address = platform.address.as_str();
    let refused = |words: &[&str], why: &str| {
        let refusal = platform.bad(words);
        assert!(refusal.contains("Request failed") && refusal.contains(why), "{refusal}");
        assert!(!refusal.contains("PRIVATE"), "{refusal}");
    };
    let add = ["certificate", "add", "-a", address, "--certificate", &a[0], "--key"];
    refused(&[&add[..], &[&b[1]]].concat(), "does not belong to the certificate");
    refused(&[&add[..], &[&a[0]]].concat(), "there is no private key in it");
    refused(&[&add[..], &[&a[1], "--certificate-chain", &b[0]]].concat(), "wrong order");
    let plain = platform.proxy.address.to_string();
    let elsewhere = ["certificate", "add", "-a", &plain, "--certificate", &a[0], "--key", &a[1]];
    refused(&elsewhere, "needs an `https` listener");
    let new = ["--new-certificate", &a[0], "--new-key", &a[1], "-f", &"0".repeat(64)];
    let replace = [&["certificate", "replace", "-a", address], &new[..]].concat();
    refused(&replace, "has no certificate to replace");
    refused(&["certificate", "remove", "-a", address, "-f", "xyz"], "64 hexadecimal digits");
    let at_tls = ["-a", address, "--hostname", "a.example", "deny"];
    refused(&[&["frontend", "http", "add"], &at_tls[..]].concat(), "speaks HTTPS");
    let at_plain = ["-a", &plain, "--hostname", "a.example"];
    refused(&[&["frontend", "https", "add"], &at_plain[..], &["deny"]].concat(), "speaks HTTP");
    let policy = [&["frontend", "http", "add"], &at_plain[..], &["--hsts-max-age", "9", "deny"]];
    refused(&policy.concat(), "HSTS needs an `https` listener");
    refused(&["listener", "http", "remove", "-a", address], "speaks HTTPS, not HTTP");
    refused(&["listener", "https", "update", "-a", address, "--disable-http11"], "alpn_protocols");
    assert_eq!(platform.fingerprints(), Vec::<String>::new());
}

#[test]
fn a_certificate_that_is_over_is_accepted_with_a_warning() {
    let platform = Platform::with_listener();
    let over = platform.make("over", "a.example", 2020);
    let answer = platform.add(&over);
    assert!(answer.contains("beware: a.example ("), "{answer}");
    assert!(answer.contains("expired on 2020-12-31: clients refuse it"), "{answer}");
    let address = platform.address.as_str();
    let frontend = ["frontend", "https", "add", "-a", address, "--hostname", "other.example"];
    let answer = platform.good(&[&frontend[..], &["deny"]].concat());
    assert!(answer.contains("clients that name it are refused"), "{answer}");
}

#[test]
fn keys_are_shown_to_who_asks_for_them_by_name() {
    let platform = Platform::with_listener();
    let a = platform.make("a", "a.example", 2090);
    platform.add(&a);
    let other = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound");
    let default = ["--certificate", &a[0], "--key", &a[1]];
    let at = other.to_string();
    platform.good(&[&["listener", "https", "add", "-a", &at], &default[..]].concat());
    let tls = ["--tls-certificate", &a[0], "--tls-key", &a[1]];
    let cluster = ["cluster", "add", "--id", "c", "--load-balancing-policy", "random"];
    platform.good(&[&cluster[..], &tls].concat());
    let certificate = platform.fingerprints().remove(0);
    for words in [
        &["certificate", "list"][..],
        &["certificate", "list", "-f", &certificate],
        &["listener", "list"],
        &["cluster", "list", "-i", "c"],
        &["history"],
        &["show", "2"],
        &["show", "3"],
    ] {
        for form in [&[][..], &["--json"]] {
            let shown = platform.good(&[words, form].concat());
            assert!(!shown.contains("PRIVATE KEY"), "{words:?}: {shown}");
        }
    }
    let key = std::fs::read_to_string(&a[1]).expect("there");
    let asked = ["certificate", "list", "-f", &certificate, "--with-key"];
    let line = key.lines().nth(1).expect("a line of the key");
    assert!(platform.good(&asked).contains(line));
    assert!(
        platform.json(&asked)["certs"][&certificate]["key"]
            .as_str()
            .is_some_and(|text| text.contains(line))
    );
}

#[test]
fn listeners_and_frontends_of_https_are_changed_and_listed() {
    let platform = Platform::start();
    let address = platform.address.as_str();
    let add = ["listener", "https", "add", "-a", address, "--tls-versions", "TLS_V13"];
    let ca = platform.text_path("ca.pem");
    platform.good(&[&add[..], &["--client-auth", "optional", "--client-ca", &ca]].concat());
    let update = ["listener", "https", "update", "-a", address, "--alpn-protocols", "http/1.1"];
    let more = ["--no-strict-sni-binding", "--hsts-max-age", "86400", "--front-timeout", "7"];
    platform.good(&[&update[..], &more].concat());
    let listed = platform.json(&["listener", "list"]);
    let listener = &listed["https_listeners"][address];
    assert_eq!(listener["versions"], serde_json::json!([5]));
    assert_eq!(listener["alpn_protocols"], serde_json::json!(["http/1.1"]));
    assert_eq!(listener["strict_sni_binding"], false);
    assert_eq!(
        (&listener["hsts"]["max_age"], &listener["front_timeout"]),
        (&86400.into(), &7.into())
    );
    assert_eq!((&listener["client_auth"], &listener["active"]), (&1.into(), &false.into()));
    platform.good(&["listener", "https", "activate", "-a", address]);
    assert!(std::net::TcpStream::connect(address).is_ok(), "it is bound");

    let frontend = ["frontend", "https", "add", "-a", address, "--hostname", "a.example"];
    platform.good(&[&frontend[..], &["--hsts-disabled", "id", "first"]].concat());
    let list = platform.json(&["frontend", "list", "--https"]);
    assert_eq!(list["https_frontends"][0]["hsts"]["enabled"], false);
    assert_eq!(list["http_frontends"], serde_json::json!([]));
    let cluster = platform.good(&["cluster", "list", "-i", "first"]);
    assert!(cluster.contains("a.example") && cluster.contains("first.example"), "{cluster}");
    let why =
        platform.good(&["explain", "GET", &format!("https://{address}/"), "-H", "Host: a.example"]);
    assert!(why.contains("first"), "{why}");
    let remove = ["frontend", "https", "remove", "-a", address, "--hostname", "a.example"];
    platform.good(&[&remove[..], &["id", "first"]].concat());
    platform.good(&["listener", "https", "deactivate", "-a", address]);
    assert!(std::net::TcpStream::connect(address).is_err());
    platform.good(&["listener", "https", "remove", "-a", address]);
    assert_eq!(platform.json(&["listener", "list"])["https_listeners"], serde_json::json!({}));
}

/// Everything of TLS that the state can hold.
fn everything(platform: &Platform) {
    let address = platform.address.as_str();
    let a = platform.make("a", "a.example", 2090);
    let ca = platform.text_path("ca.pem");
    let listener = ["listener", "https", "add", "-a", address, "--certificate", &a[0]];
    let auth = ["--key", &a[1], "--client-auth", "required", "--client-ca", &ca];
    platform.good(&[&listener[..], &auth].concat());
    platform.good(&["listener", "https", "activate", "-a", address]);
    let named = ["certificate", "add", "-a", address, "--certificate", &a[0], "--key", &a[1]];
    platform.good(&[&named[..], &["--name", "*.named.example", "--expired-at", "7"]].concat());
    let cluster = ["cluster", "add", "--id", "c", "--load-balancing-policy", "random"];
    let tls = ["--tls-ca", &ca, "--tls-server-name", "b.internal", "--tls-certificate", &a[0]];
    platform.good(&[&cluster[..], &tls, &["--tls-key", &a[1]]].concat());
    let frontend = ["frontend", "https", "add", "-a", address, "--hostname", "x.named.example"];
    platform.good(&[&frontend[..], &["--hsts-max-age", "99999", "id", "c"]].concat());
}

/// Which state main has.
fn hash(platform: &Platform) -> serde_json::Value {
    let drift = platform.json(&["drift"]);
    for worker in drift["workers"].as_array().expect("a list") {
        assert_eq!(worker["hash"], drift["hash"], "workers have the same");
    }
    drift["hash"].clone()
}

#[test]
fn a_state_file_and_a_rollback_bring_everything_back() {
    let platform = Platform::start();
    let empty = platform.json(&["drift"])["epoch"].to_string();
    everything(&platform);
    let (whole, epoch) = (hash(&platform), platform.json(&["drift"])["epoch"].to_string());
    let file = platform.text_path("saved");
    platform.good(&["state", "save", "-f", &file]);
    platform.good(&["rollback", &empty]);
    assert_eq!(platform.fingerprints(), Vec::<String>::new());
    assert_ne!(hash(&platform), whole);
    platform.good(&["state", "load", "-f", &file]);
    assert_eq!(hash(&platform), whole);
    platform.good(&["rollback", &empty]);
    platform.good(&["rollback", &epoch]);
    assert_eq!(hash(&platform), whole);
    let text = std::fs::read_to_string(&file).expect("saved");
    let order: Vec<_> = [
        "ADD_HTTP_LISTENER",
        "ADD_HTTPS_LISTENER_WITH_CLIENT_AUTH",
        "ADD_CLUSTER",
        "ADD_HTTP_FRONTEND",
        "ADD_CERTIFICATE",
        "ADD_HTTPS_FRONTEND",
        "ADD_BACKEND",
    ]
    .iter()
    .map(|kind| text.find(&format!("\"{kind}\"")).expect("one"))
    .collect();
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn a_restart_after_kill_9_serves_the_same_certificates() {
    let mut platform = Platform::start();
    everything(&platform);
    let whole = hash(&platform);
    platform.proxy.main.signal(Signal::KILL);
    platform.proxy.main.wait();
    let mut main = Process::spawn(weir().arg("start").arg("-c").arg(platform.proxy.config.path()));
    main.line_with("all workers are ready");
    platform.proxy.main = main;
    assert_eq!(hash(&platform), whole);
    assert_eq!(platform.fingerprints().len(), 1);
}

#[test]
fn a_file_with_certificates_is_applied_and_compared() {
    let platform = Platform::start();
    let a = platform.make("a", "a.example", 2090);
    let before = platform.json(&["drift"])["epoch"].to_string();
    let text = format!(
        "{CONTROLLED}\n[[listeners]]\nprotocol = \"https\"\naddress = \"{}\"\n\
         hsts = {{ enabled = true }}\n[clusters.b]\nprotocol = \"http\"\nbackends = []\n\
         tls = {{ verify = false }}\n[[clusters.b.frontends]]\naddress = \"{}\"\n\
         hostname = \"a.example\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
        platform.address, platform.address, a[0], a[1],
    );
    // The listener on a free port is known by the address that it got.
    let text = text.replace("127.0.0.1:0", &platform.proxy.address.to_string());
    platform.write("new.toml", &text);
    let file = platform.text_path("new.toml");
    let planned = platform.ask(&["diff", "-f", &file]);
    let planned = String::from_utf8_lossy(&planned.stdout).into_owned();
    assert!(planned.contains("certificate") && planned.contains("a.example ("), "{planned}");
    platform.good(&["apply", "-f", &file]);
    assert_eq!(platform.fingerprints().len(), 1);
    let none = platform.good(&["diff", "-f", &file]);
    assert!(!none.contains("a.example"), "{none}");
    let b = platform.make("a", "a.example", 2091);
    assert_eq!(a, b);
    platform.good(&["apply", "-f", &file]);
    assert_eq!(platform.fingerprints().len(), 1, "the other is gone");
    platform.good(&["rollback", &before]);
    assert_eq!(platform.fingerprints(), Vec::<String>::new());
}

#[test]
fn events_tell_of_certificates() {
    let platform = Platform::with_listener();
    let mut events = weir();
    events.arg("events").arg("-c").arg(platform.proxy.config.path());
    let mut events = Process::spawn(&mut events);
    events.line_with("EVENTS_SUBSCRIBED");
    let old = platform.make("old", "a.example", 2090);
    let new = platform.make("new", "a.example", 2091);
    let address = platform.address.as_str();
    platform.add(&old);
    events.line_with(&format!("main, CERTIFICATE_ADDED address={address}"));
    let replace = ["certificate", "replace", "-a", address, "--new-certificate", &new[0]];
    let rest = ["--new-key", &new[1], "--old-certificate", &old[0]];
    platform.good(&[&replace[..], &rest].concat());
    events.line_with(&format!("main, CERTIFICATE_REPLACED address={address}"));
    platform.good(&["certificate", "remove", "-a", address, "--certificate", &new[0]]);
    events.line_with(&format!("main, CERTIFICATE_REMOVED address={address}"));
    assert_eq!(events.count("CERTIFICATE_ADDED"), 1, "a replacement is none");
}
