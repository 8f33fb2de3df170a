//! A server's database as the source of a sample.

use mkx_contract::Secret;
use mkx_sample::endpoint::Endpoint;
use mkx_sample::source::{Settings, Source};
use mkx_tests::postgres_server::PostgresServer;

/// Opens it in one snapshot.
pub fn source(server: &PostgresServer, database: &str) -> Source {
    let settings = Settings {
        key: Secret::new("key"),
        password_hash: Secret::new("hash"),
    };
    let endpoint = Endpoint::at(&server.url(database)).unwrap();
    Source::open(endpoint, settings).unwrap()
}
