//! Bounds of HTTP/2 on a listener, declared once: for the state, the file and the protocol.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::LONGEST_SECONDS;

/// What is known of a bound.
#[derive(Clone, Copy, Debug)]
pub struct H2Key {
    /// Name of its key, without `h2_`.
    pub name: &'static str,
    /// What holds without the key.
    pub default: u64,
    /// The smallest value.
    pub least: u64,
    /// The largest value.
    pub most: u64,
}

macro_rules! bounds {
    ($(
        $(#[$doc:meta])*
        $name:ident: $type:ty = $default:literal, $least:literal..=$most:expr;
    )+) => {
        /// Bounds of HTTP/2 with the clients of a listener.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct H2 { $($(#[$doc])* pub $name: $type,)+ }

        impl Default for H2 {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl H2 {
            /// All of them.
            pub const KEYS: &[H2Key] = &[$(H2Key {
                name: stringify!($name),
                default: $default,
                least: $least,
                most: $most,
            },)+];

            /// The value of a key.
            pub fn get(&self, name: &str) -> Option<u64> {
                match name {
                    $(stringify!($name) => Some(u64::from(self.$name)),)+
                    _ => None,
                }
            }

            /// Sets the value of a key; one that is too large or small is the nearest that is not.
            pub fn set(&mut self, name: &str, value: u64) {
                match name {
                    $(stringify!($name) => {
                        let value = value.clamp($least, $most);
                        self.$name = <$type>::try_from(value).unwrap_or(<$type>::MAX);
                    })+
                    _ => {}
                }
            }
        }
    };
}

/// Numbers of the protocol have 32 bits.
const MOST: u64 = u32::MAX as u64;

bounds! {
    /// RST_STREAM received in a second.
    max_rst_stream_per_window: u32 = 100, 1..=MOST;
    /// PING received in a second.
    max_ping_per_window: u32 = 100, 1..=MOST;
    /// SETTINGS received in a second.
    max_settings_per_window: u32 = 50, 1..=MOST;
    /// DATA without content and end received in a second.
    max_empty_data_per_window: u32 = 100, 1..=MOST;
    /// WINDOW_UPDATE by a few bytes in a second, and as many for each open stream.
    max_window_update_stream0_per_window: u32 = 100, 1..=MOST;
    /// CONTINUATION frames of one header block.
    max_continuation_frames: u32 = 20, 1..=MOST;
    /// Other frames without use in a second.
    max_glitch_count: u32 = 100, 1..=MOST;
    /// RST_STREAM received on a connection.
    max_rst_stream_lifetime: u64 = 10_000, 1..=u64::MAX;
    /// RST_STREAM received before a response began, on a connection.
    max_rst_stream_abusive_lifetime: u64 = 50, 1..=u64::MAX;
    /// RST_STREAM that the client made the proxy send, on a connection.
    max_rst_stream_emitted_lifetime: u64 = 500, 1..=u64::MAX;
    /// Bytes of names and values of a head, and 32 for each field.
    max_header_list_size: u32 = 65_536, 1..=MOST;
    /// Bytes of the header table that the proxy uses of what a client allows.
    max_header_table_size: u32 = 65_536, 0..=MOST;
    /// Fields of a head, pieces of a cookie counted.
    max_header_fields: u32 = 128, 1..=MOST;
    /// Bytes of all streams of a connection that may be under way to the proxy.
    initial_connection_window: u32 = 1_048_576, 65_535..=0x7fff_ffff;
    /// Streams of a connection that may be open at once.
    max_concurrent_streams: u32 = 100, 1..=10_000;
    /// Without effect: streams hold no memory that could shrink.
    stream_shrink_ratio: u32 = 2, 2..=MOST;
    /// Seconds that the client of a stream may keep it waiting; 0: see [`H2::stream_patience`].
    stream_idle_timeout_seconds: u32 = 0, 0..=LONGEST_SECONDS;
    /// Seconds that streams may go on on a connection whose end was announced; 0: any time.
    graceful_shutdown_deadline_seconds: u32 = 5, 0..=LONGEST_SECONDS;
}

impl H2 {
    /// How long the client of a stream may keep it waiting.
    pub fn stream_patience(&self, back_timeout: Duration) -> Duration {
        match self.stream_idle_timeout_seconds {
            0 => back_timeout.max(IDLE_STREAM),
            seconds => Duration::from_secs(seconds.into()),
        }
    }
}

/// What a stream may be idle for at least, when nothing is said of it.
const IDLE_STREAM: Duration = Duration::from_secs(30);
