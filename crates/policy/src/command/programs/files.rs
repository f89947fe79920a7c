//! Files: what lists and prints them, what changes them.

use super::{Does, Operands, Program};
use crate::command::call::Call;
use crate::command::judge::Judge;
use crate::command::word::Word;

const CHANGES: Does = Does::Changes("changes files");

pub(super) const PROGRAMS: &[Program] = &[
    Program::reads(
        &["ls", "dir", "vdir"],
        "-a -A -b -B -c -C -d -D -f -F -g -G -h -H -i -I=t -k -l -L -m -n -N -o -p -q -Q -r -R -s -S -t -T=t -u -U -v -w=t
         -x -X -Z -1 --all --almost-all --author --block-size=t --classify? --color? --dereference --directory
         --escape --file-type --format=t --full-time --group-directories-first --hide=t --human-readable --hyperlink?
         --ignore=t --indicator-style=t --inode --literal --no-group --numeric-uid-gid --quote-name --recursive
         --reverse --si --size --sort=t --time=t --time-style=t --width=t --zero",
        Operands::Names,
    ),
    Program::reads(
        &["tree"],
        "-a -d -f -i -l -L=t -I=t -P=t -p -s -h -D -F -C -n -Q -J -t -r --noreport --dirsfirst --gitignore --prune --du
         --charset=t --filelimit=t !-o=w !-R !-H=t",
        Operands::Names,
    ),
    Program::reads(
        &["cat", "tac", "rev"],
        "-A -b -e -E -n -s -t -T -u -v -r --number --number-nonblank --show-all --show-ends --show-nonprinting
         --show-tabs --squeeze-blank",
        Operands::Read,
    ),
    Program::reads(
        &["head", "tail"],
        "-# -c=t -f -F -n=t -q -s=t -v -z --bytes=t --follow? --lines=t --pid=t --quiet --retry --silent --verbose
         --zero-terminated",
        Operands::Read,
    )
    .checked(follows),
    Program::reads(
        &["wc"],
        "-c -l -L -m -w --bytes --chars --lines --words --max-line-length --total=t !--files0-from=r",
        Operands::Sizes,
    ),
    Program::reads(
        &["file"],
        "-b -h -i -k -L -p -r --brief --dereference --mime --mime-encoding --mime-type --no-dereference !-C !-f=r !-m=r
         !-z !--compile !--files-from=r !--magic-file=r !--uncompress",
        Operands::Read,
    ),
    Program::reads(
        &["stat"],
        "-c=d -f -L -t --dereference --file-system --format=d --printf=d --terse",
        Operands::Names,
    ),
    Program::reads(
        &["du"],
        "-0 -a -b -c -d=t -h -H -k -L -m -s -S -x --all --apparent-size --block-size=t --exclude=t --human-readable
         --max-depth=t --one-file-system --si --summarize --time? --total !-X=r !--exclude-from=r !--files0-from=r",
        Operands::Names,
    ),
    Program::reads(
        &["df"],
        "-a -h -H -i -k -l -m -P -t=t -T -x=t --all --human-readable --inodes --local --output? --portability
         --print-type --si --total --type=t",
        Operands::Text,
    ),
    Program::reads(&["pwd"], "-L -P", Operands::Nothing),
    Program::reads(
        &["realpath", "readlink"],
        "-e -f -m -n -q -s -z -L -P --canonicalize --canonicalize-existing --canonicalize-missing --no-newline
         --relative-base=n --relative-to=n --no-symlinks",
        Operands::Names,
    ),
    Program::reads(&["basename", "dirname"], "-a -s=t -z --multiple --suffix=t --zero", Operands::Text),
    Program::reads(
        &["md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum", "b2sum", "cksum", "sum"],
        "-a=t -b -c -l=t -t -w -z --algorithm=t --binary --check --ignore-missing --length=t --quiet --status --strict
         --tag --text --warn --zero",
        Operands::Read,
    ),
    Program::reads(
        &["cmp"],
        "-b -i=t -l -n=t -s --bytes=t --ignore-initial=t --print-bytes --quiet --silent --verbose",
        Operands::Read,
    ),
    Program::reads(
        &["diff"],
        "-a -b -B -c -C=t -d -e -E -i -L=t -n -N -p -q -s -t -T -u -U=t -w -W=d -y -Z --brief --color? --context? --ed
         --ignore-all-space --ignore-blank-lines --ignore-case --ignore-space-change --ignore-trailing-space --label=t
         --minimal --new-file --normal --report-identical-files --side-by-side --strip-trailing-cr
         --suppress-common-lines --text --unified? --width=d !-r !--recursive",
        Operands::Read,
    )
    .checked(folders),
    Program::reads(&["comm"], "-1 -2 -3 -z --output-delimiter=t --total --zero-terminated", Operands::Read),
    Program::reads(
        &["xxd"],
        "-a -b -c=d -e -E -g=t -i -l=t -o=t -p -s=t -u !-r",
        Operands::InOut,
    )
    .checked(decodes),
    Program::reads(
        &["od"],
        "-A=t -a -b -c -d -f -i -j=t -l -N=t -o -s -t=t -v -x !-w? --address-radix=t --format=t --read-bytes=t --skip-bytes=t",
        Operands::Read,
    ),
    Program::reads(&["hexdump", "hd"], "-b -c -C -d -e=d -n=t -o -s=t -v -x", Operands::Read),
    Program::reads(
        &["strings"],
        "-# -a -d -e=t -f -n=t -o -t=t -w --all --bytes=t --encoding=t --print-file-name --radix=t",
        Operands::Read,
    ),
    Program::new(
        &["mkdir", "touch", "mkfifo", "mktemp", "truncate"],
        CHANGES,
        "-a -c -d -h -m=t -p -q -r=n -s=t -t=t -u -v --date=t --mode=t --no-create --parents --size=t --time=t --verbose",
        Operands::Write,
    ),
    Program::new(
        &["rm", "rmdir", "unlink", "shred"],
        Does::Changes("removes files"),
        "-d -f -i -I -n=t -p -r -R -s=t -u -v -x -z --dir --force --interactive? --iterations=t --no-preserve-root
         --one-file-system --parents --preserve-root? --recursive --remove? --verbose --zero",
        Operands::Remove,
    ),
    Program::new(
        &["cp", "install"],
        CHANGES,
        "-a -b -c -d -D -f -g=t -H -i -l -L -m=t -n -o=t -p -P -r -R -s -S=t -t=w -T -u -v -x -Z --archive --backup?
         --dereference --force --group=t --link --mode=t --no-clobber --no-dereference --no-target-directory --owner=t
         --parents --preserve? --recursive --reflink? --sparse=t --symbolic-link --target-directory=w --update? --verbose",
        Operands::Copy,
    ),
    Program::new(
        &["mv"],
        CHANGES,
        "-b -f -i -n -S=t -t=w -T -u -v --backup? --force --no-clobber --no-target-directory --target-directory=w
         --update? --verbose",
        Operands::Move,
    ),
    Program::new(
        &["ln"],
        CHANGES,
        "-b -f -i -n -P -r -s -S=t -t=w -T -v --force --no-dereference --relative --symbolic --verbose",
        Operands::Copy,
    ),
    Program::new(
        &["chmod", "chown", "chgrp"],
        CHANGES,
        "-c -f -h -H -L -P -R -v --changes --from=t --no-dereference --quiet --recursive --reference=n --silent --verbose",
        Operands::Text,
    )
    .checked(rights),
    Program::new(&["tee"], CHANGES, "-a -i -p --append --ignore-interrupts", Operands::Write),
    Program::new(
        &["split", "csplit"],
        CHANGES,
        "-a=t -b=t -C=t -d -l=t -n=t -x --bytes=t --lines=t --number=t",
        Operands::Copy,
    ),
    Program::new(
        &["patch"],
        CHANGES,
        "-# -b -d=w -E -f -i=r -l -N -o=w -p=t -R -s -t -u --dry-run --forward --input=r --output=w --reverse --strip=t",
        Operands::Write,
    ),
    Program::new(&["dd"], CHANGES, "", Operands::Text).checked(blocks),
    Program::new(
        &["rsync"],
        Does::Changes("copies files, perhaps to another machine"),
        "",
        Operands::Kept,
    )
    .checked(copies),
];

