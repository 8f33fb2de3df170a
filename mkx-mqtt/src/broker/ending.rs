//! How a connection that was not accepted, or did not last, ended.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

use rumqttc::v5;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The broker said no: an alert, a reason code, or it closed the connection.
    Refused(String),
    /// What the broker shows is not the certificate that it should show.
    Untrusted(String),
    /// Nothing answers there.
    Unreachable(String),
    /// The broker does not go on.
    Stalled(&'static str),
    /// It is no MQTT that is spoken there.
    Nonsense(String),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Refused(how) => write!(f, "refused: {how}"),
            Ending::Untrusted(how) => write!(f, "the broker's certificate is not trusted: {how}"),
            Ending::Unreachable(how) => write!(f, "cannot be reached: {how}"),
            Ending::Stalled(phase) => write!(f, "does not go on while {phase}"),
            Ending::Nonsense(how) => write!(f, "does not speak MQTT: {how}"),
        }
    }
}

impl From<v5::ConnectionError> for Ending {
    fn from(error: v5::ConnectionError) -> Self {
        use v5::ConnectionError::{ConnectionRefused, MqttState, NotConnAck, Timeout};
        match &error {
            ConnectionRefused(code) => Ending::Refused(format!("{code:?}")),
            Timeout(_) => Ending::Stalled("connecting"),
            NotConnAck(_) => Ending::Nonsense("another packet in place of an answer".into()),
            MqttState(state) => match state {
                v5::StateError::ConnectionAborted => closed(),
                v5::StateError::ServerDisconnect { reason_code, .. } => {
                    Ending::Refused(format!("{reason_code:?}"))
                }
                v5::StateError::Deserialization(cause) => from_cause(cause),
                other => from_cause(other),
            },
            other => from_cause(other),
        }
    }
}

impl From<rumqttc::ConnectionError> for Ending {
    fn from(error: rumqttc::ConnectionError) -> Self {
        use rumqttc::ConnectionError::{
            ConnectionRefused, FlushTimeout, MqttState, NetworkTimeout, NotConnAck,
        };
        match &error {
            ConnectionRefused(code) => Ending::Refused(format!("{code:?}")),
            NetworkTimeout | FlushTimeout => Ending::Stalled("connecting"),
            NotConnAck(_) => Ending::Nonsense("another packet in place of an answer".into()),
            MqttState(rumqttc::StateError::ConnectionAborted) => closed(),
            MqttState(rumqttc::StateError::Deserialization(cause)) => from_cause(cause),
            other => from_cause(other),
        }
    }
}

fn closed() -> Ending {
    Ending::Refused("connection closed".into())
}

/// The first cause that is known, from the outside in.
fn from_cause(error: &(dyn Error + 'static)) -> Ending {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return from_tls(error);
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return from_io(error);
        }
        cause = error.source();
    }
    Ending::Nonsense(error.to_string())
}

fn from_io(error: &io::Error) -> Ending {
    if let Some(inner) = error.get_ref() {
        if let Some(error) = inner.downcast_ref::<rustls::Error>() {
            return from_tls(error);
        }
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            return from_io(error);
        }
    }
    match error.kind() {
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected => closed(),
        ErrorKind::TimedOut => Ending::Stalled("connecting"),
        ErrorKind::InvalidData => Ending::Nonsense(error.to_string()),
        _ => Ending::Unreachable(error.to_string()),
    }
}

fn from_tls(error: &rustls::Error) -> Ending {
    match error {
        rustls::Error::AlertReceived(alert) => Ending::Refused(format!("TLS alert {alert:?}")),
        rustls::Error::InvalidCertificate(cause) => Ending::Untrusted(cause.to_string()),
        other => Ending::Nonsense(other.to_string()),
    }
}
