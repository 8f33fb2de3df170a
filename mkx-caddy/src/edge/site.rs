//! An environment's site: the API under its prefix, the pages, Basic Auth where the site asks
//! for it, and the hosts that only redirect.

use mkx_contract::record::site::{Access, Environment, Name, Web};

use super::directive::Directive;
use super::users::Users;
use super::{Block, Carrier, Context, Version, headers, robots};

/// What every page of EB says to crawlers.
pub const NOINDEX: &str = "noindex, nofollow, noarchive";

/// An open stream outlives a reload of the configuration by this: a year, so that nobody's
/// stream ever ends because the other environment was changed.
const STREAM_CLOSE_DELAY: &str = "8760h";

/// The security headers of an environment's site.
pub fn security_headers(name: Name, environment: &Environment) -> Vec<(String, String)> {
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut fields: Vec<(String, String)> = match &environment.web.headers {
        Some(fields) => fields.clone().into_iter().collect(),
        None => {
            let mut fields = vec![
                ("Content-Security-Policy", "frame-ancestors 'self'"),
                ("X-Content-Type-Options", "nosniff"),
                ("X-Frame-Options", "SAMEORIGIN"),
            ];
            if name == Name::Ea {
                fields.push((
                    "Strict-Transport-Security",
                    "max-age=31536000; includeSubDomains",
                ));
            }
            fields.into_iter().map(own).collect()
        }
    };
    if name == Name::Eb {
        fields.retain(|(name, _)| !name.eq_ignore_ascii_case("x-robots-tag"));
        fields.push(own(("X-Robots-Tag", NOINDEX)));
    }
    fields
}

pub(super) fn blocks(
    context: &Context,
    name: Name,
    environment: &Environment,
    users: Option<&Users>,
) -> Vec<Block> {
    let block = |addresses: Vec<String>, body| Block {
        environment: name,
        carrier: Carrier::Web,
        addresses,
        body: context.logged(environment.web.access_log.as_ref(), body),
    };
    if environment.web.web_upstreams.is_empty() {
        return Vec::new();
    }
    let route = Directive::block(["route"], route(context, name, environment, users));
    let mut blocks = vec![block(vec![environment.domain.clone()], vec![route])];
    if !environment.web.redirect_from.is_empty() {
        let to = format!("https://{}{{uri}}", environment.domain);
        blocks.push(block(
            environment.web.redirect_from.clone(),
            vec![Directive::line(["redir", &to, "permanent"])],
        ));
    }
    if name == Name::Eb {
        // Caddy's own redirect to https would not carry the header.
        let redirect = vec![
            Directive::line(["header", "X-Robots-Tag", NOINDEX]),
            Directive::line(["redir", "https://{host}{uri}", "308"]),
        ];
        let mut hosts = vec![environment.domain.clone()];
        hosts.extend(environment.web.redirect_from.iter().cloned());
        blocks.push(block(
            hosts.iter().map(|host| format!("http://{host}")).collect(),
            vec![Directive::block(["route"], redirect)],
        ));
    }
    blocks
}

fn route(
    context: &Context,
    name: Name,
    environment: &Environment,
    users: Option<&Users>,
) -> Vec<Directive> {
    let mut route: Vec<Directive> = headers(&security_headers(name, environment)).into();
    if name == Name::Eb {
        route.push(robots());
    }
    if let Some(users) = users {
        route.extend(basic_auth(context, environment, users));
    }
    let web = &environment.web;
    route.extend(web.api_prefix().map(|prefix| api(context, web, prefix)));
    route.push(Directive::block(
        ["handle"],
        vec![proxy(context, &web.web_upstreams)],
    ));
    route
}

fn api(context: &Context, web: &Web, prefix: &str) -> Directive {
    let limit = web.body_limit_bytes.to_string();
    Directive::block(
        ["handle", &format!("{prefix}/*")],
        vec![
            Directive::line(["uri", "strip_prefix", prefix]),
            Directive::block(
                ["request_body"],
                vec![Directive::line(["max_size", &limit])],
            ),
            proxy(context, &web.api_upstreams),
        ],
    )
}

fn basic_auth(context: &Context, environment: &Environment, users: &Users) -> Vec<Directive> {
    let directive = match context.version {
        Version::V2_6 => "basicauth",
        Version::V2_8 => "basic_auth",
    };
    let accounts = users
        .iter()
        .map(|user| Directive::line([&user.name, &user.hash]))
        .collect();
    let public_paths = match &environment.access {
        Access::BasicAuth { public_paths, .. } => public_paths.as_slice(),
        Access::Public => &[],
    };
    if public_paths.is_empty() {
        return vec![Directive::block([directive], accounts)];
    }
    let mut not_public = vec!["not".to_owned(), "path".to_owned()];
    not_public.extend(public_paths.iter().cloned());
    vec![
        Directive::block(["@protected"], vec![Directive::new(not_public, Vec::new())]),
        Directive::block([directive, "@protected"], accounts),
    ]
}

/// The first upstream that answers; a request waits some seconds for one, so that a container
/// can be replaced without an error.
fn proxy(context: &Context, upstreams: &[String]) -> Directive {
    let mut words = vec!["reverse_proxy".to_owned()];
    words.extend(upstreams.iter().cloned());
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
    Directive::new(words, options)
}
