//! Checks a request against itself and the limits, and reports *everything* that is wrong.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_api::FieldError;
use hyperion_api::task_request::{self as wire, SourceKind, Task, TaskRequest};
use hyperion_model::facts::{Class, Priority};
use hyperion_model::request::Source;
use hyperion_model::{Name, RepoPath, TaskId};

use super::change;
use super::draft::{Draft, DraftTask};
use super::ownership;
use super::parse::Parsed;

/// What a request may not pass.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The most tasks.
    pub max_tasks: usize,
    /// The most bytes one change may write.
    pub max_content_bytes: usize,
    /// Which agent works when none is named.
    pub default_agent: Name,
}

/// The most characters of a title.
pub(super) const MAX_TITLE_CHARS: usize = 200;
/// The most bytes of a description, or of a task's instructions.
pub(super) const MAX_TEXT_BYTES: usize = 64 * 1024;
/// The most lines of an acceptance list.
pub(super) const MAX_ACCEPTANCE: usize = 50;
/// The most characters of one line of an acceptance list, or of a check's command.
pub(super) const MAX_LINE_CHARS: usize = 1000;
/// The most checks one task may add.
pub(super) const MAX_CHECKS: usize = 20;
/// The most globs a task may own.
pub(super) const MAX_OWNS: usize = 200;
/// The most characters of an idempotency key.
pub(super) const MAX_KEY_CHARS: usize = 200;

/// Collects what is wrong.
pub(super) struct Errors(pub(super) Vec<FieldError>);

impl Errors {
    pub(super) fn push(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        // A report longer than this helps nobody.
        const MAX_ERRORS: usize = 200;
        if self.0.len() < MAX_ERRORS {
            self.0.push(FieldError {
                pointer: pointer.into(),
                detail: detail.into(),
            });
        }
    }
}

/// Checks a request; the errors are all there are.
pub fn validate(parsed: Parsed, limits: &Limits) -> Result<Draft, Vec<FieldError>> {
    let Parsed { pointer, request } = parsed;
    let mut errors = Errors(Vec::new());
    check_texts(&request, &pointer, &mut errors);
    let agent = check_agent(&request, &pointer, limits, &mut errors);
    let tasks = check_tasks(&request, &pointer, limits, &mut errors);
    match (errors.0, agent, tasks) {
        (errors, Some(agent), Some(tasks)) if errors.is_empty() => Ok(Draft {
            class: class(&request),
            priority: priority(request.priority),
            source: request
                .source
                .as_ref()
                .map_or(Source::Cli, |source| source_kind(source.kind)),
            agent,
            tasks,
            pointer,
            request,
        }),
        (errors, _, _) => Err(errors),
    }
}

fn check_texts(request: &TaskRequest, at: &str, errors: &mut Errors) {
    let title = request.title.trim();
    if title.is_empty() {
        errors.push(
            format!("{at}/title"),
            "is empty; say in one line what is wanted",
        );
    } else if title.chars().count() > MAX_TITLE_CHARS || title.chars().any(char::is_control) {
        errors.push(
            format!("{at}/title"),
            format!("must be one line of at most {MAX_TITLE_CHARS} characters; put the rest into `description`"),
        );
    }
    check_size(&request.description, format!("{at}/description"), errors);
    if request.acceptance.len() > MAX_ACCEPTANCE {
        errors.push(
            format!("{at}/acceptance"),
            format!(
                "has {} lines; at most {MAX_ACCEPTANCE}",
                request.acceptance.len()
            ),
        );
    }
    check_lines(&request.acceptance, &format!("{at}/acceptance"), errors);
    if let Some(key) = &request.idempotency_key {
        let chars = key.chars().count();
        if chars == 0 || chars > MAX_KEY_CHARS {
            errors.push(
                format!("{at}/idempotency_key"),
                format!("has {chars} characters; give 1 to {MAX_KEY_CHARS}"),
            );
        }
    }
    for (index, path) in request.target_files.iter().enumerate() {
        if let Err(error) = RepoPath::new(path.as_str()) {
            errors.push(format!("{at}/target_files/{index}"), error.to_string());
        }
    }
}

