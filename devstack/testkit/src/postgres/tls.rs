//! A certificate authority that lives as long as one server.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use crate::Error;

/// The PEM texts that a TLS server and its clients need.
pub(super) struct Certificates {
    /// For clients: what to trust.
    pub(super) authority: String,
    /// For the server: its certificate for `localhost` and 127.0.0.1.
    pub(super) server: String,
    /// For the server: the private key.
    pub(super) server_key: String,
}

/// Makes an authority and a server certificate signed by it.
pub(super) fn issue() -> Result<Certificates, Error> {
    make().map_err(|error| Error::Failed(format!("make a certificate: {error}")))
}

fn make() -> Result<Certificates, rcgen::Error> {
    let mut authority = CertificateParams::new(Vec::<String>::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
        .distinguished_name
        .push(rcgen::DnType::CommonName, "testkit authority");
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

    let mut server = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    server
        .distinguished_name
        .push(rcgen::DnType::CommonName, "localhost");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &issuer)?;
    Ok(Certificates {
        authority: issuer.pem(),
        server: certificate.pem(),
        server_key: key.serialize_pem(),
    })
}
