//! The adapter chosen: what each choice means for a browser or a native process, and whether it is what was met. It starts
//! nothing.

pub mod driver_file;
pub mod machine;
pub mod nameless;
pub mod same;

use protocol::{Adapter, AdapterChoice, BrowserKind, SoftwareDriver, Target, Verdict};

use driver_file::DriverFile;

/// The feature that says how an adapter is known that its page does not name.
pub const EVIDENCE: &str = "adapter_evidence";
/// The feature that names the machine's GPU, where it has one and a session could have computed on it.
pub const GPU: &str = "gpu_of_the_machine";
/// The feature of a row whose numbers are a CPU's though the machine has a GPU.
pub const SOFTWARE_THOUGH_HARDWARE: &str = "software_though_hardware";

/// What Chromium on Linux takes to hand WebGPU the adapter of a Vulkan driver: its own compositing has to be on Vulkan.
const ON_VULKAN: &[&str] = &[
    "--use-angle=vulkan",
    "--enable-features=Vulkan",
    "--ignore-gpu-blocklist",
    // There is no window to draw to.
    "--disable-vulkan-surface",
];
/// What has Chromium hand WebGPU its own SwiftShader.
pub const ON_SWIFTSHADER: &[&str] = &["--use-webgpu-adapter=swiftshader"];

/// The variables by which Vulkan's loader takes its drivers from these files alone: that of today and that of old loaders.
pub const DRIVER_FILES: [&str; 2] = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];
/// The variable by which Vulkan's loader leaves drivers out, and the names of the files of those that compute on the CPU.
pub const WITHOUT_SOFTWARE: (&str, &str) = ("VK_LOADER_DRIVERS_DISABLE", "*lvp_icd*,*swiftshader*");

/// Where an adapter is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A Chromium.
    Chromium,
    /// A Firefox.
    Firefox,
    /// A WebKit, which has no WebGPU to choose for.
    Webkit,
    /// A process with wgpu.
    Native,
}

/// Which Vulkan drivers a place is left with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drivers {
    /// Those that it finds.
    Found,
    /// Those that do not compute on the CPU.
    OfHardware,
    /// One that computes on the CPU.
    OfSoftware,
    /// This one.
    Only(SoftwareDriver),
    /// That of the adapter whose name was asked for.
    Named,
}

/// What a choice means for a place: one line for each. `gpu` says whether the machine has one.
pub fn means(choice: &AdapterChoice, place: Place, gpu: bool) -> (&'static [&'static str], Drivers) {
    use AdapterChoice::{Default, Hardware, Lavapipe, Named, Software, Swiftshader};
    use Place::{Chromium, Firefox, Native, Webkit};
    let on_vulkan = if cfg!(target_os = "linux") { ON_VULKAN } else { &[] };
    match (choice, place) {
        (_, Webkit) => (&[], Drivers::Found),
        (Default, Chromium) if gpu => (on_vulkan, Drivers::Found),
        (Default, Chromium | Firefox | Native) => (&[], Drivers::Found),
        (Hardware, Chromium) => (on_vulkan, Drivers::Found),
        (Hardware, Firefox | Native) => (&[], Drivers::OfHardware),
        (Software, Chromium) => (ON_SWIFTSHADER, Drivers::Found),
        (Software, Firefox | Native) => (&[], Drivers::OfSoftware),
        (Swiftshader, Chromium) => (ON_SWIFTSHADER, Drivers::Found),
        (Swiftshader, Firefox | Native) => (&[], Drivers::Only(SoftwareDriver::Swiftshader)),
        (Lavapipe, Chromium) => (on_vulkan, Drivers::Only(SoftwareDriver::Lavapipe)),
        (Lavapipe, Firefox | Native) => (&[], Drivers::Only(SoftwareDriver::Lavapipe)),
        (Named(_), Chromium) => (on_vulkan, Drivers::Named),
        (Named(_), Firefox | Native) => (&[], Drivers::Named),
    }
}

/// What a session is started with for its adapter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Launch {
    /// Arguments of the browser besides its own.
    pub arguments: Vec<String>,
    /// Environment of the browser's driver, or of the process.
    pub environment: Vec<(&'static str, String)>,
    /// The adapter that was asked for by a name, as it describes itself natively.
    pub named: Option<Adapter>,
    /// The machine's GPU, if it has one and the session can compute on it.
    pub gpu: Option<String>,
}

impl Launch {
    /// The same with this driver alone.
    pub fn with_driver(mut self, file: &DriverFile) -> Launch {
        let path = file.path.display().to_string();
        self.environment.extend(DRIVER_FILES.map(|name| (name, path.clone())));
        self
    }

    /// The facts of a session that was started so.
    pub fn facts(&self) -> impl Iterator<Item = (String, String)> {
        let variables = self.environment.iter().map(|(name, value)| format!("{name}={value}"));
        let variables = variables.collect::<Vec<_>>().join(" ");
        let facts =
            [(GPU, self.gpu.clone()), ("driver_environment", (!variables.is_empty()).then_some(variables))];
        facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)))
    }
}

impl Place {
    /// The place that a browser is.
    pub fn of(kind: BrowserKind) -> Place {
        match kind {
            BrowserKind::Chromium => Place::Chromium,
            BrowserKind::Firefox => Place::Firefox,
            BrowserKind::Webkit => Place::Webkit,
        }
    }
}

/// Why an answer says nothing about the adapter asked for: another one computed it.
pub fn complaint(choice: &AdapterChoice, target: &Target, met: &Adapter) -> Option<(Verdict, String)> {
    if !target.engine.chooses_adapter() || choice.is_met_by(met) {
        return None;
    }
    let name = adapter_name(met);
    Some(match choice {
        AdapterChoice::Hardware => (
            Verdict::Unavailable,
            format!(
                "hardware was asked for, and a CPU computed it: {name}; install or update the GPU's Vulkan driver, or \
                 leave out --require-hardware"
            ),
        ),
        _ => (Verdict::Error, format!("the adapter {choice} was asked for, and it ran on {name}")),
    })
}

