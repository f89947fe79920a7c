//! git: what looks, what changes, and pushes that replace what others have.

use hyperion_model::Level;

use super::git_discards::{
    checkout, clean, forced, removed, reset, restore, stash, switch, worktree,
};
use super::git_prints::{added, compared, objects, remote};
use super::{Does, Family, Operands, Program};
use crate::command::call::Call;
use crate::command::judge::{Judge, Touch};
use crate::command::word::Word;
use crate::place::joined;

/// Branches that everybody stands on.
const SHARED_BRANCHES: &[&str] = &[
    "main",
    "master",
    "trunk",
    "develop",
    "production",
    "release",
    "stable",
];

/// Options that say how commits and differences are shown.
macro_rules! shown {
    ($more:literal) => {
        concat!(
            "-# -a -b -B? -c -C? -D -E -F -g -G=t -i -I=t -l=t -m -M? -n=t -p -P -q -r -R -s -S=t -t -u -U=t -w -W -z
             --abbrev? --abbrev-commit --after=t --all --all-match --author=t --author-date-order --before=t --binary
             --boundary --branches? --cached --cc --check --cherry-pick --color? --color-moved? --color-words?
             --committer=t --count --date=t --date-order --decorate? --diff-algorithm=t --diff-filter=t --dirstat?
             --exit-code --find-copies? --find-renames? --first-parent --follow --format=t --full-index
             --function-context --graph --grep=t --histogram --ignore-all-space --ignore-blank-lines
             --ignore-space-change --ignore-submodules? --invert-grep --left-right --max-count=t --merge-base --merges
             --minimal --min-parents=t --name-only --name-status --no-abbrev --no-abbrev-commit --no-color
             --no-decorate --no-ext-diff --no-merges --no-notes --no-patch --no-prefix --no-renames
             --no-textconv --numstat --oneline --parents --patch --patch-with-stat --patience --pickaxe-all
             --pickaxe-regex --pretty? --quiet --raw --regexp-ignore-case --relative? --relative-date --remotes?
             --reverse --root --shortstat --show-signature --simplify-merges --since=t --skip=t --staged --stat?
             --stat-count=t --stat-width=t --submodule? --summary --tags? --text --topo-order --unified=t --until=t
             --walk-reflogs --word-diff? --word-diff-regex=t --ws-error-highlight=t
             !--ext-diff !--no-index !--textconv !-O=r !--output=w ",
            $more
        )
    };
}

const CHANGES: Does = Does::Changes("changes the repository");
const TALKS: Does = Does::Talks("talks to another repository");

pub(super) const FAMILIES: &[Family] = &[Family {
    names: &["git"],
    options: "-P --no-pager --no-optional-locks --literal-pathspecs --no-replace-objects -C=n !-c=k !-p !--paginate
        !--bare !--config-env=k !--exec-path=k !--git-dir=k !--namespace=t !--super-prefix=t !--work-tree=k",
    commands: COMMANDS,
    otherwise: Does::Runs("runs a command of git that no table knows, or an alias"),
    check: Some(whole),
}];

