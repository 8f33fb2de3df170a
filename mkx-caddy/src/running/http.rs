//! One HTTP request as it is asked for: to an address of our choice, with the path byte for byte,
//! over plain HTTP, TLS with HTTP/1.1, or HTTP/2, and everything that comes back: trailers and
//! the certificate too.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::uri::{PathAndQuery, Scheme, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mkx_contract::{Failure, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;

/// The most of a body that is read.
const BODY_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// How a connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// Without TLS.
    Plain,
    /// TLS and HTTP/1.1.
    Tls,
    /// TLS and HTTP/2, where the server has it.
    Http2,
}

/// What is asked, of whom.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where to connect to.
    pub address: SocketAddr,
    /// The name for the header `Host`, and for TLS.
    pub host: String,
    /// How.
    pub way: Way,
    /// `GET`, …
    pub method: String,
    /// Path and query, sent as it is.
    pub path: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub version: String,
    /// Headers, in the server's order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Trailers.
    pub trailers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The server's certificate, DER.
    pub certificate: Option<Vec<u8>>,
    /// Why the certificate is not to be trusted.
    pub distrust: Option<String>,
}

impl Response {
    /// A header's values, joined as HTTP joins them.
    pub fn header(&self, name: &str) -> Option<String> {
        joined(&self.headers, name)
    }

