//! The same changes on HAProxy and nginx.

use std::process::Command;

use crate::process::said;
use crate::report::Report;
use crate::{Options, Result, haproxy, nginx};

/// Numbers of routes.
const SIZES: [usize; 2] = [10, 10_000];

pub(crate) fn measure(_: &Options, report: &mut Report) -> Result<()> {
    let version = |program: &str| -> Result<String> {
        let text = said(Command::new(program).arg("-v"))?;
        Ok(text.lines().next().unwrap_or_default().to_owned())
    };
    let notes = format!(
        "{}; {}. Nothing of it survives a restart: HAProxy's runtime API stores nothing, nginx's \
         file is written before the clock starts. A route of HAProxy is an entry of a map; its \
         backends are those of the start. nginx has taken a reload when a new connection is \
         answered by the new configuration.",
        version("haproxy")?,
        version("nginx")?
    );
    let head = ["what", "routes", "times", "p50, ms", "p99, ms"];
    report.section("The same on others", &notes, &head);
    for size in SIZES {
        for (what, samples) in haproxy::measure(size)?.into_iter().chain(nginx::measure(size)?) {
            let numbers = [0.5, 0.99].map(|part| format!("{:.2}", samples.quantile(part)));
            report.row(&[&what, &size, &samples.len(), &numbers[0], &numbers[1]]);
        }
    }
    Ok(())
}
