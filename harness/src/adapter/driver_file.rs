//! Files that tell Vulkan's loader where a driver's library lies: those of the system, and the one that Chromium brings.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use protocol::{BrowserKind, SoftwareDriver};
use serde_json::Value;

use crate::browser::{Access, BrowserEntry};

/// A driver's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverFile {
    /// Where it lies.
    pub path: PathBuf,
    /// The file name of the library.
    pub library: String,
}

/// The file of SwiftShader, beside every Chromium.
const SWIFTSHADER: &str = "vk_swiftshader_icd.json";
/// Where packages of systems put Chromium and what belongs to it, apart from the program on `PATH`.
const CHROMIUM_FOLDERS: [&str; 4] =
    ["/usr/lib/chromium", "/usr/lib64/chromium-browser", "/usr/lib/chromium-browser", "/opt/google/chrome"];
/// The parts of file names that say for which processor a driver is.
const PROCESSORS: [&str; 6] = ["x86_64", "i686", "i386", "aarch64", "armv7hl", "riscv64"];

/// Every driver's file on this machine: the loader's own, then those of Chromium, one browser after the other.
pub fn all(browsers: &BTreeMap<String, BrowserEntry>) -> Vec<DriverFile> {
    if !cfg!(target_os = "linux") {
        return Vec::new();
    }
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let paths = loaders_own(variable).into_iter().chain(of_chromium(browsers));
    let mut files: Vec<DriverFile> = Vec::new();
    for path in paths {
        let read = fs::read_to_string(&path).ok().and_then(|text| DriverFile::read(&path, &text));
        files.extend(read.filter(|file| files.iter().all(|known| known.path != file.path)));
    }
    files
}

/// The first file of a driver that computes on the CPU.
pub fn of(driver: SoftwareDriver, files: &[DriverFile]) -> Option<&DriverFile> {
    files.iter().find(|file| file.software() == Some(driver))
}

impl DriverFile {
    fn read(path: &Path, text: &str) -> Option<DriverFile> {
        let text: Value = serde_json::from_str(text).ok()?;
        let library = Path::new(text["ICD"]["library_path"].as_str()?).file_name()?;
        Some(DriverFile { path: path.to_owned(), library: library.to_string_lossy().into_owned() })
    }

    /// The driver that it leads to, where that computes on the CPU.
    pub fn software(&self) -> Option<SoftwareDriver> {
        SoftwareDriver::named_in(&self.library)
    }
}

/// The files that the loader reads: those that the environment names, else those in its folders.
fn loaders_own(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    if let Some(named) = super::DRIVER_FILES.iter().find_map(|name| variable(name)) {
        return env::split_paths(&named).collect();
    }
    folders(variable).iter().flat_map(|folder| files_in(folder)).collect()
}

/// The folders in which the loader looks, in its order.
fn folders(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let home = |name: &str, below: &str| {
        variable(name).map(PathBuf::from).or_else(|| Some(PathBuf::from(variable("HOME")?).join(below)))
    };
    let list = |name: &str, usual: &str| {
        env::split_paths(&variable(name).unwrap_or_else(|| usual.into())).collect::<Vec<_>>()
    };
    let system = ["/etc", "/usr/local/etc"].map(PathBuf::from);
    let configuration =
        home("XDG_CONFIG_HOME", ".config").into_iter().chain(list("XDG_CONFIG_DIRS", "/etc/xdg"));
    let data = home("XDG_DATA_HOME", ".local/share")
        .into_iter()
        .chain(list("XDG_DATA_DIRS", "/usr/local/share:/usr/share"));
    configuration.chain(system).chain(data).map(|folder| folder.join("vulkan/icd.d")).collect()
}

/// The files in a folder for this machine's processor, by name.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| is_for(path, env::consts::ARCH)).collect();
    files.sort();
    files
}

fn is_for(path: &Path, processor: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let named = PROCESSORS.iter().find(|known| name.contains(**known));
    name.ends_with(".json") && named.is_none_or(|named| *named == processor)
}

