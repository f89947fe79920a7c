//! The rules in force.

use axum::extract::{Query, State};
use hyperion_api::policy::{CommandRule, Policy};
use hyperion_engine::repo;
use hyperion_identity::Need;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Server;
use crate::answer::{Answer, blocking};
use crate::table::Routes;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Of {
    repo: Option<String>,
}

pub(super) fn routes() -> Routes {
    Routes::about("policy").get(
        "/api/policy",
        Need::VIEWER,
        "Shows the rules in force",
        show,
    )
}

async fn show(
    State(server): State<Server>,
    Query(Of { repo: wanted }): Query<Of>,
) -> Answer<Policy> {
    blocking(server, move |server| {
        let cx = server.cx();
        let (name, rules) = match wanted {
            None => (None, cx.rules()?.clone()),
            Some(wanted) => {
                let found = repo::find(cx, &wanted, None)?;
                let opened = cx.repos.open(cx, found.id)?;
                let tip = opened.tip(&found.branch)?;
                let (_, rules) = opened.file_and_rules(cx, &tip)?;
                (Some(found.name.to_string()), rules)
            }
        };
        let source = rules.source();
        let of_machine = cx.rules()?.commands().len();
        let commands = source
            .commands
            .iter()
            .enumerate()
            .map(|(at, rule)| CommandRule {
                prefix: rule.prefix.clone(),
                verdict: rule.verdict.name().to_owned(),
                reason: rule.reason.clone(),
                from: if at < of_machine {
                    "machine"
                } else {
                    "repository"
                }
                .to_owned(),
            });
        Ok(Policy {
            repo: name,
            paths_allow: source.paths.allow.clone(),
            paths_deny: source.paths.deny.clone(),
            protected: source.protected.clone(),
            commands: commands.collect(),
            auto_approve_enabled: source.auto_approve.enabled,
            auto_approve_max_lines: source.auto_approve.max_lines,
            requires_approval: cx.settings.requires_approval,
            digest: rules.digest().to_string(),
        })
    })
    .await
}
