//! Whatever is asked, in whatever order: what must hold after every single step.

use hyperion_model::approval::{self, Approval};
use hyperion_model::change_set::{self, Basis, ChangeSet, item};
use hyperion_model::entry::{self, Entry};
use hyperion_model::plan::{self, Plan, step};
use hyperion_model::repo::Repo;
use hyperion_model::request::{self, Request};
use hyperion_model::run::{self, Run};
use hyperion_model::{Actor, Decision, Refusal, Stamp};
use proptest::prelude::*;

use crate::arbitrary;
use crate::history::{History, Taken};
use crate::noun::Stored;

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 192,
        // The shrunk case is in the message; there is no file to keep in step with the generators.
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Takes a sequence of commands; `judge` sees each with what became of it.
fn walk<M: Stored>(
    steps: &[(M::Command, Stamp)],
    mut judge: impl FnMut(&M::Command, &Stamp, &Taken<M>),
) {
    let mut history = History::<M>::new();
    for (command, stamp) in steps {
        let taken = history.take(command, stamp);
        judge(command, stamp, &taken);
    }
    assert_eq!(
        history.replay_texts(),
        history.state,
        "the texts, read from the first, rebuild the state"
    );
}

proptest! {
    #![proptest_config(config())]

    // X7: a repository's history rebuilds it.
    #[test]
    fn a_repository_is_its_history(steps in arbitrary::repos()) {
        walk::<Repo>(&steps, |_, _, taken| {
            if let (Some(before), Some(after)) = (&taken.before, &taken.after) {
                assert_eq!((before.id, before.registered_at), (after.id, after.registered_at));
            }
        });
    }

    // X7: a request's history rebuilds it; what was filed never changes.
    #[test]
    fn a_request_is_its_history(steps in arbitrary::requests()) {
        walk::<Request>(&steps, |_, _, taken| {
            let Some(after) = &taken.after else { return };
            assert_eq!(after.finished_at.is_some(), !after.status.is_open());
            assert!(after.answers.len() <= request::MAX_ANSWERS);
            if let Some(before) = &taken.before {
                assert_eq!(before.submission, after.submission);
                assert_eq!(before.submitted_by, after.submitted_by);
            }
        });
    }

    // P1, X7: steps form a DAG, progress adds up, and a plan's history rebuilds it.
    #[test]
    fn a_plan_is_a_dag_that_adds_up(steps in arbitrary::plans()) {
        walk::<Plan>(&steps, |_, _, taken| {
            let Some(after) = &taken.after else { return };
            check_plan(after);
            if let Some(before) = &taken.before {
                let shape = |plan: &Plan| -> Vec<_> {
                    plan.steps.iter().map(|s| (s.number, s.task.clone(), s.depends_on.clone())).collect()
                };
                assert_eq!(shape(before), shape(after));
            }
        });
    }

    // X7: a run's history rebuilds it; how it ended never changes.
    #[test]
    fn a_run_ends_once(steps in arbitrary::runs()) {
        walk::<Run>(&steps, |_, _, taken| {
            let Some(after) = &taken.after else { return };
            assert_eq!(after.ended_at.is_some(), !after.status.is_open());
            assert!(after.incarnation >= 1);
            assert!(after.began_at.is_some() || after.status != run::Status::Running);
            if let Some(before) = taken.before.as_ref().filter(|run| !run.status.is_open()) {
                assert_eq!(before, after);
            }
        });
    }

    // C1, C3, X7: what lands is what was judged and agreed to; a dry run never lands.
    #[test]
    fn a_change_set_lands_only_by_verdict(steps in arbitrary::change_sets()) {
        walk::<ChangeSet>(&steps, |command, _, taken| {
            let Some(after) = &taken.after else { return };
            check_change_set(after);
            if let Some(before) = &taken.before {
                let asked = matches!(command, change_set::Command::Ask { .. }) && taken.outcome.is_ok();
                assert_eq!(after.questions, before.questions + u32::from(asked));
                check_items(before, after);
                let judged_again = before.proposal.items != after.proposal.items;
                assert!(!judged_again || (after.assessed.is_none() && after.approval.is_none()));
            }
        });
    }

    // S3, S4, X7: the first decision wins, by a person whose role reaches; closed is closed.
    #[test]
    fn an_approval_is_decided_once_by_a_person(steps in arbitrary::approvals()) {
        walk::<Approval>(&steps, check_approval);
    }

    // M1, M4, M5, M8, X7: only what passed is dispatched, only what was dispatched has landed.
    #[test]
    fn an_entry_lands_exactly_what_passed(steps in arbitrary::entries()) {
        walk::<Entry>(&steps, |command, _, taken| {
            let Some(after) = &taken.after else { return };
            check_entry(after);
            let Some(before) = &taken.before else { return };
            assert_eq!(before.admission, after.admission);
            match (command, &taken.outcome) {
                (entry::Command::Lease { fence }, Ok(_)) => {
                    assert!(*fence > before.fence, "fences strictly increase");
                    assert_eq!(after.fence, *fence);
                }
                _ => assert_eq!(after.fence, before.fence, "only a lease moves the fence"),
            }
            if before.status == entry::Status::Landed {
                assert_eq!(before, after, "landed is for ever");
            }
        });
    }
}

