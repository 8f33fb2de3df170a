//! Caddy's admin API: nothing else speaks with it.

use std::net::ToSocketAddrs;
use std::time::Duration;

use mkx_contract::{Failure, Result, Site};
use serde_json::Value;
use url::Url;

use super::http::{Client, Request, Response, Way};
use crate::edge::Version;
use crate::json::array;

/// A header.
type Field<'a> = (&'a str, &'a str);

const CADDYFILE: Field<'_> = ("content-type", "text/caddyfile");

/// The admin API of a site's edge.
pub struct Admin {
    client: Client,
    url: Url,
}

/// A configuration and the mark that proves nobody has changed it since.
pub struct Found {
    /// Caddy's JSON; null where there is none yet.
    pub json: Value,
    /// The value for `If-Match`.
    pub etag: String,
}

/// How a change was received.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// It is what runs now.
    Accepted,
    /// Somebody else changed the configuration in between.
    Outrun,
    /// Caddy says that it is not right.
    Refused(String),
}

impl Admin {
    /// The one that the site document names.
    pub fn of(site: &Site) -> Result<Admin> {
        let text = &site.shared.edge.admin_url;
        let url = Url::parse(text)
            .map_err(|error| Failure::input(format!("cannot use {text}: {error}")))?;
        if url.scheme() != "http" {
            return Err(Failure::input(format!(
                "cannot use {text}: the admin API speaks plain http on loopback"
            )));
        }
        Ok(Admin {
            client: Client::new(None, Duration::from_secs(30))?,
            url,
        })
    }

    /// What runs now. The mark is a header from 2.8 on and a trailer before.
    pub fn configuration(&self) -> Result<Found> {
        let response = self.get("/config/")?;
        if response.status != 200 {
            return Err(self.refused("read the configuration", &response));
        }
        let json = json(&response)?;
        let etag = response
            .header("etag")
            .or_else(|| response.trailer("etag"))
            .ok_or_else(|| {
                Failure::peer("cannot change the configuration safely: the admin API sends no ETag")
                    .hint("Caddy sends one from 2.5 on; is there a proxy in between?")
            })?;
        Ok(Found { json, etag })
    }

    /// Puts a configuration in the place of the one that `etag` marks.
    pub fn replace(&self, json: &Value, etag: &str) -> Result<Received> {
        let headers = [("content-type", "application/json"), ("if-match", etag)];
        let response = self.send("POST", "/config/", &headers, &json.to_string())?;
        Ok(match response.status {
            200 => Received::Accepted,
            412 => Received::Outrun,
            400..=500 => Received::Refused(said(&response)),
            _ => return Err(self.refused("change the configuration", &response)),
        })
    }

    /// Adapts a Caddyfile as the server itself would.
    ///
    /// # Errors
    /// Exit 3 where the server does not accept it.
    pub fn adapt(&self, caddyfile: &str) -> Result<Value> {
        let response = self.send("POST", "/adapt", &[CADDYFILE], caddyfile)?;
        if response.status != 200 {
            return Err(Failure::input(format!(
                "cannot adapt the configuration: {}",
                said(&response)
            )));
        }
        Ok(json(&response)?["result"].take())
    }

    /// What the server understands, found out by letting it adapt what only newer ones do.
    pub fn version(&self) -> Result<Version> {
        let newer = ":1 {\n\tbasic_auth {\n\t\ta $2b$04$x\n\t}\n\treverse_proxy b:1 {\n\t\tstream_close_delay 1s\n\t}\n}\n";
        let response = self.send("POST", "/adapt", &[CADDYFILE], newer)?;
        match response.status {
            200 => Ok(Version::V2_8),
            400 => Ok(Version::V2_6),
            _ => Err(self.refused("ask the server what it understands", &response)),
        }
    }

