//! The Makapix policy against production's rows: no canary passes its transforms.

use mkx_tests::generate::canary::found_in;
use mkx_tests::generate::{self, Spec, World};
use mkx_tests::postgres_server::PostgresServer;

use super::{PolicyFile, Rows, Transform, preset};
use crate::database::catalog::Catalog;
use crate::transform::{Context, expression};

const DATABASE: &str = "makapix";

#[test]
fn nothing_sensitive_passes_the_presets_transforms() {
    let (server, preset) = (PostgresServer::start(), preset::text("makapix").unwrap());
    let policy = PolicyFile::parse(preset, "makapix.json").unwrap();
    server.create_database(DATABASE);
    let world = World::new(&Spec::new(300, 5).with_canaries());
    generate::load(&server.url(DATABASE), &world, true, &|_| ()).unwrap();
    let mut client = server.client(DATABASE);
    client
        .batch_execute(
            "SELECT set_config('mkx.key', 'k', false), \
             set_config('mkx.password_hash', '$2b$12$development', false)",
        )
        .unwrap();
    let catalog = Catalog::read(&mut client).unwrap();
    let context = Context {
        urls: vec![("makapix.club".into(), "development.makapix.club".into())],
        email_domain: policy.email_domain.clone(),
    };
    for table in catalog.tables.values() {
        let of = &policy.tables[&table.name.to_string()];
        if of.rows == Rows::None {
            continue;
        }
        for column in &table.columns {
            let value = |transform: &Transform| {
                expression(transform, table, column, "mkx", &context).unwrap()
            };
            let mut sql = String::new();
            for variant in &of.variants {
                if let Some(transform) = variant.columns.get(&column.name) {
                    sql += &format!(" WHEN {} THEN {}", variant.when, value(transform));
                }
            }
            let plain = value(&of.columns[&column.name]);
            let sql = match sql.as_str() {
                "" => plain,
                cases => format!("CASE{cases} ELSE {plain} END"),
            };
            let query = format!(
                "SELECT DISTINCT ({sql})::text FROM {} AS mkx",
                table.name.sql()
            );
            for row in client.query(&query, &[]).unwrap() {
                if let Some(text) = row.get::<_, Option<String>>(0) {
                    let found = found_in(&text);
                    assert!(found.is_empty(), "{}.{}: {text}", table.name, column.name);
                }
            }
        }
    }
}
