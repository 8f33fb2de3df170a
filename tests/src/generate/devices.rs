//! Display devices ("players"), their keys, and what they were told to show.

use super::people::handle;
use super::posts::post;
use super::rows::Rows;
use super::words::name;
use super::world::{DAY, NOW, World, chance, sqid};
use serde_json::json;
use uuid::Uuid;

/// The key of a device by its place.
pub fn player_id(world: &World, player: u64) -> Uuid {
    world.uuid("players", player)
}

/// Whose device it is; nobody's while it is not registered.
pub fn owner(world: &World, player: u64) -> Option<u64> {
    let mut rng = world.rng("player-owner", player);
    (player % 20 != 3).then(|| world.somebody(&mut rng))
}

fn device_name(world: &World, player: u64) -> String {
    world.private("players", "name", player, || {
        let mut rng = world.rng("player-name", player);
        format!(
            "{}'s {} panel",
            name(&mut rng),
            ["kitchen", "desk", "büro", "子供部屋"][rng.usize(..4)]
        )
    })
}

/// Columns of `players`.
pub const PLAYERS: &str = "id, player_key, owner_id, name, device_model, firmware_version, \
    registration_status, registration_code, registration_code_expires_at, registered_at, \
    connection_status, last_seen_at, current_post_id, cert_serial_number, cert_issued_at, \
    cert_expires_at, cert_pem, key_pem, created_at, updated_at, capabilities, \
    capabilities_updated_at, is_paused, brightness, rotation, mirror, state_updated_at";

/// Rows of `players`; one registration status occurs once only.
pub fn players(world: &World, rows: &mut Rows) {
    for player in 0..world.players {
        let mut rng = world.rng("player", player);
        let owner = owner(world, player);
        let there = owner.is_some();
        let created = owner.map_or(NOW - 600, |owner| world.user_created(owner) + 700);
        let seen = NOW - (player % 200) as i64 * 7_000;
        rows.uuid(player_id(world, player))
            .uuid(world.private_key(player));
        rows.opt_int(owner.map(|owner| world.user_id(owner)));
        rows.opt(there.then(|| device_name(world, player)));
        rows.opt((player % 7 != 5).then_some(["p3a", "divoom-64", "browser"][rng.usize(..3)]));
        rows.opt((player % 7 != 5).then_some(["1.4.2", "1.5.0", "2.0.0-beta"][rng.usize(..3)]));
        rows.text(match player {
            6 => "revoked",
            _ if there => "registered",
            _ => "pending",
        });
        rows.opt((!there).then(|| world.private_code(player / 20, false)));
        rows.opt_time((!there).then_some(NOW + 300))
            .opt_time(there.then_some(created + 60));
        rows.text(if player % 3 == 1 { "online" } else { "offline" });
        rows.opt(there.then(|| world.seen_time(seen)));
        let shown = there && chance(&mut rng, 0.6);
        rows.opt_int(shown.then(|| world.post_id(rng.u64(0..world.posts))));
        rows.opt(there.then(|| world.private_serial(player)));
        rows.opt_time(there.then_some(created + 61));
        rows.opt_time(there.then_some(created + 365 * DAY));
        rows.opt(there.then(|| pem(world, "cert_pem", "CERTIFICATE", player)));
        rows.opt(there.then(|| pem(world, "key_pem", "PRIVATE KEY", player)));
        rows.time(created).opt_time(there.then_some(seen));
        rows.opt((player % 2 == 0).then_some(r#"{"brightness": true, "rotation": [0, 90, 180]}"#));
        rows.opt_time((player % 2 == 0).then_some(created + 90));
        let known = player % 3 == 1;
        if known {
            rows.bool(player % 6 == 4)
                .int(rng.i64(0..101))
                .int(rng.i64(0..4) * 90);
        } else {
            rows.null().null().null();
        }
        rows.opt(known.then_some("none"))
            .opt_time(known.then_some(seen))
            .end();
    }
}

fn pem(world: &World, column: &str, label: &str, player: u64) -> String {
    let body = world.private("players", column, player, || {
        let mut rng = world.rng(column, player);
        (0..192).map(|_| rng.alphanumeric()).collect()
    });
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

/// Columns of `player_tokens`.
pub const PLAYER_TOKENS: &str =
    "id, player_id, token_hash, prefix, last_used_at, expires_at, revoked, created_at";

/// Rows of `player_tokens`.
pub fn player_tokens(world: &World, rows: &mut Rows) {
    for player in (0..world.players).filter(|player| owner(world, *player).is_some()) {
        let n = rows.count();
        rows.uuid(world.uuid("player_tokens", n))
            .uuid(player_id(world, player));
        rows.text(&world.private_hash("player_tokens", "token_hash", n, n));
        let prefix = if world.canary_row(n) {
            format!("CANARY{n:06}")
        } else {
            format!("mpx_{:06x}", world.hash("prefix", n) % 16_777_216)
        };
        rows.opt((n % 9 != 1).then_some(prefix));
        rows.opt_time((n % 3 == 0).then_some(NOW - 400)).null();
        rows.bool(n % 10 == 7).time(NOW - 20 * DAY).end();
    }
}

/// Columns of `player_command_logs`.
pub const PLAYER_COMMAND_LOGS: &str =
    "id, player_id, command_type, payload, created_at, ack_status, acked_at";

/// Rows of `player_command_logs`: ids, keys and handles inside JSON.
pub fn player_command_logs(world: &World, rows: &mut Rows) {
    for player in 0..world.players {
        let mut rng = world.rng("player_command_logs", player);
        for _ in 0..rng.u64(0..10) {
            let n = rows.count();
            let shown = post(world, rng.u64(0..world.posts));
            let user = shown.owner;
            let (command, payload) = match n % 4 {
                0 => ("swap_next", json!(null)),
                1 => (
                    "show_artwork",
                    json!({
                        "post_id": shown.id, "storage_key": shown.key.to_string(), "storage_shard": shown.shard,
                    }),
                ),
                2 => (
                    "add_device",
                    json!({
                        "player_key": world.private_key(player).to_string(),
                        "owner_id": world.user_id(user).to_string(),
                        "owner_handle": handle(world, user),
                        "device_name": world.private("player_command_logs", "payload", n, || device_name(world, player)),
                    }),
                ),
                _ => (
                    "play_channel",
                    json!({
                        "user_sqid": sqid(world.user_id(user)), "user_handle": handle(world, user),
                    }),
                ),
            };
            let known = n % 15 != 6;
            rows.uuid(world.uuid("player_command_logs", n));
            rows.opt_uuid(known.then(|| player_id(world, player)));
            rows.text(command)
                .opt((!payload.is_null()).then(|| payload.to_string()));
            let created = NOW - (n % 30) as i64 * DAY;
            rows.time(created).opt((n % 3 != 0).then_some("ok"));
            rows.opt_time((n % 3 != 0).then_some(created + 1)).end();
        }
    }
}
