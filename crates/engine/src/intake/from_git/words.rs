//! What work that exists in git says of itself.

use hyperion_git::CommitInfo;
use hyperion_policy::without_trailers;

use crate::intake::submit::title_of;

/// The most bytes of a text that is made of commits.
const TEXT_MAX_BYTES: usize = 16 * 1024;
/// The most people that are named as authors.
const AUTHORS_MAX: usize = 20;

/// What one commit or one patch says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) title: String,
    pub(super) text: String,
    /// Who wrote it, as `Name <address>`.
    pub(super) author: String,
}

impl Said {
    pub(super) fn by_commit(commit: &CommitInfo) -> Self {
        let author = format!("{} <{}>", commit.author.name, commit.author.email);
        let mut said = Self::new(&commit.message, author);
        if said.title.is_empty() {
            said.title = format!("Commit {:.10}", commit.oid);
        }
        said
    }

    pub(super) fn new(message: &str, author: String) -> Self {
        let (title, text) = title_of(&without_trailers(message));
        Self {
            title,
            text,
            author,
        }
    }

    /// Gives the text below the title, which names the author.
    pub(super) fn body(&self) -> String {
        bounded(self.text.clone(), std::slice::from_ref(self))
    }
}

/// Says what several commits do: one by its own words, several as a list.
pub(super) fn all_of(said: &[Said]) -> String {
    if let [one] = said {
        return one.body();
    }
    let mut text = String::new();
    for one in said {
        text.push_str(&format!("* {}\n\n", one.title));
        if !one.text.is_empty() {
            text.push_str(&format!("{}\n\n", one.text));
        }
    }
    bounded(text, said)
}

/// Cuts a text that is too long, and names its authors at its end, as git's hosts read them.
fn bounded(mut text: String, said: &[Said]) -> String {
    if text.len() > TEXT_MAX_BYTES {
        let mut end = TEXT_MAX_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(
            text.get(..end)
                .and_then(|kept| kept.rfind('\n'))
                .unwrap_or(end),
        );
        text.push_str("\n…");
    }
    let mut text = text.trim().to_owned();
    let mut authors: Vec<&str> = Vec::new();
    for Said { author, .. } in said {
        let is_new = !author.is_empty() && !authors.contains(&author.as_str());
        if is_new && authors.len() < AUTHORS_MAX && !text.contains(author.as_str()) {
            authors.push(author);
        }
    }
    let ends_in_trailers = text
        .rsplit("\n\n")
        .next()
        .is_some_and(|last| last != text && last.lines().all(|line| line.contains("-by: ")));
    for (number, author) in authors.iter().enumerate() {
        let gap = match number {
            0 if text.is_empty() => "",
            0 if !ends_in_trailers => "\n\n",
            _ => "\n",
        };
        text.push_str(&format!("{gap}Co-authored-by: {author}"));
    }
    text
}

/// Makes a title of a branch's name: `fix/clamp-the_delay` is "Clamp the delay".
pub(super) fn branch_in_words(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    let has_letters = last.chars().any(char::is_alphabetic);
    let words = if has_letters { last } else { name };
    let words = words.replace(['-', '_', '/'], " ");
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut chars = words.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(message: &str, author: &str) -> Said {
        Said::new(message, author.to_owned())
    }

    #[test]
    fn a_branch_is_named_in_words() {
        for (name, words) in [
            ("fix/clamp-the_delay", "Clamp the delay"),
            ("feature", "Feature"),
            ("issue/12", "Issue 12"),
            ("--", "--"),
        ] {
            assert_eq!(branch_in_words(name), words);
        }
    }

    #[test]
    fn authors_stand_once_at_the_end_where_hosts_of_git_read_them() {
        let one = said("Clamp\n\nBecause.\nHyperion-Task: T9\n", "Ada <ada@x>");
        assert_eq!(one.title, "Clamp");
        insta::assert_snapshot!(one.body(), @r"
        Because.

        Co-authored-by: Ada <ada@x>
        ");
        let signed = said(
            "Clamp\n\nBecause.\n\nReviewed-by: Bob <b@x>\n",
            "Ada <ada@x>",
        );
        insta::assert_snapshot!(signed.body(), @r"
        Because.

        Reviewed-by: Bob <b@x>
        Co-authored-by: Ada <ada@x>
        ");
        let both = [one, said("Test it", "Ada <ada@x>"), said("x\n\ny", "")];
        insta::assert_snapshot!(all_of(&both), @r"
        * Clamp

        Because.

        * Test it

        * x

        y

        Co-authored-by: Ada <ada@x>
        ");
        let long = said(&format!("Long\n\n{}", "ä\n".repeat(TEXT_MAX_BYTES)), "");
        assert!(long.body().len() < TEXT_MAX_BYTES + 10 && long.body().ends_with('…'));
    }
}
