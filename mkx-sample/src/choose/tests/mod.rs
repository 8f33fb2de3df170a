//! What a selection brings, on a real server.

mod brute_force;
mod choice;
mod closure;
mod world;

use mkx_contract::Secret;
use mkx_tests::postgres_server::PostgresServer;

use crate::database::endpoint::Endpoint;
use crate::database::source::{Settings, Source};

/// A server's database as the source of a sample, in one snapshot.
fn source(server: &PostgresServer, database: &str) -> Source {
    let settings = Settings {
        key: Secret::new("key"),
        password_hash: Secret::new("hash"),
    };
    let endpoint = Endpoint::at(&server.url(database)).unwrap();
    Source::open(endpoint, settings).unwrap()
}
