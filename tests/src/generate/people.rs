//! Accounts, and what they think of each other.

use super::logins::has_password;
use super::rows::Rows;
use super::words::{HASHTAGS, MAIL_DOMAINS, name, public_text};
use super::world::{DAY, IMPORTER, NOW, OWNER, World, between, chance, pick, sqid};
use std::collections::HashSet;
use uuid::Uuid;

/// Who may moderate, besides the owner.
pub fn is_moderator(world: &World, user: u64) -> bool {
    user == 1 || user == 2 || (user > IMPORTER && user % 2_500 == 11 && user < world.users)
}

/// Somebody who may moderate.
pub fn moderator(index: u64) -> u64 {
    index % 3
}

/// The handle of an account; unique, also when looked at with tired eyes.
pub fn handle(world: &World, user: u64) -> String {
    let mut rng = world.rng("handle", user);
    match user {
        OWNER => "makapix".into(),
        IMPORTER => "archive-import".into(),
        _ if user % 97 == 13 => format!("ドット絵{user}"),
        _ if user % 97 == 31 => format!("رسام{user}"),
        _ if user % 97 == 57 => format!("fox🦊{user}"),
        // as long as the column allows
        _ if user % 97 == 70 => format!("{user:-<50}"),
        _ if user % 6 == 5 => format!("makapix-user-{}", world.user_id(user)),
        _ if user % 4 == 3 => format!("{}_{user}", name(&mut rng)).to_uppercase(),
        _ => format!("{}{user}", name(&mut rng)),
    }
}

/// The look-alike skeleton of a handle.
pub fn skeleton(handle: &str) -> String {
    handle
        .to_lowercase()
        .chars()
        .map(|letter| match letter {
            '0' => 'o',
            '1' | 'i' => 'l',
            other => other,
        })
        .collect()
}

/// The e-mail address of an account, as the person typed it.
pub fn email(world: &World, user: u64) -> String {
    world.private_email("users", "email", user, || {
        let mut rng = world.rng("email", user);
        let local = name(&mut rng);
        let local = if user % 9 == 1 {
            local.to_uppercase()
        } else {
            local
        };
        format!("{local}.{user}@{}", pick(&mut rng, &MAIL_DOMAINS))
    })
}

/// The avatar in the vault: its key and extension.
pub fn avatar(world: &World, user: u64) -> Option<(Uuid, &'static str)> {
    let mut rng = world.rng("avatar", user);
    if !chance(&mut rng, 0.4) && user != OWNER {
        return None;
    }
    let extension = pick(&mut rng, &["png", "png", "gif", "webp", "jpg"]);
    Some((world.uuid("avatar", user), extension))
}

/// What `users.avatar_url` says: the vault, or for old accounts somebody else's server.
pub fn avatar_url(world: &World, user: u64) -> Option<String> {
    if let Some((key, extension)) = avatar(world, user) {
        let shard = super::files::shard(key);
        return Some(world.vault_url(&format!("avatar/{shard}/{key}.{extension}")));
    }
    (user % 13 == 5).then(|| {
        let account = world.hash("github", user) % 90_000_000;
        format!("https://avatars.githubusercontent.com/u/{account}?v=4")
    })
}

/// Columns of `users`.
pub const USERS: &str = "id, user_key, public_sqid, handle, bio, tagline, website, avatar_url, \
    email, email_normalized, email_verified, welcome_completed, reputation, roles, hidden_by_user, \
    hidden_by_mod, non_conformant, deactivated, banned_until, auto_public_approval, \
    approved_hashtags, created_at, updated_at, handle_normalized, terms_version_accepted, \
    avatar_source_post_id";

/// Rows of `users`: banned, hidden, deactivated and never verified ones among them.
pub fn users(world: &World, rows: &mut Rows) {
    for user in 0..world.users {
        let mut rng = world.rng("users", user);
        let id = world.user_id(user);
        let plain = user > IMPORTER;
        let handle = handle(world, user);
        let email = email(world, user);
        let created = world.user_created(user);
        rows.int(id).uuid(world.uuid("user_key", user));
        rows.opt((user % 701 != 700).then(|| sqid(id)));
        rows.text(&handle);
        let bio = chance(&mut rng, 0.5)
            .then(|| public_text(world, &mut rng, ("users", "bio"), user, 0.12));
        rows.opt(bio);
        rows.opt(chance(&mut rng, 0.3).then(|| format!("{} all day", name(&mut rng))));
        rows.opt(chance(&mut rng, 0.15).then(|| format!("https://{}.art/", name(&mut rng))));
        rows.opt(avatar_url(world, user)).text(&email);
        rows.opt(has_password(user).then(|| email.to_lowercase()));
        rows.bool(!plain || user % 17 != 9);
        rows.bool(!plain || chance(&mut rng, 0.8));
        rows.int(if chance(&mut rng, 0.2) {
            rng.i64(-20..400)
        } else {
            0
        });
        rows.text(match user {
            OWNER => r#"["user", "moderator", "owner"]"#,
            _ if is_moderator(world, user) => r#"["user", "moderator"]"#,
            _ if user % 50 == 7 => "[]",
            _ => r#"["user"]"#,
        });
        rows.bool(plain && user % 211 == 20);
        rows.bool(plain && user % 307 == 31);
        rows.bool(plain && user % 503 == 44);
        rows.bool(plain && user % 71 == 19);
        rows.opt(banned_until(world, user));
        rows.bool(user == IMPORTER || user % 43 == 8);
        rows.texts(&approved_hashtags(world, user));
        rows.time(created);
        rows.opt_time(chance(&mut rng, 0.6).then(|| between(&mut rng, created, NOW)));
        rows.text(&skeleton(&handle));
        rows.opt(pick_terms(user));
        let source = (user % 23 == 6).then(|| world.post_id(rng.u64(0..world.posts)));
        rows.opt_int(source).end();
    }
}

