//! `mkx-compose site`: the site document, validated and resolved.

use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{output, voice};
use mkx_contract::{Answer, Result};

/// Worked examples for `--help`.
pub const EXAMPLES: &str = "\
Examples:
  mkx-compose site | jq .environments.eb.domain
  mkx-compose site --site draft.json >/dev/null   # exit 3 and the place of what is wrong
  mkx-compose site | mkx-caddy render --site -";

/// Prints the document that every tool works with; it is a valid site document itself.
pub fn run(common: &Common) -> Result<Answer> {
    let site = common.site()?;
    if !site.guesses.is_empty() {
        voice::say(format!(
            "guessed, and not looked at yet: {}",
            site.guesses.join(", ")
        ));
    }
    output::stdout().document(&site)?;
    Ok(Answer::Yes)
}
