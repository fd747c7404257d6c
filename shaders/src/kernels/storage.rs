//! Kernels keep f16 in memory and compute in f32: a kernel written for f32 becomes one whose bindings of f16 are
//! converted wherever they are read or written. So no kernel is written twice, and every sum is one of f32.

use std::sync::Arc;

/// The kernel with these bindings as f16.
///
/// A binding is an array of `f32` or `vec4<f32>`, by that name or an alias, and is used by index alone: read as
/// `name[at]`, written as a statement `name[at] = value;`.
pub(super) fn kept(wgsl: Arc<str>, bindings: &[usize]) -> Arc<str> {
    if bindings.is_empty() {
        return wgsl;
    }
    let mut text = wgsl.to_string();
    for binding in bindings {
        if let Some(declared) = declaration(&text, *binding) {
            text = converted(&text, &declared);
        }
    }
    format!("enable f16;\n{text}").into()
}

/// Where a binding is declared.
struct Declaration {
    name: String,
    /// Of the element's type in the text.
    type_range: std::ops::Range<usize>,
    vector: bool,
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
    Some(Declaration { name, type_range, vector: meaning.starts_with("vec4") })
}

fn converted(text: &str, declared: &Declaration) -> String {
    let (wide, half) = if declared.vector { ("vec4<f32>", "vec4<f16>") } else { ("f32", "f16") };
    let mut result = text[..declared.type_range.start].to_owned() + half;
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
                let value = reads(&assigned[..end], &declared.name, wide);
                let place = inside(place, &declared.name, wide);
                result.push_str(&format!("{place} = {half}({value})"));
                rest = &assigned[end..];
            }
            None => {
                let place = inside(place, &declared.name, wide);
                result.push_str(&format!("{wide}({place})"));
                rest = after;
            }
        }
    }
    result + rest
}

/// An expression with every use of the binding converted.
fn reads(expression: &str, name: &str, wide: &str) -> String {
    let Some(at) = next_use(expression, name) else { return expression.to_owned() };
    let (before, found) = expression.split_at(at);
    let (place, after) = found.split_at(closing(found));
    format!("{before}{wide}({}){}", inside(place, name, wide), reads(after, name, wide))
}

/// `name[at]` with the uses inside `at` converted.
fn inside(place: &str, name: &str, wide: &str) -> String {
    format!("{name}{}", reads(&place[name.len()..], name, wide))
}

/// Where `name[` stands as a word of its own.
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
        let halved = kept(KERNEL.into(), &[0, 1, 2]);
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
        assert_eq!(&*kept(KERNEL.into(), &[]), KERNEL);
    }
}
