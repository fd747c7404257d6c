//! Command lines as a shell takes them.

use crate::rows::CaseRow;
use crate::rows::page::AskedOf;

/// The name of the dimension that counts the items of one inference.
const BATCH: &str = "batch";
const FP32: &str = "fp32";

/// A command and its arguments in one line.
pub fn one_line(arguments: &[String]) -> String {
    arguments.iter().map(|argument| quoted(argument)).collect::<Vec<_>>().join(" ")
}

/// The command that repeats one case. Of a model that is a folder or a file, its name is all that is known.
pub fn repeating(case: &CaseRow, asked: &AskedOf) -> String {
    let mut arguments: Vec<String> =
        ["parallax", "sweep", "--models", &case.model, "--targets", &case.target].map(str::to_owned).into();
    let mut add = |flag: &str, value: &str| arguments.extend([flag.to_owned(), value.to_owned()]);
    if case.adapter_choice != "default" {
        add("--adapter", &case.adapter_choice);
    }
    if case.precision != FP32 {
        add("--precision", &case.precision);
    }
    for (name, extent) in &case.dimensions {
        match name.as_str() {
            BATCH => add("--batch", &extent.to_string()),
            name => add("--dimension", &format!("{name}={extent}")),
        }
    }
    if let Some(samples) = asked.samples {
        add("--samples", &samples.to_string());
    }
    if !case.features_off.is_empty() {
        arguments.push(format!("--features={}", case.features_off));
    }
    if asked.strict {
        arguments.push("--strict".to_owned());
    }
    one_line(&arguments)
}

/// An argument as a POSIX shell takes it: in single quotes where it holds anything that a shell might act on.
fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@=,+".contains(c);
    match !argument.is_empty() && argument.chars().all(plain) {
        true => argument.to_owned(),
        false => format!("'{}'", argument.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::passed;

    #[test]
    fn a_case_is_repeated_with_all_that_was_asked_of_it() {
        let asked = AskedOf { samples: Some(20), ..AskedOf::default() };
        let case = CaseRow { model: "m".to_owned(), target: "webgpu@chrome".to_owned(), ..passed() };
        let varied = CaseRow {
            model: "it's; rm".to_owned(),
            adapter_choice: "GeForce RTX".to_owned(),
            dimensions: [("batch".to_owned(), 4), ("x.0".to_owned(), 3)].into(),
            features_off: "-tuned,-fusion".to_owned(),
            precision: "fp16".to_owned(),
            ..case.clone()
        };
        for (case, asked, expected) in [
            (&case, &asked, "parallax sweep --models m --targets webgpu@chrome --samples 20"),
            (
                &varied,
                &AskedOf { strict: true, ..AskedOf::default() },
                "parallax sweep --models 'it'\\''s; rm' --targets webgpu@chrome --adapter 'GeForce RTX' --precision fp16 \
                 --batch 4 --dimension x.0=3 --features=-tuned,-fusion --strict",
            ),
        ] {
            assert_eq!(repeating(case, asked), expected);
        }
    }

    #[test]
    fn a_shell_takes_a_line_apart_as_it_was_put_together() {
        let arguments =
            ["parallax", "", "a b", "$HOME", "`x`", "'", "\"", "*", "é", "a\nb"].map(str::to_owned);
        let line = one_line(&arguments);
        let script = format!("for argument in {line}; do printf '%s\\0' \"$argument\"; done");
        let output = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
        let parts: Vec<&str> = std::str::from_utf8(&output.stdout).unwrap().split_terminator('\0').collect();
        assert_eq!(parts, arguments);
    }
}
