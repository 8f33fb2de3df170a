//! What is left inside texts: e-mail addresses, telephone numbers and URLs' secrets where they are
//! scrubbed, EA's hosts where URLs are rewritten, members of JSON that do not stay.

use mkx_contract::Result;

use super::record::Check;
use super::subject::{Subject, has_step};
use super::{Judge, Rule};
use crate::policy::{Form, Transform};
use crate::sql;

const EMAIL: &str = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}";
/// Only with a country's code: what else looks like a number may be one.
const PHONE: &str = r"(?:^|[^0-9A-Za-z+])\+[1-9][0-9]{0,2}[ ()./-]*(?:[0-9][ ()./-]?){7,12}";

/// A user and a password before a URL's host.
const CREDENTIALS: &str = r"[a-z][a-z0-9+.-]*://[^[:space:]/?#@:]*:[^[:space:]/?#@]+@";
/// A parameter that opens something and was not removed.
const PARAMETER: &str = r"[?&;#]([a-z0-9_.-]*[_.-])?(token|apikey|password|passwd|pwd|secret|signature|session|otp)=(?!\[removed\])[^[:space:]&#]";

/// A table, a column, and what counts its rows that are wrong.
type Query = (String, String, String);

impl Judge<'_> {
    pub(super) fn texts(&mut self) -> Result<Vec<Check>> {
        let domain = regex_escape(&self.policy.email_domain.to_lowercase());
        let reserved = format!(
            "@([a-z0-9-]+\\.)*({domain}|example\\.(com|org|net)|[a-z0-9-]+\\.(example|test|invalid|localhost))$"
        );
        let found = |pattern: &str, filter: &str| {
            format!(
                "strpos(VALUE, '@') > 0 \
                 AND EXISTS (SELECT FROM regexp_matches(VALUE, '{pattern}', 'g') found WHERE {filter})"
            )
        };
        let emails = self.search_texts(
            Check::new(Rule::EmailAddresses),
            |transform| {
                has_step(transform, |step| {
                    matches!(step, Transform::Scrub)
                        || matches!(step, Transform::Pseudonym(p) if p.form == Form::Email)
                })
            },
            &found(
                EMAIL,
                &format!("lower(found[1]) !~ {}", sql::literal(&reserved)),
            ),
            "rows hold an e-mail address outside the reserved domain",
        )?;
        let phones = self.search_texts(
            Check::new(Rule::TelephoneNumbers),
            |transform| has_step(transform, |step| matches!(step, Transform::Scrub)),
            &format!("strpos(VALUE, '+') > 0 AND VALUE ~ '{PHONE}'"),
            "rows hold a telephone number",
        )?;
        let doors = self.search_texts(
            Check::new(Rule::UrlSecrets),
            |transform| has_step(transform, |step| matches!(step, Transform::Scrub)),
            &format!(
                "(strpos(VALUE, '://') > 0 AND lower(VALUE) ~ '{CREDENTIALS}' \
                 OR strpos(VALUE, '=') > 0 AND lower(VALUE) ~ '{PARAMETER}')"
            ),
            "rows hold a password or a token in a URL",
        )?;
        let hosts: Vec<_> = self
            .options
            .hosts
            .iter()
            .map(|host| regex_escape(&host.to_lowercase()))
            .collect();
        let mut checks = vec![
            emails.conclude("scrubbed columns hold no e-mail address outside the reserved domain"),
            phones.conclude("scrubbed columns hold no telephone number"),
            doors.conclude("scrubbed columns hold no password or token in a URL"),
        ];
        if !hosts.is_empty() {
            let pattern = format!("//([^/@[:space:]]*@)?({})(?![a-z0-9.-])", hosts.join("|"));
            let urls = self.search_texts(
                Check::new(Rule::Urls),
                |transform| has_step(transform, |step| matches!(step, Transform::RewriteUrl)),
                &format!(
                    "strpos(VALUE, '//') > 0 AND lower(VALUE) ~ {}",
                    sql::literal(&pattern)
                ),
                "rows hold a URL of EA",
            )?;
            checks.push(urls.conclude("rewritten columns hold no URL of EA"));
        }
        checks.push(self.json_members()?);
        Ok(checks)
    }

    /// Counts, in each column that `concerns` picks by its transform, the rows for which
    /// `condition` (over VALUE) holds.
    fn search_texts(
        &mut self,
        mut check: Check,
        concerns: impl Fn(&Transform) -> bool,
        condition: &str,
        problem: &str,
    ) -> Result<Check> {
        let mut queries = Vec::new();
        for subject in &self.subjects {
            for treated in &subject.columns {
                let name = &treated.column.name;
                if transforms(subject, name).any(&concerns) {
                    let value = format!("{}::text", subject.column(name));
                    let sql = format!(
                        "SELECT count(*) FROM {} WHERE {}",
                        subject.table.sql_from(),
                        condition.replace("VALUE", &value)
                    );
                    queries.push((subject.name(), name.clone(), sql));
                }
            }
        }
        self.count_in(&mut check, queries, problem)?;
        Ok(check)
    }

    fn count_in(&mut self, check: &mut Check, queries: Vec<Query>, problem: &str) -> Result<()> {
        for (table, column, sql) in queries {
            check.count("columns", 1);
            let rows = self.target_count(&sql)?;
            if rows > 0 {
                check.find(table, Some(&column), problem, rows);
            }
        }
        Ok(())
    }

    fn json_members(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::JsonMembers);
        let mut queries = Vec::new();
        for subject in &self.subjects {
            for treated in &subject.columns {
                let name = &treated.column.name;
                let Some(Transform::JsonKeep(members)) = subject.policy.columns.get(name) else {
                    continue;
                };
                let column = subject.column(name);
                let value = match treated.column.base_type.as_str() {
                    "json" => format!("({})::jsonb", sql::readable_json(&column)),
                    _ => format!("{column}::jsonb"),
                };
                let sql = format!(
                    "SELECT count(*) FROM {} WHERE jsonb_typeof({value}) = 'object' AND {value} - {} <> '{{}}'::jsonb",
                    subject.table.sql_from(),
                    sql::array(members, "text")
                );
                queries.push((subject.name(), name.clone(), sql));
            }
        }
        let problem = "rows hold members that should not stay";
        self.count_in(&mut check, queries, problem)?;
        Ok(check.conclude("json columns hold only the members that stay"))
    }
}

/// The transform of a column in ordinary rows, and those of variants.
fn transforms<'a>(subject: &'a Subject<'_>, name: &'a str) -> impl Iterator<Item = &'a Transform> {
    subject.policy.columns.get(name).into_iter().chain(
        subject
            .policy
            .variants
            .iter()
            .filter_map(move |variant| variant.columns.get(name)),
    )
}

fn regex_escape(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escape = (!c.is_ascii_alphanumeric()).then_some('\\');
            escape.into_iter().chain([c])
        })
        .collect()
}
