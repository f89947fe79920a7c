//! New versions of changes that were sent back: read, checked like a request that is filed, and handed to the plan again.
//!
//! A revision changes what tasks do, and never which tasks there are or in which order they come. What builds on a revised
//! task and was not sent back itself is made anew on top of it, and asked anew.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_api::assignment::Assignment;
use hyperion_api::task_request::{Task, TaskRequest};
use hyperion_api::{FieldError, Problem};
use hyperion_model::change_set::{self, ChangeSet};
use hyperion_model::plan::{self, Plan, Step, step};
use hyperion_model::request::{self, Request};
use hyperion_model::{Actor, Command, Digest, GitId, NewBlob, RequestId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answers::{answers, texts, with_answers};
use super::draft::Draft;
use super::errors::Errors;
use super::submit::check_again;
use super::version::{Given, HINT, read, read_as};
use super::{brief, secret};
use crate::change_set::{cancel_question, materialise, mode_bits};
use crate::cx::json_blob;
use crate::error::oid;
use crate::read_facts::ReadFacts;
use crate::repo::Opened;
use crate::{Cx, Error, identity};

/// How often a request is looked at anew because it moved on meanwhile.
const LOOKS_MAX: usize = 5;

/// New versions of tasks, complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Revision {
    /// The tasks.
    tasks: Vec<Task>,
    /// What their steps are about from now on.
    assignments: Vec<Assignment>,
}

/// A task of a plan whose change was sent back.
struct SentBack {
    step: Step,
    set: ChangeSet,
}

/// Takes a new version of changes of a request that were sent back.
pub fn revise(cx: &Cx, actor: &Actor, id: RequestId, bytes: &[u8]) -> Result<(), Error> {
    revise_from(cx, actor, id, bytes, None)
}

/// Takes a new version, and notes the commit of a branch that it was taken from.
pub(super) fn revise_from(
    cx: &Cx,
    actor: &Actor,
    id: RequestId,
    bytes: &[u8],
    tip: Option<&GitId>,
) -> Result<(), Error> {
    let mut looks = 0;
    loop {
        looks += 1;
        let request = cx.store.get::<Request>(id)?;
        let request = request.ok_or_else(|| {
            Problem::new("subject.not_found", format!("there is no request {id}"))
        })?;
        identity::require_own(actor, &request)?;
        let (commands, revision) = judged(cx, &request, bytes, tip)?;
        match cx.execute(cx.stamp_person(actor), commands, vec![revision]) {
            Err(error) if error.is_stale() && looks < LOOKS_MAX => {}
            taken => return taken.map(drop),
        }
    }
}

/// Checks a new version against the request and the repository; gives what it comes to.
fn judged(
    cx: &Cx,
    request: &Request,
    bytes: &[u8],
    tip: Option<&GitId>,
) -> Result<(Vec<Command>, NewBlob), Error> {
    let (plan, sent_back) = sent_back(cx, request)?;
    let mut document: TaskRequest = cx.require_json(request.submission.document)?;
    let given = read(bytes, request, &document)?;
    document.tasks = with_answers(document.tasks, &answers(cx, request)?);
    let filed = document.tasks.clone();
    document.tasks = with_answers(document.tasks, &revisions(cx, request)?);
    let checks = |tasks: &[Task]| -> BTreeMap<String, Vec<String>> {
        let checks = tasks
            .iter()
            .map(|task| (task.id.clone(), task.checks.clone()));
        checks.collect()
    };
    let former_checks = checks(&document.tasks);

    let mut errors = Errors::default();
    let mut places = Vec::new();
    for given in given {
        match revised(&given, &filed, &document.tasks, &sent_back) {
            Ok((at, _)) if places.iter().any(|(other, _)| *other == at) => {
                errors.push(
                    format!("{}/id", given.pointer),
                    "stands twice; keep one of the two",
                );
            }
            Ok((at, task)) => {
                document.tasks[at] = task;
                places.push((at, given.pointer));
            }
            Err(FieldError { pointer, detail }) => errors.push(pointer, detail),
        }
    }
    refuse(errors)?;
    let ids: Vec<String> = places
        .iter()
        .map(|(at, _)| document.tasks[*at].id.clone())
        .collect();
    let mut found = Errors::default();
    secret::check(&document, &cx.redactor, "", &mut found);
    let draft = match check_again(cx, request, document.clone())? {
        Ok(draft) => Some(draft),
        Err(more) => {
            found.extend(more);
            None
        }
    };
    refuse(placed(&found, &places, &document.tasks))?;
    let draft = draft.ok_or_else(|| Error::Missing("the checked revision".to_owned()))?;
    let opened = cx.repos.open(cx, request.submission.repo)?;
    for ((at, pointer), id) in places.iter().zip(&ids) {
        let back = sent_back.iter().find(|back| back.step.task.as_str() == id);
        if let Some(back) = back
            && former_checks.get(id) == Some(&document.tasks[*at].checks)
            && is_the_same(cx, &opened, &back.set, &document.tasks[*at])?
        {
            let mut errors = Errors::default();
            errors.push(
                format!("{pointer}/changes"),
                "come to exactly what was sent back; make what was asked for, or call the request off",
            );
            refuse(errors)?;
        }
    }
    let assignments = assignments(cx, request, &plan, &draft, &ids)?;
    let is_given = |task: &Task| ids.contains(&task.id);
    let revision = json_blob(&Revision {
        tasks: document.tasks.into_iter().filter(is_given).collect(),
        assignments,
    })?;
    let steps: Vec<u32> = sent_back
        .iter()
        .filter(|back| ids.iter().any(|id| back.step.task.as_str() == id))
        .map(|back| back.step.number)
        .collect();
    let revise = request::Command::Revise {
        revision: revision.digest,
        tip: tip.cloned(),
    };
    let commands = revise_commands(cx, request, &plan, &steps, revise)?;
    Ok((commands, revision))
}

