//! EB's sample as it stands: opened without writing to it, and known by its mark.

use crate::database::mark::{Mark, Origin};
use crate::target::guard::rules::check_apart;
use mkx_contract::{Failure, Result};
use postgres::Client;

use crate::database::endpoint::{Endpoint, cause};
use crate::database::identity;

/// What every session on EB that only reads starts with.
const OPTIONS: &str = "-c default_transaction_read_only=on -c statement_timeout=0 \
                       -c DateStyle=ISO -c standard_conforming_strings=on \
                       -c search_path=pg_catalog,public";

/// Opens EB read only.
///
/// # Errors
/// Exit 4 where the server can not be reached; exit 3 where the database is no sample of `site`.
pub fn open(endpoint: &Endpoint, site: Option<&str>) -> Result<(Client, Mark)> {
    let mut client = endpoint.connect(OPTIONS)?;
    let mark = mark_for(endpoint, site, &mut client)?;
    Ok((client, mark))
}

/// Opens EB for the judge, which needs temporary tables and leaves nothing behind. Until the
/// database is known to be a sample, and not `source`, the session is read only.
///
/// # Errors
/// As [`open`]; exit 5 where it is EA.
pub fn open_for_judgement(
    endpoint: &Endpoint,
    site: Option<&str>,
    source: Origin,
) -> Result<(Client, Mark)> {
    let mut client = endpoint.connect(
        "-c default_transaction_read_only=on -c statement_timeout=0 \
         -c standard_conforming_strings=on -c work_mem=32MB -c jit=off",
    )?;
    check_apart("judge", source, &identity::of(endpoint, &mut client)?)?;
    let mark = mark_for(endpoint, site, &mut client)?;
    client
        .batch_execute("SET default_transaction_read_only = off")
        .map_err(|error| endpoint.cannot("judge", &error))?;
    Ok((client, mark))
}

/// The mark of a sample of the site.
fn mark_for(endpoint: &Endpoint, site: Option<&str>, client: &mut Client) -> Result<Mark> {
    let (database, address) = (endpoint.database(), endpoint.address());
    let cannot =
        |cause: &str| Failure::input(format!("cannot use \"{database}\" on {address}: {cause}"));
    match mark(client)? {
        Some(mark) if mark.site.as_deref() == site => Ok(mark),
        Some(mark) => Err(cannot(&format!("it holds {}", mark.whose()))),
        None => Err(cannot("it is not a sample of ours").hint("make one: mkx-sample run")),
    }
}

/// The mark of the database that the session is in.
///
/// # Errors
/// Exit 4.
pub fn mark(client: &mut Client) -> Result<Option<Mark>> {
    let row = client
        .query_one(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database \
             WHERE datname = current_database()",
            &[],
        )
        .map_err(|error| {
            let cause = cause(&error);
            Failure::peer(format!("cannot read the database's mark: {cause}"))
        })?;
    let comment: Option<String> = row.get(0);
    Ok(comment.as_deref().and_then(Mark::parse))
}
