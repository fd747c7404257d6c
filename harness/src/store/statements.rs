//! Tells the statements of a text of SQL apart, as far as that they begin with. It does not parse them.

/// The first word or sign of each statement, in lower case.
pub fn first_words(sql: &str) -> Vec<String> {
    let (mut words, mut begins, mut rest) = (Vec::new(), true, sql);
    while let Some(c) = rest.chars().next() {
        let length = token_length(rest).max(c.len_utf8());
        let (token, behind) = rest.split_at(length);
        let is_between =
            token == ";" || c.is_whitespace() || token.starts_with("--") || token.starts_with("/*");
        if begins && !is_between {
            words.push(token.to_lowercase());
        }
        begins = token == ";" || (begins && is_between);
        rest = behind;
    }
    words
}

/// How many bytes belong together at the beginning of a text: a comment, something in quotes, a word, or one character.
fn token_length(text: &str) -> usize {
    let through =
        |end: &str, from: usize| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    let word = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    match text.as_bytes() {
        [b'-', b'-', ..] => through("\n", 2),
        [b'/', b'*', ..] => through("*/", 2),
        [b'\'', ..] => through("'", 1),
        [b'"', ..] => through("\"", 1),
        // Between $$ and $$, or $tag$ and $tag$.
        [b'$', ..] => match text[1..].split_once('$') {
            Some((tag, _)) if tag.chars().all(char::is_alphanumeric) => {
                through(&format!("${tag}$"), tag.len() + 2)
            }
            _ => 1,
        },
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_begin_where_a_semicolon_ends_one() {
        for (sql, expected) in [
            ("", ""),
            ("select 1", "select"),
            ("  SELECT 1 ; -- that is all;\n", "select"),
            ("insert into t values (';', \";\"); commit", "insert commit"),
            (
                "/* a; b */ delete from t; select $$; end; $$; select $x$ ; rollback $x$",
                "delete select select",
            ),
            ("-- commit\nupdate t set a = 'it''s; commit'; checkpoint;", "update checkpoint"),
            ("select '", "select"),
            ("é; (select 1)", "é ("),
            (" ; -- nothing", ""),
        ] {
            assert_eq!(first_words(sql).join(" "), expected, "{sql}");
        }
    }
}
