//! The authority and its revocation list.

use std::path::Path;

use mkx_contract::Secret;
use rcgen::PublicKeyData;

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
    let pair = &look.files.authority;
    let file = pair.certificate();
    file::writable(look, &pair.folder);
    match presence(pair) {
        Presence::Whole => {}
        Presence::None => {
            look.find(Rule::AuthorityMissing, &file, "there is no authority");
            return;
        }
        Presence::Half(missing) => _ = look.half(&missing),
    }
    if !file.exists() {
        return;
    }
    let renew =
        "renew the certificate with the same key; a new authority locks out every device of";
    let Some(authority) = look.certificate(&file, renew) else {
        return;
    };
    if !authority.is_authority {
        look.find(Rule::NoAuthority, &file, "it may not sign certificates");
    }
    fits(look, pair, &authority);
    shared(look, &file, &authority);
    revocations(look, &look.files.revocations, &authority);
}

/// Finds a key that does not fit its certificate, or that others may read.
pub fn fits(look: &mut Look, pair: &Pair, certificate: &Certificate) {
    let file = pair.key();
    file::secret(look, &file);
    let Ok(text) = std::fs::read_to_string(&file) else {
        return;
    };
    match key::parse(&Secret::new(text)) {
        Ok(key) if key.subject_public_key_info() == certificate.public_key => {}
        Ok(_) => _ = look.find(Rule::Mismatch, &file, "it does not fit its certificate"),
        Err(failure) => _ = look.find(Rule::Unreadable, &file, failure.message),
    }
}

fn shared(look: &mut Look, file: &Path, authority: &Certificate) {
    let Some(others) = look.others else { return };
    match Certificate::read(&others.authority.certificate()) {
        Ok(other) if other.public_key == authority.public_key => {
            look.share(Rule::AuthorityShared, "authority", file);
        }
        Ok(other) if other.subject_der == authority.subject_der => {
            look.share(Rule::SubjectShared, &authority.subject, file);
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
                let message = "the environment's authority did not sign it";
                look.find(Rule::CrlForeign, path, message);
            }
        }
        Err(failure) => _ = look.find(Rule::Unreadable, path, failure.message),
    }
}