fn banned_until(world: &World, user: u64) -> Option<String> {
    if user <= IMPORTER {
        return None;
    }
    match user % 101 {
        16 => Some("9999-12-31 23:59:59+00".into()),
        17 | 18 => Some(world.ban_time(NOW + (user % 90 + 1) as i64 * DAY)),
        _ => None,
    }
}

fn approved_hashtags(world: &World, user: u64) -> Vec<String> {
    if user % 29 != 4 {
        return Vec::new();
    }
    let tag = world.private("users", "approved_hashtags", user / 29, || "horror".into());
    vec!["nsfw".into(), tag]
}

fn pick_terms(user: u64) -> Option<&'static str> {
    match user % 8 {
        0 => None,
        1 | 2 => Some("2025-01"),
        _ => Some("2026-03"),
    }
}

/// Columns of `badge_grants`.
pub const BADGE_GRANTS: &str = "id, user_id, badge, granted_at";

/// Rows of `badge_grants`; the key of a badge is a text without a foreign key.
pub fn badge_grants(world: &World, rows: &mut Rows) {
    for user in 0..world.users {
        let created = world.user_created(user);
        for (every, badge) in [(9, "early-bird"), (31, "contest"), (400, "supporter")] {
            if user % every == 4 {
                rows.int(rows.next_id()).int(world.user_id(user));
                rows.text(badge).time(created + DAY).end();
            }
        }
    }
}

/// Columns of `reputation_history`.
pub const REPUTATION_HISTORY: &str = "id, user_id, delta, reason, created_at";

/// Rows of `reputation_history`.
pub fn reputation_history(world: &World, rows: &mut Rows) {
    for user in (0..world.users).step_by(7) {
        let n = rows.count();
        let mut rng = world.rng("reputation_history", user);
        rows.int(rows.next_id()).int(world.user_id(user));
        rows.int(rng.i64(-10..30));
        rows.opt((user % 3 != 1).then(|| {
            world.private("reputation_history", "reason", n, || {
                format!("contest entry of {}", handle(world, user))
            })
        }));
        rows.time(between(&mut rng, world.user_created(user), NOW))
            .end();
    }
}

/// Columns of `category_follows`.
pub const CATEGORY_FOLLOWS: &str = "id, user_id, category, created_at";

/// Rows of `category_follows`.
pub fn category_follows(world: &World, rows: &mut Rows) {
    for user in (0..world.users).step_by(4) {
        let mut rng = world.rng("category_follows", user);
        let first = rng.usize(..HASHTAGS.len());
        for place in 0..rng.usize(1..4) {
            rows.int(rows.next_id()).int(world.user_id(user));
            rows.text(HASHTAGS[(first + place) % HASHTAGS.len()]);
            rows.time(between(&mut rng, world.user_created(user), NOW))
                .end();
        }
    }
}

/// Whom an account follows, and since when.
pub fn followed(world: &World, user: u64) -> Vec<(u64, i64)> {
    let mut rng = world.rng("follows", user);
    let wanted = world.times(&mut rng, 5.0 * world.activity(user));
    let mut seen = HashSet::new();
    let mut list = Vec::new();
    for _ in 0..wanted.min(world.users / 3) {
        let other = world.somebody(&mut rng);
        if other != user && seen.insert(other) {
            let both_there = world.user_created(user.max(other));
            list.push((other, between(&mut rng, both_there, NOW)));
        }
    }
    list
}

/// Columns of `follows`.
pub const FOLLOWS: &str = "id, follower_id, following_id, created_at";

/// Rows of `follows`.
pub fn follows(world: &World, rows: &mut Rows) {
    for user in 0..world.users {
        for (other, since) in followed(world, user) {
            rows.int(rows.next_id()).int(world.user_id(user));
            rows.int(world.user_id(other)).time(since).end();
        }
    }
}

/// Columns of `user_blocks`.
pub const USER_BLOCKS: &str = "id, blocker_id, blocked_id, created_at";

/// Rows of `user_blocks`.
pub fn user_blocks(world: &World, rows: &mut Rows) {
    for user in (3..world.users).step_by(19) {
        let mut rng = world.rng("user_blocks", user);
        let other = world.somebody(&mut rng);
        if other != user && other > IMPORTER {
            rows.int(rows.next_id()).int(world.user_id(user));
            rows.int(world.user_id(other));
            rows.time(between(&mut rng, world.user_created(user.max(other)), NOW))
                .end();
        }
    }
}
