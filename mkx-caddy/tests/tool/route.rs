//! `route` against real servers: what it says without a server is what a server does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::http::{self, Client, Way};
use crate::record::{Answer, Handler, Request};
use crate::world::server::{BOTH, Server, Which};
use crate::world::{PASSWORD, World};
use base64::Engine;
use serde_json::Value;

/// Headers that no upstream or file server sends, so that the edge alone decides on them.
const EDGE_HEADERS: [&str; 8] = [
    "Strict-Transport-Security",
    "Content-Security-Policy",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "Access-Control-Allow-Origin",
    "Cross-Origin-Resource-Policy",
    "Cache-Control",
    "Www-Authenticate",
];

const PAGES: &[&str] = &[
    "/",
    "/robots.txt",
    "/ROBOTS.TXT",
    "/login",
    "/login/",
    "/LOGIN",
    "/login?next=%2F",
    "/welcome",
    "/new-account-welcome",
    "/verify-email",
    "/players",
    "/players/7",
    "/api",
    "/api/",
    "/api/health",
    "/API/health",
    "/%61pi/health",
    "//api/health",
    "/api//health",
    "/x/../api/health",
    "/api/../secret",
    "/login/../secret",
    "/login/..%2fsecret",
    "/%2e%2e/api/x",
    "/artwork/1?page=2",
    "/a%20b",
    "/a%2fb",
    "/apifoo",
    "/api/v1/p/%E2%9C%93?q=a+b",
    "/./login",
    "/login%00",
    "/.well-known/x",
    "/api/a/../b",
    "/api/%2e%2e/b",
    "/sitemap.xml",
    "/%zz",
];

const FILES: &[&str] = &[
    "/",
    "/robots.txt",
    "/24/07/art.png",
    "/24/07/art.png?x=1",
    "//24/07/art.png",
    "/24/07/art.png/",
    "/24/07/art_upscaled.webp",
    "/24/07",
    "/24/07/",
    "/24/07/none.png",
    "/24/07/inside.png",
    "/00/01/outside.png",
    "/outside/passwd",
    "/outside",
    "/OUTSIDE/passwd",
    "/00/01/production.png",
    "/00/01/only-ea.png",
    "/00/01/only-eb.png",
    "/mkpx/24/07/layers.mkpx",
    "//mkpx/24/07/layers.mkpx",
    "/./mkpx/24/07/layers.mkpx",
    "/%6dkpx/24/07/layers.mkpx",
    "/MKPX/24/07/layers.mkpx",
    "/x/../mkpx/24/07/layers.mkpx",
    "/mkpx//24/07/layers.mkpx",
    "/avatar/../mkpx/24/07/layers.mkpx",
    "/mkpx",
    "/mkpx/",
    "/bdr/abc/export.zip",
    "/bdr",
    "/lost+found/secret.png",
    "/lost%2bfound/secret.png",
    "/24/07/art.png.4711.reshard-tmp",
    "/24/07/.hidden.png",
    "/24/07/%2ehidden.png",
    "/avatar/24/07/face.png",
    "/avatar/a4/47/ee/face.png",
    "/avatar/e4/87/00/face.png",
    "/a4/47/ee/art.png",
    "/a4/47/zz/art.png",
    "/A4/47/ee/art.png",
    "/a4/47/ee/legacy.png",
    "/ff/c5/00/moved.gif",
    "/7f/45/12/moved.gif",
    "/blog_image/24/07/post.png",
    "/blog_image/a4/47/ee/post.png",
    "/a4/47/ee/no%20such.png",
    "/sub",
    "/sub/",
    "/sub/index.html",
    "/empty",
    "/empty/",
    "/24/07/art.png%2f",
    "/..%2f..%2fetc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/24/07/art.png%00",
    "/%",
];

