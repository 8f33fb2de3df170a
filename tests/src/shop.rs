//! A small shop beside Makapix: production's database of another application, with what Makapix's
//! schema lacks, and the site document and policy for it.

use crate::site::Site;
use crate::tool::Tool;

const SCHEMA: &str = include_str!("../shop/schema.sql");
const POLICY: &str = include_str!("../shop/policy.json");

/// Both servers: production holds the shop, development an empty database.
pub fn open() -> Site {
    Site::of_application(SCHEMA, "shop, \"odd Name\"", POLICY)
}

/// `mkx-sample` with this site and these arguments.
pub fn sample(site: &Site, arguments: &[&str]) -> Tool {
    Tool::new("mkx-sample")
        .directory(site.folder())
        .args(["--site", "site.json"])
        .args(arguments)
}
