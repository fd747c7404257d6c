//! The one textual step between a .wgsl file and a shader: lines repeated or left out, words filled in.
//!
//! Only what `override` constants cannot say goes through here: how many bindings there are, their types, how
//! many registers an invocation uses.
//!
//! | in the file | becomes |
//! |---|---|
//! | `//#for i in ROWS` … `//#end` | the lines between, once for each i from 0 to ROWS - 1, `$i` standing for i |
//! | `//#if BIAS` … `//#end` | the lines between, or nothing when BIAS is 0 |
//! | `//#loop i from A to B by C` … `//#end` | a loop that goes through the lines between with each i, TURNS of them in every turn; `while D` behind it ends the loop early |
//! | `$ROWS`, `$TYPE` | the number or the word of that name |

/// The words and numbers that a template is filled in with.
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
        if let ["loop", variable, "from", first, "to", end, "by", step, ..] = words[..] {
            let more =
                directive.split_once(" while ").map_or(String::new(), |(_, more)| format!(" && {more}"));
            return self.expand_loop(body, variable, [first, end, step], &more);
        }
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

    fn expand_loop(&self, body: &[&str], i: &str, [first, end, step]: [&str; 3], more: &str) -> String {
        let body = self.expand_lines(body);
        let Some(turns) = self.count("TURNS").filter(|turns| *turns > 1) else {
            return format!("for (var {i} = {first}; {i} < {end}{more}; {i} += {step}) {{\n{body}}}\n");
        };
        let once =
            |turn| format!("{{\nlet {i} = {i}_turn + {turn}u * {step};\nif {i} < {end} {{\n{body}}}\n}}\n");
        let all: String = (0..turns).map(once).collect();
        let head =
            format!("for (var {i}_turn = {first}; {i}_turn < {end}{more}; {i}_turn += {turns}u * {step})");
        format!("{head} {{\n{all}}}\n")
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
                "loop",
                "//#loop i from 0u to END by 1u\na[i] = $T();\n//#end",
                "for (var i = 0u; i < END; i += 1u) {\na[i] = f32();\n}\n",
            ),
            (
                "no such number: left in, for the validator to refuse",
                "//#for i in NONE\n//#end",
                "$for i in NONE\n",
            ),
        ] {
            assert_eq!(words().expand(template), expected, "{name}");
        }
    }

    #[test]
    fn a_loop_takes_several_at_a_turn() {
        let expanded = Words::default()
            .number("TURNS", 2)
            .expand("//#loop i from lane to END by LANES while open\ns += a[i];\n//#end");
        let expected = "for (var i_turn = lane; i_turn < END && open; i_turn += 2u * LANES) {
{
let i = i_turn + 0u * LANES;
if i < END {
s += a[i];
}
}
{
let i = i_turn + 1u * LANES;
if i < END {
s += a[i];
}
}
}
";
        assert_eq!(expanded, expected);
    }
}