fn requests() -> Vec<Request> {
    let mut requests = Vec::new();
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("developer:{PASSWORD}"));
    let right = format!("Basic {encoded}");
    let mut add = |scheme: &str, host: &str, path: &str, method: &str, authorization: &str| {
        let mut request = Request::get(scheme, host, path);
        request.method = method.into();
        if !authorization.is_empty() {
            request
                .headers
                .insert("Authorization".into(), authorization.into());
        }
        requests.push(request);
    };
    for host in [
        "makapix.club",
        "development.makapix.club",
        "DEVELOPMENT.makapix.club",
    ] {
        for path in PAGES {
            add("https", host, path, "GET", "");
            add("https", host, path, "GET", &right);
        }
        for path in ["/", "/api/x?y", "/login"] {
            add("http", host, path, "GET", "");
            add("https", host, path, "POST", "");
            add("https", host, path, "HEAD", "");
            add("https", host, path, "GET", "Basic ZGV2ZWxvcGVyOndyb25n");
            add("https", host, path, "GET", "Bearer abc");
        }
    }
    for host in ["vault.makapix.club", "vault-dev.makapix.club"] {
        for scheme in ["https", "http"] {
            for path in FILES {
                add(scheme, host, path, "GET", "");
            }
            for path in [
                "/24/07/art.png",
                "/mkpx/24/07/layers.mkpx",
                "/24/07/none.png",
                "/robots.txt",
            ] {
                for method in ["HEAD", "POST", "OPTIONS", "DELETE"] {
                    add(scheme, host, path, method, "");
                }
            }
        }
    }
    for scheme in ["https", "http"] {
        for path in ["/", "/a/b?c=d"] {
            add(scheme, "www.makapix.club", path, "GET", "");
            add(scheme, "www.makapix.club", path, "POST", "");
        }
    }
    add("http", "unknown.example", "/", "GET", "");
    requests
}

fn address(world: &World, scheme: &str) -> SocketAddr {
    if scheme == "https" {
        world.https()
    } else {
        world.http()
    }
}

fn asked(world: &World, client: &Client, request: &Request) -> http::Response {
    let request = http::Request {
        address: address(world, &request.scheme),
        host: request.host.clone(),
        way: if request.scheme == "https" {
            Way::Tls
        } else {
            Way::Plain
        },
        method: request.method.clone(),
        path: request.path.clone(),
        headers: request.headers.clone().into_iter().collect(),
        body: Vec::new(),
    };
    client.send(&request).unwrap()
}

