//! `parallax cache`: the model folders that bare ONNX files were completed to, shown and cleared.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::cli::CacheArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::model::kept::{BOUND_BYTES, Folder, list};
use crate::number;
use crate::report::columns::{Align, lay_out};

/// Runs `parallax cache`.
///
/// # Errors
/// A folder that cannot be removed, a report that cannot be written.
pub fn run(args: &CacheArgs) -> Result<Exit, Error> {
    let root = protocol::cache::models_dir();
    let folders = list(&root);
    if args.clear {
        for folder in &folders {
            fs::remove_dir_all(&folder.path)
                .map_err(|source| Error::CacheUncleared { path: folder.path.clone(), source })?;
        }
    }
    let text = match args.clear {
        true => format!("{} cleared out of {}", summary(&folders), root.display()),
        false => table(&root, &folders, SystemTime::now()),
    };
    writeln!(io::stdout(), "{text}").map_err(Error::Output)?;
    Ok(Exit::Success)
}

fn table(root: &Path, folders: &[Folder], now: SystemTime) -> String {
    let heads = [("folder", Align::Left), ("size", Align::Right), ("unused for", Align::Right)];
    let age = |used: SystemTime| now.duration_since(used).unwrap_or_default();
    let row =
        |folder: &Folder| vec![folder.name(), number::bytes(folder.size_bytes), duration(age(folder.used))];
    let mut lines = vec![format!("bare ONNX files completed in {}", root.display()), String::new()];
    if !folders.is_empty() {
        lines.extend(lay_out(&heads, &folders.iter().map(row).collect::<Vec<_>>()));
        lines.push(String::new());
    }
    lines.push(format!(
        "{} of at most {}: beyond that the longest unused go first, but none used within the hour; `parallax cache \
         --clear` removes all",
        summary(folders),
        number::bytes(BOUND_BYTES)
    ));
    lines.join("\n")
}

fn summary(folders: &[Folder]) -> String {
    let total = number::bytes(folders.iter().map(|folder| folder.size_bytes).sum());
    match folders.len() {
        1 => format!("1 folder, {total}"),
        count => format!("{count} folders, {total}"),
    }
}

/// A time in its largest unit: `3 days`.
fn duration(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    let (count, unit) = match minutes {
        0..60 => (minutes, "minute"),
        60..2880 => (minutes / 60, "hour"),
        _ => (minutes / 1440, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::model::kept::tests::{KEY, folder};

    #[test]
    fn the_table_says_how_much_there_is_and_how_much_may_be() {
        let (root, now) = (TempDir::new().unwrap(), SystemTime::now());
        folder(&root, &format!("bert-{KEY}"), now, 150);
        fs::create_dir(root.path().join("unfinished-7")).unwrap();
        let text = table(Path::new("/cache"), &list(root.path()), now);
        for part in [
            "completed in /cache",
            "bert-0123",
            "100 B     2 hours",
            "unfinished-7",
            "2 folders, 100 B of at most 1.07 GB",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
        assert!(table(Path::new("/cache"), &[], now).contains("0 folders, 0 B"));
    }
}
