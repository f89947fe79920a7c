//! Answers: JSON, or a problem document.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyperion_api::Problem;
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