const COMMANDS: &[Program] = &[
    Program::reads(
        &["status"],
        "-b -s -u? -v -z --ahead-behind --branch --column? --find-renames? --ignored? --ignore-submodules? --long
         --no-ahead-behind --no-renames --porcelain? --renames --short --show-stash --untracked-files? --verbose",
        Operands::Read,
    )
    .checked(objects),
    Program::reads(&["diff"], shown!(""), Operands::Read).checked(compared),
    Program::reads(&["log", "whatchanged"], shown!("-L=r"), Operands::Read).checked(objects),
    Program::reads(&["show"], shown!(""), Operands::Read).checked(objects),
    Program::reads(&["diff-tree", "diff-index", "diff-files"], shown!("--stdin --no-commit-id"), Operands::Read).checked(objects),
    Program::reads(
        &["blame", "annotate"],
        "-b -C -c -e -f -l -L=t -M -n -p -s -t -w --abbrev=t --color-by-age --color-lines --date=t --first-parent
         --incremental --line-porcelain --porcelain --reverse --root --score-debug --show-email --show-name
         --show-number --show-stats !--contents=r !--ignore-revs-file=r !-S=r",
        Operands::Read,
    )
    .checked(objects),
    Program::reads(
        &["grep"],
        "-# -a -A=t -B=t -c -C=t -e=t -E -F -G -h -H -i -I -l -L -m=t -n -o -p -P -q -v -w -W -z --after-context=t
         --all-match --and --before-context=t --break --cached --color? --column --context=t --count --extended-regexp
         --files-with-matches --files-without-match --fixed-strings --full-name --function-context --heading
         --ignore-case --invert-match --line-number --max-count=t --max-depth=t --name-only --no-color --null --or
         --only-matching --perl-regexp --quiet --show-function --text --word-regexp !-f=r !-O? !--no-index
         !--open-files-in-pager? !--untracked !--no-exclude-standard !--textconv",
        Operands::Pattern(&["-e"]),
    )
    .checked(objects),
    Program::reads(
        &["branch"],
        "-a -i -l -q -r -v --abbrev=t --all --color? --column? --contains? --format=d --ignore-case --list --merged?
         --no-abbrev --no-color --no-column --no-contains? --no-merged? --points-at=t --quiet --remotes --show-current
         --sort=t --verbose !-c !-C !-d !-D !-f !-m !-M !-t !-u=t !--copy !--create-reflog !--delete
         !--edit-description !--force !--move !--set-upstream-to=t !--track? !--unset-upstream",
        Operands::Text,
    )
    .checked(named),
    Program::reads(
        &["tag"],
        "-i -l -n? --color? --column? --contains? --format=d --ignore-case --list --merged? --no-contains? --no-merged?
         --points-at=t --sort=t !-a !-d !-f !-F=r !-m=t !-s !-u=t !-v !--annotate !--cleanup=t !--delete !--file=r
         !--force !--message=t !--sign !--verify",
        Operands::Text,
    )
    .checked(named),
    Program::reads(&["remote"], "-v --verbose", Operands::Text).checked(remote),
    Program::reads(
        &["stash"],
        "-# -p --name-only --name-status --no-ext-diff --numstat --oneline --patch --shortstat --stat? -U=t --unified=t
         !-u !-a !-k !-m=t !--include-untracked !--only-untracked",
        Operands::Text,
    )
    .checked(stash),
    Program::reads(&["worktree"], "--porcelain -v -z", Operands::Text).checked(worktree),
    Program::reads(
        &["rev-parse"],
        "-q --abbrev-ref? --absolute-git-dir --all --branches? --git-common-dir --git-dir --git-path=t --is-bare-repository
         --is-inside-git-dir --is-inside-work-tree --is-shallow-repository --quiet --remotes? --short? --show-cdup
         --show-prefix --show-superproject-working-tree --show-toplevel --symbolic --symbolic-full-name --tags? --verify",
        Operands::Text,
    )
    .checked(objects),
    Program::reads(&["rev-list"], shown!("--objects --no-walk"), Operands::Read).checked(objects),
    Program::reads(
        &["ls-files"],
        "-c -d -i -k -m -o -s -t -u -v -x=t -z --abbrev? --cached --deduplicate --deleted --directory --eol --error-unmatch
         --exclude=t --exclude-standard --full-name --ignored --killed --modified --others --recurse-submodules --stage
         --unmerged !-X=r !--exclude-from=r !--exclude-per-directory=r",
        Operands::Names,
    ),
    Program::reads(
        &["ls-tree"],
        "-d -l -r -t -z --abbrev? --format=t --full-name --full-tree --long --name-only --name-status --object-only",
        Operands::Names,
    ),
    Program::reads(
        &["cat-file"],
        "-e -p -s -t --allow-unknown-type !--batch? !--batch-check? !--batch-command !--filters !--path=t !--textconv",
        Operands::Text,
    )
    .checked(objects),
    Program::reads(
        &["merge-base"],
        "-a --all --fork-point --independent --is-ancestor --octopus",
        Operands::Text,
    ),
    Program::reads(
        &["describe", "name-rev"],
        "--abbrev=t --all --always --candidates=t --contains --dirty? --exact-match --exclude=t --first-parent --long
         --match=t --name-only --refs=t --tags",
        Operands::Text,
    ),
    Program::reads(&["shortlog"], "-c -e -n -s -w? --committer --email --group=t --numbered --summary --since=t --until=t --all --no-merges", Operands::Text),
    Program::reads(&["reflog"], shown!(""), Operands::Text).checked(reflog),
    Program::reads(
        &["for-each-ref", "show-ref", "show-branch"],
        "-d -q -s --abbrev? --all --contains? --count=t --dereference --exclude=t --format=d --hash? --head --heads
         --ignore-case --merged? --no-contains? --no-merged? --points-at=t --quiet --sort=t --tags --verify --list",
        Operands::Text,
    ),
    Program::reads(
        &["check-ignore", "check-attr"],
        "-a -n -q -v -z --all --no-index --non-matching --quiet --verbose",
        Operands::Text,
    ),
    Program::reads(&["count-objects"], "-v -H --verbose --human-readable", Operands::Nothing),
    Program::reads(&["version"], "--build-options", Operands::Nothing),
    Program::reads(&["config"], "--get", Operands::Text).checked(config),
    Program::reads(&["hash-object"], "-t=t --no-filters --stdin !-w !--path=t", Operands::Read),
    Program::new(
        &["add", "stage"],
        CHANGES,
        "-A -e -f -i -n -N -p -u -v --all --chmod=t --dry-run --force --intent-to-add --patch --update --verbose",
        Operands::Read,
    )
    .checked(added),
    Program::new(
        &["commit"],
        CHANGES,
        "-a -C=t -c=t -F=r -m=t -n -o -p -q -s -S? -v --all --allow-empty --amend --author=t --cleanup=t --date=t --file=r
         --fixup=t --message=t --no-edit --no-verify --only --quiet --reset-author --signoff --squash=t --trailer=t",
        Operands::Read,
    ),
    Program::new(
        &["rm"],
        Does::Changes("removes files"),
        "-f -n -q -r --cached --dry-run --force --ignore-unmatch --quiet",
        Operands::Write,
    )
    .checked(removed),
    Program::new(&["mv"], Does::Changes("moves files"), "-f -k -n -v --force --dry-run", Operands::Write),
    Program::new(
        &[
            "am", "apply", "bisect", "cherry-pick", "gc", "init", "merge", "notes", "pack-refs", "prune", "read-tree",
            "rebase", "repack", "replace", "revert", "sparse-checkout", "symbolic-ref", "update-index", "update-ref",
            "write-tree", "commit-tree", "maintenance", "bundle", "archive", "format-patch", "rerere", "checkout-index",
        ],
        CHANGES,
        "",
        Operands::Kept,
    )
    .checked(forced),
    Program::new(&["checkout"], CHANGES, "", Operands::Kept).checked(checkout),
    Program::new(&["restore"], CHANGES, "", Operands::Kept).checked(restore),
    Program::new(&["reset"], CHANGES, "", Operands::Kept).checked(reset),
    Program::new(&["clean"], Does::Changes("removes files"), "", Operands::Kept).checked(clean),
    Program::new(&["switch"], CHANGES, "", Operands::Kept).checked(switch),
    Program::new(&["filter-branch", "filter-repo"], Does::Changes("rewrites the history"), "", Operands::Kept),
    Program::new(
        &["push"],
        TALKS,
        "-4 -6 -d -f -n -q -u -v --all --atomic --branches --delete --dry-run --follow-tags --force --force-if-includes
         --force-with-lease? --mirror --no-verify --porcelain --progress --prune --quiet --set-upstream --signed? --tags
         --thin --verbose !-o=t !--exec=k !--push-option=t !--receive-pack=k",
        Operands::Kept,
    )
    .checked(push),
    Program::new(
        &["fetch", "pull", "clone", "ls-remote", "submodule", "send-email", "request-pull", "svn", "p4", "fetch-pack", "send-pack", "daemon", "http-push"],
        TALKS,
        "",
        Operands::Kept,
    )
    .checked(forced),
    Program::new(
        &["difftool", "mergetool", "help", "gui", "citool", "instaweb", "web--browse", "credential", "hook", "for-each-repo"],
        Does::Runs("runs another program"),
        "",
        Operands::Kept,
    ),
];

