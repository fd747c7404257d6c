//! Names the adapter of a page whose browser does not: by the Vulkan drivers that its processes have loaded.

use std::collections::BTreeSet;

use protocol::{Adapter, SoftwareDriver};

/// Returns whether a page's adapter has no name of its own; what WebGL draws with may be another.
pub fn is_nameless(adapter: &Adapter) -> bool {
    let Adapter { vendor, architecture, device, backend, .. } = adapter;
    backend == "webgpu" && [vendor, architecture, device].iter().all(|name| name.is_empty())
}

/// Names a nameless adapter by the libraries of Vulkan drivers `loaded` in its browser, and returns how it is known. `named` is
/// the adapter that was asked for by a name, as it describes itself natively.
///
/// A loader that was left with all drivers loads all of them: then only an adapter that says that it is a CPU's can be told, where
/// one of them computes on the CPU.
pub fn name(adapter: &mut Adapter, loaded: &BTreeSet<String>, named: Option<&Adapter>) -> Option<String> {
    let software = || loaded.iter().filter(|library| SoftwareDriver::named_in(library).is_some());
    let only = (loaded.len() == 1).then(|| loaded.first()).flatten();
    let (library, of) = match only {
        Some(library) => (library, ""),
        None if adapter.software && software().count() == 1 => {
            (software().next()?, " that computes on the CPU")
        }
        None => return None,
    };
    let driver = SoftwareDriver::named_in(library);
    let (vendor, device) = match (named.filter(|_| only.is_some()), driver) {
        (Some(named), _) => (named.vendor.as_str(), named.device.as_str()),
        (None, Some(driver)) => ("", driver.name()),
        (None, None) => ("", library.as_str()),
    };
    adapter.vendor = vendor.to_owned();
    adapter.device = device.to_owned();
    adapter.description = format!("by {library}");
    adapter.software = driver.is_some();
    Some(format!("{library} is the only Vulkan driver{of} that its browser has loaded"))
}

/// Gives an adapter of which its page names the maker and no product the name of the one that was asked for, and returns how it
/// is known. The browser was left with the driver of that one alone.
pub fn name_product(adapter: &mut Adapter, named: &Adapter) -> Option<String> {
    let is_number = |name: &str| name.is_empty() || name.starts_with("0x");
    let has_product = !is_number(&adapter.device) || !adapter.description.is_empty();
    let same_maker = adapter.vendor.eq_ignore_ascii_case(&named.vendor);
    (adapter.backend == "webgpu" && !has_product && same_maker && adapter.software == named.software).then(
        || {
            adapter.device.clone_from(&named.device);
            format!("its maker is that of {}, whose driver alone its browser was left with", named.device)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWIFTSHADER: &str = "libvk_swiftshader.so";
    const LAVAPIPE: &str = "libvulkan_lvp.so";
    const RADEON: &str = "libvulkan_radeon.so";
    const NVIDIA: &str = "libGLX_nvidia.so";

    #[test]
    fn what_is_loaded_names_what_computed_where_it_can_be_nothing_else() {
        let page = |software, description: &str| Adapter {
            backend: "webgpu".to_owned(),
            software,
            description: description.to_owned(),
            ..Adapter::default()
        };
        let card =
            Adapter { vendor: "nvidia".to_owned(), device: "NVIDIA H200".to_owned(), ..Adapter::default() };
        let webgl = "llvmpipe, or similar (by WebGL)";
        for (name_of_row, adapter, loaded, named, expected) in [
            ("one driver", page(true, ""), &[SWIFTSHADER][..], None, Some(("SwiftShader", true))),
            ("WebGL is another's", page(true, webgl), &[SWIFTSHADER], None, Some(("SwiftShader", true))),
            ("a CPU among several", page(true, ""), &[LAVAPIPE, RADEON], None, Some(("llvmpipe", true))),
            ("a card among several", page(false, ""), &[LAVAPIPE, RADEON], None, None),
            ("two CPUs", page(true, ""), &[SWIFTSHADER, LAVAPIPE], None, None),
            ("nothing to be seen", page(true, ""), &[], None, None),
            ("a card asked for", page(false, ""), &[NVIDIA], Some(&card), Some(("NVIDIA H200", false))),
            ("a card's driver alone", page(false, ""), &[NVIDIA], None, Some((NVIDIA, false))),
        ] {
            let (mut adapter, before) = (adapter.clone(), adapter);
            let loaded = loaded.iter().map(|&library| library.to_owned()).collect();
            let evidence = name(&mut adapter, &loaded, named);
            assert_eq!(evidence.is_some(), expected.is_some(), "{name_of_row}: {evidence:?}");
            match expected {
                None => assert_eq!(adapter, before, "{name_of_row}"),
                Some(expected) => {
                    assert_eq!((adapter.device.as_str(), adapter.software), expected, "{name_of_row}");
                    assert!(!adapter.description.contains("WebGL"), "{name_of_row}");
                }
            }
        }
    }

    #[test]
    fn a_page_that_names_the_maker_alone_is_told_the_product_that_was_asked_for() {
        let page = |vendor: &str, device: &str, description: &str| Adapter {
            vendor: vendor.to_owned(),
            device: device.to_owned(),
            description: description.to_owned(),
            backend: "webgpu".to_owned(),
            ..Adapter::default()
        };
        let card =
            Adapter { vendor: "nvidia".to_owned(), device: "NVIDIA H200".to_owned(), ..Adapter::default() };
        for (name_of_row, adapter, expected) in [
            ("the maker alone", page("nvidia", "", ""), "NVIDIA H200"),
            ("a number of PCI", page("nvidia", "0x2335", ""), "NVIDIA H200"),
            ("another maker", page("amd", "", ""), ""),
            ("a product of its own", page("nvidia", "", "NVIDIA GeForce GT 710"), ""),
            ("a CPU", Adapter { software: true, ..page("nvidia", "", "") }, ""),
        ] {
            let mut adapter = adapter;
            let evidence = name_product(&mut adapter, &card);
            assert_eq!(
                (adapter.device.as_str(), evidence.is_some()),
                (expected, !expected.is_empty()),
                "{name_of_row}"
            );
        }
    }

    #[test]
    fn an_adapter_with_a_name_is_left_alone() {
        let nameless = Adapter { backend: "webgpu".to_owned(), ..Adapter::default() };
        for (name, adapter, expected) in [
            ("Firefox", nameless.clone(), true),
            (
                "Firefox with WebGL",
                Adapter { description: "x (by WebGL)".to_owned(), ..nameless.clone() },
                true,
            ),
            ("Chrome", Adapter { architecture: "swiftshader".to_owned(), ..nameless.clone() }, false),
            ("the processor", Adapter { backend: "wasm".to_owned(), ..nameless }, false),
        ] {
            assert_eq!(is_nameless(&adapter), expected, "{name}");
        }
    }
}
