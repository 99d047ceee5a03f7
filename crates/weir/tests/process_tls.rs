//! TLS with real clients: which certificate they get, who is let in, what is resumed, and that a
//! certificate can be changed under load.
//!
//! A tool that is missing skips its tests, unless `CI` or `WEIR_REAL_CLIENTS` is set.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::net::SocketAddr;
use std::process::{Output, Stdio};

use process_support::certificates::{Authority, Wish};
use process_support::control::{good, pids};
use process_support::held::{is_one, kill};
use process_support::tools::{run, script, text, tool};
use process_support::{Config, Proxy};
use weir_testkit::process::{Process, Signal};

/// A proxy that ends TLS before Python's HTTP server.
struct Site {
    proxy: Proxy,
    authority: Authority,
    _server: Process,
    _directory: tempfile::TempDir,
}

/// Certificates for `site.example` (both kinds of keys), `*.wild.example` and, as the default,
/// `default.example`; `listener` is added to the listener. `None` without Python.
fn site(listener: &str) -> Option<Site> {
    let mut python = tool("python3", "python3")?;
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("data"), "the data").expect("written");
    let mut server = Process::spawn(python.arg(script("server.py")).arg(directory.path()));
    let line = server.line_with("port ");
    let (_, port) = line.split_once(' ').expect("the number follows");
    let authority = Authority::new("ca");
    authority.issue("site", &["site.example"], &Wish::default());
    authority.issue("site-rsa", &["site.example"], &Wish::rsa());
    authority.issue("wild", &["*.wild.example"], &Wish::default());
    authority.issue("default", &["default.example"], &Wish::default());
    authority.revoke(13);
    let at = |name: &str| authority.text(name);
    let frontend = |host: &str, file: &str| {
        let (certificate, key) = (at(&format!("{file}.pem")), at(&format!("{file}.key")));
        format!(
            "[[clusters.site.frontends]]\naddress = \"127.0.0.1:0\"\nhostname = \"{host}\"\n\
             position = \"TREE\"\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n"
        )
    };
    let text = format!(
        "command_socket = \"control.sock\"\nworker_count = 2\nmax_connections = 200\n\
         [state]\npath = \"store\"\n\
         [[listeners]]\nprotocol = \"https\"\naddress = \"127.0.0.1:0\"\n{}\n\
         [clusters.site]\nprotocol = \"http\"\nbackends = [{{ address = \"127.0.0.1:{port}\" }}]\n\
         {}{}",
        listener.replace('@', &format!("{}/", authority.path("").display())),
        frontend("site.example", "site"),
        frontend("*.wild.example", "wild"),
    );
    let proxy = Proxy::start(Config::new(&text), &[]);
    Some(Site { proxy, authority, _server: server, _directory: directory })
}

impl Site {
    fn address(&self) -> SocketAddr {
        self.proxy.address
    }

    /// `openssl s_client` with these arguments; nothing is sent.
    fn openssl(&self, arguments: &[&str]) -> Option<String> {
        let mut command = tool("openssl", "openssl")?;
        let address = self.address().to_string();
        command.args(["s_client", "-connect", &address, "-CAfile", &self.authority.text("ca.pem")]);
        let output = command.args(arguments).stdin(Stdio::null()).output().expect("it starts");
        Some(text(&output.stdout) + &text(&output.stderr))
    }

    /// curl for a host, with these arguments.
    fn curl(&self, host: &str, arguments: &[&str]) -> Option<Output> {
        let mut command = tool("curl", "curl")?;
        let (address, ca) = (self.address(), self.authority.text("ca.pem"));
        let (port, ip) = (address.port(), address.ip());
        command.args(["--silent", "--show-error", "--max-time", "30", "--noproxy", "*"]);
        command.args(["--cacert", &ca, "--resolve", &format!("{host}:{port}:{ip}")]);
        command.args(arguments).arg(format!("https://{host}:{port}/data"));
        Some(command.output().expect("it starts"))
    }

    fn add_certificate(&self, file: &str) {
        let address = self.address().to_string();
        let (certificate, key) = (
            self.authority.text(&format!("{file}.pem")),
            self.authority.text(&format!("{file}.key")),
        );
        let ca = self.authority.text("ca.pem");
        let words = ["certificate", "add", "-a", &address, "--certificate", &certificate];
        let more = ["--certificate-chain", &ca, "--key", &key];
        good(&self.proxy, &[&words[..], &more[..]].concat());
    }
}

