//! What choosing a backend costs, and what changes of backends cost; `bench/balance` calls it.
//!
//! Usage: `balance-bench [--rounds N]`, in the repository; writes `bench/results/DATE-balance.md`.
//! `balance-bench WORK POLICY BACKENDS TIMES` does one kind of work, to be counted by callgrind.
//!
//! * `work`: a group, and what is done with it.
//! * `report`, `process`: shared with the other rigs.

#[path = "../control-bench/process.rs"]
#[expect(dead_code, reason = "shared, each uses a part")]
mod process;
#[path = "../control-bench/report.rs"]
#[expect(dead_code, reason = "shared, each uses a part")]
mod report;
mod work;

use std::fs;
use std::process::Command;
use std::time::Instant;

use process::said;
use report::Report;
use work::{Bench, Kind, POLICIES};

type Error = Box<dyn std::error::Error>;
type Result<T> = std::result::Result<T, Error>;

const SIZES: [usize; 3] = [10, 1_000, 10_000];
/// What a choice may cost at most, in nanoseconds, where its cost does not follow the size.
const MOST_NANOS: f64 = 100.0;
/// How much more instructions a change may cost among 10,000 than among 10.
const MOST_GROWTH: f64 = 4.0;
/// How long a sample is to take.
const SAMPLE_NANOS: f64 = 2e5;

/// Nanoseconds and instructions, for each of [`SIZES`].
type Costs = [(f64, f64); 3];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => measure(31),
        ["--rounds", rounds] => measure(rounds.parse()?),
        [kind, policy, backends, times] => {
            let mut bench = Bench::new(policy.parse()?, backends.parse()?);
            bench.run(Kind::named(kind)?, times.parse()?);
            Ok(())
        }
        _ => Err("usage: see the top of bench/balance".into()),
    }
}

fn measure(rounds: usize) -> Result<()> {
    let date = said(Command::new("date").arg("+%F"))?;
    let mut report = Report::default();
    for kind in Kind::ALL {
        let head = [
            "",
            "ns, 10 backends",
            "1,000",
            "10,000",
            "instructions, 10 backends",
            "1,000",
            "10,000",
        ];
        report.section(kind.title(), kind.notes(), &head);
        for (index, policy) in POLICIES.iter().enumerate() {
            let costs = costs(kind, index, rounds)?;
            let cell = |value: f64| format!("{value:.0}");
            let cells = costs.map(|(nanos, _)| cell(nanos)).into_iter();
            let cells = cells.chain(costs.map(|(_, instructions)| cell(instructions)));
            let cells: Vec<String> = [policy.name.to_owned()].into_iter().chain(cells).collect();
            let cells: Vec<&dyn std::fmt::Display> = cells.iter().map(|cell| cell as _).collect();
            report.row(&cells);
            judge(&mut report, kind, policy.name, policy.looks_at_all, &costs);
        }
    }
    let setting = format!(
        "`bench/balance`: one core, times are medians of {rounds} interleaved rounds, instructions \
         those of callgrind (the difference of two runs).",
    );
    let text = report.text(&format!("{date}: what choosing a backend costs"), &setting)?;
    print!("{text}");
    Ok(fs::write(format!("bench/results/{date}-balance.md"), text)?)
}

fn judge(report: &mut Report, kind: Kind, policy: &str, looks_at_all: bool, costs: &Costs) {
    let [(_, few), _, (nanos, many)] = *costs;
    match kind {
        Kind::Pick if !looks_at_all => {
            report.at_most(format!("ns of a choice among 10,000: {policy}"), nanos, MOST_NANOS);
        }
        Kind::Flap | Kind::Join if !looks_at_all => {
            let what = format!("{}: instructions among 10,000 ÷ among 10: {policy}", kind.title());
            report.at_most(what, many / few, MOST_GROWTH);
        }
        _ => {}
    }
}

/// Of one kind of work with one policy.
fn costs(kind: Kind, policy: usize, rounds: usize) -> Result<Costs> {
    let mut benches = SIZES.map(|size| Bench::new(policy, size));
    let times = benches.each_mut().map(|bench| {
        bench.run(kind, 2);
        let once = nanos(bench, kind, 2);
        // What one time changes the next one changes back.
        2 * ((SAMPLE_NANOS / 2.0 / once.max(1.0)) as usize).clamp(1, 10_000)
    });
    let mut samples = [const { Vec::new() }; 3];
    for _ in 0..rounds {
        for ((bench, times), samples) in benches.iter_mut().zip(times).zip(&mut samples) {
            samples.push(nanos(bench, kind, times));
        }
    }
    let mut costs = [(0.0, 0.0); 3];
    for (((cost, samples), size), times) in costs.iter_mut().zip(samples).zip(SIZES).zip(times) {
        *cost = (median(samples), instructions(kind, policy, size, times.min(400))?);
    }
    Ok(costs)
}

/// Of one time, on average.
fn nanos(bench: &mut Bench, kind: Kind, times: usize) -> f64 {
    let begun = Instant::now();
    bench.run(kind, times);
    begun.elapsed().as_nanos() as f64 / times as f64
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Of one time: what more times take more.
fn instructions(kind: Kind, policy: usize, size: usize, times: usize) -> Result<f64> {
    let [few, many] = [times, 3 * times].map(|times| total(kind, policy, size, times));
    Ok((many? - few?) / (2 * times) as f64)
}

fn total(kind: Kind, policy: usize, size: usize, times: usize) -> Result<f64> {
    let file = std::env::temp_dir().join(format!("balance-bench.{}", std::process::id()));
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", &format!("--callgrind-out-file={}", file.display())]);
    command.arg(std::env::current_exe()?).arg(kind.name());
    said(command.args([policy, size, times].map(|number| number.to_string())))?;
    let text = fs::read_to_string(&file)?;
    fs::remove_file(&file)?;
    let line = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let count = line.and_then(|count| count.trim().parse().ok());
    count.ok_or_else(|| "callgrind: no total".into())
}
