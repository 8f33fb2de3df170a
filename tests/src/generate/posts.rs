//! Posts (artworks and playlists), their files and their ancestry.

use super::files;
use super::rows::Rows;
use super::words::{HASHTAGS, public_text, title};
use super::world::{DAY, IMPORTER, NOW, World, between, chance, pick, sqid};
use serde_json::json;
use uuid::Uuid;

/// What other tables need to know of a post.
#[derive(Debug)]
pub struct Post {
    /// Its key.
    pub id: i64,
    /// Whose it is.
    pub owner: u64,
    /// When it was uploaded.
    pub created: i64,
    /// The name of its files.
    pub key: Uuid,
    /// The folder of its files; none for a playlist.
    pub shard: Option<String>,
    /// The format that was uploaded.
    pub native: &'static str,
    /// Its title.
    pub title: String,
    /// Deleted by its owner, not yet purged.
    pub deleted: bool,
    /// Hidden by its owner.
    pub hidden_by_user: bool,
    /// Hidden by a moderator.
    pub hidden_by_mod: bool,
    /// Not visible for another reason.
    pub invisible: bool,
}

impl Post {
    /// Whether it is a list of other posts.
    pub fn is_playlist(&self) -> bool {
        self.shard.is_none()
    }

    /// Whether everybody may see it.
    pub fn is_public(&self) -> bool {
        !(self.deleted || self.hidden_by_user || self.hidden_by_mod || self.invisible)
    }

    /// The absolute URL of the uploaded file.
    pub fn art_url(&self, world: &World) -> Option<String> {
        let shard = self.shard.as_ref()?;
        Some(world.vault_url(&format!("{shard}/{}.{}", self.key, self.native)))
    }
}

/// Whether a post is a playlist: one in 33.
pub fn is_playlist(post: u64) -> bool {
    post % 33 == 5
}

/// A post by its place.
pub fn post(world: &World, post: u64) -> Post {
    let mut rng = world.rng("posts", post);
    let owner = if chance(&mut rng, world.spec.import_share) && !is_playlist(post) {
        IMPORTER
    } else {
        world.somebody(&mut rng)
    };
    let key = world.uuid("storage_key", post);
    let age = (NOW - super::world::OPENED - 3 * DAY) as u64 * post / world.posts;
    let created = (super::world::OPENED + age as i64).max(world.user_created(owner) + 60);
    let shard = match rng.u8(0..10) {
        _ if is_playlist(post) => None,
        0..3 => Some(files::legacy_shard(key)),
        _ => Some(files::shard(key)),
    };
    let state = world.hash("state", post) % 100;
    Post {
        id: world.post_id(post),
        owner,
        created,
        key,
        shard,
        native: pick(
            &mut rng,
            &["png", "png", "png", "gif", "gif", "webp", "bmp"],
        ),
        title: if post == 12 && world.spec.canaries {
            super::words::contact(world, &mut rng, ("posts", "title"), post, 0)
        } else if post % 1_000 == 21 {
            "長い題名".repeat(32)
        } else {
            title(&mut rng)
        },
        deleted: (5..8).contains(&state),
        hidden_by_user: state < 3,
        hidden_by_mod: state == 3 || state == 4,
        invisible: state == 8,
    }
}

/// The files of a post: format, size in bytes, whether it is the uploaded one.
pub fn files_of(world: &World, post: u64, of: &Post) -> Vec<(&'static str, usize, bool)> {
    if of.is_playlist() {
        return Vec::new();
    }
    let mut rng = world.rng("post_files", post);
    let place = rng.f64();
    let size = 500 + (14_500.0 * place * place * place) as usize;
    let mut list = vec![(of.native, size, true)];
    if chance(&mut rng, 0.12) {
        return list;
    }
    let variants: &[&str] = if of.native == "gif" {
        &["webp"]
    } else {
        &["png", "gif", "webp", "bmp"]
    };
    for variant in variants.iter().filter(|format| **format != of.native) {
        list.push((variant, size * rng.usize(60..180) / 100 + 40, false));
    }
    list
}

