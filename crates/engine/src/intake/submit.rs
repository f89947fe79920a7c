//! Files requests: all of a file, or none.

use std::collections::HashMap;
use std::path::Path;

use hyperion_api::request::{Brief, Given};
use hyperion_api::task_request::{self, TaskRequest};
use hyperion_api::{FieldError, Problem};
use hyperion_fault::{Point, reached};
use hyperion_model::machine::Noun;
use hyperion_model::request::{self, Request, Source, Submission};
use hyperion_model::{Actor, Command, Digest, Name, NewBlob, Refusal, RequestId, Uuid};
use hyperion_store::StoreError;
use serde_json::{Map, Value};

use super::answers::{answers, with_answers};
use super::draft::Draft;
use super::dry_apply::dry_apply;
use super::errors::Errors;
use super::parse::{MAX_BYTES, Parsed, parse_with};
use super::place::{self, Misplaced, Place};
use super::secret;
use super::validate::{Invalid, Limits, MAX_TITLE_CHARS, validate};
use crate::cx::json_blob;
use crate::error::git_id;
use crate::{Cx, Error};

/// How requests are filed.
#[derive(Debug, Clone)]
pub struct Submitting<'a> {
    /// Who files them.
    pub actor: &'a Actor,
    /// Where relative paths start.
    pub dir: Option<&'a Path>,
    /// Whether they land nothing.
    pub dry_run: bool,
    /// The surface, where the request itself names none.
    pub source: Source,
    /// The agent of requests that name none; that of the engine's settings where it is left out.
    pub agent: Option<&'a Name>,
    /// What every request takes that does not say it itself; one that says otherwise is an error.
    pub given: Option<&'a Given>,
}

/// A request that was filed, now or before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filed {
    /// Its id.
    pub id: RequestId,
    /// Whether its idempotency key was known, so that nothing was filed.
    pub existed: bool,
}

/// Files every request in a file, or none of them; gives their ids in order.
pub fn submit(cx: &Cx, bytes: &[u8], how: &Submitting<'_>) -> Result<Vec<RequestId>, Error> {
    let filed = submit_or_find(cx, bytes, how)?;
    Ok(filed.into_iter().map(|filed| filed.id).collect())
}

/// Files every request in a file that was not filed before, or none of them; gives all of them in order.
pub fn submit_or_find(cx: &Cx, bytes: &[u8], how: &Submitting<'_>) -> Result<Vec<Filed>, Error> {
    file(cx, parse_with(bytes, &given_fields(how)?)?, how)
}

/// Gives what every request takes, as it would stand in its file.
fn given_fields(how: &Submitting<'_>) -> Result<Map<String, Value>, Error> {
    let given = serde_json::to_value(how.given).map_err(Error::Encode)?;
    Ok(match given {
        Value::Object(fields) => fields,
        _ => Map::new(),
    })
}

/// Files one request that was made here and not read from JSON.
pub(crate) fn submit_request(
    cx: &Cx,
    request: TaskRequest,
    how: &Submitting<'_>,
) -> Result<RequestId, Error> {
    let changes = request.tasks.iter().flat_map(|task| &task.changes);
    let texts = changes.flat_map(|change| [&change.patch, &change.content]);
    let bytes: usize = texts.flatten().map(String::len).sum();
    if bytes > MAX_BYTES {
        let max = MAX_BYTES / 1024 / 1024;
        let detail = format!("the change has {bytes} bytes; at most {max} MiB");
        let problem = Problem::new("request.too_large", detail);
        return Err(problem.hint("split it into several branches").into());
    }
    let parsed = Parsed {
        pointer: String::new(),
        request,
    };
    let filed = file(cx, vec![parsed], how)?;
    let id = filed.first().map(|filed| filed.id);
    id.ok_or_else(|| Error::Missing("the request just filed".to_owned()))
}

