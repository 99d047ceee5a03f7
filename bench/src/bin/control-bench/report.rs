//! The results as Markdown: the goals first, then tables.

use std::fmt::{Display, Write as _};
use std::process::Command;

use crate::Result;
use crate::process::said;

/// What is written so far.
#[derive(Default)]
pub(crate) struct Report {
    goals: Vec<Goal>,
    problems: Vec<String>,
    text: String,
}

struct Goal {
    what: String,
    measured: f64,
    bound: f64,
    /// More is better.
    least: bool,
}

impl Report {
    /// A number that is to be this at most.
    pub(crate) fn at_most(&mut self, what: impl Into<String>, measured: f64, bound: f64) {
        self.goals.push(Goal { what: what.into(), measured, bound, least: false });
    }

    /// A number that is to be this at least.
    pub(crate) fn at_least(&mut self, what: impl Into<String>, measured: f64, bound: f64) {
        self.goals.push(Goal { what: what.into(), measured, bound, least: true });
    }

    /// Something that a reader must know.
    pub(crate) fn problem(&mut self, sentence: String) {
        eprintln!("  problem: {sentence}");
        self.problems.push(sentence);
    }

    /// Begins a section; `head` are the columns of its table.
    pub(crate) fn section(&mut self, title: &str, notes: &str, head: &[&str]) {
        let columns = "---|--:|".to_owned() + &"--:|".repeat(head.len().saturating_sub(2));
        let head = head.join(" | ");
        let _ = write!(self.text, "\n## {title}\n\n{notes}\n\n| {head} |\n|{columns}\n");
    }

    /// A line of the table.
    pub(crate) fn row(&mut self, cells: &[&dyn Display]) {
        let cells: Vec<_> = cells.iter().map(ToString::to_string).collect();
        eprintln!("  {}", cells.join(" | "));
        let _ = writeln!(self.text, "| {} |", cells.join(" | "));
    }

    /// The results file; `title` and `setting` say what was measured, and with what.
    pub(crate) fn text(&self, title: &str, setting: &str) -> Result<String> {
        let kernel = said(Command::new("uname").arg("-r"))?;
        // Of the machine: this process may be kept to one.
        let cores = said(Command::new("nproc").arg("--all"))?;
        let load = std::fs::read_to_string("/proc/loadavg")?;
        let load = load.split(' ').take(3).collect::<Vec<_>>().join(", ");
        let mut text = format!(
            "# {title}\n\n{setting} Linux {kernel}, {cores} cores; load averages at the end \
             {load}.\n"
        );
        for problem in &self.problems {
            let _ = write!(text, "\n- **{problem}**");
        }
        text += "\n\n## Against the goals\n\n| | measured | goal | |\n|---|--:|--:|---|\n";
        for goal in &self.goals {
            let Goal { what, measured, bound, least } = goal;
            let sign = if *least { "≥" } else { "<" };
            let (measured, limit) = (short(*measured), short(*bound));
            let _ = writeln!(text, "| {what} | {measured} | {sign} {limit} | {} |", goal.verdict());
        }
        Ok(text + &self.text)
    }
}

impl Goal {
    fn verdict(&self) -> String {
        let reached =
            if self.least { self.measured >= self.bound } else { self.measured < self.bound };
        match (reached, self.measured.is_finite()) {
            (_, false) => "**not measured**".into(),
            (true, _) => "reached".into(),
            (false, _) => format!("**missed: {:.2} ×**", self.measured / self.bound),
        }
    }
}

/// Three digits or so.
fn short(number: f64) -> String {
    match number {
        _ if !number.is_finite() => "–".into(),
        _ if number.abs() >= 100.0 || number.fract() == 0.0 => format!("{number:.0}"),
        _ => format!("{number:.2}"),
    }
}
