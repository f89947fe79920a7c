//! A request: what a person asked for, from the sentence to the summary.

use serde::{Deserialize, Serialize};

use crate::facts::{Class, Priority};
use crate::machine::{
    Corrupt, Machine, Noun, Refusal, Row, Stamp, damaged, expect, moves, out_of_order,
};
use crate::{Actor, Digest, EntryId, GitId, Name, PlanId, RepoId, RequestId, ShortText, Time};

moves! {
    noun Noun::Request;
    states {
        /// Filed; nobody has looked at it yet.
        Pending = "pending" open;
        /// Too vague: its questions wait for an answer.
        NeedsClarification = "needs_clarification" open;
        /// Understood and split into steps.
        Planned = "planned" open;
        /// Work goes on.
        Running = "running" open;
        /// Nothing can go on before a person decides.
        AwaitingApproval = "awaiting_approval" open;
        /// Everything landed.
        Completed = "completed" closed;
        /// Some of it landed, some did not.
        PartlyLanded = "partly_landed" closed;
        /// Nothing landed.
        Failed = "failed" closed;
        /// Called off.
        Cancelled = "cancelled" closed;
        /// What had landed was taken back.
        RolledBack = "rolled_back" closed;
    }
    verbs {
        Clarify = "ask for clarification": [Pending] => NeedsClarification;
        Answer = "be answered": [NeedsClarification] => Pending;
        Plan = "be planned": [Pending] => Planned;
        Start = "start": [Planned] => Running;
        Wait = "wait for approval": [Running] => AwaitingApproval;
        Resume = "go on": [AwaitingApproval] => Running;
        Revise = "be revised": [Running AwaitingApproval] => Running;
        Complete = "complete": [Running AwaitingApproval] => Completed;
        PartlyLand = "end partly landed": [Running AwaitingApproval] => PartlyLanded;
        Fail = "fail": [Pending Planned Running AwaitingApproval] => Failed;
        Cancel = "be cancelled": [Pending NeedsClarification Planned Running AwaitingApproval] => Cancelled;
        Reopen = "be reopened": [Failed PartlyLanded] => Running;
        RollBack = "be rolled back": [Completed PartlyLanded] => RolledBack;
    }
}

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The command line.
    Cli,
    /// A chat session.
    Chat,
    /// The HTTP API.
    Http,
    /// An agent's tools, over MCP.
    Mcp,
    /// The web page.
    Web,
    /// Slack.
    Slack,
    /// A GitHub issue: work from outside, which never lands unapproved.
    Github,
}

impl Source {
    /// Tells whether the work came from outside the organisation.
    pub const fn is_outside(self) -> bool {
        match self {
            Source::Github => true,
            Source::Cli
            | Source::Chat
            | Source::Http
            | Source::Mcp
            | Source::Web
            | Source::Slack => false,
        }
    }
}

/// What is known of a request when it is filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// What kind of work.
    pub class: Class,
    /// How urgent.
    pub priority: Priority,
    /// Where it is to land.
    pub repo: RepoId,
    /// On which branch.
    pub branch: Name,
    /// The commit that its changes were made on, or start from.
    pub base: GitId,
    /// The blob that holds the request as it was filed.
    pub document: Digest,
    /// The blob with its title alone, which stays when the document goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Digest>,
    /// Where it came from.
    pub source: Source,
    /// Which agent is to do the work.
    pub agent: Name,
    /// Whether to validate, merge and check only, and land nothing.
    pub dry_run: bool,
    /// Whether all its tasks land as one entry.
    pub atomic: bool,
    /// Whether it asks even where policy would let it pass.
    pub requires_approval: bool,
    /// The request whose landings it takes back.
    pub rolls_back: Option<RequestId>,
    /// The one landing of that request that it takes back; all of them where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolls_back_entry: Option<EntryId>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything landed (or, in a dry run, would have).
    Completed,
    /// Some of it landed.
    PartlyLanded,
    /// Nothing landed.
    Failed,
}