/// Answers from the tool, as a user gets them: requests piped in, records out.
fn answers(world: &World, arguments: &[&str], requests: &[Request]) -> Vec<Answer> {
    let stdin: String = requests
        .iter()
        .map(|request| {
            let object = mkx_contract::record::to_object(request);
            format!("{}\n", Value::Object(object))
        })
        .collect();
    let output = world.run(arguments, &stdin);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let last: Value = serde_json::from_str(lines.pop().unwrap()).unwrap();
    assert_eq!(last["record"], "mkx.caddy.route.result/1");
    assert_eq!(last["answered"], requests.len());
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What differs between an answer and what a server says.
fn differences(world: &World, answer: &Answer, seen: &http::Response) -> Vec<String> {
    let mut differences = Vec::new();
    let names: BTreeMap<String, &str> = world
        .upstreams
        .iter()
        .map(|upstream| (upstream.address(), upstream.name))
        .collect();
    let expected_upstream = answer.upstreams.first().map(|address| names[address]);
    let upstream = seen.header("x-upstream");
    if expected_upstream != upstream.as_deref() {
        differences.push(format!("upstream {expected_upstream:?}, seen {upstream:?}"));
    }
    // What the upstreams of the tests answer.
    let status = answer.status.unwrap_or_else(|| {
        match answer.upstream_path.as_deref().unwrap_or_default() {
            path if path.starts_with("/auth/") => 307,
            path if path.starts_with("/api/") => 404,
            _ => 200,
        }
    });
    if status != seen.status {
        differences.push(format!("status {status}, seen {}", seen.status));
    }
    for (name, value) in &answer.headers {
        if seen.header(name).as_deref() != Some(value.as_str()) {
            differences.push(format!("{name}: {value}, seen {:?}", seen.header(name)));
        }
    }
    for name in EDGE_HEADERS {
        if answer
            .uncertain_headers
            .iter()
            .any(|uncertain| uncertain == name)
        {
            continue;
        }
        let is_set = answer
            .headers
            .keys()
            .any(|own| own.eq_ignore_ascii_case(name));
        if !is_set && seen.header(name).is_some() {
            differences.push(format!("no {name}, seen {:?}", seen.header(name)));
        }
    }
    if let Some(path) = &answer.upstream_path
        && answer.request.method != "HEAD"
    {
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or(Value::Null);
        if body["path"] != path.as_str() {
            differences.push(format!("upstream path {path}, seen {}", body["path"]));
        }
    }
    if let Some(file) = &answer.file
        && answer.request.method == "GET"
        && std::fs::read(file).unwrap() != seen.body
    {
        differences.push(format!("file {file}, seen {:?}", seen.text()));
    }
    differences
}

#[track_caller]
fn check_agreement(world: &World, which: Which, arguments: &[&str], requests: &[Request]) {
    let client = Client::new(None, Duration::from_secs(20))
        .unwrap()
        .keeping();
    let mut wrong = Vec::new();
    for (request, answer) in requests.iter().zip(answers(world, arguments, requests)) {
        let seen = asked(world, &client, request);
        let differences = differences(world, &answer, &seen);
        if !differences.is_empty() {
            wrong.push(format!(
                "{} {}://{}{} {:?}: {}",
                request.method,
                request.scheme,
                request.host,
                request.path,
                request.headers,
                differences.join("; ")
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{which:?}: {} of {} differ:\n{}",
        wrong.len(),
        requests.len(),
        wrong.join("\n")
    );
}

#[track_caller]
fn check_rendered(which: Which) {
    let world = World::new();
    let _server = Server::serving(&world, which, |text| text);
    let requests = requests();
    assert!(requests.len() >= 500, "{}", requests.len());
    let program = which.program();
    let arguments = [
        "route",
        "--caddy-version",
        which.version(),
        "--caddy",
        program.to_str().unwrap(),
    ];
    check_agreement(&world, which, &arguments, &requests);
}

#[test]
fn route_agrees_with_debians_caddy_on_five_hundred_requests() {
    check_rendered(Which::Debian);
}

#[test]
fn route_agrees_with_a_current_caddy_on_five_hundred_requests() {
    check_rendered(Which::Current);
}

/// A file as maintainers write them: directives outside of `route`, sorted by Caddy; matchers of
/// all kinds; an error page.
fn grown(world: &World, which: Which) -> String {
    let [ea_api, ea_web, eb_api, eb_web] = world.upstreams.each_ref().map(|u| u.address());
    let vault = world.path("vault-ea").display().to_string();
    let basic_auth = if which == Which::Debian {
        "basicauth"
    } else {
        "basic_auth"
    };
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    let (http, https, admin) = (world.http_port, world.https_port, world.admin_port);
    format!(
        r#"{{
	admin 127.0.0.1:{admin}
	http_port {http}
	https_port {https}
	default_bind 127.0.0.1
	local_certs
	skip_install_trust
}}
makapix.club {{
	header {{
		Content-Security-Policy "frame-ancestors 'self'"
		-Server
		?Cache-Control no-store
		X-Frame-Options SAMEORIGIN
	}}
	@mobile header User-Agent *Mobile*
	@old query v=1
	redir @old /new{{uri}} 302
	respond @mobile "small" 418
	handle_path /api/* {{
		request_body {{
			max_size 64MB
		}}
		reverse_proxy {ea_api}
	}}
	handle /files/* {{
		uri strip_prefix /files
		root * {vault}
		try_files {{path}} /24/07/art.png
		file_server {{
			hide .hidden.png
		}}
	}}
	handle {{
		rewrite /old-login /login
		reverse_proxy {ea_web}
	}}
}}
development.makapix.club {{
	header >X-Robots-Tag "noindex"
	@private not path /api/* /login
	{basic_auth} @private {{
		developer {hash}
	}}
	handle /api/* {{
		uri strip_prefix /api
		reverse_proxy {eb_api}
	}}
	@bots header_regexp User-Agent (?i)bot
	error @bots 403
	handle_errors {{
		header X-Frame-Options DENY
		respond "{{err.status_code}}"
	}}
	reverse_proxy {eb_web}
}}
"#
    )
}

#[test]
fn route_agrees_on_a_configuration_that_has_grown() {
    for which in BOTH {
        let world = World::new();
        let text = grown(&world, which);
        let file = world.path("Caddyfile.grown");
        std::fs::write(&file, &text).unwrap();
        let server = Server::start(&world, which);
        server.load_caddyfile(&text);
        let mut requests = Vec::new();
        for host in ["makapix.club", "development.makapix.club"] {
            for path in [
                "/",
                "/api/x",
                "/api",
                "/files/24/07/art.png",
                "/files/none",
                "/files/24/07/.hidden.png",
                "/files/24/07/art.png/",
                "/old-login",
                "/login",
                "/x?v=1",
                "/x?v=2",
                "/files/..%2f..%2fx",
            ] {
                for agent in ["", "A Mobile Browser", "GoogleBot"] {
                    for scheme in ["https", "http"] {
                        let mut request = Request::get(scheme, host, path);
                        if !agent.is_empty() {
                            request.headers.insert("User-Agent".into(), agent.into());
                        }
                        requests.push(request);
                    }
                }
            }
        }
        let program = which.program();
        let arguments = [
            "route",
            "--caddyfile",
            file.to_str().unwrap(),
            "--caddy-version",
            which.version(),
            "--caddy",
            program.to_str().unwrap(),
        ];
        check_agreement(&world, which, &arguments, &requests);
    }
}

#[test]
fn what_is_not_evaluated_is_said_and_not_guessed() {
    let world = World::new();
    let file = world.path("Caddyfile");
    std::fs::write(
        &file,
        "a.test {\n\t@x expression path('/a')\n\trespond @x 200\n}\n",
    )
    .unwrap();
    let output = world.run(
        &[
            "route",
            "--caddyfile",
            file.to_str().unwrap(),
            "https://a.test/a",
        ],
        "",
    );
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("cannot evaluate the configuration: the matcher \"expression\""),
        "{said}"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn an_address_on_the_command_line_is_a_request() {
    let world = World::new();
    let text = world.stdout(&["route", "https://makapix.club//api/../api/x?y=1"]);
    let answer: Answer = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(answer.request.path, "//api/../api/x?y=1");
    assert_eq!(answer.handler, Handler::ReverseProxy);
    assert_eq!(answer.upstream_path.as_deref(), Some("/x?y=1"));
    assert_eq!(answer.body_limit_bytes, Some(64_000_000));
}

#[test]
fn an_empty_stream_of_requests_is_an_error() {
    let world = World::new();
    assert_eq!(world.run(&["route"], "").status.code(), Some(3));
}

#[test]
fn flags_are_enough_where_there_is_no_site_document() {
    let world = World::new();
    let folder = world.path("elsewhere");
    std::fs::create_dir(&folder).unwrap();
    let text = "http://files.test {\n\troot * /srv/files\n\tfile_server\n}\n";
    std::fs::write(folder.join("Caddyfile"), text).unwrap();
    let mount = format!("/srv/files={}", world.path("vault-ea").display());
    let route = |site: Option<&str>| {
        let address = "http://files.test/24/07/art.png";
        let mut command = world.command(&["route", "--caddyfile", "Caddyfile", address]);
        command.args(["--mount", &mount]).current_dir(&folder);
        match site {
            Some(site) => command.env("MKX_SITE", site),
            None => command.env_remove("MKX_SITE"),
        };
        command.output().unwrap()
    };
    // The folder above has a site document, as a user's might: it is moved out of the way.
    std::fs::rename(world.path("site.json"), world.path("other.json")).unwrap();
    let output = route(None);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let answer: Answer = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let file = world.path("vault-ea/24/07/art.png").display().to_string();
    assert_eq!((answer.status, answer.file), (Some(200), Some(file)));
    assert_eq!(route(Some("missing.json")).status.code(), Some(3));
}
