//! The one failure type: what went wrong, what to do about it, and the exit code it means.

use std::fmt;

/// The result of everything that can fail in front of a user.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a tool stops; each kind is one exit code of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The tool ran and the answer is no (exit 1).
    No,
    /// The command line is wrong (exit 2).
    Usage,
    /// The input is wrong; retrying will not help (exit 3).
    Input,
    /// A peer failed: database, docker, broker, disk; retrying may help (exit 4).
    Peer,
    /// A guard refused; nothing was touched (exit 5).
    Refused,
    /// The user interrupted (exit 130).
    Interrupted,
}

impl Kind {
    /// The exit code that scripts branch on.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::No => 1,
            Kind::Usage => 2,
            Kind::Input => 3,
            Kind::Peer => 4,
            Kind::Refused => 5,
            Kind::Interrupted => 130,
        }
    }
}

/// A failure as a person reads it: "cannot VERB THING: CAUSE", and a hint where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Decides the exit code.
    pub kind: Kind,
    /// Lower case, no full stop, no secret.
    pub message: String,
    /// What to type instead, or where to look.
    pub hint: Option<String>,
}

impl Failure {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Failure {
            kind,
            message: message.into(),
            hint: None,
        }
    }

    /// The answer is no, and the message says why (exit 1).
    pub fn no(message: impl Into<String>) -> Self {
        Self::new(Kind::No, message)
    }

    /// The command line is wrong (exit 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// The input is wrong (exit 3).
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Kind::Input, message)
    }

    /// A peer failed (exit 4).
    pub fn peer(message: impl Into<String>) -> Self {
        Self::new(Kind::Peer, message)
    }

    /// A guard refused before anything was touched (exit 5).
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// SIGINT or SIGTERM arrived (exit 130).
    pub fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted")
    }

    /// Adds what the user can do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts what was being done in front of the cause: "cannot read site.json: CAUSE".
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: Kind, code: u8) {
        assert_eq!(kind.exit_code(), code);
    }

    #[test]
    fn every_kind_has_the_exit_code_of_the_contract() {
        check(Kind::No, 1);
        check(Kind::Usage, 2);
        check(Kind::Input, 3);
        check(Kind::Peer, 4);
        check(Kind::Refused, 5);
        check(Kind::Interrupted, 130);
    }

    #[test]
    fn context_stands_in_front_of_the_cause() {
        let failure = Failure::peer("connection refused").context("cannot reach the broker");
        assert_eq!(
            failure.to_string(),
            "cannot reach the broker: connection refused"
        );
    }
}
