//! Users and tokens.

use hyperion_api::user::{Me, Token, User};
use jiff::Timestamp;

use super::hint;
use crate::id::short;
use crate::output::table::{Cell, Table, fixed, prose};
use crate::output::visible::visible;
use crate::time::ago;

/// Writes a list of users.
pub(crate) fn table(users: &[User], now: Timestamp, width: Option<usize>) -> String {
    let mut table = Table::new([
        fixed("NAME"),
        fixed("ROLE"),
        fixed("STATUS"),
        fixed("PASSWORD"),
        fixed("OS USER"),
        fixed("SIGNED IN"),
    ]);
    for user in users {
        let os_user = user.os_uid.map_or("none".to_owned(), |uid| uid.to_string());
        table.row([
            (&user.name).into(),
            (&user.role).into(),
            Cell::status(&user.status),
            if user.has_password { "yes" } else { "none" }.into(),
            os_user.into(),
            used(user.signed_in_at.as_deref(), now).into(),
        ]);
    }
    table.render(width)
}

/// Writes a user that was just made or changed.
pub(crate) fn block(user: &User) -> String {
    let name = visible(&user.name);
    let role = visible(&user.role);
    let known = match (user.has_password, user.os_uid) {
        (true, Some(uid)) => format!("by password, and on this machine as user {uid}"),
        (true, None) => "by password".to_owned(),
        (false, Some(uid)) => format!("on this machine as user {uid}"),
        (false, None) => "by tokens alone".to_owned(),
    };
    match user.status.as_str() {
        "active" => format!("{name} is {role}, known {known}.\n"),
        _ => format!("{name} is disabled: no password, token or session of theirs is taken.\n"),
    }
}

/// Writes a list of tokens.
pub(crate) fn tokens(tokens: &[Token], now: Timestamp, width: Option<usize>) -> String {
    let mut table = Table::new([
        fixed("ID"),
        fixed("USER"),
        fixed("SCOPES"),
        fixed("STATUS"),
        fixed("USED"),
        fixed("ENDS"),
        prose("FOR"),
    ]);
    for token in tokens {
        table.row([
            short(&token.id).into(),
            (&token.user).into(),
            token.scopes.join(",").into(),
            Cell::status(&token.status),
            used(token.used_at.as_deref(), now).into(),
            token.expires_at.as_deref().map_or("never", day).into(),
            (&token.label).into(),
        ]);
    }
    table.render(width)
}

/// Says what a token is whose text follows.
pub(crate) fn issued(token: &Token) -> String {
    format!(
        "Token {} of {} may {} until {}. Its text is shown this once:",
        short(&token.id),
        visible(&token.user),
        token.scopes.join(", "),
        token.expires_at.as_deref().map_or("it is revoked", day),
    )
}

/// Says that a token was taken back.
pub(crate) fn revoked(token: &Token) -> String {
    format!(
        "Token {} of {} is not taken any more.\n",
        short(&token.id),
        visible(&token.user)
    )
}

/// Says who somebody is.
pub(crate) fn me(me: &Me) -> String {
    let known = match me.known_by.as_str() {
        "owner" => "as the owner of this home",
        "os_user" => "by the user of this machine that you are",
        "token" => "by a token",
        "session" => "by a session",
        _ => "as part of a run",
    };
    let may = me.scopes.join(", ");
    let role = visible(&me.role);
    let mut text = format!(
        "You are {}, {role}, known {known}. You may {may}.\n",
        visible(&me.name)
    );
    if me.single_user {
        text.push_str(&hint(
            "nobody else works with this home, so you may approve what you filed yourself",
        ));
        text.push('\n');
    }
    text
}

fn used(at: Option<&str>, now: Timestamp) -> String {
    at.map_or("never".to_owned(), |at| ago(at, now))
}

/// Gives the day of a time.
fn day(at: &str) -> &str {
    at.split('T').next().unwrap_or(at)
}