/// Lists the tasks whose change was sent back; refuses where there are none.
fn sent_back(cx: &Cx, request: &Request) -> Result<(Plan, Vec<SentBack>), Error> {
    let plan = match request.plan {
        Some(plan) if request.status.is_open() => cx.store.get::<Plan>(plan)?,
        _ => None,
    };
    let mut sent_back = Vec::new();
    for step in plan.iter().flat_map(|plan| &plan.steps) {
        let set = step.change_set.map(|set| cx.store.get::<ChangeSet>(set));
        if let Some(set) = set.transpose()?.flatten()
            && set.status == change_set::Status::ChangesRequested
        {
            let step = step.clone();
            sent_back.push(SentBack { step, set });
        }
    }
    match plan {
        Some(plan) if !sent_back.is_empty() => Ok((plan, sent_back)),
        _ => {
            let detail = format!(
                "nothing of request {} waits for a new version; it is {}",
                request.id.short(),
                hyperion_model::machine::in_words(request.status.name())
            );
            Err(Problem::new("state.illegal_move", detail)
                .hint("a new version comes after `hyperion approval request-changes`; other work is a request of its own")
                .into())
        }
    }
}

/// Says what a new version of some steps comes to. It holds only for what was looked at.
pub(crate) fn revise_commands(
    facts: &impl ReadFacts,
    request: &Request,
    plan: &Plan,
    steps: &[u32],
    revise: request::Command,
) -> Result<Vec<Command>, Error> {
    let mut anew: BTreeSet<u32> = steps.iter().copied().collect();
    let mut expected = vec![
        Command::Request(
            request.id,
            request::Command::Expect(Box::new(request.clone())),
        ),
        Command::Plan(plan.id, plan::Command::Expect(Box::new(plan.clone()))),
    ];
    let mut commands = vec![Command::Request(request.id, revise)];
    // Steps are numbered so that each comes after those it depends on.
    for step in &plan.steps {
        let given = steps.contains(&step.number);
        let built_on = step.depends_on.iter().any(|on| anew.contains(on));
        if !given && (!built_on || step.status != step::Status::InProgress) {
            continue;
        }
        let Some(set) = step.change_set else {
            let detail = format!("task {}, which builds on it, is being worked at", step.task);
            return Err(Problem::new("state.illegal_move", detail)
                .hint("hand the new version in again in a moment")
                .into());
        };
        let Some(set) = facts.get::<ChangeSet>(set)? else {
            continue;
        };
        let is_open_to_it = match set.status {
            change_set::Status::ChangesRequested => given,
            change_set::Status::Pending
            | change_set::Status::Previewing
            | change_set::Status::Approved => true,
            _ => false,
        };
        if !is_open_to_it {
            continue;
        }
        anew.insert(step.number);
        let expect = change_set::Command::Expect(Box::new(set.clone()));
        expected.push(Command::ChangeSet(set.id, expect));
        commands.extend(cancel_question(
            facts,
            &set,
            "what it builds on is revised; it is asked anew",
        )?);
        commands.push(Command::ChangeSet(set.id, change_set::Command::Supersede));
        let number = step.number;
        commands.push(Command::Plan(plan.id, plan::Command::ReviseStep { number }));
    }
    expected.extend(commands);
    Ok(expected)
}

/// Gives what the revised steps are about from now on.
fn assignments(
    cx: &Cx,
    request: &Request,
    plan: &Plan,
    draft: &Draft,
    ids: &[String],
) -> Result<Vec<Assignment>, Error> {
    let brief = brief(cx, request)?.unwrap_or_default();
    let base = request.submission.base.as_str();
    let title = &draft.request.title;
    let (_, made) = crate::plan::split(request.id, plan.id, base, title, &draft.tasks, &brief);
    let mut assignments = made.assignments;
    assignments.retain(|assignment| ids.contains(&assignment.task_id));
    for assignment in &mut assignments {
        let step = plan
            .steps
            .iter()
            .find(|step| step.task.as_str() == assignment.task_id);
        assignment.step_id = step.map_or(assignment.step_id, |step| step.number);
    }
    Ok(assignments)
}

