//! What can be wrong with a policy, and one such thing with its place.

use mkx_contract::EnvironmentName;
use mkx_contract::record::finding::{Evidence, Finding, Rule as _, Severity};

use crate::policy::PolicyFile;

mkx_contract::rules! {
    /// The rules.
    pub enum Rule {
        UnclassifiedTable "unclassified-table" Error "the database has a table that the policy lacks"
            why "nobody has said whether its rows may leave production" fix "add it to the policy";
        UnclassifiedColumn "unclassified-column" Error "the database has a column that the policy lacks"
            why "nobody has said what it holds, and it may be private" fix "add it to the policy";
        UnknownTable "unknown-table" Error "the policy has a table that the database lacks"
            why "it was written for another schema, or the name is misspelt" fix "take it out, or correct its name";
        UnknownColumn "unknown-column" Error "the policy has a column that the database lacks"
            why "it was written for another schema, or the name is misspelt" fix "take it out, or correct its name";
        UnknownEdge "unknown-edge" Error "the policy has an edge that is no foreign key"
            why "edges follow foreign keys, and nothing else" fix "take it out, or make it one of `references`";
        UnfitTransform "unfit-transform" Error "a transform that its column can not take"
            why "the copy would fail, or write no value of the column" fix "choose a transform for the column's type";
        MissingEdge "missing-edge" Error "a foreign key has no edge"
            why "what comes along with a row is not known" fix "add the edge to the policy";
        Edge "edge" Error "an edge that can not be followed"
            why "rows would come that refer to nothing" fix "choose another edge";
        KeyTransform "key-transform" Error "a foreign key is treated otherwise than the key that it refers to"
            why "rows would refer to keys that are not there" fix "give both columns the same transform";
        UnreachedTable "unreached-table" Error "a sampled table of which no row would come"
            why "development would find it empty" fix "say \"all\" or \"none\", or give it an edge";
        UnusedStub "unused-stub" Warning "a stub that no edge asks for"
            why "it looks as if rows came as stubs" fix "take it out, or make an edge a \"stub\"";
        Root "root" Error "the root does not fit the database"
            why "nothing says whose rows are sampled" fix "name a sampled table with a primary key";
        SampledOnly "sampled-only" Error "a cap or pins in a table that is not sampled"
            why "they would choose nothing" fix "take them out, or say \"rows\": \"sampled\"";
        Share "share" Error "a share that is none"
            why "no number of rows follows from it" fix "write a number above 0 and at most 1";
        Reference "reference" Error "a reference that does not fit its column"
            why "what refers to nothing could not be taken out" fix "choose another `otherwise`";
        Sql "sql" Error "SQL that the server does not take"
            why "the run would fail on it" fix "mend it in the policy";
        Guess "guess" Warning "a guess that nobody has looked at"
            why "it may be wrong about what is private" fix "look at it, correct it, and take it out of `guesses`";
        UnknownGuess "unknown-guess" Error "a guess about what the policy does not have"
            why "the name is misspelt, or its table is gone" fix "take it out of `guesses`";
    }
}

/// What is wrong, where, and what to add.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// What is broken.
    pub rule: Rule,
    /// The names and indexes that lead to the place in the document.
    pointer: Vec<String>,
    /// The member that is wrong or missing there, or what is guessed.
    subject: String,
    message: String,
    /// Lines to add there, ready to paste, as a guess.
    pub add: Option<String>,
}

impl Problem {
    pub(super) fn new(rule: Rule, pointer: &[&str], message: &str) -> Problem {
        Problem {
            rule,
            pointer: pointer.iter().map(|name| (*name).to_owned()).collect(),
            subject: pointer.join("."),
            message: message.to_owned(),
            add: None,
        }
    }

    pub(super) fn about(mut self, subject: &str) -> Problem {
        self.subject = subject.to_owned();
        self
    }

    /// The member that is missing at the place, and a guess at it.
    pub(super) fn adding(mut self, member: &str, lines: String) -> Problem {
        self.subject = format!("{}.{member}", self.subject);
        self.add = Some(lines);
        self
    }

    /// True where nothing is sampled with such a policy.
    pub fn is_error(&self) -> bool {
        self.rule.explanation().severity == Severity::Error
    }

    /// `policy.json:61:7: tables.users.columns: MESSAGE; add LINE`.
    pub fn text(&self, file: &PolicyFile) -> String {
        let (line, column) = file.line_and_column(&self.pointer);
        let place = format!("{}:{line}:{column}: {}", file.name, self.message());
        self.advice()
            .iter()
            .fold(place, |text, advice| format!("{text}; {advice}"))
    }

    /// The same as a record.
    pub fn finding(&self, file: &PolicyFile) -> Finding {
        let (line, _) = file.line_and_column(&self.pointer);
        let place = Evidence::file(EnvironmentName::Ea, &file.name, Some(line as u64))
            .what(self.pointer.join("."));
        let finding = self.rule.finding(&self.subject, self.message()).at(place);
        match self.advice() {
            Some(advice) => finding.fix(advice),
            None => finding,
        }
    }

    fn message(&self) -> String {
        format!("{}: {}", self.pointer.join("."), self.message)
    }

    fn advice(&self) -> Option<String> {
        let add = self.add.as_ref()?;
        let space = if add.contains('\n') { '\n' } else { ' ' };
        Some(format!("add{space}{add}"))
    }
}
