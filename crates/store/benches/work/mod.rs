//! Batches as the engine makes them.

pub(crate) mod history;

use hyperion_model::approval::{self, Question, Risk};
use hyperion_model::change_set::{self, Item, Proposal, item};
use hyperion_model::entry::{self, Admission, Candidate, Dispatch, Green, Verdict};
use hyperion_model::facts::{Class, Operation, Priority};
use hyperion_model::plan::{self, NewStep};
use hyperion_model::request::{self, Source, Submission};
use hyperion_model::{
    Actor, ApprovalId, Batch, BatchId, ChangeSetId, Command, Digest, EntryId, GitId, ItemId, Level,
    LineageId, Name, NewBlob, PlanId, RepoId, RepoPath, RequestId, Role, RunId, Stamp, Subject,
    TaskId, Time, Uuid, repo,
};

/// How many entries are leased together.
pub(crate) const A_LEASE: u64 = 16;

/// The registration of a repository: one row, one event.
pub(crate) fn registration() -> Batch {
    let id = RepoId::new(Uuid::now_v7());
    let register = repo::Command::Register {
        id,
        name: name("widgets"),
        path: format!("/srv/git/{id}"),
        branch: name("main"),
    };
    batch(vec![Command::Repo(id, register)], vec![])
}

/// What an intake brings forth.
pub(crate) struct Ids {
    pub(crate) request: RequestId,
    pub(crate) plan: PlanId,
    pub(crate) set: ChangeSetId,
    pub(crate) approval: ApprovalId,
}

/// A request that is filed, planned, changed and asked about, in one batch.
pub(crate) fn intake(repo: RepoId) -> (Ids, Batch) {
    let (request, plan) = (RequestId::new(Uuid::now_v7()), PlanId::new(Uuid::now_v7()));
    let set = ChangeSetId::new(Uuid::now_v7());
    // The medians of a home that landed a few small changes.
    let [document, brief, assignments, change, summary] =
        [640, 240, 410, 670, 410].map(|bytes| content(request, bytes));
    let submission = Submission {
        class: Class::Bugfix,
        priority: Priority::High,
        repo,
        branch: name("main"),
        base: git(&document, 1),
        title: None,
        document: document.digest,
        source: Source::Cli,
        agent: name("scripted"),
        dry_run: false,
        atomic: false,
        requires_approval: true,
        rolls_back: None,
        rolls_back_entry: None,
    };
    let create = plan::Command::Create {
        id: plan,
        request,
        repo,
        document: assignments.digest,
        steps: vec![NewStep {
            number: 1,
            task: TaskId::new("T1").unwrap(),
            depends_on: vec![],
        }],
    };
    let propose = change_set::Command::Propose {
        id: set,
        proposal: Proposal {
            request,
            plan,
            step: 1,
            task: TaskId::new("T1").unwrap(),
            repo,
            run: RunId::new(Uuid::now_v7()),
            agent: name("scripted"),
            base_commit: git(&document, 1),
            base_tree: git(&document, 2),
            supersedes: None,
            document: change.digest,
            title: None,
            items: vec![
                changed_file("src/widget.rs"),
                changed_file("tests/widget.rs"),
            ],
            dry_run: false,
        },
    };
    let question = Question {
        lineage: LineageId::new(set.uuid()),
        key: name("land"),
        generation: 1,
        about: Subject::ChangeSet(set),
        action: name("land"),
        level: Level::TeamLead,
        risk: Risk::Medium,
        digest: change.digest,
        content: None,
        document: summary.digest,
        request: Some(request),
        repo: Some(repo),
        expires_at: Time::from_second(Time::now().as_second() + 86_400).unwrap(),
        owners: None,
    };
    let submit = request::Command::Submit {
        id: request,
        submission,
    };
    let planned = request::Command::Plan {
        plan,
        brief: brief.digest,
    };
    let approval = question.id();
    let ask = Command::Approval(approval, approval::Command::Ask(question));
    let commands = vec![
        Command::Request(request, submit),
        Command::Plan(plan, create),
        Command::Request(request, planned),
        Command::ChangeSet(set, propose),
        ask,
    ];
    let ids = Ids {
        request,
        plan,
        set,
        approval,
    };
    let blobs = vec![document, brief, assignments, change, summary];
    (ids, batch(commands, blobs))
}

