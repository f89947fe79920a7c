//! Applies the changes of a request before it is filed: in memory, exactly as it will be done later.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hyperion_git::{Oid, RepoStore};
use hyperion_model::TaskId;

use super::draft::{Draft, DraftTask};
use super::errors::Errors;
use crate::change_set::{ItemFailure, Made, MadeItem, materialise, stack};
use crate::{Cx, Error};

/// What came of it.
#[derive(Default)]
pub(super) struct Applied {
    /// All that does not fit.
    pub(super) errors: Errors,
    /// How many of the errors say that a file changed since.
    pub(super) stale: usize,
}

/// Applies every change in memory, each task on top of those it depends on.
///
/// Only what others build on is written, and not where it adds a secret: of these tasks nothing can be said until it is refused.
pub(super) fn dry_apply(
    cx: &Cx,
    git: &RepoStore,
    base: &Oid,
    draft: &Draft,
) -> Result<Applied, Error> {
    let base_tree = git.tree_of(base)?;
    let mut trees: HashMap<&TaskId, Oid> = HashMap::new();
    let mut failed: HashSet<&TaskId> = HashSet::new();
    let mut applied = Applied::default();
    let built_on: HashSet<&TaskId> = draft
        .tasks
        .iter()
        .flat_map(|task| &task.depends_on)
        .collect();
    for task in &draft.tasks {
        // What it builds on is not there, so nothing can be said about it.
        if task.depends_on.iter().any(|on| failed.contains(on)) {
            failed.insert(&task.id);
            continue;
        }
        let at = format!("{}/tasks/{}", draft.pointer, task.index);
        let before = task.depends_on.iter().filter_map(|on| trees.get(on));
        let before = match stack(git, &base_tree, before)? {
            Ok(tree) => tree,
            Err(path) => {
                failed.insert(&task.id);
                applied.errors.push(
                    format!("{at}/depends_on"),
                    format!(
                        "the tasks it depends on contradict each other in {path}; let one of them depend on the other"
                    ),
                );
                continue;
            }
        };
        let made = materialise(cx, git, &before, &task.changes, &cx.settings.sizes)?;
        let made = applied.take(made, task, &at);
        if !built_on.contains(&task.id) {
            continue;
        }
        match made.map(|made| made.write(cx, git)).transpose()?.flatten() {
            Some(tree) => drop(trees.insert(&task.id, tree)),
            None => drop(failed.insert(&task.id)),
        }
    }
    Ok(applied)
}

impl Applied {
    /// Notes what does not fit; gives what was made where everything does.
    fn take(
        &mut self,
        made: Result<Arc<Made>, Vec<ItemFailure>>,
        task: &DraftTask,
        at: &str,
    ) -> Option<Arc<Made>> {
        let pointer = |index: usize, field: Option<&str>| {
            let field = field.map(|field| format!("/{field}")).unwrap_or_default();
            format!("{at}/changes/{index}{field}")
        };
        match made {
            Ok(made) => {
                let idle: Vec<_> = (0..)
                    .zip(&made.items)
                    .filter_map(|(index, item)| changes_nothing(item).then_some(index))
                    .collect();
                for index in &idle {
                    let path = task.changes.get(*index).map(|change| change.path.as_str());
                    self.errors.push(
                        pointer(*index, None),
                        format!(
                            "{} is already as the change would make it: leave the change out",
                            path.unwrap_or_default()
                        ),
                    );
                }
                idle.is_empty().then_some(made)
            }
            Err(failures) => {
                for failure in failures {
                    let ItemFailure {
                        index,
                        field,
                        path: _,
                        code: _,
                        detail,
                        stale,
                    } = failure;
                    self.stale += usize::from(stale);
                    self.errors.push(pointer(index, field), detail);
                }
                None
            }
        }
    }
}

fn changes_nothing(item: &MadeItem) -> bool {
    item.from_path.is_none() && item.old == item.new
}
