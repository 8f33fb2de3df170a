//! A random small schema with data and a policy for it.

use crate::policy::Policy;
use serde_json::{Map, Value, json};

/// Tables; the first is the root.
pub struct World {
    pub tables: Vec<Table>,
    pub percent: f64,
}

pub struct Table {
    pub name: String,
    pub kinds: Vec<Kind>,
    pub key: Vec<usize>,
    /// A unique column besides, or none.
    pub code: Option<usize>,
    pub links: Vec<Link>,
    pub references: Vec<Reference>,
    pub extent: &'static str,
    pub is_stubbed: bool,
    pub is_filtered: bool,
    pub is_pinning: bool,
    /// The link whose child rows are capped, and to how many.
    pub cap: Option<(usize, u64)>,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
    not_null: Vec<bool>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Int,
    Big,
    Uuid,
    Text,
    Bool,
    Ints,
    Numeric,
}

impl Kind {
    fn sql(self) -> &'static str {
        match self {
            Kind::Int => "integer",
            Kind::Big => "bigint",
            Kind::Uuid => "uuid",
            Kind::Text => "varchar(80)",
            Kind::Bool => "boolean",
            Kind::Ints => "integer[]",
            Kind::Numeric => "numeric",
        }
    }

    fn value(self, number: usize) -> String {
        match self {
            Kind::Uuid => format!("00000000-0000-4000-8000-{number:012}"),
            Kind::Text => format!("k'{number}\" \\,{{"),
            _ => (number * 7 + 3).to_string(),
        }
    }
}

pub struct Link {
    pub columns: Vec<usize>,
    pub parent: usize,
    pub parent_columns: Vec<usize>,
    pub is_nullable: bool,
    pub edge: &'static str,
}

pub struct Reference {
    pub column: usize,
    pub target: usize,
    pub otherwise: &'static str,
}

/// Every table has these columns last: `flag` for `where`, `pinned` for pins, `at` for caps.
pub const FLAG: usize = 3;
pub const PINNED: usize = 2;
pub const AT: usize = 1;

impl World {
    pub fn random(seed: u64) -> World {
        let mut random = fastrand::Rng::with_seed(seed);
        let count = random.usize(2..6);
        let mut tables: Vec<Table> = (0..count).map(|at| table(&mut random, at)).collect();
        for at in 0..count {
            for _ in 0..random.usize(0..4) {
                let parent = random.usize(0..count);
                link(&mut random, &mut tables, at, parent);
            }
            if at > 0 && random.u8(0..4) > 0 {
                let parent = random.usize(0..at);
                link(&mut random, &mut tables, at, parent);
                tables[at].links.last_mut().unwrap().edge = "own";
            }
            if random.u8(0..3) == 0 {
                reference(&mut random, &mut tables, at);
            }
        }
        for table in &mut tables {
            for (name, kind) in [
                ("flag", Kind::Bool),
                ("pinned", Kind::Bool),
                ("at", Kind::Int),
            ] {
                table.column(name.into(), kind, true);
            }
            let single: Vec<usize> = (0..table.links.len())
                .filter(|at| table.links[*at].columns.len() == 1)
                .collect();
            if !single.is_empty()
                && random.u8(0..5) == 0
                && table.extent == "sampled"
                && table.name != "odd T0"
            {
                table.cap = Some((single[random.usize(0..single.len())], random.u64(1..3)));
            }
        }
        fill(&mut random, &mut tables);
        World {
            tables,
            percent: [10.0, 30.0, 50.0, 100.0][random.usize(0..4)],
        }
    }

    pub fn sql(&self) -> String {
        let mut sql = String::new();
        for table in &self.tables {
            let columns: Vec<_> = table
                .columns
                .iter()
                .enumerate()
                .map(|(at, name)| {
                    let null = if table.not_null[at] { " NOT NULL" } else { "" };
                    format!("\"{name}\" {}{null}", table.kinds[at].sql())
                })
                .collect();
            let key = names(table, &table.key);
            let unique = table.code.map_or(String::new(), |code| {
                format!(", UNIQUE ({})", names(table, &[code]))
            });
            sql += &format!(
                "CREATE TABLE \"{}\" ({}, PRIMARY KEY ({key}){unique});\n",
                table.name,
                columns.join(", ")
            );
            for row in &table.rows {
                let values: Vec<_> = row
                    .iter()
                    .map(|value| match value {
                        Some(value) => format!("'{}'", value.replace('\'', "''")),
                        None => "NULL".into(),
                    })
                    .collect();
                sql += &format!(
                    "INSERT INTO \"{}\" VALUES ({});\n",
                    table.name,
                    values.join(", ")
                );
            }
        }
        for table in &self.tables {
            for link in &table.links {
                let parent = &self.tables[link.parent];
                sql += &format!(
                    "ALTER TABLE \"{}\" ADD FOREIGN KEY ({}) REFERENCES \"{}\" ({});\n",
                    table.name,
                    names(table, &link.columns),
                    parent.name,
                    names(parent, &link.parent_columns)
                );
            }
        }
        sql
    }

