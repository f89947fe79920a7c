//! Who vouches for a change.

use hyperion_api::change_request::ChangeRequest;
use hyperion_model::change_set::ChangeSet;

use crate::{Cx, Error};

/// Names the key that signed a change as it was handed in from outside; none where none did, or the content was purged.
///
/// The signature was verified when the change was taken, and no other way leads into its document.
pub fn signed_by(cx: &Cx, set: &ChangeSet) -> Result<Option<String>, Error> {
    let document: Option<ChangeRequest> = cx.read_json(set.proposal.document)?;
    let signature = document.and_then(|document| document.signature);
    Ok(signature.map(|signature| cx.redactor.redact(&signature.key_id).into_owned()))
}
