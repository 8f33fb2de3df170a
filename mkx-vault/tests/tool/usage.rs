//! `usage` and `schema`.

use serde_json::{Value, json};

use crate::world::World;

#[test]
fn both_vaults_are_measured_by_kind() {
    let world = World::new();
    let uuid = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
    world.put(&format!("ea/24/07/{uuid}.png"), "12345");
    world.put(&format!("ea/24/07/{uuid}.webp"), "123");
    world.put(&format!("ea/24/07/{uuid}_upscaled.webp"), "1");
    world.put(&format!("ea/mkpx/24/07/{uuid}.mkpx"), "12");
    world.put(&format!("eb/avatar/24/07/{uuid}.gif"), "1234");
    let usage = world
        .run(&["usage"], "")
        .expect(0)
        .record("mkx.vault.usage/1");
    let amount = |environment: &str, class: &str| {
        let amount = &usage[environment]["classes"][class];
        (amount["files"].clone(), amount["size_bytes"].clone())
    };
    assert_eq!(amount("ea", "artwork"), (json!(2), json!(8)));
    assert_eq!(amount("ea", "upscaled"), (json!(1), json!(1)));
    assert_eq!(amount("ea", "layers"), (json!(1), json!(2)));
    assert_eq!(amount("eb", "avatar"), (json!(1), json!(4)));
    assert_eq!(usage["ea"]["total"]["files"], 4);
    assert!(usage["eb"]["free_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn the_schema_names_every_record() {
    let world = World::new();
    let schema = world.run(&["schema"], "").expect(0).record("mkx.schema/1");
    let names = |kind: &str| -> Vec<String> {
        let object: &Value = &schema[kind];
        object.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(names("reads"), ["mkx.vault.file/1", "mkx.vault.manifest/1"]);
    assert_eq!(
        names("writes"),
        [
            "mkx.vault.plan/1",
            "mkx.vault.report/1",
            "mkx.vault.verification/1",
            "mkx.vault.pruning/1",
            "mkx.vault.usage/1"
        ]
    );
    assert_eq!(
        schema["writes"]["mkx.vault.report/1"]["properties"]["missing"]["type"],
        "array"
    );
}
