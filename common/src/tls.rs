//! The one TLS client configuration: aws-lc-rs, the public roots, and whatever else the caller trusts.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// Certificates that are no PEM.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("certificates in PEM are expected, as text or as a file's path")]
pub struct BadPem;

/// Certificates from a PEM text, or from the file that it names.
///
/// # Errors
/// [`BadPem`] when there are none.
pub fn certificates(pem_or_path: &str) -> Result<Vec<CertificateDer<'static>>, BadPem> {
    let pem = if pem_or_path.contains("-----BEGIN") {
        // a secret's JSON or a shell may have turned line ends into two characters
        pem_or_path.replace("\\n", "\n").into_bytes()
    } else {
        std::fs::read(pem_or_path).map_err(|_| BadPem)?
    };
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    read.ok().filter(|list| !list.is_empty()).ok_or(BadPem)
}

/// A client configuration that verifies certificate and host name.
pub fn client_config(extra_roots: &[CertificateDer<'static>]) -> ClientConfig {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    roots.add_parsable_certificates(extra_roots.iter().cloned());
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    // Postgres up to 17 prefers prime256v1: offered first, the handshake needs no second try.
    provider
        .kx_groups
        .sort_by_key(|group| group.name() != rustls::NamedGroup::secp256r1);
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_or_path() {
        assert_eq!(certificates("/nowhere/ca.pem"), Err(BadPem));
        assert_eq!(certificates("-----BEGIN nothing"), Err(BadPem));
    }
}
