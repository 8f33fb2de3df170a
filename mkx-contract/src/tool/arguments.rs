//! The options that every tool has.

use std::path::PathBuf;

use clap::Args;

use crate::Result;
use crate::record::site::Site;
use crate::tool::{site, step, voice};

/// `--site` and `--quiet`, flattened into each tool's arguments.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The site document; `-` is stdin [default: site.json here or in a parent folder]
    #[arg(long, global = true, value_name = "FILE", env = "MKX_SITE")]
    pub site: Option<PathBuf>,

    /// Say nothing on stderr but errors
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// The id of the open flip that this belongs to
    #[arg(
        long,
        global = true,
        value_name = "ID",
        env = "MKX_PART_OF",
        hide_short_help = true
    )]
    part_of: Option<String>,
}

impl Common {
    /// Applies `--quiet` and `--part-of`.
    pub fn apply(&self) {
        voice::quiet(self.quiet);
        if let Some(id) = &self.part_of {
            step::set_part_of(id);
        }
    }

    /// Finds, reads and validates the site document.
    pub fn site(&self) -> Result<Site> {
        site::find(self.site.as_deref())
    }

    /// The same for a verb that can do without one: one that is named must be there.
    pub fn site_if_any(&self) -> Result<Option<Site>> {
        site::find_if_any(self.site.as_deref())
    }
}
