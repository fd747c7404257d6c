//! Bindings that keep numbers otherwise than their kernel computes with them. A kernel written for f32 becomes one
//! whose bindings of f16 are converted wherever they are read or written, so that every sum is one of f32; and i64
//! that are kept in one word and in two (wide.wgsl) go with each other. So no kernel is written twice.

use std::sync::Arc;

/// The kernel with bindings that keep what it computes with as this type of WGSL. `None` where there is no way from the
/// one to the other.
///
/// A binding is an array of a scalar or a vector, by that name or an alias, and is used by index alone: read as
/// `name[at]`, written as a statement `name[at] = value;`.
pub(super) fn kept(wgsl: Arc<str>, bindings: &[(usize, &str)]) -> Option<Arc<str>> {
    let mut text = wgsl.to_string();
    let mut halves = false;
    for &(binding, stored) in bindings {
        let Some(declared) = declaration(&text, binding) else { continue };
        if declared.meaning == stored || declared.meaning == format!("vec4<{stored}>") {
            continue;
        }
        let way = way(&declared.meaning, stored)?;
        halves |= stored == "f16";
        text = converted(&text, &declared, way);
    }
    Some(if halves { format!("enable f16;\n{text}").into() } else { text.into() })
}

/// The functions by which a binding is read and written.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// The element's type in memory.
    memory: &'static str,
    /// The function that gives what the kernel computes with, and the one that takes it.
    read: &'static str,
    write: &'static str,
}

fn way(computed: &str, stored: &str) -> Option<Way> {
    let way = |memory, read, write| Some(Way { memory, read, write });
    match (computed, stored) {
        ("f32", "f16") => way("f16", "f32", "f16"),
        ("vec4<f32>", "f16") => way("vec4<f16>", "vec4<f32>", "vec4<f16>"),
        // What computes with one word reads indices.
        ("i32", "vec2<u32>") => way("vec2<u32>", "saturated", "widened"),
        ("vec2<u32>", "i32") => way("i32", "widened", "low_word"),
        _ => None,
    }
}

/// The declaration of a binding.
struct Declaration {
    name: String,
    /// Of the element's type in the text.
    type_range: std::ops::Range<usize>,
    /// That type, not an alias.
    meaning: String,
}

fn declaration(text: &str, binding: usize) -> Option<Declaration> {
    let start = text.find(&format!("@binding({binding}) "))?;
    let line = &text[start..start + text[start..].find(';')?];
    let name_start = line.find("> ")? + 2;
    let name = line[name_start..].split(':').next()?.to_owned();
    let type_start = line.find("array<")? + "array<".len();
    let type_range = start + type_start..start + line.rfind('>')?;
    let named = &text[type_range.clone()];
    let alias = format!("alias {named} = ");
    let meaning = text.find(&alias).map_or(named, |at| {
        let value = &text[at + alias.len()..];
        value.split(';').next().unwrap_or(named)
    });
    let meaning = meaning.to_owned();
    Some(Declaration { name, type_range, meaning })
}

fn converted(text: &str, declared: &Declaration, way: Way) -> String {
    let Way { memory, read, write } = way;
    let mut result = text[..declared.type_range.start].to_owned() + memory;
    let mut rest = &text[declared.type_range.end..];
    while let Some(at) = next_use(rest, &declared.name) {
        let (before, found) = rest.split_at(at);
        let end = closing(found);
        let (place, after) = found.split_at(end);
        result.push_str(before);
        match after.strip_prefix(" = ") {
            Some(assigned) => {
                let end = assigned.find(';').unwrap_or(assigned.len());
                // The value may read the binding too.
                let value = reads(&assigned[..end], &declared.name, read);
                let place = inside(place, &declared.name, read);
                result.push_str(&format!("{place} = {write}({value})"));
                rest = &assigned[end..];
            }
            None => {
                let place = inside(place, &declared.name, read);
                result.push_str(&format!("{read}({place})"));
                rest = after;
            }
        }
    }
    result + rest
}

/// An expression with every use of the binding converted.
fn reads(expression: &str, name: &str, read: &str) -> String {
    let Some(at) = next_use(expression, name) else { return expression.to_owned() };
    let (before, found) = expression.split_at(at);
    let (place, after) = found.split_at(closing(found));
    format!("{before}{read}({}){}", inside(place, name, read), reads(after, name, read))
}

/// `name[at]` with the uses inside `at` converted.
fn inside(place: &str, name: &str, read: &str) -> String {
    format!("{name}{}", reads(&place[name.len()..], name, read))
}

/// The position of `name[` as a word of its own.
fn next_use(text: &str, name: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = text[from..].find(name) {
        let at = from + found;
        let before = text[..at].chars().next_back();
        let is_word = !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        if is_word && text[at + name.len()..].starts_with('[') {
            return Some(at);
        }
        from = at + name.len();
    }
    None
}

/// The length of `name[...]` at the start of the text.
fn closing(text: &str) -> usize {
    let mut depth = 0;
    for (at, character) in text.char_indices() {
        match character {
            '[' => depth += 1,
            ']' if depth == 1 => return at + 1,
            ']' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: &str = "alias T = vec4<f32>;
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<T>;
fn main() {
    result[at[0u]] = x[i + at[1]] * T(y[u32(y[2u])]) + result[0u];
    let xy = xx[0];
}";

    #[test]
    fn uses_are_converted_and_nothing_else() {
        let halved = kept(KERNEL.into(), &[(0, "f16"), (1, "f16"), (2, "f16")]).unwrap();
        let expected = "enable f16;
alias T = vec4<f32>;
@group(0) @binding(0) var<storage, read> x: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read> y: array<f16>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4<f16>>;
fn main() {
    result[at[0u]] = vec4<f16>(vec4<f32>(x[i + at[1]]) * T(f32(y[u32(f32(y[2u]))])) + vec4<f32>(result[0u]));
    let xy = xx[0];
}";
        assert_eq!(&*halved, expected);
        assert_eq!(&*kept(KERNEL.into(), &[]).unwrap(), KERNEL);
    }

    #[test]
    fn integers_of_one_word_and_of_two_go_with_each_other() {
        let kernel = |computed: &str| {
            format!(
                "alias E = {computed};
@group(0) @binding(0) var<storage, read> x: array<E>;
@group(0) @binding(1) var<storage, read_write> y: array<E>;
fn main() {{
    y[at] = x[at];
}}"
            )
        };
        let body = |computed: &str, bindings: &[(usize, &str)]| {
            let kept = kept(kernel(computed).into(), bindings)?;
            Some(kept.lines().nth(4).unwrap().trim().to_owned())
        };
        for (computed, bindings, expected) in [
            ("i32", [(0, "i32"), (1, "i32")], Some("y[at] = x[at];")),
            ("i32", [(0, "vec2<u32>"), (1, "i32")], Some("y[at] = saturated(x[at]);")),
            ("i32", [(0, "i32"), (1, "vec2<u32>")], Some("y[at] = widened(x[at]);")),
            ("vec2<u32>", [(0, "i32"), (1, "vec2<u32>")], Some("y[at] = widened(x[at]);")),
            ("vec2<u32>", [(0, "vec2<u32>"), (1, "i32")], Some("y[at] = low_word(x[at]);")),
            ("vec4<i32>", [(0, "vec2<u32>"), (1, "i32")], None),
            ("f32", [(0, "vec2<u32>"), (1, "i32")], None),
        ] {
            assert_eq!(body(computed, &bindings).as_deref(), expected, "{computed} {bindings:?}");
        }
    }
}
