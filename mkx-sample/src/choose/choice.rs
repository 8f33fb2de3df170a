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

use crate::choose::closure::{Batch, Graph, Node, ROW, Session, add, column_of};
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
    let tables = policy.tables.values_mut();
    let caps: Vec<_> = tables.filter_map(|table| table.cap.as_mut()).collect();
    if caps.is_empty() {
        return Err(Failure::usage("cannot cap anything: no table of the policy has a cap")
            .hint("add \"cap\": {\"newest\": 100, \"per\": \"owner_id\", \"by\": \"created_at\"} to the table's policy"));
    }
    for cap in caps {
        cap.newest = newest;
    }
    Ok(())
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

impl Chosen {
    /// Chosen of those that could be, in per cent, to three digits.
    pub fn percent(&self) -> f64 {
        #[allow(clippy::cast_precision_loss)] // a share, not a count
        let share = match self.eligible {
            0 => 0.0,
            eligible => self.sampled as f64 * 100.0 / eligible as f64,
        };
        (share * 1000.0).round() / 1000.0
    }
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
    let sql = candidates_sql(graph, &policy.root, &choice.seed);
    session.each(node, &sql, |row| {
        let hash = row.get::<_, &[u8]>(1).iter();
        candidates.push(Candidate {
            stratum: row.get(0),
            hash: hash.fold(0, |hash, byte| hash << 8 | u64::from(*byte)),
            place: texts.len(),
        });
        texts.push(Box::<str>::from(row.get::<_, &str>(2)));
    })?;
    let eligible = candidates.len();
    let taken = take(candidates, choice.percent);
    let sampled = taken.len() as u64;
    let mut keys: Vec<Box<str>> = taken.iter().map(|place| texts[*place].clone()).collect();
    drop(texts);
    keys.sort_unstable();
    let identity = identity_text(graph);
    let (from, keys) = (node.from(), sql::array(keys, "text"));
    let tail = format!("{from} WHERE {identity} IN (SELECT unnest({keys}))");
    let mut rows = session.rows(node, &tail)?;
    add(&mut rows, &included(graph, &policy.root, choice, session)?);
    Ok(Chosen {
        eligible: eligible as u64,
        sampled,
        rows,
    })
}

/// The primary key as one text.
fn identity_text(graph: &Graph) -> String {
    let columns = graph.nodes[graph.root].keys[0].sql_columns();
    let texts = columns.iter().map(|column| format!("{column}::text"));
    match columns.len() {
        1 => sql::list(texts),
        _ => format!("ROW({})::text", sql::list(texts)),
    }
}

/// Stratum, hash and primary key of every row that can be sampled.
fn candidates_sql(graph: &Graph, root: &Root, seed: &str) -> String {
    let node = &graph.nodes[graph.root];
    let identity = identity_text(graph);
    let (mut activity, mut joins) = (String::from("1"), String::new());
    for (number, counted) in root.activity.iter().enumerate() {
        let is_counted = |n: &&Node| n.table.name.to_string() == counted.table;
        let Some((at, child)) = graph.nodes.iter().enumerate().find(|(_, n)| is_counted(n)) else {
            continue;
        };
        let mut links = graph.links_of(at).map(|(_, link)| link);
        let link = links.find(|l| l.parent == graph.root && l.columns == [counted.column.as_str()]);
        let key = &node.keys[link.map_or(0, |link| link.key)].sql_columns()[0];
        let (column, from) = (column_of(&counted.column), child.from());
        activity.push_str(&format!(" + COALESCE(a{number}.n, 0)"));
        joins.push_str(&format!(
            " LEFT JOIN (SELECT {column} AS owner, count(*) AS n {from} GROUP BY 1) a{number} \
             ON a{number}.owner = {key}"
        ));
    }
    // The policy's SQL names columns of the root row alone, so it stands inside.
    let eligible = root.eligible.as_deref().map(of_policy);
    format!(
        "SELECT length(ltrim(({activity})::bigint::bit(64)::text, '0')) - 1, \
         substr(sha256(convert_to({} || {identity}, 'UTF8')), 1, 8), {identity} \
         FROM (SELECT * {} WHERE {}) AS {ROW}{joins}",
        sql::literal(&format!("{seed}:")),
        node.from(),
        sql::all(eligible.into_iter().chain(node.condition()))
    )
}

/// Places of the candidates that are taken.
fn take(mut candidates: Vec<Candidate>, percent: f64) -> Vec<usize> {
    candidates
        .sort_unstable_by_key(|candidate| (candidate.stratum, candidate.hash, candidate.place));
    let strata: Vec<&[Candidate]> = candidates.chunk_by(|a, b| a.stratum == b.stratum).collect();
    let sizes: Vec<u64> = strata.iter().map(|stratum| stratum.len() as u64).collect();
    let seats = seats(&sizes, total(candidates.len(), percent));
    let taken = strata.iter().zip(seats);
    let taken = taken.flat_map(|(stratum, seats)| &stratum[..seats as usize]);
    taken.map(|candidate| candidate.place).collect()
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
fn included(graph: &Graph, root: &Root, choice: &Choice, session: &mut Session) -> Result<Batch> {
    let node = &graph.nodes[graph.root];
    let (from, name) = (node.from(), column_of(&root.name_column));
    let mut all = node.none();
    for included in &choice.include {
        let tail = format!("{from} WHERE {name}::text = {}", sql::literal(included));
        let rows = session.rows(node, &tail)?;
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
        add(&mut all, &rows);
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