/// Files a plain sentence; further lines are its description.
pub fn submit_text(cx: &Cx, text: &str, how: &Submitting<'_>) -> Result<RequestId, Error> {
    check_sentence(text)?;
    let (title, description) = title_of(text);
    let mut fields = given_fields(how)?;
    fields.insert("schema".to_owned(), task_request::SCHEMA.into());
    fields.insert("title".to_owned(), title.into());
    fields.insert("description".to_owned(), description.into());
    let request: TaskRequest =
        serde_json::from_value(Value::Object(fields)).map_err(Error::Encode)?;
    submit_request(cx, request, how)
}

/// Refuses a text that says nothing, or that holds what steers a terminal.
pub fn check_sentence(text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::new("input.invalid", "the request is empty")
            .hint("say in a sentence what is wanted, for instance \"Fix the typo in README.md\""));
    }
    let plain = text.replace("\r\n", "\n");
    let steers = |c: &char| c.is_control() && !matches!(c, '\n' | '\t');
    let Some(found) = plain.chars().find(steers) else {
        return Ok(());
    };
    let detail = format!(
        "the request has a control character (U+{:04X})",
        u32::from(found)
    );
    Err(Problem::new("input.invalid", detail).hint("write it without"))
}

/// Splits a text into one line and the rest; a line that is too long for a title is cut, and stands whole in the rest.
pub(super) fn title_of(text: &str) -> (String, String) {
    let text = text.trim();
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let line: String = first.trim().chars().map(plain).collect();
    if line.chars().count() <= MAX_TITLE_CHARS {
        return (line, rest.trim().to_owned());
    }
    let mut title: String = line.chars().take(MAX_TITLE_CHARS - 1).collect();
    title.truncate(title.rfind(' ').unwrap_or(title.len()));
    (format!("{title}…"), text.to_owned())
}

pub(super) fn file(
    cx: &Cx,
    parsed: Vec<Parsed>,
    how: &Submitting<'_>,
) -> Result<Vec<Filed>, Error> {
    let has_keys = parsed
        .iter()
        .any(|parsed| parsed.request.idempotency_key.is_some());
    let again = has_keys.then(|| parsed.clone());
    match (file_once(cx, parsed, how), again) {
        // Somebody filed the same key in between; now it is known, and answers the same request.
        (
            Err(Error::Store(StoreError::Refused {
                refusal: Refusal::Exists(Noun::Request),
                ..
            })),
            Some(again),
        ) => file_once(cx, again, how),
        (filed, _) => filed,
    }
}

fn file_once(cx: &Cx, parsed: Vec<Parsed>, how: &Submitting<'_>) -> Result<Vec<Filed>, Error> {
    let mut limits = limits(cx);
    if let Some(agent) = how.agent {
        limits.default_agent = agent.clone();
    }
    let mut filing = Filing::default();
    for parsed in parsed {
        // Even what cannot be filed is looked at to the end, so that one go finds everything.
        match validate(parsed, &limits) {
            Ok(draft) => filing.add(cx, draft, how)?,
            Err(Invalid { errors, rest }) => {
                filing.errors.extend(errors);
                filing.add(cx, *rest, how)?;
            }
        }
    }
    filing.commit(cx, how)
}

/// A file of requests, on its way into the store.
#[derive(Default)]
struct Filing {
    errors: Errors,
    /// How many of the errors say that a file changed since.
    stale: usize,
    /// The repositories that cannot be used.
    unusable: Vec<(FieldError, Problem)>,
    /// What each key of this file stands for.
    keys: HashMap<RequestId, (Digest, String)>,
    filed: Vec<Filed>,
    ready: Vec<Ready>,
}

/// A request with everything that filing it takes.
struct Ready {
    id: RequestId,
    draft: Draft,
    place: Place,
    document: NewBlob,
}

