//! The shared libraries that a session's processes have loaded.

use std::collections::BTreeSet;
use std::fs;

use super::memory;

/// Those of the `known` libraries that a process, or one of those below it, has loaded; by the parts of their names before
/// `.so`, for a library is often loaded by the name of a link to it. Nothing where processes do not show it.
pub fn loaded(root: u32, known: &BTreeSet<String>) -> BTreeSet<String> {
    let maps = memory::below(root).into_iter().filter_map(|process| {
        // One that ended meanwhile, or belongs to somebody else, is not read.
        fs::read_to_string(format!("/proc/{process}/maps")).ok()
    });
    let mut loaded = BTreeSet::new();
    for maps in maps {
        loaded
            .extend(named(&maps).filter_map(|file| known.iter().find(|it| stem(it) == stem(file)).cloned()));
    }
    loaded
}

/// The names of the files that a process has mapped.
fn named(maps: &str) -> impl Iterator<Item = &str> {
    maps.lines().filter_map(|line| line.rsplit_once('/').map(|(_, file)| file))
}

fn stem(library: &str) -> &str {
    library.split_once(".so").map_or(library, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_known_by_the_name_of_a_link_to_it() {
        let maps = "7f00-7f01 r-xp 00000000 08:01 42   /usr/lib/libGLX_nvidia.so.570.86.10\n\
                    7f01-7f02 rw-p 00000000 00:00 0\n\
                    7f02-7f03 r--p 00000000 08:01 43   /usr/lib/libvulkan.so.1.3.239\n";
        let stems: Vec<&str> = named(maps).map(stem).collect();
        assert_eq!(stems, ["libGLX_nvidia", "libvulkan"]);
        assert_eq!(stem("libGLX_nvidia.so.0"), "libGLX_nvidia");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_this_process_has_loaded_is_seen() {
        let known = ["libc.so.6".to_owned(), "libvulkan_lvp.so".to_owned()].into();
        assert_eq!(loaded(std::process::id(), &known), ["libc.so.6".to_owned()].into());
        assert!(loaded(u32::MAX, &known).is_empty());
    }
}
