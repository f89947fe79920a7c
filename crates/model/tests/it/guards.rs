//! What is refused although the state would allow it, in the words that people read.

use hyperion_model::approval::{self, Approval};
use hyperion_model::change_set::{self, Basis, ChangeSet, item};
use hyperion_model::entry::{self, Entry};
use hyperion_model::plan::{self, NewStep, Plan};
use hyperion_model::repo::{self, Repo};
use hyperion_model::request::{self, Request};
use hyperion_model::run::{self, Run};
use hyperion_model::{
    Actor, ApprovalId, ChangeSetId, Decision, EntryId, ItemId, Level, LineageId, Machine, PlanId,
    RepoId, RequestId, Role, RunId, Stamp,
};
use insta::assert_snapshot;

use crate::sample::{self, digest, git, stamp, text, time, uuid};

fn admin() -> Stamp {
    stamp(1000, sample::person(Role::Admin))
}

/// Takes commands that must be accepted.
fn after<M: Machine>(commands: &[M::Command]) -> M {
    let state = commands.iter().fold(None, |state: Option<M>, command| {
        let events = M::decide(state.as_ref(), command, &admin()).expect("it is accepted");
        events.iter().fold(state, |state, event| {
            Some(M::apply(state, event, &admin()).expect("it applies"))
        })
    });
    state.expect("at least one command")
}

/// Gives the words with which a command is refused.
fn refusal<M: Machine>(state: Option<&M>, command: &M::Command, stamp: &Stamp) -> String {
    let refused = M::decide(state, command, stamp);
    refused.expect_err("it is refused").to_string()
}

fn refusals<M: Machine>(state: Option<&M>, commands: &[M::Command]) -> String {
    let words: Vec<_> = commands
        .iter()
        .map(|command| refusal(state, command, &admin()))
        .collect();
    words.join("\n")
}

