//! How people get in: identities, sessions, and the tokens that were mailed to them.

use super::people::{avatar_url, email, handle};
use super::rows::Rows;
use super::world::{DAY, NOW, World, between, chance};
use serde_json::json;

/// Whether an account has a password; the others come in through GitHub or Apple.
pub fn has_password(user: u64) -> bool {
    user % 10 < 8
}

/// Columns of `auth_identities`.
pub const AUTH_IDENTITIES: &str = "id, user_id, provider, provider_user_id, secret_hash, email, \
    provider_metadata, created_at, updated_at";

/// Rows of `auth_identities`: a password for most, GitHub or Apple for others, both for some.
pub fn auth_identities(world: &World, rows: &mut Rows) {
    for user in 0..world.users {
        let created = world.user_created(user);
        if has_password(user) {
            rows.uuid(world.uuid("identity-password", user));
            rows.int(world.user_id(user)).text("password");
            rows.text(&email(world, user).to_lowercase());
            rows.text(&world.bcrypt(user)).text(&email(world, user));
            rows.null().time(created).null().end();
        }
        let provider = match user % 10 {
            8 => "github",
            9 => "apple",
            _ if user % 16 == 2 => "github",
            _ => continue,
        };
        let n = rows.count();
        let table = "auth_identities";
        rows.uuid(world.uuid("identity-other", user));
        rows.int(world.user_id(user)).text(provider);
        rows.text(&world.private(table, "provider_user_id", n, || {
            world.hash("github", user).to_string()
        }));
        rows.null();
        rows.text(&world.private_email(table, "email", n, || email(world, user)));
        let account = world.private(table, "provider_metadata", n, || handle(world, user));
        let metadata = if provider == "github" {
            json!({"username": account, "avatar_url": avatar_url(world, user)})
        } else {
            json!({"email": format!("{account}@privaterelay-mail.net"), "is_private_email": true})
        };
        rows.text(&metadata.to_string());
        rows.time(created).opt_time(Some(created + DAY)).end();
    }
}

/// Columns of `refresh_tokens`.
pub const REFRESH_TOKENS: &str = "id, user_id, token_hash, expires_at, revoked, created_at";

/// Rows of `refresh_tokens`: sessions of people who came by lately.
pub fn refresh_tokens(world: &World, rows: &mut Rows) {
    for user in 0..world.users {
        let mut rng = world.rng("refresh_tokens", user);
        for _ in 0..world.times(&mut rng, world.activity(user).min(20.0)) {
            let n = rows.count();
            let created = between(&mut rng, NOW - 30 * DAY, NOW);
            rows.uuid(world.uuid("refresh_tokens", n));
            rows.int(world.user_id(user));
            rows.text(&world.private_hash("refresh_tokens", "token_hash", n, n));
            rows.time(created + 30 * DAY).bool(chance(&mut rng, 0.3));
            rows.time(created).end();
        }
    }
}

/// Columns of `email_verification_tokens`.
pub const EMAIL_VERIFICATION_TOKENS: &str =
    "id, user_id, token_hash, email, expires_at, used_at, created_at, otp_code";

/// Rows of `email_verification_tokens`.
pub fn email_verification_tokens(world: &World, rows: &mut Rows) {
    for user in (0..world.users).step_by(5) {
        let n = rows.count();
        let table = "email_verification_tokens";
        let created = world.user_created(user);
        rows.uuid(world.uuid(table, n)).int(world.user_id(user));
        rows.text(&world.private_hash(table, "token_hash", n, n));
        rows.text(&world.private_email(table, "email", n, || email(world, user)));
        rows.time(created + DAY);
        rows.opt_time((user % 3 != 0).then_some(created + 600));
        rows.time(created);
        rows.opt((user % 4 != 1).then(|| world.private_code(n, true)))
            .end();
    }
}

/// Columns of `password_reset_tokens`.
pub const PASSWORD_RESET_TOKENS: &str =
    "id, user_id, token_hash, expires_at, used_at, created_at, otp_code";

/// Rows of `password_reset_tokens`.
pub fn password_reset_tokens(world: &World, rows: &mut Rows) {
    for user in (0..world.users).step_by(12) {
        let n = rows.count();
        let table = "password_reset_tokens";
        let created = NOW - (user % 40) as i64 * 3600;
        rows.uuid(world.uuid(table, n)).int(world.user_id(user));
        rows.text(&world.private_hash(table, "token_hash", n, n));
        rows.time(created + 3600);
        rows.opt_time((user % 3 != 0).then_some(created + 60));
        rows.time(created);
        rows.opt((user % 4 != 1).then(|| world.private_code(n, true)))
            .end();
    }
}