fn check_plan(plan: &Plan) {
    assert!(!plan.steps.is_empty() && plan.steps.len() <= plan::MAX_STEPS);
    for (step, number) in plan.steps.iter().zip(1..) {
        assert_eq!(step.number, number);
        assert!(step.depends_on.iter().all(|on| (1..number).contains(on)));
        assert_eq!(step.ended_at.is_some(), !step.status.is_open());
    }
    let progress = plan.progress();
    assert_eq!(progress.total, plan.steps.len());
    assert_eq!(
        progress.total,
        progress.completed
            + progress.in_progress
            + progress.pending
            + progress.failed
            + progress.skipped
    );
    let all_ended = progress.pending + progress.in_progress == 0;
    assert!(progress.percent <= 100);
    assert_eq!(progress.percent == 100, all_ended);
    assert_eq!(plan.ended_at.is_some(), !plan.status.is_open());
    if plan.status == plan::Status::Completed {
        assert!(all_ended && progress.failed == 0, "none open, none failed");
    }
    if plan.status == plan::Status::Draft {
        assert!(plan.steps.iter().all(|s| s.status == step::Status::Pending));
    }
}

fn check_change_set(set: &ChangeSet) {
    use change_set::Status;
    assert_eq!(set.ended_at.is_some(), !set.status.is_open());
    let decision = set.assessed.as_ref().map(|assessed| assessed.decision);
    match &set.basis {
        Some(Basis::Policy) => assert_eq!(decision, Some(Decision::Allow)),
        Some(Basis::Approval { approval }) => {
            assert!(matches!(decision, Some(Decision::Ask(_))));
            assert_eq!(set.approval, Some(*approval));
        }
        None => {}
    }
    let went_to_land = matches!(
        set.status,
        Status::Dispatching | Status::Landed | Status::RolledBack
    );
    if went_to_land {
        assert!(!set.proposal.dry_run, "a dry run lands nothing");
        assert!(set.basis.is_some() && set.entry.is_some());
    }
    if matches!(set.status, Status::Landed | Status::RolledBack) {
        assert!(set.commit.is_some());
    }
    if matches!(set.status, Status::Approved | Status::Queued) {
        assert!(set.basis.is_some() || set.proposal.dry_run);
    }
    if set.status == Status::Previewing {
        assert!(set.assessed.is_some());
    }
}

/// Items keep their identity; only hunks that exist are left out, never all of them.
fn check_items(before: &ChangeSet, after: &ChangeSet) {
    assert_eq!(before.proposal.items.len(), after.proposal.items.len());
    for (old, new) in before.proposal.items.iter().zip(&after.proposal.items) {
        let decided = change_set::Item {
            status: new.status,
            rejected_hunks: new.rejected_hunks.clone(),
            ..old.clone()
        };
        assert_eq!(&decided, new, "only the decision changes");
        assert!(new.rejected_hunks.is_sorted_by(|a, b| a < b));
        assert!(new.rejected_hunks.iter().all(|hunk| *hunk < new.hunks));
        if !new.rejected_hunks.is_empty() {
            assert_eq!(new.status, item::Status::Accepted);
            assert!(new.rejected_hunks.len() < new.hunks as usize);
        }
    }
}

