//! Loads extra certificate authorities, such as that of a proxy that inspects TLS.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tenantry_model::files;

/// Authorities that are accepted in addition to the platform's; none by default.
#[derive(Debug, Clone, Default)]
pub struct Roots(Vec<reqwest::Certificate>);

/// Why a file of authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    #[error("it could not be read")]
    Read(#[source] std::io::Error),
    #[error("it contains no certificate in PEM format")]
    Empty,
    /// The number of the damaged certificate, counted from 1.
    #[error("its certificate {0} is damaged")]
    Damaged(usize),
}

impl Roots {
    /// Reads the certificates of a PEM file and ignores the rest of the file. Each certificate is tried here, so that a
    /// damaged one is found before anything else happens.
    pub fn from_file(file: &Path) -> Result<Self, RootsError> {
        let content = files::read_trusted(file).map_err(RootsError::Read)?;
        // A file that is not text, apart from its certificates, is read as it is.
        let text = files::text_of(&content).ok();
        Self::from_pem(text.as_ref().map_or(&content, |text| text.as_bytes()))
    }

    fn from_pem(pem: &[u8]) -> Result<Self, RootsError> {
        let mut certificates = Vec::new();
        for (index, der) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let damaged = || RootsError::Damaged(index + 1);
            let der = der.map_err(|_| damaged())?;
            certificates.push(reqwest::Certificate::from_der(&der).map_err(|_| damaged())?);
            RootCertStore::empty().add(der).map_err(|_| damaged())?;
        }
        if certificates.is_empty() { Err(RootsError::Empty) } else { Ok(Self(certificates)) }
    }

    pub(super) fn certificates(&self) -> Vec<reqwest::Certificate> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_certificates_will_do() {
        let check = |pem: &str, expected: Result<usize, &str>| {
            let found = Roots::from_pem(pem.as_bytes()).map(|roots| roots.0.len());
            assert_eq!(found.map_err(|error| error.to_string()), expected.map_err(str::to_owned), "{pem}");
        };
        let authority = include_str!("../../../tests/it/tls/authority.pem");
        let block =
            |base64: &str| format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
        check(authority, Ok(1));
        check(&format!("Our proxy\n{authority}{authority}"), Ok(2));
        check("", Err("it contains no certificate in PEM format"));
        check("company_name,domain\n", Err("it contains no certificate in PEM format"));
        check(&block("AAAA"), Err("its certificate 1 is damaged"));
        check(&format!("{authority}{}", block("!")), Err("its certificate 2 is damaged"));
        check(
            include_str!("../../../tests/it/client-certificate.pem").split_once("-----BEGIN CERT").unwrap().0,
            Err("it contains no certificate in PEM format"),
        );
    }
}