/// Finds what a step is about since its newest revision; none where it was never revised.
pub(crate) fn revised_assignment(
    cx: &Cx,
    request: &Request,
    number: u32,
) -> Result<Option<Assignment>, Error> {
    for digest in request.revisions.iter().rev() {
        let revision: Revision = cx.require_json(*digest)?;
        let mut assignments = revision.assignments.into_iter();
        if let Some(found) = assignments.find(|assignment| assignment.step_id == number) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Reads the new versions that a request was given, oldest first.
pub(super) fn revisions(cx: &Cx, request: &Request) -> Result<Vec<String>, Error> {
    texts(cx, &request.revisions)
}

/// Tells whether a task comes to the very change that was sent back.
fn is_the_same(cx: &Cx, opened: &Opened, set: &ChangeSet, task: &Task) -> Result<bool, Error> {
    let base = oid(&set.proposal.base_tree)?;
    let Ok(made) = materialise(
        cx,
        &opened.git,
        &base,
        &task.changes,
        &crate::Sizes::ACCEPTED,
    )?
    else {
        return Ok(false);
    };
    let after = |side: &Option<crate::change_set::Side>| {
        side.as_ref()
            .map(|side| (mode_bits(side.mode), Digest::of(&side.bytes)))
    };
    let now = made.items.iter().map(|made| (&made.path, after(&made.new)));
    let before = set.proposal.items.iter().map(|item| {
        let new = item.new_mode.zip(item.new_hash);
        (&item.path, new)
    });
    Ok(now.eq(before))
}

fn refuse(errors: Errors) -> Result<(), Problem> {
    match errors.is_empty() {
        true => Ok(()),
        false => Err(errors.into_problem("request.unprocessable").hint(HINT)),
    }
}

/// Points at what was read, where an error is about that.
fn placed(errors: &Errors, places: &[(usize, String)], tasks: &[Task]) -> Errors {
    let mut placed = Errors::default();
    for FieldError { pointer, detail } in errors.listed() {
        let rest = pointer.strip_prefix("/tasks/").map(|rest| {
            let end = rest.find('/').unwrap_or(rest.len());
            rest.split_at(end)
        });
        let Some((at, rest)) = rest.and_then(|(at, rest)| Some((at.parse::<usize>().ok()?, rest)))
        else {
            placed.push(pointer.clone(), detail.clone());
            continue;
        };
        match (places.iter().find(|(place, _)| *place == at), tasks.get(at)) {
            (Some((_, given)), _) => placed.push(format!("{given}{rest}"), detail.clone()),
            (None, Some(task)) => placed.push(
                "",
                format!(
                    "with this version, task {} does not fit any more: {detail}",
                    task.id
                ),
            ),
            (None, None) => placed.push(pointer.clone(), detail.clone()),
        }
    }
    placed
}

/// Puts what was given over the task as it stands; gives its place among all tasks.
///
/// Paths that nobody named follow from the new changes, as they did from those before.
fn revised(
    given: &Given,
    filed: &[Task],
    tasks: &[Task],
    sent_back: &[SentBack],
) -> Result<(usize, Task), FieldError> {
    let Given { pointer, fields } = given;
    let error = |field: &str, detail: String| FieldError {
        pointer: format!("{pointer}{field}"),
        detail,
    };
    let waiting: Vec<_> = sent_back
        .iter()
        .map(|back| back.step.task.as_str())
        .collect();
    let waiting_words = waiting.join(", ");
    let Some(id) = fields.get("id").and_then(Value::as_str) else {
        let detail = format!("is missing: name the task; sent back: {waiting_words}");
        return Err(error("/id", detail));
    };
    let Some(at) = tasks.iter().position(|task| task.id == id) else {
        let detail = format!("{id:?} is no task of the request; sent back: {waiting_words}");
        return Err(error("/id", detail));
    };
    if !waiting.contains(&id) {
        let detail = format!("task {id} was not sent back; that are: {waiting_words}");
        return Err(error("/id", detail));
    }
    if fields
        .get("changes")
        .is_some_and(|changes| changes == &json!([]))
    {
        let detail = "is empty: a new version carries all changes of the task".to_owned();
        return Err(error("/changes", detail));
    }
    if fields.contains_key("made_by") {
        let detail = "is noted by Hyperion; leave it out".to_owned();
        return Err(error("/made_by", detail));
    }
    if !fields.contains_key("changes") {
        let detail = "is missing: a new version carries all changes of the task".to_owned();
        return Err(error("/changes", detail));
    }
    let former = &tasks[at];
    let mut whole = serde_json::to_value(former).map_err(|why| error("", why.to_string()))?;
    let owns = filed
        .iter()
        .find(|task| task.id == id)
        .map(|task| &task.owns);
    whole["owns"] = json!(owns.unwrap_or(&former.owns));
    for (name, value) in fields {
        whole[name.as_str()] = value.clone();
    }
    // Who made the former version, and signed it, says nothing of this one.
    if let Some(fields) = whole.as_object_mut() {
        fields.remove("made_by");
    }
    let task: Task = read_as(pointer, whole)?;
    if task.depends_on != former.depends_on {
        let detail = "a new version keeps the order of the plan; leave it out".to_owned();
        return Err(error("/depends_on", detail));
    }
    Ok((at, task))
}
