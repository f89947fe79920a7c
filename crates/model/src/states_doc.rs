//! Writes `docs/states.md` from the tables of moves, so that text and code cannot differ.

use std::fmt::Write as _;

use crate::{approval, audit, change_set, entry, grant, plan, repo, request, run, token, user};

/// Writes the Markdown page of every noun's states and moves.
pub fn states_markdown() -> String {
    let mut page = String::from(HEAD);
    for chapter in chapters() {
        chapter.write(&mut page);
    }
    page
}

const HEAD: &str = "\
<!-- Written by `hyperion generate states` from the tables in crates/model; change those instead. -->

# States and moves

Every noun stands in one of a few states, and only the moves listed here lead from one to another.
What is asked of a noun in any other state is refused, and changes nothing.
The names in `code` are those of the API, the events and the JSON output.

A state is *open* while work on it can still go on. A *closed* one is the end, unless a move leads out of it.
";

/// One noun, ready to be written.
struct Chapter {
    title: &'static str,
    about: &'static str,
    /// The states and whether they are open; it begins in the first.
    states: Vec<(&'static str, bool)>,
    /// From, verb, to.
    moves: Vec<(&'static str, &'static str, &'static str)>,
}

macro_rules! chapter {
    ($title:literal, $about:literal, $($noun:ident)::+) => {
        Chapter {
            title: $title,
            about: $about,
            states: $($noun)::+::Status::ALL
                .iter()
                .map(|status| (status.name(), status.is_open()))
                .collect(),
            moves: $($noun)::+::moves(),
        }
    };
}

fn chapters() -> [Chapter; 12] {
    [
        chapter!(
            "Repository",
            "A git repository that work may land on.",
            repo
        ),
        chapter!("Request", "What a person asked for.", request),
        chapter!("Plan", "The way from a request to its changes.", plan),
        chapter!(
            "Step",
            "One step of a plan; it moves only while its plan is `active`.",
            plan::step
        ),
        chapter!("Run", "One supervised piece of work.", run),
        chapter!(
            "Change set",
            "A proposed edit of files. Its items are decided one by one while it is not approved yet.",
            change_set
        ),
        chapter!(
            "Approval",
            "One question to people. The first decision wins; whoever comes later is told so.",
            approval
        ),
        chapter!(
            "Queue entry",
            "A change on its way through the merge queue.",
            entry
        ),
        chapter!("User", "A person of this home.", user),
        chapter!("Token", "What a program is known by.", token),
        chapter!(
            "Ledger",
            "What was done that is no move of another noun: tool calls, refused calls, changed settings, backups, restores.",
            audit
        ),
        chapter!(
            "Grant",
            "A person's agreement, beforehand, to every command of one shape.",
            grant
        ),
    ]
}

impl Chapter {
    fn write(&self, page: &mut String) {
        let Self {
            title,
            about,
            states,
            moves,
        } = self;
        // Writing to a String cannot fail.
        let _ = write!(page, "\n## {title}\n\n{about}\n\n");
        for (kind, wanted) in [("Open", true), ("Closed", false)] {
            let names: Vec<_> = states
                .iter()
                .filter(|(_, open)| *open == wanted)
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            let _ = writeln!(page, "- {kind}: {}", names.join(", "));
        }
        page.push_str("\n| from | what happens | to |\n| --- | --- | --- |\n");
        for (from, verb, to) in moves {
            let _ = writeln!(page, "| `{from}` | {verb} | `{to}` |");
        }
        page.push_str("\n```mermaid\nstateDiagram-v2\n");
        if let Some((first, _)) = states.first() {
            let _ = writeln!(page, "    [*] --> {first}");
        }
        for (from, verb, to) in moves {
            let _ = writeln!(page, "    {from} --> {to}: {verb}");
        }
        for (name, _) in states {
            if !moves.iter().any(|(from, _, _)| from == name) {
                let _ = writeln!(page, "    {name} --> [*]");
            }
        }
        page.push_str("```\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chapter_in_full() {
        let mut page = String::new();
        chapters()[6].write(&mut page);
        insta::assert_snapshot!(page, @"

        ## Approval

        One question to people. The first decision wins; whoever comes later is told so.

        - Open: `pending`
        - Closed: `approved`, `rejected`, `expired`, `cancelled`

        | from | what happens | to |
        | --- | --- | --- |
        | `pending` | be announced | `pending` |
        | `pending` | be looked at whole | `pending` |
        | `pending` | be given more time | `pending` |
        | `pending` | be approved | `approved` |
        | `pending` | be rejected | `rejected` |
        | `pending` | expire | `expired` |
        | `pending` | be cancelled | `cancelled` |

        ```mermaid
        stateDiagram-v2
            [*] --> pending
            pending --> pending: be announced
            pending --> pending: be looked at whole
            pending --> pending: be given more time
            pending --> approved: be approved
            pending --> rejected: be rejected
            pending --> expired: expire
            pending --> cancelled: be cancelled
            approved --> [*]
            rejected --> [*]
            expired --> [*]
            cancelled --> [*]
        ```
        ");
    }

    // Whoever reads the page sees every state and every move, of every noun.
    #[test]
    fn the_page_has_every_state_and_every_move() {
        let page = states_markdown();
        let mut sections = page.split("\n## ");
        assert!(sections.next().unwrap().starts_with("<!-- Written by"));
        assert_eq!(sections.clone().count(), chapters().len());
        for (chapter, section) in chapters().iter().zip(sections) {
            assert!(section.starts_with(chapter.title));
            for (name, _) in &chapter.states {
                assert!(section.contains(&format!("`{name}`")), "{name}");
            }
            for (from, verb, to) in &chapter.moves {
                assert!(section.contains(&format!("| `{from}` | {verb} | `{to}` |\n")));
                assert!(section.contains(&format!("    {from} --> {to}: {verb}\n")));
            }
        }
        assert!(page.ends_with("```\n"));
    }
}
