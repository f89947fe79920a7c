//! Users, tokens and decisions over a real store.

use std::collections::BTreeSet;
use std::time::Duration;

use hyperion_identity::{Password, Scope};
use hyperion_model::approval::Approval;
use hyperion_model::token::Status;
use hyperion_model::{Actor, ApprovalId, Role};
use hyperion_store::Filter;

use super::*;
use crate::approval::{self as approvals, Decision};
use crate::testing::{World, admin, name};

const SECRET: &str = "correct horse battery";

fn world() -> World {
    World::new(&[("README.md", "one\n")])
}

fn owner() -> Known {
    Known::owner(&admin())
}

fn add(cx: &Cx, name: &str, role: Role) -> User {
    let new = NewUser {
        name: name.to_owned(),
        role,
        os_uid: None,
        password: None,
    };
    create(cx, &owner(), &new).unwrap()
}

fn known(cx: &Cx, name: &str) -> Known {
    let user = require(cx, name).unwrap();
    Known::of_user(&user, Rights::of_role(user.role))
}

fn token(cx: &Cx, user: &str, scopes: &[Scope]) -> Issued {
    let wanted = WantedToken {
        user: Some(user.to_owned()),
        label: "a test".to_owned(),
        scopes: scopes.iter().copied().collect(),
        lasts: Some(Duration::from_secs(3600)),
    };
    issue(cx, &owner(), &wanted).unwrap()
}

fn code(error: Error) -> String {
    let problem: Problem = error.into();
    problem.code
}

/// The text of everything in the chain.
fn chain(cx: &Cx) -> String {
    let page = cx.store.events_after(0, 1000).unwrap();
    page.events
        .iter()
        .map(|event| format!("{}\n", event.to_json()))
        .collect()
}

// X8: a token carries its user's role at the time of the call, cut by its scopes, and ends with either.
#[test]
fn a_token_is_its_user_as_they_are_now() {
    let world = world();
    let cx = &world.cx.clone();
    add(cx, "eve", Role::Admin);
    let issued = token(cx, "eve", &[Scope::Read, Scope::Decide]);
    let text = issued.text.reveal().to_owned();
    let role = || {
        caller_of_token(cx, &text)
            .unwrap()
            .map(|known| known.rights.role)
    };
    assert_eq!(role(), Some(Role::TeamLead));
    let other: String = text.chars().rev().collect();
    assert_eq!(caller_of_token(cx, &other).unwrap(), None);
    assert_eq!(
        caller_of_token(cx, ApiToken::new().unwrap().reveal()).unwrap(),
        None
    );

    let to_viewer = ChangeUser {
        role: Some(Role::Viewer),
        ..ChangeUser::default()
    };
    change(cx, &owner(), "eve", &to_viewer).unwrap();
    assert_eq!(role(), Some(Role::Viewer));
    assert!(token_used_at(cx, issued.token.id).unwrap().is_some());
    let disable = ChangeUser {
        disabled: Some(true),
        ..ChangeUser::default()
    };
    change(cx, &owner(), "eve", &disable).unwrap();
    assert_eq!(role(), None);
    let enable = ChangeUser {
        disabled: Some(false),
        ..ChangeUser::default()
    };
    change(cx, &owner(), "eve", &enable).unwrap();
    assert_eq!(role(), None, "tokens die with their user");

    let text = token(cx, "eve", &[]).text.reveal().to_owned();
    assert!(caller_of_token(cx, &text).unwrap().is_some());
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(
        caller_of_token(cx, &text).unwrap(),
        None,
        "its time has passed"
    );
    let mut identity = Identity::new(name("identity"));
    crate::reconcile::Reconcile::reconcile(&mut identity, cx).unwrap();
    let ended = cx.store.list::<Token>(&Filter::default()).unwrap().rows;
    let ended: Vec<_> = ended.iter().map(|token| token.status).collect();
    assert_eq!(ended, [Status::Revoked, Status::Expired]);
    assert!(!chain(cx).contains("hyp_"), "no token in the chain");
}

// X8: nobody makes a token, or a user, that may more than they may.
#[test]
fn nobody_gains_rights() {
    let world = world();
    let cx = &world.cx;
    add(cx, "bob", Role::Operator);
    let text = token(cx, "bob", &[Scope::Read]).text;
    let bob = caller_of_token(cx, text.reveal()).unwrap().unwrap();
    let wanted = |scopes: &[Scope]| WantedToken {
        scopes: scopes.iter().copied().collect::<BTreeSet<_>>(),
        ..WantedToken::default()
    };
    assert_eq!(
        code(issue(cx, &bob, &wanted(&[Scope::File])).unwrap_err()),
        "access.denied"
    );
    issue(cx, &bob, &wanted(&[Scope::Read])).unwrap();
    let new = NewUser {
        name: "mal".to_owned(),
        role: Role::Admin,
        os_uid: None,
        password: None,
    };
    assert_eq!(
        code(create(cx, &known(cx, "bob"), &new).unwrap_err()),
        "access.denied"
    );
    let up = ChangeUser {
        role: Some(Role::Admin),
        ..ChangeUser::default()
    };
    assert_eq!(
        code(change(cx, &known(cx, "bob"), "bob", &up).unwrap_err()),
        "access.denied"
    );
    let run = Known {
        rights: Rights::of_run(hyperion_model::RunId::new(Uuid::nil()), Role::Admin),
        ..owner()
    };
    assert_eq!(
        code(issue(cx, &run, &wanted(&[])).unwrap_err()),
        "access.denied"
    );
}

