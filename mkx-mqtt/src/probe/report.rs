//! What the probe answers.

use clap::ValueEnum;
use mkx_contract::record::finding::{Evidence, Finding, Findings, Rule as _};
use mkx_contract::{EnvironmentName, Record};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::broker::Protocol;
use crate::rule::Rule;

/// The matrix, and what it says.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// True where every cell is as it was predicted, nothing crossed over and nothing was left.
    pub isolated: bool,
    /// Milliseconds.
    pub duration_ms: u64,
    /// How many cells were looked at.
    pub cells_total: usize,
    /// How many were as predicted.
    pub cells_confirmed: usize,
    /// The cells.
    pub cells: Vec<Cell>,
    /// Messages of one broker that were heard on the other.
    pub crossings: Vec<Crossing>,
    /// Topics on which a message of the probe is still kept; null: that could not be seen.
    pub retained_left: Option<Vec<Leftover>>,
    /// What is not as it should be, by cause.
    pub findings: Findings,
}

impl Record for Report {
    const RECORD: &'static str = "mkx.mqtt.probe/1";
}

impl Report {
    /// What is wrong, by who is in it: one who comes to a broker, or the broker itself.
    pub fn causes(&self) -> Vec<Finding> {
        let mut found: Vec<Finding> = self.cells.iter().filter_map(Cell::finding).collect();
        for crossing in &self.crossings {
            let subject = format!("{} to {}", crossing.from, crossing.to);
            let message = format!("a message crossed over from {subject}");
            let finding = Rule::Crossing.finding(subject, message);
            let place = seen(crossing.to, &crossing.topic);
            found.push(finding.at(place).concerns(crossing.from));
        }
        for left in self.retained_left.iter().flatten() {
            let broker = format!("broker of {}", left.environment);
            let message = format!("the {broker} keeps a message of the probe");
            let finding = Rule::RetainedLeft.finding(broker, message);
            found.push(finding.at(seen(left.environment, &left.topic)));
        }
        if self.retained_left.is_none() {
            let message = "nobody can tell what the brokers keep of the probe";
            found.push(Rule::RetainedLeft.finding("both brokers", message));
        }
        found
    }

    /// For people.
    pub fn summary(&self) -> String {
        let all = self.cells_total;
        if self.isolated {
            return format!("all {all} cells are as they should be");
        }
        let (wrong, crossed) = (all - self.cells_confirmed, self.crossings.len());
        let left = self
            .retained_left
            .as_ref()
            .map(|left| left.len().to_string());
        let left = left.unwrap_or_else(|| "nobody can tell how many".into());
        format!(
            "{wrong} of {all} cells are not as they should be, {crossed} messages crossed over, {left} are left"
        )
    }
}

/// Who comes to a broker.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// A device with a certificate of the environment.
    OwnCertificate,
    /// A device with the other environment's.
    OtherCertificate,
    /// A device whose certificate is revoked.
    Revoked,
    /// A device whose certificate has lapsed.
    Expired,
    /// A device without a certificate.
    NoCertificate,
    /// A device with a certificate of an authority that nobody knows, under the right names.
    WrongAuthority,
    /// The application.
    Service,
    /// The application with the other environment's password.
    OtherPassword,
    /// The application with a password that is nobody's.
    WrongPassword,
    /// Nobody, on the plain port.
    Anonymous,
}

impl Identity {
    /// True where the broker has to let it in.
    pub fn is_welcome(self) -> bool {
        matches!(self, Identity::OwnCertificate | Identity::Service)
    }

    /// True where it acts as a device does.
    pub fn is_device(self) -> bool {
        !matches!(
            self,
            Identity::Service
                | Identity::OtherPassword
                | Identity::WrongPassword
                | Identity::Anonymous
        )
    }
}

/// What it tries.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// To connect.
    Connect,
    /// To publish.
    Publish,
    /// To subscribe to topics by name.
    Subscribe,
    /// To leave a Will.
    Will,
    /// To publish what is kept.
    Retained,
    /// To subscribe to everything.
    #[serde(rename = "#")]
    Everything,
    /// To subscribe to the topics of every device.
    #[serde(rename = "+")]
    EveryDevice,
    /// To subscribe to what the broker says of itself.
    #[serde(rename = "$SYS")]
    System,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It works.
    Allowed,
    /// What is its own works, and nothing else does.
    OwnOnly,
    /// It does not work.
    Refused,
    /// Something works that is not its own.
    TooMuch,
    /// Something does not work that is its own.
    TooLittle,
    /// It cannot be told.
    Unknown,
}

/// One cell of the matrix.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// Who.
    pub identity: Identity,
    /// On whose broker.
    pub environment: EnvironmentName,
    /// In which version.
    pub protocol: Protocol,
    /// What.
    pub action: Action,
    /// What should come of it.
    pub predicted: Outcome,
    /// What came of it.
    pub observed: Outcome,
    /// True where both are the same.
    pub confirmed: bool,
    /// By what it was seen.
    pub evidence: String,
}

impl Cell {
    fn finding(&self) -> Option<Finding> {
        let rule = match (self.confirmed, self.observed, self.predicted) {
            (true, ..) => return None,
            (_, Outcome::Unknown, _) => Rule::Untold,
            (_, _, Outcome::Refused) => Rule::LetIn,
            (_, Outcome::TooMuch | Outcome::Allowed, _) => Rule::TooMuch,
            _ => Rule::TooLittle,
        };
        let (who, environment) = (name(&self.identity), self.environment);
        // A broker that does not answer its own is one cause, whoever else comes.
        let subject = match rule {
            Rule::Untold => format!("broker of {environment}"),
            _ => format!("{who} on the broker of {environment}"),
        };
        let message = format!("{subject}: {}", rule.explanation().title);
        let outcome = |outcome| name(outcome).replace('_', " ");
        let (observed, predicted) = (outcome(&self.observed), outcome(&self.predicted));
        let (action, protocol, evidence) =
            (name(&self.action), name(&self.protocol), &self.evidence);
        let place = seen(
            environment,
            &format!(
                "{who} {action} in MQTT {protocol}: {observed}, expected {predicted}: {evidence}"
            ),
        );
        Some(rule.finding(subject, message).at(place))
    }
}

fn seen(environment: EnvironmentName, what: &str) -> Evidence {
    let place = Evidence {
        environment: Some(environment),
        ..Evidence::default()
    };
    place.what(what)
}

/// As the record has it.
fn name(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// A message that was heard where it was not published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Crossing {
    /// Whose broker it was published on.
    pub from: EnvironmentName,
    /// Whose broker it was heard on.
    pub to: EnvironmentName,
    /// The topic.
    pub topic: String,
}

/// A message of the probe that is still kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Leftover {
    /// On whose broker.
    pub environment: EnvironmentName,
    /// The topic.
    pub topic: String,
}
