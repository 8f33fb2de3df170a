//! A seeded production database of true Makapix shape.
//!
//! Every table is written by a function of its own, in constant memory, as rows that COPY reads;
//! what one table says of another's rows is computed again rather than remembered.

mod blog;
pub mod canary;
pub mod classes;
mod devices;
pub mod files;
mod global;
mod lists;
mod load;
mod logins;
mod moderation;
mod people;
mod posts;
mod rows;
mod social;
mod statistics;
pub mod vault;
mod words;
pub mod world;

pub use load::{Loaded, load};
pub use rows::Rows;
pub use world::{Spec, World};

use std::io::{self, Write};

/// One table: its name, the columns that are written, and the function that writes them.
#[derive(Debug)]
pub struct Table {
    /// The table's name.
    pub name: &'static str,
    /// The columns, as COPY wants them.
    pub columns: &'static str,
    rows: fn(&World, &mut Rows),
}

impl Table {
    /// Writes all rows; how many there are.
    pub fn write(&self, world: &World, out: &mut dyn Write) -> io::Result<u64> {
        let mut rows = Rows::new(out, self.columns.split(',').count());
        (self.rows)(world, &mut rows);
        rows.finish()
    }
}

macro_rules! tables {
    ($($module:ident :: $name:ident, $columns:ident;)*) => {
        /// All tables, those with the most rows first.
        pub const TABLES: &[Table] = &[$(Table {
            name: stringify!($name),
            columns: $module::$columns,
            rows: $module::$name,
        }),*];
    };
}

tables! {
    statistics::view_events, VIEW_EVENTS;
    social::social_notifications, SOCIAL_NOTIFICATIONS;
    social::reactions, REACTIONS;
    statistics::post_stats_daily, POST_STATS_DAILY;
    posts::posts, POSTS;
    posts::post_files, POST_FILES;
    people::follows, FOLLOWS;
    statistics::site_events, SITE_EVENTS;
    social::comments, COMMENTS;
    people::users, USERS;
    statistics::download_stats_daily, DOWNLOAD_STATS_DAILY;
    social::comment_likes, COMMENT_LIKES;
    logins::auth_identities, AUTH_IDENTITIES;
    logins::refresh_tokens, REFRESH_TOKENS;
    statistics::post_stats_cache, POST_STATS_CACHE;
    lists::playlist_items, PLAYLIST_ITEMS;
    statistics::vault_sharding_stats_daily, VAULT_SHARDING_STATS_DAILY;
    people::category_follows, CATEGORY_FOLLOWS;
    devices::player_command_logs, PLAYER_COMMAND_LOGS;
    moderation::reports, REPORTS;
    blog::blog_post_view_events, BLOG_POST_VIEW_EVENTS;
    lists::user_highlights, USER_HIGHLIGHTS;
    logins::email_verification_tokens, EMAIL_VERIFICATION_TOKENS;
    posts::post_lineage, POST_LINEAGE;
    blog::blog_post_stats_daily, BLOG_POST_STATS_DAILY;
    blog::blog_post_reactions, BLOG_POST_REACTIONS;
    moderation::audit_logs, AUDIT_LOGS;
    people::reputation_history, REPUTATION_HISTORY;
    people::badge_grants, BADGE_GRANTS;
    blog::blog_post_comments, BLOG_POST_COMMENTS;
    logins::password_reset_tokens, PASSWORD_RESET_TOKENS;
    devices::players, PLAYERS;
    devices::player_tokens, PLAYER_TOKENS;
    lists::playlist_posts, PLAYLIST_POSTS;
    lists::playlists, PLAYLISTS;
    people::user_blocks, USER_BLOCKS;
    lists::batch_download_requests, BATCH_DOWNLOAD_REQUESTS;
    blog::blog_posts, BLOG_POSTS;
    moderation::admin_notes, ADMIN_NOTES;
    moderation::violations, VIOLATIONS;
    statistics::site_stats_daily, SITE_STATS_DAILY;
    posts::retired_artworks, RETIRED_ARTWORKS;
    global::licenses, LICENSES;
    global::badge_definitions, BADGE_DEFINITIONS;
    global::rollup_watermarks, ROLLUP_WATERMARKS;
    global::alembic_version, ALEMBIC_VERSION;
}
