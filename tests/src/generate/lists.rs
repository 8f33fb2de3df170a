//! Lists of posts: playlists in both their forms, highlights, batch downloads.

use super::posts::{is_playlist, post};
use super::rows::Rows;
use super::words::{name, public_text, title};
use super::world::{DAY, NOW, World, chance, sqid};
use std::collections::HashSet;

/// Columns of `playlist_posts`.
pub const PLAYLIST_POSTS: &str = "post_id, legacy_playlist_id";

/// Rows of `playlist_posts`: one for every post of kind playlist.
pub fn playlist_posts(world: &World, rows: &mut Rows) {
    for place in (0..world.posts).filter(|place| is_playlist(*place)) {
        let legacy = place / 33;
        rows.int(world.post_id(place));
        rows.opt_uuid((legacy % 4 == 1).then(|| world.uuid("playlists", legacy)))
            .end();
    }
}

/// Columns of `playlist_items`.
pub const PLAYLIST_ITEMS: &str =
    "id, playlist_post_id, artwork_post_id, position, dwell_time_ms, created_at";

/// Rows of `playlist_items`; the artworks are usually somebody else's.
pub fn playlist_items(world: &World, rows: &mut Rows) {
    for place in (0..world.posts).filter(|place| is_playlist(*place)) {
        let list = post(world, place);
        let mut rng = world.rng("playlist_items", place);
        for position in 0..rng.u64(1..24) {
            let other = rng.u64(0..world.posts);
            let other = if is_playlist(other) { other - 1 } else { other };
            rows.int(rows.next_id())
                .int(list.id)
                .int(world.post_id(other));
            rows.int(position as i64)
                .int(30_000)
                .time(list.created + 1)
                .end();
        }
    }
}

/// Columns of `playlists`.
pub const PLAYLISTS: &str = "id, owner_id, title, description, post_ids, visible, \
    hidden_by_user, hidden_by_mod, created_at, updated_at";

/// Rows of `playlists`, the table before playlists were posts; the ids in its arrays may dangle.
pub fn playlists(world: &World, rows: &mut Rows) {
    for list in 0..world.posts / 33 {
        let mut rng = world.rng("playlists", list);
        let owner = world.somebody(&mut rng);
        let created = world.user_created(owner) + 3600;
        let posts: Vec<i64> = (0..rng.u64(0..12))
            .map(|_| {
                let place = rng.u64(0..world.posts);
                if chance(&mut rng, 0.1) {
                    world.missing_post_id(place)
                } else {
                    world.post_id(place)
                }
            })
            .collect();
        rows.uuid(world.uuid("playlists", list))
            .int(world.user_id(owner));
        rows.text(&title(&mut rng));
        let text = public_text(world, &mut rng, ("playlists", "description"), list, 0.05);
        rows.opt((list % 3 != 2).then_some(text)).ints(&posts);
        rows.bool(list % 10 != 3)
            .bool(list % 12 == 4)
            .bool(list % 40 == 9);
        rows.time(created).null().end();
    }
}

/// Columns of `user_highlights`.
pub const USER_HIGHLIGHTS: &str = "id, user_id, post_id, position, created_at";

/// Rows of `user_highlights`.
pub fn user_highlights(world: &World, rows: &mut Rows) {
    for user in (0..world.users).step_by(8) {
        let mut rng = world.rng("user_highlights", user);
        let mut seen = HashSet::new();
        for position in 0..rng.i64(1..5) {
            let place = rng.u64(0..world.posts);
            if seen.insert(place) {
                rows.int(rows.next_id())
                    .int(world.user_id(user))
                    .int(world.post_id(place));
                rows.int(position).time(NOW - position * DAY).end();
            }
        }
    }
}

/// Columns of `batch_download_requests`.
pub const BATCH_DOWNLOAD_REQUESTS: &str = "id, user_id, post_ids, include_comments, \
    include_reactions, send_email, status, error_message, file_path, file_size_bytes, \
    artwork_count, created_at, started_at, completed_at, expires_at";

/// Rows of `batch_download_requests`; one status occurs once only.
pub fn batch_download_requests(world: &World, rows: &mut Rows) {
    let table = "batch_download_requests";
    let step = (world.posts / 40).clamp(1, 60) as usize;
    for place in (1..world.posts).step_by(step) {
        let n = rows.count();
        let of = post(world, place);
        let key = world.uuid(table, n);
        let status = match n {
            2 => "expired",
            _ if n % 6 == 4 => "failed",
            _ if n % 6 == 5 => "pending",
            _ => "ready",
        };
        let ready = status == "ready" || status == "expired";
        rows.uuid(key).int(world.user_id(of.owner));
        rows.ints(&[of.id, world.missing_post_id(place)]);
        rows.bool(n % 2 == 0)
            .bool(n % 3 == 0)
            .bool(n % 2 == 1)
            .text(status);
        rows.opt((status == "failed").then(|| {
            world.private(table, "error_message", n, || {
                format!(
                    "[Errno 28] no space left for {}",
                    name(&mut world.rng(table, n))
                )
            })
        }));
        rows.opt(ready.then(|| {
            let owner = sqid(world.user_id(of.owner));
            if world.canary_row(n) {
                format!("bdr/{owner}/CANARY-{table}-file_path-{n}.zip")
            } else {
                format!("bdr/{owner}/{key}.zip")
            }
        }));
        rows.opt_int(ready.then_some(20_000)).int(2);
        let created = NOW - (n % 12) as i64 * DAY;
        rows.time(created)
            .opt_time((status != "pending").then_some(created + 60));
        rows.opt_time(ready.then_some(created + 90));
        rows.opt_time(ready.then_some(created + 7 * DAY)).end();
    }
}
