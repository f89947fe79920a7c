//! Commands that somebody other than a person wants run, and what their agents may run themselves.

use std::path::PathBuf;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use hyperion_api::command::{Answer as Told, AskPermission, Command, NewCommand, Permission};
use hyperion_api::policy::{Reason, Verdict};
use hyperion_api::run::{NetworkLevel, SandboxLevel};
use hyperion_api::{FieldError, Problem};
use hyperion_engine::command::{self, Asker, Level, Network, Question, What, Wish};
use hyperion_engine::{Cx, Error};
use hyperion_identity::Need;
use hyperion_model::run::{Judged, Run};
use hyperion_model::{Name, RunId};
use hyperion_policy::Judgement;

use super::run::view;
use crate::Server;
use crate::answer::{Accepted, Answer, Taken, blocking};
use crate::caller::Caller;
use crate::subject::find;
use crate::table::Routes;

pub(super) fn routes() -> Routes {
    Routes::about("commands")
        .post_here(
            "/api/commands",
            Need::OPERATOR,
            "Has a command judged, and run once that is allowed",
            submit,
        )
        .post_here(
            "/api/commands/permission",
            Need::OPERATOR,
            "Says whether an agent may do what it is about to",
            permission,
        )
}

async fn submit(
    State(server): State<Server>,
    caller: Caller,
    Json(wanted): Json<NewCommand>,
) -> Accepted<Command> {
    let answer = blocking(server, move |server| {
        let cx = server.cx();
        let what = what_of([
            wanted.command.map(What::Command),
            wanted.argv.map(What::Argv),
        ])?;
        let key = wanted.key.map(|key| name("/key", &key)).transpose()?;
        let wish = Wish {
            what,
            dir: PathBuf::from(wanted.dir),
            sandbox: match wanted.sandbox.unwrap_or(SandboxLevel::Full) {
                SandboxLevel::Off => Level::Off,
                SandboxLevel::Partial => Level::Partial,
                SandboxLevel::Full => Level::Full,
            },
            network: match wanted.network.unwrap_or(NetworkLevel::Off) {
                NetworkLevel::Off => Network::Off,
                NetworkLevel::Listed => Network::Listed,
                NetworkLevel::On => Network::On,
            },
            timeout: wanted.timeout_sec.map(Duration::from_secs),
            key,
            asker: asker(cx, wanted.run.as_deref())?,
        };
        let taken = command::submit(cx, caller.actor(), &wish)?;
        Ok(Command {
            run: view(cx, &taken.run)?,
            verdict: verdict(cx, taken.judgement),
            approval_id: taken.approval.map(|id| id.to_string()),
        })
    });
    answer.await.map(|Json(command)| Taken(command))
}

async fn permission(
    State(server): State<Server>,
    Json(asked): Json<AskPermission>,
) -> Answer<Permission> {
    blocking(server, move |server| {
        let cx = server.cx();
        let what = [
            asked.command.map(What::Command),
            asked.argv.map(What::Argv),
            asked.edit.map(What::Edit),
        ];
        let question = Question {
            agent: name("/agent", &asked.agent)?,
            session: asked.session,
            what: what_of(what)?,
            dir: PathBuf::from(asked.dir),
            asker: asker(cx, asked.run.as_deref())?,
            asks: asked.asks,
        };
        let told = command::permission(cx, &question)?;
        let answer = match (&told.ground, &told.waits) {
            (Some(_), _) => Told::Allow,
            (None, Some(_)) => Told::Wait,
            (None, None) if told.judgement.is_denied() || told.refused.is_some() => Told::Deny,
            (None, None) => Told::Ask,
        };
        Ok(Permission {
            answer,
            verdict: verdict(cx, told.judgement),
            ground: told.ground.map(|ground| ground.name().to_owned()),
            approval_id: told.waits.map(|(_, approval)| approval.to_string()),
            reason: told
                .refused
                .map(|why| cx.redactor.redact(&why).into_owned()),
        })
    })
    .await
}

/// What the field `ground` says of a command that waits.
const HELD: &str = "held";

/// Gives on what ground a run runs, where it was judged.
pub(super) fn ground(run: &Run) -> Option<String> {
    run.judged.map(|judged| match judged {
        Judged::Held => HELD.to_owned(),
        Judged::Allowed(ground) => ground.name().to_owned(),
    })
}

fn asker(cx: &Cx, run: Option<&str>) -> Result<Asker, Error> {
    let run = run.map(|id| find::<Run>(cx, id, RunId::new)).transpose()?;
    command::asker(cx, run.map(|run| run.id))
}

fn what_of<const N: usize>(given: [Option<What>; N]) -> Result<What, Problem> {
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(what), None) => Ok(what),
        _ => Err(Problem::new(
            "input.invalid",
            "say one thing that is wanted: `command`, or `argv`",
        )),
    }
}

fn name(pointer: &str, text: &str) -> Result<Name, Problem> {
    Name::new(text).map_err(|error| {
        Problem::new("input.invalid", "a name cannot be read").errors(vec![FieldError {
            pointer: pointer.to_owned(),
            detail: error.to_string(),
        }])
    })
}

fn verdict(cx: &Cx, judgement: Judgement) -> Verdict {
    let verdict = judgement.verdict().to_owned();
    let level = judgement.level().map(|level| level.name().to_owned());
    let mask = |text: &str| cx.redactor.redact(text).into_owned();
    Verdict {
        verdict,
        level,
        reasons: judgement
            .reasons
            .iter()
            .map(|reason| Reason {
                code: reason.code.to_owned(),
                detail: mask(&reason.detail),
            })
            .collect(),
        shape: judgement.shape.map(|shape| mask(shape.as_str())),
    }
}
