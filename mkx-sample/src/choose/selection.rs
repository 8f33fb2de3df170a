//! What one run copies: the result of choosing users and following edges, before any content
//! is read.

use mkx_contract::{Failure, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::choose::census::{Census, Round, census, in_order};
use crate::choose::choice::{Choice, Chosen, apply_cap, choose};
use crate::choose::closure::{self, Graph, Session, Sets};
use crate::choose::coverage::{CoverageAdded, cover};
use crate::choose::extract;
use crate::choose::plan::Roots;
use crate::choose::survey::{Survey, survey};
use crate::database::catalog::{Catalog, TableName};
use crate::database::source::Source;
use crate::policy::{Edge, Policy};
use crate::transform::Context;

/// What to copy, and why it is that much.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Rows of the root table (users).
    pub roots: Roots,
    /// Every table of the catalog that is to be filled.
    pub tables: Vec<TableCopy>,
    /// What each edge brings.
    pub edges: Vec<EdgeRows>,
    /// What was added so that every enum-like value occurs.
    pub coverage: Vec<CoverageAdded>,
}

/// How one table is copied.
#[derive(Debug, Clone)]
pub struct TableCopy {
    /// The table.
    pub table: TableName,
    /// Its columns that are written, generated ones left out.
    pub columns: Vec<String>,
    /// Queries over EA whose columns are exactly `columns`, in order, with exactly their types;
    /// together they give every row once. The anonymisation is in them.
    pub selects: Vec<String>,
    /// How many rows they give.
    pub rows: u64,
    /// How many rows EA has.
    pub rows_in_source: u64,
}

/// The rows that one edge brings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EdgeRows {
    /// Child table.
    pub table: String,
    /// Its columns, with commas between.
    pub columns: String,
    /// Parent table.
    pub parent: String,
    /// What the policy says.
    pub policy: Edge,
    /// Rows that it brings: children for `own`, parents for `include` and `stub`, nulled
    /// references for `null`, dropped children for `require`.
    pub rows: u64,
}

/// Chooses the root rows and follows the edges: reads keys and counts from EA, no content.
///
/// # Errors
/// Exit 3 where the policy can not be kept or brings more than it allows, exit 4 where EA fails.
pub fn select(
    source: &mut Source,
    catalog: &Catalog,
    policy: &Policy,
    choice: &Choice,
    context: &Context,
) -> Result<Selection> {
    choice.check()?;
    let mut policy = policy.clone();
    apply_cap(&mut policy, choice.cap)?;
    let graph = Graph::new(catalog, &policy)?;
    let mut beside = source.another_session()?;
    let client = &mut source.client;
    let mut sets = Sets::new(&graph);
    let round = Round::over(&graph);
    let (chosen, census) = std::thread::scope(|threads| {
        let theirs = threads.spawn(|| census(&graph, &round, &mut beside));
        let chosen = follow(&graph, &policy, choice, &mut sets, &mut Session { client });
        let ours = match &chosen {
            Ok(_) => census(&graph, &round, client),
            Err(_) => Ok(Vec::new()),
        };
        let theirs = theirs.join().expect("the census does not panic");
        Ok((chosen?, in_order(ours?, theirs?)))
    })?;
    let coverage = cover(&graph, &mut sets, [client, &mut beside], &census, context)?;
    closure::stubs(&graph, &mut sets, &mut Session { client })?;
    let surveys = Round::in_two_sessions(&graph, [client, &mut beside], |at, session| {
        survey(&graph, &sets, session, at)
    })?;
    Finding {
        graph: &graph,
        sets: &sets,
        context,
        census: &census,
        coverage,
    }
    .finish(&surveys, &chosen)
}