/// Columns of `posts`.
pub const POSTS: &str = "id, storage_key, storage_shard, public_sqid, kind, owner_id, title, \
    description, hashtags, art_url, width, height, base, size, frame_count, \
    min_frame_duration_ms, max_frame_duration_ms, unique_colors, transparency_meta, alpha_meta, \
    transparency_actual, alpha_actual, hash, visible, hidden_by_user, hidden_by_mod, \
    non_conformant, public_visibility, deleted_by_user, deleted_by_user_date, promoted, \
    promoted_category, created_at, updated_at, metadata_modified_at, artwork_modified_at, \
    dwell_time_ms, license_id, mkpx_file_bytes, mkpx_attached_at, mod_hashtags, \
    total_duration_ms, view_count, upload_channel, creation_method, source_details, remixable";

/// Rows of `posts`.
pub fn posts(world: &World, rows: &mut Rows) {
    for place in 0..world.posts {
        let of = post(world, place);
        let mut rng = world.rng("posts-more", place);
        let art = !of.is_playlist();
        rows.int(of.id).uuid(of.key).opt(of.shard.as_deref());
        rows.text(&sqid(of.id))
            .text(if art { "artwork" } else { "playlist" });
        rows.int(world.user_id(of.owner)).text(&of.title);
        let described = chance(&mut rng, 0.4);
        rows.opt(
            described.then(|| public_text(world, &mut rng, ("posts", "description"), place, 0.03)),
        );
        let first = rng.usize(..HASHTAGS.len());
        let tags: Vec<&str> = (0..rng.usize(0..4))
            .map(|next| HASHTAGS[(first + next) % HASHTAGS.len()])
            .collect();
        rows.texts(&tags).opt(of.art_url(world));
        let edge = [8, 16, 32, 64, 128, 256][rng.usize(..6)];
        let frames = if art && of.native == "gif" {
            rng.i64(2..40)
        } else {
            1
        };
        let shape = art.then_some(edge);
        rows.opt_int(shape)
            .opt_int(shape)
            .opt_int(shape)
            .opt_int(shape);
        rows.int(frames);
        rows.opt_int((frames > 1).then_some(40))
            .opt_int((frames > 1).then_some(120));
        rows.opt_int(art.then(|| rng.i64(2..200)));
        let clear = art && chance(&mut rng, 0.3);
        rows.bool(clear)
            .bool(clear)
            .bool(clear)
            .bool(clear && edge > 16);
        let native = files_of(world, place, &of).first().copied();
        rows.opt(
            native.map(|(format, size, _)| files::digest(&files::bytes(of.key, format, size))),
        );
        rows.bool(!of.invisible)
            .bool(of.hidden_by_user)
            .bool(of.hidden_by_mod);
        rows.bool(place % 403 == 77);
        rows.bool(world.hash("pending", place) % 100 < 90 && !of.invisible);
        let deleted_at = NOW - (place % 7) as i64 * DAY;
        rows.bool(of.deleted)
            .opt_time(of.deleted.then_some(deleted_at));
        let promoted = of.is_public() && place % 83 == 40;
        rows.bool(promoted).opt(promoted.then_some("frontpage"));
        let changed = between(&mut rng, of.created, NOW);
        rows.time(of.created)
            .opt_time(chance(&mut rng, 0.3).then_some(changed));
        rows.time(changed).time(of.created);
        rows.int([30_000, 10_000, 60_000][rng.usize(..3)]);
        rows.opt_int(chance(&mut rng, 0.7).then(|| rng.i64(1..9)));
        let layers = has_layers(place, &of);
        rows.opt_int(layers.then(|| rng.i64(4_000..30_000)));
        rows.opt_time(layers.then_some(of.created + 5));
        rows.texts(if tags.contains(&"nsfw") {
            &["nsfw"][..]
        } else {
            &[]
        });
        rows.opt_int((frames > 1).then_some(frames * 80));
        rows.int((12.0 * world.popularity(place)) as i64 + rng.i64(0..50));
        rows.opt(pick_channel(place))
            .opt(creation_method(world, place));
        rows.opt(source_details(world, place))
            .bool(place % 6 != 1)
            .end();
    }
}

