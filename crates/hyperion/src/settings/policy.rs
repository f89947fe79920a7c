//! `[policy]`: held as policy itself takes it.

use super::{Field, Setting};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "policy.auto_approve.enabled",
        about: "Whether small low-risk changes land without a person; `request.requires_approval` has to be off as well.",
        field: Field::Switch(|settings| &mut settings.policy.auto_approve.enabled),
    },
    Setting {
        key: "policy.auto_approve.max_lines",
        about: "Fewer changed lines than this count as small.",
        field: Field::Small(
            |settings| &mut settings.policy.auto_approve.max_lines,
            0..=10_000,
            "lines",
        ),
    },
    Setting {
        key: "policy.paths.allow",
        about: "Only paths that these globs cover may change; an empty list allows all that is not denied.",
        field: Field::Globs(|settings| &mut settings.policy.paths.allow),
    },
    Setting {
        key: "policy.paths.deny",
        about: "Paths that no change may touch, whoever agrees. `!` takes paths out again; the last glob that fits wins.",
        field: Field::Globs(|settings| &mut settings.policy.paths.deny),
    },
    Setting {
        key: "policy.commands",
        about: "Rules about commands, besides what Hyperion knows of programs. Each has the words that a command begins with, and examples that are tried whenever the settings are read. `allow` lets a command pass that would ask a team lead; it never lets pass what is refused, what asks an admin, or what is not understood.",
        field: Field::Commands(|settings| &mut settings.policy.commands),
    },
    Setting {
        key: "policy.keys",
        about: "The public ed25519 keys that signatures of changes from outside are checked with: a table each, with the `id` by which a signature names it and `public`, the key's 32 bytes in base64. A change without a signature needs none.",
        field: Field::Keys(|settings| &mut settings.keys),
    },
    Setting {
        key: "policy.tool_write_max_kb",
        about: "The most that a change may write into one file; lock files of package managers may have as much as a whole change.",
        field: Field::Whole(
            |settings| &mut settings.policy.limits.max_item_kb,
            1..=1_048_576,
            "kilobytes",
        ),
    },
    Setting {
        key: "policy.tool_read_max_kb",
        about: "The most of a file that one tool call gives to an agent.",
        field: Field::Whole(
            |settings| &mut settings.tools.read_max_kb,
            1..=16_384,
            "kilobytes",
        ),
    },
    Setting {
        key: "policy.file_ops_per_min",
        about: "The most changes that tool calls of one session make in a minute; sixty times as many may look.",
        field: Field::Small(
            |settings| &mut settings.tools.file_ops_per_min,
            1..=10_000,
            "changes",
        ),
    },
    Setting {
        key: "policy.tool_run_timeout_sec",
        about: "How long a tool call may run the project's own tools (tests, linters, compilers) before they are ended.",
        field: Field::Whole(
            |settings| &mut settings.tools.run_timeout_sec,
            1..=86_400,
            "seconds",
        ),
    },
    Setting {
        key: "policy.limits.max_change_kb",
        about: "The most that a whole change may write.",
        field: Field::Whole(
            |settings| &mut settings.policy.limits.max_change_kb,
            1..=1_048_576,
            "kilobytes",
        ),
    },
    Setting {
        key: "policy.limits.max_files",
        about: "The most paths that one change may touch.",
        field: Field::Count(
            |settings| &mut settings.policy.limits.max_files,
            1..=100_000,
            "paths",
        ),
    },
    Setting {
        key: "policy.protected",
        about: "Paths that guard the repository; a change to them asks an admin.",
        field: Field::Globs(|settings| &mut settings.policy.protected),
    },
    Setting {
        key: "policy.schema",
        about: "Paths that shape stored data; a change to them asks an admin.",
        field: Field::Globs(|settings| &mut settings.policy.schema),
    },
    Setting {
        key: "policy.security",
        about: "Paths that are about security; a change to them asks an admin.",
        field: Field::Globs(|settings| &mut settings.policy.security),
    },
    Setting {
        key: "policy.public_api",
        about: "Paths that describe what others call.",
        field: Field::Globs(|settings| &mut settings.policy.public_api),
    },
    Setting {
        key: "policy.dependencies",
        about: "Paths that name foreign code.",
        field: Field::Globs(|settings| &mut settings.policy.dependencies),
    },
    Setting {
        key: "policy.tests",
        about: "Paths that count as tests; a change that weakens them is pointed out.",
        field: Field::Globs(|settings| &mut settings.policy.tests),
    },
    Setting {
        key: "policy.secret_samples",
        about: "Paths where secrets are only samples: one found there asks an admin instead of being refused.",
        field: Field::Globs(|settings| &mut settings.policy.secret_samples),
    },
];
