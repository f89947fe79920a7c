//! Checks a request against itself and the limits, and reports *everything* that is wrong.

use hyperion_api::task_request::{self as wire, ErrorContext, SourceKind, TaskRequest};
use hyperion_model::facts::{Class, Priority};
use hyperion_model::request::Source;
use hyperion_model::{Name, RepoPath};

use crate::Sizes;
use crate::draft::Draft;
use crate::errors::Errors;
use crate::near::one_of;
use crate::parse::Parsed;
use crate::task;

/// What a request may not pass.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The most tasks.
    pub max_tasks: usize,
    /// How large what a change touches may be.
    pub sizes: Sizes,
    /// Which agent works when none is named.
    pub default_agent: Name,
    /// The agents that there are.
    pub agents: &'static [&'static str],
}

/// The most characters of a title.
pub const MAX_TITLE_CHARS: usize = 200;
/// The most bytes of a description, of a task's instructions, or of a part of the error context.
pub(crate) const MAX_TEXT_BYTES: usize = 64 * 1024;
/// The most lines of an acceptance list.
const MAX_ACCEPTANCE: usize = 50;
/// The most characters of one line of an acceptance list, or of a check's command.
const MAX_LINE_CHARS: usize = 1000;
/// The most files a request may be about.
const MAX_TARGET_FILES: usize = 1000;
/// The most characters of a name, id or key.
const MAX_WORD_CHARS: usize = 1000;

/// A request that cannot be filed as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Invalid {
    /// All that is wrong with it.
    pub errors: Errors,
    /// What is left without the parts that are wrong: more can be found wrong with it, and no more than that.
    pub rest: Box<Draft>,
}

/// Checks a request; the errors are all there are.
pub fn validate(parsed: Parsed, limits: &Limits) -> Result<Draft, Invalid> {
    let Parsed { pointer, request } = parsed;
    let mut errors = Errors::default();
    check_texts(&request, &pointer, &mut errors);
    let agent = check_agent(&request, &pointer, limits, &mut errors);
    let tasks = task::check_all(&request.tasks, &pointer, limits, &mut errors);
    let draft = Draft {
        class: class(&request),
        priority: priority(request.priority),
        source: request
            .source
            .as_ref()
            .map_or(Source::Cli, |source| source_kind(source.kind)),
        agent,
        tasks,
        pointer,
        request,
    };
    if errors.is_empty() {
        return Ok(draft);
    }
    Err(Invalid {
        errors,
        rest: Box::new(draft),
    })
}

fn check_texts(request: &TaskRequest, at: &str, errors: &mut Errors) {
    // Exhaustive, so that whoever adds a field decides how much of it is let in.
    let TaskRequest {
        schema: _,
        title,
        description,
        class: _,
        priority: _,
        repo,
        base,
        acceptance,
        agent: _,
        requires_approval: _,
        atomic: _,
        target_files,
        error_context,
        feature_request_id,
        session_id,
        source,
        idempotency_key,
        tasks: _,
    } = request;
    if title.trim().is_empty() {
        errors.push(
            format!("{at}/title"),
            "is empty; say in one line what is wanted",
        );
    } else {
        check_title(title, format!("{at}/title"), "description", errors);
    }
    check_text(description, format!("{at}/description"), errors);
    if acceptance.len() > MAX_ACCEPTANCE {
        errors.push(
            format!("{at}/acceptance"),
            format!(
                "has {} lines; at most {MAX_ACCEPTANCE}: put the rest into `description`",
                acceptance.len()
            ),
        );
    } else {
        check_lines(acceptance, &format!("{at}/acceptance"), errors);
    }
    if let Some(context) = error_context {
        let ErrorContext {
            error_message,
            stack_trace,
            logs,
        } = context;
        let at = format!("{at}/error_context");
        check_text(error_message, format!("{at}/error_message"), errors);
        for (field, text) in [("stack_trace", stack_trace), ("logs", logs)] {
            if let Some(text) = text {
                check_text(text, format!("{at}/{field}"), errors);
            }
        }
    }
    for (field, value) in [
        ("repo", repo),
        ("base", base),
        ("feature_request_id", feature_request_id),
        ("session_id", session_id),
        ("idempotency_key", idempotency_key),
    ] {
        if let Some(value) = value {
            check_word(value, format!("{at}/{field}"), errors);
        }
    }
    if let Some(wire::Source {
        kind: _,
        channel,
        thread,
    }) = source
    {
        for (field, value) in [("channel", channel), ("thread", thread)] {
            if let Some(value) = value {
                check_word(value, format!("{at}/source/{field}"), errors);
            }
        }
    }
    if target_files.len() > MAX_TARGET_FILES {
        errors.push(
            format!("{at}/target_files"),
            format!(
                "has {} paths; at most {MAX_TARGET_FILES}: split the request",
                target_files.len()
            ),
        );
        return;
    }
    for (index, path) in target_files.iter().enumerate() {
        if let Err(error) = RepoPath::new(path.as_str()) {
            errors.push(format!("{at}/target_files/{index}"), error.to_string());
        }
    }
}

