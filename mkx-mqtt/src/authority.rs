//! An environment's certificate authority: it is made once, and it signs.

use std::net::IpAddr;
use std::path::PathBuf;

use mkx_contract::tool::input::Input;
use mkx_contract::{EnvironmentName, Failure, Result, Secret, Site};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
    SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};

use crate::certificate::Certificate;
use crate::key::{self, Kind};
use crate::place::Files;
use mkx_contract::tool::replace::Pair;

const BRING_BACK: &str = "bring it back from a backup; a new authority would lock every device out";

/// Clocks of small devices are behind.
const BACKDATED: Duration = Duration::hours(1);

/// Whether both files of a pair are there.
#[derive(Debug, PartialEq, Eq)]
pub enum Presence {
    /// Both.
    Whole,
    /// Neither.
    None,
    /// Only one; this one is missing.
    Half(PathBuf),
}

/// Looks for both files of a pair.
pub fn presence(pair: &Pair) -> Presence {
    match (pair.certificate().exists(), pair.key().exists()) {
        (true, true) => Presence::Whole,
        (false, false) => Presence::None,
        (true, false) => Presence::Half(pair.key()),
        (false, true) => Presence::Half(pair.certificate()),
    }
}

/// A certificate that was signed, and its key where it was made with it.
pub struct Issued {
    /// The certificate, PEM.
    pub pem: String,
    /// Its facts.
    pub certificate: Certificate,
    /// The private key, PEM.
    pub key: Secret,
}

/// From when to when a certificate holds.
#[derive(Debug, Clone, Copy)]
pub struct Validity {
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

impl Validity {
    /// From now on, for so many days.
    pub fn days(days: u32) -> Validity {
        Validity::for_the_next(Duration::days(days.into()))
    }

    /// From now on, as long as a probe needs it.
    pub fn hour() -> Validity {
        Validity::for_the_next(Duration::hours(1))
    }

    /// Until yesterday.
    pub fn past() -> Validity {
        let now = OffsetDateTime::now_utc();
        Validity {
            not_before: now - Duration::days(2),
            not_after: now - Duration::days(1),
        }
    }

    fn for_the_next(time: Duration) -> Validity {
        let now = OffsetDateTime::now_utc();
        Validity {
            not_before: now - BACKDATED,
            not_after: now + time,
        }
    }
}

/// An authority that can sign.
pub struct Authority {
    /// Its certificate.
    pub certificate: Certificate,
    /// Its certificate, PEM.
    pub pem: String,
    organisation: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Reads an environment's authority, and makes sure that it is its own.
    ///
    /// # Errors
    /// Exit 5 where one of its files is missing, where they do not fit, and where the other
    /// environment has the same; exit 3 where there is none or it can not be read.
    pub fn load(site: &Site, environment: EnvironmentName) -> Result<Authority> {
        let pair = Files::of(site, environment)?.authority;
        let authority = Authority::read(&pair, environment, &site.name)?;
        let other = Files::of(site, environment.other());
        match other.and_then(|files| Certificate::read(&files.authority.certificate())) {
            Ok(other) if other.public_key == authority.certificate.public_key => {
                Err(Failure::refused(format!(
                    "cannot use the authority of {environment}: {} has the same key",
                    environment.other()
                ))
                .hint("what one signs the other accepts; move one pair away and make a new one"))
            }
            _ => Ok(authority),
        }
    }

    fn read(pair: &Pair, environment: EnvironmentName, organisation: &str) -> Result<Authority> {
        let at = pair.certificate();
        match presence(pair) {
            Presence::Whole => {}
            Presence::None => {
                let cause = format!("there is no {}", at.display());
                return Err(Failure::input(format!(
                    "cannot read the authority of {environment}: {cause}"
                ))
                .hint(format!("make one: mkx-mqtt certs init {environment}")));
            }
            Presence::Half(missing) => {
                return Err(Failure::refused(format!(
                    "cannot use the authority of {environment}: {} is missing",
                    missing.display()
                ))
                .hint(BRING_BACK));
            }
        }
        let pem = Input::open(&at)?.text()?;
        let key = Secret::new(Input::open(&pair.key())?.text()?);
        let doing = format!("cannot use {}", pair.key().display());
        let key = key::parse(&key).map_err(|failure| failure.context(doing))?;
        let doing = format!("cannot use the authority {}", at.display());
        Authority::new(pem, key, organisation).map_err(|failure| failure.context(doing))
    }

    fn new(pem: String, key: KeyPair, organisation: &str) -> Result<Authority> {
        let certificate = Certificate::parse(pem.as_bytes())?;
        if certificate.public_key != key.subject_public_key_info() {
            return Err(Failure::refused("the key does not fit the certificate").hint(BRING_BACK));
        }
        if !certificate.is_authority {
            return Err(Failure::refused("its certificate is none of an authority"));
        }
        let der = CertificateDer::from(certificate.der.as_slice());
        let issuer = Issuer::from_ca_cert_der(&der, key)
            .map_err(|error| Failure::input(error.to_string()))?;
        Ok(Authority {
            certificate,
            pem,
            organisation: organisation.into(),
            issuer,
        })
    }

