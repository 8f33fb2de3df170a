//! `mkx-sample verify`.

use std::path::PathBuf;

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{output, voice};
use mkx_contract::{Answer, Failure, Result, Secret};

use crate::choose::choice::apply_cap;
use crate::database::catalog::Catalog;
use crate::database::endpoint::Endpoint;
use crate::database::identity;
use crate::database::source::{Settings, Source};
use crate::judge::{self, Check, Moment, Options, Verification};
use crate::policy;
use crate::target::sample;
use crate::transform::Context;

const EXAMPLES: &str = "\
Examples:
  mkx-sample verify                                          judge EB as it is now
  mkx-sample verify | jq '.checks[] | select(.ok | not)'     what is wrong, and where
  mkx-sample verify --quiet > /dev/null || echo not a right sample

Exit code 1 and the evidence where something is wrong; the evidence never holds a value that EA
hides. What EA has changed since the sample was found right is counted as drift.";

/// Prove that EB is a right and anonymous sample of EA
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Verify {
    /// EA's database, a libpq URL without password [default: the site's]
    #[arg(long, value_name = "URL")]
    from: Option<String>,

    /// EB's database, a libpq URL without password [default: the site's]
    #[arg(long, value_name = "URL")]
    to: Option<String>,

    /// The sampling policy [default: the site's]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Per cent of users that were sampled [default: the site's]
    #[arg(long, value_name = "NUMBER")]
    percent: Option<f64>,

    /// A user who was pinned with `run --include`; may be repeated
    #[arg(long, value_name = "NAME")]
    include: Vec<String>,

    /// The cap that `run --cap` was given [default: the policy's]
    #[arg(long, value_name = "N")]
    cap: Option<u64>,
}

impl Verify {
    /// Judges EB and prints the verification.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let mut policy = policy::read(self.policy.as_deref().unwrap_or(&site.sample.policy))?;
        apply_cap(&mut policy, self.cap)?;
        let (ea, eb) = (&site.environments.ea, &site.environments.eb);
        let target = Endpoint::of(eb, self.to.as_deref())?;
        // No pseudonym is made here, so there is no key.
        let settings = Settings {
            key: Secret::new(""),
            password_hash: Secret::new(""),
        };
        let mut source = Source::open(Endpoint::of(ea, self.from.as_deref())?, settings)?;
        let origin = identity::of(&source.endpoint, &mut source.client)?.origin();
        let (mut client, mark) = sample::open_for_judgement(&target, &site.name, origin)?;
        let catalog = Catalog::read(&mut source.client)?;
        let options = Options {
            percent: self.percent.unwrap_or(site.sample.percent),
            included: self.include.len() as u64,
            hosts: Context::new(&site, &policy.email_domain)
                .urls
                .into_iter()
                .map(|(host, _)| host)
                .collect(),
            moment: mark.judged_snapshot.map_or(Moment::Unknown, Moment::Since),
        };
        let verification = judge::judge(&mut source, &mut client, &catalog, &policy, &options)?;
        tell(&verification, &options.moment);
        output::stdout().document(&verification)?;
        Ok(Answer::from(verification.ok))
    }
}

/// A line a check, for people.
fn tell(verification: &Verification, moment: &Moment) {
    for check in &verification.checks {
        let verdict = if check.ok { "ok    " } else { "WRONG " };
        voice::say(format!("{verdict} {}: {}", check.name, check.detail));
    }
    if *moment == Moment::Unknown {
        voice::warn(
            "nothing tells when EB was found right, so whatever EA may have changed since is excused; \
             mkx-sample run makes a sample that tells",
        );
    } else if verification.source_has_moved {
        voice::say("EA has changed since the sample was found right");
    }
    if !verification.ok {
        let mut failure = Failure::no("the sample is not right");
        let is_of_size = |check: &Check| ["rate", "owned"].contains(&check.name.as_str());
        if verification
            .checks
            .iter()
            .any(|check| !check.ok && is_of_size(check))
        {
            failure = failure
                .hint("was it taken with --percent, --cap or --include? then say so here too");
        }
        voice::error(&failure);
    }
}
