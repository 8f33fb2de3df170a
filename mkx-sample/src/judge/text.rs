//! What is left inside texts: e-mail addresses, telephone numbers and URLs' secrets where they are
//! scrubbed, EA's hosts where URLs are rewritten, members of JSON that do not stay.

use mkx_contract::Result;

use super::record::Check;
use super::subject::{Subject, Treatment, has_step};
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

impl Judge<'_> {
    pub(super) fn texts(&mut self) -> Result<Vec<Check>> {
        let domain = regex_escape(&self.policy.email_domain.to_lowercase());
        let reserved = sql::literal(&format!(
            "@([a-z0-9-]+\\.)*({domain}|example\\.(com|org|net)|[a-z0-9-]+\\.(example|test|invalid|localhost))$"
        ));
        let is_scrubbed = |step: &Transform| matches!(step, Transform::Scrub);
        let mut checks = vec![
            self.search_texts(
                Rule::EmailAddresses,
                |step| match step {
                    Transform::Pseudonym(pseudonym) => pseudonym.form == Form::Email,
                    step => matches!(step, Transform::Scrub),
                },
                &format!(
                    "strpos(VALUE, '@') > 0 AND EXISTS (SELECT FROM \
                     regexp_matches(VALUE, '{EMAIL}', 'g') found WHERE lower(found[1]) !~ {reserved})"
                ),
                "rows hold an e-mail address outside the reserved domain",
                "scrubbed columns hold no e-mail address outside the reserved domain",
            )?,
            self.search_texts(
                Rule::TelephoneNumbers,
                is_scrubbed,
                &format!("strpos(VALUE, '+') > 0 AND VALUE ~ '{PHONE}'"),
                "rows hold a telephone number",
                "scrubbed columns hold no telephone number",
            )?,
            self.search_texts(
                Rule::UrlSecrets,
                is_scrubbed,
                &format!(
                    "(strpos(VALUE, '://') > 0 AND lower(VALUE) ~ '{CREDENTIALS}' \
                     OR strpos(VALUE, '=') > 0 AND lower(VALUE) ~ '{PARAMETER}')"
                ),
                "rows hold a password or a token in a URL",
                "scrubbed columns hold no password or token in a URL",
            )?,
        ];
        let hosts = self.options.hosts.iter();
        let hosts: Vec<_> = hosts
            .map(|host| regex_escape(&host.to_lowercase()))
            .collect();
        if !hosts.is_empty() {
            let pattern = format!("//([^/@[:space:]]*@)?({})(?![a-z0-9.-])", hosts.join("|"));
            let pattern = sql::literal(&pattern);
            checks.push(self.search_texts(
                Rule::Urls,
                |step| matches!(step, Transform::RewriteUrl),
                &format!("strpos(VALUE, '//') > 0 AND lower(VALUE) ~ {pattern}"),
                "rows hold a URL of EA",
                "rewritten columns hold no URL of EA",
            )?);
        }
        checks.push(self.json_members()?);
        Ok(checks)
    }

    /// Counts, in each column of which a transform has such a step, the rows for which `condition`
    /// (over VALUE) holds.
    fn search_texts(
        &mut self,
        rule: Rule,
        step: fn(&Transform) -> bool,
        condition: &str,
        problem: &str,
        looked_at: &str,
    ) -> Result<Check> {
        let mut check = Check::new(rule);
        for (subject, treated) in self.columns() {
            let mut transforms = transforms(subject, &treated.column.name);
            if transforms.any(|transform| has_step(transform, step)) {
                let condition = condition.replace("VALUE", &format!("{}::text", treated.sql));
                self.count_rows(&mut check, (subject, treated), &condition, problem)?;
            }
        }
        Ok(check.conclude(looked_at))
    }

    /// Finds the rows of EB for which a condition on a column holds.
    fn count_rows(
        &mut self,
        check: &mut Check,
        (subject, treated): (&Subject<'_>, &Treatment<'_>),
        condition: &str,
        problem: &str,
    ) -> Result<()> {
        let from = subject.table.sql_from();
        let rows = self.target_count(&format!("SELECT count(*) FROM {from} WHERE {condition}"))?;
        check.count("columns", 1);
        check.find_rows(subject.name(), Some(&treated.column.name), problem, rows);
        Ok(())
    }

    fn json_members(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::JsonMembers);
        for (subject, treated) in self.columns() {
            let name = &treated.column.name;
            let Some(Transform::JsonKeep(members)) = subject.policy.columns.get(name) else {
                continue;
            };
            let value = match treated.column.base_type.as_str() {
                "json" => format!("({})::jsonb", sql::readable_json(&treated.sql)),
                _ => format!("{}::jsonb", treated.sql),
            };
            let has_others = format!(
                "jsonb_typeof({value}) = 'object' AND {value} - {} <> '{{}}'::jsonb",
                sql::array(members, "text")
            );
            let problem = "rows hold members that should not stay";
            self.count_rows(&mut check, (subject, treated), &has_others, problem)?;
        }
        Ok(check.conclude("json columns hold only the members that stay"))
    }
}

/// The transform of a column in ordinary rows, and those of variants.
fn transforms<'a>(subject: &'a Subject<'_>, name: &'a str) -> impl Iterator<Item = &'a Transform> {
    let variants = subject.policy.variants.iter();
    let by_variant = variants.filter_map(move |variant| variant.columns.get(name));
    subject
        .policy
        .columns
        .get(name)
        .into_iter()
        .chain(by_variant)
}

fn regex_escape(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escape = (!c.is_ascii_alphanumeric()).then_some('\\');
            escape.into_iter().chain([c])
        })
        .collect()
}
