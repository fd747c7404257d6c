//! The first versions of browsers in which what we ask of them works, and reading a version's number.

/// Firefox with WebGPU in its releases; earlier ones reject every `requestAdapter`, whatever the preferences say.
pub const FIREFOX_WITH_WEBGPU: u32 = 141;

/// Chromium and its kin with WebGPU in their releases.
pub const CHROMIUM_WITH_WEBGPU: u32 = 113;

/// The major number of a version, alone or in what a program says to `--version`: its first whole number.
pub fn major(version: &str) -> Option<u32> {
    let number =
        version.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    number.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_versions_major_number_is_read() {
        for (version, expected) in [
            ("140.3.0", Some(140)),
            ("141", Some(141)),
            ("Mozilla Firefox 140.3.0esr", Some(140)),
            ("Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)", Some(156)),
            ("Microsoft Edge 150.0.1.2 beta", Some(150)),
            ("Mozilla Firefox", None),
            ("", None),
        ] {
            assert_eq!(major(version), expected, "{version}");
        }
    }
}
