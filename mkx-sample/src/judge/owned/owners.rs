//! The root rows that must be complete, and the rows that they own.

use mkx_contract::Result;

use super::joined;
use crate::judge::Judge;
use crate::judge::rows::State;
use crate::policy::{Edge, Rows};
use crate::sql;

impl Judge<'_> {
    /// Fills `mkx_owner_N`: root rows that must be complete, and the rows that they own.
    pub(super) fn find_owners(&mut self) -> Result<()> {
        let Some(root) = self.root() else {
            return Ok(());
        };
        let subject = &self.subjects[root];
        let own_children: Vec<String> = self
            .only_owners(root)
            .iter()
            .map(|(child, key)| {
                format!(
                    "EXISTS (SELECT FROM {} c WHERE {} AND NOT EXISTS (SELECT FROM mkx_excused_{child} x \
                     WHERE x.in_table = c.tableoid AND x.at = c.ctid))",
                    self.subjects[*child].table.sql_from(),
                    joined(key, "c", "r")
                )
            })
            .collect();
        let unexcused = if own_children.is_empty() {
            "false".to_owned()
        } else {
            own_children.join(" OR ")
        };
        let insert = format!(
            "INSERT INTO mkx_owner_{root} SELECT r.tableoid, r.ctid FROM {} r WHERE {} \
             AND (NOT EXISTS (SELECT FROM mkx_excused_{root} e WHERE e.in_table = r.tableoid AND e.at = r.ctid) \
                  OR {unexcused})",
            subject.table.sql_from(),
            self.in_state(root, "r", State::Whole)
        );
        let analyze: Vec<_> = (0..self.subjects.len())
            .map(|index| format!("ANALYZE mkx_excused_{index}"))
            .collect();
        self.in_target(&analyze.join("; "))?;
        self.in_target(&insert)?;
        while self.grow_owners()? > 0 {}
        while self.shrink_owners()? > 0 {}
        let analyze: Vec<_> = (0..self.subjects.len())
            .map(|index| format!("ANALYZE mkx_owner_{index}"))
            .collect();
        self.in_target(&analyze.join("; "))
    }

    fn grow_owners(&mut self) -> Result<u64> {
        let mut grown = 0;
        for (child, parent, key) in self.edges(&[Edge::Own]) {
            if Some(child) == self.root() {
                continue;
            }
            let sql = format!(
                "WITH added AS (INSERT INTO mkx_owner_{child} SELECT c.tableoid, c.ctid FROM {} c \
                 JOIN {} p ON {} JOIN mkx_owner_{parent} o ON o.in_table = p.tableoid AND o.at = p.ctid \
                 WHERE {} AND NOT EXISTS (SELECT FROM mkx_owner_{child} x WHERE x.in_table = c.tableoid AND x.at = c.ctid) \
                 RETURNING 1) SELECT count(*) FROM added",
                self.subjects[child].table.sql_from(),
                self.subjects[parent].table.sql_from(),
                joined(&key, "c", "p"),
                self.newest(child, "c")
            );
            grown += self.target_count(&sql)?;
        }
        Ok(grown)
    }

    fn shrink_owners(&mut self) -> Result<u64> {
        let mut gone = 0;
        for (child, parent, key) in self.edges(&[Edge::Require]) {
            let set: Vec<_> = key
                .columns
                .iter()
                .map(|column| format!("c.{} IS NOT NULL", sql::identifier(column)))
                .collect();
            let sql = format!(
                "WITH gone AS (DELETE FROM mkx_owner_{child} o USING {} c \
                 WHERE o.in_table = c.tableoid AND o.at = c.ctid AND {} \
                 AND NOT EXISTS (SELECT FROM {} p WHERE {} AND {}) RETURNING 1) SELECT count(*) FROM gone",
                self.subjects[child].table.sql_from(),
                set.join(" AND "),
                self.subjects[parent].table.sql_from(),
                joined(&key, "c", "p"),
                self.is_owner(parent, "p")
            );
            gone += self.target_count(&sql)?;
        }
        Ok(gone)
    }

    /// Of a capped table only the newest rows can own something.
    pub(super) fn newest(&self, index: usize, alias: &str) -> String {
        let subject = &self.subjects[index];
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

    pub(super) fn is_owner(&self, index: usize, alias: &str) -> String {
        if self.subjects[index].policy.rows == Rows::All {
            return "true".into();
        }
        format!(
            "EXISTS (SELECT FROM mkx_owner_{index} o WHERE o.in_table = {alias}.tableoid AND o.at = {alias}.ctid)"
        )
    }
}
