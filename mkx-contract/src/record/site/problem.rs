//! What is wrong with a site document, and where.

/// What is wrong, and the way to it in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Field names from the top.
    pub pointer: Vec<String>,
    /// What is wrong there.
    pub message: String,
}

impl Problem {
    /// A problem at a place that is given by its names.
    pub fn at(pointer: &[String], message: impl Into<String>) -> Problem {
        Problem {
            pointer: pointer.to_vec(),
            message: message.into(),
        }
    }
}

/// Everything that is wrong; of one place and what is in it, what was found first.
#[derive(Debug, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Adds one; the place is written with dots: `environments.eb.vault.path`.
    pub fn add(&mut self, pointer: &str, message: impl Into<String>) {
        let pointer: Vec<String> = pointer.split('.').map(str::to_owned).collect();
        self.add_at(&pointer, message);
    }

    /// Adds one where there is a cause.
    pub fn add_if(&mut self, pointer: &str, cause: Option<impl Into<String>>) {
        if let Some(cause) = cause {
            self.add(pointer, cause);
        }
    }

    /// Adds one at a place that is given by its names.
    pub fn add_at(&mut self, pointer: &[String], message: impl Into<String>) {
        let is_said = |problem: &Problem| pointer.starts_with(&problem.pointer);
        if !self.0.iter().any(is_said) {
            self.0.push(Problem::at(pointer, message));
        }
    }
}
