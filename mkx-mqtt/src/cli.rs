//! The command line.

use clap::{Parser, Subcommand};
use mkx_contract::tool::about::About;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::output;
use mkx_contract::tool::schema::Schemas;
use mkx_contract::{Answer, Result};

use crate::{certs, check, passwd, probe, render};

/// Keep two MQTT brokers apart, and show that they are
///
/// An environment's broker has its own certificate authority, accounts and ports. render and
/// certs write its files, check reads them, probe asks both brokers over the wire.
#[derive(Debug, Parser)]
#[command(name = "mkx-mqtt", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  mkx-mqtt render eb --output
  mkx-mqtt certs init eb && mkx-mqtt passwd eb --from-site
  mkx-mqtt certs player eb 0b7c… --private-key > device.json
  mkx-mqtt certs revoke eb --certificate lost.crt
  mkx-mqtt check | jq '.findings[] | select(.severity == \"error\")'
  mkx-mqtt probe | jq -e .isolated

Exit codes:
  0 done, or yes · 1 findings, or not isolated · 2 wrong usage · 3 wrong input
  4 a broker or the disk failed · 5 refused by a guard · 130 interrupted";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write a broker's configuration and ACL
    Render(render::Arguments),
    /// Keep an environment's certificate authority
    #[command(subcommand)]
    Certs(certs::Verb),
    /// Say what can be seen on the files of both brokers
    Check(check::Arguments),
    /// Set the password of an account of a broker
    Passwd(passwd::Arguments),
    /// Ask both brokers over the wire whether they are apart
    Probe(probe::Arguments),
    /// Print the JSON Schema of what this tool reads and writes
    Schema,
    #[command(flatten)]
    About(About),
}

impl Arguments {
    /// Runs the verb.
    pub fn run(&self) -> Result<Answer> {
        self.common.apply();
        match &self.verb {
            Verb::Render(arguments) => arguments.run(&self.common),
            Verb::Certs(verb) => verb.run(&self.common),
            Verb::Check(arguments) => arguments.run(&self.common),
            Verb::Passwd(arguments) => arguments.run(&self.common),
            Verb::Probe(arguments) => arguments.run(&self.common),
            Verb::Schema => schema(),
            Verb::About(about) => about.run::<Arguments>(),
        }
    }
}

fn schema() -> Result<Answer> {
    let schemas = Schemas::default()
        .reads::<mkx_contract::Site>()
        .writes::<render::Broker>()
        .writes::<passwd::Account>()
        .writes::<certs::Authority>()
        .writes::<certs::Bundle>()
        .writes::<certs::Revocations>()
        .writes::<check::Report>()
        .writes::<probe::Report>();
    output::stdout().json(&schemas.document())?;
    Ok(Answer::Yes)
}
