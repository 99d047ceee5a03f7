//! The picture: CPU per request of each proxy beside the better peer's, drawn by gnuplot.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use crate::report::Results;

const SCRIPT: &str = include_str!("../config/plot.gnuplot");

/// Draws the results into an SVG file.
pub(crate) fn draw(results: &Results, path: &str) -> io::Result<()> {
    let mut gnuplot = Command::new("gnuplot").stdin(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = gnuplot.stdin.take() {
        write!(stdin, "set output '{path}'\n{}{SCRIPT}", data(results))?;
    }
    let status = gnuplot.wait()?;
    let failed = || io::Error::other(format!("gnuplot: {status}"));
    status.success().then_some(()).ok_or_else(failed)
}

fn data(results: &Results) -> String {
    let mut text = "$rows << END\n".to_string();
    for row in &results.rows {
        let [_, haproxy, nginx, _] = row.cpu;
        let [w, h, n, f] = row.cpu.map(|cpu| cpu / haproxy.min(nginx));
        let name = row.row.name().replace(", ", "\\n");
        let _ = writeln!(text, "\"{name}\" {w:.3} {h:.3} {n:.3} {f:.3}");
    }
    text + "END\n"
}
