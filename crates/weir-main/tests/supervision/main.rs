//! Main with workers that do nothing but answer, or fail to: what it does when they refuse, hang,
//! die or overstay.
//!
//! This program is everything at once: the tests, main (`main …`) and its workers (`worker …`),
//! because main executes itself to start a worker.

mod as_main;
mod as_worker;
mod tests;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("main") => as_main::run(&args[1..]),
        Some("worker") => as_worker::run(&args[1..]),
        // Options are those of the usual test runner and mean nothing here.
        _ => tests::run(args.iter().find(|arg| !arg.starts_with('-')).map_or("", String::as_str)),
    }
}
