//! Two targets side by side.

use std::str::FromStr;

use protocol::Target;

/// Two targets that are compared, written `webgpu@chrome/ort-webgpu@chrome`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The one that is asked about.
    pub ours: Target,
    /// The one it is held against.
    pub other: Target,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Pair, String> {
        let (ours, other) = text.split_once('/').ok_or("two targets are written TARGET/TARGET")?;
        let target = |text: &str| text.parse::<Target>().map_err(|error| error.to_string());
        Ok(Pair { ours: target(ours)?, other: target(other)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_two_targets() {
        let pair: Pair = "webgpu@chrome/wgpu:vulkan".parse().unwrap();
        assert_eq!(
            (pair.ours.to_string(), pair.other.to_string()),
            ("webgpu@chrome".into(), "wgpu:vulkan".into())
        );
        for wrong in ["webgpu@chrome", "webgpu@chrome/", "webgp@chrome/wgpu:vulkan"] {
            assert!(wrong.parse::<Pair>().is_err(), "{wrong}");
        }
    }
}
