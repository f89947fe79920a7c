//! Finds the word that somebody meant who wrote another one.

/// How alike two words have to be, from 0 to 1.
const ALIKE: f64 = 0.84;

/// Finds the known word that is most like another, if one is like it at all.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|one| (strsim::jaro_winkler(one, word), one))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, one)| one)
}

/// Lists words as a choice: `a, b or c`.
pub fn one_of(words: impl IntoIterator<Item = String>) -> String {
    let mut words: Vec<String> = words.into_iter().collect();
    match (words.pop(), words.is_empty()) {
        (None, _) => String::new(),
        (Some(last), true) => last,
        (Some(last), false) => format!("{} or {last}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["owns", "checks", "depends_on", "instructions"];
        let near = |word| nearest(word, known);
        assert_eq!(near("own"), Some("owns"));
        assert_eq!(near("dependson"), Some("depends_on"));
        assert_eq!(near("cheks"), Some("checks"));
        assert_eq!(near("force"), None);
        assert_eq!(
            one_of(known.map(str::to_owned)),
            "owns, checks, depends_on or instructions"
        );
        assert_eq!(one_of(["a".to_owned()]), "a");
    }
}
