//! An environment's site: the API under its prefix, the pages, Basic Auth where the site asks
//! for it, and the hosts that only redirect.

use mkx_contract::record::site::{Access, Environment, Name, Web};

use super::directive::Directive;
use super::users::Users;
use super::{Block, Context, Fields, Version, field, headers, robots};

/// What every page of EB says to crawlers.
pub const NOINDEX: &str = "noindex, nofollow, noarchive";

/// An open stream outlives a reload of the configuration by this: a year, so that nobody's
/// stream ever ends because the other environment was changed.
const STREAM_CLOSE_DELAY: &str = "8760h";

/// The security headers of an environment's site.
pub fn security_headers(environment: &Environment) -> Fields {
    let is_production = environment.name() == Name::Ea;
    let mut fields: Fields = match &environment.web.headers {
        Some(fields) => fields.clone().into_iter().collect(),
        None => {
            let usual = [
                ("Content-Security-Policy", "frame-ancestors 'self'"),
                ("X-Content-Type-Options", "nosniff"),
                ("X-Frame-Options", "SAMEORIGIN"),
            ];
            let age = "max-age=31536000; includeSubDomains";
            let transport = is_production.then_some(("Strict-Transport-Security", age));
            usual.into_iter().chain(transport).map(field).collect()
        }
    };
    if !is_production {
        fields.retain(|(name, _)| !name.eq_ignore_ascii_case("x-robots-tag"));
        fields.push(field(("X-Robots-Tag", NOINDEX)));
    }
    fields
}

pub(super) fn blocks(
    context: &Context,
    environment: &Environment,
    users: Option<&Users>,
) -> Vec<Block> {
    let (web, domain) = (&environment.web, &environment.domain);
    if web.web_upstreams.is_empty() {
        return Vec::new();
    }
    let block = |addresses: Vec<String>, body| Block {
        environment: environment.name(),
        service: web.service.clone(),
        addresses,
        body: context.logged(web.access_log.as_ref(), vec![body]),
    };
    let route = Directive::block(["route"], route(context, environment, users));
    let mut blocks = vec![block(vec![domain.clone()], route)];
    if !web.redirect_from.is_empty() {
        let to = format!("https://{domain}{{uri}}");
        let redirect = Directive::line(["redir", &to, "permanent"]);
        blocks.push(block(web.redirect_from.clone(), redirect));
    }
    if environment.name() == Name::Eb {
        // Caddy's own redirect to https would not carry the header.
        let redirect = vec![
            Directive::line(["header", "X-Robots-Tag", NOINDEX]),
            Directive::line(["redir", "https://{host}{uri}", "308"]),
        ];
        let hosts = std::iter::once(domain).chain(&web.redirect_from);
        let plain = hosts.map(|host| format!("http://{host}")).collect();
        blocks.push(block(plain, Directive::block(["route"], redirect)));
    }
    blocks
}

fn route(context: &Context, environment: &Environment, users: Option<&Users>) -> Vec<Directive> {
    let web = &environment.web;
    let mut route: Vec<Directive> = headers(&security_headers(environment)).into();
    if environment.name() == Name::Eb {
        route.push(robots());
    }
    if let Some(users) = users {
        route.extend(basic_auth(context, environment, users));
    }
    route.extend(web.api_prefix().map(|prefix| api(context, web, prefix)));
    let pages = proxy(context, &web.web_upstreams);
    route.push(Directive::block(["handle"], vec![pages]));
    route
}

fn api(context: &Context, web: &Web, prefix: &str) -> Directive {
    let limit = web.body_limit_bytes.to_string();
    let limit = Directive::line(["max_size", &limit]);
    let steps = vec![
        Directive::line(["uri", "strip_prefix", prefix]),
        Directive::block(["request_body"], vec![limit]),
        proxy(context, &web.api_upstreams),
    ];
    Directive::block(["handle", &format!("{prefix}/*")], steps)
}

fn basic_auth(context: &Context, environment: &Environment, users: &Users) -> Vec<Directive> {
    let directive = match context.version {
        Version::V2_6 => "basicauth",
        Version::V2_8 => "basic_auth",
    };
    let accounts = users.iter();
    let accounts = accounts.map(|user| Directive::line([&user.name, &user.hash]));
    match &environment.access {
        Access::BasicAuth { public_paths, .. } if !public_paths.is_empty() => {
            let not_public = Directive::line(["not", "path"]).and(public_paths);
            vec![
                Directive::block(["@protected"], vec![not_public]),
                Directive::block([directive, "@protected"], accounts.collect()),
            ]
        }
        _ => vec![Directive::block([directive], accounts.collect())],
    }
}

/// The first upstream that answers; a request waits some seconds for one, so that a container
/// can be replaced without an error.
fn proxy(context: &Context, upstreams: &[String]) -> Directive {
    let mut options = vec![
        Directive::line(["lb_policy", "first"]),
        Directive::line(["lb_try_duration", "5s"]),
        Directive::line(["lb_try_interval", "100ms"]),
    ];
    if upstreams.len() > 1 {
        options.push(Directive::line(["fail_duration", "2s"]));
    }
    if context.version >= Version::V2_8 {
        options.push(Directive::line(["stream_close_delay", STREAM_CLOSE_DELAY]));
    }
    Directive::block(["reverse_proxy"], options).and(upstreams)
}
