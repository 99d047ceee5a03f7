//! What was asked for on the command line of a rig.

use crate::Result;

/// What was asked for.
pub(crate) struct Options {
    pub(crate) rounds: usize,
    /// What the names of loads must have in them.
    pub(crate) only: String,
}

impl Options {
    /// `rounds`: unless others are asked for. `script`: where the usage stands.
    pub(crate) fn read(rounds: usize, script: &str) -> Result<Self> {
        let mut options = Self { rounds, only: String::new() };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match &*word {
                "--rounds" => {
                    options.rounds = words.next().ok_or("--rounds: how many?")?.parse()?
                }
                "--only" => options.only.extend(words.next()),
                _ => return Err(format!("unknown: {word}; see the top of {script}").into()),
            }
        }
        Ok(options)
    }
}
