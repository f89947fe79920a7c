//! A queue of so many entries, each with a request, a plan and a change set, as the engine makes them.

use hyperion_model::change_set::{self, Assessed, Basis, Item, Proposal, item};
use hyperion_model::entry::{self, Admission};
use hyperion_model::facts::{Class, Operation, Priority};
use hyperion_model::plan::{self, NewStep};
use hyperion_model::request::{self, Source, Submission};
use hyperion_model::{
    Actor, Batch, BatchId, ChangeSetId, Command, Decision, Digest, EntryId, GitId, ItemId, Level,
    Name, NewBlob, PlanId, RepoId, RepoPath, RequestId, Role, RunId, Stamp, TaskId, Time, Uuid,
};
use hyperion_store::Store;

/// How many entries one batch has: a batch has a limited number of commands.
const A_BATCH: usize = 64;
/// How many batches are handed over at once.
const AT_ONCE: usize = 64;

/// Fills the queue of a repository's branch.
pub(crate) fn fill(store: &Store, repo: RepoId, tip: &GitId, tree: &GitId, entries: usize) {
    let blob = NewBlob::new("{}");
    let mut left = entries;
    while left > 0 {
        let mut batches = Vec::new();
        while left > 0 && batches.len() < AT_ONCE {
            let count = left.min(A_BATCH);
            left -= count;
            let commands = (0..count)
                .flat_map(|_| unit(repo, tip, tree, &blob))
                .collect();
            let stamp = Stamp {
                time: Time::from_millisecond(Time::now().as_millisecond()).unwrap(),
                actor: Actor::Person {
                    id: name("ada"),
                    role: Role::Admin,
                },
            };
            batches.push(Batch {
                blobs: vec![blob.clone()],
                ..Batch::new(BatchId::new(Uuid::now_v7()), stamp, commands)
            });
        }
        for done in store.execute_each(batches) {
            done.unwrap();
        }
    }
}

fn unit(repo: RepoId, tip: &GitId, tree: &GitId, blob: &NewBlob) -> Vec<Command> {
    let request = RequestId::new(Uuid::now_v7());
    let plan = PlanId::new(Uuid::now_v7());
    let set = ChangeSetId::new(Uuid::now_v7());
    let entry = EntryId::new(Uuid::now_v7());
    let run = RunId::new(Uuid::now_v7());
    let task = TaskId::new("T1").unwrap();
    let submission = Submission {
        class: Class::Bugfix,
        priority: Priority::Medium,
        repo,
        branch: name("main"),
        base: tip.clone(),
        document: blob.digest,
        title: None,
        source: Source::Cli,
        agent: name("scripted"),
        dry_run: false,
        atomic: false,
        requires_approval: false,
        rolls_back: None,
    };
    let create = plan::Command::Create {
        id: plan,
        request,
        repo,
        document: blob.digest,
        steps: vec![NewStep {
            number: 1,
            task: task.clone(),
            depends_on: vec![],
        }],
    };
    let proposal = Proposal {
        request,
        plan,
        step: 1,
        task,
        repo,
        run,
        agent: name("scripted"),
        base_commit: tip.clone(),
        base_tree: tree.clone(),
        document: blob.digest,
        title: None,
        items: vec![changed_file()],
        dry_run: false,
    };
    let assessed = Assessed {
        decision: Decision::Allow,
        level: Level::Auto,
        risk: hyperion_model::approval::Risk::Low,
        document: blob.digest,
        tree: tree.clone(),
        payload: blob.digest,
        policy: blob.digest,
    };
    let admission = Admission {
        repo,
        branch: name("main"),
        request,
        change_sets: vec![set],
        depends_on: vec![],
        priority: Priority::Medium,
        level: Level::Auto,
        checks: None,
        dry_run: false,
    };
    let of_set = |command| Command::ChangeSet(set, command);
    let of_plan = |command| Command::Plan(plan, command);
    vec![
        Command::Request(
            request,
            request::Command::Submit {
                id: request,
                submission,
            },
        ),
        of_plan(create),
        Command::Request(
            request,
            request::Command::Plan {
                plan,
                brief: blob.digest,
            },
        ),
        of_plan(plan::Command::Activate),
        Command::Request(request, request::Command::Start),
        of_plan(plan::Command::StartStep { number: 1, run }),
        of_set(change_set::Command::Propose { id: set, proposal }),
        of_plan(plan::Command::HandIn {
            number: 1,
            change_set: set,
        }),
        of_set(change_set::Command::Assess(assessed)),
        of_set(change_set::Command::Approve(Basis::Policy)),
        Command::Entry(
            entry,
            entry::Command::Enqueue {
                id: entry,
                admission,
            },
        ),
        of_set(change_set::Command::Queue { entry }),
    ]
}

fn changed_file() -> Item {
    Item {
        id: ItemId::new(Uuid::now_v7()),
        path: RepoPath::new("src/widget.rs").unwrap(),
        from_path: None,
        operation: Operation::Modify,
        old_hash: Some(Digest::of(b"old")),
        new_hash: Some(Digest::of(b"new")),
        old_mode: Some(0o100_644),
        new_mode: Some(0o100_644),
        hunks: 1,
        additions: 1,
        deletions: 1,
        status: item::Status::Pending,
        rejected_hunks: vec![],
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}