/// The most answers a request may be given.
pub const MAX_ANSWERS: usize = 20;

/// How often new versions of its changes may be handed in.
pub const MAX_REVISIONS: usize = 20;

/// A request's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// What it said when it was filed.
    pub submission: Submission,
    /// Where it stands.
    pub status: Status,
    /// Who filed it.
    pub submitted_by: Actor,
    /// When.
    pub submitted_at: Time,
    /// When work began.
    pub started_at: Option<Time>,
    /// When it ended, the last time it did.
    pub finished_at: Option<Time>,
    /// The blob with the questions that wait, or waited.
    pub questions: Option<Digest>,
    /// The blobs with the answers, oldest first.
    pub answers: Vec<Digest>,
    /// The blobs with the new versions of its changes, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<Digest>,
    /// The commits that new versions were taken from, where they came from a branch, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revised_tips: Vec<GitId>,
    /// The blob with the brief.
    pub brief: Option<Digest>,
    /// Its plan.
    pub plan: Option<PlanId>,
    /// The blob with the summary of how it ended.
    pub summary: Option<Digest>,
    /// Why it failed or was cancelled, in one line.
    pub reason: Option<ShortText>,
    /// The request that took it back.
    pub rolled_back_by: Option<RequestId>,
}

/// What a request can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Command {
    /// Files it.
    Submit {
        /// Its id.
        id: RequestId,
        /// What it says.
        submission: Submission,
    },
    /// Stops it with questions.
    Clarify {
        /// The blob with the questions.
        questions: Digest,
    },
    /// Answers its questions.
    Answer {
        /// The blob with the answer.
        answer: Digest,
    },
    /// Notes its brief and plan.
    Plan {
        /// The plan.
        plan: PlanId,
        /// The blob with the brief.
        brief: Digest,
    },
    /// Begins the work.
    Start,
    /// Notes that only a person can move it on.
    Wait,
    /// Notes that work goes on.
    Resume,
    /// Goes on with a new version of changes that were sent back.
    Revise {
        /// The blob with the new version.
        revision: Digest,
        /// The commit that it was taken from, where it came from a branch.
        tip: Option<GitId>,
    },
    /// Ends it.
    Finish {
        /// How.
        outcome: Outcome,
        /// The blob with the summary.
        summary: Digest,
        /// Why not everything landed, in one line.
        reason: Option<ShortText>,
    },
    /// Calls it off.
    Cancel {
        /// Why.
        reason: ShortText,
    },
    /// Goes on with what had failed, because an entry of it was retried.
    Reopen,
    /// Notes that its landings were taken back.
    RollBack {
        /// The request that did.
        by: RequestId,
    },
    /// Changes nothing, and refuses the whole batch unless it is exactly as it was looked at: what
    /// else is in the batch was decided by that.
    Expect(Box<Request>),
}