/// Down from the chosen rows and the pins, then up.
fn follow(
    graph: &Graph,
    policy: &Policy,
    choice: &Choice,
    sets: &mut Sets,
    session: &mut Session,
) -> Result<Chosen> {
    let chosen = choose(graph, policy, choice, session)?;
    sets.rows[graph.root].owned = chosen.rows.clone();
    closure::pin(graph, sets, session, graph.root)?;
    closure::own_rows(graph, sets, session)?;
    for at in (0..graph.nodes.len()).filter(|at| *at != graph.root) {
        closure::pin(graph, sets, session, at)?;
    }
    closure::include(graph, sets, session, None)?;
    Ok(chosen)
}

/// All rows are known; what remains is to count them and to write the SELECTs.
struct Finding<'a> {
    graph: &'a Graph<'a>,
    sets: &'a Sets,
    context: &'a Context,
    census: &'a [Census],
    coverage: Vec<CoverageAdded>,
}

impl Finding<'_> {
    fn finish(&self, surveys: &[Survey], chosen: &Chosen) -> Result<Selection> {
        let root = &self.sets.rows[self.graph.root];
        let whole = (root.owned[0].len() + root.extra[0].len()) as u64;
        let mut selection = Selection {
            roots: Roots {
                total: self.census[self.graph.root].rows,
                eligible: chosen.eligible,
                sampled: chosen.sampled,
                added: whole - chosen.sampled,
                stubs: root.stubs[0].len() as u64,
                percent: chosen.percent(),
            },
            tables: Vec::new(),
            edges: Vec::new(),
            coverage: self.coverage.clone(),
        };
        for (at, node) in self.graph.nodes.iter().enumerate() {
            let survey = &surveys[at];
            self.check_share(at, survey)?;
            selection.edges.extend(self.edges(survey));
            selection.tables.push(TableCopy {
                table: node.table.name.clone(),
                columns: node
                    .table
                    .written_columns()
                    .map(|c| c.name.clone())
                    .collect(),
                selects: extract::selects(self.graph, self.sets, at, self.context)?,
                rows: survey.rows,
                rows_in_source: self.census[at].rows,
            });
        }
        Ok(selection)
    }

    fn edges(&self, survey: &Survey) -> Vec<EdgeRows> {
        let name = |at: usize| self.graph.nodes[at].table.name.to_string();
        let edges = survey.edges.iter();
        let edges = edges.map(|(place, rows)| (&self.graph.links[*place], *rows));
        let edges = edges.map(|(link, rows)| EdgeRows {
            table: name(link.child),
            columns: link.columns.join(","),
            parent: name(link.parent),
            policy: link.policy,
            rows,
        });
        edges.collect()
    }

    /// A table that comes almost whole is most often an edge that should have been a stub.
    fn check_share(&self, at: usize, survey: &Survey) -> Result<()> {
        let node = &self.graph.nodes[at];
        let all = self.census[at].rows;
        let is_exceeded = |share: &f64| all > 0 && survey.rows as f64 > share * all as f64;
        let Some(allowed) = node.policy.max_share.filter(is_exceeded) else {
            return Ok(());
        };
        Err(Failure::input(format!(
            "cannot sample {}: {} of its {all} rows would come ({:.1} %), and the policy allows {:.1} %",
            node.table.name,
            survey.rows,
            survey.rows as f64 * 100.0 / all as f64,
            allowed * 100.0
        ))
        .hint(self.most(at)))
    }

    /// The edge that brings most rows of the table.
    fn most(&self, at: usize) -> String {
        let name = |at: usize| &self.graph.nodes[at].table.name;
        let edges = self.graph.links.iter().zip(&self.sets.wanted);
        let edges = edges.filter(|(link, wanted)| link.parent == at && !wanted.is_empty());
        let edges = edges.map(|(link, wanted)| {
            let edge = format!("{}.{}", name(link.child), link.columns.join(","));
            (wanted.len(), edge)
        });
        match edges.max() {
            Some((rows, edge)) => format!(
                "most are asked for by {edge} ({rows} rows); make that edge stub or null, or raise \
                 max_share of {}",
                name(at)
            ),
            None => format!(
                "they come along with their owners; cap them, sample less, or raise max_share of {}",
                name(at)
            ),
        }
    }
}