    pub fn policy_json(&self) -> Value {
        let mut tables = Map::new();
        for table in &self.tables {
            let text = |columns: &[usize]| -> String {
                columns
                    .iter()
                    .map(|at| table.columns[*at].as_str())
                    .collect::<Vec<_>>()
                    .join(",")
            };
            let columns: Map<_, _> = table
                .columns
                .iter()
                .map(|name| (name.clone(), json!("keep")))
                .collect();
            let edges: Map<_, _> = table
                .links
                .iter()
                .map(|link| (text(&link.columns), json!(link.edge)))
                .collect();
            let references: Vec<_> = table
                .references
                .iter()
                .map(|reference| {
                    json!({
                        "column": table.columns[reference.column],
                        "table": self.tables[reference.target].name,
                        "key": self.tables[reference.target].columns[0],
                        "otherwise": reference.otherwise,
                    })
                })
                .collect();
            let mut policy = json!({
                "rows": table.extent, "columns": columns, "edges": edges,
                "references": references, "coverage": [],
            });
            if table.is_filtered {
                policy["where"] = json!("flag -- only these");
            }
            if table.is_pinning {
                policy["pins"] = json!(["pinned"]);
            }
            if table.is_stubbed {
                policy["stub"] = json!({});
            }
            if let Some((link, newest)) = table.cap {
                policy["cap"] = json!({
                    "newest": newest, "per": text(&table.links[link].columns), "by": "at",
                });
            }
            tables.insert(table.name.clone(), policy);
        }
        json!({
            "application": "test", "tables": tables,
            "root": { "table": self.tables[0].name, "name_column": self.tables[0].columns[0] },
        })
    }

    pub fn policy(&self) -> Policy {
        serde_json::from_value(self.policy_json()).unwrap()
    }
}

impl Table {
    fn column(&mut self, name: String, kind: Kind, is_nullable: bool) -> usize {
        self.columns.push(name);
        self.kinds.push(kind);
        self.not_null.push(!is_nullable);
        self.columns.len() - 1
    }
}

fn names(table: &Table, columns: &[usize]) -> String {
    columns
        .iter()
        .map(|at| format!("\"{}\"", table.columns[*at]))
        .collect::<Vec<_>>()
        .join(", ")
}

fn table(random: &mut fastrand::Rng, at: usize) -> Table {
    let mut table = Table {
        name: format!("odd T{at}"),
        kinds: Vec::new(),
        key: Vec::new(),
        code: None,
        links: Vec::new(),
        references: Vec::new(),
        extent: if at == 0 {
            "sampled"
        } else {
            ["sampled", "sampled", "sampled", "sampled", "all", "none"][random.usize(0..6)]
        },
        is_stubbed: random.bool(),
        is_filtered: random.u8(0..4) == 0,
        is_pinning: random.u8(0..4) == 0,
        cap: None,
        columns: Vec::new(),
        rows: Vec::new(),
        not_null: Vec::new(),
    };
    let kinds = [
        Kind::Int,
        Kind::Int,
        Kind::Big,
        Kind::Uuid,
        Kind::Text,
        Kind::Numeric,
    ];
    let first = table.column("id".into(), kinds[random.usize(0..kinds.len())], false);
    table.key.push(first);
    if random.u8(0..5) == 0 {
        let second = table.column(
            "Se\"cond".replace('"', " "),
            kinds[random.usize(0..kinds.len())],
            false,
        );
        table.key.push(second);
    }
    if random.u8(0..3) == 0 {
        let is_nullable = random.bool();
        table.code = Some(table.column(
            "code".into(),
            kinds[random.usize(0..kinds.len())],
            is_nullable,
        ));
    }
    table
}

fn link(random: &mut fastrand::Rng, tables: &mut [Table], child: usize, parent: usize) {
    let parent_columns = match tables[parent].code {
        Some(code) if random.bool() => vec![code],
        _ => tables[parent].key.clone(),
    };
    let must = tables[parent].extent == "none";
    let is_nullable = must || random.bool();
    let number = tables[child].links.len();
    let mut columns = Vec::new();
    for (at, column) in parent_columns.iter().enumerate() {
        let kind = tables[parent].kinds[*column];
        columns.push(tables[child].column(format!("f{number}_{at}"), kind, is_nullable));
    }
    let mut edge = ["own", "include", "stub", "null", "require"][random.usize(0..5)];
    if edge == "null" && !is_nullable {
        edge = "stub";
    }
    tables[child].links.push(Link {
        columns,
        parent,
        parent_columns,
        is_nullable,
        edge,
    });
}

