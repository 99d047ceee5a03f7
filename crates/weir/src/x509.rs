//! As much of certificates as the command line prints: PEM, fingerprints, validity.
//!
//! What cannot be read is left out: whether a certificate is good is for Weir to say.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::DateTime;
use sha2::{Digest, Sha256};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The optional version in front of the other fields.
const VERSION: u8 = 0xa0;

/// The certificates of a file, each by itself.
pub(crate) fn split_pem(text: &str) -> Vec<String> {
    let certificates = text.split_inclusive(END).filter_map(|part| {
        let start = part.find(BEGIN).filter(|_| part.ends_with(END))?;
        Some(format!("{}\n", &part[start..]))
    });
    certificates.collect()
}

/// The first certificate of a file, in DER.
pub(crate) fn first_certificate(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(BEGIN)?;
    let (body, _) = rest.split_once(END)?;
    STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
}

/// The SHA-256 of a certificate, in lower-case hex.
pub(crate) fn fingerprint(der: &[u8]) -> String {
    Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first and the last moment at which a certificate is valid, in UTC.
pub(crate) fn validity(der: &[u8]) -> Option<(DateTime, DateTime)> {
    let certificate = Der(der).expect(SEQUENCE)?;
    let mut fields = Der(Der(certificate).expect(SEQUENCE)?);
    if fields.0.first() == Some(&VERSION) {
        fields.next()?;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        fields.next()?;
    }
    let mut times = Der(fields.expect(SEQUENCE)?);
    Some((time(times.next()?)?, time(times.next()?)?))
}

/// Values one after the other, each with a tag and a length.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, value)| value)
    }

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], mut rest) = self.0.split_first_chunk::<2>()?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            if bytes.len() > 4 {
                return None;
            }
            length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            rest = after;
        }
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }
}

/// `YYMMDDhhmmssZ`, where 50 and more are of the last century, or `YYYYMMDDhhmmssZ`.
fn time((tag, text): (u8, &[u8])) -> Option<DateTime> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let year = match tag {
        UTC_TIME if text.len() == 12 => {
            if *text >= *"50" {
                format!("19{text}")
            } else {
                format!("20{text}")
            }
        }
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    DateTime::strptime("%Y%m%d%H%M%S", year).ok()
}
