//! What a session speaks, does and waits for.

use serde::{Deserialize, Serialize};

/// Declares an enum whose variants have a word each.
macro_rules! words {
    (
        $(#[$doc:meta])*
        $enum:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $enum { $($(#[$variant_doc])* $variant,)+ }

        impl $enum {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its word.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

words! {
    /// What a session speaks.
    Protocol {
        /// Nothing yet: keys are being agreed on.
        Tls = "tls",
        /// HTTP/1.1.
        Http1 = "http/1.1",
        /// HTTP/2, the connection.
        Http2 = "h2",
        /// HTTP/2, one stream.
        Stream = "h2-stream",
        /// WebSocket, on a connection or a stream.
        WebSocket = "websocket",
        /// Bytes that are passed on as they are.
        Tcp = "tcp",
        /// Datagrams.
        Udp = "udp",
    }
}

words! {
    /// What a session is doing.
    State {
        /// Waiting for a PROXY protocol header.
        Announced = "proxy-header",
        /// Finding out which server the client wants.
        Hello = "client-hello",
        /// Agreeing on keys with the client.
        Handshake = "handshake",
        /// Between two requests, or before the first.
        Idle = "idle",
        /// Receiving the head of a request.
        Head = "head",
        /// Waiting for a connection to a backend that is busy.
        Queued = "queued",
        /// Making a connection to a backend.
        Connecting = "connecting",
        /// Receiving the body of a request; nothing of a response was seen.
        Uploading = "uploading",
        /// Waiting for a response.
        Waiting = "waiting",
        /// Passing a response on.
        Responding = "responding",
        /// Passing bytes both ways.
        Pipe = "pipe",
        /// Writing an answer of the proxy itself.
        Answering = "answering",
        /// Carrying streams, which have sessions of their own.
        Streams = "streams",
        /// Closed on our side; the client has not closed yet.
        Lingering = "lingering",
        /// Passing datagrams both ways.
        Flow = "flow",
    }
}

words! {
    /// What ends a session if nothing happens.
    Wait {
        /// `request_timeout`: the client is to say what it wants.
        Request = "request_timeout",
        /// `front_timeout`: the client is to go on.
        Front = "front_timeout",
        /// The client is to send its body faster than 500 bytes a second.
        Body = "request_body",
        /// `back_timeout`: the backend is to go on.
        Back = "back_timeout",
        /// `queue_timeout`: a backend is to have a connection free.
        Queue = "queue_timeout",
        /// `connect_timeout`: the backend is to accept.
        Connect = "connect_timeout",
        /// The client is to close its side.
        Linger = "linger",
        /// The streams of a connection that is being closed are to end.
        Shutdown = "h2_graceful_shutdown_deadline_seconds",
        /// Streams are open: their deadlines count.
        Streams = "streams",
        /// Others are to give buffers back.
        Buffers = "buffers",
        /// Others are to finish their handshakes.
        Handshakes = "handshakes",
    }
}

impl State {
    /// What has this word.
    ///
    /// # Errors
    /// A sentence with all words.
    pub fn of_word(word: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|state| state.word() == word);
        found.ok_or_else(|| {
            let words: Vec<_> = Self::ALL.iter().map(|state| state.word()).collect();
            format!("no session is ever `{word}`: write one of {}", words.join(", "))
        })
    }
}
