//! Certificates, without their keys.

use weir_client::proto::{
    CertificateAndKey, CertificatesWithFingerprints, ListOfCertificatesByAddress,
};

use super::page::{Page, address, row};
use crate::x509;

pub(super) fn table(page: &mut Page, list: &CertificatesWithFingerprints) {
    let rows = list.certs.iter().map(|(fingerprint, certificate)| {
        let (from, to) = validity(certificate);
        row![fingerprint, from, to, certificate.names.join(", ")]
    });
    page.table("", ["fingerprint", "not before", "not after", "domain names"], rows);
}

fn validity(certificate: &CertificateAndKey) -> (String, String) {
    let der = x509::first_certificate(&certificate.certificate);
    let times = der.and_then(|der| x509::validity(&der));
    times.map_or_else(Default::default, |(from, to)| (format!("{from}Z"), format!("{to}Z")))
}

pub(super) fn by_address(page: &mut Page, list: &ListOfCertificatesByAddress) {
    for listener in &list.certificates {
        page.line(format!("  {}", address(&listener.address)));
        for certificate in &listener.certificate_summaries {
            page.line(format!("    {}: {}", certificate.fingerprint, certificate.domain));
        }
    }
}