/// `diff` of two folders prints what is in any file of them, hidden ones too.
fn folders(judge: &mut Judge<'_>, call: &Call) {
    let may_be_folder = |word: &Word| {
        let name = word.pattern.rsplit('/').next().unwrap_or_default();
        let open = word.globs || word.braces || matches!(name, "" | "." | "..");
        open || !name.get(1..).unwrap_or_default().contains('.') && name != "-"
    };
    let named = call.operands.iter().filter(|word| !word.process);
    if call.operands.len() > 1 && named.clone().count() > 1 && named.clone().all(may_be_folder) {
        judge.ask(
            hyperion_model::Level::TeamLead,
            "search.hidden",
            "`diff` of two folders opens all files in them, hidden and ignored ones too; name two files",
        );
    }
}

/// `tail -f` never ends by itself; `+1f` is the old spelling.
fn follows(judge: &mut Judge<'_>, call: &Call) {
    let old = |word: &Word| {
        let letters = word.pattern.strip_prefix('+').unwrap_or_default();
        letters.ends_with('f') && !letters.contains('/')
    };
    if call.has(&["-f", "-F", "--follow", "--retry"]) || call.operands.iter().any(old) {
        judge.unclear(
            "command.endless",
            "`tail -f` never ends by itself; leave out `-f`",
        );
    }
}

