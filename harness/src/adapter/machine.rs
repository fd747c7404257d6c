//! Whether this machine has a GPU, by what its kernel shows: no driver is asked, for one that hangs would hang us too.

use std::env::consts::OS;
use std::fs;
use std::path::Path;

use crate::fault::Fault;

/// Kernel drivers that only show pictures, or hand them to another machine: nothing computes behind their nodes.
const WITHOUT_COMPUTE: [&str; 14] = [
    "ast",
    "bochs-drm",
    "cirrus",
    "evdi",
    "hyperv_drm",
    "mgag200",
    "qxl",
    "simple-framebuffer",
    "udl",
    "vboxvideo",
    "vgem",
    "virtio_gpu",
    "vkms",
    "vmwgfx",
];
/// Device files of GPUs whose drivers have no render node, and whose they are: NVIDIA's, those of Windows below Linux, of Adreno
/// and of Mali.
const DEVICE_FILES: [(&str, &str); 4] =
    [("nvidia", "nvidia"), ("dxg", "the host's"), ("kgsl-", "qualcomm"), ("mali", "arm")];

/// A node of a device in `/dev`, and the kernel driver behind it, where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    /// Its path.
    path: String,
    /// Its driver's name.
    driver: Option<String>,
}

/// This machine's GPU in words, if it has one: `amdgpu (/dev/dri/renderD128)`.
pub fn gpu() -> Option<String> {
    gpu_of(OS, &nodes())
}

/// The fault of a machine that has none.
pub fn without_gpu() -> Fault {
    Fault::Unavailable {
        reason: "this machine shows no GPU: there is no render node in /dev/dri with a driver that computes, and no device \
                 file of NVIDIA's"
            .to_owned(),
        remedy: "install the GPU's driver, or hand the device to this container; without, --require-hardware leaves nothing to \
                 compute on"
            .to_owned(),
    }
}

fn gpu_of(os: &str, nodes: &[Node]) -> Option<String> {
    if matches!(os, "macos" | "windows") {
        return Some(format!("that of {os}"));
    }
    let of_render_node = nodes.iter().find_map(|node| {
        let driver = node.driver.as_deref().filter(|driver| !WITHOUT_COMPUTE.contains(driver))?;
        Some(format!("{driver} ({})", node.path))
    });
    let of_device_file = || {
        nodes.iter().find_map(|node| {
            let name = node.path.strip_prefix("/dev/")?;
            let is = |prefix: &str| {
                // /dev/nvidiactl and /dev/nvidia-uvm are there without a card, too.
                name.strip_prefix(prefix)
                    .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == 'd'))
            };
            let (_, whose) = DEVICE_FILES.iter().find(|(prefix, _)| is(prefix))?;
            Some(format!("{whose} ({})", node.path))
        })
    };
    of_render_node.or_else(of_device_file)
}

fn nodes() -> Vec<Node> {
    let names = |folder: &str| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    let render = names("/dev/dri").into_iter().filter(|name| name.starts_with("renderD")).map(|name| {
        let link = fs::read_link(Path::new("/sys/class/drm").join(&name).join("device/driver")).ok();
        let driver = link.and_then(|link| Some(link.file_name()?.to_string_lossy().into_owned()));
        Node { path: format!("/dev/dri/{name}"), driver }
    });
    let files = names("/dev").into_iter().map(|name| Node { path: format!("/dev/{name}"), driver: None });
    let mut nodes: Vec<Node> = render.chain(files).collect();
    nodes.sort_by(|a, b| a.path.cmp(&b.path));
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_is_what_computes_and_not_every_node_of_a_display() {
        let node = |path: &str, driver: Option<&str>| Node {
            path: path.to_owned(),
            driver: driver.map(str::to_owned),
        };
        for (name, os, nodes, expected) in [
            ("nothing", "linux", vec![], None),
            (
                "AMD",
                "linux",
                vec![node("/dev/dri/renderD128", Some("amdgpu"))],
                Some("amdgpu (/dev/dri/renderD128)"),
            ),
            ("a virtual display", "linux", vec![node("/dev/dri/renderD128", Some("virtio_gpu"))], None),
            ("a render node without a driver", "linux", vec![node("/dev/dri/renderD128", None)], None),
            (
                "a display beside a card",
                "linux",
                vec![node("/dev/dri/renderD128", Some("vgem")), node("/dev/dri/renderD129", Some("i915"))],
                Some("i915 (/dev/dri/renderD129)"),
            ),
            (
                "NVIDIA in a container",
                "linux",
                vec![node("/dev/nvidia-uvm", None), node("/dev/nvidia0", None), node("/dev/nvidiactl", None)],
                Some("nvidia (/dev/nvidia0)"),
            ),
            (
                "NVIDIA's module without a card",
                "linux",
                vec![node("/dev/nvidiactl", None), node("/dev/nvidia-uvm", None)],
                None,
            ),
            ("Windows below Linux", "linux", vec![node("/dev/dxg", None)], Some("the host's (/dev/dxg)")),
            ("Adreno", "linux", vec![node("/dev/kgsl-3d0", None)], Some("qualcomm (/dev/kgsl-3d0)")),
            ("other devices", "linux", vec![node("/dev/null", None), node("/dev/sda", None)], None),
            ("a Mac", "macos", vec![], Some("that of macos")),
            ("Windows", "windows", vec![], Some("that of windows")),
        ] {
            assert_eq!(gpu_of(os, &nodes).as_deref(), expected, "{name}");
        }
    }
}
