//! Makes the running edge that of the site: changes it only as it was read, asks it whether it
//! works, and puts the former one back where it does not. Accepted is not working.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use mkx_contract::record::finding::Findings;
use mkx_contract::tool::step::{self, End};
use mkx_contract::tool::{confirm, interrupt, replace, voice};
use mkx_contract::{EnvironmentName as Name, Failure, Record, Result, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::admin::{Admin, Found, Received};
use super::{newcomers, share};
use crate::edge::{Edge, Version};
use crate::matrix::probe::{Probe, Prober};

/// How long it is waited for a moment without a stream of production.
const STREAM_PATIENCE: Duration = Duration::from_secs(3);

/// What was done.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// True where the running configuration was another one.
    pub changed: bool,
    /// True where the site's is what runs now.
    pub applied: bool,
    /// True where the former one was put back.
    pub undone: bool,
    /// The environments whose part of the edge is another one.
    pub environments: Vec<Name>,
    /// `2.6` or `2.8`: what the running Caddy understands.
    pub caddy_version: String,
    /// The kernel's net.ipv4.tcp_migrate_req; false: a connection that is just being made may be
    /// reset by a change. Null where it can not be read.
    pub tcp_migrate_req: Option<bool>,
    /// True where the running Caddy closes a connection whose first request comes during a change
    /// (what is built with Go 1.25 or later does). Null where it does not say what it was built with.
    pub closes_new_connections: Option<bool>,
    /// How many rows the probe asked.
    pub asked: u64,
    /// The rows that were not as expected.
    pub failed: Vec<Probe>,
    /// What they come from.
    pub findings: Findings,
}

impl Record for Report {
    const RECORD: &'static str = "mkx.caddy.apply/2";
}

/// What the user allows.
#[derive(Debug, clap::Args)]
pub struct Permissions {
    /// Production's domain: its part of the edge may change
    #[arg(long, value_name = "DOMAIN")]
    confirm: Option<String>,
    /// Close open WebSockets of production where the running Caddy can not keep them
    #[arg(long)]
    close_streams: bool,
    /// Change a busy edge though the running Caddy closes connections that have just been made
    #[arg(long)]
    close_connections: bool,
}

/// Applies the site.
pub fn apply(site: &Site, prober: &Prober, permissions: &Permissions) -> Result<Report> {
    let turn = step::lock(&site.state_directory, "mkx-caddy apply")?;
    replace::sweep(&site.state_directory).map_err(|error| cannot("tidy", site, &error))?;
    let admin = Admin::of(site)?;
    let version = admin.version()?;
    let wanted = admin.adapt(&Edge::of(site, version)?.caddyfile())?;
    let found = admin.configuration()?;
    let mut report = Report {
        changed: found.json != wanted,
        environments: changed_environments(site, &found.json, &wanted),
        caddy_version: match version {
            Version::V2_6 => "2.6".into(),
            Version::V2_8 => "2.8".into(),
        },
        tcp_migrate_req: migrates_requests(),
        closes_new_connections: newcomers::are_closed(&admin)?,
        ..Report::default()
    };
    let died = kept_former(site)?.is_some();
    if !report.changed && !died {
        probe(prober, &mut report)?;
        report.applied = report.findings.ok();
        return Ok(report);
    }
    if report.environments.contains(&Name::Ea) && !found.json["apps"].is_null() {
        let domain = &site.environments.ea.domain;
        let doing = format!("change the edge of {domain}");
        confirm::production(domain, permissions.confirm.as_deref(), &doing)?;
    }
    if report.tcp_migrate_req == Some(false) {
        voice::warn(
            "the kernel may reset connections that are just being made: sysctl --write net.ipv4.tcp_migrate_req=1 (in a container: sysctls in its compose file)",
        );
    }
    if report.changed && !permissions.close_streams {
        wait_for_streams(site, &admin, &found.json)?;
    }
    let may_close = newcomers::may_be_closed(report.closes_new_connections);
    if report.changed && may_close && !permissions.close_connections {
        newcomers::ensure_quiet(site, &admin, &found.json)?;
    }
    // Production's comes first.
    let environment = report.environments.first().copied();
    let environment = environment.unwrap_or(Name::Eb);
    let detail = json!({ "environments": report.environments });
    turn.run(environment, detail, || {
        change(site, &admin, prober, &found, &wanted, &mut report)?;
        let detail = json!({ "asked": report.asked, "failed": report.failed.len() });
        let end = match report.undone {
            true => End::Undone(detail),
            false => End::Done(detail),
        };
        Ok((report, end))
    })
}

