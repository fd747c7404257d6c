//! Whether two results are from the same adapter: the same device through the same driver. Pure.

use protocol::{Adapter, SoftwareDriver};

/// Whether two adapters are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SameAdapter {
    /// The same device through the same driver.
    Same,
    /// Another one, in words.
    Different(String),
    /// It cannot be told, and why.
    Unknown(String),
}

impl SameAdapter {
    /// Whether they are one, where that can be told.
    pub fn is_same(&self) -> Option<bool> {
        match self {
            SameAdapter::Same => Some(true),
            SameAdapter::Different(_) => Some(false),
            SameAdapter::Unknown(_) => None,
        }
    }

    /// Which two they are, or why that cannot be told.
    pub fn words(&self) -> Option<&str> {
        match self {
            SameAdapter::Same => None,
            SameAdapter::Different(words) | SameAdapter::Unknown(words) => Some(words),
        }
    }
}

/// What computed, as far as an adapter's names tell.
enum Computed<'a> {
    /// The processor, by an engine of CPUs; its name where a page is told it.
    Processor(Option<&'a str>),
    /// The processor, by a driver that stands in for a GPU's.
    Driver(SoftwareDriver),
    /// A GPU: its maker's name and its own.
    Gpu { vendor: Option<&'a str>, product: Option<&'a str> },
    /// A CPU that nothing names.
    NamelessCpu,
}

/// Says whether two adapters, as rows have them, are the same device through the same driver.
///
/// What the rows say is enough: an adapter that its page does not name was named by the drivers loaded in its browser, and what
/// was asked for is held against what was met before a row is a pass.
pub fn same_adapter(a: Option<&Adapter>, b: Option<&Adapter>) -> SameAdapter {
    use Computed::{Driver, Gpu, NamelessCpu, Processor};
    let (Some(a), Some(b)) = (a, b) else {
        return SameAdapter::Unknown("one of the two ran on no adapter".to_owned());
    };
    let different = |words: String| SameAdapter::Different(words);
    match (computed(a), computed(b)) {
        (Processor(Some(a)), Processor(Some(b))) if a != b => different(format!("{a} and {b}")),
        (Processor(_), Processor(_)) => SameAdapter::Same,
        (Driver(of_a), Driver(of_b)) if of_a == of_b => match apart(a, b) {
            Some(words) => different(words),
            None => SameAdapter::Same,
        },
        (Driver(a), Driver(b)) => different(format!(
            "{} and {}, two drivers that compute on the CPU in place of a GPU",
            a.name(),
            b.name()
        )),
        (Processor(_), Driver(driver)) | (Driver(driver), Processor(_)) => different(format!(
            "an engine of CPUs and {}, which computes on the CPU in place of a GPU",
            driver.name()
        )),
        (Gpu { vendor, product }, Gpu { vendor: other_vendor, product: other_product }) => {
            gpus(a, b, (vendor, other_vendor), (product, other_product))
        }
        (Gpu { .. }, Processor(_) | Driver(_) | NamelessCpu)
        | (Processor(_) | Driver(_) | NamelessCpu, Gpu { .. }) => different("a GPU and a CPU".to_owned()),
        (NamelessCpu, _) | (_, NamelessCpu) => {
            SameAdapter::Unknown("both are a CPU, and one does not say by which driver".to_owned())
        }
    }
}

fn computed(adapter: &Adapter) -> Computed<'_> {
    let in_a_page = adapter.backend == "webgpu";
    match (adapter.backend.as_str(), SoftwareDriver::of(adapter)) {
        ("cpu", _) => Computed::Processor(named(&adapter.device)),
        ("wasm", _) => Computed::Processor(None),
        ("webnn", _) if adapter.software => Computed::Processor(None),
        (_, Some(driver)) => Computed::Driver(driver),
        (_, None) if adapter.software => Computed::NamelessCpu,
        (_, None) => {
            // Natively the description is the driver's version.
            let free_text =
                named(&adapter.description).filter(|text| in_a_page && !text.ends_with("(by WebGL)"));
            Computed::Gpu { vendor: named(&adapter.vendor), product: named(&adapter.device).or(free_text) }
        }
    }
}

/// A name; a number of PCI is none.
fn named(name: &str) -> Option<&str> {
    Some(name).filter(|name| !name.is_empty() && !name.starts_with("0x"))
}

/// Two native adapters of one driver that say that they are of different versions.
fn apart(a: &Adapter, b: &Adapter) -> Option<String> {
    let native = [a, b].iter().all(|adapter| adapter.backend != "webgpu");
    let version = |adapter: &Adapter| format!("{} {}", adapter.device, adapter.description).trim().to_owned();
    (native && version(a) != version(b)).then(|| format!("{} and {}", version(a), version(b)))
}

