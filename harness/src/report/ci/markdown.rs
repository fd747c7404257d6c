//! Text from elsewhere in Markdown: shown as it is, as code, in which nothing acts: no markup, no HTML, no link and no mention.

use crate::screen::shown;

/// A text in a line of prose. Line ends become spaces.
pub fn code(text: &str) -> String {
    let text = shown(text).replace('\n', " ");
    if text.trim().is_empty() {
        return "–".to_owned();
    }
    let fence = "`".repeat(longest_run(&text) + 1);
    let edge = |c: Option<char>| matches!(c, Some('`' | ' '));
    let pad = if edge(text.chars().next()) || edge(text.chars().last()) { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A text in a table's cell. A bar would end the cell, even in code and however it is escaped, so it is shown like a control
/// character.
pub fn code_in_cell(text: &str) -> String {
    code(text).replace('|', "\\u007c")
}

/// A text of several lines as a block, each of its lines after `indent`.
pub fn block(text: &str, indent: &str) -> String {
    let text = shown(text);
    let fence = "`".repeat((longest_run(&text) + 1).max(3));
    let opening = format!("{fence}text");
    let lines = std::iter::once(opening.as_str()).chain(text.lines()).chain([fence.as_str()]);
    lines.map(|line| format!("{indent}{line}\n")).collect()
}

/// The length of the longest run of backticks, which would end shorter code.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
pub(super) mod tests {
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

    use super::*;

    /// Texts that want to act.
    pub const WILD: [&str; 14] = [
        "plain",
        "a|b \\| c \\",
        "`tick` and ``two`` and ```three```",
        "`",
        "<script>alert(1)</script> <img src=x> &lt;",
        "@someone @an/organisation #12 owner/name#3",
        "[link](https://example.com) https://example.com www.example.com",
        "**bold** _it_ ~~no~~ # head",
        "first line\n# second\n- third\n```\n| four |",
        "a\u{1b}[2J\u{0}b\tc\r\nd\u{202e}e",
        "  ",
        "<!-- a comment",
        "~~~\n::error::x",
        "ends in a backslash \\",
    ];

    /// The code in a document, and everything else that is text in it; panics on anything that acts.
    pub fn parsed(markdown: &str) -> (Vec<String>, String) {
        let (mut code, mut text, mut block) = (Vec::new(), String::new(), None);
        for event in Parser::new_ext(
            markdown,
            Options::ENABLE_GFM | Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH,
        ) {
            match event {
                Event::Code(inline) => code.push(inline.to_string()),
                Event::Start(Tag::CodeBlock(_)) => block = Some(String::new()),
                Event::End(TagEnd::CodeBlock) => code.extend(block.take()),
                Event::Text(part) => block.as_mut().unwrap_or(&mut text).push_str(&part),
                Event::Html(html) | Event::InlineHtml(html) => panic!("HTML: {html} in {markdown}"),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    panic!("a link to {dest_url} in {markdown}")
                }
                _ => {}
            }
        }
        (code, text)
    }

    #[test]
    fn nothing_in_a_text_acts_and_all_of_it_is_shown() {
        for wild in WILD {
            let flat = shown(wild).replace('\n', " ");
            let (found, text) = parsed(&format!("a {} b", code(wild)));
            let expected = if flat.trim().is_empty() { vec![] } else { vec![flat.clone()] };
            assert_eq!(found, expected, "{wild:?}");
            assert!(text == "a  b" || text == "a – b", "{wild:?}: {text:?}");

            let cell = format!("| head | next |\n|---|---|\n| {} | end |\n", code_in_cell(wild));
            let (found, text) = parsed(&cell);
            let expected: Vec<String> = expected.iter().map(|text| text.replace('|', "\\u007c")).collect();
            assert_eq!(
                (found, text.replace('–', "")),
                (expected, "headnextend".to_owned()),
                "{wild:?}: {cell}"
            );

            let (found, text) = parsed(&format!("- item\n\n{}- next\n", block(wild, "  ")));
            let expected: String = shown(wild).lines().map(|line| format!("{line}\n")).collect();
            assert_eq!((found, text), (vec![expected], "itemnext".to_owned()), "{wild:?}");
        }
    }
}
