//! What we leave in the comment of every database that we build.

use mkx_contract::record::site::Name;
use serde::{Deserialize, Serialize};

/// A database as its server knows it, however it is addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The cluster's, as in [`Identity`].
    pub system_identifier: i64,
    /// The database's, as in [`Identity`].
    pub oid: u32,
}

/// What we leave in the comment of every database that we build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Always `sample`.
    pub mkx: String,
    /// The site's name; none where the sample was made without a site document.
    #[serde(default)]
    pub site: Option<String>,
    /// Always `eb`.
    pub environment: Name,
    /// When the sample was taken, RFC 3339 in UTC.
    pub created_at: String,
    /// EA's snapshot in which the judge found all of it right, as `pg_current_snapshot()` gives it:
    /// tells later what EA has changed since. There is none before the judgement, and none in a
    /// mark of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged_snapshot: Option<String>,
    /// EA's database. A mark of an earlier version has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Origin>,
    /// What `run` was asked for. A mark of an earlier version has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
}

/// What the judge must know of what was asked for. Who was included is nobody's business in EB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// `--percent`.
    pub percent: f64,
    /// `--seed`.
    pub seed: String,
    /// How many `--include`.
    pub included: u64,
    /// `--cap`.
    pub cap: Option<u64>,
}

impl Mark {
    /// Reads a database's comment.
    pub fn parse(comment: &str) -> Option<Mark> {
        serde_json::from_str(comment)
            .ok()
            .filter(|mark: &Mark| mark.mkx == "sample" && mark.environment == Name::Eb)
    }

    /// Whose sample it is, for messages to another.
    pub fn whose(&self) -> String {
        match &self.site {
            Some(site) => format!("the sample of another site, \"{site}\""),
            None => "a sample that was made without a site document".into(),
        }
    }

    /// The mark of what has not been judged.
    #[must_use]
    pub fn unjudged(&self) -> Mark {
        Mark {
            judged_snapshot: None,
            ..self.clone()
        }
    }

    /// The comment's text.
    pub fn to_comment(&self) -> String {
        serde_json::to_string(self).expect("a mark is writable")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(site: &str) -> Mark {
        Mark {
            mkx: "sample".into(),
            site: Some(site.into()),
            environment: Name::Eb,
            created_at: "2026-01-01T00:00:00Z".into(),
            judged_snapshot: None,
            source: None,
            asked: None,
        }
    }

    #[test]
    fn a_comment_that_is_not_ours_is_no_mark() {
        assert_eq!(Mark::parse("the development database"), None);
        let mut ours = mark("makapix");
        assert_eq!(Mark::parse(&ours.to_comment()).as_ref(), Some(&ours));
        ours.source = Some(Origin {
            system_identifier: 1,
            oid: 7,
        });
        assert_eq!(Mark::parse(&ours.to_comment()), Some(ours));
    }

    #[test]
    fn what_was_noted_before_the_judgement_is_no_moment() {
        let noted = r#"{"mkx":"sample","site":"makapix","environment":"eb",
                        "created_at":"2026-01-01T00:00:00Z","source_snapshot":"3:3:"}"#;
        assert_eq!(Mark::parse(noted), Some(mark("makapix")));
        let judged = Mark {
            judged_snapshot: Some("3:3:".into()),
            ..mark("makapix")
        };
        assert_eq!(Mark::parse(&judged.to_comment()).as_ref(), Some(&judged));
        assert_eq!(judged.unjudged(), mark("makapix"));
    }
}
