//! What an epoll event is about, in 64 bits.

use weir_base::Key;

/// The owner of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// The channel to main.
    Channel,
    /// Where the next main finds us.
    Meeting,
    /// A main that has found us.
    Candidate,
    /// Signals.
    Signals,
    /// A listening socket.
    Listener(Key),
    /// A listener's socket for datagrams.
    Datagrams(Key),
    /// The socket of a flow of datagrams.
    Flow(Key),
    /// A client connection.
    Session(Key),
    /// A backend connection.
    Back(Key),
    /// The connection of a health check.
    Probe(Key),
}

impl Token {
    /// The tag is in the top 8 bits, the key below it.
    pub(crate) fn to_bits(self) -> u64 {
        let (tag, key) = match self {
            Self::Channel => (0, 0),
            Self::Listener(key) => (1, key.to_bits()),
            Self::Session(key) => (2, key.to_bits()),
            Self::Back(key) => (3, key.to_bits()),
            Self::Meeting => (4, 0),
            Self::Candidate => (5, 0),
            Self::Signals => (6, 0),
            Self::Datagrams(key) => (8, key.to_bits()),
            Self::Flow(key) => (9, key.to_bits()),
            Self::Probe(key) => (7, key.to_bits()),
        };
        (tag << 56) | key
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        let key = Key::from_bits(bits);
        match bits >> 56 {
            1 => Self::Listener(key),
            2 => Self::Session(key),
            3 => Self::Back(key),
            4 => Self::Meeting,
            5 => Self::Candidate,
            6 => Self::Signals,
            8 => Self::Datagrams(key),
            9 => Self::Flow(key),
            7 => Self::Probe(key),
            _ => Self::Channel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_survives_the_kernel() {
        let key = Key::from_bits(0x00ab_cdef_0000_0007);
        for token in [Token::Channel, Token::Meeting, Token::Candidate, Token::Signals] {
            assert_eq!(Token::from_bits(token.to_bits()), token);
        }
        let keyed = [Token::Listener, Token::Session, Token::Back, Token::Probe];
        for token in keyed.into_iter().chain([Token::Datagrams, Token::Flow]) {
            let token = token(key);
            assert_eq!(Token::from_bits(token.to_bits()), token);
        }
    }
}