fn check_size(text: &str, pointer: String, errors: &mut Errors) {
    if text.len() > MAX_TEXT_BYTES {
        errors.push(
            pointer,
            format!("has {} bytes; at most {MAX_TEXT_BYTES}", text.len()),
        );
    }
}

fn check_lines(lines: &[String], at: &str, errors: &mut Errors) {
    for (index, line) in lines.iter().enumerate() {
        if line.trim().is_empty() {
            errors.push(format!("{at}/{index}"), "is empty; remove it");
        } else if line.chars().count() > MAX_LINE_CHARS || line.contains(['\0', '\n']) {
            errors.push(
                format!("{at}/{index}"),
                format!("must be one line of at most {MAX_LINE_CHARS} characters"),
            );
        }
    }
}

fn check_agent(
    request: &TaskRequest,
    at: &str,
    limits: &Limits,
    errors: &mut Errors,
) -> Option<Name> {
    let Some(wanted) = &request.agent else {
        return Some(limits.default_agent.clone());
    };
    let known = hyperion_agent::BUILT_IN;
    match Name::new(wanted.as_str()) {
        Ok(name) if known.contains(&wanted.as_str()) => Some(name),
        Ok(_) | Err(_) => {
            errors.push(
                format!("{at}/agent"),
                format!(
                    "no agent is called {wanted:?}; there is: {}",
                    known.join(", ")
                ),
            );
            None
        }
    }
}

fn check_tasks(
    request: &TaskRequest,
    at: &str,
    limits: &Limits,
    errors: &mut Errors,
) -> Option<Vec<DraftTask>> {
    if request.tasks.len() > limits.max_tasks {
        errors.push(
            format!("{at}/tasks"),
            format!(
                "has {} tasks; a plan has at most {} steps (setting plan.max_steps): split the request",
                request.tasks.len(),
                limits.max_tasks
            ),
        );
        return None;
    }
    let before = errors.0.len();
    let mut ids = BTreeMap::new();
    for (index, task) in request.tasks.iter().enumerate() {
        match TaskId::new(task.id.as_str()) {
            Err(error) => errors.push(format!("{at}/tasks/{index}/id"), error.to_string()),
            Ok(id) => {
                if let Some(first) = ids.insert(id, index) {
                    errors.push(
                        format!("{at}/tasks/{index}/id"),
                        format!("{:?} is the id of task {first} already", task.id),
                    );
                }
            }
        }
    }
    let drafts: Vec<_> = request
        .tasks
        .iter()
        .enumerate()
        .map(|(index, task)| check_task(task, index, &ids, at, limits, errors))
        .collect();
    if errors.0.len() > before {
        return None;
    }
    let drafts: Vec<DraftTask> = drafts.into_iter().flatten().collect();
    let ordered = match order(&drafts) {
        Ok(ordered) => ordered,
        Err(cycle) => {
            let names: Vec<_> = cycle.iter().map(TaskId::as_str).collect();
            errors.push(
                format!("{at}/tasks"),
                format!(
                    "tasks depend on each other in a circle: {}",
                    names.join(" → ")
                ),
            );
            return None;
        }
    };
    check_ownership(&drafts, at, errors);
    Some(
        ordered
            .into_iter()
            .filter_map(|at| drafts.get(at).cloned())
            .collect(),
    )
}