    /// Makes a new authority; `subject` is its common name.
    pub fn make(
        subject: &str,
        organisation: &str,
        kind: Kind,
        days: u32,
    ) -> Result<(Self, Secret)> {
        let key = key::generate(kind, 4096)?;
        let mut params = params(subject, organisation, Validity::days(days))?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let secret = Secret::new(key.serialize_pem());
        let certificate = params.self_signed(&key).map_err(unsigned)?;
        Ok((
            Authority::new(certificate.pem(), key, organisation)?,
            secret,
        ))
    }

    /// Signs a broker's certificate for the names that devices use.
    pub fn server(&self, names: &[String], kind: Kind, days: u32) -> Result<Issued> {
        let first = names.first().map_or("broker", String::as_str);
        let mut params = params(first, &self.organisation, Validity::days(days))?;
        for name in names {
            params.subject_alt_names.push(alternative(name)?);
        }
        params.key_usages = usages(kind);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(&params, kind)
    }

    /// Signs a device's certificate; its name is what the broker calls it.
    pub fn player(&self, player: &str, kind: Kind, validity: Validity) -> Result<Issued> {
        self.issue(&self.of_player(player, kind, validity)?, kind)
    }

    /// The same for a probe, which may want a certain serial number.
    pub fn probe(&self, name: &str, validity: Validity, serial: Option<&[u8]>) -> Result<Issued> {
        let mut params = self.of_player(name, Kind::Ecdsa, validity)?;
        if let Some(serial) = serial {
            params.serial_number = Some(SerialNumber::from_slice(serial));
        }
        self.issue(&params, Kind::Ecdsa)
    }

    /// Signs for a key that never left the device: of the request, only the key is taken.
    pub fn request(
        &self,
        request: &str,
        player: &str,
        validity: Validity,
    ) -> Result<(String, Certificate)> {
        let request = CertificateSigningRequestParams::from_pem(request)
            .map_err(|error| Failure::input(format!("cannot read the request: {error}")))?;
        let params = self.of_player(player, Kind::Ecdsa, validity)?;
        self.sign(&params, &request.public_key)
    }

    /// What signs revocation lists.
    pub fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    fn of_player(&self, player: &str, kind: Kind, validity: Validity) -> Result<CertificateParams> {
        let mut params = params(player, &self.organisation, validity)?;
        params.subject_alt_names = vec![alternative(&format!("player-{player}"))?];
        params.key_usages = usages(kind);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Ok(params)
    }

    fn issue(&self, params: &CertificateParams, kind: Kind) -> Result<Issued> {
        let key = key::generate(kind, 2048)?;
        let (pem, certificate) = self.sign(params, &key)?;
        Ok(Issued {
            pem,
            certificate,
            key: Secret::new(key.serialize_pem()),
        })
    }

    fn sign(
        &self,
        params: &CertificateParams,
        key: &impl PublicKeyData,
    ) -> Result<(String, Certificate)> {
        let signed = params.signed_by(key, &self.issuer).map_err(unsigned)?;
        let certificate = Certificate::from_der(signed.der())?;
        // An unusual subject may come out in another encoding, and then no peer finds the signer.
        if !certificate.is_signed_by(&self.certificate) {
            return Err(Failure::input(format!(
                "cannot sign with {}: its subject is not encoded in a way that is known",
                self.certificate.subject
            )));
        }
        Ok((signed.pem(), certificate))
    }
}

fn params(name: &str, organisation: &str, validity: Validity) -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let subject = &mut params.distinguished_name;
    subject.push(DnType::OrganizationName, organisation);
    subject.push(DnType::CommonName, name);
    params.not_before = validity.not_before;
    params.not_after = validity.not_after;
    params.serial_number = Some(SerialNumber::from_slice(&random_serial()?));
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Positive, and of the same length always.
fn random_serial() -> Result<[u8; 16]> {
    let mut serial = [0; 16];
    getrandom::fill(&mut serial)
        .map_err(|error| Failure::peer(format!("cannot make a serial number: {error}")))?;
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(serial)
}

fn usages(kind: Kind) -> Vec<KeyUsagePurpose> {
    match kind {
        Kind::Ecdsa => vec![KeyUsagePurpose::DigitalSignature],
        // TLS 1.2 on small devices still sends the secret under the broker's RSA key.
        Kind::Rsa => vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ],
    }
}

fn alternative(name: &str) -> Result<SanType> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let doing = format!("cannot put the name {name:?} into a certificate");
    let wrong = |error| Failure::input(format!("{doing}: {error}"));
    Ok(SanType::DnsName(name.try_into().map_err(wrong)?))
}

fn unsigned(error: rcgen::Error) -> Failure {
    Failure::input(format!("cannot sign: {error}"))
}
