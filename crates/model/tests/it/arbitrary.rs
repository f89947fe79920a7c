//! Arbitrary commands with plausible parts: few ids, so that they often meet; the way ahead more
//! often than the ways out, so that sequences get far.

use hyperion_model::change_set::{Basis, item};
use hyperion_model::entry::{self, Cause, Quarantine};
use hyperion_model::plan::NewStep;
use hyperion_model::request::Outcome;
use hyperion_model::run::{Ending, Process};
use hyperion_model::{
    Actor, ApprovalId, ChangeSetId, Decision, Digest, EntryId, GitId, ItemId, Level, LineageId,
    PlanId, RepoId, RequestId, Role, RunId, ShortText, Stamp, approval, change_set, plan, repo,
    request, run,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::sample;

/// The most commands in a sequence.
pub(crate) const MOST_COMMANDS: usize = 60;
/// The most time between two commands; questions expire within hours.
const MOST_MS_BETWEEN: i64 = 600_000;

/// Commands of one noun, each with who issues it and when; time never goes back.
pub(crate) fn sequence<C: Clone + std::fmt::Debug + 'static>(
    create: impl Strategy<Value = C> + 'static,
    command: BoxedStrategy<C>,
) -> BoxedStrategy<Vec<(C, Stamp)>> {
    // Most sequences begin with the creation, some with anything: it does not exist yet.
    let first = prop_oneof![9 => create, 1 => command.clone()];
    let rest = vec((command, actor(), 0..MOST_MS_BETWEEN), 1..MOST_COMMANDS);
    ((first, actor()), rest)
        .prop_map(|((first, by), rest)| {
            let mut now = 0;
            let rest = rest.into_iter().map(|(command, actor, later)| {
                now += later;
                (command, sample::stamp(now, actor))
            });
            let rest: Vec<_> = rest.collect();
            std::iter::once((first, sample::stamp(0, by)))
                .chain(rest)
                .collect()
        })
        .boxed()
}

pub(crate) fn repos() -> BoxedStrategy<Vec<(repo::Command, Stamp)>> {
    let path = prop_oneof![
        9 => Just("/srv/widgets".to_owned()),
        1 => Just("x".repeat(repo::MAX_PATH_BYTES + 1)),
    ]
    .boxed();
    let register = || {
        path.clone().prop_map(|path| repo::Command::Register {
            id: RepoId::new(sample::uuid(1)),
            name: sample::name("widgets"),
            path,
            branch: sample::name("main"),
        })
    };
    let command = prop_oneof![
        register(),
        select(vec!["main", "trunk"]).prop_map(|branch| repo::Command::Retarget {
            branch: sample::name(branch)
        }),
        path.clone().prop_map(|path| repo::Command::Move { path }),
        Just(repo::Command::Forget),
        Just(repo::Command::Restore),
        Just(repo::Command::Pause { reason: None }),
        Just(repo::Command::Resume),
        (1u32..3).prop_map(|n| repo::Command::AgreeToCheck {
            check: sample::digest(n),
            name: sample::text("test"),
        }),
        (1u32..3).prop_map(|n| repo::Command::WithdrawCheck {
            check: sample::digest(n),
        }),
        Just(repo::Command::Rename {
            name: sample::name("gadgets")
        }),
        select(vec![None, Some(true), Some(false)]).prop_map(|push| {
            repo::Command::SetRemote {
                remote: push.map(sample::remote),
            }
        }),
        follows(),
        follows(),
        follows(),
    ];
    sequence(register(), command.boxed())
}

/// What the engine notes of a branch and its remote.
fn follows() -> BoxedStrategy<repo::Command> {
    use repo::{Cause, Command};
    (0u32..7, 0u32..70, 0u32..3)
        .prop_map(|(which, branch, n)| {
            let branch = sample::name(&format!("b{}", branch.saturating_sub(60)));
            let commit = sample::git(n);
            match which {
                0 => Command::WantPush {
                    branch,
                    commit,
                    landings: n,
                },
                1 => Command::NotePushed {
                    branch,
                    commit,
                    landings: n,
                },
                2 => Command::NoteTrouble {
                    branch,
                    cause: Cause::Unreachable,
                    reason: sample::text("no route"),
                    theirs: None,
                },
                3 => Command::ClearTrouble { branch },
                4 => Command::BeginPull {
                    branch,
                    pull: sample::pull(n),
                },
                5 => Command::EndPull { branch },
                _ => Command::DropPull { branch },
            }
        })
        .boxed()
}

