//! What a certificate says of itself.

use rustls::pki_types::ServerName;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::Fingerprint;

/// Bytes of a name of a host (RFC 1035 §2.3.4).
const LONGEST_NAME: usize = 253;
const DAY_SECONDS: i64 = 86_400;

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// SHA-256 of its DER.
    pub fingerprint: Fingerprint,
    /// The DNS names of its subject, or its common name when there is none: lower case, `*.` for
    /// one label. Names that no host can have, and addresses, are left out.
    pub names: Vec<String>,
    /// The first second at which it is valid, since 1970.
    pub not_before: i64,
    /// The last second at which it is valid, since 1970.
    pub not_after: i64,
}

impl Description {
    /// What is to be said of its validity at `now`, in seconds since 1970, if anything: that it is
    /// over or near its end, or has not begun. To be read behind a name.
    pub fn remark(&self, now: i64) -> Option<String> {
        // One that is made for a week is not near its end all its life.
        let soon = SOON.min((self.not_after - self.not_before) / 3);
        if now > self.not_after {
            return Some(format!("expired on {}: clients refuse it", day(self.not_after)));
        }
        if now < self.not_before {
            let from = day(self.not_before);
            return Some(format!("is not valid before {from}: clients refuse it"));
        }
        (now > self.not_after - soon).then(|| format!("expires soon, on {}", day(self.not_after)))
    }
}

/// Seconds before the end of validity from which on it is near.
const SOON: i64 = 7 * DAY_SECONDS;

/// What a certificate in DER says; `None` when it is none.
pub fn describe(der: &[u8]) -> Option<Description> {
    let certificate = parse(der)?;
    let validity = certificate.validity();
    Some(Description {
        fingerprint: Fingerprint::of(der),
        names: names(&certificate),
        not_before: validity.not_before.timestamp(),
        not_after: validity.not_after.timestamp(),
    })
}

/// The public key of a certificate, as a `SubjectPublicKeyInfo`.
pub(super) fn public_key(der: &[u8]) -> Option<&[u8]> {
    Some(parse(der)?.tbs_certificate.subject_pki.raw)
}

/// A certificate, and nothing behind it.
pub(super) fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    let (rest, certificate) = X509Certificate::from_der(der).ok()?;
    rest.is_empty().then_some(certificate)
}

/// RFC 6125 §6.4.4: the common name counts when there is no DNS name.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let general = alternatives.iter().flat_map(|extension| &extension.value.general_names);
    let dns = general.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(*name),
        _ => None,
    });
    let mut written: Vec<&str> = dns.collect();
    if written.is_empty() {
        let common = certificate.subject().iter_common_name();
        written.extend(common.filter_map(|name| name.as_str().ok()));
    }
    let mut names: Vec<String> = Vec::new();
    for name in written.into_iter().filter_map(host_pattern) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A name that a certificate can be chosen for: lower case, without a final dot, `*.` in front for
/// any one label. `None` when no host is called so.
pub fn host_pattern(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let literal = name.strip_prefix("*.").unwrap_or(&name);
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(is_letter);
    // An address is no DNS name (RFC 6066 §3).
    let is_address = literal.parse::<std::net::IpAddr>().is_ok();
    let good = name.len() <= LONGEST_NAME && literal.split('.').all(is_label) && !is_address;
    good.then_some(name)
}

/// Whether a text is a name or an address that a backend's certificate can be held against.
pub fn is_server_name(text: &str) -> bool {
    ServerName::try_from(text).is_ok()
}

/// The day of a second since 1970, in UTC: `2027-01-31`.
pub fn day(seconds: i64) -> String {
    // Days are counted from March 1 of year 0, so that a leap day is the last of its year.
    let days = seconds.div_euclid(DAY_SECONDS) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