fn check_approval(command: &approval::Command, stamp: &Stamp, taken: &Taken<Approval>) {
    use approval::{Command, Status};
    let Some(after) = &taken.after else { return };
    assert_eq!(after.verdict.is_some(), !after.status.is_open());
    assert_eq!(after.id, after.question.id(), "found again by its question");
    let decides = matches!(command, Command::Approve { .. } | Command::Reject { .. });
    let Some(before) = &taken.before else { return };
    assert_eq!(before.question, after.question);
    if matches!(command, Command::Warn) && taken.outcome.is_ok() {
        let expires_at = before.question.expires_at;
        let unseen = |at| at <= expires_at && stamp.time > expires_at;
        assert_eq!(after.warned_at, Some(stamp.time));
        assert!(
            before.warned_at.is_none_or(unseen),
            "announced once, and once more when it is over"
        );
    }
    if !before.status.is_open() {
        assert_eq!(before, after, "closed is closed");
        if decides {
            let Err(Refusal::AlreadyDecided { status, by, at }) = &taken.outcome else {
                panic!(
                    "a later decision is told who was first: {:?}",
                    taken.outcome
                );
            };
            let first = before.verdict.as_ref().expect("a closed one has a verdict");
            assert_eq!(
                (*status, by, *at),
                (before.status.name(), &first.by, first.at)
            );
        }
        return;
    }
    if matches!(after.status, Status::Approved | Status::Rejected) {
        assert!(decides);
        let verdict = after.verdict.as_ref().expect("a decided one has a verdict");
        assert_eq!((&verdict.by, verdict.at), (&stamp.actor, stamp.time));
        let Actor::Person { role, .. } = &verdict.by else {
            panic!("only people decide, not {}", verdict.by);
        };
        assert!(role.may_decide(after.question.level));
        if let Command::Approve { digest, .. } | Command::Reject { digest, .. } = command {
            assert!(digest.is_none_or(|given| given == after.question.digest));
        }
    }
    if after.status == Status::Expired {
        assert!(stamp.time >= after.question.expires_at);
    }
}

fn check_entry(entry: &Entry) {
    use entry::Status;
    assert_eq!(entry.ended_at.is_some(), !entry.status.is_open());
    if matches!(entry.status, Status::Dispatching | Status::Landed) {
        let candidate = entry.candidate.as_ref().expect("a candidate");
        let verdict = entry.verdict.as_ref().expect("a verdict");
        let dispatch = entry.dispatch.as_ref().expect("an intent");
        assert_eq!(verdict.tree, candidate.tree, "the verdict covers its tree");
        assert_eq!(dispatch.candidate, candidate.commit);
        assert_eq!(dispatch.expected_tip, candidate.tip);
    }
    if entry.status == Status::Ready {
        let tree = entry.candidate.as_ref().map(|candidate| &candidate.tree);
        let covered = entry.verdict.as_ref().map(|verdict| &verdict.tree);
        assert_eq!(covered, tree, "ready is what its verdict covers");
    }
    if matches!(entry.status, Status::Leased | Status::Merging) {
        // Nothing of an earlier attempt may be taken for part of this one.
        assert_eq!(entry.candidate, None);
        assert_eq!(entry.verdict, None);
        assert_eq!(entry.dispatch, None);
    }
    if entry.status == Status::Landed {
        let intended = entry.dispatch.as_ref().map(|dispatch| &dispatch.candidate);
        assert_eq!(entry.commit.as_ref(), intended);
    } else {
        assert_eq!(entry.commit, None);
    }
    if entry.admission.dry_run {
        assert_eq!(entry.dispatch, None, "a dry run lands nothing");
    }
    if entry.status == Status::Quarantined {
        assert!(entry.quarantine.is_some() && entry.evidence.is_some());
    }
}