#[test]
fn curl_gets_pages_by_name() {
    let Some(site) = site("") else { return };
    for host in ["site.example", "one.wild.example"] {
        let Some(output) = site.curl(host, &[]) else { return };
        assert_eq!(text(&output.stdout), "the data", "{}", text(&output.stderr));
    }
    let Some(output) = site.curl("two.one.wild.example", &[]) else { return };
    let error = text(&output.stderr);
    assert!(error.contains("unrecognized name") && !output.status.success(), "{error}");
}

#[test]
fn curl_agrees_on_http_2_or_on_what_is_left() {
    let both = "alpn_protocols = [\"h2\", \"http/1.1\"]\n";
    let (Some(both), Some(one)) = (site(both), site("alpn_protocols = [\"http/1.1\"]\n")) else {
        return;
    };
    for (site, option, version) in
        [(&both, "--http2", "2"), (&both, "--http1.1", "1.1"), (&one, "--http2", "1.1")]
    {
        let wanted = ["--write-out", " over %{http_version}"];
        let Some(output) = site.curl("site.example", &[&[option][..], &wanted].concat()) else {
            return;
        };
        assert_eq!(text(&output.stdout), format!("the data over {version}"));
    }
}

#[test]
fn openssl_gets_the_default_certificate_without_a_name() {
    let with = "certificate = \"@default.pem\"\nkey = \"@default.key\"\n";
    let (Some(strict), Some(lenient)) = (site(""), site(with)) else { return };
    let Some(refused) = strict.openssl(&["-noservername"]) else { return };
    assert!(refused.contains("unrecognized name"), "{refused}");
    for arguments in [&["-noservername"][..], &["-servername", "nobody.example"]] {
        let Some(shown) = lenient.openssl(arguments) else { return };
        assert!(shown.contains("Verify return code: 0 (ok)"), "{shown}");
    }
    let Some(shown) = lenient.openssl(&["-servername", "nobody.example", "-showcerts"]) else {
        return;
    };
    let default = std::fs::read_to_string(lenient.authority.path("default.pem")).expect("read");
    let line = default.lines().nth(2).expect("a line of base64");
    assert!(shown.contains(line), "{shown}");
}

#[test]
fn a_listener_gets_and_loses_its_default_certificate_while_it_runs() {
    let Some(site) = site("") else { return };
    let address = site.address().to_string();
    let update = |more: &[&str]| {
        good(&site.proxy, &[&["listener", "https", "update", "-a", &address], more].concat())
    };
    let (certificate, key) =
        (site.authority.text("default.pem"), site.authority.text("default.key"));
    update(&["--certificate", &certificate, "--key", &key]);
    let Some(shown) = site.openssl(&["-noservername"]) else { return };
    assert!(shown.contains("Verify return code: 0 (ok)"), "{shown}");
    update(&["--no-certificate"]);
    let Some(refused) = site.openssl(&["-noservername"]) else { return };
    assert!(refused.contains("unrecognized name"), "{refused}");
    update(&["--client-auth", "required", "--client-ca", &site.authority.text("ca.pem")]);
    let Some(output) = site.curl("site.example", &[]) else { return };
    assert!(!output.status.success(), "a certificate is required");
    update(&["--client-auth", "none"]);
    let Some(output) = site.curl("site.example", &[]) else { return };
    assert_eq!(text(&output.stdout), "the data", "{}", text(&output.stderr));
}

#[test]
fn openssl_gets_the_kind_of_key_that_it_can_check() {
    let Some(site) = site("") else { return };
    site.add_certificate("site-rsa");
    let name = ["-servername", "site.example", "-tls1_2"];
    let shown = |more: &[&str]| site.openssl(&[&name[..], more].concat());
    let Some(elliptic) = shown(&[]) else { return };
    assert!(elliptic.contains("ECDHE-ECDSA-"), "{elliptic}");
    let Some(rsa) = shown(&["-cipher", "ECDHE-RSA-AES128-GCM-SHA256"]) else { return };
    assert!(rsa.contains("ECDHE-RSA-AES128-GCM-SHA256"), "{rsa}");
    assert!(rsa.contains("Verify return code: 0 (ok)"), "{rsa}");
}

#[test]
fn python_resumes_its_session_on_every_worker() {
    let Some(site) = site("") else { return };
    let Some(mut python) = tool("python3", "python3") else { return };
    python.arg(script("tls_client.py")).arg(site.address().to_string());
    let output = run(python.arg(site.authority.path("ca.pem")).arg("resume"));
    assert_eq!(text(&output.stdout), "resumed\n");
}

