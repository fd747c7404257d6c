//! A wgpu device with all its adapter allows, and what it reported since it was last asked.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use protocol::{Adapter, AdapterChoice, Device as DeviceName, Feature, Features as Settings};
use shaders::{DeviceProperties, Implementation, Limits};
use wgpu::{Backends, DeviceType, Features, PollType};

use crate::error::RunnerError;

/// An open device.
pub struct Device {
    /// The device.
    pub gpu: wgpu::Device,
    /// Its queue.
    pub queue: wgpu::Queue,
    /// Its adapter's description.
    pub description: Adapter,
    /// The optimisations that are on.
    pub settings: Settings,
    trouble: Arc<Mutex<Option<Trouble>>>,
    /// True if it ever reported trouble.
    spent: Cell<bool>,
}

thread_local! {
    /// The device that was opened last: opening one takes longer than most small graphs.
    static LAST: RefCell<Option<(DeviceName, AdapterChoice, Rc<Device>)>> = const { RefCell::new(None) };
}

/// The first thing that went wrong outside any call.
enum Trouble {
    Lost(String),
    OutOfMemory(String),
    Refused(String),
}

/// One entry per device name: the API, and how to get a driver for it.
const APIS: &[(DeviceName, Backends, &str)] = &[
    (
        DeviceName::Vulkan,
        Backends::VULKAN,
        "install your GPU's Vulkan driver, or mesa-vulkan-drivers, which needs no GPU",
    ),
    (DeviceName::Metal, Backends::METAL, "Metal is part of macOS; run on a Mac"),
    (DeviceName::Dx12, Backends::DX12, "Direct3D 12 is part of Windows; run on Windows 10 or later"),
];

/// The adapters of an API, the best first: a GPU before software.
///
/// # Errors
/// `Unavailable` when there is none.
pub fn adapters(name: DeviceName) -> Result<Vec<wgpu::Adapter>, RunnerError> {
    let (backends, remedy) = APIS
        .iter()
        .find(|(known, ..)| *known == name)
        .map_or((Backends::empty(), "ask for vulkan, metal or dx12"), |(_, backends, remedy)| {
            (*backends, *remedy)
        });
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    let instance = wgpu::Instance::new(descriptor);
    let mut adapters = pollster::block_on(instance.enumerate_adapters(backends));
    adapters.sort_by_key(|adapter| rank(adapter.get_info().device_type));
    match adapters.is_empty() {
        false => Ok(adapters),
        true => Err(RunnerError::Unavailable {
            reason: format!("there is no {} adapter here", name.name()),
            remedy: remedy.to_owned(),
        }),
    }
}

/// Which of an API's adapters, the best first, is the one asked for: its index.
///
/// # Errors
/// `Unavailable` when none is, or several are that have the name asked for, with those that there are.
pub fn choose(name: DeviceName, choice: &AdapterChoice, adapters: &[Adapter]) -> Result<usize, RunnerError> {
    let mut met = (0..adapters.len()).filter(|&index| choice.is_met_by(&adapters[index]));
    let (first, second) = (met.next(), met.next());
    let several = matches!(choice, AdapterChoice::Named(_)) && second.is_some();
    let (what, remedy) = match first {
        Some(first) if !several => return Ok(first),
        Some(_) => ("more than one adapter", "ask for more of its name"),
        None => ("no adapter", "ask for one of them"),
    };
    let names: Vec<&str> = adapters.iter().map(|adapter| adapter.device.as_str()).collect();
    Err(RunnerError::Unavailable {
        reason: format!("{what} of {} here is \"{choice}\": there is {}", name.name(), names.join(", ")),
        remedy: remedy.to_owned(),
    })
}

fn rank(device_type: DeviceType) -> u8 {
    match device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    }
}

