//! Answers: JSON, or a problem document.

use std::marker::PhantomData;

use aide::generate::GenContext;
use aide::openapi::{
    MediaType, Operation, Response as Described, SchemaObject, StatusCode as Code,
};
use aide::{OperationInput, OperationOutput};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyperion_api::Problem;
use hyperion_api::problem::FieldError;
use hyperion_engine::{Error, intake};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Server;

/// What a route answers: a value, or a problem.
pub(crate) type Answer<T> = Result<Json<T>, Refusal>;

/// What a route answers that took something to work on.
pub(crate) type Accepted<T> = Result<Taken<T>, Refusal>;

/// What was taken to be worked on: 202.
#[derive(Debug)]
pub(crate) struct Taken<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Taken<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

impl<T: JsonSchema> OperationOutput for Taken<T> {
    type Inner = T;

    fn inferred_responses(
        cx: &mut GenContext,
        _: &mut Operation,
    ) -> Vec<(Option<Code>, Described)> {
        let taken = json_of::<T>(cx);
        vec![(
            Some(Code::Code(202)),
            described("Taken to be worked on", [taken]),
        )]
    }
}

/// Server-Sent Events, or, where nobody follows, a value.
#[derive(Debug)]
pub(crate) struct Feed<T = ()> {
    response: Response,
    value: PhantomData<T>,
}

impl<T> Feed<T> {
    pub(crate) fn new(response: impl IntoResponse) -> Self {
        Self {
            response: response.into_response(),
            value: PhantomData,
        }
    }
}

impl<T> IntoResponse for Feed<T> {
    fn into_response(self) -> Response {
        self.response
    }
}

impl<T: JsonSchema> OperationOutput for Feed<T> {
    type Inner = T;

    fn inferred_responses(
        cx: &mut GenContext,
        _: &mut Operation,
    ) -> Vec<(Option<Code>, Described)> {
        let events = (
            "text/event-stream".to_owned(),
            media(cx.schema.subschema_for::<String>()),
        );
        let value = (!is_nothing::<T>()).then(|| json_of::<T>(cx));
        let described = described(
            "As Server-Sent Events, or whole",
            value.into_iter().chain([events]),
        );
        vec![(Some(Code::Code(200)), described)]
    }
}

fn is_nothing<T: JsonSchema>() -> bool {
    T::schema_id() == <()>::schema_id()
}

fn json_of<T: JsonSchema>(cx: &mut GenContext) -> (String, MediaType) {
    (
        "application/json".to_owned(),
        media(cx.schema.subschema_for::<T>()),
    )
}

fn media(json_schema: schemars::Schema) -> MediaType {
    let schema = SchemaObject {
        json_schema,
        example: None,
        external_docs: None,
    };
    MediaType {
        schema: Some(schema),
        ..MediaType::default()
    }
}

fn described(what: &str, content: impl IntoIterator<Item = (String, MediaType)>) -> Described {
    Described {
        description: what.to_owned(),
        content: content.into_iter().collect(),
        ..Described::default()
    }
}

/// A body as it came, which the engine reads itself: it is described as a `T`, and may be several, or JSON lines.
pub(crate) struct Written<T> {
    pub(crate) bytes: Bytes,
    shape: PhantomData<T>,
}

impl<S: Send + Sync, T> FromRequest<S> for Written<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let bytes = Bytes::from_request(request, state).await;
        Ok(Self {
            bytes: bytes.map_err(|rejection| unread(&rejection))?,
            shape: PhantomData,
        })
    }
}

impl<T: JsonSchema> OperationInput for Written<T> {
    fn operation_input(cx: &mut GenContext, operation: &mut Operation) {
        Json::<T>::operation_input(cx, operation);
    }
}

/// Says why a body did not arrive whole.
fn unread(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let mib = intake::MAX_BYTES / 1024 / 1024;
        let detail = format!("the input is larger than {mib} MiB");
        return Problem::new("request.too_large", detail).hint("split it into several files");
    }
    Problem::new("input.invalid", rejection.body_text()).hint("send it again; nothing was filed")
}

/// A problem on its way out.
#[derive(Debug)]
pub(crate) struct Refusal(Box<Problem>);

impl Refusal {
    /// What is said.
    #[cfg(test)]
    pub(crate) fn problem(&self) -> &Problem {
        &self.0
    }
}

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
        response.extensions_mut().insert(Why(self.0.code.clone()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, problem);
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Every call may answer with a problem: the document says so once for each.
impl OperationOutput for Refusal {
    type Inner = Self;
}
/// The code of a refusal, for whoever passes the answer on.
#[derive(Debug, Clone)]
pub(crate) struct Why(pub(crate) String);

/// Runs what blocks (the store, git) on a thread where that does no harm.
pub(crate) async fn blocking<T, F>(server: Server, work: F) -> Answer<T>
where
    T: Serialize + Send + 'static,
    F: FnOnce(&Server) -> Result<T, Error> + Send + 'static,
{
    blocking_as(server, work).await.map(Json)
}

/// As [`blocking`], of what is not the answer as it is.
pub(crate) async fn blocking_as<T, F>(server: Server, work: F) -> Result<T, Refusal>
where
    T: Send + 'static,
    F: FnOnce(&Server) -> Result<T, Error> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(move || {
        work(&server).map_err(|error| redacted(&server, error))
    });
    match done.await {
        Ok(Ok(value)) => Ok(value),
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
