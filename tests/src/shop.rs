//! A small shop beside Makapix: production's database of another application, with what Makapix's
//! schema lacks, and the site document and policy for it.

use crate::site::Site;
use crate::tool::Tool;

/// Its tables and rows.
pub const SCHEMA: &str = include_str!("../shop/schema.sql");
const SCHEMAS: &str = "shop, \"odd Name\"";
/// The policy for them.
pub const POLICY: &str = include_str!("../shop/policy.json");

/// Both servers: production holds the shop, development an empty database.
pub fn open() -> Site {
    Site::of_application(SCHEMA, SCHEMAS, POLICY)
}

/// Puts the shop into an empty production, but for its extension, which not every server has.
pub fn open_plain(site: &Site) {
    let lines = SCHEMA.lines();
    let plain = lines.filter(|line| !line.starts_with("CREATE EXTENSION"));
    site.hold(&plain.collect::<Vec<_>>().join("\n"), SCHEMAS, POLICY);
}

/// `mkx-sample` with this site and these arguments.
pub fn sample(site: &Site, arguments: &[&str]) -> Tool {
    Tool::new("mkx-sample")
        .directory(site.folder())
        .args(["--site", "site.json"])
        .args(arguments)
}