/// What has to be known of a row that ran on a CPU in place of this GPU, where nobody asked for one.
pub fn warning(choice: &AdapterChoice, target: &Target, met: &Adapter, gpu: &str) -> Option<String> {
    let is_unasked = matches!(choice, AdapterChoice::Default | AdapterChoice::Hardware);
    (target.engine.chooses_adapter() && is_unasked && met.software).then(|| {
        format!(
            "THIS RAN ON A CPU THOUGH THE MACHINE HAS A GPU ({gpu}): {} computed it, and its times say nothing about the \
             GPU; install or update the GPU's Vulkan driver, see `parallax detect`, or ask for --adapter software",
            adapter_name(met)
        )
    })
}

/// The first two names that the adapter gives itself and that differ (maker, then product or generation), and
/// whether it is a software one. A bare PCI number is no name.
pub fn adapter_name(adapter: &Adapter) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in [&adapter.vendor, &adapter.device, &adapter.architecture, &adapter.description] {
        let tells = !name.is_empty() && !name.starts_with("0x");
        if tells && !names.contains(&name.as_str()) && names.len() < 2 {
            names.push(name);
        }
    }
    let name = if names.is_empty() { "unnamed adapter".to_owned() } else { names.join(" ") };
    if adapter.software { name + ", software" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHOICES: [&str; 6] = ["default", "hardware", "software", "swiftshader", "lavapipe", "GeForce"];

    #[test]
    fn a_choice_means_something_for_every_place_where_there_is_one() {
        use Drivers::{Found, Named, OfHardware, OfSoftware, Only};
        use SoftwareDriver::{Lavapipe, Swiftshader};
        for (place, gpu, drivers) in [
            (Place::Chromium, false, [Found, Found, Found, Found, Only(Lavapipe), Named]),
            (Place::Chromium, true, [Found, Found, Found, Found, Only(Lavapipe), Named]),
            (Place::Firefox, true, [Found, OfHardware, OfSoftware, Only(Swiftshader), Only(Lavapipe), Named]),
            (Place::Native, true, [Found, OfHardware, OfSoftware, Only(Swiftshader), Only(Lavapipe), Named]),
            (Place::Webkit, true, [Found; 6]),
        ] {
            for (choice, expected) in CHOICES.into_iter().zip(drivers) {
                let meant = means(&choice.to_owned().into(), place, gpu).1;
                assert_eq!(meant, expected, "{choice} for {place:?}");
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn chromium_is_put_on_vulkan_where_a_gpu_may_compute_and_nowhere_else() {
        for (choice, gpu, expected) in [
            ("default", false, &[][..]),
            ("default", true, ON_VULKAN),
            ("hardware", true, ON_VULKAN),
            ("software", true, ON_SWIFTSHADER),
            ("swiftshader", true, ON_SWIFTSHADER),
            ("lavapipe", true, ON_VULKAN),
            ("GeForce", true, ON_VULKAN),
        ] {
            assert_eq!(means(&choice.to_owned().into(), Place::Chromium, gpu).0, expected, "{choice} {gpu}");
            assert!(means(&choice.to_owned().into(), Place::Firefox, gpu).0.is_empty(), "{choice}");
        }
    }

    fn on(device: &str, software: bool) -> Adapter {
        Adapter { device: device.to_owned(), software, ..Adapter::default() }
    }

    #[test]
    fn another_adapter_than_the_one_asked_for_is_an_error_and_a_cpu_is_no_hardware() {
        let (swiftshader, llvmpipe, card) = (on("SwiftShader", true), on("llvmpipe", true), on("RTX", false));
        for (choice, target, met, expected) in [
            ("default", "webgpu@chrome", &swiftshader, None),
            ("swiftshader", "webgpu@chrome", &swiftshader, None),
            ("swiftshader", "webgpu@firefox", &llvmpipe, Some(Verdict::Error)),
            ("swiftshader", "wasm@firefox", &llvmpipe, None),
            ("lavapipe", "ort-webgpu@chrome", &swiftshader, Some(Verdict::Error)),
            ("hardware", "wgpu:vulkan", &llvmpipe, Some(Verdict::Unavailable)),
            ("hardware", "wgpu:vulkan", &card, None),
            ("software", "wgpu:vulkan", &card, Some(Verdict::Error)),
            ("rtx", "wgpu:vulkan", &card, None),
            ("Radeon", "wgpu:vulkan", &card, Some(Verdict::Error)),
        ] {
            let complaint = complaint(&choice.to_owned().into(), &target.parse().unwrap(), met);
            assert_eq!(
                complaint.as_ref().map(|(verdict, _)| *verdict),
                expected,
                "{choice} {target}: {complaint:?}"
            );
        }
    }

    #[test]
    fn a_cpu_that_nobody_asked_for_is_warned_of_where_there_is_a_gpu() {
        for (choice, target, met, expected) in [
            ("default", "webgpu@chrome", on("SwiftShader", true), true),
            ("default", "webgpu@chrome", on("RTX", false), false),
            ("default", "wasm@chrome", on("", true), false),
            ("software", "webgpu@chrome", on("SwiftShader", true), false),
            ("swiftshader", "wgpu:vulkan", on("SwiftShader", true), false),
        ] {
            let warning =
                warning(&choice.to_owned().into(), &target.parse().unwrap(), &met, "nvidia (/dev/nvidia0)");
            assert_eq!(warning.is_some(), expected, "{choice} {target}: {warning:?}");
        }
    }
}
