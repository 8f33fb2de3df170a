//! Up: what the rows that come refer to.

use mkx_contract::Result;

use super::condition::{known, owned_parts, owners};
use super::graph::{Extent, Graph, Link, Up};
use super::keys::{Form, Keys, columns_of};
use super::query::Session;
use super::reference;
use super::sets::{Batch, Sets, Which, add, nothing_wanted, without};
use crate::policy::Edge;
use crate::sql::{self, of_policy};

/// Adds the rows that the policy pins; the root's become own rows, others come only whole.
///
/// # Errors
/// As [`Session::each`].
pub fn pin(graph: &Graph, sets: &mut Sets, session: &mut Session, at: usize) -> Result<()> {
    let node = &graph.nodes[at];
    if node.policy.pins.is_empty() || matches!(node.extent, Extent::Complete | Extent::Empty) {
        return Ok(());
    }
    let pins = node.policy.pins.iter().map(|pin| of_policy(pin));
    let mut tail = format!("{} WHERE ({})", node.from(), sql::any(pins));
    // Rows that come along anyway are known only by their condition here.
    if node.extent == Extent::Leaf {
        let (_, owned) = owned_parts(graph, sets, at);
        tail.push_str(&format!(" AND ({owned}) IS NOT TRUE"));
    }
    let rows = session.rows(node, &tail)?;
    let sets = &mut sets.rows[at];
    if at == graph.root {
        add(&mut sets.owned, &rows);
    } else {
        let new = without(&rows, &sets.owned);
        add(&mut sets.extra, &new);
    }
    Ok(())
}

/// Adds what rows that come whole include, and notes what they want as stubs. `new` are rows of
/// each table that were added to `extra` and not looked at yet; without it, all are looked at.
///
/// # Errors
/// As [`Session::each`].
pub fn include(
    graph: &Graph,
    sets: &mut Sets,
    session: &mut Session,
    new: Option<Vec<Keys>>,
) -> Result<()> {
    let mut new = match new {
        Some(new) => new,
        None => {
            for at in 0..graph.nodes.len() {
                look_at_own(graph, sets, session, at)?;
            }
            sets.rows.iter().map(|rows| rows.extra[0].clone()).collect()
        }
    };
    loop {
        for (at, rows) in new.iter().enumerate() {
            let links = links(graph, at, |link| link.up != Up::Null);
            if !rows.is_empty() && !links.is_empty() {
                let tail = graph.nodes[at].with_keys(0, rows);
                look(graph, &mut sets.wanted, session, at, &tail, &links)?;
            }
        }
        let mut more = graph.no_rows();
        for (at, rows) in new.iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            include_referred(graph, sets, session, at, rows, &mut more)?;
        }
        new = more;
        for (at, link) in graph.links.iter().enumerate() {
            if link.up == Up::Include && graph.nodes[link.parent].extent == Extent::Held {
                let whole = sets.keys(link.parent, link.key, Which::Whole);
                let wanted = sets.wanted[at].without(&whole);
                let rows = resolve(graph, session, link, wanted)?;
                let rows = sets.rows[link.parent].not_whole(&rows);
                new[link.parent].add(&rows[0]);
                add(&mut sets.rows[link.parent].extra, &rows);
            }
        }
        if new.iter().all(Keys::is_empty) {
            return Ok(());
        }
    }
}

/// A reference that drops its row, in one that came whole for another reason than its owner and
/// can not lose it, brings what it refers to.
fn include_referred(
    graph: &Graph,
    sets: &mut Sets,
    session: &mut Session,
    at: usize,
    rows: &Keys,
    new: &mut [Keys],
) -> Result<()> {
    let node = &graph.nodes[at];
    for pointer in graph.references_of(at) {
        let parent = &graph.nodes[pointer.parent];
        let text = reference::text(graph, pointer).filter(|_| pointer.must_hold(graph));
        let Some(text) = text.filter(|_| parent.extent == Extent::Held) else {
            continue;
        };
        let mut wanted = parent.keys[pointer.key].none();
        let tail = node.with_keys(0, rows);
        session.each(node, &format!("SELECT {text} {tail}"), |row| {
            if let Some(text) = row.get(0) {
                wanted.push_text(text);
            }
        })?;
        wanted.settle();
        let wanted = wanted.without(&sets.keys(pointer.parent, pointer.key, Which::Whole));
        let found = session.rows(parent, &parent.with_keys(pointer.key, &wanted))?;
        let found = sets.rows[pointer.parent].not_whole(&found);
        new[pointer.parent].add(&found[0]);
        add(&mut sets.rows[pointer.parent].extra, &found);
    }
    Ok(())
}

