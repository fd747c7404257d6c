//! Lets the program find the Vulkan loader that a bundle has beside it: a GPU's driver often comes without one.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_CFG_UNIX").is_some() {
        println!("cargo::rustc-link-arg-bins=-Wl,-rpath,$ORIGIN/lib");
    }
}
