//! Private keys.

use std::io::Write;
use std::process::{Command, Stdio};

use clap::ValueEnum;
use mkx_contract::{Failure, Result, Secret};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};

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
        Failure::peer(format!("cannot run openssl {}: {cause}", arguments[0]))
            .hint("RSA keys are made by openssl: install it, or take --key ecdsa")
    };
    let run = || -> std::io::Result<std::process::Output> {
        let mut child = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        child.wait_with_output()
    };
    let output = run().map_err(|error| cannot(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(cannot(said.lines().next().unwrap_or_default().to_owned()));
    }
    match String::from_utf8(output.stdout) {
        Ok(text) if text.contains("PRIVATE KEY") => Ok(Secret::new(text)),
        _ => Err(cannot("it wrote no key".into())),
    }
}
