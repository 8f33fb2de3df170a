//! What is asked of an environment's site.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mkx_contract::Site;
use mkx_contract::record::site::{Access, Environment, Name};
use url::Url;

use super::{Expected, Matrix, Service, Status};
use crate::edge::users::Users;
use crate::edge::{NOINDEX, ROBOTS, security_headers};
use crate::route::{Request, cleaned};
use crate::rule::Rule;

/// Pages that any site has somewhere, and ways around a list of public paths.
const PAGES: &[&str] = &[
    "/",
    "/admin",
    "/artwork/1?page=2",
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
        let field = format!("environments.{name}.web.web_upstreams");
        matrix.left_out.push(format!(
            "{}: the site document has no {field}",
            environment.domain
        ));
        return;
    }
    let domain = environment.domain.as_str();
    let https = |path: &str| Request::get("https", domain, path);
    let fields = security_headers(name, environment);
    let from = |service| Expected {
        upstream: Some(service),
        no_headers: unwanted(name),
        ..Expected::status(Status::Application).headers(&fields)
    };
    let (rule, first_page) = match environment.access {
        Access::Public => (Rule::OwnEnvironment, from(Service::Web)),
        Access::BasicAuth { .. } => (Rule::Credentials, refused(&fields)),
    };
    let first_page = Expected {
        http2: true,
        certificate: true,
        ..first_page
    };
    matrix.add(rule, name, https("/"), first_page);
    match &environment.access {
        Access::Public => {
            for path in PAGES {
                matrix.add(Rule::OwnEnvironment, name, https(path), from(Service::Web));
            }
            api_rows(matrix, environment, name, &from);
        }
        Access::BasicAuth { public_paths, .. } => {
            credentials_rows(
                matrix,
                environment,
                name,
                public_paths,
                patterns,
                &fields,
                &from,
            );
        }
    }
    if name == Name::Eb {
        let robots = Expected {
            body: Some(ROBOTS.into()),
            ..Expected::status(Status::OneOf(vec![200])).headers(&fields)
        };
        matrix.add(Rule::Robots, name, https("/robots.txt"), robots);
    }
    redirect_rows(matrix, environment, name);
}

/// Production must be found, and only production may speak for its subdomains.
fn unwanted(name: Name) -> Vec<String> {
    match name {
        Name::Ea => vec!["X-Robots-Tag: noindex".into()],
        Name::Eb => vec!["Strict-Transport-Security".into()],
    }
}

fn refused(fields: &[(String, String)]) -> Expected {
    Expected::status(Status::OneOf(vec![401])).headers(fields)
}

fn api_rows(
    matrix: &mut Matrix,
    environment: &Environment,
    name: Name,
    from: &dyn Fn(Service) -> Expected,
) {
    let domain = environment.domain.as_str();
    let https = |path: &str| Request::get("https", domain, path);
    let Some(prefix) = environment.web.api_prefix() else {
        return;
    };
    for path in ["/", "/v1/config?x=1"] {
        let request = https(&format!("{prefix}{path}"));
        matrix.add(Rule::OwnEnvironment, name, request, from(Service::Api));
    }
    let health_url = environment.health_url.as_deref().map(Url::parse);
    if let Some(Ok(url)) = health_url
        && url.host_str() == Some(domain)
    {
        let expected = Expected {
            status: Status::Good,
            ..from(Service::Api)
        };
        matrix.add(Rule::Health, name, https(url.path()), expected);
    }
    if let Some(oauth) = &environment.oauth {
        let expected = Expected {
            location_holds: Some(oauth.callback.clone()),
            ..from(Service::Api)
        };
        matrix.add(Rule::Login, name, https(&oauth.login_path), expected);
    }
}

fn credentials_rows(
    matrix: &mut Matrix,
    environment: &Environment,
    name: Name,
    public_paths: &[String],
    patterns: &[String],
    fields: &[(String, String)],
    from: &dyn Fn(Service) -> Expected,
) {
    let domain = environment.domain.as_str();
    let https = |path: &str| Request::get("https", domain, path);
    let prefix = environment.web.api_prefix().unwrap_or_default();
    let is_public = |path: &str| {
        let path = path.split('?').next().unwrap_or_default();
        path.eq_ignore_ascii_case("/robots.txt")
            || public_paths
                .iter()
                .any(|pattern| crate::route::is_path(pattern, path).unwrap_or(false))
    };
    let mut protected: Vec<String> = PAGES.iter().map(|path| (*path).to_owned()).collect();
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
    protected.sort();
    protected.dedup();
    for path in &protected {
        matrix.add(Rule::Credentials, name, https(path), refused(fields));
    }
    // A user who exists: for others Caddy works off the costliest hash, for seconds.
    if let Access::BasicAuth { users_file, .. } = &environment.access
        && let Ok(users) = Users::read(users_file)
        && let Some(user) = users.iter().next()
    {
        let mut wrong = https("/");
        let pair = STANDARD.encode(format!("{}:mkx-probe", user.name));
        wrong
            .headers
            .insert("Authorization".into(), format!("Basic {pair}"));
        matrix.add(Rule::Credentials, name, wrong, refused(fields));
    }
    let mut post = https("/");
    post.method = "POST".into();
    matrix.add(Rule::Credentials, name, post, refused(fields));
    if is_public(&format!("{prefix}/health")) {
        api_rows(matrix, environment, name, from);
    }
    for path in public_paths.iter().filter(|path| !path.contains('*')) {
        matrix.add(Rule::PublicPath, name, https(path), from(Service::Web));
    }
}

fn redirect_rows(matrix: &mut Matrix, environment: &Environment, name: Name) {
    let to = |host: &str| format!("https://{host}/mkx-probe?a=b");
    let domain = environment.domain.as_str();
    let mut expected = Expected {
        location: vec![to(domain)],
        ..Expected::status(Status::OneOf(vec![301, 302, 307, 308]))
    };
    if name == Name::Eb {
        expected
            .headers
            .insert("X-Robots-Tag".into(), NOINDEX.into());
    }
    let request = Request::get("http", domain, "/mkx-probe?a=b");
    matrix.add(Rule::HttpsRedirect, name, request, expected);
    for host in &environment.web.redirect_from {
        for scheme in ["https", "http"] {
            let mut expected = Expected {
                location: vec![to(domain)],
                certificate: scheme == "https",
                ..Expected::status(Status::OneOf(vec![301, 302, 307, 308]))
            };
            if scheme == "http" {
                expected.location.push(to(host));
            }
            let request = Request::get(scheme, host, "/mkx-probe?a=b");
            matrix.add(Rule::Redirect, name, request, expected);
        }
    }
}
