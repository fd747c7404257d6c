//! Command-line arguments of Chromium: switches that hold lists are merged, because only the last one counts.

/// Switches whose value is a list of names; of several, Chromium reads the last and drops the others.
const LISTS: [&str; 5] = [
    "--enable-features=",
    "--disable-features=",
    "--enable-blink-features=",
    "--disable-blink-features=",
    "--enable-dawn-features=",
];

/// The arguments with each kind of list merged into its first occurrence, every name once.
pub fn merged(arguments: Vec<String>) -> Vec<String> {
    let mut merged: Vec<String> = Vec::new();
    for argument in arguments {
        let list = LISTS.iter().find_map(|list| Some((*list, argument.strip_prefix(list)?)));
        let first = list.and_then(|(list, _)| merged.iter_mut().find(|other| other.starts_with(list)));
        match (list, first) {
            (Some((list, names)), Some(first)) => add(first, list, names),
            (None, _) | (_, None) => merged.push(argument),
        }
    }
    merged
}

fn add(first: &mut String, list: &str, names: &str) {
    for name in names.split(',').filter(|name| !name.is_empty()) {
        if !first[list.len()..].split(',').any(|known| known == name) {
            first.push(',');
            first.push_str(name);
        }
    }
}

/// Returns whether the user is root, for whom Chromium refuses to start inside its sandbox.
#[cfg(unix)]
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Returns whether the user is root, for whom Chromium refuses to start inside its sandbox.
#[cfg(not(unix))]
pub fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_become_one_and_everything_else_stays_as_it_is() {
        for (name, arguments, expected) in [
            ("nothing", &[][..], &[][..]),
            ("no list", &["--a", "--b=1", "--b=2"], &["--a", "--b=1", "--b=2"]),
            (
                "two of a kind",
                &["--enable-features=A,B", "--x", "--enable-features=B,C"],
                &["--enable-features=A,B,C", "--x"],
            ),
            (
                "kinds stay apart",
                &["--enable-features=A", "--disable-features=B", "--disable-features=C"],
                &["--enable-features=A", "--disable-features=B,C"],
            ),
            ("an empty list", &["--enable-features=A", "--enable-features="], &["--enable-features=A"]),
        ] {
            let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
            assert_eq!(merged(arguments), expected, "{name}");
        }
    }
}