#[test]
fn certificates_are_swapped_under_load() {
    let Some(site) = site("") else { return };
    let Some(mut python) = tool("python3", "python3") else { return };
    python.arg(script("tls_client.py")).arg(site.address().to_string());
    python.arg(site.authority.path("ca.pem")).arg("load");
    let mut load = Process::spawn_with_input(&mut python);
    load.line_with("running");
    let address = site.address().to_string();
    let (ca, mut old) = (site.authority.text("ca.pem"), site.authority.text("site.pem"));
    for round in 0..10 {
        let file = format!("swap{round}");
        let wish = Wish { last_year: 2080 - round, ..Wish::default() };
        site.authority.issue(&file, &["site.example"], &wish);
        let (new, key) = (
            site.authority.text(&format!("{file}.pem")),
            site.authority.text(&format!("{file}.key")),
        );
        let words = ["certificate", "replace", "-a", &address, "--new-certificate", &new];
        let more = ["--new-certificate-chain", &ca, "--new-key", &key, "--old-certificate", &old];
        good(&site.proxy, &[&words[..], &more[..]].concat());
        old = new;
    }
    load.close_input();
    assert_eq!(load.line_with("served"), "served True, failed []");
}

#[test]
fn clients_show_who_they_are() {
    let listener =
        "client_auth = \"required\"\nclient_ca = \"@ca.pem\"\nclient_crl = \"@crl.pem\"\n";
    let Some(site) = site(listener) else { return };
    let authority = &site.authority;
    authority.issue("good", &["client"], &Wish::default());
    authority.issue("expired", &["client"], &Wish { last_year: 2021, ..Wish::default() });
    authority.issue("revoked", &["client"], &Wish { serial: 13, ..Wish::default() });
    let stranger = Authority::new("other");
    stranger.issue("stranger", &["client"], &Wish::default());
    let ask = |authority: &Authority, file: &str| {
        let (cert, key) =
            (authority.text(&format!("{file}.pem")), authority.text(&format!("{file}.key")));
        site.curl("site.example", &["--cert", &cert, "--key", &key])
    };
    let Some(output) = ask(authority, "good") else { return };
    assert_eq!(text(&output.stdout), "the data", "{}", text(&output.stderr));
    for (authority, file, alert) in [
        (authority, "expired", "certificate expired"),
        (authority, "revoked", "certificate revoked"),
        (&stranger, "stranger", "unknown ca"),
    ] {
        let Some(output) = ask(authority, file) else { return };
        let error = text(&output.stderr);
        assert!(error.contains(alert) && !output.status.success(), "{file}: {error}");
    }
    let Some(output) = site.curl("site.example", &[]) else { return };
    assert!(!output.status.success(), "a certificate is required");
}

#[test]
fn sessions_are_resumed_after_a_restart() {
    let Some(mut site) = site("") else { return };
    let file = site.authority.text("session");
    let name = ["-servername", "site.example", "-tls1_2"];
    let Some(first) = site.openssl(&[&name[..], &["-sess_out", &file]].concat()) else { return };
    assert!(first.contains("New, TLSv1.2"), "{first}");
    let config = site.proxy.config.path();
    let text = std::fs::read_to_string(&config).expect("read");
    // The port is taken again by the next process.
    let address = site.address().to_string();
    std::fs::write(&config, text.replace("127.0.0.1:0", &address)).expect("written");
    site.proxy.main.signal(Signal::TERM);
    site.proxy.main.wait();
    let Proxy { config, .. } = site.proxy;
    site.proxy = Proxy::start(config, &[]);
    let Some(second) = site.openssl(&[&name[..], &["-sess_in", &file]].concat()) else { return };
    assert!(second.contains("Reused, TLSv1.2"), "{second}");
}

#[test]
fn sessions_are_resumed_after_the_death_of_main_and_after_an_upgrade() {
    let Some(mut site) = site("") else { return };
    let file = site.authority.text("session");
    let name = ["-servername", "site.example", "-tls1_2"];
    let Some(first) = site.openssl(&[&name[..], &["-sess_out", &file]].concat()) else { return };
    assert!(first.contains("New, TLSv1.2"), "{first}");
    kill(site.proxy.main.pid());
    let Proxy { config, .. } = site.proxy;
    site.proxy = Proxy::start(config, &[]);
    for _ in 0..2 {
        let resume = [&name[..], &["-sess_in", &file]].concat();
        let Some(again) = site.openssl(&resume) else { return };
        assert!(again.contains("Reused, TLSv1.2"), "{again}");
        good(&site.proxy, &["upgrade"]);
        // Workers that are started now open it, too.
        pids(&site.proxy).into_iter().for_each(kill);
        is_one(&site.proxy);
    }
}
