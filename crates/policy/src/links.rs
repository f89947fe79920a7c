//! Where the symbolic links of a whole tree lead, one through another.
//!
//! A link is harmless or not by what the others are: `a -> b/../x` stays inside while `b` is a folder, and leads out once
//! `b` is a link to something deeper or shallower. So the tree that would land is judged, not the one item that changed.

use std::collections::BTreeMap;

use hyperion_model::RepoPath;

use crate::blocker::{Blocker, BlockerCode, MAX_BLOCKERS};
use crate::rules::Rules;

/// The links of a tree: where each lies, and the target that is written in it.
pub type Links = BTreeMap<String, String>;

/// The most links of a tree that are followed; a change to the links of a tree with more is refused.
pub const MAX_LINKS: usize = 20_000;
/// How many links one path may lead through: what Linux follows.
const MAX_FOLLOWED: usize = 40;
/// The most names that following one link may take.
const MAX_NAMES: usize = 4096;

/// Refuses the links that lead astray in `after` and did not in `before`.
///
/// A link that led out before, from the same place to the same target by the same way, is not this change's doing.
pub fn astray(before: &Links, after: &Links, rules: &Rules) -> Vec<Blocker> {
    if before.len().max(after.len()) > MAX_LINKS {
        return vec![Blocker {
            code: BlockerCode::LinkEscapes,
            path: None,
            line: None,
            detail: format!("the tree holds more than {MAX_LINKS} links, and no more are followed"),
            remedy: "leave links out of the change; a person can make them by hand".to_owned(),
        }];
    }
    let wrong = |links: &Links, path: &str| {
        let target = links.get(path)?;
        Some((target.clone(), defect(links, path, target, rules)?))
    };
    after
        .keys()
        .filter_map(|path| {
            let (target, why) = wrong(after, path)?;
            // Worked out only for the few that are wrong.
            let is_new = wrong(before, path).is_none_or(|was| was != (target, why));
            is_new.then(|| Blocker {
                code: BlockerCode::LinkEscapes,
                path: RepoPath::new(path.clone()).ok(),
                line: None,
                detail: format!("the link {} {}", crate::path::shown(path).trim_matches('`'), why.words()),
                remedy: "copy the file instead, or link to a path inside the repository, also by way of the other links"
                    .to_owned(),
            })
        })
        .take(MAX_BLOCKERS)
        .collect()
}

/// What is wrong with where a link leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    Outside,
    Forbidden,
    Denied,
    Endless,
}

impl Defect {
    const fn words(self) -> &'static str {
        match self {
            Self::Outside => "leads out of the repository",
            Self::Forbidden => "leads where no change may go",
            Self::Denied => "leads to a path that no change may touch",
            Self::Endless => "leads through more links than any system follows",
        }
    }
}

fn defect(links: &Links, path: &str, target: &str, rules: &Rules) -> Option<Defect> {
    let mut at: Vec<&str> = path.split('/').collect();
    at.pop();
    // The names that are still to be walked, the next one last.
    let mut ahead: Vec<&str> = Vec::new();
    if !read(target, &mut ahead) {
        return Some(Defect::Outside);
    }
    let (mut followed, mut walked) = (1, 0);
    while let Some(name) = ahead.pop() {
        walked += 1;
        if walked > MAX_NAMES {
            return Some(Defect::Endless);
        }
        match name {
            "" | "." => {}
            ".." => {
                if at.pop().is_none() {
                    return Some(Defect::Outside);
                }
            }
            name => {
                at.push(name);
                let here = at.join("/");
                if let Some(target) = links.get(&here) {
                    followed += 1;
                    if followed > MAX_FOLLOWED {
                        return Some(Defect::Endless);
                    }
                    at.pop();
                    if !read(target, &mut ahead) {
                        return Some(Defect::Outside);
                    }
                } else if RepoPath::new(here.clone()).is_err() {
                    return Some(Defect::Forbidden);
                } else if rules.deny.covers(&here) {
                    return Some(Defect::Denied);
                }
            }
        }
    }
    // A link to the repository's own top is a loop for every tool that walks it.
    at.is_empty().then_some(Defect::Outside)
}

/// Puts a target's names before those that are still to be walked; false where it starts at a machine's top.
fn read<'t>(target: &'t str, ahead: &mut Vec<&'t str>) -> bool {
    let elsewhere =
        target.starts_with('/') || target.contains(['\\', '\0']) || target.get(1..2) == Some(":");
    if elsewhere {
        return false;
    }
    ahead.extend(target.split('/').rev());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(pairs: &[(&str, &str)]) -> Links {
        let owned = |(path, target): &(&str, &str)| ((*path).to_owned(), (*target).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn refused(before: &[(&str, &str)], after: &[(&str, &str)]) -> Vec<String> {
        let rules = Rules::compile(crate::RuleSource::default()).unwrap();
        let found = astray(&links(before), &links(after), &rules);
        found.into_iter().map(|blocker| blocker.detail).collect()
    }

    // X1: a link is judged by where it leads through the other links of the tree.
    #[test]
    fn a_chain_of_links_stays_inside() {
        let none: Vec<String> = Vec::new();
        assert_eq!(refused(&[], &[("a", "b/c"), ("b", "d/e")]), none);
        assert_eq!(refused(&[], &[("d/a", "../x"), ("b", "d/a/../y")]), none);
        // Each looks harmless alone: `b/..` is the folder that `b` leads to.
        assert_eq!(
            refused(&[("b", "d")], &[("a", "b/../../x"), ("b", "d")]),
            ["the link a leads out of the repository"]
        );
        assert_eq!(
            refused(&[("b", "d/e/f")], &[("a", "b/../../x"), ("b", "d/e/f")]),
            none
        );
        // A folder takes the place of the link, and another link leads out by it.
        assert_eq!(
            refused(&[("a", "b/../../x"), ("b", "d/e/f")], &[("a", "b/../../x")]),
            ["the link a leads out of the repository"]
        );
        // A link that moved.
        assert_eq!(
            refused(&[("d/e/a", "../../x")], &[("d/a", "../../x")]),
            ["the link d/a leads out of the repository"]
        );
        assert_eq!(
            refused(&[], &[("a", "b/config"), ("b", "c/../.git")]),
            [
                "the link a leads where no change may go",
                "the link b leads where no change may go"
            ]
        );
        assert_eq!(
            refused(&[], &[("a", "b/.env"), ("b", "d")]),
            ["the link a leads to a path that no change may touch"]
        );
        assert_eq!(refused(&[], &[("a", "b"), ("b", "a")]).len(), 2);
        assert_eq!(refused(&[], &[("a", "/etc/passwd"), ("b", "a")]).len(), 2);
    }

    // X1: more links than are followed are refused, not looked at in part.
    #[test]
    fn too_many_links_are_refused() {
        let many: Links = (0..=MAX_LINKS)
            .map(|number| (format!("l{number}"), "x".to_owned()))
            .collect();
        let rules = Rules::compile(crate::RuleSource::default()).unwrap();
        let few = Links::new();
        for (before, after) in [(&few, &many), (&many, &few)] {
            let found = astray(before, after, &rules);
            assert_eq!((found.len(), found[0].code), (1, BlockerCode::LinkEscapes));
        }
    }

    // X1: what led out before this change is not held against it.
    #[test]
    fn what_led_out_before_is_not_new() {
        let old = [("a", "/usr/share/x"), ("b", "a")];
        let none: Vec<String> = Vec::new();
        assert_eq!(refused(&old, &old), none);
        assert_eq!(refused(&old, &[("a", "/usr/share/y")]).len(), 1);
    }
}
