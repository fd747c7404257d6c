//! Lets the binaries find the DuckDB library they were linked with, wherever they are started from.

fn main() {
    println!("cargo::rerun-if-env-changed=DUCKDB_LIB_DIR");
    let bundled = std::env::var_os("CARGO_FEATURE_BUNDLED_DUCKDB").is_some();
    let unix = std::env::var_os("CARGO_CFG_UNIX").is_some();
    if let (false, true, Ok(folder)) = (bundled, unix, std::env::var("DUCKDB_LIB_DIR")) {
        // The folder itself, not the checkout's link to it: the binary outlives the checkout.
        let folder = std::fs::canonicalize(&folder).map_or(folder, |path| path.display().to_string());
        // A bundle has the library beside its programs.
        println!("cargo::rustc-link-arg=-Wl,-rpath,$ORIGIN/lib:{folder}");
    }
}