fn gpus(
    a: &Adapter,
    b: &Adapter,
    vendors: (Option<&str>, Option<&str>),
    products: (Option<&str>, Option<&str>),
) -> SameAdapter {
    let alike = |a: &str, b: &str| {
        let (a, b) = (a.to_lowercase(), b.to_lowercase());
        a.contains(&b) || b.contains(&a)
    };
    let native = |adapter: &Adapter| adapter.backend != "webgpu";
    match (vendors, products) {
        ((Some(of_a), Some(of_b)), _) if !of_a.eq_ignore_ascii_case(of_b) => {
            SameAdapter::Different(format!("GPUs of {of_a} and of {of_b}"))
        }
        (_, (Some(of_a), Some(of_b))) if !alike(of_a, of_b) => {
            SameAdapter::Different(format!("{of_a} and {of_b}"))
        }
        (_, (Some(product), Some(_))) if native(a) && native(b) && a.backend != b.backend => {
            SameAdapter::Different(format!("{product} through {} and through {}", a.backend, b.backend))
        }
        (_, (Some(_), Some(_))) => SameAdapter::Same,
        (_, (Some(product), None) | (None, Some(product))) => {
            SameAdapter::Unknown(format!("one is {product}, and the other does not say which GPU it is"))
        }
        (_, (None, None)) => SameAdapter::Unknown("neither says which GPU it is".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(backend: &str, names: [&str; 4], software: bool) -> Adapter {
        let [vendor, architecture, device, description] = names.map(str::to_owned);
        let backend = backend.to_owned();
        Adapter { vendor, architecture, device, description, backend, software, ..Adapter::default() }
    }

    #[test]
    fn the_same_device_through_the_same_driver_is_the_same_adapter_wherever_it_is_met() {
        // As Chromium 156, Firefox 153 and wgpu 30 describe them.
        let subzero = "SwiftShader Device (Subzero)";
        let chrome = adapter("webgpu", ["google", "swiftshader", "0xc0de", subzero], true);
        let native = adapter("vulkan", ["google", "SwiftShader driver", subzero, ""], true);
        let firefox = adapter("webgpu", ["", "", "SwiftShader", "by libvk_swiftshader.so"], true);
        let llvmpipe = "llvmpipe (LLVM 15.0.6, 256 bits)";
        let lavapipe = adapter("vulkan", ["mesa", "llvmpipe", llvmpipe, "Mesa 22.3.6 (LLVM 15.0.6)"], true);
        let newer =
            adapter("vulkan", ["mesa", "llvmpipe", "llvmpipe (LLVM 19.1.7, 256 bits)", "Mesa 25.0.1"], true);
        let firefox_lavapipe = adapter("webgpu", ["", "", "llvmpipe", "by libvulkan_lvp.so"], true);
        let nameless = adapter("webgpu", ["", "", "", ""], true);
        let xeon = adapter("cpu", ["GenuineIntel", "x86_64", "Intel Xeon", ""], true);
        let ryzen = adapter("cpu", ["AuthenticAMD", "x86_64", "AMD Ryzen", ""], true);
        let wasm = adapter("wasm", ["", "", "", "the processor, 1 thread"], true);
        let card = "NVIDIA GeForce RTX 4090";
        let card_natively = adapter("vulkan", ["nvidia", "NVIDIA", card, "570.86.10"], false);
        let card_in_dx12 = adapter("dx12", ["nvidia", "", card, "32.0.15"], false);
        let card_in_chrome = adapter("webgpu", ["nvidia", "lovelace", "0x2684", card], false);
        let card_unnamed = adapter("webgpu", ["nvidia", "lovelace", "", ""], false);
        let radeon = adapter("vulkan", ["amd", "radv", "AMD Radeon RX 7900", "Mesa 25"], false);
        let smaller = adapter("vulkan", ["nvidia", "NVIDIA", "NVIDIA GeForce GT 710", "470"], false);
        let same = |words: &SameAdapter| matches!(words, SameAdapter::Same);
        let different = |words: &SameAdapter| matches!(words, SameAdapter::Different(_));
        let unknown = |words: &SameAdapter| matches!(words, SameAdapter::Unknown(_));
        type Row<'a> = (&'a str, Option<&'a Adapter>, Option<&'a Adapter>, &'a dyn Fn(&SameAdapter) -> bool);
        let rows: [Row<'_>; 19] = [
            ("SwiftShader in Chrome and natively", Some(&chrome), Some(&native), &same),
            ("SwiftShader in Chrome and Firefox", Some(&chrome), Some(&firefox), &same),
            ("SwiftShader in Firefox and natively", Some(&firefox), Some(&native), &same),
            ("llvmpipe in Firefox and natively", Some(&firefox_lavapipe), Some(&lavapipe), &same),
            ("SwiftShader and llvmpipe", Some(&chrome), Some(&firefox_lavapipe), &different),
            ("two versions of llvmpipe", Some(&lavapipe), Some(&newer), &different),
            ("a nameless CPU", Some(&nameless), Some(&lavapipe), &unknown),
            ("an engine of CPUs and a software GPU", Some(&xeon), Some(&lavapipe), &different),
            ("wasm and a software GPU", Some(&wasm), Some(&chrome), &different),
            ("two engines of CPUs", Some(&xeon), Some(&wasm), &same),
            ("two processors", Some(&xeon), Some(&ryzen), &different),
            ("a card natively and in Chrome", Some(&card_natively), Some(&card_in_chrome), &same),
            ("a card through two APIs", Some(&card_natively), Some(&card_in_dx12), &different),
            ("a card that Chrome does not name", Some(&card_natively), Some(&card_unnamed), &unknown),
            ("cards of two makers", Some(&card_natively), Some(&radeon), &different),
            ("two cards of one maker", Some(&card_in_chrome), Some(&smaller), &different),
            ("a card and SwiftShader", Some(&card_in_chrome), Some(&chrome), &different),
            ("a card and the processor", Some(&card_natively), Some(&xeon), &different),
            ("nothing that ran", None, Some(&xeon), &unknown),
        ];
        for (name, a, b, expected) in rows {
            for said in [same_adapter(a, b), same_adapter(b, a)] {
                assert!(expected(&said), "{name}: {said:?}");
            }
        }
    }
}
