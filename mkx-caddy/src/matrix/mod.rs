//! What the site promises of its edge, as questions and the answers they must get. `probe` asks
//! a running server, `check` asks a configuration.

pub mod check;
mod judge;
mod patterns;
pub mod probe;
mod site;
mod vault;

use std::collections::BTreeMap;
use std::path::PathBuf;

use mkx_contract::record::site::Name;
use mkx_contract::{Result, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use judge::{Certificate, Seen, Wrong, findings, judge};

use crate::edge::{Fields, ROBOTS};
use crate::route::Request;
use crate::rule::Rule;

/// Who stands behind a route of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// The API.
    Api,
    /// The pages.
    Web,
}

/// Which statuses are right.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// One of these.
    OneOf(Vec<u16>),
    /// Whatever the application says, but not that a password is needed, nor that it is away.
    #[default]
    Application,
    /// 2xx.
    Good,
}

/// What the answer must be; what is absent is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expected {
    /// The status.
    pub status: Status,
    /// Who must answer.
    pub upstream: Option<Service>,
    /// Headers and their values.
    pub headers: BTreeMap<String, String>,
    /// Headers that must not be there.
    pub no_headers: Vec<String>,
    /// Where a redirect must lead, one of these.
    pub location: Vec<String>,
    /// What a redirect's address must hold.
    pub location_holds: Option<String>,
    /// The file whose bytes it must be.
    pub file: Option<PathBuf>,
    /// The exact text.
    pub body: Option<String>,
    /// True where HTTP/2 must be spoken.
    pub http2: bool,
    /// True where the certificate must be trusted, and renewed in time (14 days).
    pub certificate: bool,
}

impl Expected {
    fn status(status: Status) -> Expected {
        Expected {
            status,
            ..Expected::default()
        }
    }

    fn one_of<const N: usize>(statuses: [u16; N]) -> Expected {
        Expected::status(Status::OneOf(statuses.into()))
    }

    fn headers(mut self, fields: &Fields) -> Expected {
        self.headers.extend(fields.iter().cloned());
        self
    }

    fn header(mut self, name: &str, value: &str) -> Expected {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// What crawlers of EB are told.
    fn robots(fields: &Fields) -> Expected {
        Expected {
            body: Some(ROBOTS.into()),
            ..Expected::one_of([200]).headers(fields)
        }
    }
}

/// A question, and what its answer must be.
#[derive(Debug, Clone)]
pub struct Row {
    /// What is proven.
    pub rule: Rule,
    /// Whose host is asked.
    pub environment: Name,
    /// What is asked.
    pub request: Request,
    /// What must come.
    pub expected: Expected,
}

/// All questions, and what could not be asked.
#[derive(Default)]
pub struct Matrix {
    /// The questions.
    pub rows: Vec<Row>,
    /// What is left out, and why.
    pub left_out: Vec<String>,
}

impl Matrix {
    /// The matrix of a site. `patterns` are path patterns that the edge is known to use: every
    /// one of them is a place where a password may have been forgotten.
    pub fn of(site: &Site, patterns: &[String]) -> Result<Matrix> {
        let mut matrix = Matrix::default();
        for name in [Name::Ea, Name::Eb] {
            site::rows(&mut matrix, site, name, patterns);
            vault::rows(&mut matrix, site, name)?;
        }
        Ok(matrix)
    }

    fn add(&mut self, rule: Rule, environment: Name, request: Request, expected: Expected) {
        self.rows.push(Row {
            rule,
            environment,
            request,
            expected,
        });
    }
}
