//! Real clients before the real program, and a real server behind it.
//!
//! A tool that is missing skips its tests, unless `CI` or `WEIR_REAL_CLIENTS` is set.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::process::Command;

use process_support::tools::{file, python, run, script, text, tool};
use process_support::{Config, PLAIN, Proxy};
use weir_testkit::process::Process;

/// Bytes of the uploads.
const UPLOAD: usize = 5 << 20;

/// A proxy before Python's HTTP server, which serves `data`.
struct Site {
    proxy: Proxy,
    /// The content of `data`.
    data: Vec<u8>,
    _server: Process,
    directory: tempfile::TempDir,
}

impl Site {
    /// `None` without Python.
    fn start() -> Option<Self> {
        let mut python = tool("python3", "python3")?;
        let directory = tempfile::tempdir().expect("a directory");
        let data = file(&directory.path().join("data"), 300_000);
        let mut server = Process::spawn(python.arg(script("server.py")).arg(directory.path()));
        let line = server.line_with("port ");
        let (_, port) = line.split_once(' ').expect("the number follows");
        let text = PLAIN.replace("127.0.0.1:1\"", &format!("127.0.0.1:{port}\""));
        let proxy = Proxy::start(Config::new(&text), &[]);
        Some(Self { proxy, data, _server: server, directory })
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.proxy.address)
    }

    fn upload(&self) -> (String, Vec<u8>) {
        let path = self.directory.path().join("upload");
        let bytes = file(&path, UPLOAD);
        (format!("@{}", path.display()), bytes)
    }
}

/// curl and a site for it.
fn curl() -> Option<(Command, Site)> {
    let mut curl = tool("curl", "curl")?;
    curl.args(["--silent", "--show-error", "--max-time", "30", "--noproxy", "*"]);
    Some((curl, Site::start()?))
}

#[test]
fn curl_keeps_its_connection() {
    let Some((mut curl, site)) = curl() else { return };
    let urls = [site.url("/data?1"), site.url("/data?2"), site.url("/data?3")];
    let format = "%{num_connects} %{http_code} %{size_download}\\n";
    curl.args(["--write-out", format]);
    for url in &urls {
        curl.args(["--output", "/dev/null"]).arg(url);
    }
    assert_eq!(text(&run(&mut curl).stdout), "1 200 300000\n0 200 300000\n0 200 300000\n");
}

#[test]
fn curl_uploads_after_100_continue() {
    let Some((mut curl, site)) = curl() else { return };
    let (argument, bytes) = site.upload();
    curl.args(["--verbose", "--expect100-timeout", "30", "--header", "Expect: 100-continue"]);
    let output = run(curl.args(["--data-binary", &argument]).arg(site.url("/up")));
    assert!(output.stdout == bytes, "{} bytes came back", output.stdout.len());
    let log = text(&output.stderr);
    assert!(log.contains("< HTTP/1.1 100 Continue"), "{log}");
    assert!(log.contains("< X-Framing: length"), "{log}");
}

#[test]
fn curl_uploads_in_chunks() {
    let Some((mut curl, site)) = curl() else { return };
    let (argument, bytes) = site.upload();
    curl.args(["--verbose", "--header", "Transfer-Encoding: chunked", "--header", "Expect:"]);
    let output = run(curl.args(["--data-binary", &argument]).arg(site.url("/up")));
    assert!(output.stdout == bytes, "{} bytes came back", output.stdout.len());
    let log = text(&output.stderr);
    assert!(log.contains("< X-Framing: chunked"), "{log}");
}

#[test]
fn curl_asks_for_a_head() {
    let Some((mut curl, site)) = curl() else { return };
    let head = text(&run(curl.arg("--head").arg(site.url("/data"))).stdout);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Length: 300000\r\n"), "{head}");
}

#[test]
fn curl_asks_for_a_range() {
    let Some((mut curl, site)) = curl() else { return };
    curl.args(["--range", "1000-200999", "--include"]).arg(site.url("/data"));
    let output = run(&mut curl).stdout;
    let (head, body) = output.split_at(output.len() - 200_000);
    assert!(body == &site.data[1000..201_000], "not the part asked for");
    let head = text(head);
    assert!(head.starts_with("HTTP/1.1 206 "), "{head}");
    assert!(head.contains("\r\nContent-Range: bytes 1000-200999/300000\r\n"), "{head}");
}