impl Filing {
    /// Looks for everything that is wrong between a request and the world.
    fn add(&mut self, cx: &Cx, draft: Draft, how: &Submitting<'_>) -> Result<(), Error> {
        secret::check(
            &draft.request,
            &cx.redactor,
            &draft.pointer,
            &mut self.errors,
        );
        let repo = match place::find_repo(cx, &draft, how) {
            Ok(repo) => repo,
            Err(misplaced) => return self.misplaced(misplaced, &draft),
        };
        let document = json_blob(&draft.request)?;
        let id = match &draft.request.idempotency_key {
            None => cx.id(RequestId::new),
            Some(key) => {
                let id = keyed_id(repo.id.uuid(), key, how.dry_run);
                if let Some((known, place)) = self.known(cx, id)? {
                    if known == document.digest {
                        self.filed.push(Filed { id, existed: true });
                    } else {
                        self.errors.push(
                            format!("{}/idempotency_key", draft.pointer),
                            format!(
                                "{key:?} belongs to {place}, which says something else: choose another key, or leave it out"
                            ),
                        );
                    }
                    return Ok(());
                }
                let here = format!("the request at {}", draft.pointer);
                self.keys.insert(id, (document.digest, here));
                id
            }
        };
        let place = match place::find(cx, &draft, &repo) {
            Ok(place) => place,
            Err(misplaced) => return self.misplaced(misplaced, &draft),
        };
        let applied = dry_apply(cx, &place.opened.git, &place.base, &draft)?;
        self.errors.extend(applied.errors);
        self.stale += applied.stale;
        self.filed.push(Filed { id, existed: false });
        self.ready.push(Ready {
            id,
            draft,
            place,
            document,
        });
        Ok(())
    }

    /// Finds what a key stands for: earlier in this file, or in the store.
    fn known(&self, cx: &Cx, id: RequestId) -> Result<Option<(Digest, String)>, Error> {
        if let Some(known) = self.keys.get(&id) {
            return Ok(Some(known.clone()));
        }
        let known = cx.store.get::<Request>(id)?;
        Ok(known.map(|request| {
            (
                request.submission.document,
                format!("request {}", id.short()),
            )
        }))
    }

    fn misplaced(&mut self, misplaced: Misplaced, draft: &Draft) -> Result<(), Error> {
        match misplaced {
            Misplaced::Engine(error) => return Err(error),
            Misplaced::Field(FieldError { pointer, detail }) => self.errors.push(pointer, detail),
            Misplaced::Repo(problem) => {
                let pointer = match &draft.request.repo {
                    Some(_) => format!("{}/repo", draft.pointer),
                    None => draft.pointer.clone(),
                };
                let told = self
                    .unusable
                    .iter()
                    .any(|(_, known)| known.detail == problem.detail);
                // A hundred requests for one folder that is no repository are one mistake.
                if !told {
                    let detail = problem.detail.clone();
                    self.unusable
                        .push((FieldError { pointer, detail }, problem));
                }
            }
        }
        Ok(())
    }

    /// Files everything at once.
    fn commit(mut self, cx: &Cx, how: &Submitting<'_>) -> Result<Vec<Filed>, Error> {
        self.refuse()?;
        let mut commands = Vec::new();
        let mut blobs = Vec::new();
        for ready in self.ready {
            let Ready {
                id,
                draft,
                place,
                document,
            } = ready;
            let title = cx.title_blob(&draft.request.title);
            let submission = Submission {
                title: Some(title.digest),
                ..submission(cx, &draft, &place, document.digest, how)?
            };
            place.opened.git.pin_base(&place.base)?;
            commands.push(Command::Request(
                id,
                request::Command::Submit { id, submission },
            ));
            blobs.extend([document, title]);
        }
        if !commands.is_empty() {
            reached(Point::RequestPinned);
            cx.execute(cx.stamp_person(how.actor), commands, blobs)?;
            reached(Point::RequestFiled);
        }
        Ok(self.filed)
    }

