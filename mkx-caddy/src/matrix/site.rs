//! What is asked of an environment's site.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mkx_contract::Site;
use mkx_contract::record::site::{Access, Environment, Name};
use url::Url;

use super::{Expected, Matrix, Service, Status};
use crate::edge::users::Users;
use crate::edge::{Fields, NOINDEX, security_headers};
use crate::route::{Request, cleaned, is_path};
use crate::rule::Rule;

/// Pages that any site has somewhere, and ways around a list of public paths.
const PAGES: &[&str] = &[
    "/",
    "/admin",
    "/item/1?page=2",
    "/settings/",
    "/_next/data/x.json",
    "/sitemap.xml",
    "/.well-known/security.txt",
    "/favicon.ico",
    "/a%2fb",
];

pub(super) fn rows(matrix: &mut Matrix, site: &Site, name: Name, patterns: &[String]) {
    let environment = site.environment(name);
    if environment.web.web_upstreams.is_empty() {
        matrix.left_out.push(format!(
            "{}: the site document has no environments.{name}.web.web_upstreams",
            environment.domain
        ));
        return;
    }
    let mut rows = Rows {
        matrix,
        name,
        environment,
        fields: security_headers(environment),
    };
    let (rule, first_page) = match environment.access {
        Access::Public => (Rule::OwnEnvironment, rows.from(Service::Web)),
        Access::BasicAuth { .. } => (Rule::Credentials, rows.refused()),
    };
    let first_page = Expected {
        http2: true,
        certificate: true,
        ..first_page
    };
    rows.add(rule, "/", first_page);
    match &environment.access {
        Access::Public => {
            for path in PAGES {
                rows.add(Rule::OwnEnvironment, path, rows.from(Service::Web));
            }
            rows.api();
        }
        Access::BasicAuth {
            users_file,
            public_paths,
        } => rows.credentials(users_file, public_paths, patterns),
    }
    if name == Name::Eb {
        rows.add(Rule::Robots, "/robots.txt", Expected::robots(&rows.fields));
    }
    rows.redirects();
}

/// The rows of one site.
struct Rows<'a> {
    matrix: &'a mut Matrix,
    name: Name,
    environment: &'a Environment,
    fields: Fields,
}

impl Rows<'_> {
    fn add(&mut self, rule: Rule, path: &str, expected: Expected) {
        self.ask(rule, self.https(path), expected);
    }

    fn ask(&mut self, rule: Rule, request: Request, expected: Expected) {
        self.matrix.add(rule, self.name, request, expected);
    }

    fn https(&self, path: &str) -> Request {
        Request::get("https", &self.environment.domain, path)
    }

    /// An answer of the application. Production must be found, and only production may speak for
    /// its subdomains.
    fn from(&self, service: Service) -> Expected {
        let unwanted = match self.name {
            Name::Ea => "X-Robots-Tag: noindex",
            Name::Eb => "Strict-Transport-Security",
        };
        Expected {
            upstream: Some(service),
            no_headers: vec![unwanted.into()],
            ..Expected::status(Status::Application).headers(&self.fields)
        }
    }

    fn refused(&self) -> Expected {
        Expected::one_of([401]).headers(&self.fields)
    }

    fn api(&mut self) {
        let environment = self.environment;
        let Some(prefix) = environment.web.api_prefix() else {
            return;
        };
        for path in ["/", "/v1/config?x=1"] {
            let path = format!("{prefix}{path}");
            self.add(Rule::OwnEnvironment, &path, self.from(Service::Api));
        }
        let health_url = environment.health_url.as_deref().map(Url::parse);
        if let Some(Ok(url)) = health_url
            && url.host_str() == Some(&environment.domain)
        {
            let expected = Expected {
                status: Status::Good,
                ..self.from(Service::Api)
            };
            self.add(Rule::Health, url.path(), expected);
        }
        if let Some(oauth) = &environment.oauth {
            let expected = Expected {
                location_holds: Some(oauth.callback.clone()),
                ..self.from(Service::Api)
            };
            self.add(Rule::Login, &oauth.login_path, expected);
        }
    }

    fn credentials(&mut self, users_file: &Path, public_paths: &[String], patterns: &[String]) {
        let prefix = self.environment.web.api_prefix().unwrap_or_default();
        let is_public = |path: &str| {
            let path = path.split('?').next().unwrap_or_default();
            let is_it = |pattern: &String| is_path(pattern, path).unwrap_or(false);
            path.eq_ignore_ascii_case("/robots.txt") || public_paths.iter().any(is_it)
        };
        let mut protected: BTreeSet<String> = PAGES.iter().map(|path| (*path).into()).collect();
        for pattern in public_paths.iter().chain(patterns) {
            let stem = pattern.replace('*', "");
            let stem = stem.trim_end_matches('/');
            protected.extend([
                stem.to_owned(),
                format!("{stem}/mkx-probe"),
                format!("{stem}x"),
                format!("{stem}/../mkx-probe"),
            ]);
        }
        protected.retain(|path| path.starts_with('/') && !is_public(&cleaned(path)));
        for path in &protected {
            self.add(Rule::Credentials, path, self.refused());
        }
        // A user who exists: for others Caddy works off the costliest hash, for seconds.
        if let Ok(users) = Users::read(users_file)
            && let Some(user) = users.iter().next()
        {
            let mut wrong = self.https("/");
            let pair = STANDARD.encode(format!("{}:mkx-probe", user.name));
            let header = ("Authorization".into(), format!("Basic {pair}"));
            wrong.headers.extend([header]);
            self.ask(Rule::Credentials, wrong, self.refused());
        }
        let post = Request {
            method: "POST".into(),
            ..self.https("/")
        };
        self.ask(Rule::Credentials, post, self.refused());
        if is_public(&format!("{prefix}/health")) {
            self.api();
        }
        for path in public_paths.iter().filter(|path| !path.contains('*')) {
            self.add(Rule::PublicPath, path, self.from(Service::Web));
        }
    }

    fn redirects(&mut self) {
        let environment = self.environment;
        let domain = environment.domain.as_str();
        let to = |host: &str| format!("https://{host}/mkx-probe?a=b");
        let redirected = |location: Vec<String>| Expected {
            location,
            ..Expected::one_of([301, 302, 307, 308])
        };
        let mut expected = redirected(vec![to(domain)]);
        if self.name == Name::Eb {
            expected = expected.header("X-Robots-Tag", NOINDEX);
        }
        let request = Request::get("http", domain, "/mkx-probe?a=b");
        self.ask(Rule::HttpsRedirect, request, expected);
        for host in &environment.web.redirect_from {
            let request = |scheme| Request::get(scheme, host, "/mkx-probe?a=b");
            let expected = Expected {
                certificate: true,
                ..redirected(vec![to(domain)])
            };
            self.ask(Rule::Redirect, request("https"), expected);
            let expected = redirected(vec![to(domain), to(host)]);
            self.ask(Rule::Redirect, request("http"), expected);
        }
    }
}
