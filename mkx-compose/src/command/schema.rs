//! `mkx-compose schema|completions|man`: what the tool says about itself.

use clap::CommandFactory;
use mkx_contract::schema::Schemas;
use mkx_contract::{Answer, Result, Site, output};

use crate::audit::Audit;
use crate::change::Change;
use crate::containers::{Containers, Stats};
use crate::env::check::EnvCheck;
use crate::env::diff::EnvDiff;
use crate::graph::Graph;
use crate::limits::Limits;
use crate::replace::Files;
use crate::rules::Explanation;

/// Prints the JSON Schema of every record that the tool reads or writes.
pub fn run() -> Result<Answer> {
    let schemas = Schemas::default()
        .reads::<Site>()
        .writes::<Site>()
        .writes::<Files>()
        .writes::<Audit>()
        .writes::<Explanation>()
        .writes::<EnvCheck>()
        .writes::<EnvDiff>()
        .writes::<Limits>()
        .writes::<Graph>()
        .writes::<Change>()
        .writes::<Containers>()
        .writes::<Stats>();
    output::stdout().json(&schemas.document())?;
    Ok(Answer::Yes)
}

/// Prints the completions of a shell.
pub fn completions(shell: clap_complete::Shell) -> Result<Answer> {
    let mut script = Vec::new();
    let mut command = super::Arguments::command();
    clap_complete::generate(shell, &mut command, "mkx-compose", &mut script);
    print(&script)
}

/// Prints the manual page.
pub fn manual() -> Result<Answer> {
    let mut page = Vec::new();
    clap_mangen::Man::new(super::Arguments::command())
        .render(&mut page)
        .expect("a vector takes everything");
    print(&page)
}

fn print(text: &[u8]) -> Result<Answer> {
    let mut stdout = output::stdout();
    stdout.text(&String::from_utf8_lossy(text))?;
    stdout.flush()?;
    Ok(Answer::Yes)
}