/// Options before the subcommand: git believes the settings of the folder it stands in.
fn whole(judge: &mut Judge<'_>, call: &Call) {
    let mut dirs = judge.dirs.clone();
    for word in call.values(&["-C"]) {
        let Some(dir) = &word.literal else {
            return judge.unclear(
                "shell.folder",
                "which folder git is to stand in is not known before it runs",
            );
        };
        dirs = dirs.iter().map(|from| joined(from, dir)).collect();
    }
    let is_plain = |dir: &String| match judge.place.root_of(dir) {
        // A folder that looks like a repository of its own brings settings of its own.
        Some((_, relative)) => !relative
            .split('/')
            .any(|part| part.starts_with('.') || part.to_lowercase().ends_with(".git")),
        None => dir == judge.place.dir(),
    };
    if judge.lost || !dirs.iter().all(is_plain) {
        judge.ask(
            Level::TeamLead,
            "git.folder",
            "git believes the settings of the folder it stands in, and that is no plain folder below the root",
        );
    }
}

/// `git branch` and `git tag` list, unless they are given a name.
fn named(judge: &mut Judge<'_>, call: &Call) {
    let lists = call.has(&[
        "-l",
        "--list",
        "--contains",
        "--no-contains",
        "--merged",
        "--no-merged",
        "--points-at",
        "-n",
    ]);
    if !call.operands.is_empty() && !lists {
        judge.ask(
            Level::TeamLead,
            "command.changes",
            "makes or changes a name in the repository",
        );
    }
}

