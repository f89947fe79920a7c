//! The rules in force.

use hyperion_api::policy::Policy;

use super::{field, fields};
use crate::output::visible::visible;

/// Writes the rules.
pub(crate) fn block(policy: &Policy) -> String {
    let Policy {
        repo,
        paths_allow,
        paths_deny,
        protected,
        auto_approve_enabled,
        auto_approve_max_lines,
        requires_approval,
        digest,
    } = policy;
    let mut text = match repo {
        Some(repo) => format!("Policy for {}\n", visible(repo)),
        None => "Policy of this machine\n".to_owned(),
    };
    let asks = match (requires_approval, auto_approve_enabled) {
        (true, _) => "every change asks".to_owned(),
        (false, true) => format!(
            "low-risk changes of fewer than {auto_approve_max_lines} lines pass by themselves"
        ),
        (false, false) => "every change asks (auto-approval is off)".to_owned(),
    };
    text.push_str(&field("approval", &asks));
    let allow = if paths_allow.is_empty() {
        vec!["all that is not denied".to_owned()]
    } else {
        globs(paths_allow)
    };
    text.push_str(&fields("may change", allow));
    text.push_str(&fields("never", globs(paths_deny)));
    text.push_str(&fields("asks admin", globs(protected)));
    text.push_str(&field("digest", digest));
    text
}

fn globs(globs: &[String]) -> Vec<String> {
    globs
        .chunks(6)
        .map(|some| visible(&some.join("  ")).into_owned())
        .collect()
}
