//! The planner's statistics of EB's new database: several sessions, the largest tables first.

use std::sync::atomic::{AtomicUsize, Ordering};

use mkx_contract::Result;
use mkx_contract::tool::interrupt;
use postgres::Client;

use crate::database::endpoint::Endpoint;
use crate::sql::identifier;

/// What has statistics; those of partitions are made with their table's.
const TABLES: &str = "
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND left(n.nspname, 3) <> 'pg_' AND n.nspname <> 'information_schema'
  AND pg_has_role($1::text::name, c.relowner, 'USAGE')
ORDER BY c.relpages DESC";

/// Analyses every table that `owner` may, in the given sessions.
///
/// # Errors
/// Exit 4; exit 130.
pub fn analyze(sessions: Vec<Client>, target: &Endpoint, owner: &str) -> Result<()> {
    let cannot = |error: postgres::Error| target.cannot("analyse", &error);
    let mut sessions = sessions;
    let Some(first) = sessions.first_mut() else {
        return Ok(());
    };
    let rows = first.query(TABLES, &[&owner]).map_err(cannot)?;
    let tables: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let next = AtomicUsize::new(0);
    let work = |mut session: Client| -> Result<()> {
        session
            .batch_execute(&format!("SET ROLE {}", identifier(owner)))
            .map_err(cannot)?;
        while let Some(table) = tables.get(next.fetch_add(1, Ordering::Relaxed)) {
            interrupt::check()?;
            session
                .batch_execute(&format!("ANALYZE {table}"))
                .map_err(cannot)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = sessions
            .into_iter()
            .map(|session| scope.spawn(|| work(session)))
            .collect();
        let answers = workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker does not panic"));
        answers.collect::<Vec<_>>().into_iter().collect()
    })
}