/// `xxd -r`: the result is not what was seen.
fn decodes(judge: &mut Judge<'_>, call: &Call) {
    if call.has(&["-r"]) {
        judge.fetched += 1;
    }
}

/// `chmod` and `chown`: the first operand is no path, and some rights are an admin's to give.
fn rights(judge: &mut Judge<'_>, call: &Call) {
    use crate::command::judge::Touch;
    for word in call.operands.iter().skip(1) {
        judge.path(word, Touch::Write);
    }
    // The mode may stand behind an option that looks like one: `chmod -R 777 /`.
    let mode = call
        .operands
        .first()
        .and_then(|word| word.literal.as_deref())
        .unwrap_or_default();
    let special = mode.contains('s') && mode.contains(['+', '='])
        || mode.len() == 4
            && mode.starts_with(['2', '4', '6', '7'])
            && mode.chars().all(|c| c.is_ascii_digit());
    if special {
        judge.ask(
            hyperion_model::Level::Admin,
            "command.rights",
            "lets a program run with its owner's rights",
        );
    }
}

/// `dd`: its operands are `if=…` and `of=…`.
fn blocks(judge: &mut Judge<'_>, call: &Call) {
    use crate::command::judge::Touch;
    for word in &call.operands {
        let touch = match &word.pattern {
            text if text.starts_with("if=") => Touch::Read,
            text if text.starts_with("of=") => Touch::Write,
            _ => continue,
        };
        let pattern = word.pattern[3..].to_owned();
        let literal = word.literal.as_ref().map(|_| pattern.clone());
        judge.path(
            &Word {
                literal,
                pattern,
                ..word.clone()
            },
            touch,
        );
    }
}

/// `rsync`: the last operand is written.
fn copies(judge: &mut Judge<'_>, call: &Call) {
    use crate::command::judge::Touch;
    if let Some(last) = call.operands.last()
        && !last.pattern.contains(':')
    {
        judge.path(last, Touch::Write);
    }
}
