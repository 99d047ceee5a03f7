//! Certificates for tests, made once.

use std::sync::LazyLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
};
use weir_proto::CertificateAndKey;

/// What can be handed in.
pub(crate) struct Made {
    pub(crate) authority: String,
    pub(crate) revoked: String,
    /// For `c0.example` and `*.c0.example`, valid to the end of 2090, and so on.
    pub(crate) certificates: Vec<CertificateAndKey>,
    /// For `old.example`, until 2020.
    pub(crate) expired: CertificateAndKey,
}

pub(crate) static MADE: LazyLock<Made> = LazyLock::new(|| {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(2100, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&authority).expect("signed");
    let leaf = |host: &str, until: i32| {
        let hosts = vec![host.to_owned(), format!("*.{host}")];
        let mut params = CertificateParams::new(hosts).expect("names");
        params.not_after = date_time_ymd(until, 12, 31);
        let key = KeyPair::generate().expect("a key");
        CertificateAndKey {
            certificate: params.signed_by(&key, &authority).expect("signed").pem(),
            certificate_chain: vec![authority.pem()],
            key: key.serialize_pem(),
            ..CertificateAndKey::default()
        }
    };
    Made {
        certificates: (0..3).map(|n| leaf(&format!("c{n}.example"), 2090 + n)).collect(),
        expired: leaf("old.example", 2020),
        revoked: list.pem().expect("PEM"),
        authority: authority.pem(),
    }
});
