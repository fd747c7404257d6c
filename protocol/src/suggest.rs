//! Finds the known word nearest to a mistyped one, for messages that say "did you mean".

/// The candidate nearest to `word`, if one is near enough to be what was meant.
///
/// Near enough is an edit distance (Damerau-Levenshtein) of at most a third of the word's length, and at
/// least two.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The tail of an error message: ` (did you mean "chrome"?)`, or nothing when no candidate is near.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map(|known| format!(" (did you mean \"{known}\"?)")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_word_and_nonsense_finds_none() {
        let known = ["chrome", "firefox", "edge"];
        for (word, expected) in [
            ("chorme", Some("chrome")),
            ("fierfox", Some("firefox")),
            ("egde", Some("edge")),
            ("netscape", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