/// What can happen to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data")]
pub enum Event {
    /// It was filed.
    #[serde(rename = "request.submitted")]
    Submitted {
        /// Its id.
        id: RequestId,
        /// What it says.
        submission: Submission,
    },
    /// It stopped with questions.
    #[serde(rename = "request.clarification_requested")]
    ClarificationRequested {
        /// The blob with the questions.
        questions: Digest,
    },
    /// It was answered.
    #[serde(rename = "request.clarified")]
    Clarified {
        /// The blob with the answer.
        answer: Digest,
    },
    /// It has a plan.
    #[serde(rename = "request.planned")]
    Planned {
        /// The plan.
        plan: PlanId,
        /// The blob with the brief.
        brief: Digest,
    },
    /// Work began.
    #[serde(rename = "request.started")]
    Started {},
    /// It waits, or goes on.
    #[serde(rename = "request.progressed")]
    Progressed {
        /// Whether it waits for a person now.
        awaiting_approval: bool,
    },
    /// A new version of changes that were sent back was handed in.
    #[serde(rename = "request.revised")]
    Revised {
        /// The blob with the new version.
        revision: Digest,
        /// The commit that it was taken from, where it came from a branch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tip: Option<GitId>,
    },
    /// It ended with something landed.
    #[serde(rename = "request.completed")]
    Completed {
        /// Whether all of it landed.
        partly: bool,
        /// The blob with the summary.
        summary: Digest,
        /// Why not everything landed.
        reason: Option<ShortText>,
    },
    /// It ended with nothing landed.
    #[serde(rename = "request.failed")]
    Failed {
        /// The blob with the summary.
        summary: Digest,
        /// Why.
        reason: Option<ShortText>,
    },
    /// It was called off.
    #[serde(rename = "request.cancelled")]
    Cancelled {
        /// Why.
        reason: ShortText,
    },
    /// It goes on after it had failed.
    #[serde(rename = "request.reopened")]
    Reopened {},
    /// Its landings were taken back.
    #[serde(rename = "rollback.completed")]
    RolledBack {
        /// The request that did.
        by: RequestId,
    },
}

impl Machine for Request {
    type Id = RequestId;
    type Command = Command;
    type Event = Event;
    const NOUN: Noun = Noun::Request;

    fn decide(state: Option<&Self>, command: &Command, _: &Stamp) -> Result<Vec<Event>, Refusal> {
        if let Command::Submit { id, submission } = command {
            return match state {
                Some(_) => Err(Refusal::Exists(Noun::Request)),
                None => Ok(vec![Event::Submitted {
                    id: *id,
                    submission: submission.clone(),
                }]),
            };
        }
        let request = state.ok_or(Refusal::Missing(Noun::Request))?;
        let (verb, event) = match command {
            Command::Submit { .. } => return Err(Refusal::Exists(Noun::Request)),
            Command::Expect(looked_at) => return expect(request, looked_at),
            Command::Clarify { questions } => (
                Verb::Clarify,
                Event::ClarificationRequested {
                    questions: *questions,
                },
            ),
            Command::Answer { answer } => {
                if request.answers.len() >= MAX_ANSWERS {
                    return Err(Refusal::Limit {
                        what: "answers to one request",
                        given: request.answers.len() + 1,
                        max: MAX_ANSWERS,
                    });
                }
                (Verb::Answer, Event::Clarified { answer: *answer })
            }
            Command::Plan { plan, brief } => (
                Verb::Plan,
                Event::Planned {
                    plan: *plan,
                    brief: *brief,
                },
            ),
            Command::Start => (Verb::Start, Event::Started {}),
            Command::Wait => (
                Verb::Wait,
                Event::Progressed {
                    awaiting_approval: true,
                },
            ),
            Command::Resume => (
                Verb::Resume,
                Event::Progressed {
                    awaiting_approval: false,
                },
            ),
            Command::Revise { revision, tip } => {
                if request.revisions.len() >= MAX_REVISIONS {
                    return Err(Refusal::Limit {
                        what: "revisions of one request",
                        given: request.revisions.len() + 1,
                        max: MAX_REVISIONS,
                    });
                }
                let revised = Event::Revised {
                    revision: *revision,
                    tip: tip.clone(),
                };
                (Verb::Revise, revised)
            }
            Command::Finish {
                outcome,
                summary,
                reason,
            } => {
                let (summary, reason) = (*summary, reason.clone());
                match outcome {
                    Outcome::Completed => (
                        Verb::Complete,
                        Event::Completed {
                            partly: false,
                            summary,
                            reason,
                        },
                    ),
                    Outcome::PartlyLanded => (
                        Verb::PartlyLand,
                        Event::Completed {
                            partly: true,
                            summary,
                            reason,
                        },
                    ),
                    Outcome::Failed => (Verb::Fail, Event::Failed { summary, reason }),
                }
            }
            Command::Cancel { reason } => (
                Verb::Cancel,
                Event::Cancelled {
                    reason: reason.clone(),
                },
            ),
            Command::Reopen => (Verb::Reopen, Event::Reopened {}),
            Command::RollBack { by } => (Verb::RollBack, Event::RolledBack { by: *by }),
        };
        lead(request.status, verb)?;
        Ok(vec![event])
    }

