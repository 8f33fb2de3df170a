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
use hyper::http::uri::{Authority, PathAndQuery, Scheme, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mkx_contract::{Failure, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
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
    let values: Vec<&str> = fields
        .iter()
        .filter(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
        .collect();
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
        for certificate in CertificateDer::pem_slice_iter(authority.unwrap_or_default().as_bytes())
        {
            let certificate = certificate
                .map_err(|error| Failure::input(format!("cannot read the authority: {error}")))?;
            roots.add_parsable_certificates([certificate]);
        }
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
            Err(_) => Err(cannot_ask(
                request,
                &format!("no answer within {} s", self.timeout.as_secs()),
            )),
        }
    }

    async fn exchange(&self, request: &Request) -> std::result::Result<Response, String> {
        let place = (request.address, request.host.clone(), request.way);
        let kept = self
            .kept
            .as_ref()
            .and_then(|kept| kept.borrow_mut().remove(&place));
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

    async fn connect(&self, request: &Request) -> std::result::Result<Connection, String> {
        let stream = TcpStream::connect(request.address).await.map_err(shown)?;
        let _ = stream.set_nodelay(true);
        if request.way == Way::Plain {
            return Connection::http1(TokioIo::new(stream)).await;
        }
        let distrust = Arc::new(Mutex::new(None));
        let config = self.tls(request.way, distrust.clone())?;
        let name = ServerName::try_from(request.host.clone()).map_err(shown)?;
        let stream = tokio_rustls::TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| format!("TLS: {error}"))?;
        let session = stream.get_ref().1;
        let certificate = session
            .peer_certificates()
            .and_then(|chain| chain.first())
            .map(|certificate| certificate.to_vec());
        let mut connection = if session.alpn_protocol() == Some(b"h2") {
            Connection::http2(TokioIo::new(stream)).await?
        } else {
            Connection::http1(TokioIo::new(stream)).await?
        };
        connection.certificate = certificate;
        connection.distrust = distrust.lock().ok().and_then(|mut cause| cause.take());
        Ok(connection)
    }

    fn tls(
        &self,
        way: Way,
        distrust: Arc<Mutex<Option<String>>>,
    ) -> std::result::Result<ClientConfig, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let judge = if self.roots.is_empty() {
            None
        } else {
            Some(
                WebPkiServerVerifier::builder_with_provider(self.roots.clone(), provider.clone())
                    .build()
                    .map_err(shown)?,
            )
        };
        let verifier = Witness {
            judge,
            distrust,
            schemes: provider
                .signature_verification_algorithms
                .supported_schemes(),
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
    let scheme = if request.way == Way::Plain {
        "http"
    } else {
        "https"
    };
    Failure::peer(format!(
        "cannot ask {scheme}://{}{} at {}: {cause}",
        request.host, request.path, request.address
    ))
}

impl Connection {
    async fn http1<S>(io: TokioIo<S>) -> std::result::Result<Connection, String>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::Builder::new().handshake(io).await.map_err(shown)?;
        Ok(Connection::new(Sender::Http1(sender), connection))
    }

    async fn http2<S>(io: TokioIo<S>) -> std::result::Result<Connection, String>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .handshake(io)
            .await
            .map_err(shown)?;
        Ok(Connection::new(Sender::Http2(sender), connection))
    }

    fn new<F>(sender: Sender, connection: F) -> Connection
    where
        F: Future<Output = hyper::Result<()>> + Send + 'static,
    {
        // Why a connection ends is told to the request that it carries.
        let task = tokio::spawn(async {
            let _ = connection.await;
        });
        Connection {
            sender,
            task,
            certificate: None,
            distrust: None,
        }
    }

    async fn exchange(&mut self, request: &Request) -> std::result::Result<Response, String> {
        let path = path_and_query(request)?;
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await.map_err(shown)?;
                sender
                    .send_request(build(request, Uri::from(path), true)?)
                    .await
            }
            Sender::Http2(sender) => {
                let uri = Uri::builder()
                    .scheme(Scheme::HTTPS)
                    .authority(request.host.parse::<Authority>().map_err(shown)?)
                    .path_and_query(path)
                    .build()
                    .map_err(shown)?;
                sender.ready().await.map_err(shown)?;
                sender.send_request(build(request, uri, false)?).await
            }
        };
        let mut response = received(response.map_err(shown)?).await?;
        response.certificate.clone_from(&self.certificate);
        response.distrust.clone_from(&self.distrust);
        Ok(response)
    }
}

fn path_and_query(request: &Request) -> std::result::Result<PathAndQuery, String> {
    request
        .path
        .parse()
        .map_err(|error| format!("{:?} is not a path: {error}", request.path))
}

fn build(
    request: &Request,
    uri: Uri,
    with_host: bool,
) -> std::result::Result<hyper::Request<Full<Bytes>>, String> {
    let mut builder = hyper::Request::builder()
        .method(request.method.as_str())
        .uri(uri);
    if with_host {
        builder = builder.header("host", &request.host);
    }
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    builder
        .body(Full::new(Bytes::from(request.body.clone())))
        .map_err(shown)
}

async fn received(
    response: hyper::Response<hyper::body::Incoming>,
) -> std::result::Result<Response, String> {
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
    fields
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect()
}

/// Lets every certificate pass and notes why it should not: what a server with a stale
/// certificate answers is of interest too.
#[derive(Debug)]
struct Witness {
    judge: Option<Arc<WebPkiServerVerifier>>,
    distrust: Arc<Mutex<Option<String>>>,
    schemes: Vec<SignatureScheme>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
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
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let provider = rustls::crypto::ring::default_provider();
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let provider = rustls::crypto::ring::default_provider();
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
