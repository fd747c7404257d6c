//! Where set-up keeps what it fetched, and in which versions; a bundle carries the same beside its programs. Only names
//! paths: it never reads or writes a file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The version of geckodriver that set-up builds where none is installed.
pub const GECKODRIVER: &str = "0.37.1";
/// The version of the npm package that carries the headless shell of Chromium, WebNN's CPU backend built in.
pub const HEADLESS_SHELL: &str = "153.0.0";
/// The version of the Python package that carries the headless shell's driver, built for systems older than this one.
pub const CHROMEDRIVER: &str = "153.0.8010.52";
/// The version of DuckDB that the harness is linked with.
pub const DUCKDB: &str = "1.5.6";
/// The version of the npm package that carries the library of [`DUCKDB`].
pub const DUCKDB_NPM_PACKAGE: &str = "1.5.6-r.1";
/// The version of the ONNX Runtime library that the native runner loads.
pub const ONNXRUNTIME: &str = "1.31.1";
/// The version of onnxruntime-web, the reference runtime that runs in the same page.
pub const ONNXRUNTIME_WEB: &str = "1.30.0";
/// The version of the ONNX project's node tests: the last whose Python package carries them.
pub const NODE_TESTS: &str = "1.22.0";

/// The file name of ONNX Runtime's library on this platform.
pub const ONNXRUNTIME_LIBRARY: &str = if cfg!(windows) {
    "onnxruntime.dll"
} else if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else {
    "libonnxruntime.so"
};

/// The file name of DuckDB's library on this platform.
pub const DUCKDB_LIBRARY: &str = if cfg!(windows) {
    "duckdb.dll"
} else if cfg!(target_os = "macos") {
    "libduckdb.dylib"
} else {
    "libduckdb.so"
};

/// The message where there is no [`own_dir`].
pub const HOMELESS: &str = "there is no folder of yours to keep downloads in, and one that everybody can write to is not \
                            taken; set HOME, or XDG_CACHE_HOME to a folder of your own";

/// Where a folder cannot be, for anyone.
const NOWHERE: &str = if cfg!(windows) { r"NUL\parallax" } else { "/dev/null/parallax" };

/// The folder of everything fetched: the platform's cache folder, then `parallax`. Where the user has none, it is one that
/// nobody can make: programs are started from it, and must not be another's.
pub fn cache_dir() -> PathBuf {
    own_dir().unwrap_or_else(|| NOWHERE.into())
}

/// The folder of everything fetched, for a user who has a folder.
pub fn own_dir() -> Option<PathBuf> {
    let platform = if cfg!(windows) {
        Platform::Windows
    } else if cfg!(target_os = "macos") {
        Platform::MacOs
    } else {
        Platform::Unix
    };
    cache_dir_on(platform, |name| std::env::var_os(name))
}

/// The folder beside the programs of a bundle that is laid out as the cache is.
pub const BUNDLED: &str = "fetched";

/// Returns what lies beside this program by a name, if anything does.
pub fn beside_program(name: &str) -> Option<PathBuf> {
    let program = std::env::current_exe().and_then(|program| program.canonicalize()).ok()?;
    program.parent().map(|folder| folder.join(name)).filter(|path| path.exists())
}

/// Returns whether a path leads into the bundle that this program is part of.
pub fn is_bundled(path: &Path) -> bool {
    beside_program(BUNDLED).is_some_and(|bundle| path.starts_with(bundle))
}

/// Where something fetched lies: in the bundle, where there is one that carries it, else in the cache.
fn fetched(path: impl AsRef<Path>) -> PathBuf {
    let bundled = beside_program(BUNDLED).map(|bundle| bundle.join(&path)).filter(|path| path.exists());
    bundled.unwrap_or_else(|| cache_dir().join(path))
}

/// The geckodriver that set-up built.
pub fn geckodriver() -> PathBuf {
    let program = format!("geckodriver{}", std::env::consts::EXE_SUFFIX);
    fetched(Path::new("geckodriver").join(GECKODRIVER).join("bin").join(program))
}

/// The headless shell that set-up fetched.
pub fn headless_shell() -> PathBuf {
    fetched(Path::new("headless-shell").join(HEADLESS_SHELL).join("chrome-headless-shell"))
}

/// The driver of the headless shell that a bundle carries.
pub fn chromedriver() -> PathBuf {
    fetched(Path::new("chromedriver").join(CHROMEDRIVER).join("chromedriver"))
}

