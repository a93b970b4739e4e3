//! The one TLS client configuration: aws-lc-rs, the public roots, and whatever else the caller trusts.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;

/// Certificates that are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("certificates in PEM are expected, as text or as a file's path, and each has to be one")]
pub struct BadPem;

/// Certificates from a PEM text, or from the file that it names.
///
/// # Errors
/// [`BadPem`] when there are none, or when one of them cannot be trusted because it is no certificate.
pub fn certificates(pem_or_path: &str) -> Result<Vec<CertificateDer<'static>>, BadPem> {
    let pem = if pem_or_path.contains("-----BEGIN") {
        // a secret's JSON or a shell may have turned line ends into two characters
        pem_or_path.replace("\\n", "\n").into_bytes()
    } else {
        std::fs::read(pem_or_path).map_err(|_| BadPem)?
    };
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let list = read.ok().filter(|list| !list.is_empty()).ok_or(BadPem)?;
    let mut roots = RootCertStore::empty();
    for certificate in &list {
        roots.add(certificate.clone()).map_err(|_| BadPem)?;
    }
    Ok(list)
}

/// A client configuration that verifies certificate and host name.
pub fn client_config(extra_roots: &[CertificateDer<'static>]) -> ClientConfig {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    roots.add_parsable_certificates(extra_roots.iter().cloned()); // `certificates` has seen to it that each is
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    // Postgres up to 17 prefers prime256v1: offered first, the handshake needs no second try.
    provider
        .kx_groups
        .sort_by_key(|group| group.name() != rustls::NamedGroup::secp256r1);
    let provider = Arc::new(provider);
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has the default protocol versions");
    if extra_roots.is_empty() {
        return builder.with_root_certificates(roots).with_no_client_auth();
    }
    builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinning::new(roots, extra_roots, provider)))
        .with_no_client_auth()
}

/// Verifies as always, and takes one certificate more: a self-signed one that the server shows as its own, where just that one is
/// trusted. `openssl req -x509` says of each that it is an authority, which a server's certificate must not be by the letter;
/// libpq takes it.
#[derive(Debug)]
struct Pinning {
    usual: Arc<WebPkiServerVerifier>,
    pinned: Vec<CertificateDer<'static>>,
}

impl Pinning {
    fn new(roots: RootCertStore, pinned: &[CertificateDer<'static>], provider: Arc<CryptoProvider>) -> Self {
        Self {
            usual: WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .expect("there are roots, and no revocation lists to read"),
            pinned: pinned.to_vec(),
        }
    }
}

/// Whether a certificate was refused for saying that it is an authority, and for nothing else. Its dates were looked at before
/// that (webpki: `check_issuer_independent_properties`), so they are right. The error's type is not rustls's own; a word that
/// changed would refuse, not accept.
fn is_only_an_authority(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Other(other)) if other.0.to_string() == "CaUsedAsEndEntity")
}

impl ServerCertVerifier for Pinning {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let usual = self
            .usual
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match usual {
            Err(error) if is_only_an_authority(&error) && self.pinned.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            usual => usual,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::store::DatabaseUrl;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ClientConnection, ServerConfig, ServerConnection, StreamOwned};
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn pem_or_path() {
        assert_eq!(certificates("/nowhere/ca.pem"), Err(BadPem));
        assert_eq!(certificates("-----BEGIN nothing"), Err(BadPem));
    }

    #[test]
    fn what_is_no_certificate_is_refused_beside_a_good_one() {
        let good = authority("localhost", 2050).pem;
        assert_eq!(certificates(&good).unwrap().len(), 1);
        assert_eq!(certificates(&format!("{good}{good}")).unwrap().len(), 2);
        assert_eq!(certificates(&good.replace('\n', "\\n")).unwrap().len(), 1);
        for inside in ["xxx", "AAAA", "", "MIIB"] {
            let bad = format!("-----BEGIN CERTIFICATE-----\n{inside}\n-----END CERTIFICATE-----\n");
            for pem in [bad.clone(), format!("{good}{bad}"), format!("{bad}{good}")] {
                assert_eq!(certificates(&pem), Err(BadPem), "{inside}");
                let settings = Settings::of(&[
                    ("DATABASE_URL", "postgres://u@db.example/db"),
                    ("DATABASE_CA", &pem),
                ]);
                let stop = DatabaseUrl::from_settings(&settings, "DATABASE_URL")
                    .err()
                    .unwrap();
                assert!(stop.to_string().starts_with("DATABASE_CA is malformed"), "{stop}");
            }
        }
    }

