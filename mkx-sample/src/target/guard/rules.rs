//! Whether a database may be written to: it is not the one that is sampled, however it is
//! addressed, and it is either empty or carries our mark.

use mkx_contract::{Failure, Result};

use crate::database::identity::Identity;
use crate::database::mark::Origin;

/// Passes where `target` may be replaced by a sample of `source` for the site.
///
/// # Errors
/// Exit 5, and nothing has been touched.
pub fn check_target(site: Option<&str>, source: &Identity, target: &Identity) -> Result<()> {
    let refused =
        |cause: &str| Failure::refused(format!("cannot write to {}: {cause}", target.described()));
    check_apart("write to", source.origin(), target)?;
    if target.in_recovery {
        return Err(refused("it is a standby, a copy of another server's data")
            .hint("name the development server's own database"));
    }
    match &target.mark {
        Some(mark) if mark.site.as_deref() == site => Ok(()),
        Some(mark) => Err(refused(&format!("it holds {}", mark.whose()))
            .hint("give each site a database of its own")),
        None if target.user_relations == 0 => Ok(()),
        None => Err(refused(&format!(
            "it holds {} tables and other objects, and nothing says that they are a sample of ours",
            target.user_relations
        ))
        .hint(format!(
            "if it is the old development database, put it aside: ALTER DATABASE \"{0}\" RENAME TO \"{0}_before_mkx\"; CREATE DATABASE \"{0}\"",
            target.name
        ))),
    }
}

/// Passes where `target` is not the database that `source` names; `doing` completes "cannot …".
///
/// # Errors
/// Exit 5.
pub fn check_apart(doing: &str, source: Origin, target: &Identity) -> Result<()> {
    if source != target.origin() {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "cannot {doing} {}: it is the database that the sample is read from",
        target.described()
    ))
    .hint("pass the development database with --to, or name it in site.json under environments.eb.database"))
}

/// Passes where `target` holds a sample of the site, which may be given back. A mark can be copied
/// (`pg_dump --create` does), so it alone is no proof: its origin must be another server's, or
/// `source`, which asks EA who it is, gives another database; nothing, where there is none.
///
/// # Errors
/// Exit 5, and nothing has been touched.
pub fn check_reset(
    site: Option<&str>,
    target: &Identity,
    source: impl FnOnce() -> Result<Option<Identity>>,
) -> Result<()> {
    let mark = target
        .mark
        .as_ref()
        .filter(|mark| mark.site.as_deref() == site);
    let Some(mark) = mark.filter(|_| !target.in_recovery) else {
        return Err(Failure::refused(format!(
            "cannot reset {}: it is not a sample of this site",
            target.described()
        ))
        .hint("is --to development's database? where it is, fill it: mkx-sample run"));
    };
    if let Some(origin) = mark.source {
        check_apart("reset", origin, target)?;
        if origin.system_identifier != target.system_identifier {
            return Ok(());
        }
    }
    let source = source().map_err(|failure| {
        Failure::refused(format!(
            "cannot reset {}: its mark does not tell it from production's database, which does not say what it is: {}",
            target.described(),
            failure.message
        ))
        .hint("make production's database answer, or fill development anew: mkx-sample run")
    })?;
    source.map_or(Ok(()), |source| {
        check_apart("reset", source.origin(), target)
    })
}

/// Passes where `source` may be sampled: it is not itself a sample of ours.
///
/// # Errors
/// Exit 5.
pub fn check_source(source: &Identity) -> Result<()> {
    if source.mark.is_some() {
        return Err(Failure::refused(format!(
            "cannot sample {}: it is a development sample itself",
            source.described()
        ))
        .hint("are --from and --to the wrong way round?"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mkx_contract::record::site::Name;

    use super::*;
    use crate::database::mark::Mark;

    fn database(system_identifier: i64, oid: u32) -> Identity {
        Identity {
            system_identifier,
            oid,
            name: "makapix".into(),
            address: "127.0.0.1:5432".into(),
            in_recovery: false,
            user_relations: 46,
            mark: None,
        }
    }

    fn mark(site: &str) -> Option<Mark> {
        Some(Mark {
            mkx: "sample".into(),
            site: Some(site.into()),
            environment: Name::Eb,
            created_at: "2026-01-01T00:00:00Z".into(),
            judged_snapshot: None,
            source: None,
            asked: None,
        })
    }

    fn sample_of(origin: Option<(i64, u32)>) -> Identity {
        let mut target = database(2, 7);
        target.mark = mark("makapix").map(|mark| Mark {
            source: origin.map(|(system_identifier, oid)| Origin {
                system_identifier,
                oid,
            }),
            ..mark
        });
        target
    }

    #[track_caller]
    fn check_refused(target: Identity, expected: &str) {
        let failure = check_target(Some("makapix"), &database(1, 1), &target).unwrap_err();
        assert_eq!(failure.kind.exit_code(), 5);
        assert!(failure.message.contains(expected), "{}", failure.message);
    }

    #[test]
    fn the_source_is_never_a_target_whatever_it_is_called_or_carries() {
        let mut same = database(1, 1);
        same.address = "db.internal:6432".into();
        same.mark = mark("makapix");
        check_refused(same, "it is the database that the sample is read from");
    }

    #[test]
    fn a_target_is_empty_or_carries_the_mark_of_this_site() {
        check_refused(database(2, 1), "it holds 46 tables");
        let mut other_site = database(2, 1);
        other_site.mark = mark("shop");
        check_refused(other_site, "the sample of another site");
        let mut empty = database(2, 1);
        empty.user_relations = 0;
        check_target(Some("makapix"), &database(1, 1), &empty).unwrap();
        let mut ours = database(2, 1);
        ours.mark = mark("makapix");
        check_target(Some("makapix"), &database(1, 1), &ours).unwrap();
        let failure = check_target(None, &database(1, 1), &ours).unwrap_err();
        assert_eq!(failure.kind.exit_code(), 5);
        ours.mark.as_mut().unwrap().site = None;
        check_target(None, &database(1, 1), &ours).unwrap();
        check_refused(ours, "made without a site document");
    }

    #[test]
    fn what_a_mark_tells_from_production_is_reset_without_asking_it() {
        let unasked = || panic!("production was asked");
        check_reset(Some("makapix"), &sample_of(Some((1, 7))), unasked).unwrap();
        for (target, expected) in [
            (sample_of(Some((2, 7))), "that the sample is read from"),
            (database(2, 7), "it is not a sample of this site"),
        ] {
            let failure = check_reset(Some("makapix"), &target, unasked).unwrap_err();
            assert_eq!(failure.kind.exit_code(), 5);
            assert!(failure.message.contains(expected), "{}", failure.message);
        }
    }

    #[test]
    fn a_mark_that_does_not_tell_is_reset_where_production_is_another_database() {
        for origin in [None, Some((2, 9))] {
            let check = |source| check_reset(Some("makapix"), &sample_of(origin), || source);
            check(Ok(Some(database(2, 8)))).unwrap();
            check(Ok(None)).unwrap();
            for source in [Ok(Some(database(2, 7))), Err(Failure::peer("it is down"))] {
                assert_eq!(check(source).unwrap_err().kind.exit_code(), 5);
            }
        }
    }

    #[test]
    fn a_sample_is_never_a_source() {
        let mut sample = database(1, 1);
        sample.mark = mark("makapix");
        assert_eq!(check_source(&sample).unwrap_err().kind.exit_code(), 5);
    }
}
