//! The whole matrix: everybody comes to both brokers in both versions and tries everything.

use std::sync::Arc;

use mkx_contract::record::finding::Findings;
use mkx_contract::{Failure, Result};
use tokio::sync::Semaphore;

use super::act::{Actor, Drawn};
use super::arrival::{Absent, Place, arrive};
use super::ground::{Ground, Topics};
use super::hearing::canary;
use super::leftover;
use super::report::{Action, Cell, Identity, Outcome, Report};
use crate::broker::{Ending, Protocol, Session, Will};

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
        [&ground.own, &ground.neighbour]
            .into_iter()
            .flat_map(Topics::all)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    let [ea, eb] = grounds;
    let (ea, eb) = tokio::join!(arrive(ea, &topics[1]), arrive(eb, &topics[0]));
    let places = [judgeable(ea)?, judgeable(eb)?];
    let mut drafts = act(&places).await;
    let mut report = Report {
        isolated: false,
        duration_ms: 0,
        cells_total: 0,
        cells_confirmed: 0,
        cells: Vec::new(),
        crossings: Vec::new(),
        retained_left: Some(Vec::new()),
        findings: Findings::default(),
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
            for identity in Identity::ALL {
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
            return Action::ALL
                .map(|action| actor.cell(action, drawn.clone()))
                .to_vec();
        }
    }
    let acts = Action::ALL.map(|action| {
        let (actor, gate) = (actor.clone(), gate.clone());
        tokio::spawn(async move {
            let _turn = gate.acquire().await;
            actor.act(action).await
        })
    });
    let mut drafts = Vec::new();
    for (action, act) in Action::ALL.into_iter().zip(acts) {
        let drawn = act.await.unwrap_or_else(|_| gave_up());
        drafts.push(actor.cell(action, drawn));
    }
    drafts
}

fn gave_up() -> Drawn {
    Drawn::new(
        Outcome::Unknown,
        "what the broker sent made the client give up",
    )
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
        let outcome =
            match Session::open(ground.door(self.identity), self.protocol, Some(&will)).await {
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
            evidence = format!(
                "{evidence}; the revocation list is empty: mkx-mqtt certs crl {}",
                ground.environment
            );
        }
        let predicted = predicted(ground, self.identity, action);
        let cell = Cell {
            identity: self.identity,
            environment: ground.environment,
            protocol: self.protocol,
            action,
            predicted,
            observed: drawn.outcome,
            confirmed: drawn.outcome == predicted,
            evidence,
        };
        (cell, drawn.forbidden)
    }
}

/// Judges what nobody must have heard, after everything that was published has come, and leaves
/// nothing behind.
async fn close(place: &Place, drafts: &mut [Draft], report: &mut Report) {
    let environment = place.ground.environment;
    let is_heard = place.is_still_heard().await;
    for (cell, forbidden) in drafts.iter_mut() {
        if cell.environment != environment {
            continue;
        }
        if forbidden.iter().any(|payload| place.heard.has(payload)) {
            set(
                cell,
                Outcome::TooMuch,
                "somebody heard what nobody must hear",
            );
        } else if !is_heard && !forbidden.is_empty() {
            set(
                cell,
                Outcome::Unknown,
                "those who listen hear nothing any more",
            );
        }
    }
    report.crossings.extend(place.heard.crossings());
    let left = leftover::clear(place).await;
    report.retained_left = report
        .retained_left
        .take()
        .zip(left)
        .map(|(mut all, left)| {
            all.extend(left);
            all
        });
}

fn set(cell: &mut Cell, observed: Outcome, evidence: &str) {
    cell.observed = observed;
    cell.confirmed = observed == cell.predicted;
    cell.evidence = evidence.into();
}

/// The cells of a broker on which nobody could judge.
fn unjudged(absent: &Absent) -> Vec<Cell> {
    let mut cells = Vec::new();
    for protocol in [Protocol::V4, Protocol::V5] {
        for identity in Identity::ALL {
            for action in Action::ALL {
                cells.push(Cell {
                    identity,
                    environment: absent.ground.environment,
                    protocol,
                    action,
                    predicted: predicted(&absent.ground, identity, action),
                    observed: Outcome::Unknown,
                    confirmed: false,
                    evidence: absent.cause.clone(),
                });
            }
        }
    }
    cells
}
