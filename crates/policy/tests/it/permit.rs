//! Permits: who gets one, and above all who does not.

use hyperion_model::{Actor, ApprovalId, Digest, Level, Name, Role, Uuid};
use hyperion_policy::{Action, ActionKind, Assessment, Basis, DecisionId, Purpose, permit};

use crate::change::{bugfix, edit, judge, shipped_rules};

fn payload() -> Digest {
    Digest::of(b"exactly this")
}

fn action(kind: ActionKind) -> Action {
    Action {
        kind,
        subject: "0190b7c4-6f2e-7a31-9d52-3f1c8a4be901".to_owned(),
        payload: payload(),
    }
}

fn person(role: Role) -> Actor {
    Actor::Person {
        id: Name::new("ada").unwrap(),
        role,
    }
}

fn approval() -> ApprovalId {
    ApprovalId::new(Uuid::from_u128(7))
}

fn by_approval(actor: &Actor, level: Level, required: Level, payload: Digest) -> Basis<'_> {
    Basis::Approval {
        approval: approval(),
        level,
        required,
        decided_by: actor,
        owners: None,
        payload,
    }
}

fn outcome(action: &Action, basis: &Basis<'_>) -> String {
    match permit(action, basis, &shipped_rules()) {
        Ok(permit) => format!(
            "permit by {} to {:?}",
            permit.decision_id(),
            permit.purpose()
        ),
        Err(refused) => format!("refused: failed to {refused}"),
    }
}

