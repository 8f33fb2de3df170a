//! The whole matrix: everybody comes to both brokers in both versions and tries everything.

use std::sync::Arc;

use clap::ValueEnum;
use mkx_contract::{Failure, Result};
use tokio::sync::Semaphore;

use super::act::{Actor, Drawn};
use super::arrival::{Absent, Place, arrive};
use super::ground::Ground;
use super::hearing::canary;
use super::leftover;
use super::report::{Action, Cell, Identity, Outcome, Report};
use crate::broker::{Ending, Protocol, Will};

/// How many act at the same time.
const CROWD: usize = 8;

/// A cell, and what nobody must have heard.
type Draft = (Cell, Vec<String>);

/// Probes both brokers.
///
/// # Errors
/// Exit 4 where one of them is not there, stalls, or does not speak MQTT.
pub async fn probe(grounds: [Ground; 2]) -> Result<Report> {
    let topics = grounds.each_ref().map(|ground| {
        let topics = ground.topics().map(str::to_owned);
        topics.collect::<Vec<_>>()
    });
    let [ea, eb] = grounds;
    let (ea, eb) = tokio::join!(arrive(ea, &topics[1]), arrive(eb, &topics[0]));
    let places = [judgeable(ea)?, judgeable(eb)?];
    let mut drafts = act(&places).await;
    let mut report = Report {
        retained_left: Some(Vec::new()),
        ..Report::default()
    };
    for place in places.iter().flatten() {
        close(place, &mut drafts, &mut report).await;
    }
    report.cells = drafts.into_iter().map(|(cell, _)| cell).collect();
    for absent in places.iter().filter_map(|place| place.as_ref().err()) {
        report.cells.extend(unjudged(absent));
    }
    report.cells_total = report.cells.len();
    report.cells_confirmed = report.cells.iter().filter(|cell| cell.confirmed).count();
    report.isolated = report.cells_confirmed == report.cells_total
        && report.crossings.is_empty()
        && report.retained_left.as_ref().is_some_and(Vec::is_empty);
    Ok(report)
}

type Arrived = std::result::Result<Arc<Place>, Box<Absent>>;

/// A broker that refuses its own is an answer; one that is not there is none.
fn judgeable(arrived: Arrived) -> Result<Arrived> {
    match arrived {
        Err(absent) if !matches!(absent.ending, Ending::Refused(_) | Ending::Untrusted(_)) => {
            Err(Failure::peer(format!(
                "cannot probe the broker of {}: {}",
                absent.ground.environment, absent.cause
            ))
            .hint("see that it runs and that site.json names its ports"))
        }
        arrived => Ok(arrived),
    }
}

/// Everybody acts, some at the same time.
async fn act(places: &[Arrived; 2]) -> Vec<Draft> {
    let gate = Arc::new(Semaphore::new(CROWD));
    let mut visits = Vec::new();
    for place in places.iter().flatten() {
        for protocol in [Protocol::V4, Protocol::V5] {
            for &identity in Identity::value_variants() {
                let actor = Actor {
                    place: place.clone(),
                    identity,
                    protocol,
                };
                visits.push(tokio::spawn(visit(actor, gate.clone())));
            }
        }
    }
    let mut drafts = Vec::new();
    for visit in visits {
        drafts.extend(visit.await.unwrap_or_default());
    }
    drafts
}

/// One comes, and does everything if it is let in. Each act is a task of its own, so that a panic
/// of the client library is an answer.
async fn visit(actor: Actor, gate: Arc<Semaphore>) -> Vec<Draft> {
    if !actor.identity.is_welcome() {
        let turn = gate.acquire().await;
        let knocking = actor.clone();
        let turned_away = tokio::spawn(async move { knocking.knock().await }).await;
        drop(turn);
        if let Some(drawn) = turned_away.unwrap_or_else(|_| Some(gave_up())) {
            let actions = Action::value_variants().iter();
            return actions
                .map(|action| actor.cell(*action, drawn.clone()))
                .collect();
        }
    }
    let acts = Action::value_variants().iter().map(|&action| {
        let (actor, gate) = (actor.clone(), gate.clone());
        let act = tokio::spawn(async move {
            let _turn = gate.acquire().await;
            actor.act(action).await
        });
        (action, act)
    });
    let acts: Vec<_> = acts.collect();
    let mut drafts = Vec::new();
    for (action, act) in acts {
        let drawn = act.await.unwrap_or_else(|_| gave_up());
        drafts.push(actor.cell(action, drawn));
    }
    drafts
}