/// The file beside each Chromium; that of `chrome` first, which is compared with other places most.
fn of_chromium(browsers: &BTreeMap<String, BrowserEntry>) -> Vec<PathBuf> {
    let folder = |entry: &BrowserEntry| match entry.access() {
        Ok(Access::Local { binary, .. }) => Some(binary.canonicalize().ok()?.parent()?.to_owned()),
        Ok(Access::Remote { .. }) | Err(_) => None,
    };
    let chromium = |chrome: bool| {
        let of_kind = browsers.values().filter(|entry| entry.kind == BrowserKind::Chromium);
        of_kind.filter(move |entry| (entry.name == "chrome") == chrome).filter_map(folder)
    };
    let packaged = CHROMIUM_FOLDERS.iter().map(PathBuf::from);
    chromium(true).chain(packaged).chain(chromium(false)).map(|folder| folder.join(SWIFTSHADER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaders_folders_follow_the_environment() {
        type Row = (&'static [(&'static str, &'static str)], &'static [&'static str]);
        let rows: [Row; 2] = [
            (
                &[("HOME", "/h")],
                &[
                    "/h/.config",
                    "/etc/xdg",
                    "/etc",
                    "/usr/local/etc",
                    "/h/.local/share",
                    "/usr/local/share",
                    "/usr/share",
                ],
            ),
            (
                &[("XDG_CONFIG_HOME", "/c"), ("XDG_DATA_HOME", "/d"), ("XDG_DATA_DIRS", "/x:/y")],
                &["/c", "/etc/xdg", "/etc", "/usr/local/etc", "/d", "/x", "/y"],
            ),
        ];
        for (environment, expected) in rows {
            let variable =
                |wanted: &str| environment.iter().find(|(name, _)| *name == wanted).map(|(_, it)| it.into());
            let expected: Vec<PathBuf> =
                expected.iter().map(|folder| Path::new(folder).join("vulkan/icd.d")).collect();
            assert_eq!(folders(variable), expected);
        }
    }

    #[test]
    fn files_that_the_environment_names_are_the_only_ones() {
        for name in super::super::DRIVER_FILES {
            let variable = |wanted: &str| (wanted == name).then(|| "/a.json:/b.json".into());
            assert_eq!(loaders_own(variable), [Path::new("/a.json"), Path::new("/b.json")], "{name}");
        }
    }

    #[test]
    fn a_file_says_which_library_it_leads_to_and_for_which_processor_it_is() {
        // The files of Chromium 156, Mesa 22.3 and NVIDIA's driver.
        for (path, text, library, software) in [
            (
                "/usr/lib/chromium/vk_swiftshader_icd.json",
                r#"{"file_format_version": "1.0.0", "ICD": {"library_path": "./libvk_swiftshader.so", "api_version": "1.0.5"}}"#,
                "libvk_swiftshader.so",
                Some(SoftwareDriver::Swiftshader),
            ),
            (
                "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json",
                r#"{"ICD": {"api_version": "1.1.230", "library_path": "/usr/lib/x86_64-linux-gnu/libvulkan_lvp.so"}}"#,
                "libvulkan_lvp.so",
                Some(SoftwareDriver::Lavapipe),
            ),
            (
                "/etc/vulkan/icd.d/nvidia_icd.json",
                r#"{"ICD": {"library_path": "libGLX_nvidia.so.0", "api_version": "1.3.242"}}"#,
                "libGLX_nvidia.so.0",
                None,
            ),
        ] {
            let file = DriverFile::read(Path::new(path), text).unwrap();
            assert_eq!((file.library.as_str(), file.software()), (library, software), "{path}");
            assert_eq!(is_for(Path::new(path), "aarch64"), !path.contains("x86_64"), "{path}");
            assert!(is_for(Path::new(path), "x86_64"), "{path}");
        }
        for text in ["", "{}", r#"{"ICD": {"library_path": 1}}"#] {
            assert_eq!(DriverFile::read(Path::new("/broken.json"), text), None, "{text}");
        }
    }
}