#[test]
fn a_repository_has_a_path_of_bounded_length() {
    let path = "x".repeat(repo::MAX_PATH_BYTES + 1);
    let register = |path: &str| repo::Command::Register {
        id: RepoId::new(uuid(1)),
        name: sample::name("widgets"),
        path: path.to_owned(),
        branch: sample::name("main"),
    };
    assert_snapshot!(refusals::<Repo>(None, &[register(&path), repo::Command::Forget]), @"
    bytes in a repository's path: 4097 given, at most 4096 allowed
    there is no such repository
    ");
    let known = after::<Repo>(&[register("/srv/widgets")]);
    let commands = [repo::Command::Move { path }, register("/srv/widgets")];
    assert_snapshot!(refusals(Some(&known), &commands), @"
    bytes in a repository's path: 4097 given, at most 4096 allowed
    this repository exists already
    ");
}

// X6: what a check has beyond the machine's sandbox is an admin's to give, once for each check, and within bounds.
#[test]
fn checks_are_agreed_to_by_admins_and_once() {
    let agree = |n| repo::Command::AgreeToCheck {
        check: digest(n),
        name: text("test"),
    };
    let mut commands = vec![repo::Command::Register {
        id: RepoId::new(uuid(1)),
        name: sample::name("widgets"),
        path: "/srv/widgets".to_owned(),
        branch: sample::name("main"),
    }];
    commands.extend((0..200).map(agree));
    let full = after::<Repo>(&commands);
    assert!(full.agrees_to(digest(7)) && !full.agrees_to(digest(200)));
    let lead = stamp(1000, sample::person(Role::TeamLead));
    let words = [
        refusal(Some(&full), &agree(200), &admin()),
        refusal(Some(&full), &agree(7), &admin()),
        refusal(Some(&full), &agree(7), &lead),
    ];
    assert_snapshot!(words.join("\n"), @"
    checks of a repository that were agreed to: 201 given, at most 200 allowed
    this check was agreed to already
    team-lead may not decide this: it asks for admin
    ");
    commands.push(repo::Command::WithdrawCheck { check: digest(7) });
    assert!(!after::<Repo>(&commands).agrees_to(digest(7)));
}

#[test]
fn a_request_is_answered_a_bounded_number_of_times() {
    use request::Command;
    let mut commands = vec![Command::Submit {
        id: RequestId::new(uuid(2)),
        submission: sample::submission(1),
    }];
    let clarify = Command::Clarify {
        questions: digest(1),
    };
    for _ in 0..request::MAX_ANSWERS {
        commands.push(clarify.clone());
        commands.push(Command::Answer { answer: digest(2) });
    }
    commands.push(clarify);
    let request = after::<Request>(&commands);
    let commands = [Command::Answer { answer: digest(2) }, Command::Start];
    assert_snapshot!(refusals(Some(&request), &commands), @"
    answers to one request: 21 given, at most 20 allowed
    this request is awaiting an answer and cannot start
    ");
}

// S3: new versions are handed in a bounded number of times, and in time.
#[test]
fn what_was_sent_back_is_revised_within_bounds() {
    use request::Command;
    let mut commands = vec![
        Command::Submit {
            id: RequestId::new(uuid(2)),
            submission: sample::submission(1),
        },
        Command::Plan {
            plan: PlanId::new(uuid(3)),
            brief: digest(3),
        },
        Command::Start,
    ];
    let revise = Command::Revise {
        revision: digest(4),
        tip: None,
    };
    commands.extend(vec![revise.clone(); request::MAX_REVISIONS]);
    let request = after::<Request>(&commands);
    assert_snapshot!(refusals(Some(&request), &[revise]), @"revisions of one request: 21 given, at most 20 allowed");

    let sent_back = change_set::Command::RequestChanges {
        reason: text("name the constant"),
        revise_by: time(5000),
    };
    let judged = change_set::Command::Assess(sample::assessed(Decision::Ask(Level::Admin)));
    let set = after::<ChangeSet>(&[propose(false), judged, sent_back]);
    let commands = [
        change_set::Command::Expire,
        change_set::Command::Approve(Basis::Policy),
    ];
    assert_snapshot!(refusals(Some(&set), &commands), @"
    a new version may still be handed in
    this change set is sent back and cannot be approved
    ");
    let late = stamp(5000, sample::engine());
    assert!(ChangeSet::decide(Some(&set), &change_set::Command::Expire, &late).is_ok());
}

// M1: what was decided by looking is not done to what has changed meanwhile; looking changes nothing.
#[test]
fn what_has_changed_since_it_was_looked_at_is_left_alone() {
    use request::Command;
    let submit = Command::Submit {
        id: RequestId::new(uuid(2)),
        submission: sample::submission(1),
    };
    let clarify = Command::Clarify {
        questions: digest(1),
    };
    let looked_at = after::<Request>(std::slice::from_ref(&submit));
    let moved_on = after::<Request>(&[submit, clarify]);
    let expect = [Command::Expect(Box::new(looked_at.clone()))];
    let stamp = sample::stamp(0, sample::engine());
    assert_eq!(
        Request::decide(Some(&looked_at), &expect[0], &stamp),
        Ok(vec![])
    );
    assert_snapshot!(refusals(Some(&moved_on), &expect), @"this request has changed since it was looked at");
}

// P1: the steps of a plan form a DAG, each with a task of its own, and are bounded.
#[test]
fn a_plan_has_sound_steps() {
    let create = |steps| plan::Command::Create {
        id: PlanId::new(uuid(3)),
        request: RequestId::new(uuid(2)),
        repo: RepoId::new(uuid(1)),
        document: digest(3),
        steps,
    };
    let step = |number, task, depends_on: &[u32]| NewStep {
        number,
        task: sample::task(task),
        depends_on: depends_on.to_vec(),
    };
    let commands = [
        create(vec![]),
        create(vec![step(2, 1, &[])]),
        create(vec![step(1, 1, &[1])]),
        create(vec![step(1, 1, &[2]), step(2, 2, &[])]),
        create(vec![step(1, 1, &[0])]),
        create(vec![step(1, 1, &[]), step(2, 1, &[1])]),
        create(sample::steps(501)),
    ];
    assert_snapshot!(refusals::<Plan>(None, &commands), @"
    steps are numbered 1, 2, 3 and so on; at least one
    steps are numbered 1, 2, 3 and so on; at least one
    a step depends on earlier steps only
    a step depends on earlier steps only
    a step depends on earlier steps only
    every step has a task of its own
    steps in a plan: 501 given, at most 500 allowed
    ");
}

// P1: a plan completes when every step ended and none failed.
#[test]
fn a_plan_is_complete_only_when_every_step_is() {
    use plan::Command;
    let mut commands = vec![
        Command::Create {
            id: PlanId::new(uuid(3)),
            request: RequestId::new(uuid(2)),
            repo: RepoId::new(uuid(1)),
            document: digest(3),
            steps: sample::steps(2),
        },
        Command::Activate,
        Command::SkipStep {
            number: 2,
            reason: text("nothing to do"),
        },
    ];
    let open = after::<Plan>(&commands);
    commands.push(Command::FailStep {
        number: 1,
        cause: hyperion_model::plan::step::Cause::Agent,
        reason: text("no change came of it"),
    });
    let failed = after::<Plan>(&commands);
    assert_snapshot!(
        [
            refusal(Some(&open), &Command::Complete, &admin()),
            refusal(Some(&failed), &Command::Complete, &admin()),
            refusal(Some(&open), &Command::CompleteStep { number: 3 }, &admin()),
            refusal(Some(&open), &Command::CompleteStep { number: 1 }, &admin()),
        ].join("\n"),
        @"
        a plan with open steps is not complete
        a plan with failed steps is not complete; it is abandoned
        the plan has no step 3
        this plan is pending and cannot complete
        "
    );
}

#[test]
fn a_run_has_an_incarnation() {
    let start = run::Command::Start {
        id: RunId::new(uuid(4)),
        lineage: LineageId::new(uuid(5)),
        incarnation: 0,
        request: Some(RequestId::new(uuid(2))),
        work: sample::work(),
        spec: digest(1),
    };
    assert_snapshot!(refusals::<Run>(None, &[start]), @"incarnations are counted from 1");
}

// A run is asked to stop once, while there is something to stop.
#[test]
fn a_run_is_stopped_once() {
    let start = run::Command::Start {
        id: RunId::new(uuid(4)),
        lineage: LineageId::new(uuid(5)),
        incarnation: 1,
        request: None,
        work: run::Work::Command {
            name: sample::text("npm"),
            asked_by: admin().actor,
            launch: None,
        },
        spec: digest(1),
    };
    let kill = run::Command::Kill(run::Ending::default());
    let stopping = after::<Run>(&[start.clone(), run::Command::Stop]);
    let ended = after::<Run>(&[start, run::Command::Stop, kill]);
    assert_eq!(stopping.status, run::Status::Starting);
    assert!(stopping.stop.is_some());
    assert_eq!(ended.stop, stopping.stop);
    assert_snapshot!(
        [
            refusal(Some(&stopping), &run::Command::Stop, &admin()),
            refusal(Some(&ended), &run::Command::Stop, &admin()),
        ].join("\n"),
        @"
        this run is being stopped already
        this run is killed and cannot be asked to stop
        "
    );
}

fn propose(dry_run: bool) -> change_set::Command {
    change_set::Command::Propose {
        id: ChangeSetId::new(uuid(6)),
        proposal: sample::proposal(dry_run),
    }
}

// C1, C3: items are decided by hunks that exist, and at least one hunk of an accepted item stays.
#[test]
fn a_change_set_is_decided_by_its_parts() {
    let empty = change_set::Command::Propose {
        id: ChangeSetId::new(uuid(6)),
        proposal: change_set::Proposal {
            items: vec![],
            ..sample::proposal(false)
        },
    };
    let large = change_set::Command::Propose {
        id: ChangeSetId::new(uuid(6)),
        proposal: change_set::Proposal {
            items: vec![sample::item(1); change_set::MAX_ITEMS + 1],
            ..sample::proposal(false)
        },
    };
    assert_snapshot!(refusals::<ChangeSet>(None, &[empty, large]), @"
    a change set has at least one item
    items in a change set: 2001 given, at most 2000 allowed
    ");

    let set = after::<ChangeSet>(&[propose(false)]);
    let decide = |n, status, rejected_hunks: &[u32]| change_set::Command::DecideItem {
        item: ItemId::new(uuid(n)),
        status,
        rejected_hunks: rejected_hunks.to_vec(),
    };
    use item::Status::{Accepted, Rejected};
    let commands = [
        decide(102, Accepted, &[]),
        decide(103, Accepted, &[0, 3]),
        decide(103, Accepted, &[2, 1, 0]),
        decide(103, Rejected, &[1]),
        decide(100, Accepted, &[0]),
    ];
    assert_snapshot!(refusals(Some(&set), &commands), @"
    the change set has no item 0190b7c4-6f2e-7a31-9d52-3f1c00000066
    the change set has no hunk 3 in src/part3.rs
    hunks are left out of an accepted item, and at least one stays; reject the item instead
    hunks are left out of an accepted item, and at least one stays; reject the item instead
    the change set has no hunk 0 in src/part0.rs
    ");

    // The same hunk named twice is one hunk.
    let decided = after::<ChangeSet>(&[propose(false), decide(103, Accepted, &[2, 0, 2, 0])]);
    assert_eq!(decided.proposal.items[2].rejected_hunks, [0, 2]);
}

// C3, S3: what lands is what policy allowed, or what the very question that was asked is about.
#[test]
fn a_change_set_is_approved_on_the_basis_it_waits_for() {
    use change_set::Command;
    let judged = |decision| {
        let question = ApprovalId::new(uuid(30));
        let judged = [
            propose(false),
            Command::Assess(sample::assessed(decision)),
            Command::Ask { approval: question },
        ];
        after::<ChangeSet>(&judged)
    };
    let by_policy = Command::Approve(Basis::Policy);
    let by = |n| {
        Command::Approve(Basis::Approval {
            approval: ApprovalId::new(uuid(n)),
        })
    };
    let asked = judged(Decision::Ask(Level::Admin));
    let allowed = judged(Decision::Allow);
    let denied = judged(Decision::Deny);
    for (set, command, accepted) in [
        (&asked, &by(30), true),
        (&asked, &by(31), false),
        (&asked, &by_policy, false),
        (&allowed, &by_policy, true),
        (&allowed, &by(30), false),
        (&denied, &by_policy, false),
        (&denied, &by(30), false),
    ] {
        let outcome = ChangeSet::decide(Some(set), command, &admin());
        assert_eq!(outcome.is_ok(), accepted, "{command:?}");
    }
    assert_snapshot!(refusals(Some(&asked), &[by(31)]), @"this is not what the change set waits for: policy's verdict asks otherwise");
}

// M8: a dry run is queued without approval, and never dispatched.
#[test]
fn a_dry_run_of_a_change_set_lands_nothing() {
    use change_set::Command;
    let judged = Command::Assess(sample::assessed(Decision::Ask(Level::Admin)));
    let queue = Command::Queue {
        entry: EntryId::new(uuid(7)),
    };
    let queued = after::<ChangeSet>(&[propose(true), judged.clone(), queue.clone()]);
    let never_queued = after::<ChangeSet>(&[
        propose(false),
        Command::Fail {
            cause: hyperion_model::plan::step::Cause::Change,
            reason: text("it does not merge"),
        },
    ]);
    assert_snapshot!(
        [
            refusals(Some(&queued), &[Command::Dispatch]),
            refusals(Some(&after::<ChangeSet>(&[propose(false), judged])), &[queue]),
            refusals(Some(&never_queued), &[Command::Requeue]),
        ].join("\n"),
        @"
        a dry run lands nothing
        this change set is awaiting approval and cannot be queued
        it never was in the queue
        "
    );
}

// S3, S4: decided by a person whose role reaches, on exactly what was asked; the first one wins.
#[test]
fn an_approval_is_decided_by_who_may_on_what_was_asked() {
    use approval::Command;
    let ask = |level, generation| {
        Command::Ask(approval::Question {
            generation,
            ..sample::question(level, time(5000))
        })
    };
    let commands = [ask(Level::Admin, 0), ask(Level::Auto, 1)];
    assert_snapshot!(refusals::<Approval>(None, &commands), @"
    generations are counted from 1
    what is allowed by policy is not asked
    ");

    let approve = |digest| Command::Approve {
        digest,
        reason: None,
    };
    let asked = after::<Approval>(&[ask(Level::Admin, 1)]);
    let by = |actor: Actor| refusal(Some(&asked), &approve(None), &stamp(1000, actor));
    let warned = after::<Approval>(&[ask(Level::Admin, 1), Command::Warn]);
    let decided = after::<Approval>(&[ask(Level::Admin, 1), approve(Some(digest(8)))]);
    let reject = Command::Reject {
        digest: None,
        reason: None,
        changes_requested: false,
    };
    assert_snapshot!(
        [
            by(sample::person(Role::TeamLead)),
            by(sample::agent()),
            by(sample::engine()),
            refusals(Some(&asked), &[approve(Some(digest(9))), Command::Expire]),
            refusals(Some(&warned), &[Command::Warn]),
            refusals(Some(&decided), &[reject, approve(None)]),
        ].join("\n"),
        @"
        team-lead may not decide this: it asks for admin
        agent scripted may not decide this: it asks for admin
        hyperion (queue) may not decide this: it asks for admin
        what was asked has changed: this decision is about sha256:0909090909090909090909090909090909090909090909090909090909090909, the question about sha256:0808080808080808080808080808080808080808080808080808080808080808
        its time has not passed yet
        its end was announced already
        already approved by admin at 2026-01-01T00:00:01Z
        already approved by admin at 2026-01-01T00:00:01Z
        "
    );
}

// M1, M4, M5, M8: fences only rise, only what passed is dispatched, only what was dispatched lands.
#[test]
fn an_entry_lands_only_what_passed() {
    use entry::Command;
    let enqueue = |admission| Command::Enqueue {
        id: EntryId::new(uuid(7)),
        admission,
    };
    let with_sets = |count| {
        enqueue(entry::Admission {
            change_sets: vec![ChangeSetId::new(uuid(6)); count],
            ..sample::admission(false)
        })
    };
    let commands = [with_sets(0), with_sets(entry::MAX_CHANGE_SETS + 1)];
    assert_snapshot!(refusals::<Entry>(None, &commands), @"
    an entry has at least one change set
    change sets in one entry: 501 given, at most 500 allowed
    ");

    let way = |dry_run| {
        vec![
            enqueue(sample::admission(dry_run)),
            Command::Lease { fence: 5 },
            Command::Merge,
            Command::Check {
                candidate: sample::candidate(1, 2, 3),
            },
            Command::Pass(sample::verdict(2)),
            Command::Dispatch(sample::dispatch(1, 3)),
        ]
    };
    let release = Command::Release {
        cause: entry::Cause::EngineEnded,
        reason: text("its worker died"),
        max_attempts: 3,
    };
    let released = after::<Entry>(&[&way(false)[..2], &[release][..]].concat());
    let checking = after::<Entry>(&way(false)[..4]);
    let ready = after::<Entry>(&way(false)[..5]);
    let dry = after::<Entry>(&way(true)[..5]);
    let dispatching = after::<Entry>(&way(false));
    let lease = |fence| Command::Lease { fence };
    let dispatch = |tip, commit| Command::Dispatch(sample::dispatch(tip, commit));
    assert_snapshot!(
        [
            refusals(Some(&released), &[lease(5), lease(4)]),
            refusals(Some(&checking), &[Command::Pass(sample::verdict(3))]),
            refusals(Some(&ready), &[dispatch(2, 3), dispatch(1, 2)]),
            refusals(Some(&dry), &[dispatch(1, 3)]),
            refusals(Some(&dispatching), &[Command::Land { commit: git(2) }]),
        ].join("\n"),
        @"
        a newer lease has been given already
        a newer lease has been given already
        the verdict is about another tree
        only the candidate that passed may land
        only the candidate that passed may land
        a dry run lands nothing
        this is not the commit that was dispatched
        "
    );
    let mut again = way(false);
    again.push(Command::Refresh { tip: git(9) });
    again.push(lease(6));
    let leased = after::<Entry>(&again);
    assert_eq!((leased.refreshes, leased.attempts), (1, 0));
    let forgotten = (leased.candidate, leased.verdict, leased.dispatch);
    assert_eq!(forgotten, (None, None, None), "a new attempt starts afresh");

    let landed = Command::Land { commit: git(3) };
    assert!(Entry::decide(Some(&dispatching), &landed, &admin()).is_ok());
}

// M1: an entry that its workers lose again and again is given up; a retry counts afresh.
#[test]
fn an_entry_is_given_up_after_so_many_attempts() {
    use entry::{Command, Status};
    let mut commands = vec![Command::Enqueue {
        id: EntryId::new(uuid(7)),
        admission: sample::admission(false),
    }];
    for (fence, expected) in [(1, Status::Queued), (2, Status::Queued), (3, Status::Dead)] {
        commands.push(Command::Lease { fence });
        commands.push(Command::Release {
            cause: entry::Cause::EngineEnded,
            reason: text("its worker died"),
            max_attempts: 3,
        });
        assert_eq!(after::<Entry>(&commands).status, expected);
    }
    commands.push(Command::Retry);
    let retried = after::<Entry>(&commands);
    assert_eq!(
        (retried.status, retried.attempts, retried.fence),
        (Status::Queued, 0, 3)
    );
}

// What is to be pushed stays on record until it is, and a remote that is taken away wants nothing any more.
#[test]
fn a_repository_follows_its_remote() {
    use repo::{Cause, Command};
    let branch = || sample::name("main");
    let want = |n, landings| Command::WantPush {
        branch: branch(),
        commit: sample::git(n),
        landings,
    };
    let register = Command::Register {
        id: RepoId::new(uuid(1)),
        name: sample::name("widgets"),
        path: "/srv/widgets".to_owned(),
        branch: branch(),
    };
    let set = |push| Command::SetRemote {
        remote: Some(sample::remote(push)),
    };
    let failed = |cause| Command::NoteTrouble {
        branch: branch(),
        cause,
        reason: sample::text("no route"),
        theirs: None,
    };
    let pushed = |n, landings| Command::NotePushed {
        branch: branch(),
        commit: sample::git(n),
        landings,
    };
    let told = |more: &[Command]| {
        let commands: Vec<_> = std::iter::once(register.clone())
            .chain(more.iter().cloned())
            .collect();
        let repo = after::<Repo>(&commands);
        let known = repo.tracked(&branch()).cloned().unwrap_or_default();
        let tries = known.trouble.map(|trouble| (trouble.cause, trouble.tries));
        (known.wanted, known.landings, tries)
    };
    let known = after::<Repo>(std::slice::from_ref(&register));
    let no_push = after::<Repo>(&[register.clone(), set(false)]);
    let words = [
        refusals(Some(&known), &[want(1, 0)]),
        refusals(Some(&no_push), &[want(1, 1)]),
    ];
    assert_snapshot!(words.join("\n"), @"
    the repository has no remote
    the repository has no remote that landings are pushed to
    ");
    let asked = told(&[set(false), want(1, 0)]);
    assert_eq!(asked, (Some(sample::git(1)), 0, None), "a person asked");
    let (gone, no) = (Cause::Unreachable, Cause::Refused);
    let mut commands = vec![
        set(true),
        want(1, 1),
        failed(gone),
        failed(gone),
        want(2, 1),
    ];
    let two = (Some(sample::git(2)), 2, Some((gone, 2)));
    assert_eq!(told(&commands), two);
    // A landing came in between: what was pushed was not all of it.
    commands.push(pushed(1, 1));
    assert_eq!(told(&commands), (Some(sample::git(2)), 1, None));
    commands.push(failed(no));
    commands.push(want(3, 1));
    let refused = (Some(sample::git(3)), 2, Some((no, 1)));
    assert_eq!(
        told(&commands),
        refused,
        "a landing changes nothing about that"
    );
    let mut pulled = commands.clone();
    pulled.push(Command::BeginPull {
        branch: branch(),
        pull: sample::pull(5),
    });
    pulled.push(Command::EndPull { branch: branch() });
    assert_eq!(told(&pulled), (Some(sample::git(6)), 2, None), "the merge");
    commands.push(set(false));
    assert_eq!(told(&commands), (None, 0, None));
}