/// Checks a line that stands in lists, commits and questions.
pub(crate) fn check_title(title: &str, pointer: String, rest: &str, errors: &mut Errors) {
    let chars = title.trim().chars().count();
    if chars > MAX_TITLE_CHARS {
        errors.push(
            pointer,
            format!(
                "has {chars} characters; at most {MAX_TITLE_CHARS}: put the rest into `{rest}`"
            ),
        );
    } else if let Some(found) = title.trim().chars().find(|c| c.is_control()) {
        errors.push(
            pointer,
            format!("has the control character {found:?}; write one plain line"),
        );
    } else if let Err(wrong) =
        hyperion_policy::commit_message(&hyperion_policy::commit_subject(title))
    {
        let wrong: Vec<_> = wrong.iter().map(ToString::to_string).collect();
        errors.push(
            pointer,
            format!("cannot be the subject of a commit: {}", wrong.join("; ")),
        );
    }
}

/// Checks a text of several lines.
pub(crate) fn check_text(text: &str, pointer: String, errors: &mut Errors) {
    if text.len() > MAX_TEXT_BYTES {
        errors.push(
            pointer,
            format!(
                "has {} bytes; at most {MAX_TEXT_BYTES}: shorten it, or put it into a file of the repository",
                text.len()
            ),
        );
    } else if text.contains('\0') {
        errors.push(pointer, "has a NUL character; remove it");
    }
}

/// Checks lines of a list, as of checks: none is empty, long, or several.
pub fn check_lines(lines: &[String], at: &str, errors: &mut Errors) {
    for (index, line) in lines.iter().enumerate() {
        let pointer = format!("{at}/{index}");
        let chars = line.chars().count();
        if line.trim().is_empty() {
            errors.push(pointer, "is empty; remove it");
        } else if chars > MAX_LINE_CHARS {
            errors.push(
                pointer,
                format!("has {chars} characters; at most {MAX_LINE_CHARS}"),
            );
        } else if line.contains(['\0', '\n', '\r']) {
            errors.push(pointer, "has several lines, or a NUL; write one line");
        }
    }
}

/// Checks a name, an id or a key that somebody else made.
fn check_word(word: &str, pointer: String, errors: &mut Errors) {
    let chars = word.chars().count();
    if chars == 0 || chars > MAX_WORD_CHARS {
        errors.push(
            pointer,
            format!("has {chars} characters; give 1 to {MAX_WORD_CHARS}, or leave it out"),
        );
    } else if let Some(found) = word.chars().find(|c| c.is_control()) {
        errors.push(
            pointer,
            format!("has the control character {found:?}; remove it"),
        );
    }
}

fn check_agent(request: &TaskRequest, at: &str, limits: &Limits, errors: &mut Errors) -> Name {
    let default = &limits.default_agent;
    let (wanted, whence) = match &request.agent {
        Some(wanted) => (wanted.as_str(), ""),
        None => (
            default.as_str(),
            " (the setting `agent.default`, or HYPERION_AGENT, names it)",
        ),
    };
    let known = limits.agents;
    match Name::new(wanted) {
        Ok(name) if known.contains(&wanted) => name,
        Ok(_) | Err(_) => {
            let shown: String = wanted.chars().take(MAX_TITLE_CHARS).collect();
            errors.push(
                format!("{at}/agent"),
                format!(
                    "no agent is called {shown:?}{whence}; use {}",
                    one_of(known.iter().map(ToString::to_string))
                ),
            );
            default.clone()
        }
    }
}

fn class(request: &TaskRequest) -> Class {
    match request.class {
        Some(wire::Class::Feature) => Class::Feature,
        Some(wire::Class::Bugfix) => Class::Bugfix,
        Some(wire::Class::Refactor) => Class::Refactor,
        Some(wire::Class::Docs) => Class::Docs,
        Some(wire::Class::Debug) => Class::Debug,
        Some(wire::Class::Diagnose) => Class::Diagnose,
        None => {
            let text = format!("{}\n{}", request.title, request.description);
            hyperion_analyze::request(&text)
                .class_hint
                .unwrap_or(Class::Feature)
        }
    }
}

const fn priority(priority: wire::Priority) -> Priority {
    match priority {
        wire::Priority::Low => Priority::Low,
        wire::Priority::Medium => Priority::Medium,
        wire::Priority::High => Priority::High,
        wire::Priority::Critical => Priority::Critical,
    }
}

const fn source_kind(kind: SourceKind) -> Source {
    match kind {
        SourceKind::Cli => Source::Cli,
        SourceKind::Chat => Source::Chat,
        SourceKind::Http => Source::Http,
        SourceKind::Web => Source::Web,
        SourceKind::Slack => Source::Slack,
        SourceKind::Github => Source::Github,
    }
}

#[cfg(test)]
mod tests;