    /// A certificate with its key.
    struct Made {
        pem: String,
        certificate: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
    }

    fn params(name: &str, until: i32) -> CertificateParams {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        params
    }

    /// As `openssl req -x509` makes one: it signed itself, and says that it is an authority.
    fn authority(name: &str, until: i32) -> Made {
        let mut params = params(name, until);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        Made {
            pem: made.pem(),
            certificate: made.der().clone(),
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        }
    }

    /// One that an authority signed, and that says of itself that it is one or not.
    fn signed(is_ca: IsCa) -> (Made, CertificateDer<'static>) {
        let mut above = CertificateParams::new(Vec::<String>::new()).unwrap();
        above.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(above, KeyPair::generate().unwrap()).unwrap();
        let mut params = params("localhost", 2050);
        params.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &issuer).unwrap();
        let made = Made {
            pem: made.pem(),
            certificate: made.der().clone(),
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        };
        (made, issuer.der().clone())
    }

    /// A handshake with a server of that certificate over a real connection, and a byte each way.
    fn meet(server: &Made, trusted: &[CertificateDer<'static>], name: &'static str) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![server.certificate.clone()], server.key.clone_key())
            .unwrap();
        let answers = std::thread::spawn(move || {
            let connection = ServerConnection::new(Arc::new(config)).unwrap();
            let mut stream = StreamOwned::new(connection, listener.accept().unwrap().0);
            let mut byte = [0];
            // a client that does not trust us hangs up
            let _ = stream
                .read_exact(&mut byte)
                .and_then(|()| stream.write_all(&byte));
            let _ = stream.flush();
        });
        let client =
            ClientConnection::new(Arc::new(client_config(trusted)), name.try_into().unwrap()).unwrap();
        let mut stream = StreamOwned::new(client, TcpStream::connect(address).unwrap());
        let mut byte = [0];
        let met = stream
            .write_all(b"x")
            .and_then(|()| stream.read_exact(&mut byte))
            .map_err(|error| error.to_string());
        drop(stream);
        answers.join().unwrap();
        met
    }

    #[test]
    fn a_self_signed_certificate_is_trusted_when_it_is_the_very_one() {
        let server = authority("localhost", 2050);
        let other = authority("localhost", 2050);
        let own = server.certificate.clone();
        assert_eq!(meet(&server, std::slice::from_ref(&own), "localhost"), Ok(()));
        assert_eq!(
            meet(&server, &[other.certificate.clone(), own.clone()], "localhost"),
            Ok(())
        );
        for (trusted, name, why) in [
            (vec![own], "db.example", "not valid for name"),
            (vec![other.certificate], "localhost", "CaUsedAsEndEntity"),
            (Vec::new(), "localhost", "CaUsedAsEndEntity"),
        ] {
            let refused = meet(&server, &trusted, name).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
        let expired = authority("localhost", 2021);
        let refused = meet(&expired, std::slice::from_ref(&expired.certificate), "localhost").unwrap_err();
        assert!(refused.contains("expired"), "{refused}");
    }

    #[test]
    fn an_authority_is_trusted_as_always() {
        let (server, issuer) = signed(IsCa::NoCa);
        assert_eq!(meet(&server, std::slice::from_ref(&issuer), "localhost"), Ok(()));
        assert!(meet(&server, &[issuer], "db.example").is_err());
        let (server, issuer) = signed(IsCa::Ca(BasicConstraints::Unconstrained));
        let refused = meet(&server, &[issuer], "localhost").unwrap_err();
        assert!(refused.contains("CaUsedAsEndEntity"), "{refused}");
    }
}