/// The folder that holds [`DUCKDB_LIBRARY`].
pub fn duckdb_library_dir() -> PathBuf {
    cache_dir().join("duckdb").join(DUCKDB)
}

/// ONNX Runtime's shared library.
pub fn onnxruntime_library() -> PathBuf {
    fetched(Path::new("onnxruntime").join(ONNXRUNTIME).join(ONNXRUNTIME_LIBRARY))
}

/// The folder that holds `ort.webgpu.min.mjs` and the other files that a page loads.
pub fn onnxruntime_web_dir() -> PathBuf {
    fetched(Path::new("onnxruntime-web").join(ONNXRUNTIME_WEB).join("dist"))
}

/// The folder that holds the ONNX project's node tests, each a folder `test_*`.
pub fn node_tests_dir() -> PathBuf {
    fetched(Path::new("onnx-node-tests").join(NODE_TESTS))
}

/// The folder of what the model hub's client fetched, where `HF_HOME` names none.
pub fn hub_dir() -> PathBuf {
    cache_dir().join("hub")
}

/// The folder of model folders that were put together here: from the hub's files, or from bare ONNX files.
pub fn models_dir() -> PathBuf {
    cache_dir().join("models")
}

/// The folder of all compilers with a WebAssembly back end that set-up unpacked.
pub fn rust_wasm_dir() -> PathBuf {
    cache_dir().join("rust-wasm")
}

/// The folder of one such compiler, by its version.
pub fn rust_wasm_prefix(version: &str) -> PathBuf {
    rust_wasm_dir().join(version)
}

#[derive(Debug, Clone, Copy)]
enum Platform {
    Unix,
    MacOs,
    Windows,
}

fn cache_dir_on(platform: Platform, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // The XDG specification says that a relative path is to be ignored.
    let chosen = folder("XDG_CACHE_HOME").filter(|path| path.has_root());
    let own = match platform {
        Platform::Unix => chosen.or_else(|| folder("HOME").map(|home| home.join(".cache"))),
        Platform::MacOs => chosen.or_else(|| folder("HOME").map(|home| home.join("Library/Caches"))),
        Platform::Windows => folder("LOCALAPPDATA"),
    };
    own.map(|own| own.join("parallax"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_folder_follows_each_platforms_custom() {
        use Platform::{MacOs, Unix, Windows};
        type Case = (&'static str, Platform, &'static [(&'static str, &'static str)], &'static str);
        const HOME: (&str, &str) = ("HOME", "/home/a");
        let cases: [Case; 6] = [
            ("home on Linux", Unix, &[HOME], "/home/a/.cache/parallax"),
            ("XDG wins", Unix, &[HOME, ("XDG_CACHE_HOME", "/c")], "/c/parallax"),
            ("empty XDG is none", Unix, &[HOME, ("XDG_CACHE_HOME", "")], "/home/a/.cache/parallax"),
            ("relative XDG is none", Unix, &[HOME, ("XDG_CACHE_HOME", "c")], "/home/a/.cache/parallax"),
            ("macOS", MacOs, &[HOME], "/home/a/Library/Caches/parallax"),
            ("Windows", Windows, &[HOME, ("LOCALAPPDATA", "/local")], "/local/parallax"),
        ];
        for (name, platform, environment, expected) in cases {
            let variable = |wanted: &str| {
                environment.iter().find(|(key, _)| *key == wanted).map(|(_, value)| value.into())
            };
            assert_eq!(cache_dir_on(platform, variable), Some(expected.into()), "{name}");
        }
    }

    #[test]
    fn who_has_no_home_has_no_folder_and_none_of_anybodys() {
        assert_eq!(cache_dir_on(Platform::Unix, |_| None), None);
        assert!(std::fs::create_dir_all(NOWHERE).is_err());
    }

    #[test]
    fn every_path_names_its_version() {
        for (path, version) in [
            (geckodriver(), GECKODRIVER),
            (headless_shell(), HEADLESS_SHELL),
            (chromedriver(), CHROMEDRIVER),
            (duckdb_library_dir(), DUCKDB),
            (onnxruntime_library(), ONNXRUNTIME),
            (onnxruntime_web_dir(), ONNXRUNTIME_WEB),
            (node_tests_dir(), NODE_TESTS),
            (rust_wasm_prefix("1.96.0"), "1.96.0"),
        ] {
            assert!(path.iter().any(|part| part == version), "{}", path.display());
        }
    }
}