fn check_task(
    task: &Task,
    index: usize,
    ids: &BTreeMap<TaskId, usize>,
    at: &str,
    limits: &Limits,
    errors: &mut Errors,
) -> Option<DraftTask> {
    let at = format!("{at}/tasks/{index}");
    if task.title.chars().count() > MAX_TITLE_CHARS || task.title.chars().any(char::is_control) {
        errors.push(
            format!("{at}/title"),
            format!("must be one line of at most {MAX_TITLE_CHARS} characters"),
        );
    }
    check_size(&task.instructions, format!("{at}/instructions"), errors);
    if task.checks.len() > MAX_CHECKS {
        errors.push(
            format!("{at}/checks"),
            format!("has {} commands; at most {MAX_CHECKS}", task.checks.len()),
        );
    }
    check_lines(&task.checks, &format!("{at}/checks"), errors);
    let depends_on = check_dependencies(task, &at, ids, errors);
    change::check_all(&task.changes, &at, limits.max_content_bytes, errors);
    let owns = check_owns(task, &at, errors);
    Some(DraftTask {
        id: TaskId::new(task.id.as_str()).ok()?,
        index,
        title: task.title.trim().to_owned(),
        instructions: task.instructions.clone(),
        owns,
        depends_on,
        checks: task.checks.clone(),
        changes: task.changes.clone(),
    })
}

fn check_dependencies(
    task: &Task,
    at: &str,
    ids: &BTreeMap<TaskId, usize>,
    errors: &mut Errors,
) -> Vec<TaskId> {
    let mut depends_on = Vec::new();
    for (index, on) in task.depends_on.iter().enumerate() {
        let known = TaskId::new(on.as_str())
            .ok()
            .filter(|id| ids.contains_key(id));
        match known {
            Some(_) if *on == task.id => {
                errors.push(
                    format!("{at}/depends_on/{index}"),
                    "a task cannot depend on itself",
                );
            }
            Some(id) => depends_on.push(id),
            None => {
                let names: Vec<_> = ids.keys().map(TaskId::as_str).take(10).collect();
                errors.push(
                    format!("{at}/depends_on/{index}"),
                    format!("there is no task {on:?}; there is: {}", names.join(", ")),
                );
            }
        }
    }
    depends_on
}

/// Gives the globs a task owns; where it names none, exactly the paths it changes.
fn check_owns(task: &Task, at: &str, errors: &mut Errors) -> Vec<String> {
    let changed = task.changes.iter().flat_map(|change| {
        std::iter::once(&change.path)
            .chain(change.from_path.as_ref())
            .cloned()
    });
    if task.owns.is_empty() {
        return changed.map(|path| globset::escape(&path)).collect();
    }
    if task.owns.len() > MAX_OWNS {
        errors.push(
            format!("{at}/owns"),
            format!("has {} globs; at most {MAX_OWNS}", task.owns.len()),
        );
        return Vec::new();
    }
    let mut globs = Vec::new();
    for (index, glob) in task.owns.iter().enumerate() {
        match ownership::compile(glob) {
            Ok(glob) => globs.push(glob),
            Err(detail) => errors.push(format!("{at}/owns/{index}"), detail),
        }
    }
    if globs.len() == task.owns.len() {
        for (index, change) in task.changes.iter().enumerate() {
            for (field, path) in [
                ("path", Some(&change.path)),
                ("from_path", change.from_path.as_ref()),
            ] {
                let Some(path) = path else { continue };
                if !globs.iter().any(|glob| glob.is_match(path)) {
                    errors.push(
                        format!("{at}/changes/{index}/{field}"),
                        format!(
                            "{path:?} lies outside what task {} owns: {}",
                            task.id,
                            task.owns.join(", ")
                        ),
                    );
                }
            }
        }
    }
    task.owns.clone()
}

/// Orders tasks so that each comes after those it depends on, otherwise as written.
fn order(tasks: &[DraftTask]) -> Result<Vec<usize>, Vec<TaskId>> {
    let mut done = BTreeSet::new();
    let mut ordered = Vec::with_capacity(tasks.len());
    while ordered.len() < tasks.len() {
        let next = tasks.iter().enumerate().find(|(_, task)| {
            !done.contains(&task.id) && task.depends_on.iter().all(|on| done.contains(on))
        });
        match next {
            Some((at, task)) => {
                done.insert(task.id.clone());
                ordered.push(at);
            }
            None => return Err(find_cycle(tasks, &done)),
        }
    }
    Ok(ordered)
}

