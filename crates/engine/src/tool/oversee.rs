//! Decides for the tools: which paths, which changes; and notes a change before it is made.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hyperion_api::Problem;
use hyperion_fault::{Point, reached};
use hyperion_policy::judge_path;
use hyperion_policy::redact::disguised;
use hyperion_store::{Logging, StoreError, ToolRecord};
use hyperion_tools::filesystem::sha256;
use hyperion_tools::{Access, Overseer, Planned};

use super::session::Session;
use crate::{Cx, Error};

/// How many times masks are looked for: what one takes out can uncover the next secret.
const MASK_PASSES_MAX: usize = 8;

/// What every mask begins with.
const MASK: &str = "[redacted:";

/// Oversees one call.
pub(super) struct Oversight<'a> {
    pub(super) cx: &'a Cx,
    pub(super) session: &'a Session,
    pub(super) server: &'a str,
    pub(super) tool: &'a str,
    began: Instant,
    /// The note of the change that is to be made, on its way.
    noting: Cell<Option<Logging>>,
    /// The note of the change that is being made.
    noted: Cell<Option<i64>>,
}

impl<'a> Oversight<'a> {
    pub(super) fn new(cx: &'a Cx, session: &'a Session, server: &'a str, tool: &'a str) -> Self {
        Self {
            cx,
            session,
            server,
            tool,
            began: Instant::now(),
            noting: Cell::new(None),
            noted: Cell::new(None),
        }
    }

    /// Notes durably what is about to be done; once for each call. Gives the id of the note.
    pub(super) fn note(&self, about: Vec<String>) -> Result<i64, Error> {
        self.begin_note(about, None, None)?;
        self.await_note()?.ok_or(Error::Store(StoreError::Closed))
    }

    /// Sends the note of what is about to be done on its way.
    fn begin_note(
        &self,
        paths: Vec<String>,
        old_sha256: Option<String>,
        new_sha256: Option<String>,
    ) -> Result<(), Error> {
        let session = self.session;
        let noting = self.cx.store.begin_tool(&ToolRecord {
            time: self.cx.now(),
            session: session.id,
            actor: session.actor.to_string(),
            root: session.root.clone(),
            server: self.server.to_owned(),
            tool: self.tool.to_owned(),
            calls: 1,
            paths,
            old_sha256,
            new_sha256,
            outcome: "intended".to_owned(),
        })?;
        self.noting.set(Some(noting));
        Ok(())
    }

    /// Waits until the note is durable; gives its id, if one was on its way.
    fn await_note(&self) -> Result<Option<i64>, Error> {
        let Some(noting) = self.noting.take() else {
            return Ok(None);
        };
        let id = noting.wait()?;
        self.noted.set(Some(id));
        reached(Point::ToolNoted);
        Ok(Some(id))
    }

    /// Masks the secrets in a text that leaves.
    pub(super) fn shown(&self, text: String) -> String {
        self.mask(&text).unwrap_or(text)
    }

    /// Masks the secrets in a diff that leaves: nothing but a secret is hidden.
    pub(super) fn shown_diff(&self, diff: &str) -> String {
        let redactor = &self.cx.redactor;
        let masked = redactor.redact_diff(diff).text.into_owned();
        // Names of files too: here nobody decides by them.
        let lines = masked
            .split_inclusive('\n')
            .map(|line| redactor.redact(line));
        lines.collect()
    }

    /// Notes how the change went, if one was begun.
    pub(super) fn ended(&self, outcome: &str) {
        // What was refused before anybody waited for the note; one that failed has nothing to be ended.
        let _ = self.await_note();
        let Some(id) = self.noted.take() else { return };
        reached(Point::ToolMade);
        if let Err(error) = self.cx.store.end_tool(id, outcome) {
            // It stays `intended`, which is true: the file tells the rest.
            tracing::warn!(%error, "could not note how a tool's change went");
        }
        self.cx.records.look();
    }

