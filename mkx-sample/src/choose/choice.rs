//! Which root rows (users) are sampled.
//!
//! Root rows are put into strata by their activity, powers of two of it, and in each stratum those
//! with the lowest hash of seed and primary key are taken. How many of each stratum, is the
//! Balinski-Young quota method: a stratum never gets less or more than its share rounded down or
//! up, and never loses a seat when the sample grows. So the same seed gives the same users, and
//! 10 % is contained in 20 %.

use mkx_contract::{Failure, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::choose::closure::{Batch, Graph, Keys, Session, columns_of};
use crate::database::mark::Asked;
use crate::policy::{Policy, Root};
use crate::sql::{self, of_policy};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Choice {
    /// Per cent of the root rows that can be sampled: above 0, at most 100.
    pub percent: f64,
    /// The same seed chooses the same rows.
    pub seed: String,
    /// Names of root rows that come in any case, by the policy's `root.name_column`.
    pub include: Vec<String>,
    /// Overrides `newest` of every cap in the policy.
    pub cap: Option<u64>,
}

impl Choice {
    /// What EB's mark says of it.
    pub fn asked(&self) -> Asked {
        Asked {
            percent: self.percent,
            seed: self.seed.clone(),
            included: self.include.len() as u64,
            cap: self.cap,
        }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// Exit 2.
    pub fn check(&self) -> Result<()> {
        if self.percent > 0.0 && self.percent <= 100.0 {
            return Ok(());
        }
        Err(
            Failure::usage(format!("cannot sample {} per cent", self.percent))
                .hint("--percent is above 0 and at most 100"),
        )
    }
}

/// Puts the command line's cap in the place of the policy's.
///
/// # Errors
/// Exit 2 where the policy caps nothing.
pub fn apply_cap(policy: &mut Policy, cap: Option<u64>) -> Result<()> {
    let Some(newest) = cap else {
        return Ok(());
    };
    let mut is_applied = false;
    for cap in policy
        .tables
        .values_mut()
        .filter_map(|table| table.cap.as_mut())
    {
        cap.newest = newest;
        is_applied = true;
    }
    if is_applied {
        return Ok(());
    }
    Err(Failure::usage("cannot cap anything: no table of the policy has a cap")
        .hint("add \"cap\": {\"newest\": 100, \"per\": \"owner_id\", \"by\": \"created_at\"} to the table's policy"))
}

/// What was chosen, before pins.
#[derive(Debug)]
pub struct Chosen {
    /// Root rows that could be sampled.
    pub eligible: u64,
    /// How many were taken by their hash.
    pub sampled: u64,
    /// Those, and the included ones.
    pub rows: Batch,
}

/// A root row that could be sampled.
struct Candidate {
    stratum: i32,
    hash: u64,
    place: usize,
}

/// Chooses root rows.
///
/// # Errors
/// Exit 3 where an included name is not there; as [`Session::each`].
pub fn choose(
    graph: &Graph,
    policy: &Policy,
    choice: &Choice,
    session: &mut Session,
) -> Result<Chosen> {
    let node = &graph.nodes[graph.root];
    let mut candidates = Vec::new();
    let mut texts = Vec::new();
    session.each(
        node,
        &candidates_sql(graph, &policy.root, &choice.seed),
        |row| {
            let hash: &[u8] = row.get(1);
            candidates.push(Candidate {
                stratum: row.get(0),
                hash: hash
                    .iter()
                    .fold(0, |hash, byte| hash << 8 | u64::from(*byte)),
                place: texts.len(),
            });
            texts.push(Box::<str>::from(row.get::<_, &str>(2)));
        },
    )?;
    let eligible = candidates.len();
    let taken = take(candidates, choice.percent);
    let sampled = taken.len() as u64;
    let mut keys: Vec<Box<str>> = taken.iter().map(|place| texts[*place].clone()).collect();
    drop(texts);
    keys.sort_unstable();
    let identity = identity_text(graph);
    let rows = session.rows(
        node,
        crate::choose::closure::ROW,
        &format!(
            "FROM {} AS mkx WHERE {identity} IN (SELECT unnest({}))",
            node.table.sql_from(),
            sql::array(keys, "text")
        ),
    )?;
    let mut chosen = Chosen {
        eligible: eligible as u64,
        sampled,
        rows,
    };
    for (keys, more) in chosen
        .rows
        .iter_mut()
        .zip(included(graph, &policy.root, choice, session)?)
    {
        keys.add(&more);
    }
    Ok(chosen)
}

/// The primary key as one text.
fn identity_text(graph: &Graph) -> String {
    let columns: Vec<_> = graph.nodes[graph.root].keys[0]
        .sql_columns("mkx")
        .into_iter()
        .map(|column| format!("{column}::text"))
        .collect();
    match &columns[..] {
        [one] => one.clone(),
        many => format!("ROW({})::text", many.join(", ")),
    }
}

/// Stratum, hash and primary key of every row that can be sampled.
fn candidates_sql(graph: &Graph, root: &Root, seed: &str) -> String {
    let node = &graph.nodes[graph.root];
    let identity = identity_text(graph);
    let counted: Vec<_> = root
        .activity
        .iter()
        .filter_map(|activity| {
            let at = graph
                .nodes
                .iter()
                .position(|n| n.table.name.to_string() == activity.table)?;
            let column = columns_of("mkx", std::slice::from_ref(&activity.column)).remove(0);
            let link = graph.links_of(at).find(|(_, link)| {
                link.parent == graph.root && link.columns == [activity.column.as_str()]
            });
            let key = link.map_or(0, |(_, link)| link.key);
            Some((
                graph.nodes[at].table.sql_from(),
                column,
                node.keys[key].sql_columns("mkx").remove(0),
            ))
        })
        .enumerate()
        .collect();
    let joins: Vec<_> = counted
        .iter()
        .map(|(at, (from, column, key))| {
            format!(
                " LEFT JOIN (SELECT {column} AS owner, count(*) AS n FROM {from} AS mkx GROUP BY 1) a{at} \
                 ON a{at}.owner = {key}"
            )
        })
        .collect();
    let sum: Vec<_> = counted
        .iter()
        .map(|(at, _)| format!("COALESCE(a{at}.n, 0)"))
        .collect();
    let activity = if sum.is_empty() {
        "0".into()
    } else {
        sum.join(" + ")
    };
    let mut conditions: Vec<String> = Vec::new();
    conditions.extend(root.eligible.as_deref().map(of_policy));
    conditions.extend(node.policy.condition.as_deref().map(of_policy));
    // The policy's SQL names columns of the root row alone, so it stands inside.
    let condition = if conditions.is_empty() {
        "TRUE".into()
    } else {
        conditions.join(" AND ")
    };
    format!(
        "SELECT length(ltrim((1 + {activity})::bigint::bit(64)::text, '0')) - 1, \
         substr(sha256(convert_to({} || {identity}, 'UTF8')), 1, 8), {identity} \
         FROM (SELECT * FROM {} AS mkx WHERE {condition}) AS mkx{}",
        sql::literal(&format!("{seed}:")),
        node.table.sql_from(),
        joins.concat()
    )
}

/// Places of the candidates that are taken.
fn take(mut candidates: Vec<Candidate>, percent: f64) -> Vec<usize> {
    candidates
        .sort_unstable_by_key(|candidate| (candidate.stratum, candidate.hash, candidate.place));
    let strata: Vec<&[Candidate]> = candidates.chunk_by(|a, b| a.stratum == b.stratum).collect();
    let sizes: Vec<u64> = strata.iter().map(|stratum| stratum.len() as u64).collect();
    let seats = seats(&sizes, total(candidates.len(), percent));
    strata
        .iter()
        .zip(seats)
        .flat_map(|(stratum, seats)| {
            stratum
                .iter()
                .take(usize::try_from(seats).unwrap_or(usize::MAX))
                .map(|c| c.place)
        })
        .collect()
}

/// The rate, rounded; at least one where there are any.
fn total(eligible: usize, percent: f64) -> u64 {
    let exact = eligible as f64 * percent / 100.0;
    (exact.round() as u64).clamp(u64::from(eligible > 0), eligible as u64)
}

/// The quota method: seat by seat to the stratum with the most rows for each seat, of those that
/// would not exceed their share rounded up.
fn seats(sizes: &[u64], total: u64) -> Vec<u64> {
    let all: u128 = sizes.iter().map(|size| u128::from(*size)).sum();
    let mut seats = vec![0u64; sizes.len()];
    for given in 1..=total {
        let may_have =
            |at: usize| u128::from(seats[at]) * all < u128::from(sizes[at]) * u128::from(given);
        let next = (0..sizes.len()).filter(|at| may_have(*at)).max_by(|a, b| {
            let weight = |x: usize, y: usize| u128::from(sizes[x]) * u128::from(seats[y] + 1);
            weight(*a, *b).cmp(&weight(*b, *a)).then(b.cmp(a))
        });
        if let Some(next) = next {
            seats[next] += 1;
        }
    }
    seats
}

/// The rows that `--include` names.
fn included(
    graph: &Graph,
    root: &Root,
    choice: &Choice,
    session: &mut Session,
) -> Result<Vec<Keys>> {
    let node = &graph.nodes[graph.root];
    let name = columns_of("mkx", std::slice::from_ref(&root.name_column)).remove(0);
    let from = format!("FROM {} AS mkx WHERE {name}::text =", node.table.sql_from());
    let mut all: Batch = node
        .keys
        .iter()
        .map(crate::choose::closure::Key::none)
        .collect();
    for included in &choice.include {
        let rows = session.rows(node, "mkx", &format!("{from} {}", sql::literal(included)))?;
        if rows[0].is_empty() {
            return Err(Failure::input(format!(
                "cannot include \"{included}\": {} has no row with that {}",
                root.table, root.name_column
            ))
            .hint(format!(
                "--include takes a {} as it is in production",
                root.name_column
            )));
        }
        for (keys, more) in all.iter_mut().zip(&rows) {
            keys.add(more);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stratum_gets_its_share_rounded_up_or_down_and_never_loses_a_seat() {
        for sizes in [
            vec![1000, 3, 3, 3, 1, 1],
            vec![5, 5, 5],
            vec![997, 1, 1, 1],
            vec![77, 33, 12, 4],
        ] {
            let all: u64 = sizes.iter().sum();
            let mut before = vec![0; sizes.len()];
            for total in 0..=all {
                let now = seats(&sizes, total);
                assert_eq!(now.iter().sum::<u64>(), total);
                for at in 0..sizes.len() {
                    assert!(now[at] >= before[at], "{sizes:?} at {total}");
                    assert!(now[at] >= sizes[at] * total / all, "{sizes:?} at {total}");
                    assert!(
                        now[at] <= (sizes[at] * total).div_ceil(all),
                        "{sizes:?} at {total}"
                    );
                }
                before = now;
            }
        }
    }

    #[test]
    fn a_small_rate_of_few_rows_still_takes_one() {
        assert_eq!(total(3, 1.0), 1);
        assert_eq!(total(0, 50.0), 0);
        assert_eq!(total(25, 10.0), 3);
        assert_eq!(total(7, 100.0), 7);
    }
}
