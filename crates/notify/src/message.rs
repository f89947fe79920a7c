//! What is told: one message for however much there is to tell.

use serde::{Deserialize, Serialize};

/// The version of the message's shape.
const FORMAT: u32 = 1;
/// The most things that one message names; the rest is counted.
pub const ITEMS_MAX: usize = 10;
/// The most characters of a title.
const TITLE_CHARS_MAX: usize = 200;

/// Why somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something waits for a person.
    NeedsMe,
    /// A question will expire soon.
    Expiring,
    /// Something ended without success.
    Failed,
    /// A request was completed.
    Done,
}

impl Kind {
    /// Lists every kind, the most urgent first.
    pub const ALL: [Self; 4] = [Self::NeedsMe, Self::Expiring, Self::Failed, Self::Done];

    /// Gives the word of the setting `notify.on`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeedsMe => "needs_me",
            Self::Expiring => "expiring",
            Self::Failed => "failed",
            Self::Done => "done",
        }
    }

    /// Finds a kind by that word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Says how many there are.
    fn count(self, count: usize) -> String {
        match (self, count) {
            (Self::NeedsMe, 1) => "1 waits for you".to_owned(),
            (Self::NeedsMe, _) => format!("{count} wait for you"),
            (Self::Expiring, 1) => "1 expires soon".to_owned(),
            (Self::Expiring, _) => format!("{count} expire soon"),
            (Self::Failed, _) => format!("{count} failed"),
            (Self::Done, _) => format!("{count} done"),
        }
    }

    /// Says it of one thing.
    const fn of_one(self) -> &'static str {
        match self {
            Self::NeedsMe => "Waits for you",
            Self::Expiring => "Expires soon",
            Self::Failed => "Failed",
            Self::Done => "Done",
        }
    }
}

/// One thing that is told. Its title has no secrets in it: whoever makes it has masked them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Why it is told.
    pub kind: Kind,
    /// The number of the event that it follows from: what comes twice is known by it.
    pub seq: u64,
    /// What it is: `approval`, `request`, `entry`, `run`.
    pub subject: String,
    /// Its id.
    pub id: String,
    /// The request it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What it is about, in one line.
    pub title: String,
    /// The command that shows it.
    pub command: String,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The version of this shape.
    pub v: u32,
    /// Its id; a message that is sent again keeps it.
    pub id: String,
    /// When it was made.
    pub time: String,
    /// All of it in one line.
    pub title: String,
    /// What it is about, the most urgent first; at most [`ITEMS_MAX`].
    pub items: Vec<Item>,
    /// How many more there are.
    pub more: usize,
    /// What to do next.
    pub command: String,
}

impl Message {
    /// Makes one message of all that is to be told.
    pub fn new(id: String, time: String, mut items: Vec<Item>) -> Self {
        for item in &mut items {
            item.title = one_line(&item.title);
        }
        items.sort_by_key(|item| (item.kind, item.seq));
        let title = match items.as_slice() {
            [one] => format!("{}: {}", one.kind.of_one(), one.title),
            _ => {
                let counts = Kind::ALL.into_iter().filter_map(|kind| {
                    let count = items.iter().filter(|item| item.kind == kind).count();
                    (count > 0).then(|| kind.count(count))
                });
                counts.collect::<Vec<_>>().join(", ")
            }
        };
        let command = match items.as_slice() {
            [one] => one.command.clone(),
            [first, ..] if first.kind <= Kind::Expiring => "hyperion approval list".to_owned(),
            _ => "hyperion status".to_owned(),
        };
        let more = items.len().saturating_sub(ITEMS_MAX);
        items.truncate(ITEMS_MAX);
        Self {
            v: FORMAT,
            id,
            time,
            title,
            items,
            more,
            command,
        }
    }

    /// Makes a message that says that messages arrive.
    pub fn test(id: String, time: String) -> Self {
        Self {
            v: FORMAT,
            id,
            time,
            title: "Hyperion can reach you here".to_owned(),
            items: Vec::new(),
            more: 0,
            command: "hyperion status".to_owned(),
        }
    }
}

/// Makes one short line of a text that others wrote.
fn one_line(text: &str) -> String {
    let plain = text.chars().map(|letter| match letter {
        letter if letter.is_control() || is_format(letter) => ' ',
        letter => letter,
    });
    let line: String = plain.take(TITLE_CHARS_MAX).collect();
    line.trim().to_owned()
}

/// Whether a letter is invisible and changes how others are shown, such as the order of a line.
const fn is_format(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: Kind, seq: u64, title: &str) -> Item {
        Item {
            kind,
            seq,
            subject: "approval".to_owned(),
            id: format!("{seq:08}"),
            request_id: None,
            title: title.to_owned(),
            command: format!("hyperion approval show {seq:08}"),
        }
    }

    fn message(items: Vec<Item>) -> Message {
        Message::new("m".to_owned(), "2026-11-01T12:00:00Z".to_owned(), items)
    }

    // S3: a burst of questions is one message.
    #[test]
    fn many_things_are_one_message_that_counts_them() {
        let mut items: Vec<_> = (1..=50)
            .map(|seq| item(Kind::NeedsMe, seq, "land it"))
            .collect();
        items.insert(0, item(Kind::Done, 90, "clamp the delay"));
        let message = message(items);
        assert_eq!(message.title, "50 wait for you, 1 done");
        assert_eq!((message.items.len(), message.more), (ITEMS_MAX, 41));
        assert_eq!(message.items[0].kind, Kind::NeedsMe);
        assert_eq!(message.command, "hyperion approval list");
    }

    #[test]
    fn one_thing_is_named_and_stays_on_its_line() {
        let message = message(vec![item(Kind::Failed, 7, "a\u{1b}[2Jb\n\u{202e}c")]);
        assert_eq!(message.title, "Failed: a [2Jb  c");
        assert_eq!(message.command, "hyperion approval show 00000007");
    }
}
