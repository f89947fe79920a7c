//! Requests: how far they are, how they end, and calling them off.

pub(crate) mod cancel;
pub(crate) mod progress;
mod summary;

use hyperion_api::task_request::TaskRequest;
use hyperion_model::request::Request;

use crate::{Cx, Error};

pub use cancel::cancel;
pub(crate) use progress::Requests;
pub use summary::{check, summary};
pub(crate) use summary::{result, summary_of_failure};

/// Gives a request's title; none when it is from before titles were kept and its document cannot be read.
pub fn title(cx: &Cx, request: &Request) -> Result<Option<String>, Error> {
    if let Some(title) = request.submission.title {
        return cx.read_text(title);
    }
    let document = cx.read_json::<TaskRequest>(request.submission.document)?;
    Ok(document.map(|document| cx.redactor.redact(&document.title).into_owned()))
}
