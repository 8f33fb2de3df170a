//! Nothing of the probe stays on a broker: what is kept is found by those who may read it and
//! cleared by those who may write it.

use std::collections::BTreeSet;

use super::arrival::{Place, Who, open};
use super::report::{Identity, Leftover};
use crate::broker::{Ending, Session};

/// Clears what is left, and says what could not be cleared; nothing where that can not be seen,
/// because the broker does not let those read who may.
pub async fn clear(place: &Place) -> Option<Vec<Leftover>> {
    let ground = &place.ground;
    let (topics, _) = kept(place).await;
    for topic in &topics {
        for identity in [Identity::OwnCertificate, Identity::Service] {
            if let Ok(mut session) = open(ground.door(identity)).await {
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
    let (up, down) = (&ground.neighbour.up, &ground.neighbour.down);
    let own = open(ground.door(Identity::OwnCertificate)).await;
    let readers = [
        (place.another(Who::Service).await, up, Who::Neighbour),
        (place.another(Who::Neighbour).await, down, Who::Service),
        (own, &ground.own.down, Who::Service),
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
    for topic in place.ground.topics() {
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
