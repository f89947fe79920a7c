//! What a step waits for: the steps it depends on.

use hyperion_model::ShortText;
use hyperion_model::plan::{Plan, Step, step};

/// Tells whether every step before this one has handed in its change, or needs none.
pub(crate) fn ready(plan: &Plan, step: &Step) -> bool {
    before(plan, step).all(|on| match on.status {
        step::Status::Completed | step::Status::Skipped => true,
        step::Status::InProgress => on.change_set.is_some(),
        step::Status::Pending | step::Status::Failed => false,
    })
}

/// Says which step that a step depends on failed.
pub(crate) fn dependency_failed(plan: &Plan, step: &Step) -> Option<ShortText> {
    let failed = before(plan, step).find(|on| on.status == step::Status::Failed)?;
    Some(ShortText::cut(&format!(
        "task {} did not land, and this depends on it",
        failed.task
    )))
}

fn before<'a>(plan: &'a Plan, step: &'a Step) -> impl Iterator<Item = &'a Step> {
    step.depends_on.iter().filter_map(|on| plan.step(*on))
}