pub(crate) fn requests() -> BoxedStrategy<Vec<(request::Command, Stamp)>> {
    use request::Command;
    let submit = || {
        (0u32..4).prop_map(|n| Command::Submit {
            id: RequestId::new(sample::uuid(2)),
            submission: sample::submission(n),
        })
    };
    let outcome = select(vec![
        Outcome::Completed,
        Outcome::PartlyLanded,
        Outcome::Failed,
    ]);
    let command = prop_oneof![
        1 => submit(),
        6 => digest().prop_map(|questions| Command::Clarify { questions }),
        9 => digest().prop_map(|answer| Command::Answer { answer }),
        2 => digest().prop_map(|brief| Command::Plan { plan: PlanId::new(sample::uuid(3)), brief }),
        4 => Just(Command::Start),
        4 => Just(Command::Wait),
        4 => Just(Command::Resume),
        1 => (outcome, digest(), option::of(reason()))
            .prop_map(|(outcome, summary, reason)| Command::Finish { outcome, summary, reason }),
        1 => reason().prop_map(|reason| Command::Cancel { reason }),
        2 => Just(Command::Reopen),
        2 => digest().prop_map(|revision| Command::Revise { revision, tip: None }),
        2 => Just(Command::RollBack { by: RequestId::new(sample::uuid(20)) }),
    ];
    sequence(submit(), command.boxed())
}

pub(crate) fn plans() -> BoxedStrategy<Vec<(plan::Command, Stamp)>> {
    use plan::Command;
    let sound = (1u32..5).prop_map(sample::steps);
    // Any numbers, any dependencies: most of these are no DAG.
    let any_step = (0u32..4, 0u32..4, vec(0u32..4, 0..3));
    let unsound = vec(any_step, 0..4).prop_map(|steps| {
        let step = |(number, task, depends_on)| NewStep {
            number,
            task: sample::task(task),
            depends_on,
        };
        steps.into_iter().map(step).collect::<Vec<_>>()
    });
    // The right numbers, any dependencies.
    let hasty = vec(vec(0u32..4, 0..2), 1..4).prop_map(|depends_on| {
        let mut steps = sample::steps(4);
        steps.truncate(depends_on.len());
        for (step, depends_on) in steps.iter_mut().zip(depends_on) {
            step.depends_on = depends_on;
        }
        steps
    });
    let steps = prop_oneof![4 => sound, 1 => unsound, 2 => hasty].boxed();
    let create = move || {
        steps.clone().prop_map(|steps| Command::Create {
            id: PlanId::new(sample::uuid(3)),
            request: RequestId::new(sample::uuid(2)),
            repo: RepoId::new(sample::uuid(1)),
            document: sample::digest(3),
            steps,
        })
    };
    let number = || 0u32..6;
    let command = prop_oneof![
        1 => create(),
        4 => Just(Command::Activate),
        8 => (number(), 0u32..3).prop_map(|(number, n)| Command::StartStep { number, run: RunId::new(sample::uuid(n)) }),
        4 => (number(), 0u32..3).prop_map(|(number, n)| Command::HandIn { number, change_set: ChangeSetId::new(sample::uuid(n)) }),
        2 => number().prop_map(|number| Command::ReviseStep { number }),
        8 => number().prop_map(|number| Command::CompleteStep { number }),
        2 => (number(), reason()).prop_map(|(number, reason)| Command::SkipStep { number, reason }),
        1 => (number(), reason()).prop_map(|(number, reason)| Command::FailStep { number, cause: plan::step::Cause::default(), reason }),
        2 => number().prop_map(|number| Command::RetryStep { number }),
        4 => Just(Command::Complete),
        1 => reason().prop_map(|reason| Command::Abandon { reason }),
        2 => Just(Command::Reopen),
    ];
    sequence(create(), command.boxed())
}

