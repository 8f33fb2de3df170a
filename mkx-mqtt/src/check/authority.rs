//! The authority and its revocation list.

use std::path::Path;

use mkx_contract::Secret;

use super::{Look, file};
use crate::authority::{Presence, presence};
use crate::certificate::Certificate;
use crate::key;
use crate::revocation::Revocations;
use crate::rule::Rule;
use mkx_contract::tool::replace::Pair;

/// Both of the application and `certs crl` renew a list that holds 7 days.
const LIST_DAYS: i64 = 5;

/// Looks at them.
pub fn check(look: &mut Look) {
    let folder = look.files.authority.folder.clone();
    file::writable(look, &folder);
    let pair = look.files.authority.clone();
    match presence(&pair) {
        Presence::Whole => {}
        Presence::None => {
            look.find(
                Rule::AuthorityMissing,
                &pair.certificate(),
                "there is no authority",
            );
            return;
        }
        Presence::Half(missing) => {
            look.find(
                Rule::HalfPair,
                &missing,
                "it is missing, the other file of the pair is there",
            );
        }
    }
    if !pair.certificate().exists() {
        return;
    }
    let renew =
        "renew the certificate with the same key; a new authority locks out every device of";
    let Some(authority) = look.certificate(&pair.certificate(), renew) else {
        return;
    };
    if !authority.is_authority {
        look.find(
            Rule::NoAuthority,
            &pair.certificate(),
            "it may not sign certificates",
        );
    }
    fits(look, &pair, &authority);
    shared(look, &pair, &authority);
    let list = look.files.revocations.clone();
    revocations(look, &list, &authority);
}

/// Finds a key that does not fit its certificate, or that others may read.
pub fn fits(look: &mut Look, pair: &Pair, certificate: &Certificate) {
    file::secret(look, &pair.key());
    let Ok(text) = std::fs::read_to_string(pair.key()) else {
        return;
    };
    match key::parse(&Secret::new(text)) {
        Ok(key)
            if rcgen::PublicKeyData::subject_public_key_info(&key) == certificate.public_key => {}
        Ok(_) => {
            look.find(
                Rule::Mismatch,
                &pair.key(),
                "it does not fit its certificate",
            );
        }
        Err(failure) => {
            look.find(Rule::Unreadable, &pair.key(), failure.message);
        }
    }
}

fn shared(look: &mut Look, pair: &Pair, authority: &Certificate) {
    let Some(others) = &look.others else { return };
    match Certificate::read(&others.authority.certificate()) {
        Ok(other) if other.public_key == authority.public_key => {
            look.share(Rule::AuthorityShared, "authority", &pair.certificate());
        }
        Ok(other) if other.subject_der == authority.subject_der => {
            look.share(Rule::SubjectShared, &authority.subject, &pair.certificate());
        }
        _ => {}
    }
}

fn revocations(look: &mut Look, path: &Path, authority: &Certificate) {
    if !path.exists() {
        look.find(Rule::CrlMissing, path, "there is no revocation list");
        return;
    }
    match Revocations::read(path) {
        Ok(list) => {
            look.lapses(path, list.next_update, LIST_DAYS, "mkx-mqtt certs crl");
            if !list.is_signed_by(authority) {
                look.find(
                    Rule::CrlForeign,
                    path,
                    "the environment's authority did not sign it",
                );
            }
        }
        Err(failure) => {
            look.find(Rule::Unreadable, path, failure.message);
        }
    }
}
