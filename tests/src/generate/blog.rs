//! The blog: posts in Markdown with images in the vault, and what was said and counted about them.

use super::files;
use super::rows::Rows;
use super::statistics::{by_country, by_device};
use super::words::{DEVICES, EMOJI, public_text, title};
use super::world::{DAY, NOW, World, between, chance, sqid};
use uuid::Uuid;

fn id(blog_post: u64) -> i64 {
    (1 + blog_post + blog_post / 4) as i64
}

fn created(world: &World, blog_post: u64) -> i64 {
    world
        .user_created(owner(world, blog_post))
        .max(NOW - 400 * DAY)
        + 600
}

fn owner(world: &World, blog_post: u64) -> u64 {
    world.somebody(&mut world.rng("blog-owner", blog_post))
}

/// The images of a blog post: key and extension.
pub fn images(world: &World, blog_post: u64) -> Vec<(Uuid, &'static str)> {
    (0..world.hash("blog-images", blog_post) % 4)
        .map(|image| {
            let extension = ["png", "gif", "webp"][(image % 3) as usize];
            (world.uuid("blog-image", blog_post << 8 | image), extension)
        })
        .collect()
}

/// Columns of `blog_posts`.
pub const BLOG_POSTS: &str = "id, blog_post_key, public_sqid, owner_id, title, body, image_urls, \
    visible, hidden_by_user, hidden_by_mod, public_visibility, created_at, updated_at, published_at";

/// Rows of `blog_posts`.
pub fn blog_posts(world: &World, rows: &mut Rows) {
    for blog_post in 0..world.blog_posts {
        let mut rng = world.rng("blog_posts", blog_post);
        let urls: Vec<String> = images(world, blog_post)
            .into_iter()
            .map(|(key, extension)| {
                world.vault_url(&format!(
                    "blog_image/{}/{key}.{extension}",
                    files::shard(key)
                ))
            })
            .collect();
        let title = title(&mut rng);
        let mut body = format!("# {title}\n\n");
        body += &public_text(world, &mut rng, ("blog_posts", "body"), blog_post, 0.1);
        for (number, url) in urls.iter().enumerate() {
            body += &format!("\n\n![picture {number}]({url})");
        }
        body += &format!(
            "\n\nSee https://{}/p/{}.\n",
            world.spec.domain,
            sqid(world.post_id(blog_post))
        );
        let created = created(world, blog_post);
        let published = blog_post % 5 != 3;
        rows.int(id(blog_post))
            .uuid(world.uuid("blog_posts", blog_post));
        rows.text(&sqid(id(blog_post)))
            .int(world.user_id(owner(world, blog_post)));
        rows.text(&title).text(&body).texts(&urls);
        rows.bool(true)
            .bool(blog_post % 11 == 4)
            .bool(blog_post % 17 == 9)
            .bool(published);
        rows.time(created)
            .opt_time((blog_post % 3 == 0).then_some(created + DAY));
        rows.opt_time(published.then_some(created + 1800)).end();
    }
}

/// Columns of `blog_post_comments`.
pub const BLOG_POST_COMMENTS: &str = "id, blog_post_id, author_id, author_ip, parent_id, depth, \
    body, hidden_by_mod, deleted_by_owner, created_at, updated_at, deleted_by_mod, original_body";

