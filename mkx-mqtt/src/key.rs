//! Private keys.

use std::ffi::OsString;

use clap::ValueEnum;
use mkx_contract::tool::process;
use mkx_contract::{Failure, Result, Secret};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};

const NEEDED: &str = "RSA keys are made by openssl: install it, or take --key ecdsa";

/// What a key is; the smallest devices have hardware for one of them only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// ECDSA on P-256
    Ecdsa,
    /// RSA of 2048 bits for devices and brokers, of 4096 for authorities
    Rsa,
}

/// Makes a key; `bits` are those of RSA. `openssl` makes RSA keys: the cryptography that the
/// tools are built on only uses them.
pub fn generate(kind: Kind, bits: u32) -> Result<KeyPair> {
    match kind {
        Kind::Ecdsa => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .map_err(|error| Failure::peer(format!("cannot make a key: {error}"))),
        Kind::Rsa => {
            let bits = format!("rsa_keygen_bits:{bits}");
            let arguments = ["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", &bits];
            parse(&openssl(&arguments, "")?)
        }
    }
}

/// Reads a private key that is not encrypted, in any of the forms that openssl writes.
pub fn parse(pem: &Secret) -> Result<KeyPair> {
    let text = pem.expose();
    if text.contains("ENCRYPTED") {
        return Err(Failure::input("the key has a passphrase"));
    }
    let wrong = |error| Failure::input(format!("the key cannot be read: {error}"));
    if text.contains("RSA PRIVATE KEY") || text.contains("EC PRIVATE KEY") {
        let plain = openssl(&["pkcs8", "-topk8", "-nocrypt"], text)?;
        return KeyPair::from_pem(plain.expose()).map_err(wrong);
    }
    KeyPair::from_pem(text).map_err(wrong)
}

/// Runs openssl with a secret on its stdin and takes one from its stdout.
fn openssl(arguments: &[&str], input: &str) -> Result<Secret> {
    let cannot = |cause: String| {
        Failure::peer(format!("cannot run openssl {}: {cause}", arguments[0])).hint(NEEDED)
    };
    let words: Vec<OsString> = arguments.iter().map(Into::into).collect();
    let openssl = process::full(&["openssl"], &words).stdin_bytes(input);
    let output = process::run(&openssl, "openssl").map_err(|failure| failure.hint(NEEDED))?;
    if !output.status.success() {
        return Err(cannot(process::last_words(&output.stderr)));
    }
    match String::from_utf8(output.stdout) {
        Ok(text) if text.contains("PRIVATE KEY") => Ok(Secret::new(text)),
        _ => Err(cannot("it wrote no key".into())),
    }
}
