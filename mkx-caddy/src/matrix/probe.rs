//! The matrix, asked of a running edge: real requests to an address of our choice.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mkx_contract::record::finding::{Finding, Findings, Rule as _};
use mkx_contract::record::site::Certificates;
use mkx_contract::tool::input::Input;
use mkx_contract::tool::interrupt;
use mkx_contract::tool::progress::Bars;
use mkx_contract::{Failure, Record, Result, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use x509_parser::parse_x509_certificate;

use super::{Certificate, Expected, Matrix, Row, Seen, Wrong, findings, judge, patterns};
use crate::route::Request;
use crate::rule::Rule;
use crate::running::admin::Admin;
use crate::running::http::{Client, Request as Question, Response, Way};

/// One row of the matrix.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// What is proven.
    pub rule: String,
    /// Whose host was asked.
    pub environment: mkx_contract::EnvironmentName,
    /// What was asked.
    pub request: Request,
    /// What must come.
    pub expected: Expected,
    /// What came.
    pub seen: Sight,
    /// True where both are one.
    pub ok: bool,
    /// What is not as expected.
    pub wrong: Vec<String>,
}

impl Record for Probe {
    const RECORD: &'static str = "mkx.caddy.probe/2";
}

/// What came.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Sight {
    /// The status; null where nothing came.
    pub status: Option<u16>,
    /// Who says to have answered.
    pub identity: Option<String>,
    /// The protocol's version.
    pub http_version: Option<String>,
    /// Days until the certificate lapses.
    pub certificate_days: Option<i64>,
}

/// The end of the matrix.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// How many rows were asked.
    pub asked: u64,
    /// How many were not as expected.
    pub failed: u64,
    /// What was left out, and why.
    pub left_out: Vec<String>,
    /// True without an error that the site does not live with: every row is as expected.
    pub ok: bool,
    /// What the rows that are not as expected come from.
    #[serde(default)]
    pub findings: Findings,
}

impl Record for Summary {
    const RECORD: &'static str = "mkx.caddy.probe.result/1";
}

/// Where and how is asked.
pub struct Prober<'a> {
    site: &'a Site,
    client: Client,
    address: Option<IpAddr>,
    /// How long the edge may take, in all, until it answers at all.
    patience: Duration,
    /// It is stopped after so many rows that are not as expected.
    most_failures: u64,
}