    /// Answers with everything that is wrong, where something is.
    fn refuse(&mut self) -> Result<(), Problem> {
        let mut unusable = std::mem::take(&mut self.unusable);
        let mut errors = std::mem::take(&mut self.errors);
        let code = match (errors.is_empty(), unusable.is_empty()) {
            (true, true) => return Ok(()),
            (false, true) if self.stale == errors.total() => "change_set.stale_base",
            (false, _) => "request.unprocessable",
            (true, false) => "repo.unusable",
        };
        if errors.is_empty()
            && unusable.len() == 1
            && let Some((at, problem)) = unusable.pop()
        {
            // Where the request names no repository, there is no line to point at.
            let named = (!at.pointer.is_empty()).then_some(at);
            return Err(problem.errors(named.into_iter().collect()));
        }
        for (FieldError { pointer, detail }, problem) in unusable {
            let hint = problem.hint.map(|hint| format!("; {hint}"));
            errors.push(pointer, format!("{detail}{}", hint.unwrap_or_default()));
        }
        let problem = errors.into_problem(code);
        Err(if code == "change_set.stale_base" {
            problem.hint(
                "make the change again on the branch's tip, or name in `base` the commit it was made on",
            )
        } else {
            problem
        })
    }
}

fn submission(
    cx: &Cx,
    draft: &Draft,
    place: &Place,
    document: Digest,
    how: &Submitting<'_>,
) -> Result<Submission, Error> {
    let asked = draft
        .request
        .requires_approval
        .unwrap_or(cx.settings.requires_approval);
    Ok(Submission {
        class: draft.class,
        priority: draft.priority,
        repo: place.opened.repo.id,
        branch: place.branch.clone(),
        base: git_id(&place.base)?,
        document,
        title: None,
        source: if draft.request.source.is_some() {
            draft.source
        } else {
            how.source
        },
        agent: draft.agent.clone(),
        dry_run: how.dry_run,
        atomic: draft.request.atomic,
        requires_approval: asked,
        rolls_back: None,
        rolls_back_entry: None,
    })
}

/// Derives the id of a request with an idempotency key, so that the same key finds the same request.
///
/// A dry run has its own: that it went well must not keep the real thing from being done.
pub(crate) fn keyed_id(repo: Uuid, key: &str, dry_run: bool) -> RequestId {
    let kind = if dry_run { "dry run" } else { "request" };
    RequestId::new(Uuid::new_v5(&repo, format!("{kind}\n{key}").as_bytes()))
}

fn limits(cx: &Cx) -> Limits {
    Limits {
        max_tasks: cx.settings.max_steps.min(hyperion_model::plan::MAX_STEPS),
        sizes: cx.settings.sizes,
        default_agent: cx.settings.default_agent.clone(),
        agents: hyperion_agent::BUILT_IN,
    }
}

/// A request that was checked, or everything that is wrong with it.
pub(super) type Checked = Result<Draft, Errors>;

/// Reads a filed request again as it was checked when it was filed, with the tasks of its answers.
pub(super) fn read_again(cx: &Cx, request: &Request) -> Result<(Checked, Vec<String>), Error> {
    let mut document: TaskRequest = cx.require_json(request.submission.document)?;
    let answers = answers(cx, request)?;
    document.tasks = with_answers(document.tasks, &answers);
    Ok((check_again(cx, request, document)?, answers))
}

/// Checks what a filed request says by now, as it was checked when it was filed.
pub(super) fn check_again(
    cx: &Cx,
    request: &Request,
    document: TaskRequest,
) -> Result<Checked, Error> {
    let parsed = Parsed {
        pointer: String::new(),
        request: document,
    };
    // Whatever agent is set by now, it is the one that the request was filed for.
    let limits = Limits {
        default_agent: request.submission.agent.clone(),
        ..limits(cx)
    };
    let draft = match validate(parsed, &limits) {
        Err(invalid) => return Ok(Err(invalid.errors)),
        Ok(draft) => draft,
    };
    let opened = cx.repos.open(cx, request.submission.repo)?;
    let base = crate::error::oid(&request.submission.base)?;
    let applied = dry_apply(cx, &opened.git, &base, &draft)?;
    Ok(match applied.errors.is_empty() {
        true => Ok(draft),
        false => Err(applied.errors),
    })
}

/// Reads the brief of a request.
pub fn brief(cx: &Cx, request: &Request) -> Result<Option<Brief>, Error> {
    match request.brief {
        Some(digest) => cx.read_json(digest),
        None => Ok(None),
    }
}