/// Sixteen entries that are enqueued, then leased and merged, then checked and landed.
pub(crate) fn lives(repo: RepoId) -> [Batch; 3] {
    let entries: Vec<_> = (0..A_LEASE).map(|_| EntryId::new(Uuid::now_v7())).collect();
    let of_each = |commands: fn(EntryId, RepoId) -> Vec<entry::Command>| {
        let commands = entries.iter().flat_map(|id| {
            commands(*id, repo)
                .into_iter()
                .map(|command| Command::Entry(*id, command))
        });
        batch(commands.collect(), vec![])
    };
    [
        of_each(|id, repo| vec![enqueue(id, repo)]),
        of_each(|_, _| vec![entry::Command::Lease { fence: 1 }, entry::Command::Merge]),
        of_each(|id, _| end(id)),
    ]
}

/// An entry that enters the queue.
pub(crate) fn enqueue(id: EntryId, repo: RepoId) -> entry::Command {
    let admission = Admission {
        repo,
        branch: name("main"),
        request: RequestId::new(Uuid::now_v7()),
        change_sets: vec![ChangeSetId::new(Uuid::now_v7())],
        depends_on: vec![],
        priority: Priority::Medium,
        level: Level::TeamLead,
        checks: None,
        dry_run: false,
    };
    entry::Command::Enqueue { id, admission }
}

/// From the merge to the landing.
fn end(id: EntryId) -> Vec<entry::Command> {
    let seed = NewBlob::new(*id.uuid().as_bytes());
    let [tip, tree, commit] = [1, 2, 3].map(|n| git(&seed, n));
    vec![
        entry::Command::Check {
            candidate: Candidate {
                tip: tip.clone(),
                tree: tree.clone(),
                commit: commit.clone(),
            },
        },
        entry::Command::Pass(Verdict {
            tree,
            runs: vec![RunId::new(id.uuid())],
            green: Green::Strict,
        }),
        entry::Command::Dispatch(Dispatch {
            candidate: commit.clone(),
            expected_tip: tip,
            payload: seed.digest,
            policy: seed.digest,
        }),
        entry::Command::Land { commit },
    ]
}

/// A batch by the engine, now.
pub(crate) fn batch(commands: Vec<Command>, blobs: Vec<NewBlob>) -> Batch {
    let stamp = Stamp {
        time: Time::from_millisecond(Time::now().as_millisecond()).unwrap(),
        actor: Actor::Person {
            id: name("ada"),
            role: Role::Admin,
        },
    };
    Batch {
        blobs,
        ..Batch::new(BatchId::new(Uuid::now_v7()), stamp, commands)
    }
}

fn changed_file(path: &str) -> Item {
    Item {
        id: ItemId::new(Uuid::now_v7()),
        path: RepoPath::new(path).unwrap(),
        from_path: None,
        operation: Operation::Modify,
        old_hash: Some(Digest::of(b"old")),
        new_hash: Some(Digest::of(b"new")),
        old_mode: Some(0o100_644),
        new_mode: Some(0o100_644),
        hunks: 2,
        additions: 12,
        deletions: 5,
        status: item::Status::Pending,
        rejected_hunks: vec![],
    }
}

/// Text of about so many bytes, other text in every request.
fn content(request: RequestId, bytes: usize) -> NewBlob {
    let mut text = format!("{{\"request\":\"{request}\",\"bytes\":{bytes},\"text\":\"");
    while text.len() < bytes {
        text.push_str("Retry the upload once when the connection is reset. ");
    }
    text.push_str("\"}");
    NewBlob::new(text)
}

/// A git object's name that follows from a blob.
fn git(seed: &NewBlob, n: u8) -> GitId {
    let digest = Digest::of(&[seed.digest.as_bytes().as_slice(), &[n]].concat());
    GitId::new(&digest.hex()[..40]).unwrap()
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}
