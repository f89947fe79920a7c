//! Checks the tasks of a request: each by itself, and all against each other.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_api::task_request::Task;
use hyperion_model::{RepoPath, TaskId};

use crate::change;
use crate::draft::DraftTask;
use crate::errors::Errors;
use crate::ownership::Owned;
use crate::validate::{Limits, check_lines, check_text, check_title};

/// The most checks one task may add.
const MAX_CHECKS: usize = 20;
/// The most globs a task may own.
const MAX_OWNS: usize = 200;
/// The most wildcards all tasks together may own, as each is compared with all others.
const MAX_WILD_OWNS: usize = 500;

/// Checks every task; gives those that nothing is wrong with, each after those it depends on.
pub(crate) fn check_all(
    tasks: &[Task],
    at: &str,
    limits: &Limits,
    errors: &mut Errors,
) -> Vec<DraftTask> {
    if tasks.len() > limits.max_tasks {
        errors.push(
            format!("{at}/tasks"),
            format!(
                "has {} tasks; a plan has at most {} steps (setting plan.max_steps): split the request",
                tasks.len(),
                limits.max_tasks
            ),
        );
        return Vec::new();
    }
    let ids = check_ids(tasks, at, errors);
    let checked: Vec<Checked> = tasks
        .iter()
        .enumerate()
        .filter_map(|(index, task)| check(task, index, &ids, at, limits, errors))
        .collect();
    let (ordered, cycles) = order(&checked);
    for cycle in cycles {
        let names: Vec<_> = cycle.iter().map(TaskId::as_str).collect();
        let index = cycle.first().and_then(|id| ids.get(id)).unwrap_or(&0);
        errors.push(
            format!("{at}/tasks/{index}/depends_on"),
            format!(
                "tasks depend on each other in a circle: {}; take one of these out",
                names.join(" → ")
            ),
        );
    }
    check_ownership(&checked, at, errors);
    sound(&checked, ordered)
}

/// A task as far as it could be read.
struct Checked {
    draft: DraftTask,
    owns: Vec<Owned>,
    sound: bool,
}

/// Gives the tasks that neither are wrong nor depend on one that is.
fn sound(checked: &[Checked], ordered: Vec<usize>) -> Vec<DraftTask> {
    let mut ids = BTreeSet::new();
    let mut sound = Vec::new();
    for task in ordered.into_iter().filter_map(|at| checked.get(at)) {
        if task.sound && task.draft.depends_on.iter().all(|on| ids.contains(on)) {
            ids.insert(&task.draft.id);
            sound.push(task.draft.clone());
        }
    }
    sound
}

/// Finds which task has which id.
fn check_ids(tasks: &[Task], at: &str, errors: &mut Errors) -> BTreeMap<TaskId, usize> {
    use std::collections::btree_map::Entry;
    let mut ids = BTreeMap::new();
    for (index, task) in tasks.iter().enumerate() {
        let pointer = format!("{at}/tasks/{index}/id");
        match TaskId::new(task.id.as_str()).map(|id| ids.entry(id)) {
            Err(error) => errors.push(pointer, error.to_string()),
            Ok(Entry::Occupied(first)) => errors.push(
                pointer,
                format!(
                    "{:?} is the id of task {} already; give each task its own",
                    task.id,
                    first.get()
                ),
            ),
            Ok(Entry::Vacant(free)) => {
                free.insert(index);
            }
        }
    }
    ids
}

fn check(
    task: &Task,
    index: usize,
    ids: &BTreeMap<TaskId, usize>,
    at: &str,
    limits: &Limits,
    errors: &mut Errors,
) -> Option<Checked> {
    let Task {
        id,
        title,
        instructions,
        owns: _,
        depends_on: _,
        checks,
        changes,
        made_by: _,
    } = task;
    let at = format!("{at}/tasks/{index}");
    let before = errors.total();
    check_title(title, format!("{at}/title"), "instructions", errors);
    check_text(instructions, format!("{at}/instructions"), errors);
    if checks.len() > MAX_CHECKS {
        errors.push(
            format!("{at}/checks"),
            format!(
                "has {} commands; at most {MAX_CHECKS}: put them into a script",
                checks.len()
            ),
        );
    } else {
        check_lines(checks, &format!("{at}/checks"), errors);
    }
    let depends_on = check_dependencies(task, &at, ids, errors);
    change::check_all(changes, &at, &limits.sizes, errors);
    let owns = check_owns(task, &at, errors);
    let sound = errors.total() == before;
    let id = TaskId::new(id.as_str()).ok()?;
    // A second task of the same id was reported as such.
    (ids.get(&id) == Some(&index)).then(|| Checked {
        draft: DraftTask {
            id,
            index,
            title: title.trim().to_owned(),
            instructions: instructions.clone(),
            owns: owned_globs(task),
            depends_on,
            checks: checks.clone(),
            changes: changes.clone(),
        },
        owns,
        sound,
    })
}