/// Adds the stubs that rows that come whole want, and the stubs that stubs can not be without.
///
/// # Errors
/// As [`Session::each`].
pub fn stubs(graph: &Graph, sets: &mut Sets, session: &mut Session) -> Result<()> {
    let mut wanted = nothing_wanted(graph);
    for (at, link) in graph.links.iter().enumerate() {
        if link.up == Up::Stub {
            wanted[at] = sets.wanted[at].clone();
        }
    }
    loop {
        let mut new = graph.no_rows();
        for (link, wanted) in graph.links.iter().zip(&wanted) {
            if graph.nodes[link.parent].extent != Extent::Held || wanted.is_empty() {
                continue;
            }
            let wanted = wanted.without(&sets.keys(link.parent, link.key, Which::Any));
            let rows = resolve(graph, session, link, wanted)?;
            let known = &sets.rows[link.parent];
            let rows = without(&known.not_whole(&rows), &known.stubs);
            new[link.parent].add(&rows[0]);
            add(&mut sets.rows[link.parent].stubs, &rows);
        }
        if new.iter().all(Keys::is_empty) {
            return Ok(());
        }
        wanted = nothing_wanted(graph);
        for (at, rows) in new.iter().enumerate() {
            let links = links(graph, at, |link| link.nullable.is_empty());
            if !rows.is_empty() && !links.is_empty() {
                let tail = graph.nodes[at].with_keys(0, rows);
                look(graph, &mut wanted, session, at, &tail, &links)?;
            }
        }
    }
}

/// What a table's own rows ask for. The edges that brought them need no look: their parents are
/// there.
fn look_at_own(graph: &Graph, sets: &mut Sets, session: &mut Session, at: usize) -> Result<()> {
    let has_one_owner = owners(graph, at).count() == 1;
    let links = links(graph, at, |link| {
        let is_there = graph.follows_edges(at)
            && (link.policy == Edge::Require || link.policy == Edge::Own && has_one_owner);
        link.up != Up::Null && !is_there
    });
    if links.is_empty() {
        return Ok(());
    }
    match known(graph, sets, at) {
        Some(tail) => look(graph, &mut sets.wanted, session, at, &tail, &links),
        None => Ok(()),
    }
}

/// The links of a table to parents of which keys are held.
fn links<'g>(graph: &'g Graph, at: usize, asked: impl Fn(&Link) -> bool) -> Vec<(usize, &'g Link)> {
    let is_held = |link: &Link| graph.nodes[link.parent].extent == Extent::Held;
    let links = graph.links_of(at);
    links
        .filter(|(_, link)| is_held(link) && asked(link))
        .collect()
}

/// Adds to `wanted` the parents that these links of these rows name.
fn look(
    graph: &Graph,
    wanted: &mut [Keys],
    session: &mut Session,
    at: usize,
    tail: &str,
    links: &[(usize, &Link)],
) -> Result<()> {
    let columns = links.iter();
    let columns = columns.map(|(_, link)| graph.key_of(link).select_of(&columns_of(&link.columns)));
    let mut found: Vec<Keys> = links
        .iter()
        .map(|(_, link)| graph.key_of(link).none())
        .collect();
    let sql = format!("SELECT DISTINCT {} {tail}", sql::list(columns));
    session.each(&graph.nodes[at], &sql, |row| {
        for (place, keys) in found.iter_mut().enumerate() {
            keys.push(row, place);
        }
    })?;
    for ((link, _), mut keys) in links.iter().zip(found) {
        keys.settle();
        wanted[*link].add(&keys);
    }
    Ok(())
}

/// The rows of the parent with these keys. A foreign key says that they are there, so they are
/// looked up only for their other keys, or where the child's text may differ from the parent's.
fn resolve(graph: &Graph, session: &mut Session, link: &Link, wanted: Keys) -> Result<Batch> {
    let node = &graph.nodes[link.parent];
    if node.keys.len() == 1 && graph.key_of(link).form() != Form::Loose || wanted.is_empty() {
        let mut rows = node.none();
        rows[link.key] = wanted;
        return Ok(rows);
    }
    session.rows(node, &node.with_keys(link.key, &wanted))
}