/// Walks from a task that is stuck along its dependencies until it meets itself.
fn find_cycle(tasks: &[DraftTask], done: &BTreeSet<TaskId>) -> Vec<TaskId> {
    let mut walked: Vec<TaskId> = Vec::new();
    let mut at = tasks.iter().find(|task| !done.contains(&task.id));
    while let Some(task) = at {
        if let Some(start) = walked.iter().position(|id| *id == task.id) {
            let mut cycle = walked.split_off(start);
            cycle.push(task.id.clone());
            return cycle;
        }
        walked.push(task.id.clone());
        let next = task.depends_on.iter().find(|on| !done.contains(*on));
        at = next.and_then(|on| tasks.iter().find(|task| task.id == *on));
    }
    walked
}

/// Refuses tasks that could change the same path without one waiting for the other.
fn check_ownership(tasks: &[DraftTask], at: &str, errors: &mut Errors) {
    let reach = ancestors(tasks);
    for (i, a) in tasks.iter().enumerate() {
        for b in &tasks[i + 1..] {
            let ordered = reach[&a.id].contains(&b.id) || reach[&b.id].contains(&a.id);
            if ordered {
                continue;
            }
            let shared = a.owns.iter().find_map(|x| {
                b.owns
                    .iter()
                    .find(|y| ownership::overlap(x, y))
                    .map(|y| (x, y))
            });
            if let Some((x, y)) = shared {
                errors.push(
                    format!("{at}/tasks/{}/owns", b.index),
                    format!(
                        "{y:?} overlaps {x:?} of task {}: give each path to one task, or let {} depend on {}",
                        a.id, b.id, a.id
                    ),
                );
            }
        }
    }
}

/// Gives for each task everything that comes before it.
fn ancestors(tasks: &[DraftTask]) -> BTreeMap<TaskId, BTreeSet<TaskId>> {
    let mut reach: BTreeMap<TaskId, BTreeSet<TaskId>> = BTreeMap::new();
    let order = order(tasks).unwrap_or_default();
    for task in order.into_iter().filter_map(|at| tasks.get(at)) {
        let mut before: BTreeSet<TaskId> = task.depends_on.iter().cloned().collect();
        for on in &task.depends_on {
            before.extend(reach.get(on).into_iter().flatten().cloned());
        }
        reach.insert(task.id.clone(), before);
    }
    reach
}

fn class(request: &TaskRequest) -> Class {
    match request.class {
        Some(wire::Class::Feature) => Class::Feature,
        Some(wire::Class::Bugfix) => Class::Bugfix,
        Some(wire::Class::Refactor) => Class::Refactor,
        Some(wire::Class::Docs) => Class::Docs,
        Some(wire::Class::Debug) => Class::Debug,
        Some(wire::Class::Diagnose) => Class::Diagnose,
        None => {
            let text = format!("{}\n{}", request.title, request.description);
            hyperion_analyze::request(&text)
                .class_hint
                .unwrap_or(Class::Feature)
        }
    }
}

const fn priority(priority: wire::Priority) -> Priority {
    match priority {
        wire::Priority::Low => Priority::Low,
        wire::Priority::Medium => Priority::Medium,
        wire::Priority::High => Priority::High,
        wire::Priority::Critical => Priority::Critical,
    }
}

const fn source_kind(kind: SourceKind) -> Source {
    match kind {
        SourceKind::Cli => Source::Cli,
        SourceKind::Chat => Source::Chat,
        SourceKind::Http => Source::Http,
        SourceKind::Web => Source::Web,
        SourceKind::Slack => Source::Slack,
        SourceKind::Github => Source::Github,
    }
}

#[cfg(test)]
mod tests;
