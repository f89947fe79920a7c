//! Answers: JSON, or a problem document.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyperion_api::Problem;
use hyperion_api::problem::FieldError;
use hyperion_engine::Error;
use serde::Serialize;

use crate::Server;

/// What a route answers: a value, or a problem.
pub(crate) type Answer<T> = Result<Json<T>, Refusal>;

/// A problem on its way out.
#[derive(Debug)]
pub(crate) struct Refusal(Box<Problem>);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let problem = Problem::from(error);
        if problem.status >= 500 {
            tracing::error!(
                code = problem.code,
                detail = problem.detail,
                "a call failed"
            );
        }
        Self(Box::new(problem))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&*self.0)).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, problem);
        response
    }
}

/// Runs what blocks (the store, git) on a thread where that does no harm.
pub(crate) async fn blocking<T, F>(server: Server, work: F) -> Answer<T>
where
    T: Serialize + Send + 'static,
    F: FnOnce(&Server) -> Result<T, Error> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(move || {
        work(&server).map_err(|error| redacted(&server, error))
    });
    match done.await {
        Ok(Ok(value)) => Ok(Json(value)),
        Ok(Err(problem)) => Err(problem),
        Err(panic) => {
            tracing::error!(%panic, "a call panicked");
            Err(Problem::new("internal", "the call ended unexpectedly")
                .hint("run `hyperion doctor`")
                .into())
        }
    }
}

/// A problem may quote what was sent, or a file; secrets in it are for nobody's eyes.
fn redacted(server: &Server, error: Error) -> Refusal {
    let Refusal(mut problem) = error.into();
    let redactor = &server.cx().redactor;
    problem.detail = redactor.redact(&problem.detail).into_owned();
    for error in &mut problem.errors {
        error.detail = redactor.redact(&error.detail).into_owned();
    }
    Refusal(problem)
}

/// The most of a refusal's text that is read.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// Makes a problem document of what the framework refuses by itself, in plain text: a wrong shape, method, length or kind of body.
pub(crate) async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_text = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !(status.is_client_error() || status.is_server_error()) || !is_text {
        return response;
    }
    let allowed = response.headers().get(header::ALLOW).cloned();
    let text = axum::body::to_bytes(response.into_body(), MAX_REFUSAL_BYTES).await;
    let text = text.map(|text| String::from_utf8_lossy(&text).into_owned());
    let mut refusal = Refusal(Box::new(refused(
        status,
        text.unwrap_or_default().trim(),
        allowed.as_ref().and_then(|allowed| allowed.to_str().ok()),
    )))
    .into_response();
    if let Some(allowed) = allowed {
        refusal.headers_mut().insert(header::ALLOW, allowed);
    }
    refusal
}

fn refused(status: StatusCode, text: &str, allowed: Option<&str>) -> Problem {
    let code = match status {
        StatusCode::NOT_FOUND => "subject.not_found",
        StatusCode::PAYLOAD_TOO_LARGE => "request.too_large",
        status if status.is_server_error() => "internal",
        _ => "input.invalid",
    };
    let detail = match (text, allowed) {
        ("", Some(allowed)) => format!("this call takes {allowed} only"),
        ("", None) => status.canonical_reason().unwrap_or("refused").to_owned(),
        (text, _) => text.to_owned(),
    };
    let mut problem = Problem::new(code, detail);
    problem.status = status.as_u16();
    problem.errors.extend(field_of(text));
    problem
}

/// Finds which field a text of the form "Failed to deserialize …: field: what is wrong" is about.
fn field_of(text: &str) -> Option<FieldError> {
    let (_, rest) = text
        .strip_prefix("Failed to deserialize ")?
        .split_once(": ")?;
    let (path, detail) = rest.split_once(": ")?;
    let is_path = |letter: char| letter.is_ascii_alphanumeric() || "_.[]".contains(letter);
    (!path.is_empty() && path.chars().all(is_path)).then(|| FieldError {
        pointer: format!(
            "/{}",
            path.replace("].", "/")
                .replace(['.', '['], "/")
                .replace(']', "")
        ),
        detail: detail.to_owned(),
    })
}
