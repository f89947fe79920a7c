//! In-memory merges, durable landings and lanes over the git command line; the only crate that knows git.
