//! `mkx-sample verify`.

use std::path::PathBuf;

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{findings, voice};
use mkx_contract::{Answer, Failure, Result};

use crate::choose::choice::apply_cap;
use crate::database::catalog::Catalog;
use crate::database::identity;
use crate::database::mark::Asked;
use crate::database::source::{Settings, Source};
use crate::judge::{self, Moment, Options, Rule, Verification};
use crate::setting::Setting;
use crate::target::sample;

const EXAMPLES: &str = "\
Examples:
  mkx-sample verify                                          judge EB as it is now
  mkx-sample verify | jq '.findings[]'                       what is wrong, and where
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

    /// Per cent of users that were sampled [default: what run was asked for]
    #[arg(long, value_name = "NUMBER")]
    percent: Option<f64>,

    /// A user who was pinned with `run --include`; may be repeated [default: as many as run was given]
    #[arg(long, value_name = "NAME")]
    include: Vec<String>,

    /// The cap that `run --cap` was given [default: what run was given]
    #[arg(long, value_name = "N")]
    cap: Option<u64>,

    #[command(flatten)]
    findings: findings::Arguments,
}

impl Verify {
    /// Judges EB and prints the verification.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        if let Some(answer) = self.findings.explained::<Rule>() {
            return answer;
        }
        let setting = Setting::of(common)?;
        let mut policy = setting.policy(self.policy.as_deref())?.policy;
        let target = setting.to(self.to.as_deref())?;
        // No pseudonym is made here, so there is no key.
        let mut source = Source::open(setting.from(self.from.as_deref())?, Settings::unused())?;
        let origin = identity::of(&source.endpoint, &mut source.client)?.origin();
        let (mut client, mark) = sample::open_for_judgement(&target, setting.name(), origin)?;
        let asked = self.asked(&setting, mark.asked);
        apply_cap(&mut policy, asked.cap)?;
        let catalog = Catalog::read(&mut source.client)?;
        let options = Options {
            percent: asked.percent,
            included: asked.included,
            hosts: setting.hosts(),
            moment: mark.judged_snapshot.map_or(Moment::Unknown, Moment::Since),
        };
        let verification = judge::judge(&mut source, &mut client, &catalog, &policy, &options)?;
        tell(&verification, &options.moment);
        self.findings
            .print::<Rule>(&verification, &verification.findings, &[])?;
        Ok(Answer::from(verification.ok))
    }

    /// What `run` was asked for: the flags say it, else EB's mark, else the site.
    fn asked(&self, setting: &Setting, marked: Option<Asked>) -> Asked {
        let mut asked = marked.unwrap_or_else(|| {
            let percent = setting.sample.percent;
            if self.percent.is_none() {
                voice::warn(format!(
                    "EB's mark does not say what the sample was asked for, so it is judged as one of \
                     {percent} %; give --percent, --cap and --include as run had them"
                ));
            }
            Asked {
                percent,
                seed: setting.sample.seed.clone(),
                included: 0,
                cap: None,
            }
        });
        asked.percent = self.percent.unwrap_or(asked.percent);
        asked.cap = self.cap.or(asked.cap);
        if !self.include.is_empty() {
            asked.included = self.include.len() as u64;
        }
        asked
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
        voice::error(&Failure::no("the sample is not right"));
    }
}
