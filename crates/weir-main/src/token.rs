//! What an event of main's epoll is about.

/// A watched descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// Signals.
    Signals,
    /// The control socket.
    Control,
    /// A client of the control socket.
    Client(u16),
    /// The channel of the worker with this process id.
    Channel(i32),
    /// Its process.
    Process(i32),
    /// What the image that is to replace this one reports.
    Report,
    /// The process in which it rehearses.
    Rehearsal,
}

impl From<Token> for u64 {
    fn from(token: Token) -> Self {
        match token {
            Token::Signals => 0,
            Token::Control => 3 << 32,
            Token::Client(index) => 4 << 32 | Self::from(index),
            Token::Channel(pid) => 1 << 32 | Self::from(pid.cast_unsigned()),
            Token::Process(pid) => 2 << 32 | Self::from(pid.cast_unsigned()),
            Token::Report => 5 << 32,
            Token::Rehearsal => 6 << 32,
        }
    }
}

impl From<u64> for Token {
    fn from(bits: u64) -> Self {
        match bits >> 32 {
            1 => Self::Channel(bits as i32),
            2 => Self::Process(bits as i32),
            3 => Self::Control,
            4 => Self::Client(bits as u16),
            5 => Self::Report,
            6 => Self::Rehearsal,
            _ => Self::Signals,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_the_kernel() {
        for token in [
            Token::Signals,
            Token::Control,
            Token::Client(9),
            Token::Channel(0),
            Token::Channel(i32::MAX),
            Token::Process(7),
            Token::Report,
            Token::Rehearsal,
        ] {
            assert_eq!(Token::from(u64::from(token)), token);
        }
    }
}
