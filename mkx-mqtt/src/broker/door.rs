//! Where and as whom a broker is entered.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use mkx_contract::record::site::Mqtt;
use mkx_contract::{Failure, Result, Secret};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::authority::Issued;
use crate::certificate::Certificate;

/// A broker's port, and what is shown there.
#[derive(Debug, Clone)]
pub struct Door {
    /// Where it is.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How to speak TLS there; none for the plain port.
    pub tls: Option<Arc<ClientConfig>>,
    /// A name and a password.
    pub login: Option<(String, Secret)>,
    shown: Arc<Shown>,
}

#[derive(Debug, Default)]
struct Shown(Mutex<Option<String>>);

impl Door {
    /// The plain port, on loopback.
    pub fn plain(mqtt: &Mqtt, login: Option<(String, Secret)>) -> Door {
        Door {
            host: "127.0.0.1".into(),
            port: mqtt.plain_port,
            tls: None,
            login,
            shown: Arc::default(),
        }
    }

    /// The port for TLS; the broker must show a certificate of `authority` with the name that
    /// devices know it by, wherever it is reached.
    pub fn tls(mqtt: &Mqtt, authority: &Certificate, client: Option<&Issued>) -> Result<Door> {
        let shown = Arc::<Shown>::default();
        let config = config(&mqtt.public_host, authority, client, shown.clone());
        let config = config.map_err(|error| {
            Failure::input(format!("cannot speak TLS to {}: {error}", mqtt.public_host))
        })?;
        Ok(Door {
            host: mqtt.address().into(),
            port: mqtt.port,
            tls: Some(Arc::new(config)),
            login: None,
            shown,
        })
    }

    /// SHA-256 of the certificate that the broker showed last.
    pub fn shown(&self) -> Option<String> {
        let shown = self.shown.0.lock();
        shown.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn config(
    host: &str,
    authority: &Certificate,
    client: Option<&Issued>,
    shown: Arc<Shown>,
) -> Result<ClientConfig, Box<dyn Error>> {
    let provider = Arc::new(default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.der.clone()))?;
    let inner = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone());
    let verifier = ByName {
        inner: inner.build()?,
        name: ServerName::try_from(host.to_owned())?,
        shown,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let Some(issued) = client else {
        return Ok(config.with_no_client_auth());
    };
    let chain = vec![CertificateDer::from(issued.certificate.der.clone())];
    let key = PrivateKeyDer::from_pem_slice(issued.key.expose().as_bytes())?;
    Ok(config.with_client_auth_cert(chain, key)?)
}

/// Checks the broker's certificate for the name that devices use, not for the address that was
/// dialled.
#[derive(Debug)]
struct ByName {
    inner: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
    shown: Arc<Shown>,
}

impl ServerCertVerifier for ByName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let fingerprint = Certificate::from_der(end_entity).map(|shown| shown.fingerprint());
        *self.shown.0.lock().unwrap_or_else(PoisonError::into_inner) = fingerprint.ok();
        self.inner
            .verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