fn changed_environments(site: &Site, now: &Value, wanted: &Value) -> Vec<Name> {
    let mut environments = Vec::new();
    let rest = share::without_development(site, now) != share::without_development(site, wanted);
    if rest {
        environments.push(Name::Ea);
    }
    if now != wanted
        && (!rest || share::of_development(site, now) != share::of_development(site, wanted))
    {
        environments.push(Name::Eb);
    }
    environments
}

/// Changes, asks, and changes back where the answers are not right.
fn change(
    site: &Site,
    admin: &Admin,
    prober: &Prober,
    found: &Found,
    wanted: &Value,
    report: &mut Report,
) -> Result<()> {
    // A run that died between its change and its questions left what was there before it.
    let former = kept_former(site)?.unwrap_or_else(|| found.json.clone());
    keep_former(site, &former)?;
    if report.changed {
        let refused = match admin.replace(wanted, &found.etag)? {
            Received::Accepted => None,
            Received::Outrun => Some(outrun()),
            Received::Refused(cause) => Some(
                Failure::input(format!("cannot apply the edge: {cause}"))
                    .hint("the former configuration still runs"),
            ),
        };
        if let Some(refused) = refused {
            forget_former(site)?;
            return Err(refused);
        }
    }
    let probed = probe(prober, report);
    if probed.is_ok() && report.findings.ok() {
        report.applied = true;
        return forget_former(site);
    }
    undo(admin, &former, wanted)?;
    report.undone = true;
    forget_former(site)?;
    if interrupt::arrived() {
        return Err(Failure::interrupted());
    }
    probed
}

/// Puts the former configuration back, unless somebody else has changed ours meanwhile.
fn undo(admin: &Admin, former: &Value, wanted: &Value) -> Result<()> {
    let now = admin.configuration()?;
    if now.json != *wanted {
        return Err(outrun());
    }
    let former = match former {
        Value::Null => json!({ "admin": wanted["admin"] }),
        former => former.clone(),
    };
    match admin.replace(&former, &now.etag)? {
        Received::Accepted => Ok(()),
        Received::Outrun => Err(outrun()),
        Received::Refused(cause) => Err(Failure::peer(format!(
            "cannot put the former configuration back: {cause}"
        ))
        .hint("restart Caddy with the configuration that it was started with")),
    }
}

fn outrun() -> Failure {
    Failure::peer("cannot apply the edge: somebody else has changed the configuration meanwhile")
        .hint("nothing of theirs was overwritten; look at it, then run this again")
}

fn probe(prober: &Prober, report: &mut Report) -> Result<()> {
    let summary = prober.run(|row| {
        if !row.ok {
            report.failed.push(row.clone());
        }
        Ok(())
    })?;
    report.asked = summary.asked;
    report.findings = summary.findings;
    Ok(())
}

/// Caddy before 2.7 closes every WebSocket on every change, and later ones do without
/// `stream_close_delay`. A stream counts among an upstream's requests: a moment with none has no
/// stream.
fn wait_for_streams(site: &Site, admin: &Admin, running: &Value) -> Result<()> {
    let upstreams = share::streams_of_production(site, running);
    if upstreams.is_empty() {
        return Ok(());
    }
    let since = Instant::now();
    let mut open = admin.requests_of(&upstreams)?;
    while open > 0 {
        interrupt::check()?;
        if since.elapsed() > STREAM_PATIENCE {
            let domain = &site.environments.ea.domain;
            return Err(Failure::refused(format!(
                "cannot change the edge: {open} requests of {domain} do not end, and a change would close them if they are WebSockets"
            ))
            .hint("Caddy 2.8 keeps them open (stream_close_delay); to close them: --close-streams"));
        }
        std::thread::sleep(Duration::from_millis(5));
        open = admin.requests_of(&upstreams)?;
    }
    Ok(())
}

/// Whether the kernel hands half-made connections of a closed listener to the next one.
fn migrates_requests() -> Option<bool> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_migrate_req").ok()?;
    Some(text.trim() == "1")
}

fn former_path(site: &Site) -> PathBuf {
    site.state_directory.join("edge-former.json")
}

fn keep_former(site: &Site, former: &Value) -> Result<()> {
    replace::file(&former_path(site), former.to_string(), replace::PRIVATE)
        .map_err(|error| cannot("write", site, &error))
}

fn kept_former(site: &Site) -> Result<Option<Value>> {
    match std::fs::read_to_string(former_path(site)) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| cannot("read", site, &error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot("read", site, &error)),
    }
}

fn forget_former(site: &Site) -> Result<()> {
    replace::remove(&former_path(site)).map_err(|error| cannot("remove", site, &error))
}

fn cannot(verb: &str, site: &Site, error: &dyn std::fmt::Display) -> Failure {
    let path = former_path(site);
    Failure::peer(format!("cannot {verb} {}: {error}", path.display()))
}
