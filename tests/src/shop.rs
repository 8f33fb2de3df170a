//! A small shop beside Makapix: production's database of another application, with what Makapix's
//! schema lacks, and the site document and policy for it.

use crate::postgres_server::roles;
use crate::site::{DATABASE, Site};
use crate::tool::Tool;

const SCHEMA: &str = include_str!("../shop/schema.sql");
const POLICY: &str = include_str!("../shop/policy.json");

/// What a reader needs in the shop's schemas.
const READER: &str = "
    GRANT USAGE ON SCHEMA shop, \"odd Name\" TO mkx_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA shop, \"odd Name\" TO mkx_reader;
    GRANT SELECT ON ALL SEQUENCES IN SCHEMA shop, \"odd Name\" TO mkx_reader;";

/// Both servers: production holds the shop, development an empty database.
pub fn open() -> Site {
    let site = Site::empty();
    let mut production = site.ea.client(DATABASE);
    production
        .batch_execute(SCHEMA)
        .and_then(|()| production.batch_execute(READER))
        .expect("the shop's schema is right");
    assert_eq!(roles::READER, "mkx_reader");
    std::fs::write(site.path("policy.json"), POLICY).expect("the site's folder is ours");
    site
}

/// `mkx-sample` with this site and these arguments.
pub fn sample(site: &Site, arguments: &[&str]) -> Tool {
    Tool::new("mkx-sample")
        .directory(site.folder())
        .args(["--site", "site.json"])
        .args(arguments)
}
