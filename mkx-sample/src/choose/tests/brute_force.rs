//! The closure as `docs/sampling.md` says it, with no thought of speed.

use sha2::{Digest, Sha256};

use super::world::{AT, FLAG, Link, PINNED, Table, World};

/// For each table, for each row, whether it is in.
type Set = Vec<Vec<bool>>;

#[derive(Clone, Copy, PartialEq)]
enum Up {
    Include,
    Stub,
    Null,
}

/// The rows of each table in EB, sorted.
pub fn rows(world: &World) -> Vec<Vec<Vec<Option<String>>>> {
    let own = own(world);
    let whole = whole(world, &own);
    let any = with_stubs(world, &whole);
    let tables = world.tables.iter().enumerate().map(|(at, table)| {
        let mut rows: Vec<_> = (0..table.rows.len())
            .filter(|row| any[at][*row])
            .map(|row| written(world, &any, at, row, !whole[at][row]))
            .collect();
        rows.sort();
        rows
    });
    tables.collect()
}

fn none(world: &World) -> Set {
    world
        .tables
        .iter()
        .map(|table| vec![false; table.rows.len()])
        .collect()
}

fn is_complete(table: &Table) -> bool {
    table.extent == "all" && !table.is_filtered
}

fn follows(at: usize, table: &Table) -> bool {
    at > 0 && table.extent == "sampled"
}

/// `where` and the cap.
fn is_admitted(table: &Table, row: usize) -> bool {
    let flag = |row: usize| {
        let values = &table.rows[row];
        !table.is_filtered || values[values.len() - FLAG].as_deref() == Some("true")
    };
    let Some((link, newest)) = table.cap else {
        return flag(row);
    };
    let per = table.links[link].columns[0];
    let at = |row: usize| -> i64 {
        let values = &table.rows[row];
        values[values.len() - AT].as_ref().unwrap().parse().unwrap()
    };
    let newer = (0..table.rows.len())
        .filter(|other| flag(*other) && table.rows[*other][per] == table.rows[row][per])
        .filter(|other| at(*other) > at(row))
        .count();
    flag(row) && (table.rows[row][per].is_none() || (newer as u64) < newest)
}

/// The row of the parent that a link leads to.
fn parent(world: &World, link: &Link, row: &[Option<String>]) -> Option<usize> {
    let values: Option<Vec<&String>> = link
        .columns
        .iter()
        .map(|column| row[*column].as_ref())
        .collect();
    let values = values?;
    world.tables[link.parent].rows.iter().position(|row| {
        link.parent_columns
            .iter()
            .zip(&values)
            .all(|(column, value)| row[*column].as_ref() == Some(value))
    })
}

fn target(world: &World, at: usize, id: &str) -> Option<usize> {
    id.parse::<i64>().ok()?;
    world.tables[at]
        .rows
        .iter()
        .position(|row| row[0].as_deref() == Some(id))
}

fn chosen(world: &World) -> Vec<bool> {
    let root = &world.tables[0];
    let text = |row: &Vec<Option<String>>| match &root.key[..] {
        [one] => row[*one].clone().unwrap(),
        many => composite(many.iter().map(|column| row[*column].as_deref().unwrap())),
    };
    let mut candidates: Vec<(Vec<u8>, usize)> = (0..root.rows.len())
        .filter(|row| is_admitted(root, *row))
        .map(|row| {
            let digest = Sha256::digest(format!("s:{}", text(&root.rows[row])));
            (digest[..8].to_vec(), row)
        })
        .collect();
    candidates.sort();
    let exact = (candidates.len() as f64 * world.percent / 100.0).round() as usize;
    let total = exact.max(usize::from(!candidates.is_empty()));
    let mut chosen = vec![false; root.rows.len()];
    for (_, row) in candidates.iter().take(total) {
        chosen[*row] = true;
    }
    for (row, is_chosen) in chosen.iter_mut().enumerate() {
        *is_chosen |= is_pinned(root, row);
    }
    chosen
}

/// A row's text form in PostgreSQL.
fn composite<'a>(values: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = values
        .map(|value| {
            if value.is_empty() || value.contains([' ', '"', '\\', ',', '(', ')']) {
                format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\"\""))
            } else {
                value.to_owned()
            }
        })
        .collect();
    format!("({})", quoted.join(","))
}

fn is_pinned(table: &Table, row: usize) -> bool {
    let values = &table.rows[row];
    table.is_pinning && values[values.len() - PINNED].as_deref() == Some("true")
}

