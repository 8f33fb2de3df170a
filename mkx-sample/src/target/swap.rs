//! The swap: EB's new database takes the old one's name, in one transaction of renames.
//!
//! A rename waits (up to five seconds, PostgreSQL's own limit) until nobody is in the database,
//! while it holds off those who come; another session ends those who are in. If one can not be
//! ended, the transaction fails and everything is as it was.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::database::mark::Mark;
use mkx_contract::{Failure, Result};
use postgres::Client;

use crate::database::endpoint::{Endpoint, cause};
use crate::sql::{identifier, literal};
use crate::target::cluster::{Cluster, end_sessions};

/// How long a server that went may take to come back and say what became of the swap.
const PATIENCE: Duration = Duration::from_secs(30);

/// A rename: from, to.
type Rename<'a> = (&'a str, &'a str);

/// Puts the built database, which carries the mark, in the live one's place. `with_pristine`:
/// the untouched copy that was made of it takes the older one's place in the same transaction.
///
/// # Errors
/// Exit 4; everything is as it was.
pub fn swap(cluster: &mut Cluster, mark: &Mark, with_pristine: bool) -> Result<()> {
    let names = cluster.names.clone();
    let had_pristine = with_pristine && cluster.pristine_mark()?.is_some();
    let mut renames: Vec<Rename> = Vec::new();
    // What was empty and had no mark is ours from here on, and can be removed by the next run.
    let mut comment = None;
    if let Some(live) = cluster.find(&names.live)? {
        renames.push((&names.live, &names.old));
        if live.mark.is_none() {
            comment = Some(format!(
                "COMMENT ON DATABASE {} IS {}",
                identifier(&names.old),
                literal(&mark.unjudged().to_comment())
            ));
        }
    }
    renames.push((&names.build, &names.live));
    if had_pristine {
        renames.push((&names.pristine, &names.stale));
    }
    if with_pristine {
        renames.push((&names.next, &names.pristine));
    }
    let built = cluster.find(&names.build)?.map(|found| found.number);
    let session = process(&mut cluster.client);
    match rename(cluster, &renames, comment.as_deref()) {
        Err(failure) => went_through(cluster, built, session, failure),
        done => done,
    }
}

/// The server's process for the session; nothing where it has gone.
fn process(client: &mut Client) -> Option<i32> {
    let row = client.query_one("SELECT pg_backend_pid()", &[]).ok()?;
    Some(row.get(0))
}

/// The server or the way to it may have gone after the commit and before it was told: what bears
/// EB's name says what happened, once the session that renamed is over.
fn went_through(
    cluster: &mut Cluster,
    built: Option<u32>,
    session: Option<i32>,
    failure: Failure,
) -> Result<()> {
    if process(&mut cluster.client).is_some() {
        return Err(failure); // it was told
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        match looked_at_again(cluster, session) {
            Ok(Some((now, again))) => {
                *cluster = again;
                return if now == built { Ok(()) } else { Err(failure) };
            }
            Err(_) | Ok(None) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(_) | Ok(None) => {
                return Err(Failure::peer(format!(
                    "{}; whether it was swapped can not be told",
                    failure.message
                ))
                .hint("it holds the old sample or the new one, whole: run it again"));
            }
        }
    }
}

/// The number of the database with EB's name; nothing while the session that renamed goes on.
fn looked_at_again(
    cluster: &Cluster,
    session: Option<i32>,
) -> Result<Option<(Option<u32>, Cluster)>> {
    let mut again = cluster.reopened()?;
    let goes_on = again.client.query_opt(
        "SELECT FROM pg_stat_activity WHERE pid = $1 AND application_name = 'mkx-sample'",
        &[&session],
    );
    let goes_on = goes_on.map_err(|error| again.maintenance.cannot("look around from", &error))?;
    if goes_on.is_some() {
        return Ok(None);
    }
    let found = again.find(&cluster.names.live)?;
    Ok(Some((found.map(|found| found.number), again)))
}

fn rename(cluster: &mut Cluster, renames: &[Rename], comment: Option<&str>) -> Result<()> {
    let emptied: Vec<&str> = renames.iter().map(|(from, _)| *from).collect();
    let is_over = AtomicBool::new(false);
    let maintenance = cluster.maintenance.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| keep_empty(&maintenance, &emptied, &is_over));
        let answer = in_one_transaction(&mut cluster.client, renames, comment);
        is_over.store(true, Ordering::Relaxed);
        answer.map_err(|error| {
            let detail = error.as_db_error().and_then(|error| error.detail());
            let detail = detail.map_or(String::new(), |detail| format!(" ({detail})"));
            Failure::peer(format!(
                "cannot swap \"{}\" on {}: {}{detail}",
                cluster.names.live,
                cluster.live.address(),
                cause(&error)
            ))
            .hint(format!(
                "it is as it was; to let the role end the application's sessions: GRANT pg_signal_backend TO {}; a superuser's only a superuser can end",
                identifier(&cluster.live.role())
            ))
        })
    })
}

fn in_one_transaction(
    client: &mut Client,
    renames: &[Rename],
    comment: Option<&str>,
) -> Result<(), postgres::Error> {
    let mut transaction = client.transaction()?;
    for (from, to) in renames {
        let (from, to) = (identifier(from), identifier(to));
        transaction.batch_execute(&format!("ALTER DATABASE {from} RENAME TO {to}"))?;
    }
    if let Some(comment) = comment {
        transaction.batch_execute(comment)?;
    }
    transaction.commit()
}

/// Ends sessions until the renames are through.
fn keep_empty(maintenance: &Endpoint, names: &[&str], is_over: &AtomicBool) {
    let Ok(mut client) = maintenance.connect("-c search_path=pg_catalog") else {
        return;
    };
    while !is_over.load(Ordering::Relaxed) {
        if end_sessions(&mut client, names).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
