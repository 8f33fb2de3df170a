//! What `run` was asked for is in EB's mark, and `verify` judges by it.

use mkx_tests::shop;
use mkx_tests::site::{DATABASE, Site};
use mkx_tests::tool::Finished;
use serde_json::{Value, json};

fn verify(site: &Site, arguments: &[&str]) -> Finished {
    shop::sample(site, &["verify"]).args(arguments).run()
}

fn mark(site: &Site) -> Value {
    let sql =
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1::text";
    let row = site
        .eb
        .client("postgres")
        .query_one(sql, &[&DATABASE])
        .unwrap();
    serde_json::from_str(row.get(0)).unwrap()
}

fn set_mark(site: &Site, mark: &Value) {
    let sql = format!("COMMENT ON DATABASE {DATABASE} IS '{mark}'");
    site.eb.client("postgres").batch_execute(&sql).unwrap();
}

#[test]
fn a_sample_is_judged_by_what_was_asked_for_also_after_a_reset() {
    let site = shop::open();
    let customer = "SELECT \"full name\" FROM shop.\"Customer\" ORDER BY id LIMIT 1";
    let name: String = site
        .ea
        .client(DATABASE)
        .query_one(customer, &[])
        .unwrap()
        .get(0);
    shop::sample(
        &site,
        &["run", "--percent", "50", "--seed", "s", "--include", &name],
    )
    .run()
    .expect_code(0);
    let asked = json!({ "percent": 50.0, "seed": "s", "included": 1, "cap": null });
    assert_eq!(mark(&site)["asked"], asked);
    assert!(!mark(&site).to_string().contains(&name));
    verify(&site, &[]).expect_code(0);
    verify(&site, &["--percent", "10"]).expect_code(1);
    shop::sample(&site, &["reset"]).run().expect_code(0);
    assert_eq!(mark(&site)["asked"], asked);
    verify(&site, &[]).expect_code(0);

    // a mark of an earlier version says nothing of it
    let mut old = mark(&site);
    old.as_object_mut().unwrap().remove("asked");
    set_mark(&site, &old);
    let judged = verify(&site, &[]).expect_code(1);
    let said =
        "EB's mark does not say what the sample was asked for, so it is judged as one of 10 %";
    assert!(judged.stderr.contains(said), "{}", judged.stderr);
    let told = verify(&site, &["--percent", "50", "--include", &name]).expect_code(0);
    assert!(!told.stderr.contains("EB's mark"), "{}", told.stderr);
}