/// The greatest set for which `require` holds of the least set that owners bring.
fn own(world: &World) -> Set {
    let mut required: Set = world
        .tables
        .iter()
        .map(|table| vec![true; table.rows.len()])
        .collect();
    loop {
        let found = least(world, &required);
        if found == required {
            return found;
        }
        required = found;
    }
}

fn least(world: &World, required: &Set) -> Set {
    let mut own = none(world);
    own[0] = chosen(world);
    for (at, table) in world.tables.iter().enumerate() {
        if at > 0 && table.extent == "all" {
            own[at] = (0..table.rows.len())
                .map(|row| is_admitted(table, row))
                .collect();
        }
    }
    loop {
        let before = own.clone();
        for (at, table) in world
            .tables
            .iter()
            .enumerate()
            .filter(|(at, table)| follows(*at, table))
        {
            for (row, values) in table.rows.iter().enumerate() {
                let leads = |link: &Link, set: &Set| {
                    parent(world, link, values).map(|parent| set[link.parent][parent])
                };
                let is_owned = table
                    .links
                    .iter()
                    .any(|link| link.edge == "own" && leads(link, &own) == Some(true));
                let has_all = table
                    .links
                    .iter()
                    .all(|link| link.edge != "require" || leads(link, required) != Some(false));
                let refers = table.references.iter().all(|reference| {
                    reference.otherwise != "drop"
                        || values[reference.column].as_ref().is_none_or(|id| {
                            target(world, reference.target, id)
                                .is_some_and(|row| required[reference.target][row])
                        })
                });
                own[at][row] |= is_owned && has_all && refers && is_admitted(table, row);
            }
        }
        if own == before {
            return own;
        }
    }
}

fn up(world: &World, link: &Link) -> Up {
    let parent = &world.tables[link.parent];
    match link.edge {
        _ if parent.extent == "none" => Up::Null,
        "include" => Up::Include,
        "stub" => Up::Stub,
        "null" => Up::Null,
        _ if link.is_nullable => Up::Null,
        _ if parent.is_stubbed => Up::Stub,
        _ => Up::Include,
    }
}

fn whole(world: &World, own: &Set) -> Set {
    let mut whole = own.clone();
    for (at, table) in world.tables.iter().enumerate() {
        for (row, is_whole) in whole[at].iter_mut().enumerate() {
            *is_whole |= table.extent != "none" && is_pinned(table, row);
        }
    }
    grow(world, whole, |_, link, _| up(world, link) == Up::Include)
}

fn with_stubs(world: &World, whole: &Set) -> Set {
    grow(world, whole.clone(), |at, link, row| {
        if whole[at][row] {
            up(world, link) != Up::Null
        } else {
            !link.is_nullable
        }
    })
}

/// Adds parents until nothing changes.
fn grow(world: &World, mut set: Set, brings: impl Fn(usize, &Link, usize) -> bool) -> Set {
    loop {
        let before = set.clone();
        for (at, table) in world.tables.iter().enumerate() {
            for (row, values) in table
                .rows
                .iter()
                .enumerate()
                .filter(|(row, _)| before[at][*row])
            {
                for link in &table.links {
                    if brings(at, link, row) {
                        if let Some(parent) = parent(world, link, values) {
                            set[link.parent][parent] = true;
                        }
                    }
                }
            }
        }
        if set == before {
            return set;
        }
    }
}

/// The row as EB has it.
fn written(world: &World, any: &Set, at: usize, row: usize, is_stub: bool) -> Vec<Option<String>> {
    let table = &world.tables[at];
    let mut values = table.rows[row].clone();
    for link in &table.links {
        let is_there =
            parent(world, link, &table.rows[row]).is_some_and(|row| any[link.parent][row]);
        let is_lost = link.is_nullable
            && !is_complete(&world.tables[link.parent])
            && (is_stub || up(world, link) == Up::Null && !is_there);
        assert!(
            is_lost || is_there || link.columns.iter().any(|column| values[*column].is_none()),
            "the closure dangles"
        );
        if is_lost {
            link.columns
                .iter()
                .for_each(|column| values[*column] = None);
        }
    }
    for reference in &table.references {
        let is_there = |id: &str| {
            target(world, reference.target, id).is_some_and(|row| any[reference.target][row])
        };
        let Some(value) = values[reference.column].clone() else {
            continue;
        };
        match reference.otherwise {
            "keep" => {}
            "prune" => {
                let ids: Vec<&str> = value
                    .trim_matches(['{', '}'])
                    .split(',')
                    .filter(|id| is_there(id))
                    .collect();
                values[reference.column] = Some(format!("{{{}}}", ids.join(",")));
            }
            _ if is_there(&value) => {}
            _ => values[reference.column] = None,
        }
    }
    values
}
