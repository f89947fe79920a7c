//! git: what throws away work that stands in no commit. It says so, is asked about each time, and has no shape.

use hyperion_model::Level;

use crate::command::call::Call;
use crate::command::judge::Judge;

fn discards(judge: &mut Judge<'_>, what: &str) {
    judge.unclear(
        "git.discards",
        format!("{what}: work that stands in no commit is lost"),
    );
}

/// Tells whether one of these was given: a letter among short options, or a long one, whole or shortened as git allows.
fn given(call: &Call, letters: &[char], long: &[&str]) -> bool {
    call.unknown
        .iter()
        .any(|option| match option.strip_prefix("--") {
            Some(name) => {
                let name = name.split('=').next().unwrap_or(name);
                !name.is_empty() && long.iter().any(|long| long.starts_with(name))
            }
            None => option.chars().skip(1).any(|c| letters.contains(&c)),
        })
}

/// What takes a `--force`, or takes back what it began.
pub(super) fn forced(judge: &mut Judge<'_>, call: &Call) {
    judge.secrets(&call.operands);
    let named = call
        .operands
        .iter()
        .any(|word| word.literal.as_deref() == Some("deinit"));
    if named
        || given(
            call,
            &['f'],
            &["force", "abort", "skip", "reset", "expire", "prune", "hard"],
        )
    {
        discards(judge, "may throw away what was changed");
    }
}

/// `git checkout`: a branch is entered, a path is set back; one word may be either.
pub(super) fn checkout(judge: &mut Judge<'_>, call: &Call) {
    judge.secrets(&call.operands);
    let makes = given(call, &['b'], &["orphan", "detach"]) && !call.ended;
    let one = call
        .operands
        .first()
        .and_then(|word| word.literal.as_deref());
    let enters = one.is_none_or(|name| {
        matches!(name, "-" | "main" | "master" | "trunk" | "develop" | "HEAD")
            || name.len() >= 7 && name.chars().all(|c| c.is_ascii_hexdigit())
    });
    let by_force = given(
        call,
        &['f', 'B', 'p'],
        &[
            "force",
            "ours",
            "theirs",
            "merge",
            "patch",
            "pathspec-from-file",
        ],
    );
    if by_force || call.ended || !makes && (call.operands.len() > 1 || !enters) {
        discards(judge, "sets files back");
    }
}

/// `git restore`: sets files back, save where only the index is meant.
pub(super) fn restore(judge: &mut Judge<'_>, call: &Call) {
    judge.secrets(&call.operands);
    let index_alone = given(call, &['S'], &["staged"]) && !given(call, &['W'], &["worktree"]);
    if !index_alone {
        discards(judge, "sets files back");
    }
}

/// `git reset`: moves the branch, and with some options the files with it.
pub(super) fn reset(judge: &mut Judge<'_>, call: &Call) {
    judge.secrets(&call.operands);
    if given(call, &[], &["hard", "merge", "keep"]) {
        discards(judge, "sets files back");
    }
}

/// `git clean`: removes what git does not keep.
pub(super) fn clean(judge: &mut Judge<'_>, call: &Call) {
    judge.secrets(&call.operands);
    if !given(call, &['n'], &["dry-run"]) {
        discards(judge, "removes files that git does not keep");
    }
}

/// `git switch`: refuses to lose work, unless it is told to.
pub(super) fn switch(judge: &mut Judge<'_>, call: &Call) {
    judge.secrets(&call.operands);
    if given(
        call,
        &['f', 'C'],
        &["force", "discard-changes", "force-create", "merge"],
    ) {
        discards(judge, "sets files or a branch back");
    }
}

/// `git rm -f`: removes files that were changed as well.
pub(super) fn removed(judge: &mut Judge<'_>, call: &Call) {
    if call.has(&["-f", "--force"]) {
        discards(judge, "removes files although they were changed");
    }
}

/// `git worktree list` looks; a tree that is removed by force takes its changes along.
pub(super) fn worktree(judge: &mut Judge<'_>, call: &Call) {
    if given(call, &['f'], &["force"]) {
        discards(judge, "removes a tree although files in it were changed");
    }
    super::git::only_list(judge, call);
}

/// `git stash`: `list` and `show` look, `drop` and `clear` throw away, the rest changes files.
pub(super) fn stash(judge: &mut Judge<'_>, call: &Call) {
    let first = call
        .operands
        .first()
        .and_then(|word| word.literal.as_deref());
    match first {
        Some("list") if call.operands.len() == 1 => {}
        Some("show") if call.operands.len() <= 2 => {}
        Some("drop" | "clear") => discards(judge, "throws away what was put aside"),
        _ => judge.ask(Level::TeamLead, "command.changes", "changes the repository"),
    }
}