// X8: the home's owner needs no user; the first token makes them one, and somebody always stays admin.
#[test]
fn the_owner_is_admin_until_they_are_a_user() {
    let world = world();
    let cx = &world.cx;
    let uid = hyperion_host::effective_uid();
    let of_peer = |uid| caller_of_peer(cx, uid, &admin()).unwrap();
    assert_eq!(of_peer(uid), Some(owner()));
    assert_eq!(of_peer(uid + 1), None);
    assert!(is_single_user(cx).unwrap() && !has_users(cx).unwrap());

    issue(cx, &owner(), &WantedToken::default()).unwrap();
    let ada = of_peer(uid).unwrap();
    assert_eq!((ada.actor.clone(), ada.user.is_some()), (admin(), true));
    assert!(
        is_single_user(cx).unwrap(),
        "one person with a token is one person"
    );
    let down = ChangeUser {
        role: Some(Role::Viewer),
        ..ChangeUser::default()
    };
    assert_eq!(
        code(change(cx, &ada, "ada", &down).unwrap_err()),
        "user.last_admin"
    );
    let bob = NewUser {
        name: "bob".to_owned(),
        role: Role::Admin,
        os_uid: Some(uid + 1),
        password: None,
    };
    create(cx, &ada, &bob).unwrap();
    assert!(!is_single_user(cx).unwrap());
    assert_eq!(of_peer(uid + 1).unwrap().actor.id().as_str(), "bob");
    change(cx, &ada, "ada", &down).unwrap();
    assert_eq!(of_peer(uid).unwrap().rights.role, Role::Viewer);
    let disable = ChangeUser {
        disabled: Some(true),
        ..ChangeUser::default()
    };
    change(cx, &of_peer(uid + 1).unwrap(), "ada", &disable).unwrap();
    assert_eq!(
        of_peer(uid),
        None,
        "a disabled user is not the owner instead"
    );
}

// X8: sign-ins by password; refused ones are limited and noted once a minute; a new password ends sessions.
#[test]
fn somebody_signs_in_and_out() {
    let world = world();
    let cx = &world.cx;
    let password = Password::new(SECRET);
    let new = NewUser {
        name: "ada".to_owned(),
        role: Role::TeamLead,
        os_uid: None,
        password: Some(password.clone()),
    };
    create(cx, &owner(), &new).unwrap();
    let sign = |name: &str, password: &str| {
        sign_in(
            cx,
            &SignIn {
                name,
                password: &Password::new(password),
                peer: "10.0.0.9",
            },
        )
    };
    let session = sign("ada", SECRET).unwrap();
    let who = |session: &Session| caller_of_session(cx, &session.secret).unwrap();
    assert_eq!(who(&session).unwrap().rights.role, Role::TeamLead);
    let second = sign("ada", SECRET).unwrap();
    sign_out(cx, &second.known).unwrap();
    assert_eq!((who(&second), who(&session).is_some()), (None, true));

    let wrong = Password::new("another password");
    let by = who(&session).unwrap();
    let refused = set_password(cx, &by, "ada", Some(&wrong), &wrong).unwrap_err();
    assert_eq!(code(refused), "input.invalid");
    let third = sign("ada", SECRET).unwrap();
    set_password(cx, &by, "ada", Some(&password), &wrong).unwrap();
    assert_eq!((who(&session).is_some(), who(&third)), (true, None));
    for _ in 0..5 {
        assert_eq!(code(sign("ada", SECRET).unwrap_err()), "access.refused");
    }
    assert_eq!(
        code(sign("ada", "another password").unwrap_err()),
        "access.too_many"
    );
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(code(sign("mallory", SECRET).unwrap_err()), "access.refused");
    world.clock.advance(Duration::from_secs(60));
    sign("ada", "another password").unwrap();
    world.clock.advance(Duration::from_secs(13 * 3600));
    assert_eq!(who(&session), None, "nothing was done for long");
    let chain = chain(cx);
    assert_eq!(chain.matches("user.sign_in_refused").count(), 2, "{chain}");
    for secret in [SECRET, "another password", "argon2", "mallory"] {
        assert!(!chain.contains(secret), "{secret}");
    }
}

/// A pending approval of a change that `ada` filed.
fn pending(world: &mut World) -> ApprovalId {
    let task = hyperion_testkit::task("T1", "Say two").owns(&["README.md"]);
    let task = task.modify("README.md", "one\n", "two\n");
    let request = world.file(&hyperion_testkit::task_request("Say two").task(task));
    world.settle();
    let open = Filter::open().request(request);
    world.cx.store.list::<Approval>(&open).unwrap().rows[0].id
}

