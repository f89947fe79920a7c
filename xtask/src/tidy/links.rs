//! Links between Markdown files lead somewhere.

use super::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = vec![];
    for (path, text) in tree.texts().filter(|(path, _)| path.ends_with(".md")) {
        for (line, prose) in prose(text) {
            for target in targets(&prose) {
                if let Some(wrong) = broken(path, target, tree) {
                    findings.push(Finding::new(path, line, wrong, "mend the link"));
                }
            }
        }
    }
    findings
}

/// Says what is wrong with a link; `None` for a good one and for one that leaves the project.
fn broken(from: &str, target: &str, tree: &Tree) -> Option<String> {
    let has_scheme = target.split_once(':').is_some_and(|(scheme, _)| {
        scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    if target.is_empty() || has_scheme || target.starts_with("//") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = file.replace("%20", " ");
    let resolved = if file.is_empty() {
        from.to_owned()
    } else {
        let Some(resolved) = resolve(from, &file) else {
            return Some(format!("link `{target}` leads out of the project"));
        };
        resolved
    };
    if !tree.has(&resolved) {
        return Some(format!("link `{target}` leads to no file"));
    }
    let text = tree.text(&resolved).filter(|_| resolved.ends_with(".md"))?;
    (!anchor.is_empty() && !anchors(text).contains(&anchor.to_owned()))
        .then(|| format!("link `{target}` leads to no heading"))
}

/// The path a link means, from the project's root; `None` if it leaves it.
fn resolve(from: &str, file: &str) -> Option<String> {
    let mut parts: Vec<&str> = match file.strip_prefix('/') {
        Some(_) => vec![],
        None => from.split('/').collect(),
    };
    parts.pop();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The lines that are not inside a code block, with their numbers, without code spans.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut fence: Option<&str> = None;
    let mut lines = vec![];
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
            (None, None) => lines.push((index + 1, without_code_spans(line))),
        }
    }
    lines
}

fn without_code_spans(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    // An odd number of backticks: the last one opens nothing.
    let closed = parts.len() - usize::from(parts.len().is_multiple_of(2));
    parts
        .iter()
        .enumerate()
        .filter(|(index, _)| index % 2 == 0 || *index >= closed)
        .map(|(_, part)| *part)
        .collect()
}

/// Where the links of a line lead: `[text](target "title")`, `![image](target)`, `[name]: target`.
fn targets(line: &str) -> Vec<&str> {
    let mut targets: Vec<&str> = line
        .match_indices("](")
        .filter_map(|(at, _)| {
            let rest = &line[at + 2..];
            rest.find(')').map(|end| first_word(&rest[..end]))
        })
        .collect();
    if line.starts_with('[')
        && let Some((_, target)) = line.split_once("]: ")
    {
        targets.push(first_word(target));
    }
    targets
}

fn first_word(target: &str) -> &str {
    let word = target.split_whitespace().next().unwrap_or("");
    word.trim_start_matches('<').trim_end_matches('>')
}

/// The anchors of a file's headings, as the forges make them.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = vec![];
    for heading in text.lines().filter(|line| line.starts_with('#')) {
        let slug: String = heading
            .trim_start_matches('#')
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let same = anchors.iter().filter(|known| **known == slug).count();
        anchors.push(if same == 0 {
            slug
        } else {
            format!("{slug}-{same}")
        });
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        check(&Tree::of_files(&[
            ("README.md", "# Hyperion\n"),
            ("docs/guide.md", text),
            (
                "docs/decisions/0001-store.md",
                "## Why, then?\n## Why, then?\n",
            ),
        ]))
        .iter()
        .map(ToString::to_string)
        .collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        assert!(
            found(
                "# One\n[a](decisions/0001-store.md#why-then-1 \"why\") [b](../README.md#hyperion) [c](#one) [d](/README.md)\n\
                 [e](https://x.example/y) [f](mailto:ada@x.example) [g](<decisions>) ![h](decisions/)\n\
                 `[code](gone.md)` and ` [i](../README.md)\n```\n[block](gone.md)\n```\n\n[ref]: ../README.md\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn links_that_lead_nowhere_are_found_with_their_line() {
        assert_eq!(
            found(
                "\n[a](gone.md)\n[b](../README.md#gone)\n[c](../../x.md)\n[d](#two)\n[ref]: gone\n"
            ),
            [
                "docs/guide.md:2: link `gone.md` leads to no file; mend the link",
                "docs/guide.md:3: link `../README.md#gone` leads to no heading; mend the link",
                "docs/guide.md:4: link `../../x.md` leads out of the project; mend the link",
                "docs/guide.md:5: link `#two` leads to no heading; mend the link",
                "docs/guide.md:6: link `gone` leads to no file; mend the link",
            ]
        );
    }
}
