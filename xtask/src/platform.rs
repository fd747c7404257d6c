//! The names of this platform in other projects: npm packages, Debian's library folders, wheels.

/// The npm package that carries DuckDB's library for an operating system and processor, as Rust names them.
pub fn duckdb_package(system: &str, processor: &str) -> Option<&'static str> {
    match (system, processor) {
        ("linux", "x86_64") => Some("@duckdb/node-bindings-linux-x64"),
        ("linux", "aarch64") => Some("@duckdb/node-bindings-linux-arm64"),
        ("macos", "x86_64") => Some("@duckdb/node-bindings-darwin-x64"),
        ("macos", "aarch64") => Some("@duckdb/node-bindings-darwin-arm64"),
        // The Windows package has the library without the import library that the linker wants.
        _ => None,
    }
}

/// The folder below `usr/lib` where Debian puts a processor's libraries.
pub fn debian_library_folder(processor: &str) -> String {
    format!("{processor}-linux-gnu")
}

/// Returns whether a file of the ONNX Runtime wheel is the library itself.
pub fn is_onnxruntime_library(name: &str) -> bool {
    let linux = name.starts_with("libonnxruntime.so");
    let macos = name.starts_with("libonnxruntime.") && name.ends_with(".dylib");
    linux || macos || name == "onnxruntime.dll"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duckdb_has_a_package_for_each_unix_platform() {
        for (system, processor, expected) in [
            ("linux", "x86_64", Some("@duckdb/node-bindings-linux-x64")),
            ("linux", "aarch64", Some("@duckdb/node-bindings-linux-arm64")),
            ("macos", "x86_64", Some("@duckdb/node-bindings-darwin-x64")),
            ("macos", "aarch64", Some("@duckdb/node-bindings-darwin-arm64")),
            ("windows", "x86_64", None),
            ("linux", "riscv64", None),
        ] {
            assert_eq!(duckdb_package(system, processor), expected, "{system} {processor}");
        }
    }

    #[test]
    fn the_library_is_told_from_its_neighbours() {
        for (name, expected) in [
            ("libonnxruntime.so.1.31.1", true),
            ("libonnxruntime.1.31.1.dylib", true),
            ("onnxruntime.dll", true),
            ("libonnxruntime_providers_shared.so", false),
            ("onnxruntime_pybind11_state.cpython-312-x86_64-linux-gnu.so", false),
            ("onnxruntime_providers_shared.dll", false),
        ] {
            assert_eq!(is_onnxruntime_library(name), expected, "{name}");
        }
    }
}
