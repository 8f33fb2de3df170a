//! A certificate authority for one server, and the certificate that it gives the server.

use super::PostgresServer;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::path::PathBuf;

/// Gives the server a certificate for `localhost` and 127.0.0.1 and turns TLS on; the file with the
/// authority's certificate.
pub fn install(server: &PostgresServer) -> PathBuf {
    let mut params = CertificateParams::new(Vec::new()).expect("an authority needs no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "private test authority");
    let key = KeyPair::generate().expect("a key can be made");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority signs itself");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let key = KeyPair::generate().expect("a key can be made");
    let certificate = CertificateParams::new(names)
        .and_then(|params| params.signed_by(&key, &authority))
        .expect("an authority signs a server's certificate");
    let data = server.data();
    server.write_file(&data.join("server.crt"), &certificate.pem());
    server.write_file(&data.join("server.key"), &key.serialize_pem());
    server.append("postgresql.auto.conf", "ssl = on\n");
    let file = server.directory.path().join("authority.crt");
    std::fs::write(&file, authority.pem()).expect("a private server's file can be written");
    file
}
