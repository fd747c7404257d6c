//! The one textual step between a .wgsl file and a shader: lines repeated or left out, words filled in.
//!
//! Only what `override` constants cannot say goes through here: how many bindings there are, their types, how
//! many registers an invocation uses.
//!
//! | in the file | becomes |
//! |---|---|
//! | `//#for i in ROWS` … `//#end` | the lines between, once for each i from 0 to ROWS - 1, `$i` standing for i |
//! | `//#if BIAS` … `//#end` | the lines between, or nothing when BIAS is 0 |
//! | `$ROWS`, `$TYPE` | the number or the word of that name |

/// What a template is filled in with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words(Vec<(String, String)>);

impl Words {
    /// Adds a number.
    pub fn number(self, name: &str, value: usize) -> Self {
        self.word(name, &value.to_string())
    }

    /// Adds a switch for `//#if`.
    pub fn switch(self, name: &str, on: bool) -> Self {
        self.number(name, usize::from(on))
    }

    /// Adds a word. Longer names are filled in first, so that none is taken for the start of another.
    pub fn word(mut self, name: &str, value: &str) -> Self {
        self.0.push((format!("${name}"), value.to_owned()));
        self.0.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        self
    }

    fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    fn count(&self, name: &str) -> Option<usize> {
        self.fill(&format!("${name}")).parse().ok()
    }

    /// The template with everything filled in.
    pub fn expand(&self, template: &str) -> String {
        let lines: Vec<&str> = template.lines().collect();
        self.fill(&self.expand_lines(&lines))
    }

    fn expand_lines(&self, lines: &[&str]) -> String {
        let mut text = String::new();
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            at += 1;
            let Some(directive) = line.trim_start().strip_prefix("//#") else {
                text.push_str(line);
                text.push('\n');
                continue;
            };
            let body = block(&lines[at..]);
            text.push_str(&self.expand_block(directive, body));
            at += body.len() + 1;
        }
        text
    }

    fn expand_block(&self, directive: &str, body: &[&str]) -> String {
        let words: Vec<&str> = directive.split_whitespace().collect();
        let (variable, count) = match words[..] {
            ["for", variable, "in", count] => (Some(variable), self.count(count)),
            ["if", switch] => (None, self.count(switch).map(|on| on.min(1))),
            _ => (None, None),
        };
        let Some(count) = count else { return format!("${directive}\n") };
        let body = self.expand_lines(body);
        let repeat = |i: usize| match variable {
            Some(variable) => body.replace(&format!("${variable}"), &i.to_string()),
            None => body.clone(),
        };
        (0..count).map(repeat).collect()
    }
}

/// The lines up to the `//#end` that matches.
fn block<'a, 'b>(lines: &'b [&'a str]) -> &'b [&'a str] {
    let mut depth = 1;
    for (index, line) in lines.iter().enumerate() {
        match line.trim_start().strip_prefix("//#") {
            Some("end") => depth -= 1,
            Some(_) => depth += 1,
            None => {}
        }
        if depth == 0 {
            return &lines[..index];
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn templates_expand() {
        let words =
            || Words::default().number("ROWS", 2).switch("BIAS", false).word("T", "f32").word("TYPE", "u32");
        for (name, template, expected) in [
            ("word", "var x: $T;", "var x: f32;\n"),
            ("longest name first", "$TYPE $T", "u32 f32\n"),
            ("for", "//#for i in ROWS\na$i\n//#end\nb", "a0\na1\nb\n"),
            ("nested", "//#for i in ROWS\n//#for j in ROWS\n$i_$j\n//#end\n//#end", "0_0\n0_1\n1_0\n1_1\n"),
            ("if not", "//#if BIAS\na\n//#end\nb", "b\n"),
            ("if", "//#if ROWS\na\n//#end", "a\n"),
            (
                "no such number: left in, for the validator to refuse",
                "//#for i in NONE\n//#end",
                "$for i in NONE\n",
            ),
        ] {
            assert_eq!(words().expand(template), expected, "{name}");
        }
    }
}
