//! People: at any time, repeatedly, and with what they saw a while ago.

use std::collections::BTreeSet;

use hyperion_model::approval::{self, Approval};
use hyperion_model::change_set::{self, ChangeSet, item};
use hyperion_model::entry::{self, Entry};
use hyperion_model::facts::{Class, Priority};
use hyperion_model::plan::Plan;
use hyperion_model::request::{self, Request, Source, Submission};
use hyperion_model::{
    Actor, ApprovalId, Command, Decision, Digest, EntryId, Level, RequestId, Role, ShortText,
};

use super::world::{Document, Task, World, digest, name};
use crate::change_set::cancel_question;
use crate::intake::revise_commands;
use crate::queue::retry;
use crate::request::cancel;
use crate::rollback;

/// The most requests that are open at once: the world stays small, so that what is in it meets often.
const MAX_OPEN: usize = 5;

/// A person.
pub(super) struct Person {
    pub(super) actor: Actor,
    /// What they decided and have not sent yet.
    sending: Option<(&'static str, Vec<Command>, Option<RequestId>)>,
    /// What they looked at a while ago.
    question: Option<(ApprovalId, Digest)>,
    entry: Option<EntryId>,
    request: Option<RequestId>,
    /// The request they are calling off, and how often they may still look.
    calls_off: Option<(RequestId, u32)>,
}

impl Person {
    pub(super) fn new(role: Role) -> Self {
        Self {
            actor: Actor::Person {
                id: name(role.name()),
                role,
            },
            sending: None,
            question: None,
            entry: None,
            request: None,
            calls_off: None,
        }
    }
}

fn why() -> ShortText {
    ShortText::cut("a person said so")
}

fn may_be_retried(entry: &Entry) -> bool {
    matches!(
        entry.status,
        entry::Status::Quarantined
            | entry::Status::Dead
            | entry::Status::Failed
            | entry::Status::Blocked
    )
}

impl World {
    pub(super) fn person_acts(&mut self, who: usize) {
        let actor = self.people[who].actor.clone();
        if let Some((what, commands, called_off)) = self.people[who].sending.take() {
            let taken = self.commit(what, &actor, &commands, None).is_ok();
            if let Some(id) = called_off {
                self.call_off_again(who, id, taken);
            }
            return;
        }
        let sending = match self.dice.below(100) {
            0..=19 => self.file(),
            20..=29 => {
                self.look_around(who);
                None
            }
            30..=34 => self.answer().or_else(|| self.revise()),
            35..=69 => self.decide(who),
            70..=77 => self.decide_item(&actor),
            78..=80 => self.call_off(who),
            81..=92 => self.retry(who),
            93..=95 => self.cancel_entry(who),
            _ => self.roll_back(&actor),
        };
        let called_off = self.people[who].calls_off.map(|(id, _)| id);
        if let Some((what, commands)) = sending {
            if self.is_sensible(&commands) {
                self.assert_can_be_done(&actor, what, &commands, None);
            }
            let called_off = called_off.filter(|_| what == "call off");
            self.people[who].sending = Some((what, commands, called_off));
        }
    }

    /// Tells whether what a person asks for is something that the state of things allows: then it has to be done.
    fn is_sensible(&self, commands: &[Command]) -> bool {
        commands.iter().all(|command| match command {
            Command::Request(id, request::Command::Cancel { .. }) => {
                self.request_of(*id).status.is_open()
            }
            Command::Entry(id, entry::Command::Retry) => may_be_retried(&self.entry(*id)),
            Command::Entry(id, entry::Command::Cancel { .. }) => self.entry(*id).status.is_open(),
            Command::Approval(_, decision) => {
                matches!(decision, approval::Command::Cancel { .. }) && commands.len() > 1
            }
            _ => true,
        })
    }

    fn look_around(&mut self, who: usize) {
        let question = self.any_question();
        let entry = self.any(|world| world.facts.all::<Entry>().map(|entry| entry.id).collect());
        let request = self.any(|world| {
            world
                .facts
                .all::<Request>()
                .map(|request| request.id)
                .collect()
        });
        let person = &mut self.people[who];
        (person.question, person.entry, person.request) = (question, entry, request);
    }

    fn any<T: Copy>(&mut self, of: impl Fn(&Self) -> Vec<T>) -> Option<T> {
        let all = of(self);
        (!all.is_empty()).then(|| *self.dice.pick(&all))
    }

    fn any_question(&mut self) -> Option<(ApprovalId, Digest)> {
        self.any(|world| {
            let open = world.facts.open::<Approval>();
            open.map(|approval| (approval.id, approval.question.digest))
                .collect()
        })
    }

