//! What people see while long work goes on: a bar on a terminal, nothing elsewhere.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::voice;

/// How a bar with a known end looks.
const COUNTED: &str = "{prefix:32} {bar:24} {pos}/{len} {msg}";

/// Bars, one below the other.
#[derive(Debug, Default)]
pub struct Bars {
    all: Option<MultiProgress>,
}

impl Bars {
    /// Bars on a terminal; none elsewhere, and none with `--quiet`.
    pub fn new() -> Bars {
        Bars {
            all: voice::draws_progress().then(MultiProgress::new),
        }
    }

    /// A bar that is full at `length`; it goes away when it is dropped.
    pub fn bar(&self, name: &str, length: u64) -> Bar {
        Bar(self.all.as_ref().map(|all| {
            let style = ProgressStyle::with_template(COUNTED).expect("the template is right");
            let bar = all.add(ProgressBar::new(length).with_style(style));
            bar.set_prefix(name.to_owned());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        }))
    }
}

/// One bar.
#[derive(Debug)]
pub struct Bar(Option<ProgressBar>);

impl Bar {
    /// So much more is done.
    pub fn advance(&self, by: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(by);
        }
    }

    /// What stands behind the bar.
    pub fn say(&self, message: impl FnOnce() -> String) {
        if let Some(bar) = &self.0 {
            bar.set_message(message());
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
