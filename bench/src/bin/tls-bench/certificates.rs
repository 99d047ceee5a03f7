//! Many certificates in the store: the start, the memory, and what adding one more takes.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::PKCS_ECDSA_P256_SHA256;
use rustls::ClientConfig;
use weir_client::Transaction;
use weir_client::proto::request::RequestType;
use weir_client::proto::{AddCertificate, CertificateAndKey};

use crate::authority::Authority;
use crate::client::{AES, Connection, tls};
use crate::process::said;
use crate::proxy::{Medium, Memory, Proxy, address};
use crate::report::Report;
use crate::samples::Samples;
use crate::{Options, Result};

const MANY: usize = 50_000;
const FEW: usize = 10;
/// Certificates of a transaction when the time of each does not count.
const AT_ONCE: usize = 5_000;
/// How many are added one by one at each size.
const ONE_BY_ONE: usize = 500;
/// How many are served once.
const SERVED: usize = 5_000;

const START: f64 = 2.0;
const BYTES: f64 = 4_096.0;
const ONE: f64 = 2.0;
const SLOWER: f64 = 1.25;

const NOTES: &str = "\
One authority, a certificate (ECDSA P-256) for each of so many hosts, the authority as its chain, \
on one listener of Weir with two workers; all of it shares the cores. The store is on the disk. \
Resident memory is that of main and of the larger worker; bytes are those beyond the empty proxy, \
per certificate and worker. `ready` is when systemd is told; `served` the end of the first \
handshake, by the name that was added last. Adding one is a transaction, from the write on the \
control socket until every worker serves it.";

/// What goes on.
struct Bench {
    authority: Authority,
    proxy: Proxy,
    config: Arc<ClientConfig>,
    empty: Memory,
    /// Certificates that are there.
    count: usize,
}

pub(crate) fn measure(_: &Options, report: &mut Report) -> Result<()> {
    crate::keep_to(None)?;
    let head = ["what", "seconds", "main, KiB", "worker, KiB", "bytes in a worker"];
    report.section("50,000 certificates", NOTES, &head);
    let authority = Authority::new()?;
    let config = tls(&authority.roots()?, AES, false)?;
    let mut proxy = Proxy::start(Medium::Disk, include_str!("../../../config/tls-store.toml"))?;
    let empty = proxy.memory()?;
    let mut bench = Bench { authority, proxy, config, empty, count: 0 };
    bench.grow(FEW)?;
    let few = bench.one_by_one(report)?;
    let began = Instant::now();
    bench.grow(MANY)?;
    // Making them is not Weir's work, and is part of it.
    let bytes = bench.row(report, "all added, made in between", began.elapsed())?;
    report.at_most("bytes of a certificate in a worker, added", bytes, BYTES);
    let many = bench.one_by_one(report)?;
    let what = format!("adding one, p50, at {MANY} ÷ at {FEW}");
    report.at_most(what, many.quantile(0.5) / few.quantile(0.5), SLOWER);
    bench.restart(report)?;
    let took = bench.serve()?;
    bench.row(report, &format!("{SERVED} of them served once, by either worker"), took)?;
    Ok(())
}

impl Bench {
    /// Adds certificates until there are so many.
    fn grow(&mut self, to: usize) -> Result<()> {
        while self.count < to {
            let some = AT_ONCE.min(to - self.count);
            let mut transaction = Transaction::new();
            for _ in 0..some {
                transaction = transaction.change(self.next()?);
            }
            transaction.commit(&mut self.proxy.client)?;
        }
        Ok(())
    }

    /// The change that adds the next one.
    fn next(&mut self) -> Result<RequestType> {
        let issued = self.authority.issue(&host(self.count), &PKCS_ECDSA_P256_SHA256)?;
        self.count += 1;
        Ok(RequestType::AddCertificate(AddCertificate {
            address: address().into(),
            certificate: CertificateAndKey {
                certificate: issued.certificate,
                certificate_chain: vec![self.authority.pem()],
                key: issued.key,
                ..CertificateAndKey::default()
            },
            expired_at: None,
        }))
    }

    fn one_by_one(&mut self, report: &mut Report) -> Result<Samples> {
        // What was added before is on its way to the disk otherwise.
        said(&mut Command::new("sync"))?;
        let (mut samples, count) = (Samples::default(), self.count);
        for _ in 0..ONE_BY_ONE {
            let transaction = Transaction::new().change(self.next()?);
            samples.time(|| Ok(transaction.commit(&mut self.proxy.client)?))?;
        }
        let cell = format!("{} ms (p50 / p99)", samples.cell());
        report.row(&[&format!("adding one at {count}"), &cell, &"", &"", &""]);
        report.at_most(format!("adding one at {count}, p50, ms"), samples.quantile(0.5), ONE);
        report.at_most(format!("adding one at {count}, p99, ms"), samples.quantile(0.99), ONE);
        Ok(samples)
    }

    fn restart(&mut self, report: &mut Report) -> Result<()> {
        let began = Instant::now();
        let ready = self.proxy.restart()?;
        // Its own end took time, which does not count.
        let ended = began.elapsed() - ready;
        self.shake_hands(self.count - 1)?;
        let served = began.elapsed() - ended;
        let stored = self.proxy.stored()? as f64 / f64::from(1 << 20);
        let name = format!(
            "restarted, store of {stored:.0} MiB: ready {:.2} s, served",
            ready.as_secs_f64()
        );
        let bytes = self.row(report, &name, served)?;
        let what = format!("{} certificates from the store until served, s", self.count);
        report.at_most(what, served.as_secs_f64(), START);
        report.at_most("bytes of a certificate in a worker, from the store", bytes, BYTES);
        Ok(())
    }

    /// Has many certificates served, each once.
    fn serve(&mut self) -> Result<Duration> {
        let began = Instant::now();
        for number in 0..SERVED {
            self.shake_hands(number)?;
        }
        Ok(began.elapsed())
    }

    fn shake_hands(&self, number: usize) -> Result<()> {
        let mut client = Connection::new(address(), Some(&self.config), &host(number), 4 << 10)?;
        client.shake_hands()
    }

    /// Writes a line; bytes of a certificate.
    fn row(&mut self, report: &mut Report, what: &str, took: Duration) -> Result<f64> {
        let memory = self.proxy.memory()?;
        let bytes = (memory.worker - self.empty.worker) * 1024.0 / self.count as f64;
        let [main, worker] = [memory.main, memory.worker].map(|kib| format!("{kib:.0}"));
        let seconds = format!("{:.2}", took.as_secs_f64());
        report.row(&[&what, &seconds, &main, &worker, &format!("{bytes:.0} each")]);
        Ok(bytes)
    }
}

fn host(number: usize) -> String {
    format!("host-{number:07}.example")
}