    fn file(&mut self) -> Option<(&'static str, Vec<Command>)> {
        if self.facts.open::<Request>().count() >= MAX_OPEN {
            return None;
        }
        let count = u32::try_from(1 + self.dice.below(3)).unwrap();
        let tasks: Vec<Task> = (1..=count).map(|number| self.task(number)).collect();
        let document = Document {
            tasks,
            vague: self.dice.chance(10),
            checked: self.dice.chance(70),
        };
        let branch = self.dice.pick(&self.branches).clone();
        let base = self.git.tip(&branch);
        let priorities = [
            Priority::Low,
            Priority::Medium,
            Priority::High,
            Priority::Critical,
        ];
        let submission = Submission {
            title: None,
            class: Class::Bugfix,
            priority: *self.dice.pick(&priorities),
            repo: self.repo,
            branch,
            base,
            document: digest(&[2]),
            source: Source::Cli,
            agent: name("scripted"),
            dry_run: self.dice.chance(8),
            atomic: self.dice.chance(20),
            requires_approval: false,
            rolls_back: None,
            rolls_back_entry: None,
        };
        Some(("file", vec![self.submit(submission, document)]))
    }

    fn submit(&mut self, submission: Submission, document: Document) -> Command {
        let id = RequestId::new(self.fresh());
        self.documents.insert(id, document);
        Command::Request(id, request::Command::Submit { id, submission })
    }

    fn task(&mut self, number: u32) -> Task {
        let depends_on: BTreeSet<u32> = (1..number).filter(|_| self.dice.chance(50)).collect();
        let files = 1 + self.dice.below(2);
        let writes = (0..files).map(|_| {
            let file = u8::try_from(1 + self.dice.below(12)).unwrap();
            (file, 2 + u32::try_from(self.dice.below(40)).unwrap())
        });
        Task {
            depends_on: depends_on.into_iter().collect(),
            writes: writes.collect(),
            decision: self.decision(),
            impossible: self.dice.chance(5),
        }
    }

    fn answer(&mut self) -> Option<(&'static str, Vec<Command>)> {
        let asked = |request: &&Request| request.status == request::Status::NeedsClarification;
        let id = self.facts.open::<Request>().find(asked)?.id;
        let answer = request::Command::Answer {
            answer: digest(&[16]),
        };
        Some(("answer", vec![Command::Request(id, answer)]))
    }

    /// Hands in a new version of a change that was sent back; now and then of all of a request that were.
    fn revise(&mut self) -> Option<(&'static str, Vec<Command>)> {
        let sent_back = |set: &&ChangeSet| set.status == change_set::Status::ChangesRequested;
        let set = self.facts.open::<ChangeSet>().find(sent_back)?.clone();
        let request = self.request_of(set.proposal.request);
        let plan = self
            .facts
            .state::<Plan>(set.proposal.plan.uuid())
            .unwrap()
            .clone();
        let mut steps = vec![set.proposal.step];
        if self.dice.chance(50) {
            let of_plan = self.facts.open::<ChangeSet>().filter(sent_back);
            let of_plan = of_plan.filter(|other| other.proposal.plan == plan.id);
            steps = of_plan.map(|set| set.proposal.step).collect();
        }
        for step in &steps {
            let writes = self.task(*step).writes;
            let document = self.documents.get_mut(&request.id).unwrap();
            document.tasks[*step as usize - 1].writes = writes;
        }
        let revise = request::Command::Revise {
            revision: digest(&[17]),
            tip: None,
        };
        let commands = revise_commands(&self.facts, &request, &plan, &steps, revise).ok()?;
        Some(("revise", commands))
    }

    fn decide(&mut self, who: usize) -> Option<(&'static str, Vec<Command>)> {
        let stale = self.dice.chance(30);
        let (id, seen) = match self.people[who].question.filter(|_| stale) {
            Some(seen) => seen,
            None => self.any_question()?,
        };
        let digest = match self.dice.below(10) {
            0 => Some(digest(&[99])),
            1 => None,
            _ => Some(seen),
        };
        let (what, command) = match self.dice.below(20) {
            0..=15 => (
                "approve",
                approval::Command::Approve {
                    digest,
                    reason: None,
                },
            ),
            16 | 17 => {
                let changes_requested = self.dice.chance(50);
                let reject = approval::Command::Reject {
                    digest,
                    reason: Some(why()),
                    changes_requested,
                };
                ("reject", reject)
            }
            18 => ("withdraw", approval::Command::Cancel { reason: why() }),
            // Nobody but time may do this; it is tried all the same.
            _ => ("expire", approval::Command::Expire),
        };
        Some((what, vec![Command::Approval(id, command)]))
    }

