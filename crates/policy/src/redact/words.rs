//! Finds any of many words in one pass.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// The most words for which the fastest automaton is made: it takes a few hundred kilobytes for these.
const MAX_FAST_WORDS: usize = 500;

/// One word in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    /// Which word.
    pub(super) word: usize,
    /// Its first byte.
    pub(super) start: usize,
    /// The byte after its last.
    pub(super) end: usize,
}

/// Words to look for.
pub(super) struct Words {
    /// The automaton; none where the words are too many for one, then each is looked for alone.
    fast: Option<AhoCorasick>,
    plain: Vec<String>,
    fold: bool,
}

impl Words {
    /// Takes words; with `fold` they are lower-case and found in any case.
    pub(super) fn new(words: Vec<String>, fold: bool) -> Self {
        // More than a hundred words would otherwise get a smaller automaton, three times as slow.
        let fast = AhoCorasick::builder()
            .kind((words.len() <= MAX_FAST_WORDS).then_some(AhoCorasickKind::DFA))
            .ascii_case_insensitive(fold)
            .build(&words)
            .ok();
        Self {
            fast,
            plain: words,
            fold,
        }
    }

    /// Gives how many words there are.
    pub(super) const fn len(&self) -> usize {
        self.plain.len()
    }

    /// Finds them all, also where they overlap, by where they start.
    pub(super) fn hits(&self, text: &str) -> Vec<Hit> {
        let mut hits: Vec<Hit> = match &self.fast {
            Some(fast) => fast
                .find_overlapping_iter(text)
                .map(|found| Hit {
                    word: found.pattern().as_usize(),
                    start: found.start(),
                    end: found.end(),
                })
                .collect(),
            None => self.slow_hits(text),
        };
        hits.sort_unstable_by_key(|hit| (hit.start, std::cmp::Reverse(hit.end), hit.word));
        hits
    }

    fn slow_hits(&self, text: &str) -> Vec<Hit> {
        let folded = if self.fold {
            text.to_ascii_lowercase()
        } else {
            text.to_owned()
        };
        let words = self.plain.iter().enumerate();
        words
            .flat_map(|(word, text)| {
                folded
                    .match_indices(text.as_str())
                    .map(move |(start, found)| Hit {
                        word,
                        start,
                        end: start + found.len(),
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_automaton_the_same_words_are_found() {
        let mut words = Words::new(vec!["token".to_owned(), "key".to_owned()], true);
        let text = "TOKEN, my Key and tokenkey: schlüssel";
        let fast = words.hits(text);
        assert_eq!(fast.len(), 4);
        words.fast = None;
        assert_eq!(words.hits(text), fast);
    }
}