/// Whether a layers file lies beside the artwork.
pub fn has_layers(place: u64, of: &Post) -> bool {
    !of.is_playlist() && place % 21 == 8
}

fn pick_channel(place: u64) -> Option<&'static str> {
    match place % 11 {
        0 => None,
        1..=3 => Some("mobile"),
        4 => Some("api"),
        _ => Some("web"),
    }
}

/// One value occurs once only, as a state that a feature left behind when it was withdrawn.
fn creation_method(world: &World, place: u64) -> Option<&'static str> {
    if place == world.posts / 2 {
        return Some("plotter");
    }
    match place % 9 {
        0 => None,
        1..=4 => Some("editor"),
        5 => Some("remix"),
        _ => Some("upload"),
    }
}

fn source_details(world: &World, place: u64) -> Option<String> {
    if place % 5 == 4 {
        return None;
    }
    let agent = world.private("posts", "source_details", place, || {
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0".into()
    });
    Some(json!({"client": {"tool": "editor", "layers": place % 7}, "_server": {"user_agent": agent}}).to_string())
}

/// Columns of `post_files`.
pub const POST_FILES: &str = "id, post_id, format, file_bytes, is_native";

/// Rows of `post_files`.
pub fn post_files(world: &World, rows: &mut Rows) {
    for place in 0..world.posts {
        let of = post(world, place);
        for (format, size, native) in files_of(world, place, &of) {
            rows.int(rows.next_id()).int(of.id).text(format);
            rows.int(size as i64).bool(native).end();
        }
    }
}

/// Columns of `post_lineage`.
pub const POST_LINEAGE: &str =
    "id, child_post_id, parent_post_id, parent_sqid, position, created_at";

/// Rows of `post_lineage`; some parents are gone and only their short id is left.
pub fn post_lineage(world: &World, rows: &mut Rows) {
    for place in (20..world.posts).step_by(14) {
        let child = post(world, place);
        let mut rng = world.rng("post_lineage", place);
        let first = rng.u64(0..place - 3);
        for position in 0..rng.u64(1..3) {
            let parent = first + position;
            let gone = chance(&mut rng, 0.12);
            let id = if gone {
                world.missing_post_id(parent / 5 * 5 + 5 * position)
            } else {
                world.post_id(parent)
            };
            rows.int(rows.next_id())
                .int(child.id)
                .opt_int((!gone).then_some(id));
            rows.text(&sqid(id))
                .int(position as i64)
                .time(child.created)
                .end();
        }
    }
}

/// Columns of `retired_artworks`.
pub const RETIRED_ARTWORKS: &str =
    "id, post_id, storage_key, storage_shard, formats, had_mkpx, created_at, delete_after";

/// Rows of `retired_artworks`: replaced files that wait to be swept.
pub fn retired_artworks(world: &World, rows: &mut Rows) {
    for place in (6..world.posts).step_by(150) {
        let key = world.uuid("retired", place);
        let shard = if place % 4 == 0 {
            files::legacy_shard(key)
        } else {
            files::shard(key)
        };
        let created = NOW - (place % 7) as i64 * DAY;
        let kept = place % 9 != 0 && !is_playlist(place);
        rows.int(rows.next_id())
            .opt_int(kept.then(|| world.post_id(place)));
        rows.uuid(key).text(&shard).texts(&["png", "webp"]);
        rows.bool(place % 300 == 6)
            .time(created)
            .time(created + 7 * DAY)
            .end();
    }
}