pub(crate) fn runs() -> BoxedStrategy<Vec<(run::Command, Stamp)>> {
    use run::Command;
    let start = || {
        (0u32..4, 0u32..3).prop_map(|(incarnation, n)| Command::Start {
            id: RunId::new(sample::uuid(4)),
            lineage: LineageId::new(sample::uuid(5)),
            incarnation,
            request: (n != 1).then(|| RequestId::new(sample::uuid(2))),
            work: if n == 0 {
                run::Work::Check {
                    entry: EntryId::new(sample::uuid(7)),
                    tree: sample::name(sample::git(2).as_str()),
                    name: sample::text("cargo test"),
                }
            } else {
                sample::work()
            },
            spec: sample::digest(n),
        })
    };
    let process = option::of(
        (1u32..9, any::<u64>()).prop_map(|(pid, start_ticks)| Process {
            pid,
            start_ticks,
            boot_id: sample::name("b00t"),
        }),
    );
    let ending = || {
        (
            option::of(any::<i32>()),
            option::of(reason()),
            option::of(digest()),
        )
            .prop_map(|(exit_code, reason, result)| Ending {
                exit_code,
                reason,
                result,
                ..Ending::default()
            })
    };
    let command = prop_oneof![
        8 => start(),
        8 => process.prop_map(|process| Command::Begin { process }),
        2 => Just(Command::Pause),
        2 => Just(Command::Resume),
        2 => Just(Command::Stall { last_seen: sample::time(1) }),
        2 => Just(Command::Recover),
        1 => ending().prop_map(Command::Park),
        1 => Just(Command::Continue { by: RunId::new(sample::uuid(8)) }),
        1 => reason().prop_map(|reason| Command::Doubt { reason }),
        1 => Just(Command::Stop),
        1 => ending().prop_map(Command::Finish),
        1 => ending().prop_map(Command::Fail),
        1 => ending().prop_map(Command::Kill),
        1 => reason().prop_map(|reason| Command::Lose { reason }),
    ];
    sequence(start(), command.boxed())
}

pub(crate) fn change_sets() -> BoxedStrategy<Vec<(change_set::Command, Stamp)>> {
    use change_set::Command;
    let propose = || {
        (0u32..4, 0usize..12).prop_map(|(kind, items)| {
            let mut proposal = sample::proposal(kind == 0);
            proposal.items.truncate(items);
            Command::Propose {
                id: ChangeSetId::new(sample::uuid(6)),
                proposal,
            }
        })
    };
    let decision = prop_oneof![
        3 => Just(Decision::Allow),
        3 => Just(Decision::Ask(Level::TeamLead)),
        1 => Just(Decision::Ask(Level::Admin)),
        1 => Just(Decision::Deny),
    ];
    let status = select(vec![
        item::Status::Pending,
        item::Status::Accepted,
        item::Status::Rejected,
    ]);
    let approval = || (0u32..2).prop_map(|n| ApprovalId::new(sample::uuid(30 + n)));
    let basis = prop_oneof![
        Just(Basis::Policy),
        approval().prop_map(|approval| Basis::Approval { approval }),
    ];
    let command = prop_oneof![
        1 => propose(),
        9 => decision.prop_map(|decision| Command::Assess(sample::assessed(decision))),
        3 => (100u32..105, status, vec(0u32..4, 0..4)).prop_map(|(n, status, rejected_hunks)| {
            Command::DecideItem { item: ItemId::new(sample::uuid(n)), status, rejected_hunks }
        }),
        6 => approval().prop_map(|approval| Command::Ask { approval }),
        9 => basis.prop_map(Command::Approve),
        9 => Just(Command::Queue { entry: EntryId::new(sample::uuid(7)) }),
        9 => Just(Command::Dispatch),
        3 => Just(Command::Undispatch),
        6 => commit().prop_map(|commit| Command::Land { commit }),
        6 => commit().prop_map(|commit| Command::RollBack { commit }),
        1 => reason().prop_map(|reason| Command::Reject { reason }),
        1 => (reason(), 0..40 * MOST_MS_BETWEEN).prop_map(|(reason, ms)| {
            Command::RequestChanges { reason, revise_by: sample::time(ms) }
        }),
        1 => Just(Command::Supersede),
        1 => reason().prop_map(|reason| Command::Fail { cause: plan::step::Cause::Change, reason }),
        1 => Just(Command::Expire),
        1 => reason().prop_map(|reason| Command::Cancel { reason }),
        6 => Just(Command::Requeue),
    ];
    sequence(propose(), command.boxed())
}

