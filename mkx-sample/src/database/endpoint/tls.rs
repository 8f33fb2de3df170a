//! TLS to a server, with libpq's meaning of `sslmode` and `sslrootcert`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{Address, TlsMode};

/// How certificates are checked for this address.
///
/// # Errors
/// A sentence that says which file is missing or not right.
pub fn connector(address: &Address) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new(address, provider.clone())?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match client_certificate(address) {
        Some((certificate, key)) => config
            .with_client_auth_cert(read_certificates(&certificate)?, read_key(&key)?)
            .map_err(|error| format!("{}: {error}", certificate.display()))?,
        None => config.with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

/// Where libpq looks for files that the URL does not name.
fn default_file(name: &str) -> Option<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    let path = Path::new(&home).join(".postgresql").join(name);
    path.is_file().then_some(path)
}

fn client_certificate(address: &Address) -> Option<(PathBuf, PathBuf)> {
    address
        .client_certificate
        .clone()
        .or_else(|| default_file("postgresql.crt").zip(default_file("postgresql.key")))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("cannot read certificates from {}: {error}", path.display()))?;
    if certificates.is_empty() {
        return Err(format!("{} holds no certificate", path.display()));
    }
    Ok(certificates)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|error| format!("cannot read a key from {}: {error}", path.display()))
}

/// The roots to check against; nothing: the certificate is not checked.
fn roots(address: &Address) -> Result<Option<Vec<CertificateDer<'static>>>, String> {
    let is_verified = matches!(address.tls, TlsMode::VerifyCa | TlsMode::VerifyFull);
    match &address.root_certificate {
        Some(path) if path == Path::new("system") => {
            if address.tls != TlsMode::VerifyFull {
                return Err("sslrootcert=system needs sslmode=verify-full".into());
            }
            let found = rustls_native_certs::load_native_certs().certs;
            if found.is_empty() {
                return Err("sslrootcert=system: the system has no root certificates".into());
            }
            Ok(Some(found))
        }
        Some(path) if is_verified || path.exists() => read_certificates(path).map(Some),
        Some(_) => Ok(None),
        None => match default_file("root.crt") {
            Some(path) => read_certificates(&path).map(Some),
            None if is_verified => Err(
                "there is no root certificate to check the server's by; name one with sslrootcert=FILE"
                    .into(),
            ),
            None => Ok(None),
        },
    }
}

#[derive(Debug)]
struct Verifier {
    /// Nothing: every certificate will do.
    chain: Option<Arc<WebPkiServerVerifier>>,
    /// A server's own certificate may be given as the root; path building does not accept one
    /// that says it is an authority, OpenSSL does.
    roots: Vec<CertificateDer<'static>>,
    is_name_checked: bool,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(address: &Address, provider: Arc<CryptoProvider>) -> Result<Verifier, String> {
        // Without a need for TLS a certificate is never a reason to fail.
        let roots = match address.tls {
            TlsMode::Disable | TlsMode::Allow | TlsMode::Prefer => None,
            _ => roots(address)?,
        };
        let chain = match &roots {
            None => None,
            Some(roots) => {
                let mut store = RootCertStore::empty();
                store.add_parsable_certificates(roots.iter().cloned());
                let built =
                    WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone())
                        .build();
                Some(built.map_err(|error| format!("cannot use the root certificate: {error}"))?)
            }
        };
        Ok(Verifier {
            chain,
            roots: roots.unwrap_or_default(),
            is_name_checked: address.tls == TlsMode::VerifyFull,
            provider,
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        if self.roots.iter().any(|root| root == end_entity) {
            if self.is_name_checked {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.is_name_checked => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
