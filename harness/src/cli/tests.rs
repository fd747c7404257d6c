//! The command line as people type it: what is taken, what is refused with what would be right, what help shows.

use clap::CommandFactory;

use super::*;

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_shows_an_example() {
    for path in [
        &["parallax", "sweep"][..],
        &["parallax", "compare"],
        &["parallax", "gate"],
        &["parallax", "noise"],
        &["parallax", "history"],
        &["parallax", "recommend"],
        &["parallax", "predict"],
        &["parallax", "detect"],
        &["parallax", "conformance"],
        &["parallax", "bench", "matmul"],
        &["parallax", "diverge"],
        &["parallax", "probe"],
        &["parallax", "profile"],
        &["parallax", "matrix"],
        &["parallax", "report"],
        &["parallax", "merge"],
        &["parallax", "export"],
        &["parallax", "query"],
        &["parallax", "import"],
        &["parallax", "prune"],
        &["parallax", "serve"],
        &["parallax", "cache"],
        &["parallax", "plan"],
    ] {
        let arguments = path.iter().chain(&["--help"]);
        let help = Cli::try_parse_from(arguments).unwrap_err().to_string();
        assert!(help.contains("Example") && help.contains(&path.join(" ")), "{path:?}: {help}");
    }
}

#[test]
fn bad_flags_are_refused_with_what_would_be_right() {
    for (arguments, part) in [
        (&["--targets", "webgup@chrome"][..], "did you mean \"webgpu\""),
        (&["--samples", "0"], "1.."),
        (&["--timeout-s", "0"], "1.."),
        (&["--modles", "x"], "--models"),
        (&["--dimension", "height"], "as in height=224"),
        (&["--dimension", "height=-1"], "as in height=224"),
        (&["--dimension", "=1"], "as in height=224"),
        (&["--adapter", ""], "a part of a name"),
        (&["--shard", "0/3"], "as in 2/5"),
        (&["--shard", "4/3"], "as in 2/5"),
        (&["--shard", "x"], "as in 2/5"),
        (&["--shard", "1/0"], "as in 2/5"),
        (&["--sweep", " "], "a name that no other sweep has"),
        (&["--progress", "loud"], "bar, lines, quiet"),
    ] {
        let all = ["parallax", "sweep"].iter().chain(arguments);
        let message = Cli::try_parse_from(all).unwrap_err().to_string();
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
}

#[test]
fn hardware_is_not_required_together_with_another_adapter() {
    let choices = |flags: &[&str]| {
        let all = ["parallax", "sweep"].iter().chain(flags);
        let Command::Sweep(args) = Cli::try_parse_from(all).unwrap().command else { unreachable!() };
        args.adapter.choices().map(|choices| {
            choices.unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        })
    };
    for (flags, expected) in [
        (&[][..], Ok("")),
        (&["--adapter", "default,swiftshader,GeForce"], Ok("default swiftshader GeForce")),
        (&["--require-hardware"], Ok("hardware")),
        (&["--require-hardware", "--adapter", "hardware"], Ok("hardware")),
        (&["--require-hardware", "--adapter", "lavapipe"], Err("lavapipe")),
    ] {
        match (choices(flags), expected) {
            (Ok(choices), Ok(expected)) => assert_eq!(choices, expected, "{flags:?}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{flags:?}: {error}"),
            (choices, _) => panic!("{flags:?}: {choices:?}"),
        }
    }
}
