//! The rules in force.

use std::collections::BTreeMap;

use hyperion_api::policy::{Policy, Verdict};

use super::{field, fields};
use crate::output::visible::visible;

/// Writes the rules, and where those come from that are not as shipped.
pub(crate) fn block(
    policy: &Policy,
    sources: &BTreeMap<String, String>,
    replaced: &[String],
) -> String {
    let Policy {
        repo,
        paths_allow,
        paths_deny,
        protected,
        commands,
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
    let commands = commands.iter().map(|rule| {
        let whose = if rule.from == "repository" {
            " (hyperion.toml)"
        } else {
            ""
        };
        let why = if rule.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", rule.reason)
        };
        let line = format!("{} `{}`{why}{whose}", rule.verdict, rule.prefix.join(" "));
        visible(&line).into_owned()
    });
    text.push_str(&fields("commands", commands));
    let sources = sources
        .iter()
        .filter(|(_, from)| *from != "shipped")
        .map(|(key, from)| visible(&format!("{key} ({from})")).into_owned());
    let mut sources: Vec<String> = sources.collect();
    if sources.is_empty() {
        sources.push("all as shipped".to_owned());
    }
    text.push_str(&fields("set in", sources));
    let replaced = replaced.iter().map(|says| visible(says).into_owned());
    text.push_str(&fields("replaced", replaced));
    text.push_str(&field("digest", digest));
    text
}

/// Writes a verdict and its reasons.
pub(crate) fn verdict(verdict: &Verdict) -> String {
    let Verdict {
        verdict,
        level,
        reasons,
        shape,
    } = verdict;
    let head = match (verdict.as_str(), level.as_deref()) {
        ("allow", _) => "allowed: nobody is asked".to_owned(),
        ("ask", Some(level)) => format!("asks: {level} has to agree"),
        _ => "refused: nobody can agree to it here".to_owned(),
    };
    let mut text = format!("{head}\n");
    let reasons = reasons
        .iter()
        .map(|reason| visible(&reason.detail).into_owned());
    text.push_str(&fields("because", reasons));
    if verdict == "ask"
        && let Some(shape) = shape
    {
        text.push_str(&field("shape", &visible(shape)));
    }
    text
}

fn globs(globs: &[String]) -> Vec<String> {
    globs
        .chunks(6)
        .map(|some| visible(&some.join("  ")).into_owned())
        .collect()
}
