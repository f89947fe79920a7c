//! What work that exists in git says of itself.

use hyperion_git::CommitInfo;
use hyperion_policy::without_trailers;

use crate::intake::submit::title_of;
use crate::intake::validate::MAX_TITLE_CHARS;

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

/// Names several commits by the first, and counts the others.
pub(super) fn title_of_all(said: &[Said]) -> Option<String> {
    let first = said.first()?;
    Some(match said.len() - 1 {
        0 => first.title.clone(),
        more => {
            let more = format!(" (+{more} more)");
            let room = MAX_TITLE_CHARS - more.chars().count();
            let title: String = first.title.chars().take(room).collect();
            title + &more
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(message: &str, author: &str) -> Said {
        Said::new(message, author.to_owned())
    }

    #[test]
    fn several_commits_are_named_by_the_first() {
        let all = ["Clamp\n\nBecause.", "Test it", "Say so"].map(|text| said(text, ""));
        assert_eq!(title_of_all(&all).unwrap(), "Clamp (+2 more)");
        assert_eq!(title_of_all(&all[..1]).unwrap(), "Clamp");
        assert_eq!(title_of_all(&[]), None);
        let long = ["x".repeat(MAX_TITLE_CHARS), "y".to_owned()].map(|text| said(&text, ""));
        assert_eq!(
            title_of_all(&long).unwrap().chars().count(),
            MAX_TITLE_CHARS
        );
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
