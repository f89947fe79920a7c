//! What a part of a command is, and whether a function starts itself.

use rable::ast::{ListOperator, Node, NodeKind};

/// Tells whether a node is this command alone.
pub(super) fn is_command(node: &Node, name: &str) -> bool {
    matches!(&node.kind, NodeKind::Command { words, .. } if matches!(words.as_slice(), [word]
        if matches!(&word.kind, NodeKind::Word { value, .. } if value == name)))
}

/// Tells whether a function starts itself beside itself: then every call makes two.
pub(super) fn calls_itself(node: &Node, name: &str, beside: bool) -> bool {
    match &node.kind {
        NodeKind::Command { words, .. } => {
            beside
                && words.first().is_some_and(
                    |word| matches!(&word.kind, NodeKind::Word { value, .. } if value == name),
                )
        }
        NodeKind::Pipeline { commands, .. } => commands
            .iter()
            .any(|command| calls_itself(command, name, true)),
        NodeKind::List { items } => items.iter().any(|item| {
            let beside = beside || item.operator == Some(ListOperator::Background);
            calls_itself(&item.command, name, beside)
        }),
        NodeKind::Subshell { body, .. } | NodeKind::BraceGroup { body, .. } => {
            calls_itself(body, name, beside)
        }
        NodeKind::While { body, .. }
        | NodeKind::Until { body, .. }
        | NodeKind::For { body, .. } => calls_itself(body, name, beside),
        NodeKind::If {
            then_body,
            else_body,
            ..
        } => {
            calls_itself(then_body, name, beside)
                || else_body
                    .as_ref()
                    .is_some_and(|body| calls_itself(body, name, beside))
        }
        _ => false,
    }
}