/// An adapter in the protocol's words.
pub fn describe(adapter: &wgpu::Adapter) -> Adapter {
    let info = adapter.get_info();
    let mut features: Vec<String> =
        adapter.features().iter_names().map(|(name, _)| name.to_lowercase().replace('_', "-")).collect();
    features.sort();
    Adapter {
        vendor: vendor(info.vendor),
        architecture: info.driver,
        device: info.name,
        description: info.driver_info,
        backend: info.backend.to_string(),
        software: info.device_type == DeviceType::Cpu,
        features,
        limits: named_limits(&limits(&adapter.limits())),
    }
}

/// PCI vendor ids, and the Khronos ids of drivers without hardware.
fn vendor(id: u32) -> String {
    let name = match id {
        0x1002 => "amd",
        0x1010 => "imagination",
        0x106b => "apple",
        0x10de => "nvidia",
        0x13b5 => "arm",
        0x1414 => "microsoft",
        0x1ae0 => "google",
        0x5143 => "qualcomm",
        0x8086 => "intel",
        0x10005 => "mesa",
        other => return format!("{other:#x}"),
    };
    name.to_owned()
}

fn limits(limits: &wgpu::Limits) -> Limits {
    Limits {
        max_compute_workgroups_per_dimension: limits.max_compute_workgroups_per_dimension,
        max_compute_invocations_per_workgroup: limits.max_compute_invocations_per_workgroup,
        max_compute_workgroup_storage_size: limits.max_compute_workgroup_storage_size,
        max_storage_buffers_per_shader_stage: limits.max_storage_buffers_per_shader_stage,
        max_storage_buffer_binding_size: limits.max_storage_buffer_binding_size,
        max_buffer_size: limits.max_buffer_size,
        min_storage_buffer_offset_alignment: limits.min_storage_buffer_offset_alignment,
    }
}

