//! Nothing of the probe stays on a broker: what is kept is found by those who may read it and
//! cleared by those who may write it.

use std::collections::BTreeSet;

use super::arrival::{Place, Who};
use super::ground::Topics;
use super::report::{Identity, Leftover};
use crate::broker::{Ending, Protocol, Session};

/// Clears what is left, and says what could not be cleared; nothing where that can not be seen,
/// because the broker does not let those read who may.
pub async fn clear(place: &Place) -> Option<Vec<Leftover>> {
    let ground = &place.ground;
    let (topics, _) = kept(place).await;
    for topic in &topics {
        for identity in [Identity::OwnCertificate, Identity::Service] {
            if let Ok(mut session) = Session::open(ground.door(identity), Protocol::V5, None).await
            {
                // Who may not write there has not written there.
                let _ = session.publish(topic, "", true).await;
                session.close().await;
            }
        }
        let _ = place.neighbour.lock().await.publish(topic, "", true).await;
    }
    let (left, is_whole) = kept(place).await;
    is_whole.then(|| {
        let leftover = |topic| Leftover {
            environment: ground.environment,
            topic,
        };
        left.into_iter().map(leftover).collect()
    })
}

/// The topics of both devices on which something is kept, and whether everybody could look.
async fn kept(place: &Place) -> (BTreeSet<String>, bool) {
    let ground = &place.ground;
    let own = Session::open(ground.door(Identity::OwnCertificate), Protocol::V5, None);
    let (service, neighbour) = (Who::Service, Who::Neighbour);
    let readers = [
        (
            place.another(service).await,
            &ground.neighbour.up,
            neighbour,
        ),
        (
            place.another(neighbour).await,
            &ground.neighbour.down,
            service,
        ),
        (own.await, &ground.own.down, service),
    ];
    let mut topics = BTreeSet::new();
    let mut is_whole = true;
    for (reader, fence, publisher) in readers {
        let found = match reader {
            Ok(reader) => look(place, reader, fence, publisher).await,
            Err(ending) => Err(ending),
        };
        match found {
            Ok(found) => topics.extend(found),
            Err(_) => is_whole = false,
        }
    }
    (topics, is_whole)
}

/// What one finds; what is kept comes before what is published afterwards.
async fn look(
    place: &Place,
    mut reader: Session,
    fence: &str,
    publisher: Who,
) -> Result<Vec<String>, Ending> {
    let ground = &place.ground;
    for topic in [&ground.own, &ground.neighbour]
        .into_iter()
        .flat_map(Topics::all)
    {
        reader.subscribe(topic).await?;
    }
    let last = place.publish(publisher, fence).await?;
    if !reader.hears(&last, place.patience()).await? {
        return Err(Ending::Stalled("subscribing"));
    }
    let kept = reader.heard.drain(..).filter(|message| message.retained);
    let topics = kept.map(|message| message.topic).collect();
    reader.close().await;
    Ok(topics)
}
