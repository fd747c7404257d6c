//! Vulkan drivers that compute on the CPU in place of a GPU, and the words by which adapters and libraries name them.

use crate::capability::Adapter;

/// A Vulkan driver that computes on the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoftwareDriver {
    /// SwiftShader, which Chromium ships.
    Swiftshader,
    /// Mesa's lavapipe, whose adapter calls itself llvmpipe.
    Lavapipe,
}

struct Entry {
    driver: SoftwareDriver,
    name: &'static str,
    words: &'static [&'static str],
    remedy: &'static str,
}

/// One entry per driver: its adapter's name, what is in the names of its adapters and of its library, how to get it.
const DRIVERS: [Entry; 2] = [
    Entry {
        driver: SoftwareDriver::Swiftshader,
        name: "SwiftShader",
        words: &["swiftshader"],
        remedy: "install Chromium, which brings it (`cargo xtask setup`; Debian: apt install chromium)",
    },
    Entry {
        driver: SoftwareDriver::Lavapipe,
        name: "llvmpipe",
        words: &["llvmpipe", "lavapipe", "libvulkan_lvp"],
        remedy: "install Mesa's Vulkan drivers (Debian: apt install mesa-vulkan-drivers)",
    },
];

impl SoftwareDriver {
    /// Every driver.
    pub fn all() -> impl Iterator<Item = SoftwareDriver> {
        DRIVERS.iter().map(|entry| entry.driver)
    }

    fn entry(self) -> &'static Entry {
        // The table lists every variant: `every_driver_has_its_entry` holds it to that.
        DRIVERS.iter().find(|entry| entry.driver == self).unwrap_or(&DRIVERS[0])
    }

    /// The name that its adapter has in all places.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// One line on how to get it.
    pub fn remedy(self) -> &'static str {
        self.entry().remedy
    }

    /// The driver that a text names, whatever its case: a renderer, a device, the file of a library.
    pub fn named_in(text: &str) -> Option<SoftwareDriver> {
        let text = text.to_lowercase();
        let names = |entry: &&Entry| entry.words.iter().any(|word| text.contains(word));
        DRIVERS.iter().find(names).map(|entry| entry.driver)
    }

    /// The driver that an adapter is by its own names.
    pub fn of(adapter: &Adapter) -> Option<SoftwareDriver> {
        adapter.names().find_map(SoftwareDriver::named_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_driver_has_its_entry() {
        for driver in [SoftwareDriver::Swiftshader, SoftwareDriver::Lavapipe] {
            assert_eq!(driver.entry().driver, driver);
        }
        assert_eq!(SoftwareDriver::all().count(), SoftwareDriver::Lavapipe as usize + 1);
    }

    #[test]
    fn drivers_are_known_by_what_adapters_and_libraries_are_called() {
        use SoftwareDriver::{Lavapipe, Swiftshader};
        // Chromium 156, wgpu 30 on both drivers, Firefox's WebGL, and files of Chromium, Mesa and NVIDIA.
        for (text, expected) in [
            ("swiftshader", Some(Swiftshader)),
            ("SwiftShader Device (Subzero)", Some(Swiftshader)),
            ("libvk_swiftshader.so", Some(Swiftshader)),
            ("llvmpipe (LLVM 15.0.6, 256 bits)", Some(Lavapipe)),
            ("libvulkan_lvp.so", Some(Lavapipe)),
            ("libGLX_nvidia.so.0", None),
            ("NVIDIA GeForce RTX 4090", None),
            ("", None),
        ] {
            assert_eq!(SoftwareDriver::named_in(text), expected, "{text}");
        }
    }
}
