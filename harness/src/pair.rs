//! Two sides of a comparison.

use std::str::FromStr;

use crate::side::Side;

/// Two sides that are compared, written `webgpu@chrome/ort-webgpu@chrome`.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The one that is asked about.
    pub a: Side,
    /// The one it is held against.
    pub b: Side,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Pair, String> {
        let (a, b) = text.split_once('/').ok_or("two targets are written TARGET/TARGET")?;
        Ok(Pair { a: a.parse()?, b: b.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_two_targets() {
        let pair: Pair = "webgpu@chrome+adapter=swiftshader/wgpu:vulkan".parse().unwrap();
        assert_eq!(
            (pair.a.to_string(), pair.b.to_string()),
            ("webgpu@chrome+adapter=swiftshader".into(), "wgpu:vulkan".into())
        );
        for wrong in ["webgpu@chrome", "webgpu@chrome/", "webgp@chrome/wgpu:vulkan"] {
            assert!(wrong.parse::<Pair>().is_err(), "{wrong}");
        }
    }
}