fn check_dependencies(
    task: &Task,
    at: &str,
    ids: &BTreeMap<TaskId, usize>,
    errors: &mut Errors,
) -> Vec<TaskId> {
    // So many are named when one is not known.
    const NAMED: usize = 10;
    let mut depends_on = Vec::new();
    for (index, on) in task.depends_on.iter().enumerate() {
        let known = TaskId::new(on.as_str())
            .ok()
            .filter(|id| ids.contains_key(id));
        match known {
            Some(_) if *on == task.id => errors.push(
                format!("{at}/depends_on/{index}"),
                "a task cannot depend on itself; take it out",
            ),
            Some(id) if depends_on.contains(&id) => {}
            Some(id) => depends_on.push(id),
            None => {
                let others = ids.keys().map(TaskId::as_str).filter(|id| *id != task.id);
                let names: Vec<_> = others.clone().take(NAMED).collect();
                let more = if others.count() > NAMED { ", …" } else { "" };
                let others = match names.is_empty() {
                    true => ", and no other task to depend on; take it out".to_owned(),
                    false => format!("; the others are {}{more}", names.join(", ")),
                };
                let on: String = on.chars().take(TaskId::MAX_CHARS).collect();
                errors.push(
                    format!("{at}/depends_on/{index}"),
                    format!("there is no task {on:?}{others}"),
                );
            }
        }
    }
    depends_on
}

/// Gives the globs a task owns as they are written down; where it names none, exactly the paths it changes.
fn owned_globs(task: &Task) -> Vec<String> {
    if task.owns.is_empty() {
        changed_paths(task).map(|path| exactly(path)).collect()
    } else {
        task.owns.clone()
    }
}

/// Writes a glob that stands for this path alone; a `!` at its start would take it out.
fn exactly(path: &str) -> String {
    let start = if path.starts_with('!') { "/" } else { "" };
    format!("{start}{}", globset::escape(path))
}

fn changed_paths(task: &Task) -> impl Iterator<Item = &String> {
    task.changes
        .iter()
        .flat_map(|change| std::iter::once(&change.path).chain(&change.from_path))
}

fn check_owns(task: &Task, at: &str, errors: &mut Errors) -> Vec<Owned> {
    if task.owns.is_empty() {
        return changed_paths(task).map(|path| Owned::path(path)).collect();
    }
    if task.owns.len() > MAX_OWNS {
        errors.push(
            format!("{at}/owns"),
            format!(
                "has {} globs; at most {MAX_OWNS}: use wider ones",
                task.owns.len()
            ),
        );
        return Vec::new();
    }
    let mut owns = Vec::new();
    for (index, glob) in task.owns.iter().enumerate() {
        match Owned::glob(glob) {
            Ok(glob) => owns.push(glob),
            Err(detail) => errors.push(format!("{at}/owns/{index}"), detail),
        }
    }
    if owns.len() == task.owns.len() {
        check_paths_owned(task, &owns, at, errors);
    }
    owns
}

fn check_paths_owned(task: &Task, owns: &[Owned], at: &str, errors: &mut Errors) {
    for (index, change) in task.changes.iter().enumerate() {
        for (field, path) in [
            ("path", Some(&change.path)),
            ("from_path", change.from_path.as_ref()),
        ] {
            let Some(path) = path else { continue };
            // What is no path was reported as such, and lies outside of everything.
            if RepoPath::new(path.as_str()).is_err() || owns.iter().any(|own| own.owns(path)) {
                continue;
            }
            errors.push(
                format!("{at}/changes/{index}/{field}"),
                format!(
                    "{path:?} lies outside what task {} owns: {}; add it to `owns`, or give it to the task that owns it",
                    task.id,
                    shown(&task.owns)
                ),
            );
        }
    }
}

/// Lists globs as far as a message can hold them.
fn shown(globs: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut shown = globs
        .iter()
        .take(SHOWN)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if globs.len() > SHOWN {
        shown.push_str(", …");
    }
    shown
}

/// Orders tasks so that each comes after those it depends on, otherwise as written; and gives the circles, whose
/// tasks have no place in the order.
fn order(tasks: &[Checked]) -> (Vec<usize>, Vec<Vec<TaskId>>) {
    let mut done = BTreeSet::new();
    let mut ordered = Vec::with_capacity(tasks.len());
    let mut cycles = Vec::new();
    while done.len() < tasks.len() {
        let next = tasks.iter().enumerate().find(|(_, task)| {
            !done.contains(&task.draft.id)
                && task.draft.depends_on.iter().all(|on| done.contains(on))
        });
        match next {
            Some((at, task)) => {
                done.insert(task.draft.id.clone());
                ordered.push(at);
            }
            None => {
                let cycle = find_cycle(tasks, &done);
                if cycle.is_empty() {
                    break;
                }
                done.extend(cycle.iter().cloned());
                cycles.push(cycle);
            }
        }
    }
    (ordered, cycles)
}