#[test]
fn curl_speaks_http_1_0() {
    let Some((mut curl, site)) = curl() else { return };
    let output = run(curl.args(["--http1.0", "--include"]).arg(site.url("/data"))).stdout;
    let (head, body) = output.split_at(output.len() - site.data.len());
    assert!(body == site.data, "not the file");
    let head = text(head);
    assert!(head.to_ascii_lowercase().contains("\r\nconnection: close\r\n"), "{head}");
}

#[test]
fn h2load_gets_an_answer_to_every_request() {
    let Some(mut h2load) = tool("h2load", "nghttp2-client") else { return };
    let Some(site) = Site::start() else { return };
    let output = run(h2load.args(["--h1", "-n", "2000", "-c", "50"]).arg(site.url("/data?load")));
    let report = text(&output.stdout);
    assert!(report.contains("2000 succeeded, 0 failed, 0 errored, 0 timeout"), "{report}");
    assert!(report.contains("status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx"), "{report}");
}

#[test]
fn curl_speaks_http_2() {
    let Some((mut curl, site)) = curl() else { return };
    let (argument, bytes) = site.upload();
    curl.args(["--http2-prior-knowledge", "--write-out", "%{stderr}%{http_version} %{http_code}"]);
    let output = run(curl.args(["--data-binary", &argument]).arg(site.url("/up")));
    assert!(output.stdout == bytes, "{} bytes came back", output.stdout.len());
    assert_eq!(text(&output.stderr), "2 200");
}

#[test]
fn curl_speaks_http_2_without_saying_how_much_comes() {
    let Some((mut curl, site)) = curl() else { return };
    let (argument, bytes) = site.upload();
    curl.args(["--http2-prior-knowledge", "--request", "POST", "--header", "Content-Length:"]);
    let output = run(curl.args(["--data-binary", &argument]).arg(site.url("/up")));
    assert!(output.stdout == bytes, "{} bytes came back", output.stdout.len());
}

#[test]
fn nghttp_gets_a_page_and_what_is_not_there() {
    let Some(mut nghttp) = tool("nghttp", "nghttp2-client") else { return };
    let Some(site) = Site::start() else { return };
    let urls = [site.url("/data"), site.url("/nothing")];
    let output = run(nghttp.args(["--null-out", "--stat", "--timeout=30"]).args(&urls));
    let report = text(&output.stdout);
    assert!(report.contains(" 200 292K /data"), "{report}");
    assert!(report.contains(" 404 "), "{report}");
}

#[test]
fn h2load_multiplexes() {
    let Some(mut h2load) = tool("h2load", "nghttp2-client") else { return };
    let Some(site) = Site::start() else { return };
    let output = run(h2load.args(["-n", "1000", "-c", "4", "-m", "8"]).arg(site.url("/data?load")));
    let report = text(&output.stdout);
    assert!(report.contains("1000 succeeded, 0 failed, 0 errored, 0 timeout"), "{report}");
    assert!(report.contains("status codes: 1000 2xx, 0 3xx, 0 4xx, 0 5xx"), "{report}");
}

#[test]
fn httpx_multiplexes() {
    let Some(mut python) = python("httpx, h2") else { return };
    let Some(site) = Site::start() else { return };
    let output = run(python.arg(script("httpx_client.py")).arg(site.url("")));
    assert_eq!(text(&output.stdout), "all is well\n");
}

/// The second proxy asks the first one for HTTP/2.
#[test]
fn large_bodies_come_back_whole_through_both_kinds_of_backends() {
    let Some(site) = Site::start() else { return };
    let behind = format!("{}\"", site.proxy.address);
    let plain = PLAIN.replace("127.0.0.1:1\"", &behind);
    let front = plain.replace("[clusters.nobody]", "[clusters.nobody]\nhttp2 = true");
    assert_ne!(front, plain);
    let front = Proxy::start(Config::new(&front), &[]);
    for address in [site.proxy.address, front.address] {
        let Some(mut python) = python("httpx, h2") else { return };
        let url = format!("http://{address}");
        let output = run(python.arg(script("bodies_client.py")).arg(url));
        assert_eq!(text(&output.stdout), "all is well\n");
    }
}

#[test]
fn python_keeps_alive_pipelines_and_upgrades() {
    let Some(mut python) = tool("python3", "python3") else { return };
    let Some(site) = Site::start() else { return };
    let address = site.proxy.address.to_string();
    let output = run(python.arg(script("client.py")).arg(&address));
    assert_eq!(text(&output.stdout), "all is well\n");
}
