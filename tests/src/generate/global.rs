//! The sets that every environment has in full: licences, badges, the schema's revision, how far
//! the roll-ups are.

use super::rows::Rows;
use super::world::{DAY, NOW, OPENED, World};

/// Columns of `alembic_version`.
pub const ALEMBIC_VERSION: &str = "version_num";

/// The row of `alembic_version`.
pub fn alembic_version(_: &World, rows: &mut Rows) {
    rows.text("d4e5f6a7b8c9").end();
}

/// Columns of `badge_definitions`.
pub const BADGE_DEFINITIONS: &str =
    "id, badge, label, description, icon_url_64, icon_url_16, is_tag_badge, created_at";

/// Rows of `badge_definitions`.
pub fn badge_definitions(_: &World, rows: &mut Rows) {
    for (badge, label, tag) in [
        ("early-bird", "Early bird", true),
        ("contest", "Contest winner", true),
        ("supporter", "Supporter", false),
        ("moderator", "Moderator", true),
    ] {
        rows.int(rows.next_id()).text(badge).text(label);
        rows.opt((badge != "moderator").then_some("Given by hand"));
        rows.text(&format!("/badges/{badge}_64.png"));
        rows.opt(tag.then(|| format!("/badges/{badge}_16.png")));
        rows.bool(tag).time(OPENED).end();
    }
}

/// Columns of `licenses`.
pub const LICENSES: &str = "id, identifier, title, canonical_url, badge_path, created_at";

/// Rows of `licenses`.
pub fn licenses(_: &World, rows: &mut Rows) {
    for (id, name) in (1..).zip([
        "by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd", "zero", "arr",
    ]) {
        rows.int(id)
            .text(&format!("CC-{}-4.0", name.to_uppercase()));
        rows.text(&format!("Creative Commons {name}"));
        rows.text(&format!("https://creativecommons.org/licenses/{name}/4.0/"));
        rows.text(&format!("/licenses/{name}.svg"))
            .time(OPENED)
            .end();
    }
}

/// Columns of `rollup_watermarks`.
pub const ROLLUP_WATERMARKS: &str = "name, value_date, updated_at";

/// Rows of `rollup_watermarks`.
pub fn rollup_watermarks(_: &World, rows: &mut Rows) {
    for name in ["view_events", "site_events"] {
        rows.text(name).date(NOW - DAY).time(NOW).end();
    }
}
