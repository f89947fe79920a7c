//! Users, and who makes a call.

use axum::Json;
use axum::extract::{Path, State};
use hyperion_api::user::{ChangeUser, CreateUser, Me, User as Wire};
use hyperion_api::{List, Problem};
use hyperion_engine::{Error, identity};
use hyperion_identity::{Need, Password};
use hyperion_model::Role;
use hyperion_model::user::User;

use crate::Server;
use crate::answer::{Answer, blocking};
use crate::caller::Caller;
use crate::hashing::hashing;
use crate::table::Routes;

pub(super) fn routes() -> Routes {
    Routes::about("users")
        .get("/api/users", Need::VIEWER, "Lists users", list)
        .post("/api/users", Need::ADMIN, "Makes a user", create)
        // Of oneself the password; the engine asks for an admin for all else.
        .patch("/api/users/{name}", Need::VIEWER, "Changes a user", change)
        .get("/api/me", Need::VIEWER, "Says who makes the call", me)
}

async fn list(State(server): State<Server>) -> Answer<List<Wire>> {
    blocking(server, |server| {
        let users = identity::list(server.cx())?;
        Ok(List::whole(users.iter().map(view).collect()))
    })
    .await
}

async fn create(
    State(server): State<Server>,
    caller: Caller,
    Json(wanted): Json<CreateUser>,
) -> Answer<Wire> {
    hashing(server, move |server| {
        let CreateUser {
            name,
            role,
            os_uid,
            password,
        } = wanted;
        let new = identity::NewUser {
            name,
            role: role
                .as_deref()
                .map(parse_role)
                .transpose()?
                .unwrap_or(Role::Operator),
            os_uid,
            password: password.map(Password::new),
        };
        Ok(view(&identity::create(server.cx(), caller.known(), &new)?))
    })
    .await
}

async fn change(
    State(server): State<Server>,
    caller: Caller,
    Path(name): Path<String>,
    Json(wanted): Json<ChangeUser>,
) -> Answer<Wire> {
    hashing(server, move |server| {
        let (cx, known) = (server.cx(), caller.known());
        let ChangeUser {
            role,
            os_uid,
            disabled,
            password,
            former_password,
        } = wanted;
        let os_uid = os_uid.map(|uid| match uid {
            -1 => Ok(None),
            uid => u32::try_from(uid).map(Some).map_err(|_| {
                Problem::new(
                    "input.invalid",
                    "os_uid is the number of a user of this machine, or -1",
                )
            }),
        });
        let wanted = identity::ChangeUser {
            role: role.as_deref().map(parse_role).transpose()?,
            os_uid: os_uid.transpose()?,
            disabled,
        };
        let changes = wanted.role.is_some() || wanted.os_uid.is_some() || disabled.is_some();
        let mut user = None;
        if changes {
            user = Some(identity::change(cx, known, &name, &wanted)?);
        }
        if let Some(password) = password.map(Password::new) {
            let former = former_password.map(Password::new);
            let set = identity::set_password(cx, known, &name, former.as_ref(), &password)?;
            user = Some(set);
        }
        let user = match user {
            Some(user) => user,
            None => identity::require(cx, &name)?,
        };
        Ok(view(&user))
    })
    .await
}

async fn me(State(server): State<Server>, caller: Caller) -> Answer<Me> {
    blocking(server, move |server| {
        let known = caller.known();
        let known_by = match (known.rights.run, known.token, known.session, known.user) {
            (Some(_), ..) => "run",
            (None, Some(_), ..) => "token",
            (None, None, Some(_), _) => "session",
            (None, None, None, Some(_)) => "os_user",
            (None, None, None, None) => "owner",
        };
        let scopes = known.rights.scopes.iter();
        Ok(Me {
            name: known.actor.id().to_string(),
            role: known.rights.role.name().to_owned(),
            scopes: scopes.map(|scope| scope.name().to_owned()).collect(),
            known_by: known_by.to_owned(),
            single_user: identity::is_single_user(server.cx())?,
        })
    })
    .await
}

fn parse_role(text: &str) -> Result<Role, Error> {
    let found = Role::ALL.into_iter().find(|role| role.name() == text);
    found.ok_or_else(|| {
        let detail =
            format!("{text:?} is no role; there are viewer, operator, team-lead and admin");
        Problem::new("input.invalid", detail).into()
    })
}

fn view(user: &User) -> Wire {
    Wire {
        name: user.name.to_string(),
        role: user.role.name().to_owned(),
        status: user.status.name().to_owned(),
        os_uid: user.os_uid,
        has_password: user.password.is_some(),
        created_at: user.created_at.to_string(),
        signed_in_at: user.signed_in_at.map(|at| at.to_string()),
    }
}
