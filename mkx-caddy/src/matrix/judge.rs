//! Whether an answer is the one that was expected.

use std::path::PathBuf;

use mkx_contract::Site;
use mkx_contract::record::finding::{Evidence, Finding, Rule as _};
use mkx_contract::record::site::Name;

use super::{Row, Service, Status};
use crate::rule::Rule;
use crate::running::http::joined;

/// How long a certificate is good for.
#[derive(Debug, Clone, Copy)]
pub struct Certificate {
    /// Seconds until it lapses.
    pub left_s: i64,
    /// Seconds between its beginning and its end.
    pub lifetime_s: i64,
}

impl Certificate {
    /// Days until it lapses.
    pub fn days_left(self) -> i64 {
        self.left_s.div_euclid(86_400)
    }

    /// True where it should have been renewed: 14 days before its end, or, with those that live
    /// for hours, in the last sixth of their time. Caddy renews in the last third.
    fn is_overdue(self) -> bool {
        self.left_s < (14 * 86_400).min(self.lifetime_s / 6)
    }
}

/// What is known of an answer; nothing where that can not be told from where we stand.
#[derive(Debug, Default)]
pub struct Seen {
    /// The status; nothing where an upstream decides.
    pub status: Option<u16>,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Addresses that the request goes to.
    pub upstreams: Option<Vec<String>>,
    /// What the upstream says it is.
    pub identity: Option<String>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// The file that is served.
    pub file: Option<PathBuf>,
    /// `HTTP/2.0`.
    pub version: Option<String>,
    /// The server's certificate.
    pub certificate: Option<Certificate>,
    /// Why the certificate is not to be trusted.
    pub distrust: Option<String>,
    /// True where an upstream's own headers are among the headers.
    pub is_whole: bool,
}

impl Seen {
    /// A header's values, joined.
    pub fn header(&self, name: &str) -> Option<String> {
        joined(&self.headers, name)
    }
}

/// One thing that is not as expected.
#[derive(Debug)]
pub struct Wrong {
    rule: Rule,
    /// What the cause lies in: a host, or a header of it.
    subject: String,
    /// A line for people.
    pub message: String,
}

impl Wrong {
    /// What is wrong with a host as a whole.
    pub fn of_host(row: &Row, rule: Rule, message: impl Into<String>) -> Wrong {
        Wrong {
            rule,
            subject: row.request.host.clone(),
            message: message.into(),
        }
    }
}

/// What is not as expected; nothing: all is well.
pub fn judge(site: &Site, row: &Row, seen: &Seen) -> Vec<Wrong> {
    let mut answer = Vec::new();
    status(row, seen, &mut answer);
    let is_another = !answer.is_empty();
    upstream(site, row, seen, &mut answer);
    if !is_another {
        content(row, seen, &mut answer);
    }
    let is_misled = answer.len() > usize::from(is_another);
    location(row, seen, &mut answer);
    let mut wrong = Vec::new();
    headers(row, seen, &mut wrong);
    if is_another {
        // An error page, or another host's answer, has its own headers.
        answer.extend(wrong.drain(..).map(|one: Wrong| one.message));
    }
    connection(row, seen, &mut wrong);
    let (rule, subject) = cause(row, seen, is_misled);
    wrong.extend(answer.into_iter().map(|message| Wrong {
        rule,
        subject: subject.clone(),
        message,
    }));
    wrong
}

/// What a wrong answer comes from: some causes break rows of many rules.
fn cause(row: &Row, seen: &Seen, is_misled: bool) -> (Rule, String) {
    let expected = &row.expected;
    let host = row.request.host.clone();
    let is_plain = row.request.scheme == "http";
    match (seen.status, expected.upstream) {
        (Some(401), Some(_)) => (Rule::PublicPath, host),
        (Some(502..=504), Some(Service::Api)) => (Rule::UpstreamAway, format!("{host} api")),
        (Some(502..=504), Some(Service::Web)) => (Rule::UpstreamAway, format!("{host} web")),
        (Some(301..=308), None) if is_plain && expected.location.is_empty() => {
            (Rule::PlainHttp, host)
        }
        _ if is_misled && (expected.upstream.is_some() || expected.file.is_some()) => {
            (Rule::OwnEnvironment, host)
        }
        _ => (row.rule, host),
    }
}

/// The findings that a row shows. Rows that fail for one cause have findings of one rule and
/// subject, which become one.
pub fn findings(row: &Row, wrong: &[Wrong]) -> Vec<Finding> {
    let request = &row.request;
    let url = format!("{}://{}{}", request.scheme, request.host, request.path);
    let finding = |cause: &[Wrong]| {
        let said: Vec<&str> = cause.iter().map(|one| one.message.as_str()).collect();
        let said = said.join("; ");
        let message = format!("{}: {said}", request.host);
        let what = match request.method.as_str() {
            "GET" => said,
            method => format!("{method}: {said}"),
        };
        let place = Evidence::url(row.environment, &url).what(what);
        cause[0].rule.finding(&cause[0].subject, message).at(place)
    };
    let causes = wrong.chunk_by(|a, b| (a.rule, &a.subject) == (b.rule, &b.subject));
    causes.map(finding).collect()
}

fn status(row: &Row, seen: &Seen, wrong: &mut Vec<String>) {
    let Some(status) = seen.status else {
        if let Status::OneOf(expected) = &row.expected.status {
            let expected = listed(expected);
            wrong.push(format!("status {expected}, but an upstream would answer"));
        }
        return;
    };
    let expected = match &row.expected.status {
        Status::OneOf(expected) if !expected.contains(&status) => listed(expected),
        Status::Application if matches!(status, 401 | 502..=504) => {
            "the application's answer".into()
        }
        Status::Good if !(200..300).contains(&status) => "2xx".into(),
        _ => return,
    };
    wrong.push(format!("status {status} instead of {expected}"));
}