fn named_limits(limits: &Limits) -> BTreeMap<String, u64> {
    let named = [
        ("maxComputeWorkgroupsPerDimension", u64::from(limits.max_compute_workgroups_per_dimension)),
        ("maxComputeInvocationsPerWorkgroup", u64::from(limits.max_compute_invocations_per_workgroup)),
        ("maxComputeWorkgroupStorageSize", u64::from(limits.max_compute_workgroup_storage_size)),
        ("maxStorageBuffersPerShaderStage", u64::from(limits.max_storage_buffers_per_shader_stage)),
        ("maxStorageBufferBindingSize", limits.max_storage_buffer_binding_size),
        ("maxBufferSize", limits.max_buffer_size),
        ("minStorageBufferOffsetAlignment", u64::from(limits.min_storage_buffer_offset_alignment)),
    ];
    named.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Device {
    /// The device of the adapter asked for, on an API: the one that was opened last, if it is the same and never reported
    /// trouble.
    ///
    /// # Errors
    /// `Unavailable` when there is no such adapter or it gives no device.
    pub fn open(
        name: DeviceName,
        choice: &AdapterChoice,
        settings: &Settings,
    ) -> Result<Rc<Device>, RunnerError> {
        let is_it = |(api, of, device): &(DeviceName, AdapterChoice, Rc<Device>)| {
            *api == name && of == choice && device.settings == *settings && device.is_sound()
        };
        let device = match LAST.take().filter(is_it) {
            Some((.., device)) => device,
            None => Rc::new(Device::open_anew(name, choice, settings)?),
        };
        LAST.set(Some((name, choice.clone(), Rc::clone(&device))));
        Ok(device)
    }

    /// Opens an adapter with its own limits, and timestamps where it has them.
    fn open_anew(
        name: DeviceName,
        choice: &AdapterChoice,
        settings: &Settings,
    ) -> Result<Device, RunnerError> {
        let mut adapters = adapters(name)?;
        let described: Vec<Adapter> = adapters.iter().map(describe).collect();
        let adapter = adapters.swap_remove(choose(name, choice, &described)?);
        let halves = if settings.has(Feature::F16) { Features::SHADER_F16 } else { Features::empty() };
        let description = describe(&adapter);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("parallax"),
            required_features: adapter.features() & (Features::TIMESTAMP_QUERY | halves),
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (gpu, queue) = pollster::block_on(adapter.request_device(&descriptor)).map_err(|error| {
            RunnerError::Unavailable {
                reason: format!("the adapter {} gives no device: {error}", description.device),
                remedy: "update its driver".to_owned(),
            }
        })?;
        let trouble = Arc::default();
        listen(&gpu, &trouble);
        Ok(Device { gpu, queue, description, settings: settings.clone(), trouble, spent: Cell::new(false) })
    }

    /// Returns whether it never reported trouble.
    fn is_sound(&self) -> bool {
        self.check("looking for the device", 0).is_ok() && !self.spent.get()
    }

    /// The properties that plans for this device go by.
    pub fn properties(&self) -> DeviceProperties {
        DeviceProperties {
            implementation: Implementation::Native,
            software: self.description.software,
            shader_f16: self.gpu.features().contains(Features::SHADER_F16),
            limits: limits(&self.gpu.limits()),
        }
    }

    /// Returns whether inferences carry device times.
    pub fn has_timestamps(&self) -> bool {
        self.gpu.features().contains(Features::TIMESTAMP_QUERY)
    }

    /// Waits until the device has done all it was given.
    ///
    /// # Errors
    /// Whatever it reported meanwhile, its loss included.
    pub fn wait(&self, doing: &'static str) -> Result<(), RunnerError> {
        let waited = self.gpu.poll(PollType::wait_indefinitely());
        self.check(doing, 0)?;
        waited.map(|_| ()).map_err(|error| RunnerError::DeviceLost { doing, reason: error.to_string() })
    }

    /// Succeeds if the device reported nothing since it was last asked.
    ///
    /// # Errors
    /// Whatever it reported.
    pub fn check(&self, doing: &'static str, wanted_bytes: u64) -> Result<(), RunnerError> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.spent.set(self.spent.get() || trouble.is_some());
        Err(match trouble {
            None => return Ok(()),
            Some(Trouble::Lost(reason)) => RunnerError::DeviceLost { doing, reason },
            Some(Trouble::OutOfMemory(message)) => RunnerError::OutOfMemory { doing, wanted_bytes, message },
            Some(Trouble::Refused(message)) => RunnerError::Engine { engine: "wgpu", doing, message },
        })
    }
}

fn listen(gpu: &wgpu::Device, trouble: &Arc<Mutex<Option<Trouble>>>) {
    let note = |slot: &Mutex<Option<Trouble>>, trouble| {
        slot.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(trouble);
    };
    let slot = Arc::clone(trouble);
    gpu.set_device_lost_callback(move |_, message| note(&slot, Trouble::Lost(message)));
    let slot = Arc::clone(trouble);
    gpu.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        let message = error.to_string();
        note(
            &slot,
            match error {
                wgpu::Error::OutOfMemory { .. } => Trouble::OutOfMemory(message),
                wgpu::Error::Validation { .. } | wgpu::Error::Internal { .. } => Trouble::Refused(message),
            },
        );
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_adapter_asked_for_is_taken_and_what_is_not_there_or_not_clear_is_refused_with_what_there_is() {
        let adapter =
            |device: &str, software| Adapter { device: device.to_owned(), software, ..Adapter::default() };
        let adapters =
            [adapter("GeForce RTX 4090", false), adapter("GeForce GT 710", false), adapter("llvmpipe", true)];
        for (choice, expected) in [
            ("default", Ok(0)),
            ("hardware", Ok(0)),
            ("software", Ok(2)),
            ("lavapipe", Ok(2)),
            ("710", Ok(1)),
            ("swiftshader", Err("no adapter of vulkan here is \"swiftshader\": there is GeForce RTX 4090, ")),
            ("Radeon", Err("no adapter of vulkan here is \"Radeon\"")),
            ("geforce", Err("more than one adapter of vulkan here is \"geforce\"")),
        ] {
            let chosen = choose(DeviceName::Vulkan, &choice.to_owned().into(), &adapters);
            match (chosen, expected) {
                (Ok(chosen), Ok(expected)) => assert_eq!(chosen, expected, "{choice}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{choice}: {error}"),
                (chosen, _) => panic!("{choice}: {chosen:?}"),
            }
        }
    }
}