/// Rows of `blog_post_comments`: a comment, an answer to it, an answer to that, by turns.
pub fn blog_post_comments(world: &World, rows: &mut Rows) {
    let table = "blog_post_comments";
    for blog_post in 0..world.blog_posts {
        let mut rng = world.rng(table, blog_post);
        let since = created(world, blog_post);
        let key = |place: u64| world.uuid(table, blog_post << 16 | place);
        for place in 0..rng.u64(1..9) {
            let n = rows.count();
            let anonymous = n % 6 == 4;
            let deleted = n % 8 == 2;
            let depth = place % 3;
            let author = world.somebody(&mut rng);
            let body = public_text(world, &mut rng, (table, "body"), n, 0.04);
            rows.uuid(key(place)).int(id(blog_post));
            rows.opt_int((!anonymous).then(|| world.user_id(author)));
            rows.opt(anonymous.then(|| world.address_v4(&mut rng, n)));
            rows.opt_uuid((depth > 0).then(|| key(place - 1)))
                .int(depth as i64);
            rows.text(if deleted { "[deleted]" } else { &body });
            rows.bool(n % 29 == 5)
                .bool(deleted)
                .time(since + (place * 60) as i64)
                .null();
            rows.bool(false);
            rows.opt(deleted.then(|| world.private(table, "original_body", n, || body.clone())));
            rows.end();
        }
    }
}

/// Columns of `blog_post_reactions`.
pub const BLOG_POST_REACTIONS: &str = "id, blog_post_id, user_id, user_ip, emoji, created_at";

/// Rows of `blog_post_reactions`.
pub fn blog_post_reactions(world: &World, rows: &mut Rows) {
    for blog_post in 0..world.blog_posts {
        let mut rng = world.rng("blog_post_reactions", blog_post);
        for _ in 0..rng.u64(0..20) {
            let n = rows.count();
            let user = world.somebody(&mut rng);
            let anonymous = n % 9 == 4;
            rows.int(rows.next_id()).int(id(blog_post));
            rows.opt_int((!anonymous).then(|| world.user_id(user)));
            rows.opt(anonymous.then(|| world.address_v4(&mut rng, n)));
            rows.text(EMOJI[rng.usize(..EMOJI.len())]);
            rows.time(between(&mut rng, created(world, blog_post), NOW))
                .end();
        }
    }
}

/// Columns of `blog_post_view_events`.
pub const BLOG_POST_VIEW_EVENTS: &str = "id, blog_post_id, viewer_user_id, viewer_ip_hash, \
    country_code, device_type, view_source, view_type, user_agent_hash, referrer_domain, created_at";

/// Rows of `blog_post_view_events`.
pub fn blog_post_view_events(world: &World, rows: &mut Rows) {
    let table = "blog_post_view_events";
    for blog_post in 0..world.blog_posts {
        let mut rng = world.rng(table, blog_post);
        for _ in 0..rng.u64(3..30) {
            let n = rows.count();
            let user = world.somebody(&mut rng);
            rows.uuid(world.uuid(table, n)).int(id(blog_post));
            rows.opt_int(chance(&mut rng, 0.4).then(|| world.user_id(user)));
            rows.text(&world.private_hash(table, "viewer_ip_hash", n, user));
            rows.opt(world.private_country(&mut rng, n));
            rows.text(DEVICES[rng.usize(..3)])
                .text("web")
                .text("intentional");
            rows.text(&world.private_hash(table, "user_agent_hash", n, user % 40));
            rows.opt((n % 4 == 1).then_some("duckduckgo.com"));
            rows.time(between(&mut rng, NOW - 7 * DAY, NOW)).end();
        }
    }
}

/// Columns of `blog_post_stats_daily`.
pub const BLOG_POST_STATS_DAILY: &str = "id, blog_post_id, date, total_views, unique_viewers, \
    views_by_country, views_by_device, views_by_type, created_at";

/// Rows of `blog_post_stats_daily`.
pub fn blog_post_stats_daily(world: &World, rows: &mut Rows) {
    for blog_post in 0..world.blog_posts {
        let mut rng = world.rng("blog_post_stats_daily", blog_post);
        for day in 1..rng.i64(2..25) {
            let views = rng.i64(1..200);
            rows.int(rows.next_id())
                .int(id(blog_post))
                .date(NOW - day * DAY);
            rows.int(views).int(views / 2 + 1);
            rows.text(&by_country(&mut rng, views))
                .text(&by_device(&mut rng, views));
            rows.text(&format!(r#"{{"intentional": {views}}}"#));
            rows.time(NOW - (day - 1) * DAY).end();
        }
    }
}
