//! Views, and what is counted from them.

use super::devices::{owner, player_id};
use super::posts::{is_playlist, post};
use super::rows::Rows;
use super::words::{COUNTRIES, DEVICES, HASHTAGS};
use super::world::{DAY, NOW, World, between, chance, sqid};
use fastrand::Rng;
use serde_json::json;

/// A count by country, as JSON.
pub fn by_country(rng: &mut Rng, of: i64) -> String {
    let first = rng.usize(..COUNTRIES.len());
    let second = (first + 1 + rng.usize(..COUNTRIES.len() - 1)) % COUNTRIES.len();
    let part = rng.i64(0..of + 1);
    format!(
        r#"{{"{}": {part}, "{}": {}}}"#,
        COUNTRIES[first],
        COUNTRIES[second],
        of - part
    )
}

/// A count by device, as JSON.
pub fn by_device(rng: &mut Rng, of: i64) -> String {
    let part = rng.i64(0..of + 1);
    format!(r#"{{"desktop": {part}, "mobile": {}}}"#, of - part)
}

/// Columns of `view_events`.
pub const VIEW_EVENTS: &str = "id, post_id, viewer_user_id, viewer_ip_hash, country_code, \
    device_type, view_source, view_type, user_agent_hash, referrer_domain, player_id, \
    local_datetime, local_timezone, play_order, channel, channel_context, created_at";

/// Rows of `view_events`: the last week's, by people, strangers and devices.
pub fn view_events(world: &World, rows: &mut Rows) {
    let table = "view_events";
    for place in 0..world.posts {
        let mut rng = world.rng(table, place);
        let id = world.post_id(place);
        for _ in 0..world.times(&mut rng, 11.4 * world.popularity(place)) {
            let n = rows.count();
            let user = world.somebody(&mut rng);
            let device = (n % 6 == 3).then(|| rng.u64(0..world.players));
            let viewer = match device {
                Some(device) => owner(world, device),
                None => chance(&mut rng, 0.35).then_some(user),
            };
            rows.uuid(world.uuid(table, n)).int(id);
            rows.opt_int(viewer.map(|viewer| world.user_id(viewer)));
            rows.text(&world.private_hash(table, "viewer_ip_hash", n, user));
            rows.opt(world.private_country(&mut rng, n));
            rows.text(if device.is_some() {
                "player"
            } else {
                DEVICES[rng.usize(..3)]
            });
            rows.text(if device.is_some() {
                "player"
            } else {
                ["web", "widget"][rng.usize(..2)]
            });
            rows.text(["intentional", "listing", "search"][rng.usize(..3)]);
            rows.opt(
                (n % 7 != 6).then(|| world.private_hash(table, "user_agent_hash", n, user % 50)),
            );
            rows.opt((n % 11 == 1).then_some("duckduckgo.com"));
            rows.opt_uuid(device.map(|device| player_id(world, device)));
            let when = between(&mut rng, NOW - 7 * DAY, NOW);
            match device {
                Some(_) => device_columns(world, rows, n / 6, when),
                None => {
                    rows.null().null().null().null().null();
                }
            }
            rows.time(when).end();
        }
    }
}

fn device_columns(world: &World, rows: &mut Rows, n: u64, when: i64) {
    rows.text(&world.private("view_events", "local_datetime", n, || {
        let local =
            jiff::Timestamp::from_second(when + 7200).expect("generated times are in range");
        local.to_string().replace('Z', "+02:00")
    }));
    rows.text(&world.private("view_events", "local_timezone", n, || {
        "Europe/Berlin".into()
    }));
    rows.int((n % 3) as i64);
    match n % 3 {
        0 => rows.text("all").null(),
        1 => rows
            .text("by_user")
            .text(&sqid(world.user_id(n % world.users))),
        _ => rows.text("hashtag").text(HASHTAGS[(n % 14) as usize]),
    };
}

/// Columns of `post_stats_daily`.
pub const POST_STATS_DAILY: &str = "id, post_id, date, total_views, unique_viewers, \
    views_by_country, views_by_device, views_by_type, total_views_authenticated, \
    unique_viewers_authenticated, views_by_country_authenticated, views_by_device_authenticated, \
    views_by_type_authenticated, created_at, total_impressions, total_impressions_authenticated";

/// Rows of `post_stats_daily`.
pub fn post_stats_daily(world: &World, rows: &mut Rows) {
    for place in 0..world.posts {
        let mut rng = world.rng("post_stats_daily", place);
        let days = world
            .times(&mut rng, 4.0 * world.popularity(place))
            .min(300);
        for day in 1..=days as i64 {
            let views = rng.i64(1..40);
            let known = views / 3;
            rows.int(rows.next_id())
                .int(world.post_id(place))
                .date(NOW - day * DAY);
            rows.int(views).int(views / 2 + 1);
            rows.text(&by_country(&mut rng, views))
                .text(&by_device(&mut rng, views));
            rows.text(&format!(r#"{{"intentional": {views}}}"#))
                .int(known)
                .int(known);
            rows.text(&by_country(&mut rng, known))
                .text(&by_device(&mut rng, known))
                .text("{}");
            rows.time(NOW - (day - 1) * DAY)
                .int(views * 9)
                .int(known * 9)
                .end();
        }
    }
}

/// Columns of `post_stats_cache`.
pub const POST_STATS_CACHE: &str = "id, post_id, stats_json, computed_at, expires_at";

/// Rows of `post_stats_cache`.
pub fn post_stats_cache(world: &World, rows: &mut Rows) {
    for place in (0..world.posts).filter(|place| place % 2 == 1) {
        let mut rng = world.rng("post_stats_cache", place);
        let views = rng.i64(0..5_000);
        rows.int(rows.next_id()).int(world.post_id(place));
        rows.text(&format!(
            r#"{{"total_views": {views}, "by_country": {}}}"#,
            by_country(&mut rng, views)
        ));
        rows.time(NOW - 900).time(NOW + 2700).end();
    }
}

/// Columns of `download_stats_daily`.
pub const DOWNLOAD_STATS_DAILY: &str =
    "id, post_id, date, downloads_human, downloads_bot, updated_at";

/// Rows of `download_stats_daily`.
pub fn download_stats_daily(world: &World, rows: &mut Rows) {
    for place in (0..world.posts).filter(|place| !is_playlist(*place)) {
        let mut rng = world.rng("download_stats_daily", place);
        for day in 1..=world
            .times(&mut rng, 1.6 * world.popularity(place))
            .min(300) as i64
        {
            rows.int(rows.next_id())
                .int(world.post_id(place))
                .date(NOW - day * DAY);
            rows.int(rng.i64(0..90))
                .int(rng.i64(0..400))
                .time(NOW - (day - 1) * DAY)
                .end();
        }
    }
}

/// Columns of `site_events`.
pub const SITE_EVENTS: &str = "id, event_type, page_path, visitor_ip_hash, user_id, device_type, \
    country_code, referrer_domain, event_data, created_at";

/// Rows of `site_events`: the last week's; one type occurs once only.
pub fn site_events(world: &World, rows: &mut Rows) {
    let table = "site_events";
    for n in 0..world.users * 3 {
        let mut rng = world.rng(table, n);
        let user = world.somebody(&mut rng);
        let kind = match n % 10 {
            _ if n == 17 => "upload_quota_reached",
            0..6 => "page_view",
            6 => "api_call",
            7 => "login",
            8 => "error",
            _ => "signup",
        };
        rows.uuid(world.uuid(table, n)).text(kind);
        rows.opt((n % 9 != 5).then(|| {
            let path = format!("/u/{}", sqid(world.user_id(user)));
            world.private(table, "page_path", n, || path)
        }));
        rows.text(&world.private_hash(table, "visitor_ip_hash", n, user));
        rows.opt_int(chance(&mut rng, 0.4).then(|| world.user_id(user)));
        rows.text(DEVICES[rng.usize(..DEVICES.len())]);
        rows.opt(world.private_country(&mut rng, n));
        rows.opt((n % 12 == 1).then_some("news.ycombinator.com"));
        rows.opt((kind == "error").then(|| {
            let shown = post(world, n % world.posts);
            let text = world.private(table, "event_data", n, || format!("no post {}", shown.id));
            json!({"client_path": format!("/p/{}", sqid(shown.id)), "error": text}).to_string()
        }));
        rows.time(between(&mut rng, NOW - 7 * DAY, NOW)).end();
    }
}

/// Columns of `site_stats_daily`.
pub const SITE_STATS_DAILY: &str = "id, date, total_page_views, unique_visitors, new_signups, \
    new_posts, total_api_calls, total_errors, views_by_page, views_by_country, views_by_device, \
    errors_by_type, top_referrers, created_at, total_player_views, active_players, \
    views_by_player, authenticated_page_views, authenticated_unique_visitors, \
    authenticated_views_by_page, authenticated_views_by_country, authenticated_views_by_device, \
    authenticated_top_referrers";

/// Rows of `site_stats_daily`: one a day since the site opened.
pub fn site_stats_daily(world: &World, rows: &mut Rows) {
    for day in (1..=(NOW - super::world::OPENED) / DAY).rev() {
        let n = rows.count();
        let mut rng = world.rng("site_stats_daily", n);
        let views = rng.i64(100..9_000);
        rows.int(rows.next_id())
            .date(NOW - day * DAY)
            .int(views)
            .int(views / 5)
            .int(3)
            .int(7);
        rows.int(views * 4)
            .int(views / 200)
            .text(&format!(r#"{{"/": {views}}}"#));
        rows.text(&by_country(&mut rng, views))
            .text(&by_device(&mut rng, views));
        rows.text(r#"{"404": 12}"#).text(r#"{"duckduckgo.com": 4}"#);
        rows.time(NOW - (day - 1) * DAY).int(40).int(2);
        let player = world.private("site_stats_daily", "views_by_player", n, || {
            "kitchen panel".into()
        });
        rows.text(&json!({player: 40}).to_string())
            .int(views / 3)
            .int(views / 9);
        rows.text(&format!(r#"{{"/": {}}}"#, views / 3))
            .text(&by_country(&mut rng, views / 3));
        rows.text(&by_device(&mut rng, views / 3)).text("{}").end();
    }
}

/// Columns of `vault_sharding_stats_daily`.
pub const VAULT_SHARDING_STATS_DAILY: &str = "id, date, asset_class, shard_level, post_id, \
    downloads_human, downloads_bot, misses, updated_at";

/// Rows of `vault_sharding_stats_daily`: six a day for the whole site, others for a post.
pub fn vault_sharding_stats_daily(world: &World, rows: &mut Rows) {
    for day in 1..=60 {
        for asset in ["artwork", "avatar", "upscaled"] {
            for level in [2, 3] {
                rows.int(rows.next_id())
                    .date(NOW - day * DAY)
                    .text(asset)
                    .int(level)
                    .null();
                rows.int(day * 31 % 977)
                    .int(day * 57 % 499)
                    .int(day % 3)
                    .time(NOW)
                    .end();
            }
        }
    }
    for place in (1..world.posts).step_by(4) {
        let day = (place % 60) as i64 + 1;
        rows.int(rows.next_id())
            .date(NOW - day * DAY)
            .text("artwork")
            .int(3);
        rows.int(world.post_id(place))
            .int(3)
            .int(9)
            .int(0)
            .time(NOW)
            .end();
    }
}
