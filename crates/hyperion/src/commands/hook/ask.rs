//! Decides what an agent is told: by the home's engine, over the run's socket, or by the rules alone.

use std::time::{Duration, Instant};

use hyperion_api::client::UnixTransport;
use hyperion_api::command::{Answer, AskPermission, Permission};
use hyperion_api::policy::Verdict;
use hyperion_api::{Client, ClientError};

use super::agent::{Act, Adapter, Call, Told};
use super::{Fallback, fallback, rules, run_socket};
use crate::context::Cx;
use crate::id::short;

/// How long the engine has for an answer that waits for nobody.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How often is looked whether somebody decided.
const LOOK: Duration = Duration::from_millis(200);

/// Decides about a call: the worst of what it does counts.
pub(super) async fn decide(
    adapter: &dyn Adapter,
    call: &Call,
    wait: Duration,
    without: Fallback,
    cx: &Cx,
) -> Told {
    let until = Instant::now() + wait;
    let mut told = Told::Pass;
    for act in &call.acts {
        let next = one(adapter, call, act, until, without, cx).await;
        if weight(&next) > weight(&told) {
            told = next;
        }
        if matches!(told, Told::Deny(_)) {
            break;
        }
    }
    told
}

const fn weight(told: &Told) -> u8 {
    match told {
        Told::Pass => 0,
        Told::Allow(_) => 1,
        Told::Ask(_) => 2,
        Told::Deny(_) => 3,
    }
}

async fn one(
    adapter: &dyn Adapter,
    call: &Call,
    act: &Act,
    until: Instant,
    without: Fallback,
    cx: &Cx,
) -> Told {
    if let Act::Read(path) = act {
        // Reading never asks anybody: a rule refuses it, or the agent's own rules hold.
        return match rules::judge(call, act, cx) {
            Ok(verdict) if verdict.verdict == "deny" => Told::Deny(refused(&verdict)),
            Ok(_) => Told::Pass,
            Err(why) => fallback(without, &format!("{path} cannot be judged: {why}")),
        };
    }
    if let Some(run) = run_socket::of(cx) {
        return match rules::judge(call, act, cx) {
            Ok(verdict) => run_socket::ask(run, adapter, call, act, verdict, until).await,
            Err(why) => fallback(without, &format!("the command cannot be judged: {why}")),
        };
    }
    match by_engine(adapter, call, act, until, cx).await {
        Some(told) => told,
        None => alone(call, act, without, cx),
    }
}

/// Asks the home's engine; none where there is none, or it does not answer.
async fn by_engine(
    adapter: &dyn Adapter,
    call: &Call,
    act: &Act,
    until: Instant,
    cx: &Cx,
) -> Option<Told> {
    let socket = cx.locations().ok()?.socket();
    if !socket.exists() {
        return None;
    }
    let client = Client::new(UnixTransport::new(socket));
    let body = question(adapter, call, act)?;
    loop {
        let asked = client.post::<Permission>("/api/commands/permission", &body);
        let permission = match tokio::time::timeout(ANSWER_WITHIN, asked).await {
            Ok(Ok(permission)) => permission,
            // What the engine refuses to judge is not judged more mildly without it.
            Ok(Err(ClientError::Problem(problem))) => {
                return Some(Told::Deny(format!("hyperion: {}", problem.detail)));
            }
            Ok(Err(_)) | Err(_) => return None,
        };
        if permission.answer != Answer::Wait {
            return Some(told(act, &permission));
        }
        if Instant::now() + LOOK >= until {
            return Some(Told::Deny(waits(&permission)));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn question(adapter: &dyn Adapter, call: &Call, act: &Act) -> Option<AskPermission> {
    let (mut command, mut edit) = (None, None);
    match act {
        Act::Command(text) => command = Some(text.clone()),
        Act::Edit(path) => edit = Some(path.clone()),
        Act::Read(_) => return None,
    }
    Some(AskPermission {
        agent: adapter.name().to_owned(),
        session: call.session.clone(),
        command,
        argv: None,
        edit,
        dir: call.dir.to_str()?.to_owned(),
        run: None,
        asks: true,
    })
}

/// Says what the engine answered.
fn told(act: &Act, permission: &Permission) -> Told {
    let Permission {
        answer,
        verdict,
        ground,
        approval_id: _,
        reason,
    } = permission;
    match (answer, ground.as_deref()) {
        (Answer::Allow, ground) => allowed(act, ground),
        (Answer::Deny, _) => Told::Deny(match reason {
            Some(reason) => format!("not allowed: {reason}"),
            None => refused(verdict),
        }),
        (Answer::Ask, _) => Told::Ask(asks(verdict)),
        (Answer::Wait, _) => Told::Deny(waits(permission)),
    }
}

/// What the rules let pass. An edit that no rule is against is left to the agent's own rules; a command is let go on.
fn allowed(act: &Act, ground: Option<&str>) -> Told {
    match (act, ground) {
        (_, Some("grant")) => Told::Allow("a grant covers it".to_owned()),
        (_, Some("approval")) => Told::Allow("it was approved".to_owned()),
        (Act::Edit(_) | Act::Read(_), _) => Told::Pass,
        (Act::Command(_), _) => Told::Allow("policy lets it run".to_owned()),
    }
}

/// Judges by the rules alone: no engine is up, and nobody is asked.
fn alone(call: &Call, act: &Act, without: Fallback, cx: &Cx) -> Told {
    match rules::judge(call, act, cx) {
        Ok(verdict) => match verdict.verdict.as_str() {
            "allow" => allowed(act, None),
            "deny" => Told::Deny(refused(&verdict)),
            _ => fallback(
                without,
                &format!(
                    "{}, and no Hyperion engine is up to ask (`hyperion up`)",
                    asks(&verdict)
                ),
            ),
        },
        Err(why) => fallback(without, &format!("it cannot be judged: {why}")),
    }
}

/// Says that policy refuses something.
pub(super) fn refused(verdict: &Verdict) -> String {
    format!("policy refuses it: {}", because(verdict))
}

/// Says that somebody has to agree.
pub(super) fn asks(verdict: &Verdict) -> String {
    let who = verdict.level.as_deref().unwrap_or("a person");
    format!("{who} has to agree: {}", because(verdict))
}

fn because(verdict: &Verdict) -> String {
    let reasons = verdict.reasons.iter().map(|reason| reason.detail.as_str());
    reasons.collect::<Vec<_>>().join("; ")
}

/// Says that nobody decided yet.
fn waits(permission: &Permission) -> String {
    let id = permission.approval_id.as_deref().map_or("", short);
    format!(
        "nobody has decided yet. Approval {id} waits (`hyperion approval show {id}`): go on with something else, and make this very call again later"
    )
}
