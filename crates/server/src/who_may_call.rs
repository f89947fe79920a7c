//! Who may make which call, as a page for people: the table of calls says it, so that text and code cannot differ.

use hyperion_model::Role;

use crate::openapi::calls;
use crate::table::{Call, Reach};

const HEAD: &str = "\
<!-- Written by `hyperion generate who-may-call` from the table of calls in crates/server; change that instead. -->

# Who may make which call

A call takes the role that is named, or a higher one, and of a token the scope; [governance.md](governance.md) says what roles and scopes are. Some
look closer by themselves: who may decide a question follows from its level, from who owns what it touches and from whose work it is; of users and
tokens everybody may change their own, an admin all. A command of `hyperion` takes what the calls take that it makes.

| call | takes | scope | viewer | operator | team-lead | admin |
| --- | --- | --- | --- | --- | --- | --- |
";

/// Writes the page.
pub fn who_may_call() -> String {
    calls()
        .iter()
        .fold(HEAD.to_owned(), |page, call| page + &row(call))
}

fn row(call: &Call) -> String {
    let needed = call.need.role();
    let cells = Role::ALL.map(|role| match needed.is_none_or(|needed| role >= needed) {
        true => "yes",
        false => "–",
    });
    let scope = call.need.scope().map_or("none", |scope| scope.name());
    let reach = match call.reach {
        Reach::Anywhere => "",
        Reach::Socket => ", on the home's socket alone",
    };
    format!(
        "| `{} {}` | {}{reach} | {scope} | {} |\n",
        call.method,
        call.path,
        call.need,
        cells.join(" | ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    // X8: nothing but this is answered to somebody who is not known.
    #[test]
    fn calls_that_take_nobody_in_particular_are_few() {
        let open = calls()
            .into_iter()
            .filter(|call| call.need.role().is_none());
        let open: Vec<_> = open.map(|call| call.path).collect();
        assert_eq!(
            open,
            [
                "/healthz",
                "/readyz",
                "/api/openapi.json",
                "/docs",
                "/docs/style.css",
                // Whoever calls a tool is known by their session's secret.
                "/api/tools/{server}/{tool}",
                "/api/sign-in"
            ]
        );
    }
}
