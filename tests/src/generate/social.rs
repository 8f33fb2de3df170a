//! What people say and do about posts, and what they are told of it.

use super::people;
use super::posts::{Post, post};
use super::rows::Rows;
use super::words::{EMOJI, public_text};
use super::world::{DAY, NOW, World, between, chance, sqid};
use std::collections::HashSet;
use uuid::Uuid;

/// A comment, as far as other tables need it.
#[derive(Debug)]
pub struct Comment {
    /// Its key.
    pub id: Uuid,
    /// Who wrote it; nobody when the author was anonymous or erased.
    pub author: Option<u64>,
    /// The place, among the post's comments, of the one it answers.
    pub parent: Option<usize>,
    /// How deep in the thread, 0 to 2.
    pub depth: i64,
    /// When.
    pub created: i64,
}

/// The comments of a post, parents before answers.
pub fn comments_of(world: &World, place: u64, of: &Post) -> Vec<Comment> {
    let mut rng = world.rng("comments", place);
    let wanted = world.times(&mut rng, 1.5 * world.popularity(place));
    let mut list: Vec<Comment> = Vec::with_capacity(wanted as usize);
    for next in 0..wanted {
        let mut parent = None;
        if !list.is_empty() && chance(&mut rng, 0.35) {
            parent = Some(rng.usize(..list.len())).filter(|parent| list[*parent].depth < 2);
        }
        let since = parent.map_or(of.created, |parent| list[parent].created);
        list.push(Comment {
            id: world.uuid("comments", place << 24 | next),
            author: (!chance(&mut rng, 0.07)).then(|| world.somebody(&mut rng)),
            depth: parent.map_or(0, |parent| list[parent].depth + 1),
            created: between(&mut rng, since, NOW),
            parent,
        });
    }
    list
}

/// Columns of `comments`.
pub const COMMENTS: &str = "id, post_id, author_id, author_ip, parent_id, depth, body, \
    hidden_by_mod, deleted_by_owner, created_at, updated_at, deleted_by_mod, original_body";

/// Rows of `comments`: threads, anonymous ones, tombstones that keep the original text aside.
pub fn comments(world: &World, rows: &mut Rows) {
    for place in 0..world.posts {
        let of = post(world, place);
        let list = comments_of(world, place, &of);
        let mut rng = world.rng("comment-bodies", place);
        for comment in &list {
            let n = rows.count();
            let anonymous = comment.author.is_none() && n % 4 != 0;
            let address = anonymous.then(|| world.private_address(&mut rng, n));
            let by_owner = n % 41 == 6;
            let by_mod = n % 67 == 9;
            let body = public_text(world, &mut rng, ("comments", "body"), n, 0.04);
            rows.uuid(comment.id).int(of.id);
            rows.opt_int(comment.author.map(|author| world.user_id(author)));
            rows.opt(address)
                .opt_uuid(comment.parent.map(|parent| list[parent].id));
            rows.int(comment.depth);
            rows.text(match (by_owner, by_mod) {
                (true, _) => "[deleted]",
                (_, true) => "[removed by a moderator]",
                _ => &body,
            });
            rows.bool(n % 59 == 3).bool(by_owner).time(comment.created);
            rows.opt_time((n % 13 == 5).then_some(NOW)).bool(by_mod);
            rows.opt(
                (by_owner || by_mod)
                    .then(|| world.private("comments", "original_body", n, || body.clone())),
            );
            rows.end();
        }
    }
}

/// Columns of `comment_likes`.
pub const COMMENT_LIKES: &str = "id, comment_id, user_id, created_at";

/// Rows of `comment_likes`.
pub fn comment_likes(world: &World, rows: &mut Rows) {
    for place in 0..world.posts {
        let of = post(world, place);
        let mut rng = world.rng("comment_likes", place);
        for comment in comments_of(world, place, &of) {
            let mut seen = HashSet::new();
            for _ in 0..rng.u64(0..2) + rng.u64(0..2) * rng.u64(0..2) {
                let user = world.somebody(&mut rng);
                if seen.insert(user) {
                    rows.int(rows.next_id())
                        .uuid(comment.id)
                        .int(world.user_id(user));
                    rows.time(between(&mut rng, comment.created, NOW)).end();
                }
            }
        }
    }
}

/// A reaction: who (or nobody), with what, when.
#[derive(Debug)]
pub struct Reaction {
    /// Who reacted; nobody when not logged in.
    pub user: Option<u64>,
    /// With what.
    pub emoji: &'static str,
    /// When.
    pub created: i64,
}

/// The reactions to a post; nobody twice with the same emoji.
pub fn reactions_to(world: &World, place: u64, of: &Post) -> Vec<Reaction> {
    let mut rng = world.rng("reactions", place);
    let wanted = world.times(&mut rng, 6.0 * world.popularity(place));
    let mut seen = HashSet::new();
    let mut list = Vec::with_capacity(wanted as usize);
    for _ in 0..wanted.min(world.users * 2) {
        let user = (!chance(&mut rng, 0.05)).then(|| world.somebody(&mut rng));
        let choice = (rng.f64() * rng.f64() * EMOJI.len() as f64) as usize;
        if user.is_none_or(|user| seen.insert((user, choice))) {
            list.push(Reaction {
                user,
                emoji: EMOJI[choice],
                created: between(&mut rng, of.created, NOW),
            });
        }
    }
    list
}