fn gave_up() -> Drawn {
    let evidence = "what the broker sent made the client give up";
    Drawn::new(Outcome::Unknown, evidence)
}

/// What should come of an act.
fn predicted(ground: &Ground, identity: Identity, action: Action) -> Outcome {
    match (identity.is_welcome(), action) {
        (false, _) => Outcome::Refused,
        (true, Action::Connect) => Outcome::Allowed,
        (true, Action::System) if identity == Identity::Service && ground.reads_system => {
            Outcome::Allowed
        }
        (true, Action::System) => Outcome::Refused,
        (true, _) => Outcome::OwnOnly,
    }
}

impl Actor {
    /// Comes to a broker that should not let it in, with a Will that nobody must hear; what came
    /// of it where it was not let in.
    async fn knock(&self) -> Option<Drawn> {
        let ground = &self.place.ground;
        let will = Will {
            topic: ground.neighbour.up.clone(),
            payload: canary(ground.environment),
        };
        let outcome = match self.open(Some(&will)).await {
            Ok(session) => {
                session.close().await;
                return None;
            }
            Err(Ending::Refused(how)) => Drawn::new(Outcome::Refused, how),
            Err(ending) => Drawn::new(Outcome::Unknown, ending.to_string()),
        };
        Some(Drawn {
            forbidden: vec![will.payload],
            ..outcome
        })
    }

    fn cell(&self, action: Action, drawn: Drawn) -> Draft {
        let ground = &self.place.ground;
        let mut evidence = drawn.evidence;
        if self.identity == Identity::Revoked
            && drawn.outcome != Outcome::Refused
            && !ground.names_revoked
        {
            let hint = format!("mkx-mqtt certs crl {}", ground.environment);
            evidence = format!("{evidence}; the revocation list is empty: {hint}");
        }
        let mut cell = untold(ground, self.identity, self.protocol, action);
        cell.set(drawn.outcome, evidence);
        (cell, drawn.forbidden)
    }
}

/// A cell of which only the prediction is known.
fn untold(ground: &Ground, identity: Identity, protocol: Protocol, action: Action) -> Cell {
    Cell {
        identity,
        environment: ground.environment,
        protocol,
        action,
        predicted: predicted(ground, identity, action),
        observed: Outcome::Unknown,
        confirmed: false,
        evidence: String::new(),
    }
}

impl Cell {
    fn set(&mut self, observed: Outcome, evidence: impl Into<String>) {
        self.observed = observed;
        self.confirmed = observed == self.predicted;
        self.evidence = evidence.into();
    }
}

/// Judges what nobody must have heard, after everything that was published has come, and leaves
/// nothing behind.
async fn close(place: &Place, drafts: &mut [Draft], report: &mut Report) {
    let environment = place.ground.environment;
    let is_heard = place.is_still_heard().await;
    let own = drafts
        .iter_mut()
        .filter(|(cell, _)| cell.environment == environment);
    for (cell, forbidden) in own {
        if forbidden.iter().any(|payload| place.heard.has(payload)) {
            cell.set(Outcome::TooMuch, "somebody heard what nobody must hear");
        } else if !is_heard && !forbidden.is_empty() {
            cell.set(Outcome::Unknown, "those who listen hear nothing any more");
        }
    }
    report.crossings.extend(place.heard.crossings());
    let left = leftover::clear(place).await;
    let all = report.retained_left.take().zip(left);
    report.retained_left = all.map(|(all, left)| [all, left].concat());
}

/// The cells of a broker on which nobody could judge.
fn unjudged(absent: &Absent) -> Vec<Cell> {
    let mut cells = Vec::new();
    for protocol in [Protocol::V4, Protocol::V5] {
        for &identity in Identity::value_variants() {
            for &action in Action::value_variants() {
                let mut cell = untold(&absent.ground, identity, protocol, action);
                cell.evidence.clone_from(&absent.cause);
                cells.push(cell);
            }
        }
    }
    cells
}