    fn apply(state: Option<Self>, event: &Event, stamp: &Stamp) -> Result<Self, Corrupt> {
        let exists = state.is_some();
        let mut request = match (state, event) {
            (None, Event::Submitted { id, submission }) => {
                return Ok(Self {
                    id: *id,
                    submission: submission.clone(),
                    status: Status::Pending,
                    submitted_by: stamp.actor.clone(),
                    submitted_at: stamp.time,
                    started_at: None,
                    finished_at: None,
                    questions: None,
                    answers: Vec::new(),
                    revisions: Vec::new(),
                    revised_tips: Vec::new(),
                    brief: None,
                    plan: None,
                    summary: None,
                    reason: None,
                    rolled_back_by: None,
                });
            }
            (Some(request), _) => request,
            (None, _) => return Err(out_of_order(Noun::Request, false)),
        };
        let verb = match event {
            Event::Submitted { .. } => return Err(out_of_order(Noun::Request, exists)),
            Event::ClarificationRequested { questions } => {
                request.questions = Some(*questions);
                Verb::Clarify
            }
            Event::Clarified { answer } => {
                request.answers.push(*answer);
                Verb::Answer
            }
            Event::Revised { revision, tip } => {
                request.revisions.push(*revision);
                request.revised_tips.extend(tip.clone());
                Verb::Revise
            }
            Event::Planned { plan, brief } => {
                request.plan = Some(*plan);
                request.brief = Some(*brief);
                Verb::Plan
            }
            Event::Started {} => {
                request.started_at = Some(stamp.time);
                Verb::Start
            }
            Event::Progressed {
                awaiting_approval: true,
            } => Verb::Wait,
            Event::Progressed {
                awaiting_approval: false,
            } => Verb::Resume,
            Event::Completed {
                partly,
                summary,
                reason,
            } => {
                request.finished_at = Some(stamp.time);
                request.summary = Some(*summary);
                request.reason.clone_from(reason);
                if *partly {
                    Verb::PartlyLand
                } else {
                    Verb::Complete
                }
            }
            Event::Failed { summary, reason } => {
                request.finished_at = Some(stamp.time);
                request.summary = Some(*summary);
                request.reason.clone_from(reason);
                Verb::Fail
            }
            Event::Cancelled { reason } => {
                request.finished_at = Some(stamp.time);
                request.reason = Some(reason.clone());
                Verb::Cancel
            }
            Event::Reopened {} => {
                request.finished_at = None;
                request.summary = None;
                request.reason = None;
                Verb::Reopen
            }
            Event::RolledBack { by } => {
                request.rolled_back_by = Some(*by);
                Verb::RollBack
            }
        };
        request.status = lead(request.status, verb).map_err(damaged(Noun::Request))?;
        Ok(request)
    }

    fn row(&self) -> Row {
        let mut blobs = vec![self.submission.document];
        blobs.extend(self.questions);
        blobs.extend(&self.answers);
        blobs.extend(&self.revisions);
        blobs.extend(self.brief);
        blobs.extend(self.summary);
        blobs.extend(self.submission.title);
        // Early requests have their title in the document only.
        let mut kept = vec![self.submission.title.unwrap_or(self.submission.document)];
        kept.extend(self.summary);
        Row {
            status: self.status.name(),
            open: self.status.is_open(),
            request: Some(self.id),
            repo: Some(self.submission.repo),
            parent: self.submission.rolls_back.map(RequestId::uuid),
            blobs,
            kept,
            ..Row::default()
        }
    }
}
