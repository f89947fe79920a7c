//! Finds what an id in a path means: a whole id, or the end of one.

use std::str::FromStr;

use hyperion_api::Problem;
use hyperion_engine::{Cx, Error};
use hyperion_model::Uuid;
use hyperion_model::machine::Machine;
use hyperion_store::Stored;

/// How short an id may be.
const MIN_SUFFIX: usize = 6;

/// Finds a noun by its id or the end of it.
pub(crate) fn find<M>(cx: &Cx, text: &str, wrap: fn(Uuid) -> M::Id) -> Result<M, Error>
where
    M: Stored + Machine,
    M::Id: FromStr,
{
    match look::<M>(cx, text, wrap)? {
        Some(found) => Ok(found),
        None => Err(missing::<M>(text).into()),
    }
}

/// Looks for a noun by its id or the end of it; none when there is none.
pub(crate) fn look<M>(cx: &Cx, text: &str, wrap: fn(Uuid) -> M::Id) -> Result<Option<M>, Error>
where
    M: Stored + Machine,
    M::Id: FromStr,
{
    if let Ok(id) = text.parse::<M::Id>() {
        return Ok(cx.store.get::<M>(id)?);
    }
    let hex: String = text
        .chars()
        .filter(|c| *c != '-')
        .collect::<String>()
        .to_ascii_lowercase();
    if !hex.chars().all(|c| c.is_ascii_hexdigit()) || hex.is_empty() || hex.len() > 32 {
        let detail = format!("{text:?} is not an id");
        return Err(Problem::new("subject.not_found", detail)
            .hint("lists show ids; their last 8 digits are enough")
            .into());
    }
    if hex.len() < MIN_SUFFIX {
        let detail = format!("{text:?} is too short for an id; give at least {MIN_SUFFIX} digits");
        return Err(Problem::new("input.invalid", detail).into());
    }
    match cx.store.find::<M>(&hex)?.as_slice() {
        [] => Ok(None),
        [one] => Ok(cx.store.get::<M>(wrap(*one))?),
        several => {
            let ids: Vec<_> = several.iter().map(ToString::to_string).collect();
            let detail = format!("{text:?} fits several {}s: {}", M::NOUN, ids.join(", "));
            Err(Problem::new("subject.ambiguous", detail)
                .hint("give more digits")
                .into())
        }
    }
}

pub(crate) fn missing<M: Machine>(text: &str) -> Problem {
    Problem::new(
        "subject.not_found",
        format!("there is no {} {text}", M::NOUN),
    )
    .hint("lists show ids; their last 8 digits are enough")
}