    /// A trailer's values.
    pub fn trailer(&self, name: &str) -> Option<String> {
        joined(&self.trailers, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A field's values, joined as HTTP joins them.
pub fn joined(fields: &[(String, String)], name: &str) -> Option<String> {
    let own = fields
        .iter()
        .filter(|(field, _)| field.eq_ignore_ascii_case(name));
    let values: Vec<&str> = own.map(|(_, value)| value.as_str()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// Sends requests, one after the other.
pub struct Client {
    runtime: tokio::runtime::Runtime,
    roots: Arc<RootCertStore>,
    timeout: Duration,
    /// Connections that are kept for the next request; none: each request has its own.
    kept: Option<RefCell<HashMap<Place, Connection>>>,
}

/// Why a certificate is not to be trusted.
type Distrust = Arc<Mutex<Option<String>>>;

/// What a connection is for.
type Place = (SocketAddr, String, Way);

/// An open connection, and what it showed of the server.
struct Connection {
    sender: Sender,
    task: tokio::task::JoinHandle<()>,
    certificate: Option<Vec<u8>>,
    distrust: Option<String>,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Client {
    /// `authority` has certificates of further authorities to trust, PEM.
    pub fn new(authority: Option<&str>, timeout: Duration) -> Result<Client> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::peer(format!("cannot start the client: {error}")))?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let authority = authority.unwrap_or_default().as_bytes();
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(authority).collect();
        roots.add_parsable_certificates(
            read.map_err(|error| Failure::input(format!("cannot read the authority: {error}")))?,
        );
        Ok(Client {
            runtime,
            roots: Arc::new(roots),
            timeout,
            kept: None,
        })
    }

    /// Keeps connections: for many questions to one server. A request that a kept connection
    /// loses is sent again.
    pub fn keeping(mut self) -> Client {
        self.kept = Some(RefCell::default());
        self
    }

    /// Sends one request.
    ///
    /// # Errors
    /// Exit 4 where there is no answer.
    pub fn send(&self, request: &Request) -> Result<Response> {
        let exchange = async { tokio::time::timeout(self.timeout, self.exchange(request)).await };
        match self.runtime.block_on(exchange) {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(cause)) => Err(cannot_ask(request, &cause)),
            Err(_) => {
                let cause = format!("no answer within {} s", self.timeout.as_secs());
                Err(cannot_ask(request, &cause))
            }
        }
    }

    async fn exchange(&self, request: &Request) -> Result<Response, String> {
        let place = (request.address, request.host.clone(), request.way);
        let kept = self.kept.as_ref();
        let kept = kept.and_then(|kept| kept.borrow_mut().remove(&place));
        let (mut connection, is_kept) = match kept {
            Some(connection) => (connection, true),
            None => (self.connect(request).await?, false),
        };
        let mut answer = connection.exchange(request).await;
        if answer.is_err() && is_kept {
            connection = self.connect(request).await?;
            answer = connection.exchange(request).await;
        }
        let response = answer?;
        if let Some(kept) = &self.kept {
            kept.borrow_mut().insert(place, connection);
        }
        Ok(response)
    }

    async fn connect(&self, request: &Request) -> Result<Connection, String> {
        let stream = TcpStream::connect(request.address).await.map_err(shown)?;
        let _ = stream.set_nodelay(true);
        if request.way == Way::Plain {
            return Connection::http1(TokioIo::new(stream)).await;
        }
        let distrust = Distrust::default();
        let config = self.tls(request.way, distrust.clone())?;
        let name = ServerName::try_from(request.host.clone()).map_err(shown)?;
        let stream = tokio_rustls::TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| format!("TLS: {error}"))?;
        let session = stream.get_ref().1;
        let certificate = session.peer_certificates().and_then(|chain| chain.first());
        let certificate = certificate.map(|certificate| certificate.to_vec());
        let mut connection = if session.alpn_protocol() == Some(b"h2") {
            Connection::http2(TokioIo::new(stream)).await?
        } else {
            Connection::http1(TokioIo::new(stream)).await?
        };
        connection.certificate = certificate;
        connection.distrust = distrust.lock().ok().and_then(|mut cause| cause.take());
        Ok(connection)
    }

    fn tls(&self, way: Way, distrust: Distrust) -> Result<ClientConfig, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let judge = (!self.roots.is_empty()).then(|| {
            WebPkiServerVerifier::builder_with_provider(self.roots.clone(), provider.clone())
                .build()
        });
        let verifier = Witness {
            judge: judge.transpose().map_err(shown)?,
            distrust,
            algorithms: provider.signature_verification_algorithms,
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(shown)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = match way {
            Way::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            _ => vec![b"http/1.1".to_vec()],
        };
        Ok(config)
    }
}

fn shown(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn cannot_ask(request: &Request, cause: &str) -> Failure {
    let scheme = match request.way {
        Way::Plain => "http",
        Way::Tls | Way::Http2 => "https",
    };
    Failure::peer(format!(
        "cannot ask {scheme}://{}{} at {}: {cause}",
        request.host, request.path, request.address
    ))
}

/// What HTTP is spoken over.
trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static {}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static> Stream for S {}

impl Connection {
    async fn http1(io: TokioIo<impl Stream>) -> Result<Connection, String> {
        let (sender, connection) = http1::Builder::new().handshake(io).await.map_err(shown)?;
        Ok(Connection::new(Sender::Http1(sender), connection))
    }

    async fn http2(io: TokioIo<impl Stream>) -> Result<Connection, String> {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .handshake(io)
            .await
            .map_err(shown)?;
        Ok(Connection::new(Sender::Http2(sender), connection))
    }

    fn new(
        sender: Sender,
        connection: impl Future<Output = hyper::Result<()>> + Send + 'static,
    ) -> Connection {
        Connection {
            sender,
            // Why a connection ends is told to the request that it carries.
            task: tokio::spawn(async { _ = connection.await }),
            certificate: None,
            distrust: None,
        }
    }

    async fn exchange(&mut self, request: &Request) -> Result<Response, String> {
        let path: PathAndQuery = match request.path.parse() {
            Ok(path) => path,
            Err(error) => return Err(format!("{:?} is not a path: {error}", request.path)),
        };
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                let mut asked = build(request, path.into())?;
                let host = request.host.parse().map_err(shown)?;
                asked.headers_mut().insert("host", host);
                sender.ready().await.map_err(shown)?;
                sender.send_request(asked).await
            }
            Sender::Http2(sender) => {
                let uri = Uri::builder()
                    .scheme(Scheme::HTTPS)
                    .authority(request.host.as_str())
                    .path_and_query(path);
                let asked = build(request, uri.build().map_err(shown)?)?;
                sender.ready().await.map_err(shown)?;
                sender.send_request(asked).await
            }
        };
        let mut response = received(response.map_err(shown)?).await?;
        response.certificate.clone_from(&self.certificate);
        response.distrust.clone_from(&self.distrust);
        Ok(response)
    }
}

fn build(request: &Request, uri: Uri) -> Result<hyper::Request<Full<Bytes>>, String> {
    let method = request.method.as_str();
    let mut builder = hyper::Request::builder().method(method).uri(uri);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let body = Full::from(request.body.clone());
    builder.body(body).map_err(shown)
}

async fn received(response: hyper::Response<hyper::body::Incoming>) -> Result<Response, String> {
    let (head, mut incoming) = response.into_parts();
    let mut body = Vec::new();
    let mut trailers = Vec::new();
    while let Some(frame) = incoming.frame().await {
        match frame.map_err(shown)?.into_data() {
            Ok(data) => {
                body.extend_from_slice(&data);
                if body.len() > BODY_LIMIT_BYTES {
                    return Err("the answer is too long".into());
                }
            }
            Err(frame) => {
                if let Ok(fields) = frame.into_trailers() {
                    trailers.extend(fields_of(&fields));
                }
            }
        }
    }
    Ok(Response {
        status: head.status.as_u16(),
        version: format!("{:?}", head.version),
        headers: fields_of(&head.headers),
        trailers,
        body,
        certificate: None,
        distrust: None,
    })
}

fn fields_of(fields: &hyper::HeaderMap) -> Vec<(String, String)> {
    let own = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    };
    fields.iter().map(own).collect()
}

/// Lets every certificate pass and notes why it should not: what a server with a stale
/// certificate answers is of interest too.
#[derive(Debug)]
struct Witness {
    judge: Option<Arc<WebPkiServerVerifier>>,
    distrust: Distrust,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let cause = match &self.judge {
            None => Some("no authority is trusted".to_owned()),
            Some(judge) => judge
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .err()
                .map(|error| error.to_string()),
        };
        if let Ok(mut distrust) = self.distrust.lock() {
            *distrust = cause;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
