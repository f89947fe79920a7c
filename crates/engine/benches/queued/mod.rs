//! A home with much in it: requests with a plan, a change set and an entry each, as the engine makes them.

#![allow(dead_code, reason = "no benchmark uses all of it")]

use hyperion_model::approval::{self, Question, Risk};
use hyperion_model::change_set::{self, Assessed, Basis, Item, Proposal, item};
use hyperion_model::entry::{self, Admission, Candidate, Dispatch, Green, Verdict};
use hyperion_model::facts::{Class, Operation, Priority};
use hyperion_model::plan::{self, NewStep};
use hyperion_model::request::{self, Source, Submission};
use hyperion_model::{
    Actor, Batch, BatchId, ChangeSetId, Command, Decision, Digest, EntryId, GitId, ItemId, Level,
    LineageId, Name, NewBlob, PlanId, RepoId, RepoPath, RequestId, Role, RunId, Stamp, Subject,
    TaskId, Time, Uuid, repo,
};
use hyperion_store::Store;

/// How many entries one batch has: a batch has a limited number of commands.
const A_BATCH: usize = 32;
/// How many batches are handed over at once.
const AT_ONCE: usize = 64;

/// How far the requests that fill a home have come.
#[derive(Clone, Copy)]
pub(crate) enum Come {
    /// Their entries wait in the queue; policy let them in.
    Queued,
    /// A person is asked whether they may land.
    Asked,
    /// A person let them land, and they did.
    Landed,
}

/// Where they land, and what they stand on.
pub(crate) struct Place {
    /// The repository.
    pub(crate) repo: RepoId,
    /// The commit at its branch.
    pub(crate) tip: GitId,
    /// The tree of that commit.
    pub(crate) tree: GitId,
}

/// Registers the repository that they land in.
pub(crate) fn register(store: &Store, place: &Place) {
    let id = place.repo;
    let register = repo::Command::Register {
        id,
        name: name("widgets"),
        path: format!("/srv/git/{id}"),
        branch: name("main"),
    };
    let commands = vec![Command::Repo(id, register)];
    store
        .execute(Batch::new(BatchId::new(Uuid::now_v7()), stamp(), commands))
        .unwrap();
}

/// Fills a home with so many requests.
pub(crate) fn fill(store: &Store, place: &Place, come: Come, requests: usize) {
    let blob = NewBlob::new("{}");
    let mut left = requests;
    while left > 0 {
        let mut batches = Vec::new();
        while left > 0 && batches.len() < AT_ONCE {
            let count = left.min(A_BATCH);
            left -= count;
            let commands = (0..count).flat_map(|_| unit(place, come, &blob)).collect();
            batches.push(Batch {
                blobs: vec![blob.clone()],
                ..Batch::new(BatchId::new(Uuid::now_v7()), stamp(), commands)
            });
        }
        for done in store.execute_each(batches) {
            done.unwrap();
        }
    }
}

fn stamp() -> Stamp {
    Stamp {
        time: Time::from_millisecond(Time::now().as_millisecond()).unwrap(),
        actor: Actor::Person {
            id: name("ada"),
            role: Role::Admin,
        },
    }
}

fn unit(place: &Place, come: Come, blob: &NewBlob) -> Vec<Command> {
    let Place { repo, tip, tree } = place;
    let repo = *repo;
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
        rolls_back_entry: None,
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
        supersedes: None,
        document: blob.digest,
        title: None,
        items: vec![changed_file()],
        dry_run: false,
    };
    let (decision, level) = match come {
        Come::Queued => (Decision::Allow, Level::Auto),
        Come::Asked | Come::Landed => (Decision::Ask(Level::TeamLead), Level::TeamLead),
    };
    let assessed = Assessed {
        decision,
        level,
        risk: Risk::Low,
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
        level,
        checks: None,
        dry_run: false,
    };
    let question = Question {
        lineage: LineageId::new(set.uuid()),
        key: name("land"),
        generation: 1,
        about: Subject::ChangeSet(set),
        action: name("land"),
        level: Level::TeamLead,
        risk: Risk::Low,
        digest: blob.digest,
        content: None,
        document: blob.digest,
        request: Some(request),
        repo: Some(repo),
        expires_at: Time::from_second(Time::now().as_second() + 86_400).unwrap(),
        owners: None,
    };
    let approval = question.id();
    let of_request = |command| Command::Request(request, command);
    let of_set = |command| Command::ChangeSet(set, command);
    let of_plan = |command| Command::Plan(plan, command);
    let of_approval = |command| Command::Approval(approval, command);
    let of_entry = |command| Command::Entry(entry, command);
    let mut commands = vec![
        of_request(request::Command::Submit {
            id: request,
            submission,
        }),
        of_plan(create),
        of_request(request::Command::Plan {
            plan,
            brief: blob.digest,
        }),
        of_plan(plan::Command::Activate),
        of_request(request::Command::Start),
        of_plan(plan::Command::StartStep { number: 1, run }),
        of_set(change_set::Command::Propose { id: set, proposal }),
        of_plan(plan::Command::HandIn {
            number: 1,
            change_set: set,
        }),
        of_set(change_set::Command::Assess(assessed)),
    ];
    let queue = [
        of_entry(entry::Command::Enqueue {
            id: entry,
            admission,
        }),
        of_set(change_set::Command::Queue { entry }),
    ];
    let ask = [
        of_approval(approval::Command::Ask(question)),
        of_set(change_set::Command::Ask { approval }),
    ];
    match come {
        Come::Queued => {
            commands.push(of_set(change_set::Command::Approve(Basis::Policy)));
            commands.extend(queue);
        }
        Come::Asked => {
            commands.extend(ask);
            commands.push(of_request(request::Command::Wait));
        }
        Come::Landed => {
            commands.extend(ask);
            commands.push(of_approval(approval::Command::Approve {
                digest: None,
                reason: None,
            }));
            commands.push(of_set(change_set::Command::Approve(Basis::Approval {
                approval,
            })));
            commands.extend(queue);
            commands.extend(landed(place, blob).map(of_entry));
            commands.extend([
                of_set(change_set::Command::Dispatch),
                of_set(change_set::Command::Land {
                    commit: tip.clone(),
                }),
                of_plan(plan::Command::CompleteStep { number: 1 }),
                of_plan(plan::Command::Complete),
                of_request(request::Command::Finish {
                    outcome: request::Outcome::Completed,
                    summary: blob.digest,
                    reason: None,
                }),
            ]);
        }
    }
    commands
}

/// From the lease to the landing.
fn landed(place: &Place, blob: &NewBlob) -> [entry::Command; 6] {
    let Place { tip, tree, .. } = place;
    [
        entry::Command::Lease { fence: 1 },
        entry::Command::Merge,
        entry::Command::Check {
            candidate: Candidate {
                tip: tip.clone(),
                tree: tree.clone(),
                commit: tip.clone(),
            },
        },
        entry::Command::Pass(Verdict {
            tree: tree.clone(),
            runs: vec![],
            green: Green::Unchecked,
        }),
        entry::Command::Dispatch(Dispatch {
            candidate: tip.clone(),
            expected_tip: tip.clone(),
            payload: blob.digest,
            policy: blob.digest,
        }),
        entry::Command::Land {
            commit: tip.clone(),
        },
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
