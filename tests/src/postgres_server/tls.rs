//! A certificate authority for one server, and the certificate that it gives the server.

use super::PostgresServer;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::path::PathBuf;

/// The name under which a certificate for another host lies beside `server`.
const ELSEWHERE: &str = "elsewhere";

/// Gives the server a certificate for `localhost` and 127.0.0.1 and turns TLS on; the file with the
/// authority's certificate.
pub fn install(server: &PostgresServer) -> PathBuf {
    let mut params = CertificateParams::new(Vec::new()).expect("an authority needs no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let name = format!("private test authority {}", server.port);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    let key = KeyPair::generate().expect("a key can be made");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority signs itself");
    write_certificate(server, "server", &["localhost", "127.0.0.1"], &authority);
    write_certificate(server, ELSEWHERE, &["elsewhere.invalid"], &authority);
    server.append("postgresql.auto.conf", "ssl = on\n");
    let file = server.directory.path().join("authority.crt");
    std::fs::write(&file, authority.pem()).expect("a private server's file can be written");
    file
}

fn write_certificate(
    server: &PostgresServer,
    file: &str,
    hosts: &[&str],
    authority: &CertifiedIssuer<'_, KeyPair>,
) {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let key = KeyPair::generate().expect("a key can be made");
    let certificate = CertificateParams::new(hosts)
        .and_then(|params| params.signed_by(&key, authority))
        .expect("an authority signs a server's certificate");
    let path = server.data().join(file);
    server.write_file(&path.with_extension("crt"), &certificate.pem());
    server.write_file(&path.with_extension("key"), &key.serialize_pem());
}

impl PostgresServer {
    /// The certificate that it shows, when it speaks TLS: the path of the file without `.crt`, and
    /// of the key's without `.key`.
    pub fn certificate(&self) -> PathBuf {
        self.data().join("server")
    }

    /// As [`Self::certificate`], one of the same authority for the host `elsewhere.invalid`.
    pub fn certificate_for_elsewhere(&self) -> PathBuf {
        self.data().join(ELSEWHERE)
    }
}