impl<'a> Prober<'a> {
    /// `address` stands in for DNS; `authority` is trusted beside the system's. Without one, an
    /// edge that signs its own certificates is asked for its authority through the admin API.
    pub fn new(
        site: &'a Site,
        address: Option<IpAddr>,
        authority: Option<&Path>,
    ) -> Result<Prober<'a>> {
        let authority = match (authority, site.shared.edge.certificates) {
            (None, Certificates::Internal) => {
                let authority = Admin::of(site).and_then(|admin| admin.authority());
                authority.unwrap_or_default()
            }
            (None, Certificates::Acme) => None,
            (Some(path), _) => Some(Input::open(path)?.text()?),
        };
        let client = Client::new(authority.as_deref(), Duration::from_secs(15))?;
        Ok(Prober {
            site,
            client: client.keeping(),
            address,
            patience: Duration::from_secs(2),
            most_failures: u64::MAX,
        })
    }

    /// For the time after a change: the edge first gets its certificates, and after two rows that
    /// are not as expected enough is known.
    pub fn after_a_change(self) -> Prober<'a> {
        Prober {
            patience: Duration::from_secs(15),
            most_failures: 2,
            ..self
        }
    }

    /// Asks every row and hands each result on as it comes.
    pub fn run(&self, mut each: impl FnMut(&Probe) -> Result<()>) -> Result<Summary> {
        // What the running configuration distinguishes is asked too, where it can be read.
        let patterns = Admin::of(self.site)
            .and_then(|admin| admin.configuration())
            .map(|found| patterns::of_host(&found.json, &self.site.environments.eb.domain))
            .unwrap_or_default();
        let matrix = Matrix::of(self.site, &patterns)?;
        let mut applied = vec![
            Rule::Certificate,
            Rule::Header,
            Rule::Http2,
            Rule::PlainHttp,
            Rule::Unreachable,
            Rule::UpstreamAway,
        ];
        let (mut asked, mut failed, mut failures) = (0, 0, 0);
        let mut found: Vec<Finding> = Vec::new();
        let deadline = Instant::now() + self.patience;
        let bar = Bars::new().bar("the edge", matrix.rows.len() as u64);
        for row in matrix.rows {
            interrupt::check()?;
            bar.say(|| row.request.host.clone());
            applied.push(row.rule);
            let (probe, shown) = self.ask(row, deadline);
            asked += 1;
            failed += u64::from(!probe.ok);
            each(&probe)?;
            bar.advance(1);
            // What the site lives with is no reason to stop.
            let lived_with = Findings::gather(shown.clone(), &self.site.accepted, Rule::ALL).ok();
            failures += u64::from(!lived_with);
            found.extend(shown);
            if failures >= self.most_failures {
                // Rows that were not asked could have shown what an accepted finding is about.
                applied.retain(|rule| found.iter().any(|one| one.rule == rule.id()));
                break;
            }
        }
        let findings = Findings::gather(found, &self.site.accepted, &applied);
        Ok(Summary {
            asked,
            failed,
            left_out: matrix.left_out,
            ok: findings.ok(),
            findings,
        })
    }

    fn ask(&self, row: Row, deadline: Instant) -> (Probe, Vec<Finding>) {
        let mut answer = self.send(&row);
        while answer.is_err() && Instant::now() < deadline && !interrupt::arrived() {
            std::thread::sleep(Duration::from_millis(100));
            answer = self.send(&row);
        }
        let (seen, wrong) = match answer {
            Ok(response) => {
                let seen = self.seen(&response);
                let wrong = judge(self.site, &row, &seen);
                (seen, wrong)
            }
            Err(failure) => {
                let wrong = Wrong::of_host(&row, Rule::Unreachable, failure.message);
                (Seen::default(), vec![wrong])
            }
        };
        let found = findings(&row, &wrong);
        let probe = Probe {
            rule: row.rule.id().to_owned(),
            environment: row.environment,
            request: row.request,
            expected: row.expected,
            seen: Sight {
                status: seen.status,
                identity: seen.identity,
                http_version: seen.version,
                certificate_days: seen.certificate.map(Certificate::days_left),
            },
            ok: wrong.is_empty(),
            wrong: wrong.into_iter().map(|one| one.message).collect(),
        };
        (probe, found)
    }

    fn send(&self, row: &Row) -> Result<Response> {
        let request = &row.request;
        let is_https = request.scheme == "https";
        let edge = &self.site.shared.edge;
        let (port, way) = match (is_https, row.expected.http2) {
            (false, _) => (edge.http_port, Way::Plain),
            (true, false) => (edge.https_port, Way::Tls),
            (true, true) => (edge.https_port, Way::Http2),
        };
        let address = match self.address {
            Some(address) => SocketAddr::new(address, port),
            None => resolve(&request.host, port)?,
        };
        self.client.send(&Question {
            address,
            host: request.host.clone(),
            way,
            method: request.method.clone(),
            path: request.path.clone(),
            headers: request.headers.clone().into_iter().collect(),
            body: Vec::new(),
        })
    }

    fn seen(&self, response: &Response) -> Seen {
        let certificate = response.certificate.as_deref();
        Seen {
            status: Some(response.status),
            headers: response.headers.clone(),
            identity: response.header(&self.site.shared.edge.identity_header),
            body: Some(response.body.clone()),
            version: Some(response.version.clone()),
            certificate: certificate.and_then(lifetime),
            distrust: response.distrust.clone(),
            is_whole: true,
            ..Seen::default()
        }
    }
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr> {
    let cannot = |cause: &str| {
        Failure::peer(format!("cannot find the address of {host}: {cause}"))
            .hint("name it with --address")
    };
    (host, port)
        .to_socket_addrs()
        .map_err(|error| cannot(&error.to_string()))?
        .next()
        .ok_or_else(|| cannot("it has none"))
}

fn lifetime(certificate: &[u8]) -> Option<Certificate> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    let validity = certificate.validity();
    let end = validity.not_after.timestamp();
    Some(Certificate {
        left_s: end - Timestamp::now().as_second(),
        lifetime_s: end - validity.not_before.timestamp(),
    })
}
