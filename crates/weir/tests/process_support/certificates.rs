//! Certificates made for a test, in files.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
    RevocationReason, RevokedCertParams, SerialNumber, SignatureAlgorithm, date_time_ymd,
};
use tempfile::TempDir;

/// An authority, what it issues, and the directory that both are in.
pub(crate) struct Authority {
    directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// What is special about a certificate.
pub(crate) struct Wish {
    pub(crate) algorithm: &'static SignatureAlgorithm,
    pub(crate) last_year: i32,
    pub(crate) serial: u64,
}

impl Default for Wish {
    fn default() -> Self {
        Self { algorithm: &PKCS_ECDSA_P256_SHA256, last_year: 2090, serial: 7 }
    }
}

impl Wish {
    pub(crate) fn rsa() -> Self {
        Self { algorithm: &PKCS_RSA_SHA256, ..Self::default() }
    }
}

impl Authority {
    /// Writes `ca.pem`.
    pub(crate) fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).expect("signed");
        std::fs::write(directory.path().join("ca.pem"), certificate.pem()).expect("written");
        Self { directory, issuer: Issuer::new(params, key) }
    }

    /// Where a file is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The same as text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes `<file>.pem` and `<file>.key`.
    pub(crate) fn issue(&self, file: &str, names: &[&str], wish: &Wish) {
        let key = KeyPair::generate_for(wish.algorithm).expect("a key");
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(wish.last_year, 1, 1);
        params.serial_number = Some(SerialNumber::from(wish.serial));
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let write = |name: String, text| std::fs::write(self.path(&name), text).expect("written");
        write(format!("{file}.pem"), certificate.pem());
        write(format!("{file}.key"), key.serialize_pem());
    }

    /// Writes `crl.pem`, in which a serial number is revoked.
    pub(crate) fn revoke(&self, serial: u64) {
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2090, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(serial),
                revocation_time: date_time_ymd(2021, 1, 1),
                reason_code: Some(RevocationReason::KeyCompromise),
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).expect("signed");
        std::fs::write(self.path("crl.pem"), list.pem().expect("PEM")).expect("written");
    }
}