// S4: who may decide follows from the role; an agent never may.
#[test]
fn an_approval_needs_somebody_with_the_authority() {
    let agent = Actor::Agent {
        id: Name::new("scripted").unwrap(),
    };
    let engine = Actor::Engine {
        id: Name::new("queue").unwrap(),
    };
    let people = [
        person(Role::Viewer),
        person(Role::Operator),
        person(Role::TeamLead),
        person(Role::Admin),
    ];
    let mut table = String::new();
    for actor in people.iter().chain([&agent, &engine]) {
        let who = match actor {
            Actor::Person { role, .. } => role.name(),
            Actor::Agent { .. } => "agent",
            Actor::Engine { .. } => "engine",
        };
        let gets: Vec<&str> = Level::ALL
            .into_iter()
            .filter(|level| {
                let basis = by_approval(actor, *level, Level::Auto, payload());
                permit(&action(ActionKind::Land), &basis, &shipped_rules()).is_ok()
            })
            .map(Level::name)
            .collect();
        table.push_str(&format!(
            "{who}: {}\n",
            if gets.is_empty() {
                "nothing".to_owned()
            } else {
                gets.join(" ")
            }
        ));
    }
    insta::assert_snapshot!(table, @r#"
    viewer: nothing
    operator: nothing
    team-lead: auto team-lead
    admin: auto team-lead admin manual-only
    agent: nothing
    engine: nothing
    "#);
}

#[test]
fn an_approval_of_something_else_allows_nothing() {
    let admin = person(Role::Admin);
    let land = action(ActionKind::Land);
    let other = Digest::of(b"something else");
    insta::assert_snapshot!(outcome(&land, &by_approval(&admin, Level::Admin, Level::Admin, other)), @"refused: failed to allow the landing: it is for sha256:3ecb355cac0490f19a6e35b3e0edc14ee524d2e351170ce1907246c91bf0e693, but sha256:f41f3fa625ff120ddca7ef456bf66371ecea23c129f4e4c32367101edb516cf8 was agreed to; ask again");
    // The rules were tightened after the question was put.
    let lead = person(Role::TeamLead);
    insta::assert_snapshot!(outcome(&land, &by_approval(&lead, Level::TeamLead, Level::Admin, payload())), @"refused: failed to allow the landing: it was approved at team-lead, but needs admin; ask again");
    insta::assert_snapshot!(outcome(&land, &by_approval(&lead, Level::Admin, Level::Admin, payload())), @"refused: failed to allow the landing: ada may not decide what asks for admin; ask again");
    insta::assert_snapshot!(outcome(&land, &by_approval(&admin, Level::Admin, Level::Admin, payload())), @"permit by approval:00000000-0000-0000-0000-000000000007 to Act");
}

#[test]
fn policy_alone_allows_only_what_it_lets_pass() {
    let small = judge(&bugfix([edit("src/a.rs", &["-let x = 1;", "+let x = 2;"])]));
    let denied = judge(&bugfix([edit(".env", &["+A=1"])]));
    let admin = judge(&bugfix([edit("hyperion.toml", &["+a = 1"])]));
    let land = action(ActionKind::Land);
    let by = |assessment: &Assessment, action: &Action| {
        outcome(
            action,
            &Basis::Policy {
                assessment,
                payload: payload(),
            },
        )
    };
    insta::assert_snapshot!(by(&denied, &land), @"refused: failed to allow the landing: policy refuses it");
    insta::assert_snapshot!(by(&admin, &land), @"refused: failed to allow the landing by policy alone: it needs admin; ask for an approval");
    assert!(
        by(&small, &land).starts_with("permit by policy:sha256:"),
        "{}",
        by(&small, &land)
    );
    // S4: production is by hand, whatever an assessment says.
    insta::assert_snapshot!(by(&small, &action(ActionKind::DeployProduction)), @"refused: failed to allow the production deployment by policy alone: it needs manual-only; ask for an approval");
    let basis = Basis::Policy {
        assessment: &small,
        payload: Digest::of(b"other"),
    };
    assert!(outcome(&land, &basis).starts_with("refused"));
}

#[test]
fn production_is_approved_by_hand_and_by_an_admin() {
    let admin = person(Role::Admin);
    let deploy = action(ActionKind::DeployProduction);
    let low = by_approval(&admin, Level::Admin, Level::Auto, payload());
    insta::assert_snapshot!(outcome(&deploy, &low), @"refused: failed to allow the production deployment: it was approved at admin, but needs manual-only; ask again");
    let hand = by_approval(&admin, Level::ManualOnly, Level::Auto, payload());
    insta::assert_snapshot!(outcome(&deploy, &hand), @"permit by approval:00000000-0000-0000-0000-000000000007 to Act");
}

// Decisions §2.4: recovery mints from the record, only to verify, finish or undo that very digest.
#[test]
fn recovery_goes_on_with_what_was_begun_and_begins_nothing() {
    let land = action(ActionKind::Land);
    let policy = Digest::of(b"the policy of that time");
    let decision = DecisionId::Approval(approval());
    let basis = |purpose, payload| Basis::Recovery {
        decision,
        payload,
        policy,
        purpose,
    };
    for purpose in [Purpose::Verify, Purpose::Finish, Purpose::Undo] {
        let permit = permit(&land, &basis(purpose, payload()), &shipped_rules()).unwrap();
        assert_eq!(
            (permit.purpose(), permit.policy(), permit.decision_id()),
            (purpose, policy, decision)
        );
        assert_eq!((permit.payload(), permit.action()), (payload(), &land));
    }
    insta::assert_snapshot!(outcome(&land, &basis(Purpose::Act, payload())), @"refused: failed to allow the landing from its record: recovery may verify, finish or undo, not begin");
    insta::assert_snapshot!(outcome(&land, &basis(Purpose::Finish, policy)), @"refused: failed to allow the landing: it is for sha256:3ecb355cac0490f19a6e35b3e0edc14ee524d2e351170ce1907246c91bf0e693, but sha256:39573385102dab62d2cd09fe37d489d1ee00a8ff89d05202eba3c791fd265f15 was agreed to; ask again");
}

#[test]
fn a_decision_id_survives_text() {
    for id in [
        DecisionId::Approval(approval()),
        DecisionId::Policy(payload()),
        DecisionId::Grant(hyperion_model::GrantId::new(Uuid::from_u128(9))),
    ] {
        assert_eq!(id.to_string().parse::<DecisionId>().unwrap(), id);
    }
    for bad in [
        "",
        "approval:",
        "policy:7",
        "lease:0190b7c4-6f2e-7a31-9d52-3f1c8a4be901",
    ] {
        assert!(bad.parse::<DecisionId>().is_err(), "{bad}");
    }
}
