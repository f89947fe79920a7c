//! Builds the facts of a change as a test wants them.

use std::sync::LazyLock;

use hyperion_model::facts::{ChangeFacts, Class, ItemFacts, Operation};
use hyperion_model::{Decision, RepoPath};
use hyperion_policy::{Assessment, AutoApprove, Redactor, RuleSource, Rules, assess};

/// A bugfix without items, which is what auto-approval is meant for.
pub(crate) fn bugfix(items: impl IntoIterator<Item = ItemFacts>) -> ChangeFacts {
    ChangeFacts {
        class: Class::Bugfix,
        items: items.into_iter().collect(),
        owns: Vec::new(),
        from_outside: false,
        is_rollback: false,
    }
}

/// An edit of a file; lines start with `+` or `-`.
pub(crate) fn edit(path: &str, lines: &[&str]) -> ItemFacts {
    let side = |mark: char| -> Vec<String> {
        lines
            .iter()
            .filter_map(|line| line.strip_prefix(mark))
            .map(str::to_owned)
            .collect()
    };
    assert!(
        lines.iter().all(|line| line.starts_with(['+', '-'])),
        "{lines:?}"
    );
    ItemFacts {
        path: RepoPath::new(path).unwrap(),
        from_path: None,
        operation: Operation::Modify,
        added: side('+'),
        removed: side('-'),
        binary: false,
        binary_text: Vec::new(),
        binary_text_before: Vec::new(),
        same_content: false,
        only_whitespace: false,
        mode: Some(0o100_644),
        old_mode: Some(0o100_644),
        new_size: 100,
        is_internal: false,
    }
}

/// A new file with these lines.
pub(crate) fn create(path: &str, lines: &[&str]) -> ItemFacts {
    ItemFacts {
        operation: Operation::Create,
        added: lines.iter().map(|line| (*line).to_owned()).collect(),
        removed: Vec::new(),
        old_mode: None,
        ..edit(path, &[])
    }
}

/// A file taken away, with the lines it had.
pub(crate) fn delete(path: &str, lines: &[&str]) -> ItemFacts {
    ItemFacts {
        operation: Operation::Delete,
        removed: lines.iter().map(|line| (*line).to_owned()).collect(),
        mode: None,
        ..edit(path, &[])
    }
}

/// A file moved as it is.
pub(crate) fn rename(from: &str, to: &str) -> ItemFacts {
    ItemFacts {
        operation: Operation::Rename,
        from_path: Some(RepoPath::new(from).unwrap()),
        same_content: true,
        ..edit(to, &[])
    }
}

/// The shipped rules with auto-approval switched on.
pub(crate) fn auto_rules() -> Rules {
    let auto_approve = AutoApprove {
        enabled: true,
        ..AutoApprove::default()
    };
    Rules::compile(RuleSource {
        auto_approve,
        ..RuleSource::default()
    })
    .unwrap()
}

/// The shipped rules.
pub(crate) fn shipped_rules() -> Rules {
    Rules::compile(RuleSource::default()).unwrap()
}

/// Judges by the shipped rules with auto-approval switched on.
pub(crate) fn judge(facts: &ChangeFacts) -> Assessment {
    static RULES: LazyLock<Rules> = LazyLock::new(auto_rules);
    assess(facts, &RULES, &Redactor::default())
}

/// Writes an assessment as a person would want to read it.
pub(crate) fn told(assessment: &Assessment) -> String {
    use std::fmt::Write as _;
    let mut out = format!(
        "{:?}, level {}, severity {}, {} lines\n",
        assessment.decision,
        assessment.level,
        assessment.severity.name(),
        assessment.changed_lines
    );
    for risk in &assessment.risks {
        let files: Vec<&str> = risk.affected_files.iter().map(RepoPath::as_str).collect();
        let (kind, severity) = (risk.kind.name(), risk.severity.name());
        writeln!(
            out,
            "risk {kind} ({severity}): {} [{}]",
            risk.description,
            files.join(", ")
        )
        .unwrap();
    }
    for blocker in &assessment.blockers {
        let path = blocker.path.as_ref().map_or("-", RepoPath::as_str);
        let line = blocker
            .line
            .map_or(String::new(), |line| format!(":{line}"));
        writeln!(
            out,
            "blocker {} {path}{line}: {}",
            blocker.code.name(),
            blocker.detail
        )
        .unwrap();
        writeln!(out, "  {}", blocker.remedy).unwrap();
    }
    for reason in &assessment.reasons {
        writeln!(out, "- {reason}").unwrap();
    }
    out
}

/// Names the decision and the kinds of risk, for tables.
pub(crate) fn outcome(facts: &ChangeFacts) -> String {
    let assessment = judge(facts);
    let mut words = vec![match assessment.decision {
        Decision::Allow => "allow".to_owned(),
        Decision::Ask(level) => level.name().to_owned(),
        Decision::Deny => "deny".to_owned(),
    }];
    words.extend(
        assessment
            .blockers
            .iter()
            .map(|blocker| blocker.code.name().to_owned()),
    );
    words.extend(
        assessment
            .risks
            .iter()
            .map(|risk| risk.kind.name().to_owned()),
    );
    words.dedup();
    words.join(" ")
}

/// Gives an item other modes.
pub(crate) fn moded(item: ItemFacts, old: Option<u32>, new: Option<u32>) -> ItemFacts {
    ItemFacts {
        old_mode: old,
        mode: new,
        ..item
    }
}