    fn decide_item(&mut self, actor: &Actor) -> Option<(&'static str, Vec<Command>)> {
        let sets: Vec<ChangeSet> = self
            .facts
            .open::<ChangeSet>()
            .filter(|set| {
                matches!(
                    set.status,
                    change_set::Status::Pending | change_set::Status::Previewing
                )
            })
            .cloned()
            .collect();
        if sets.is_empty() || !actor.may_decide(Level::TeamLead) {
            return None;
        }
        let set = self.dice.pick(&sets);
        let item = self.dice.pick(&set.proposal.items).id;
        let status = if self.dice.chance(50) {
            item::Status::Accepted
        } else {
            item::Status::Rejected
        };
        let decide = change_set::Command::DecideItem {
            item,
            status,
            rejected_hunks: vec![],
        };
        let mut commands = vec![Command::ChangeSet(set.id, decide)];
        commands.extend(cancel_question(&self.facts, set, "asked anew").unwrap());
        Some(("decide an item", commands))
    }

    fn call_off(&mut self, who: usize) -> Option<(&'static str, Vec<Command>)> {
        let open = self.any(|world| {
            world
                .facts
                .open::<Request>()
                .map(|request| request.id)
                .collect()
        });
        let id = self.people[who]
            .request
            .filter(|_| self.dice.chance(30))
            .or(open)?;
        self.people[who].calls_off = Some((id, 4));
        let commands = cancel::call_off_commands(&self.facts, id, &why()).ok()?;
        Some(("call off", commands))
    }

    /// What came between looking and calling off is looked at anew, as `request::cancel` does.
    fn call_off_again(&mut self, who: usize, id: RequestId, taken: bool) {
        let Some((_, left)) = self.people[who].calls_off.filter(|(_, left)| *left > 0) else {
            return;
        };
        let is_off = self.request_of(id).status == request::Status::Cancelled;
        let commands = if is_off {
            cancel::open_parts(&self.facts, id, &why())
                .unwrap()
                .commands
        } else if taken {
            vec![]
        } else {
            cancel::call_off_commands(&self.facts, id, &why()).unwrap_or_default()
        };
        if !commands.is_empty() {
            self.people[who].calls_off = Some((id, left - 1));
            self.people[who].sending = Some(("call off", commands, Some(id)));
        }
    }

    fn retry(&mut self, who: usize) -> Option<(&'static str, Vec<Command>)> {
        let any = self.any(|world| {
            world
                .facts
                .all::<Entry>()
                .filter(|entry| may_be_retried(entry))
                .map(|entry| entry.id)
                .collect()
        });
        let id = self.people[who]
            .entry
            .filter(|_| self.dice.chance(20))
            .or(any)?;
        let actor = self.people[who].actor.clone();
        let commands = retry::retry_commands(&self.facts, &actor, id).ok()?;
        Some(("retry", commands))
    }

    fn cancel_entry(&mut self, who: usize) -> Option<(&'static str, Vec<Command>)> {
        let any = self.any(|world| world.facts.open::<Entry>().map(|entry| entry.id).collect());
        let id = self.people[who]
            .entry
            .filter(|_| self.dice.chance(20))
            .or(any)?;
        let actor = self.people[who].actor.clone();
        let commands = retry::cancel_commands(&self.facts, &actor, id, None).ok()?;
        Some(("cancel an entry", commands))
    }

    fn roll_back(&mut self, actor: &Actor) -> Option<(&'static str, Vec<Command>)> {
        let ended = |request: &&Request| {
            matches!(
                request.status,
                request::Status::Completed | request::Status::PartlyLanded
            )
        };
        let original = self.any(|world| {
            world
                .facts
                .all::<Request>()
                .filter(ended)
                .map(|request| request.id)
                .collect()
        })?;
        let original = self.request_of(original);
        rollback::check(&self.facts, actor, &original, None).ok()?;
        let branch = original.submission.branch.clone();
        let submission = Submission {
            title: None,
            base: self.git.tip(&branch),
            priority: Priority::High,
            dry_run: false,
            atomic: false,
            requires_approval: true,
            rolls_back: Some(original.id),
            rolls_back_entry: None,
            ..original.submission
        };
        let document = Document {
            tasks: vec![Task {
                depends_on: vec![],
                writes: super::git::Files::new(),
                decision: Decision::Ask(Level::TeamLead),
                impossible: false,
            }],
            vague: false,
            checked: self.dice.chance(50),
        };
        Some(("roll back", vec![self.submit(submission, document)]))
    }

    /// Answers and approves whatever waits for a person; `false` when nothing does.
    pub(super) fn people_answer(&mut self) -> bool {
        let ada = self.people[0].actor.clone();
        if let Some((what, commands)) = self.answer() {
            return self.commit(what, &ada, &commands, None).is_ok();
        }
        if let Some((what, commands)) = self.revise() {
            return self.commit(what, &ada, &commands, None).is_ok();
        }
        let Some((id, digest)) = self.any_question() else {
            return false;
        };
        let approve = approval::Command::Approve {
            digest: Some(digest),
            reason: None,
        };
        self.commit("approve", &ada, &[Command::Approval(id, approve)], None)
            .is_ok()
    }
}
