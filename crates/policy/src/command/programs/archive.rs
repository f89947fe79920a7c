//! Archives: listing one looks, anything else writes files, and some options run programs.

use hyperion_model::Level;

use super::{Does, Operands, Program};
use crate::command::call::Call;
use crate::command::judge::{Judge, Touch};
use crate::command::word::Word;

pub(super) const PROGRAMS: &[Program] = &[
    Program::reads(
        &["tar"],
        "-a -A -c -C=n -d -f=t -h -j -J -k -m -p -r -t -u -v -w -x -z -Z --bzip2 --create --directory=n --exclude=t
         --extract --file=t --get --gzip --list --strip-components=t --verbose --wildcards --xz --zstd
         !-F=k !-I=k !--checkpoint? !--checkpoint-action=k !--info-script=k !--new-volume-script=k !--rmt-command=k
         !--rsh-command=k !--to-command=k !--use-compress-program=k",
        Operands::Text,
    )
    .checked(tar),
    Program::reads(&["unzip", "zipinfo"], "-1 -l -o -p -q -t -v -Z -d=w -n -j", Operands::Text).checked(unzip),
    Program::reads(&["zcat", "bzcat", "xzcat", "zstdcat", "lzcat"], "", Operands::Read),
    Program::new(
        &["zip"],
        Does::Changes("writes an archive"),
        "-# -9 -j -q -r -x=t --exclude=t !-T !-TT=k !--unzip-command=k",
        Operands::Write,
    ),
    Program::new(
        &["gzip", "gunzip", "bzip2", "bunzip2", "xz", "unxz", "zstd", "unzstd", "lz4", "compress", "uncompress"],
        Does::Changes("writes a file, and may remove another"),
        "-# -c -d -f -k -l -n -q -r -t -v --best --decompress --fast --force --keep --list --stdout --test",
        Operands::Write,
    ),
    Program::new(&["7z", "7za", "rar", "unrar", "cpio", "ar"], Does::Changes("packs or unpacks files"), "", Operands::Kept),
];

/// `tar`: only `-t` looks.
fn tar(judge: &mut Judge<'_>, call: &Call) {
    // The old way has its letters without a dash: `tar tzf a.tgz`.
    let old = call.operands.first().and_then(|word| word.literal.clone());
    let old = old.filter(|letters| {
        call.given.is_empty() && letters.chars().all(|c| c.is_ascii_alphabetic())
    });
    let has = |letter: char, long: &str| {
        let short = format!("-{letter}");
        call.has(&[short.as_str(), long])
            || old.as_ref().is_some_and(|letters| letters.contains(letter))
    };
    let writes = [
        ('x', "--extract"),
        ('c', "--create"),
        ('r', "--append"),
        ('u', "--update"),
        ('A', "--catenate"),
    ];
    let lists = has('t', "--list")
        && !writes.iter().any(|(letter, long)| has(*letter, long))
        && !call.has(&["--get"]);
    if !lists {
        judge.ask(
            Level::TeamLead,
            "command.changes",
            "`tar` packs or unpacks files",
        );
    }
    if !has('f', "--file") {
        judge.unclear(
            "command.waits",
            "without `-f` `tar` waits for a tape, or for what a person types",
        );
    }
    let known = old
        .as_ref()
        .is_none_or(|letters| letters.chars().all(|c| "tvzjJfaxcrpkmh".contains(c)));
    if !known {
        judge.unclear("command.option", "the letters of `tar` are not known");
    }
    let skipped = usize::from(old.is_some());
    let archives: Vec<Word> = call.values(&["-f", "--file"]).cloned().collect();
    let mut touched: Vec<&Word> = archives.iter().collect();
    if lists {
        touched.extend(
            call.operands
                .iter()
                .skip(skipped)
                .take(usize::from(old.is_some())),
        );
    } else {
        touched.extend(call.operands.iter().skip(skipped));
    }
    for word in touched {
        if word.pattern.contains(':') {
            judge.ask(
                Level::TeamLead,
                "command.network",
                "an archive whose name has a `:` is on another machine",
            );
        }
        judge.path(word, if lists { Touch::Read } else { Touch::Write });
    }
}

/// `unzip`: only listing and testing look.
fn unzip(judge: &mut Judge<'_>, call: &Call) {
    let lists = call.has(&["-l", "-Z", "-v", "-t", "-1"]) && !call.has(&["-d", "-o", "-p"]);
    if !lists {
        judge.ask(Level::TeamLead, "command.changes", "`unzip` writes files");
    }
    if let Some(word) = call.operands.first() {
        judge.path(word, Touch::Read);
    }
}
