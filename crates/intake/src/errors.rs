//! Collects everything that is wrong with a file of requests.

use hyperion_api::{FieldError, Problem};

/// The most errors that are listed; a longer report helps nobody.
const MAX_LISTED: usize = 200;

/// Everything that is wrong: the first errors in full, the others by their number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Errors {
    listed: Vec<FieldError>,
    total: usize,
}

impl Errors {
    /// Tells whether nothing is wrong.
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Gives how many errors there are, listed or not.
    pub const fn total(&self) -> usize {
        self.total
    }

    /// Gives the errors, as far as they are listed.
    pub fn listed(&self) -> &[FieldError] {
        &self.listed
    }

    /// Adds an error at a place.
    pub fn push(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.total += 1;
        if self.listed.len() < MAX_LISTED {
            self.listed.push(FieldError {
                pointer: pointer.into(),
                detail: detail.into(),
            });
        }
    }

    /// Adds what else is wrong.
    pub fn extend(&mut self, other: Self) {
        self.total += other.total;
        self.listed.extend(other.listed);
        self.listed.truncate(MAX_LISTED);
    }

    /// Makes the answer to whoever sent the file.
    pub fn into_problem(self, code: &str) -> Problem {
        let detail = match self.listed.as_slice() {
            [one] if self.total == 1 => one_line(one),
            listed if listed.len() < self.total => format!(
                "{} things are wrong, the first {} are listed; nothing was filed",
                self.total,
                listed.len()
            ),
            _ => format!("{} things are wrong; nothing was filed", self.total),
        };
        Problem::new(code, detail).errors(self.listed)
    }
}

/// Writes an error with its place, where it has one.
pub fn one_line(FieldError { pointer, detail }: &FieldError) -> String {
    if pointer.is_empty() {
        detail.clone()
    } else {
        format!("{pointer}: {detail}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_is_counted() {
        let mut errors = Errors::default();
        assert!(errors.is_empty());
        for at in 0..MAX_LISTED {
            errors.push(format!("/{at}"), "is wrong");
        }
        let mut more = Errors::default();
        more.push("", "is wrong too");
        more.push("", "is wrong too");
        errors.extend(more);
        assert_eq!((errors.total(), errors.listed().len()), (202, 200));
        let problem = errors.into_problem("request.unprocessable");
        assert_eq!(
            problem.detail,
            "202 things are wrong, the first 200 are listed; nothing was filed"
        );
    }
}
