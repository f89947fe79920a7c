//! The message of a landing's commit: the title, why, and trailers for people and for the audit.

use hyperion_api::Problem;
use hyperion_api::change_request::ChangeRequest;
use hyperion_api::task_request::TaskRequest;
use hyperion_git::{strip_trailers, with_trailers};
use hyperion_model::approval::Approval;
use hyperion_model::change_set::{Basis, ChangeSet};
use hyperion_model::entry::Entry;
use hyperion_model::request::Request;

use crate::{Cx, Error};

/// The most characters of the text below it.
const MAX_BODY_CHARS: usize = 4000;

/// Writes the message of an entry's commit.
pub(super) fn compose(cx: &Cx, entry: &Entry, sets: &[ChangeSet]) -> Result<String, Error> {
    let request = cx.store.get::<Request>(entry.admission.request)?;
    let document = match &request {
        Some(request) => cx.read_json::<TaskRequest>(request.submission.document)?,
        None => None,
    };
    let title = match sets {
        [one] => cx
            .read_json::<ChangeRequest>(one.proposal.document)?
            .map(|request| request.summary),
        _ => document.as_ref().map(|document| document.title.clone()),
    };
    let subject = hyperion_policy::commit_subject(&cx.redactor.redact(&title.unwrap_or_default()));
    let revised = match sets {
        [one] => crate::change_set::revised_text(cx, one, document.as_ref())?,
        _ => None,
    };
    let body = revised.or_else(|| document.map(|document| body(document, sets)));
    let body = body.unwrap_or_default();
    let body: String = cx
        .redactor
        .redact(&body)
        .chars()
        .take(MAX_BODY_CHARS)
        .collect();
    // A stray control character in a description is no reason to refuse what a person has approved.
    let body = hyperion_policy::without_trailers(&body);
    let text = strip_trailers(format!("{subject}\n\n{}", body.trim()).trim());
    if let Err(findings) = hyperion_policy::commit_message(&text) {
        let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
        let detail = format!(
            "the commit's message cannot be used: {}",
            findings.join("; ")
        );
        return Err(Problem::new("policy.refused", detail).into());
    }
    let trailers = trailers(cx, entry, sets)?;
    let trailers: Vec<_> = trailers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    Ok(with_trailers(&text, &trailers))
}

/// Gives what the request says in full; where it says nothing, what its task says.
fn body(document: TaskRequest, sets: &[ChangeSet]) -> String {
    match sets {
        [one] if document.description.trim().is_empty() => {
            let task = one.proposal.task.as_str();
            let task = document.tasks.into_iter().find(|known| known.id == task);
            task.map(|task| task.instructions).unwrap_or_default()
        }
        _ => document.description,
    }
}

/// Gives the trailers without the `Hyperion-` that each name gets.
fn trailers(cx: &Cx, entry: &Entry, sets: &[ChangeSet]) -> Result<Vec<(String, String)>, Error> {
    let mut trailers = vec![("Request".to_owned(), entry.admission.request.to_string())];
    for set in sets {
        let mut add = |name: &str, value: String| trailers.push((name.to_owned(), value));
        add("Task", set.proposal.task.to_string());
        add("Change-Set", set.id.to_string());
        add("Agent", set.proposal.agent.to_string());
        add("Run", set.proposal.run.to_string());
        match &set.basis {
            Some(Basis::Approval { approval }) => {
                let approval = cx.store.get::<Approval>(*approval)?;
                if let Some(verdict) = approval.and_then(|approval| approval.verdict) {
                    add("Approved-By", verdict.by.id().to_string());
                }
            }
            Some(Basis::Policy) => add("Approved-By", "policy".to_owned()),
            None => {}
        }
    }
    trailers.push(("Entry".to_owned(), entry.id.to_string()));
    let head = cx.store.head()?;
    trailers.push((
        "Audit".to_owned(),
        format!("{}:{}", head.seq, head.hash.hex()),
    ));
    trailers.dedup();
    Ok(trailers)
}