pub(crate) fn approvals() -> BoxedStrategy<Vec<(approval::Command, Stamp)>> {
    use approval::Command;
    let ask = || {
        let level = prop_oneof![
            1 => Just(Level::Auto),
            4 => Just(Level::TeamLead),
            4 => Just(Level::Admin),
            4 => Just(Level::ManualOnly),
        ];
        (level, 0u32..6, 0..40 * MOST_MS_BETWEEN).prop_map(|(level, generation, ms)| {
            let mut question = sample::question(level, sample::time(ms));
            question.generation = generation;
            Command::Ask(question)
        })
    };
    // The question is about number 8.
    let about = || {
        option::of(
            prop_oneof![4 => Just(8u32), 1 => Just(7u32)].prop_map(|n: u32| sample::digest(n)),
        )
    };
    let command = prop_oneof![
        3 => ask(),
        3 => (about(), option::of(reason()))
            .prop_map(|(digest, reason)| Command::Approve { digest, reason }),
        3 => (about(), option::of(reason()), any::<bool>())
            .prop_map(|(digest, reason, changes_requested)| Command::Reject { digest, reason, changes_requested }),
        6 => Just(Command::Expire),
        1 => reason().prop_map(|reason| Command::Cancel { reason }),
        4 => Just(Command::Warn),
    ];
    sequence(ask(), command.boxed())
}

pub(crate) fn entries() -> BoxedStrategy<Vec<(entry::Command, Stamp)>> {
    use entry::Command;
    let enqueue = || {
        (0u32..4, 0u32..9).prop_map(|(kind, n)| {
            let mut admission = sample::admission(kind == 0);
            if n == 0 {
                admission.change_sets.clear();
            }
            Command::Enqueue {
                id: EntryId::new(sample::uuid(7)),
                admission,
            }
        })
    };
    // Mostly number 1: candidates, verdicts and intents often fit, and sometimes nearly.
    let few = || prop_oneof![5 => Just(1u32), 1 => Just(2u32)];
    let fence = prop_oneof![4 => 0u64..5, 1 => 0u64..50, 1 => Just(u64::MAX)];
    let quarantine = select(vec![
        Quarantine::Conflict,
        Quarantine::Check,
        Quarantine::Policy,
    ]);
    let command = prop_oneof![
        1 => enqueue(),
        9 => fence.prop_map(|fence| Command::Lease { fence }),
        9 => Just(Command::Merge),
        9 => (few(), few(), few())
            .prop_map(|(tip, tree, commit)| Command::Check { candidate: sample::candidate(tip, tree, commit) }),
        9 => few().prop_map(|tree| Command::Pass(sample::verdict(tree))),
        9 => (few(), few()).prop_map(|(tip, commit)| Command::Dispatch(sample::dispatch(tip, commit))),
        6 => few().prop_map(|commit| Command::Land { commit: sample::git(commit) }),
        2 => (reason(), 0u32..4)
            .prop_map(|(reason, max_attempts)| Command::Release { cause: Cause::Fault, reason, max_attempts }),
        2 => commit().prop_map(|tip| Command::Refresh { tip }),
        1 => reason().prop_map(|reason| Command::Block { cause: Cause::Edited, reason }),
        2 => Just(Command::Unblock),
        1 => (quarantine, digest(), reason())
            .prop_map(|(quarantine, evidence, reason)| Command::Quarantine { quarantine, evidence, reason }),
        1 => reason().prop_map(|reason| Command::Fail { cause: Cause::NotLanded, reason }),
        1 => reason().prop_map(|reason| Command::Cancel { reason }),
        4 => Just(Command::Retry),
    ];
    sequence(enqueue(), command.boxed())
}

fn actor() -> BoxedStrategy<Actor> {
    let roles = vec![Role::Viewer, Role::Operator, Role::TeamLead, Role::Admin];
    prop_oneof![
        4 => select(roles).prop_map(sample::person),
        1 => Just(sample::agent()),
        1 => Just(sample::engine()),
    ]
    .boxed()
}

fn digest() -> BoxedStrategy<Digest> {
    (0u32..4).prop_map(sample::digest).boxed()
}

fn commit() -> BoxedStrategy<GitId> {
    (1u32..4).prop_map(sample::git).boxed()
}

fn reason() -> BoxedStrategy<ShortText> {
    prop_oneof![
        6 => select(vec!["not wanted any more", "", "\u{1f980} \"quoted\" \\ \u{2028}"])
            .prop_map(sample::text),
        1 => any::<String>().prop_map(|text| sample::text(&text)),
    ]
    .boxed()
}