/// Walks from a task that is stuck along its dependencies until it meets itself.
fn find_cycle(tasks: &[Checked], done: &BTreeSet<TaskId>) -> Vec<TaskId> {
    let drafts = || tasks.iter().map(|task| &task.draft);
    let mut walked: Vec<TaskId> = Vec::new();
    let mut at = drafts().find(|task| !done.contains(&task.id));
    while let Some(task) = at {
        if let Some(start) = walked.iter().position(|id| *id == task.id) {
            let mut cycle = walked.split_off(start);
            cycle.push(task.id.clone());
            return cycle;
        }
        walked.push(task.id.clone());
        let next = task.depends_on.iter().find(|on| !done.contains(*on));
        at = next.and_then(|on| drafts().find(|task| task.id == *on));
    }
    walked
}

/// Refuses tasks that could change the same path without one waiting for the other.
fn check_ownership(tasks: &[Checked], at: &str, errors: &mut Errors) {
    let wild = tasks
        .iter()
        .flat_map(|task| &task.owns)
        .filter(|own| own.is_wild())
        .count();
    if wild > MAX_WILD_OWNS {
        errors.push(
            format!("{at}/tasks"),
            format!("own {wild} wildcards in all; at most {MAX_WILD_OWNS}: use wider ones, or split the request"),
        );
        return;
    }
    let reach = ancestors(tasks);
    let before = |a: &DraftTask, b: &DraftTask| {
        reach
            .get(&b.id)
            .is_some_and(|earlier| earlier.contains(&a.id))
    };
    let sides: Vec<_> = tasks.iter().map(Side::of).collect();
    for (i, (a, side_a)) in tasks.iter().zip(&sides).enumerate() {
        for (b, side_b) in tasks.iter().zip(&sides).skip(i + 1) {
            let (a, b) = (&a.draft, &b.draft);
            if before(a, b) || before(b, a) {
                continue;
            }
            if let Some((x, y)) = side_a.shared(side_b) {
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

/// What a task owns, sorted for comparing it with what others own.
struct Side<'a> {
    paths: BTreeSet<&'a str>,
    wild: Vec<&'a Owned>,
}

impl<'a> Side<'a> {
    fn of(task: &'a Checked) -> Self {
        let (wild, paths): (Vec<_>, Vec<_>) = task.owns.iter().partition(|own| own.is_wild());
        Self {
            paths: paths.into_iter().map(Owned::as_str).collect(),
            wild,
        }
    }

    /// Finds one pattern of each that could mean the same path.
    fn shared(&self, other: &Self) -> Option<(&'a str, &'a str)> {
        let same = || Some(*self.paths.intersection(&other.paths).next()?).map(|path| (path, path));
        let mine = || {
            self.wild
                .iter()
                .find_map(|own| Some((own.as_str(), other.path_of(own)?)))
        };
        let theirs = || {
            other
                .wild
                .iter()
                .find_map(|own| Some((self.path_of(own)?, own.as_str())))
        };
        let wild = || {
            self.wild.iter().find_map(|own| {
                let met = other.wild.iter().find(|met| own.overlaps(met))?;
                Some((own.as_str(), met.as_str()))
            })
        };
        same().or_else(mine).or_else(theirs).or_else(wild)
    }

    fn path_of(&self, wild: &Owned) -> Option<&'a str> {
        self.paths.iter().copied().find(|path| wild.owns(path))
    }
}

/// Gives for each task everything that comes before it.
fn ancestors(tasks: &[Checked]) -> BTreeMap<&TaskId, BTreeSet<&TaskId>> {
    let known: BTreeMap<_, _> = tasks
        .iter()
        .map(|task| (&task.draft.id, &task.draft.depends_on))
        .collect();
    let reach = |task: &'_ Checked| {
        let mut found = BTreeSet::new();
        let mut ahead: Vec<_> = known
            .get(&task.draft.id)
            .copied()
            .into_iter()
            .flatten()
            .collect();
        while let Some(on) = ahead.pop() {
            if found.insert(on) {
                ahead.extend(known.get(on).copied().into_iter().flatten());
            }
        }
        found
    };
    tasks
        .iter()
        .map(|task| (&task.draft.id, reach(task)))
        .collect()
}
