//! The revocation list: which certificates of an authority no longer hold.

use std::path::Path;

use jiff::Timestamp;
use mkx_contract::{Failure, Result};
use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber,
};
use time::{Duration, OffsetDateTime};
use x509_parser::der_parser::num_bigint::BigUint;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use crate::authority::Authority;
use crate::certificate::{self, Certificate};

/// The serial number that every list of ours revokes: what a probe shows to be refused. No
/// certificate with it is ever kept.
pub const PROBE: &[u8] = b"mkx-probe-revoked";

/// An entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whose certificate.
    pub serial: BigUint,
    /// Since when.
    at: OffsetDateTime,
    reason: Option<u8>,
}

/// A revocation list; by default it has no entries.
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    /// When it lapses; a broker then refuses every device.
    pub next_update: Timestamp,
    /// Who is on it.
    pub entries: Vec<Entry>,
    number: BigUint,
    der: Vec<u8>,
}

impl Revocations {
    /// Reads a list.
    ///
    /// # Errors
    /// Exit 3 where it is none.
    pub fn read(path: &Path) -> Result<Revocations> {
        certificate::read(path, Revocations::parse)
    }

    /// Reads the first list in a PEM text.
    pub fn parse(text: &[u8]) -> Result<Revocations> {
        let pem = certificate::first(text, "X509 CRL")?;
        let wrong = |cause: &str| Failure::input(format!("it is no revocation list: {cause}"));
        let (_, list) = CertificateRevocationList::from_der(&pem.contents)
            .map_err(|error| wrong(&error.to_string()))?;
        let next = list.next_update().ok_or_else(|| wrong("it says no end"))?;
        let entries = list
            .iter_revoked_certificates()
            .map(|revoked| Entry {
                serial: revoked.user_certificate.clone(),
                at: revoked.revocation_date.to_datetime(),
                reason: revoked.reason_code().map(|(_, code)| code.0),
            })
            .collect();
        let mut extensions = list.extensions().iter();
        let number = extensions.find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::CRLNumber(number) => Some(number.clone()),
            _ => None,
        });
        Ok(Revocations {
            next_update: Timestamp::from_second(next.timestamp())
                .map_err(|_| wrong("its end is out of range"))?,
            entries,
            number: number.unwrap_or_default(),
            der: pem.contents.clone(),
        })
    }

    /// True where `authority` has signed it.
    pub fn is_signed_by(&self, authority: &Certificate) -> bool {
        let (Ok((_, list)), Ok((_, signer))) = (
            CertificateRevocationList::from_der(&self.der),
            X509Certificate::from_der(&authority.der),
        ) else {
            return false;
        };
        list.issuer().as_raw() == signer.subject().as_raw()
            && list.verify_signature(signer.public_key()).is_ok()
    }

    /// True where the list has the serial number.
    pub fn names(&self, serial: &BigUint) -> bool {
        self.entries.iter().any(|entry| entry.serial == *serial)
    }

    /// Adds an entry; false where it was there.
    pub fn add(&mut self, serial: BigUint) -> bool {
        if self.names(&serial) {
            return false;
        }
        self.entries.push(Entry {
            serial,
            at: OffsetDateTime::now_utc(),
            reason: None,
        });
        true
    }

    /// Whole days until it lapses; negative once it has.
    pub fn days_left(&self) -> i64 {
        certificate::days_until(self.next_update)
    }

    /// Signs the next list with these entries, PEM; it names the probe's serial number too.
    pub fn sign(&mut self, authority: &Authority, days: u32) -> Result<String> {
        self.add(BigUint::from_bytes_be(PROBE));
        self.number += 1u32;
        let now = OffsetDateTime::now_utc();
        let list = CertificateRevocationListParams {
            this_update: now - Duration::hours(1),
            next_update: now + Duration::days(days.into()),
            crl_number: serial_number(&self.number),
            issuing_distribution_point: None,
            revoked_certs: self.entries.iter().map(revoked).collect(),
            key_identifier_method: key_identifier(&authority.certificate),
        };
        let cannot = |error| Failure::input(format!("cannot sign the revocation list: {error}"));
        let signed = list.signed_by(authority.issuer()).map_err(cannot)?;
        let pem = signed.pem().map_err(cannot)?;
        let read = Revocations::parse(pem.as_bytes())?;
        if !read.is_signed_by(&authority.certificate) || read.entries.len() != self.entries.len() {
            return Err(Failure::input(
                "cannot sign the revocation list: what was signed does not read as it should",
            ));
        }
        *self = read;
        Ok(pem)
    }
}

/// A serial number as people have it: decimal as in databases, hexadecimal as openssl prints it.
pub fn parse_serial(text: &str) -> Result<BigUint> {
    let text = text.trim();
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => BigUint::parse_bytes(hex.as_bytes(), 16),
        None if text.bytes().all(|b| b.is_ascii_digit()) => {
            BigUint::parse_bytes(text.as_bytes(), 10)
        }
        None => BigUint::parse_bytes(text.replace(':', "").as_bytes(), 16),
    };
    match parsed {
        Some(serial) if (1..=160).contains(&serial.bits()) => Ok(serial),
        _ => Err(
            Failure::usage(format!("cannot use the serial number {text:?}"))
                .hint("write it in decimal, or in hexadecimal as 0x… or 4f:…"),
        ),
    }
}

fn revoked(entry: &Entry) -> RevokedCertParams {
    RevokedCertParams {
        serial_number: serial_number(&entry.serial),
        revocation_time: entry.at,
        reason_code: entry.reason.and_then(reason),
        invalidity_date: None,
    }
}

fn reason(code: u8) -> Option<RevocationReason> {
    Some(match code {
        1 => RevocationReason::KeyCompromise,
        2 => RevocationReason::CaCompromise,
        3 => RevocationReason::AffiliationChanged,
        4 => RevocationReason::Superseded,
        5 => RevocationReason::CessationOfOperation,
        6 => RevocationReason::CertificateHold,
        9 => RevocationReason::PrivilegeWithdrawn,
        10 => RevocationReason::AaCompromise,
        _ => return None,
    })
}

fn serial_number(number: &BigUint) -> SerialNumber {
    SerialNumber::from_slice(&number.to_bytes_be())
}

/// The one that the authority's certificate says, so that peers find the signer.
fn key_identifier(authority: &Certificate) -> KeyIdMethod {
    let Ok((_, x509)) = X509Certificate::from_der(&authority.der) else {
        return KeyIdMethod::Sha256;
    };
    let mut extensions = x509.extensions().iter();
    let own = extensions.find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
        _ => None,
    });
    own.map_or(KeyIdMethod::Sha256, KeyIdMethod::PreSpecified)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u32>) {
        assert_eq!(
            parse_serial(text).ok(),
            expected.map(BigUint::from),
            "{text}"
        );
    }

    #[test]
    fn a_serial_number_is_read_in_either_base() {
        check("255", Some(255));
        check("0xff", Some(255));
        check("0x10", Some(16));
        check("4F:10", Some(0x4f10));
        check("ff", Some(255));
        check("0", None);
        check("-1", None);
        check("no", None);
        check("", None);
    }
}