fn approve(cx: &Cx, by: &Known, id: ApprovalId) -> Result<(), Error> {
    approvals::decide(cx, by, id, Decision::Approve, None, None)
}

// S4: alone one approves what one filed; with others somebody else has to, whose role reaches.
#[test]
fn nobody_approves_their_own_work_where_there_are_others() {
    let mut world = world();
    let id = pending(&mut world);
    let cx = &world.cx.clone();
    add(cx, "ada", Role::Admin);
    add(cx, "oli", Role::Operator);
    let refused: Problem = approve(cx, &known(cx, "ada"), id).unwrap_err().into();
    insta::assert_snapshot!(format!("{}: {} ({})", refused.code, refused.detail, refused.hint.unwrap()), @"approval.own_work: ada asked for this, and nobody approves their own work here (nobody else of this home may: make somebody team-lead with `hyperion user role NAME team-lead`)");
    assert_eq!(
        code(approve(cx, &known(cx, "oli"), id).unwrap_err()),
        "approval.not_entitled"
    );
    add(cx, "tea", Role::TeamLead);
    let asked = cx.store.get::<Approval>(id).unwrap().unwrap();
    let who = approvals::who_may_decide(cx, &asked).unwrap();
    assert_eq!(
        who.in_words(),
        "a team-lead or an admin: tea; not ada, whose own work it is"
    );
    approve(cx, &known(cx, "tea"), id).unwrap();
    assert_eq!(
        code(approve(cx, &known(cx, "tea"), id).unwrap_err()),
        "approval.already_decided"
    );
}

// S4: a role that was lowered, a token that was revoked, between the call and the commit of its decision.
#[test]
fn who_lost_the_right_meanwhile_decides_nothing() {
    let mut world = world();
    let id = pending(&mut world);
    let cx = &world.cx.clone();
    add(cx, "tea", Role::TeamLead);
    let issued = token(cx, "tea", &[Scope::Decide]);
    let by_token = caller_of_token(cx, issued.text.reveal()).unwrap().unwrap();
    revoke(cx, &owner(), issued.token.id).unwrap();
    assert_eq!(
        code(approve(cx, &by_token, id).unwrap_err()),
        "access.denied"
    );
    let before = known(cx, "tea");
    let down = ChangeUser {
        role: Some(Role::Operator),
        ..ChangeUser::default()
    };
    change(cx, &owner(), "tea", &down).unwrap();
    assert_eq!(code(approve(cx, &before, id).unwrap_err()), "access.denied");
    let stale = approvals::decide(cx, &before.actor, id, Decision::Approve, None, None);
    assert_eq!(
        code(stale.unwrap_err()),
        "access.denied",
        "also by the name alone"
    );
    assert!(
        cx.store
            .get::<Approval>(id)
            .unwrap()
            .unwrap()
            .verdict
            .is_none()
    );
}

// S4: two people decide in the same moment: one decision stands, the other is told so.
#[test]
fn of_two_who_decide_at_once_one_is_first() {
    let mut world = world();
    let id = pending(&mut world);
    let cx = &world.cx.clone();
    add(cx, "tea", Role::TeamLead);
    add(cx, "tom", Role::Admin);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let each =
            ["tea", "tom"].map(|name| scope.spawn(move || approve(cx, &known(cx, name), id)));
        each.map(|one| one.join().unwrap()).into()
    });
    let refused: Vec<_> = outcomes
        .into_iter()
        .filter_map(Result::err)
        .map(code)
        .collect();
    assert_eq!(refused, ["approval.already_decided"]);
}

// S4: who owns all that a change touches may decide it as an operator; a team lead who owns none of it may not.
#[test]
fn owners_decide_about_what_they_own() {
    let file = "[owners]\n\"*.md\" = [\"tea\"]\n\"README.md\" = [\"@oli\"]\n";
    let mut world = World::new(&[("README.md", "one\n"), ("hyperion.toml", file)]);
    let cx = &world.cx.clone();
    add(cx, "oli", Role::Operator);
    add(cx, "tea", Role::TeamLead);
    let id = pending(&mut world);
    let asked = cx.store.get::<Approval>(id).unwrap().unwrap();
    let who = approvals::who_may_decide(cx, &asked).unwrap();
    assert_eq!(who.in_words(), "an owner (oli) or an admin: oli");
    assert_eq!(
        code(approve(cx, &known(cx, "tea"), id).unwrap_err()),
        "approval.not_entitled"
    );
    approve(cx, &known(cx, "oli"), id).unwrap();
    world.settle();
    assert_eq!(
        world.repo.show("main", "README.md"),
        "two\n",
        "and its permit is minted"
    );
    let decided = cx
        .store
        .get::<Approval>(id)
        .unwrap()
        .unwrap()
        .verdict
        .unwrap()
        .by;
    assert_eq!(
        decided,
        Actor::Person {
            id: name("oli"),
            role: Role::Operator
        }
    );
}
