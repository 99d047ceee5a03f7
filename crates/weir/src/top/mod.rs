//! `weir top`: what a running Weir does, on a terminal.
//!
//! Must not know: how metrics are asked for (`watch` does).
//!
//! * `model`: what is looked at and what keys do to it; `table`: the rows of each view.
//! * `draw`: how that looks. Both are pure: no terminal, no clock, no Weir.
//! * `shell`: the terminal, the clock, the signals; `ask`: Weir.

mod ask;
mod draw;
mod model;
mod number;
mod shell;
mod table;

pub(crate) use shell::run;

#[cfg(test)]
mod tests;
