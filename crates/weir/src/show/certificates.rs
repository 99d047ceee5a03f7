//! Certificates; without their keys, unless these were asked for.

use jiff::Timestamp;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{
    CertificateAndKey, CertificatesWithFingerprints, ListOfCertificatesByAddress,
};
use weir_tls::certificate::{certificates, describe};

use super::page::{Page, address, row};

pub(super) fn table(page: &mut Page, list: &CertificatesWithFingerprints) {
    let rows = list.certs.iter().map(|(fingerprint, certificate)| {
        let (from, to) = validity(certificate);
        row![fingerprint, from, to, certificate.names.join(", ")]
    });
    page.table("", ["fingerprint", "not before", "not after", "domain names"], rows);
    for certificate in list.certs.values().filter(|certificate| !certificate.key.is_empty()) {
        let chain = certificate.certificate_chain.iter().map(String::as_str);
        let blocks = [certificate.certificate.as_str()].into_iter().chain(chain);
        blocks.chain([certificate.key.as_str()]).for_each(|block| page.line(block.trim_end()));
    }
}

/// Leaves private keys out of an answer.
pub(crate) fn without_keys(content: &mut ContentType) {
    match content {
        ContentType::CertificatesWithFingerprints(list) => {
            list.certs.values_mut().for_each(|certificate| certificate.key.clear());
        }
        ContentType::ListenersList(list) => {
            list.https_listeners.values_mut().for_each(|listener| listener.key = None);
        }
        _ => {}
    }
}

fn validity(certificate: &CertificateAndKey) -> (String, String) {
    let leaf = certificates(&certificate.certificate).ok().and_then(|all| all.into_iter().next());
    let Some(description) = leaf.and_then(|leaf| describe(leaf.bytes())) else {
        return Default::default();
    };
    let text = |seconds| Timestamp::from_second(seconds).map(|time| time.to_string());
    let text = |seconds| text(seconds).unwrap_or_default();
    (text(description.not_before), text(description.not_after))
}

pub(super) fn by_address(page: &mut Page, list: &ListOfCertificatesByAddress) {
    for listener in &list.certificates {
        page.line(format!("  {}", address(&listener.address)));
        for certificate in &listener.certificate_summaries {
            page.line(format!("    {}: {}", certificate.fingerprint, certificate.domain));
        }
    }
}
