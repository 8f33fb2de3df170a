//! What only moderators see.

use super::people::{handle, moderator};
use super::posts::post;
use super::rows::Rows;
use super::social::comments_of;
use super::words::prose;
use super::world::{DAY, NOW, World, sqid};

/// Columns of `admin_notes`.
pub const ADMIN_NOTES: &str = "id, post_id, created_by, note, created_at";

/// Rows of `admin_notes`.
pub fn admin_notes(world: &World, rows: &mut Rows) {
    for place in (3..world.posts).step_by(90) {
        let n = rows.count();
        rows.uuid(world.uuid("admin_notes", n))
            .int(world.post_id(place));
        rows.int(world.user_id(moderator(n)));
        rows.text(&world.private("admin_notes", "note", n, || {
            format!(
                "{} was warned in chat",
                handle(world, post(world, place).owner)
            )
        }));
        rows.time(NOW - (place % 300) as i64 * DAY).end();
    }
}

/// Columns of `audit_logs`.
pub const AUDIT_LOGS: &str =
    "id, actor_id, action, target_type, target_id, reason_code, note, created_at";

/// Rows of `audit_logs`; what `target_id` means varies, and one action occurs once only.
pub fn audit_logs(world: &World, rows: &mut Rows) {
    for place in (1..world.posts).step_by(12) {
        let n = rows.count();
        let of = post(world, place);
        let (action, kind, target) = match n % 5 {
            _ if n == 7 => ("transfer_ownership", Some("user"), Some("1".into())),
            0 => ("hide_post", Some("post"), Some(of.id.to_string())),
            1 => (
                "ban_user",
                Some("user"),
                Some(world.user_id(of.owner).to_string()),
            ),
            2 => match comments_of(world, place, &of).first() {
                Some(comment) => (
                    "hide_comment",
                    Some("comment"),
                    Some(comment.id.to_string()),
                ),
                None => ("promote_post", Some("post"), Some(sqid(of.id))),
            },
            3 => (
                "handle_change",
                Some("user"),
                Some(sqid(world.user_id(of.owner))),
            ),
            _ => ("purge_cache", None, None),
        };
        rows.uuid(world.uuid("audit_logs", n))
            .int(world.user_id(moderator(n)));
        rows.text(action).opt(kind).opt(target);
        rows.opt((n % 4 == 1).then_some("spam"));
        rows.opt((n % 3 != 1).then(|| {
            world.private("audit_logs", "note", n, || {
                format!("changed handle from old{n} to {}", handle(world, of.owner))
            })
        }));
        rows.time(NOW - (place % 500) as i64 * DAY).end();
    }
}

/// Columns of `reports`.
pub const REPORTS: &str = "id, reporter_id, target_type, target_id, reason_code, notes, status, \
    action_taken, created_at, updated_at, reporter_ip, mod_notes";

/// Rows of `reports`; one status occurs once only.
pub fn reports(world: &World, rows: &mut Rows) {
    for place in (2..world.posts).step_by(10) {
        let n = rows.count();
        let of = post(world, place);
        let mut rng = world.rng("reports", n);
        let reporter = world.somebody(&mut rng);
        let anonymous = n % 4 == 2;
        let closed = n % 3 != 0;
        let comment = comments_of(world, place, &of)
            .first()
            .map(|comment| comment.id.to_string());
        let (kind, target) = match (n % 3, comment) {
            (0, Some(comment)) => ("comment", comment),
            (1, _) => ("user", sqid(world.user_id(of.owner))),
            _ => ("post", of.id.to_string()),
        };
        rows.uuid(world.uuid("reports", n));
        rows.opt_int((!anonymous).then(|| world.user_id(reporter)));
        rows.text(kind).text(&target);
        rows.text(["spam", "abuse", "copyright", "nsfw"][(n % 4) as usize]);
        rows.opt((n % 5 != 1).then(|| world.private("reports", "notes", n, || prose(&mut rng))));
        rows.text(match n {
            5 => "escalated",
            _ if closed => "resolved",
            _ => "open",
        });
        rows.opt(closed.then_some(if n % 2 == 0 { "hide" } else { "none" }));
        let created = NOW - (place % 200) as i64 * DAY;
        rows.time(created).opt_time(closed.then_some(created + DAY));
        rows.opt((anonymous && n % 3 != 1).then(|| world.address_v4(&mut rng, n)));
        rows.opt(closed.then(|| {
            world.private("reports", "mod_notes", n, || {
                format!("asked {}", handle(world, reporter))
            })
        }));
        rows.end();
    }
}

/// Columns of `violations`.
pub const VIOLATIONS: &str = "id, user_id, moderator_id, reason, created_at";

/// Rows of `violations`.
pub fn violations(world: &World, rows: &mut Rows) {
    for user in (9..world.users).step_by(45) {
        let n = rows.count();
        rows.int(rows.next_id())
            .int(world.user_id(user))
            .int(world.user_id(moderator(n)));
        rows.text(&world.private("violations", "reason", n, || {
            format!("{} reposted somebody's work", handle(world, user))
        }));
        rows.time(NOW - (user % 100) as i64 * DAY).end();
    }
}
