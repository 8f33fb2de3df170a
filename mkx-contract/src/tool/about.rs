//! What a tool says about itself to a shell and to `man`.

use clap::{CommandFactory, Subcommand};

use crate::tool::output;
use crate::{Answer, Result};

/// The verbs; each tool flattens them into its own.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum About {
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

impl About {
    /// Prints what was asked for of the tool with these arguments.
    ///
    /// # Errors
    /// As writing to stdout.
    pub fn run<Arguments: CommandFactory>(self) -> Result<Answer> {
        let mut command = Arguments::command();
        let mut text = Vec::new();
        match self {
            About::Completions { shell } => {
                let name = command.get_name().to_owned();
                clap_complete::generate(shell, &mut command, name, &mut text);
            }
            About::Man => clap_mangen::Man::new(command)
                .render(&mut text)
                .expect("a vector takes everything"),
        }
        let mut stdout = output::stdout();
        stdout.text(&String::from_utf8_lossy(&text))?;
        stdout.flush()?;
        Ok(Answer::Yes)
    }
}
