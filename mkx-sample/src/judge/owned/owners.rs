//! The root rows that must be complete, and the rows that they own.

use mkx_contract::Result;

use super::noted;
use crate::judge::Judge;
use crate::judge::foreign_keys::{filled, joined};
use crate::judge::rows::State;
use crate::judge::subject::Subject;
use crate::policy::{Edge, Rows};
use crate::sql;

impl Judge<'_> {
    /// Fills `mkx_owner_N`: root rows that must be complete, and the rows that they own.
    pub(super) fn find_owners(&mut self) -> Result<()> {
        let Some(root) = self.root() else {
            return Ok(());
        };
        let own_children = self.only_owners(root).into_iter().map(|(child, key)| {
            format!(
                "EXISTS (SELECT FROM {} c WHERE {} AND NOT {})",
                child.table.sql_from(),
                joined(key, "c", "r"),
                noted("excused", child, "c")
            )
        });
        let insert = format!(
            "INSERT INTO mkx_owner_{} SELECT r.tableoid, r.ctid FROM {} r WHERE {} AND (NOT {} OR {})",
            root.index,
            root.table.sql_from(),
            self.in_state(root, "r", State::Whole),
            noted("excused", root, "r"),
            sql::any(own_children)
        );
        self.analyze("excused")?;
        self.in_target(&insert)?;
        while self.grow_owners(root)? > 0 {}
        while self.shrink_owners()? > 0 {}
        self.analyze("owner")
    }

    fn analyze(&mut self, what: &str) -> Result<()> {
        let tables = (0..self.subjects.len()).map(|index| format!("mkx_{what}_{index}"));
        self.in_target(&format!("ANALYZE {}", sql::list(tables)))
    }

    fn grow_owners(&mut self, root: &Subject<'_>) -> Result<u64> {
        let mut grown = 0;
        for (child, parent, key) in self.edges(&[Edge::Own]) {
            if child.index == root.index {
                continue;
            }
            let sql = format!(
                "WITH added AS (INSERT INTO mkx_owner_{} SELECT c.tableoid, c.ctid FROM {} c \
                 JOIN {} p ON {} JOIN mkx_owner_{} o ON o.in_table = p.tableoid AND o.at = p.ctid \
                 WHERE {} AND NOT {} RETURNING 1) SELECT count(*) FROM added",
                child.index,
                child.table.sql_from(),
                parent.table.sql_from(),
                joined(key, "c", "p"),
                parent.index,
                newest(child, "c"),
                noted("owner", child, "c")
            );
            grown += self.target_count(&sql)?;
        }
        Ok(grown)
    }

    fn shrink_owners(&mut self) -> Result<u64> {
        let mut gone = 0;
        for (child, parent, key) in self.edges(&[Edge::Require]) {
            let sql = format!(
                "WITH gone AS (DELETE FROM mkx_owner_{} o USING {} c \
                 WHERE o.in_table = c.tableoid AND o.at = c.ctid AND {} \
                 AND NOT EXISTS (SELECT FROM {} p WHERE {} AND {}) RETURNING 1) SELECT count(*) FROM gone",
                child.index,
                child.table.sql_from(),
                filled(key, "c"),
                parent.table.sql_from(),
                joined(key, "c", "p"),
                is_owner(parent, "p")
            );
            gone += self.target_count(&sql)?;
        }
        Ok(gone)
    }
}

/// Of a capped table only the newest rows can own something.
fn newest(subject: &Subject<'_>, alias: &str) -> String {
    match &subject.policy.cap {
        None => "true".into(),
        Some(cap) => format!(
            "({alias}.tableoid, {alias}.ctid) IN (SELECT in_table, at FROM (SELECT tableoid AS in_table, ctid AS at, \
             rank() OVER (PARTITION BY {} ORDER BY {} DESC NULLS LAST) AS place FROM {}) ranked WHERE place <= {})",
            sql::identifier(&cap.per),
            sql::identifier(&cap.by),
            subject.table.sql_from(),
            cap.newest
        ),
    }
}

/// The row came with what it owns.
pub(super) fn is_owner(subject: &Subject<'_>, alias: &str) -> String {
    match subject.policy.rows {
        Rows::All => "true".into(),
        _ => noted("owner", subject, alias),
    }
}
