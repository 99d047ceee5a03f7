//! Flow-control windows, RFC 9113 §5.2 and §6.9.

use super::Code;

/// A window before anything changed it (RFC 9113 §6.9.2), in bytes.
pub const INITIAL: i32 = 65_535;

/// How many bytes may be sent; below 0 when a setting took back what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(i32);

impl Window {
    /// One of that many bytes.
    pub const fn new(bytes: i32) -> Self {
        Self(bytes)
    }

    /// Bytes that may be sent now.
    pub fn available(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// Takes bytes that were sent or received.
    ///
    /// # Errors
    /// When the peer sent more than it may: FLOW_CONTROL_ERROR.
    pub fn take(&mut self, bytes: usize) -> Result<(), Code> {
        if bytes > self.available() {
            return Err(Code::FlowControlError);
        }
        // It is no more than what is available, which is an i32.
        self.0 -= bytes as i32;
        Ok(())
    }

    /// Gives bytes.
    ///
    /// # Errors
    /// Beyond 2^31-1: FLOW_CONTROL_ERROR (RFC 9113 §6.9.1).
    pub fn give(&mut self, bytes: u32) -> Result<(), Code> {
        let sum = i64::from(self.0) + i64::from(bytes);
        self.0 = i32::try_from(sum).map_err(|_| Code::FlowControlError)?;
        Ok(())
    }

    /// The setting that windows begin with has changed by that much (RFC 9113 §6.9.2).
    ///
    /// # Errors
    /// Beyond 2^31-1: FLOW_CONTROL_ERROR.
    pub fn shift(&mut self, bytes: i64) -> Result<(), Code> {
        let sum = i64::from(self.0) + bytes;
        self.0 = i32::try_from(sum).map_err(|_| Code::FlowControlError)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_can_be_negative_but_not_overrun_or_overflow() {
        let mut window = Window::new(INITIAL);
        window.take(65_535).unwrap();
        assert_eq!(window.take(1), Err(Code::FlowControlError));
        window.shift(-100).unwrap();
        assert_eq!((window, window.available()), (Window::new(-100), 0));
        window.give(101).unwrap();
        assert_eq!(window.available(), 1);
        assert_eq!(window.give(0x7fff_ffff), Err(Code::FlowControlError));
        window.give(0x7fff_fffe).unwrap();
        assert_eq!(window.shift(1), Err(Code::FlowControlError));
    }
}