fn listed(statuses: &[u16]) -> String {
    let words: Vec<String> = statuses.iter().map(u16::to_string).collect();
    words.join(" or ")
}

fn upstream(site: &Site, row: &Row, seen: &Seen, wrong: &mut Vec<String>) {
    let own = site.environment(row.environment);
    let other = site.environment(row.environment.other());
    if let Some(identity) = &seen.identity {
        let is = |name: Name| {
            identity.eq_ignore_ascii_case(&name.to_string())
                || *identity == site.environment(name).project
                || *identity == site.environment(name).domain
        };
        let (own, other) = (&own.project, &other.project);
        if is(row.environment.other()) {
            wrong.push(format!("{other} answers for {own}"));
        } else if !is(row.environment) {
            wrong.push(format!("it is answered by {identity:?}, not by {own}"));
        }
    }
    let Some(upstreams) = &seen.upstreams else {
        return;
    };
    let expected: &[String] = match row.expected.upstream {
        None => &[],
        Some(Service::Api) => &own.web.api_upstreams,
        Some(Service::Web) => &own.web.web_upstreams,
    };
    let of_other = |upstream: &String| {
        other.web.api_upstreams.contains(upstream)
            || other.web.web_upstreams.contains(upstream)
            || upstream.starts_with(&format!("{}-", other.project))
    };
    if row.expected.upstream.is_none() && !upstreams.is_empty() {
        let upstreams = upstreams.join(", ");
        wrong.push(format!("it goes to {upstreams} instead of nobody"));
        return;
    }
    let instead = format!("instead of {}", expected.join(", "));
    if row.expected.upstream.is_some() && upstreams.is_empty() {
        wrong.push(format!("it goes to nobody {instead}"));
    }
    for upstream in upstreams.iter().filter(|one| !expected.contains(one)) {
        wrong.push(match of_other(upstream) {
            true => format!("it goes to {upstream}, which is {}'s", other.project),
            false => format!("it goes to {upstream} {instead}"),
        });
    }
}

fn headers(row: &Row, seen: &Seen, wrong: &mut Vec<Wrong>) {
    let mut add = |name: &str, message: String| {
        wrong.push(Wrong {
            rule: Rule::Header,
            subject: format!("{} {name}", row.request.host),
            message,
        });
    };
    for (name, expected) in &row.expected.headers {
        match seen.header(name) {
            Some(value) if value == *expected => {}
            Some(value) => add(name, format!("{name} is {value:?} instead of {expected:?}")),
            None => add(name, format!("{name} is missing, expected {expected:?}")),
        }
    }
    for unwanted in &row.expected.no_headers {
        let (name, part) = unwanted.split_once(": ").unwrap_or((unwanted, ""));
        if let Some(value) = seen.header(name)
            && value.contains(part)
        {
            let message = format!("{name} is {value:?}, which must not be there");
            add(name, message);
        }
    }
}

fn location(row: &Row, seen: &Seen, wrong: &mut Vec<String>) {
    let location = seen.header("location");
    let expected = &row.expected.location;
    if !expected.is_empty() && !location.as_ref().is_some_and(|to| expected.contains(to)) {
        let to = location.as_deref().unwrap_or("nowhere");
        let expected = expected.join(" or ");
        wrong.push(format!("it leads to {to} instead of {expected}"));
    }
    // An application whose login is off answers without a redirect.
    if let (Some(part), Some(to)) = (&row.expected.location_holds, &location)
        && seen.is_whole
    {
        let plain = percent_encoding::percent_decode_str(to).decode_utf8_lossy();
        if plain.contains("redirect_uri=") && !plain.contains(part.as_str()) {
            wrong.push(format!("its login does not come back to {part}"));
        }
    }
}

fn content(row: &Row, seen: &Seen, wrong: &mut Vec<String>) {
    if let Some(path) = &row.expected.file {
        let expected = path.display();
        match (&seen.body, &seen.file) {
            (Some(body), _) => match std::fs::read(path) {
                Ok(bytes) if bytes == *body => {}
                Ok(_) => wrong.push(format!("it is not the content of {expected}")),
                Err(error) => wrong.push(format!("cannot read {expected}: {error}")),
            },
            (None, Some(file)) => {
                if let (Ok(a), Ok(b)) = (file.canonicalize(), path.canonicalize())
                    && a != b
                {
                    wrong.push(format!("it is {} instead of {expected}", file.display()));
                }
            }
            (None, None) => {}
        }
    }
    if let (Some(expected), Some(body)) = (&row.expected.body, &seen.body)
        && expected.as_bytes() != body
    {
        wrong.push("its text is not the expected one".into());
    }
}

fn connection(row: &Row, seen: &Seen, wrong: &mut Vec<Wrong>) {
    if row.expected.http2
        && let Some(version) = &seen.version
        && version != "HTTP/2.0"
    {
        let message = format!("it speaks {version}, not HTTP/2");
        wrong.push(Wrong::of_host(row, Rule::Http2, message));
    }
    if row.expected.certificate {
        if let Some(cause) = &seen.distrust {
            let message = format!("its certificate is not to be trusted: {cause}");
            wrong.push(Wrong::of_host(row, Rule::Certificate, message));
        }
        if let Some(certificate) = seen.certificate.filter(|own| own.is_overdue()) {
            let days = certificate.days_left();
            let message = format!("its certificate lapses in {days} days and was not renewed");
            wrong.push(Wrong::of_host(row, Rule::Certificate, message));
        }
    }
}