    /// Refuses what adds a secret, or writes a mask in the place of one.
    fn check_secrets(&self, planned: &Planned<'_>) -> Result<(), Problem> {
        let Some(after) = planned.after else {
            return Ok(());
        };
        let text = |bytes| String::from_utf8_lossy(bytes);
        // What is no text to the eye may be one to a program: both are read.
        let scan = |bytes, text: &str| {
            let mut found = self.cx.redactor.scan(text);
            found.extend(
                disguised(bytes)
                    .iter()
                    .flat_map(|text| self.cx.redactor.scan(text)),
            );
            found
        };
        let (bytes_before, bytes_after) = (planned.before.unwrap_or_default(), after);
        let (before, after) = (text(bytes_before), text(bytes_after));
        let mut known: BTreeMap<_, usize> = BTreeMap::new();
        for found in scan(bytes_before, &before) {
            *known.entry((found.rule, found.fingerprint)).or_default() += 1;
        }
        for found in scan(bytes_after, &after) {
            match known.get_mut(&(found.rule, found.fingerprint)) {
                Some(left) if *left > 0 => *left -= 1,
                _ => {
                    let detail = format!(
                        "{} would get a secret at line {} ({})",
                        planned.path, found.line, found.rule
                    );
                    return Err(Problem::new("secret.added", detail).hint(
                        "take it out: read it from the environment, or name where it is kept",
                    ));
                }
            }
        }
        let masks = |text: &str| text.matches(MASK).count();
        if self.session.has_shown_masked(planned.path) && masks(&after) > masks(&before) {
            let detail = format!(
                "{} was shown with its secrets masked, and a mask would be written in the place of one",
                planned.path
            );
            return Err(Problem::new("secret.masked", detail)
                .hint("edit the other lines by their numbers, and leave the masked ones alone"));
        }
        Ok(())
    }
}

impl Overseer for Oversight<'_> {
    fn judge(&self, path: &str, access: Access) -> Result<(), Problem> {
        if path.is_empty() {
            return match access {
                Access::Read => Ok(()),
                Access::Write => Err(Problem::new("input.invalid", "no path was given")
                    .hint("name a file, relative to the root")),
            };
        }
        let access = match access {
            Access::Read => hyperion_policy::Access::Read,
            Access::Write => hyperion_policy::Access::Write,
        };
        let folder = self.session.folder().map_err(Problem::from)?;
        let rules = folder.rules(self.cx, access).map_err(Problem::from)?;
        let judged = judge_path(path, access, &rules, &folder.place);
        // Nobody can be asked yet on a session's behalf: what asks is refused, with the way that can ask.
        if judged.judgement.is_allowed() {
            return Ok(());
        }
        let reason = judged.judgement.reasons.first();
        let detail = reason.map_or("it is denied", |reason| reason.detail.as_str());
        let (code, hint) = match reason.map(|reason| reason.code) {
            Some("path.unreadable" | "path.outside") => (
                "path.escapes",
                "give a path relative to the root, like src/main.rs",
            ),
            Some("path.protected") => (
                "path.denied",
                "such a change is filed as a request, so that somebody can approve it",
            ),
            _ => ("path.denied", "work without it, or ask a person"),
        };
        Err(Problem::new(code, detail).hint(hint))
    }

    fn before_write(&self, planned: &Planned<'_>) -> Result<(), Problem> {
        self.check_secrets(planned)?;
        self.begin_note(
            vec![planned.path.to_owned()],
            planned.before.map(sha256),
            planned.after.map(sha256),
        )
        .map_err(Problem::from)
    }

    fn recorded(&self) -> Result<(), Problem> {
        self.await_note().map_err(Problem::from)?;
        Ok(())
    }

    fn mask(&self, text: &str) -> Option<String> {
        let mut masked: Option<String> = None;
        for _ in 0..MASK_PASSES_MAX {
            let now = masked.as_deref().unwrap_or(text);
            let found = self.cx.redactor.scan(now);
            if found.is_empty() {
                break;
            }
            let (mut next, mut at) = (String::with_capacity(now.len()), 0);
            for secret in found {
                let (start, end) = (secret.start.max(at), secret.end.max(at));
                next.push_str(now.get(at..start).unwrap_or_default());
                next.push_str(MASK);
                next.push_str(secret.rule);
                next.push(']');
                // Line numbers have to stay what they are in the file.
                let lines = now.get(start..end).unwrap_or_default().matches('\n');
                next.extend(lines);
                at = end;
            }
            next.push_str(now.get(at..).unwrap_or_default());
            masked = Some(next);
        }
        let now = masked.as_deref().unwrap_or(text);
        let hidden = disguised(now.as_bytes()).map(|plain| self.cx.redactor.scan(&plain));
        if let Some(secret) = hidden.as_ref().and_then(|found| found.first()) {
            // Which of the lines holds it cannot be said, so none is shown.
            let line = |line: &str| {
                if line.trim().is_empty() {
                    line.to_owned()
                } else {
                    format!("{MASK}{}]", secret.rule)
                }
            };
            masked = Some(now.split('\n').map(line).collect::<Vec<_>>().join("\n"));
        }
        masked
    }

    fn seal(&self, hash: &str) -> String {
        let key: &[u8] = &self.session.seal;
        sha256(&[key, hash.as_bytes()].concat())
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}
