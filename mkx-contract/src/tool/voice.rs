//! What people read on stderr: notes, warnings, the error and its hint.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Failure;

static TOOL: OnceLock<&'static str> = OnceLock::new();
static QUIET: AtomicBool = AtomicBool::new(false);

/// Sets the tool's name that stands in front of every message.
pub fn name(tool: &'static str) {
    let _ = TOOL.set(tool);
}

/// The tool's name.
pub fn tool() -> &'static str {
    TOOL.get().copied().unwrap_or("mkx")
}

/// Silences everything but errors (`--quiet`).
pub fn quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// True where `--quiet` was given.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// True where progress bars may be drawn: stderr is a terminal and `--quiet` was not given.
pub fn draws_progress() -> bool {
    std::io::stderr().is_terminal() && !is_quiet()
}

/// True where a question may be asked: stdin and stderr are both terminals.
pub fn may_prompt() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Says what is happening.
pub fn say(message: impl AsRef<str>) {
    if !is_quiet() {
        write("", message.as_ref());
    }
}

/// Says what the user should know although the work goes on.
pub fn warn(message: impl AsRef<str>) {
    if !is_quiet() {
        write("warning: ", message.as_ref());
    }
}

/// Says why the tool stops, and the hint.
pub fn error(failure: &Failure) {
    write("error: ", &failure.message);
    if let Some(hint) = &failure.hint {
        write("hint: ", hint);
    }
}

/// A closed stderr is no reason to stop: the exit code still tells.
fn write(label: &str, message: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}: {label}{message}", tool());
}

/// Text on a terminal's stdout that stands out; NO_COLOR (no-color.org) is honoured.
pub fn bold(text: &str) -> String {
    styled(text, "1")
}

/// Text on a terminal's stdout that says: this is wrong.
pub fn red(text: &str) -> String {
    styled(text, "31")
}

/// Text on a terminal's stdout that says: look at this.
pub fn yellow(text: &str) -> String {
    styled(text, "33")
}

fn styled(text: &str, code: &str) -> String {
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if is_plain || !std::io::stdout().is_terminal() {
        text.to_owned()
    } else {
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