fn reference(random: &mut fastrand::Rng, tables: &mut [Table], child: usize) {
    let target = random.usize(0..tables.len());
    let is_int = matches!(tables[target].kinds[0], Kind::Int | Kind::Big);
    if tables[target].key.len() > 1 || !is_int {
        return;
    }
    let (kind, otherwise) = match random.u8(0..4) {
        0 => (Kind::Ints, "prune"),
        1 => (Kind::Text, "null"),
        2 => (Kind::Text, "drop"),
        _ => (Kind::Text, "keep"),
    };
    let number = tables[child].references.len();
    let column = tables[child].column(format!("r{number}"), kind, true);
    tables[child].references.push(Reference {
        column,
        target,
        otherwise,
    });
}

fn fill(random: &mut fastrand::Rng, tables: &mut [Table]) {
    let mut counts: Vec<usize> = tables
        .iter()
        .map(|_| {
            if random.u8(0..12) == 0 {
                0
            } else {
                random.usize(1..16)
            }
        })
        .collect();
    let has_codes = |table: &Table, link: &Link, tables: &[Table]| {
        let _ = table;
        !(link.parent_columns.len() == 1
            && tables[link.parent].code == Some(link.parent_columns[0]))
            || tables[link.parent].not_null[link.parent_columns[0]]
    };
    loop {
        let mut is_stable = true;
        for at in 0..tables.len() {
            for link in &tables[at].links {
                let is_usable = has_codes(&tables[at], link, tables) && counts[link.parent] > 0;
                if !link.is_nullable && !is_usable && counts[at] > 0 {
                    counts[at] = 0;
                    is_stable = false;
                }
            }
        }
        if is_stable {
            break;
        }
    }
    for at in 0..tables.len() {
        for number in 0..counts[at] {
            let mut row = vec![None; tables[at].columns.len()];
            for (place, column) in tables[at].key.iter().enumerate() {
                // The second part of a composite key repeats.
                let number = if place == 0 { number } else { number / 3 };
                row[*column] = Some(tables[at].kinds[*column].value(number));
            }
            if let Some(code) = tables[at].code {
                let is_filled = tables[at].not_null[code] || random.u8(0..4) > 0;
                row[code] = is_filled.then(|| tables[at].kinds[code].value(number + 100));
            }
            let last = row.len();
            row[last - FLAG] = [Some("true"), Some("true"), Some("false"), None]
                [random.usize(0..4)]
            .map(Into::into);
            row[last - PINNED] = Some((random.u8(0..6) == 0).to_string());
            row[last - AT] = Some(((number * 37) % 101).to_string());
            tables[at].rows.push(row);
        }
    }
    for at in 0..tables.len() {
        for number in 0..counts[at] {
            for link in 0..tables[at].links.len() {
                let link = &tables[at].links[link];
                let parent = &tables[link.parent];
                if parent.rows.is_empty() || link.is_nullable && random.u8(0..4) == 0 {
                    continue;
                }
                let chosen = &parent.rows[random.usize(0..parent.rows.len())];
                let values: Vec<_> = link
                    .parent_columns
                    .iter()
                    .map(|column| chosen[*column].clone())
                    .collect();
                for (column, value) in link.columns.clone().into_iter().zip(values) {
                    tables[at].rows[number][column] = value;
                }
            }
            for reference in 0..tables[at].references.len() {
                let reference = &tables[at].references[reference];
                let column = reference.column;
                let target = &tables[reference.target];
                let mut ids: Vec<String> = Vec::new();
                for _ in 0..random.usize(0..4) {
                    ids.push(if target.rows.is_empty() || random.u8(0..4) == 0 {
                        random.usize(900..999).to_string()
                    } else {
                        target.rows[random.usize(0..target.rows.len())][0]
                            .clone()
                            .unwrap()
                    });
                }
                let value = match tables[at].kinds[column] {
                    Kind::Ints => Some(format!("{{{}}}", ids.join(","))),
                    _ if random.u8(0..6) == 0 => Some("12x".into()),
                    _ => ids.pop(),
                };
                tables[at].rows[number][column] = value.filter(|_| random.u8(0..6) > 0);
            }
        }
    }
}