/// Columns of `reactions`.
pub const REACTIONS: &str = "id, post_id, user_id, user_ip, emoji, created_at";

/// Rows of `reactions`.
pub fn reactions(world: &World, rows: &mut Rows) {
    let mut addresses = 0;
    for place in 0..world.posts {
        let of = post(world, place);
        let mut rng = world.rng("reaction-addresses", place);
        for reaction in reactions_to(world, place, &of) {
            rows.int(rows.next_id()).int(of.id);
            rows.opt_int(reaction.user.map(|user| world.user_id(user)));
            rows.opt(reaction.user.is_none().then(|| {
                addresses += 1;
                world.private_address(&mut rng, addresses)
            }));
            rows.text(reaction.emoji).time(reaction.created).end();
        }
    }
}

/// Columns of `social_notifications`.
pub const SOCIAL_NOTIFICATIONS: &str = "id, user_id, notification_type, post_id, actor_id, \
    actor_handle, actor_avatar_url, emoji, comment_id, comment_preview, content_title, \
    content_sqid, content_art_url, is_read, read_at, created_at";

struct Notice<'a> {
    to: u64,
    kind: &'static str,
    about: Option<&'a Post>,
    actor: Option<u64>,
    emoji: Option<&'static str>,
    comment: Option<Uuid>,
    created: i64,
}

/// Rows of `social_notifications`: full of copies that no foreign key keeps true.
pub fn social_notifications(world: &World, rows: &mut Rows) {
    for place in 0..world.posts {
        let of = post(world, place);
        let mut rng = world.rng("social_notifications", place);
        for reaction in reactions_to(world, place, &of) {
            if reaction.user != Some(of.owner) && chance(&mut rng, 0.66) {
                let notice = Notice {
                    to: of.owner,
                    kind: "reaction",
                    about: Some(&of),
                    actor: reaction.user,
                    emoji: Some(reaction.emoji),
                    comment: None,
                    created: reaction.created,
                };
                write_notice(world, rows, &notice);
            }
        }
        let list = comments_of(world, place, &of);
        for comment in &list {
            let answered = comment.parent.and_then(|parent| list[parent].author);
            let notice = Notice {
                to: answered.unwrap_or(of.owner),
                kind: if answered.is_some() {
                    "comment_reply"
                } else {
                    "comment"
                },
                about: Some(&of),
                actor: comment.author,
                emoji: None,
                comment: Some(comment.id),
                created: comment.created,
            };
            write_notice(world, rows, &notice);
        }
    }
    for user in 0..world.users {
        for (other, since) in people::followed(world, user) {
            if (user ^ other) % 5 < 3 {
                let notice = Notice {
                    to: other,
                    kind: "follow",
                    about: None,
                    actor: Some(user),
                    emoji: None,
                    comment: None,
                    created: since,
                };
                write_notice(world, rows, &notice);
            }
        }
    }
    for (user, kind) in [
        (1, "moderator_granted"),
        (2, "moderator_granted"),
        (7, "moderator_revoked"),
    ] {
        let notice = Notice {
            to: user,
            kind,
            about: None,
            actor: Some(super::world::OWNER),
            emoji: None,
            comment: None,
            created: NOW - 90 * DAY,
        };
        write_notice(world, rows, &notice);
    }
}

fn write_notice(world: &World, rows: &mut Rows, notice: &Notice) {
    let n = rows.count();
    let table = "social_notifications";
    rows.uuid(world.uuid(table, n))
        .int(world.user_id(notice.to))
        .text(notice.kind);
    rows.opt_int(notice.about.map(|about| about.id));
    // some actors are gone; the copies of their name and face are not
    let gone = n % 53 == 7;
    rows.opt_int(
        notice
            .actor
            .filter(|_| !gone)
            .map(|actor| world.user_id(actor)),
    );
    rows.opt(notice.actor.map(|actor| {
        if n % 8 == 2 {
            world.private(table, "actor_handle", n, || people::handle(world, actor))
        } else {
            people::handle(world, actor)
        }
    }));
    rows.opt(notice.actor.and_then(|actor| {
        if n % 31 == 3 {
            let key = world.uuid("former-avatar", actor);
            return Some(
                world.vault_url(&format!("avatar/{}/{key}.png", super::files::shard(key))),
            );
        }
        people::avatar_url(world, actor)
    }));
    rows.opt(notice.emoji);
    let purged = n % 37 == 5;
    rows.opt_uuid(notice.comment.map(|comment| {
        if purged {
            world.uuid("purged-comment", n)
        } else {
            comment
        }
    }));
    rows.opt(notice.comment.map(|_| {
        world.private(table, "comment_preview", n, || {
            "great silhouette, how many col".into()
        })
    }));
    rows.opt(notice.about.map(|about| about.title.as_str()));
    rows.opt(notice.about.map(|about| sqid(about.id)));
    rows.opt(notice.about.and_then(|about| about.art_url(world)));
    let read = n % 3 != 0;
    rows.bool(read)
        .opt_time(read.then_some(notice.created + 3600));
    rows.time(notice.created).end();
}
