//! Guesses the class of a request from its words.

use hyperion_model::facts::Class;

use crate::word::Word;

/// What the first word weighs against any other: people begin with what they want.
const FIRST: u32 = 3;
const OTHER: u32 = 1;
/// What a word for the thing itself weighs: `typo`, `README`.
const THING: u32 = 2;

const VERBS: &[(Class, &[&str])] = &[
    (
        Class::Bugfix,
        &[
            "fix",
            "fixes",
            "repair",
            "resolve",
            "correct",
            "prevent",
            "stop",
            "bug",
            "broken",
            "crash",
            "crashes",
            "crashed",
            "fails",
            "fail",
            "failing",
            "failed",
            "wrong",
            "regression",
            "panics",
            "panicked",
            "leak",
            "leaks",
            "hangs",
            "incorrect",
            "incorrectly",
            "clamp",
            "cap",
            "unexpectedly",
        ],
    ),
    (
        Class::Feature,
        &[
            "add",
            "implement",
            "support",
            "introduce",
            "create",
            "allow",
            "enable",
            "build",
            "provide",
            "expose",
            "offer",
            "extend",
            "integrate",
            "feature",
            "new",
        ],
    ),
    (
        Class::Refactor,
        &[
            "refactor",
            "rename",
            "extract",
            "split",
            "simplify",
            "restructure",
            "move",
            "inline",
            "deduplicate",
            "clean",
            "tidy",
            "reorganize",
            "reorganise",
            "decouple",
            "migrate",
            "rewrite",
            "replace",
        ],
    ),
    (Class::Docs, &["document", "describe", "clarify"]),
    (
        Class::Debug,
        &["why", "debug", "explain", "investigate", "understand"],
    ),
    (Class::Diagnose, &["diagnose", "troubleshoot"]),
];

const THINGS: &[(Class, &[&str])] = &[(
    Class::Docs,
    &[
        "readme",
        "readme.md",
        "typo",
        "typos",
        "documentation",
        "docs",
        "docstring",
        "docstrings",
        "changelog",
        "changelog.md",
        "comment",
        "comments",
        "tutorial",
        "spelling",
    ],
)];

/// Words for machines and what they run.
const MACHINE: &[&str] = &[
    "cpu", "memory", "disk", "load", "uptime", "host", "nginx", "systemd", "server", "swap", "cron",
];

/// Words of politeness, after which the first word comes.
const POLITE: &[&str] = &[
    "please", "can", "could", "would", "you", "we", "i", "kindly", "hi", "hello", "hey", "let's",
];

/// Guesses the class; none where two weigh the same, or nothing does.
///
/// `names_code`: whether the text names a path or a symbol; a question is then about code, even
/// where it speaks of memory or disks.
pub(crate) fn hint(words: &[Word<'_>], names_code: bool) -> Option<Class> {
    let mut weights = Weights::default();
    let prose = words
        .iter()
        .filter(|word| !word.fenced)
        .map(|word| word.text.to_lowercase());
    let spoken = prose.skip_while(|word| POLITE.contains(&word.as_str()));
    let mut names_machine = false;
    for (at, word) in spoken.enumerate() {
        names_machine |= MACHINE.contains(&word.as_str());
        let verb = if at == 0 { FIRST } else { OTHER };
        for (table, weight) in [(VERBS, verb), (THINGS, THING)] {
            for (class, listed) in table {
                if listed.contains(&word.as_str()) {
                    weights.add(*class, weight);
                }
            }
        }
    }
    // A word for a machine makes a question one about machines, but nothing else.
    let asked = weights.of(Class::Debug);
    if names_machine && asked > 0 && !names_code {
        weights.take(Class::Debug);
        weights.add(Class::Diagnose, asked);
    }
    weights.best()
}

/// What speaks for each class.
#[derive(Default)]
struct Weights(Vec<(Class, u32)>);

impl Weights {
    fn add(&mut self, class: Class, weight: u32) {
        match self.0.iter_mut().find(|(other, _)| *other == class) {
            Some((_, sum)) => *sum += weight,
            None => self.0.push((class, weight)),
        }
    }

    fn of(&self, class: Class) -> u32 {
        self.0
            .iter()
            .find(|(other, _)| *other == class)
            .map_or(0, |(_, sum)| *sum)
    }

    fn take(&mut self, class: Class) {
        self.0.retain(|(other, _)| *other != class);
    }

    fn best(mut self) -> Option<Class> {
        self.0.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
        match self.0.as_slice() {
            [] => None,
            [(class, _)] => Some(*class),
            [(class, best), (_, next), ..] => (best > next).then_some(*class),
        }
    }
}
