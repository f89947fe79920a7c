//! What a judged command comes to: pure.

use hyperion_model::run::Ground;
use hyperion_model::{Decision, GrantId, Level};
use hyperion_policy::Judgement;

/// What becomes of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It runs, on this ground.
    Go(Ground),
    /// Somebody of this level has to agree first.
    Ask(Level),
    /// It is refused, whoever asks.
    Refuse,
}

/// Decides. `is_held` says that a sandbox keeps whatever the command does to what is its own.
///
/// What only a person decides each time is asked in a sandbox, too; no grant answers it.
pub(crate) fn decide(judgement: &Judgement, is_held: bool, grant: Option<GrantId>) -> Way {
    match judgement.decision {
        Decision::Deny => Way::Refuse,
        Decision::Allow | Decision::Ask(Level::Auto) => Way::Go(Ground::ReadOnly),
        Decision::Ask(Level::ManualOnly) => Way::Ask(Level::ManualOnly),
        Decision::Ask(Level::TeamLead | Level::Admin) if is_held => Way::Go(Ground::Sandbox),
        Decision::Ask(level) => match grant {
            Some(grant) if judgement.shape.is_some() => Way::Go(Ground::Grant { grant }),
            Some(_) | None => Way::Ask(level),
        },
    }
}

#[cfg(test)]
mod tests {
    use hyperion_model::Uuid;
    use hyperion_policy::{Place, RuleSource, Rules, judge_command};

    use super::*;

    // X2, decisions §6.4: the whole table.
    #[test]
    fn what_a_command_comes_to() {
        let rules = Rules::compile(RuleSource::default()).unwrap();
        let place = Place::at("/repo", Some("/home/ada")).unwrap();
        let grant = GrantId::new(Uuid::from_u128(1));
        let mut table = String::new();
        for command in [
            "git status",
            "cargo test",
            "rm notes.txt",
            "eval \"$X\"",
            "rm -rf /",
        ] {
            let judged = judge_command(command, &rules, &place);
            let way = |is_held, grant| match decide(&judged, is_held, grant) {
                Way::Go(ground) => ground.name().to_owned(),
                Way::Ask(level) => format!("ask {level}"),
                Way::Refuse => "refuse".to_owned(),
            };
            table.push_str(&format!(
                "{command:<14} open: {:<15} held: {:<10} granted: {}\n",
                way(false, None),
                way(true, None),
                way(false, Some(grant)),
            ));
        }
        insta::assert_snapshot!(table, @r#"
        git status     open: read_only       held: read_only  granted: read_only
        cargo test     open: ask team-lead   held: sandbox    granted: grant
        rm notes.txt   open: ask team-lead   held: sandbox    granted: grant
        eval "$X"      open: ask team-lead   held: sandbox    granted: ask team-lead
        rm -rf /       open: refuse          held: refuse     granted: refuse
        "#);
    }
}
