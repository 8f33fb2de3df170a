//! What stands in a certificate.

use std::net::IpAddr;
use std::path::Path;

use jiff::Timestamp;
use mkx_contract::{Failure, Result};
use sha2::{Digest, Sha256};
use x509_parser::der_parser::num_bigint::BigUint;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The facts of one certificate.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The whole.
    pub der: Vec<u8>,
    /// `CN=…, O=…`
    pub subject: String,
    /// The subject as it is encoded.
    pub subject_der: Vec<u8>,
    /// The common name.
    pub common_name: Option<String>,
    /// The serial number.
    pub serial: BigUint,
    /// From when on it holds.
    pub not_before: Timestamp,
    /// Until when it holds.
    pub not_after: Timestamp,
    /// The DNS names and addresses in it.
    pub names: Vec<String>,
    /// The public key, as it is encoded.
    pub public_key: Vec<u8>,
    /// True where it may sign others.
    pub is_authority: bool,
}

impl Certificate {
    /// Reads the first certificate of a PEM file.
    ///
    /// # Errors
    /// Exit 3 where there is none.
    pub fn read(path: &Path) -> Result<Certificate> {
        read(path, Certificate::parse)
    }

    /// Reads the first certificate in a PEM text.
    pub fn parse(text: &[u8]) -> Result<Certificate> {
        let pem = first(text, "CERTIFICATE")?;
        Certificate::from_der(&pem.contents)
    }

    /// Reads an encoded certificate.
    pub fn from_der(der: &[u8]) -> Result<Certificate> {
        let (_, x509) = X509Certificate::from_der(der)
            .map_err(|error| Failure::input(format!("it is no certificate: {error}")))?;
        let time = |second| {
            Timestamp::from_second(second)
                .map_err(|_| Failure::input("its validity is out of range"))
        };
        let names = x509.subject_alternative_name().ok().flatten();
        let names = names.map_or(&[][..], |names| &names.value.general_names);
        let common_name = x509.subject().iter_common_name().next();
        Ok(Certificate {
            der: der.to_vec(),
            subject: x509.subject().to_string(),
            subject_der: x509.subject().as_raw().to_vec(),
            common_name: common_name.and_then(|name| Some(name.as_str().ok()?.to_owned())),
            serial: x509.tbs_certificate.serial.clone(),
            not_before: time(x509.validity().not_before.timestamp())?,
            not_after: time(x509.validity().not_after.timestamp())?,
            names: names.iter().filter_map(shown).collect(),
            public_key: x509.public_key().raw.to_vec(),
            is_authority: x509.is_ca(),
        })
    }

    /// True where `authority` has signed it.
    pub fn is_signed_by(&self, authority: &Certificate) -> bool {
        let (Ok((_, x509)), Ok((_, signer))) = (
            X509Certificate::from_der(&self.der),
            X509Certificate::from_der(&authority.der),
        ) else {
            return false;
        };
        x509.issuer().as_raw() == signer.subject().as_raw()
            && x509.verify_signature(Some(signer.public_key())).is_ok()
    }

    /// Whole days until it lapses; negative once it has.
    pub fn days_left(&self) -> i64 {
        days_until(self.not_after)
    }

    /// True where it carries the name, or a wildcard for it.
    pub fn carries(&self, name: &str) -> bool {
        let parent = name.split_once('.').map(|(_, parent)| parent);
        self.names.iter().any(|carried| {
            let wildcard = carried.strip_prefix("*.").zip(parent);
            carried.eq_ignore_ascii_case(name)
                || wildcard.is_some_and(|(carried, parent)| carried.eq_ignore_ascii_case(parent))
        })
    }

    /// SHA-256 of the whole, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(&self.der);
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Reads something of a file.
pub fn read<T>(path: &Path, parse: fn(&[u8]) -> Result<T>) -> Result<T> {
    let doing = format!("cannot read {}", path.display());
    let text = std::fs::read(path).map_err(|error| Failure::input(format!("{doing}: {error}")))?;
    parse(&text).map_err(|failure| failure.context(doing))
}

/// Whole days until an instant; negative once it is past.
pub fn days_until(instant: Timestamp) -> i64 {
    (instant.as_second() - Timestamp::now().as_second()).div_euclid(86_400)
}

/// The first block of its kind in a PEM text.
pub fn first(text: &[u8], label: &str) -> Result<Pem> {
    Pem::iter_from_buffer(text)
        .filter_map(std::result::Result::ok)
        .find(|pem| pem.label == label)
        .ok_or_else(|| Failure::input(format!("there is no {label} in it")))
}

fn shown(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            Some(address.ok()?.to_string())
        }
        _ => None,
    }
}