    /// Requests on the way to each upstream, WebSockets among them.
    pub fn requests_of(&self, upstreams: &[String]) -> Result<u64> {
        let listed = json(&self.get("/reverse_proxy/upstreams")?)?;
        let is_own = |upstream: &&Value| upstreams.iter().any(|own| upstream["address"] == *own);
        let own = array(&listed).iter().filter(is_own);
        let requests = own.filter_map(|upstream| upstream["num_requests"].as_u64());
        Ok(requests.sum())
    }

    /// What the server says of itself, in the text form of Prometheus; empty where it says nothing.
    pub fn metrics(&self) -> Result<String> {
        let response = self.get("/metrics")?;
        let text = (response.status == 200).then(|| response.text());
        Ok(text.unwrap_or_default())
    }

    /// The certificate of the server's own authority, PEM; nothing where it has none.
    pub fn authority(&self) -> Result<Option<String>> {
        let response = self.get("/pki/ca/local")?;
        if response.status != 200 {
            return Ok(None);
        }
        let authority = json(&response)?;
        Ok(authority["root_certificate"].as_str().map(str::to_owned))
    }

    fn get(&self, path: &str) -> Result<Response> {
        self.send("GET", path, &[], "")
    }

    fn send(&self, method: &str, path: &str, headers: &[Field], body: &str) -> Result<Response> {
        let host = self.url.host_str().unwrap_or("127.0.0.1");
        let port = self.url.port_or_known_default().unwrap_or(2019);
        let unreachable = |cause: String| {
            let url = &self.url;
            Failure::peer(format!("cannot reach the admin API at {url}: {cause}"))
                .hint("is Caddy running? shared.edge.admin_url in the site document says where")
        };
        let address = (host.trim_matches(['[', ']']), port)
            .to_socket_addrs()
            .map_err(|error| unreachable(error.to_string()))?
            .next()
            .ok_or_else(|| unreachable("it has no address".into()))?;
        let own = |&(name, value): &Field| (name.to_owned(), value.to_owned());
        let request = Request {
            address,
            host: format!("{host}:{port}"),
            way: Way::Plain,
            method: method.into(),
            path: path.into(),
            headers: headers.iter().map(own).collect(),
            body: body.into(),
        };
        let sent = self.client.send(&request);
        sent.map_err(|failure| unreachable(failure.message))
    }

    fn refused(&self, doing: &str, response: &Response) -> Failure {
        Failure::peer(format!(
            "cannot {doing}: the admin API answers {}: {}",
            response.status,
            said(response)
        ))
    }
}

fn json(response: &Response) -> Result<Value> {
    serde_json::from_slice(&response.body)
        .map_err(|error| Failure::peer(format!("cannot read what the admin API answers: {error}")))
}

/// The error that the admin API names.
fn said(response: &Response) -> String {
    serde_json::from_slice::<Value>(&response.body)
        .ok()
        .and_then(|body| body["error"].as_str().map(str::to_owned))
        .unwrap_or_else(|| response.text().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::edge::Edge;
    use crate::world::World;
    use crate::world::server::{BOTH, Server};

    #[test]
    fn of_two_writers_who_read_the_same_the_second_is_told() {
        for which in BOTH {
            let world = World::new();
            let site = world.resolved();
            let server = Server::start(&world, which);
            let admin = Admin::of(&site).unwrap();
            let edge = Edge::of(&site, admin.version().unwrap()).unwrap();
            server.load_caddyfile(&edge.caddyfile());
            let (first, second) = (
                admin.configuration().unwrap(),
                admin.configuration().unwrap(),
            );
            assert_eq!(first.etag, second.etag);
            let with = |name: &str| {
                let mut json = first.json.clone();
                json["logging"]["logs"]["default"]["level"] = json!(name);
                json
            };
            let (warn, error) = (with("WARN"), with("ERROR"));
            assert_eq!(
                admin.replace(&warn, &first.etag).unwrap(),
                Received::Accepted
            );
            assert_eq!(
                admin.replace(&error, &second.etag).unwrap(),
                Received::Outrun
            );
            assert_eq!(admin.configuration().unwrap().json, warn, "{which:?}");
        }
    }
}