pub(super) fn only_list(judge: &mut Judge<'_>, call: &Call) {
    let first = call
        .operands
        .first()
        .and_then(|word| word.literal.as_deref());
    if first != Some("list") || call.operands.len() > 1 {
        judge.ask(Level::TeamLead, "command.changes", "changes the repository");
    }
}

fn reflog(judge: &mut Judge<'_>, call: &Call) {
    let first = call
        .operands
        .first()
        .and_then(|word| word.literal.as_deref());
    if !matches!(first, None | Some("show")) {
        judge.ask(
            Level::TeamLead,
            "command.changes",
            "changes what git remembers",
        );
    }
}

/// `git config --get KEY` looks, save where keys hold secrets.
fn config(judge: &mut Judge<'_>, call: &Call) {
    let key = call
        .operands
        .first()
        .and_then(|word| word.literal.as_deref())
        .unwrap_or_default();
    let plain = [
        "user.", "core.", "init.", "branch.", "pull.", "push.", "merge.", "diff.",
    ];
    let looks = call.has(&["--get"])
        && call.operands.len() == 1
        // The remote of a branch may be an address, with a password in it.
        && !key.to_lowercase().ends_with("remote")
        && plain
            .iter()
            .any(|start| key.to_lowercase().starts_with(start));
    if !looks {
        judge.ask(
            Level::TeamLead,
            "command.changes",
            "changes settings, or shows ones that may hold secrets",
        );
    }
}

/// `git push`: replacing or removing what others have is agreed to by hand, and never on a shared branch.
fn push(judge: &mut Judge<'_>, call: &Call) {
    let unknown_force = call.unknown.iter().any(|option| {
        option.starts_with("--f") || option.starts_with("--m") || option.starts_with("--de")
    });
    let forced =
        call.has(&["-f", "--force", "--force-with-lease", "--force-if-includes"]) || unknown_force;
    let deletes = call.has(&["-d", "--delete", "--prune"]);
    let everything =
        call.has(&["--mirror"]) || forced && call.has(&["--all", "--branches", "--tags"]);
    let refs = call.operands.get(1..).unwrap_or_default();
    let replaces = |word: &Word| word.pattern.starts_with(['+', ':']);
    if !(forced || deletes || everything || refs.iter().any(replaces)) {
        return;
    }
    const HINT: &str = "it would replace or remove commits that others build on; push to a branch of your own, or let a person do it";
    if everything || refs.is_empty() {
        let which = "a forced push has to name its branch";
        return judge.deny("git.force_push", format!("{which}: {HINT}"));
    }
    for word in refs
        .iter()
        .filter(|word| forced || deletes || replaces(word))
    {
        let target = word.literal.as_deref().map(|text| {
            let text = text.trim_start_matches('+');
            let target = text.rsplit_once(':').map_or(text, |(_, target)| target);
            target.trim_start_matches("refs/heads/").to_owned()
        });
        let shared = target.as_deref().is_none_or(|target| {
            let name = target.to_lowercase();
            let start = name.split('/').next().unwrap_or_default();
            // `HEAD` is whatever branch is there.
            SHARED_BRANCHES.contains(&start)
                || target.contains('*')
                || matches!(target, "HEAD" | "@" | "")
        });
        if shared {
            return judge.deny("git.force_push", HINT);
        }
    }
    judge.ask(
        Level::ManualOnly,
        "git.force_push",
        "replaces or removes what others have; it is agreed to by hand, each time",
    );
    for word in refs {
        judge.path(word, Touch::Name);
    }
}
