//! The rules of the audit: what each is about, why it matters, and what to do.

use crate::finding::{Evidence, Finding, Severity};

/// A rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its id.
    pub id: &'static str,
    /// How bad it is where it is broken.
    pub severity: Severity,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// The rule of an id.
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// A finding of a rule.
pub fn broken(id: &str, message: String, evidence: Vec<Evidence>) -> Finding {
    let rule = find(id).expect("every finding has a rule");
    Finding {
        rule: rule.id.into(),
        severity: rule.severity,
        message,
        evidence,
        why: rule.why.into(),
        fix: rule.fix.into(),
    }
}

macro_rules! rules {
    ($($id:literal $severity:ident $title:literal why $why:literal fix $fix:literal;)*) => {
        /// All rules, by what they are about.
        pub const RULES: &[Rule] = &[$(Rule {
            id: $id,
            severity: Severity::$severity,
            title: $title,
            why: $why,
            fix: $fix,
        }),*];
    };
}

rules! {
    "variable-missing" Error "a variable that must be set is not"
        why "the application falls back to a default, which may be the other environment's"
        fix "set it in the environment's env file";
    "variable-equal" Error "a value that must differ is the same in both environments"
        why "whoever holds development's value holds production's: a token, a session or a login of one is good in the other"
        fix "give development a value of its own; mkx-compose env new eb makes fresh secrets";
    "variable-differs" Error "a value that must be the same in both environments differs"
        why "the sampled rows depend on it: public ids and links would no longer fit"
        fix "copy production's value into development's env file";
    "variable-value" Error "a variable does not have the value that the site gives it"
        why "the environment would present itself as another one, or report for it"
        fix "set it to what site.json says under variables, or correct site.json";
    "variable-placeholder" Error "a placeholder waits for its value"
        why "the application starts with a value that nobody chose"
        fix "follow the comment above the line";
    "env-file-mode" Warning "an env file can be read by others"
        why "every user of the host can read the secrets in it"
        fix "chmod 600 the file";
}
