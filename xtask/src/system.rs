//! Browsers, their drivers and the software Vulkan driver, from the system's package manager where there is one.

use std::path::Path;
use std::process::Command;
use std::sync::Once;

use anyhow::{Context, Result};
use protocol::least;

use crate::command::{capture, on_path, succeeds};

/// Something that only the system can bring.
pub struct SystemPart {
    /// Its name.
    pub name: &'static str,
    /// Its packages on Debian and its kin.
    packages: &'static [&'static str],
    /// How to get it anywhere else.
    remedy: &'static str,
    is_there: fn() -> bool,
}

/// Everything that a sweep over the browsers and a native GPU API wants from the system.
static PARTS: [SystemPart; 6] = [
    SystemPart {
        name: "a current Chrome or Chromium",
        // A driver drives the browser of its own version only.
        packages: &["chromium", "chromium-driver"],
        remedy: "install a current Google Chrome, or Chromium by your package manager",
        is_there: || {
            is_recent(&CHROMES, least::CHROMIUM_WITH_WEBGPU)
                || Path::new("/Applications/Google Chrome.app").exists()
        },
    },
    SystemPart {
        name: "chromedriver",
        packages: &["chromium-driver"],
        remedy: "put the chromedriver of your Chrome's version on PATH, from Chrome for Testing",
        is_there: || on_path(&["chromedriver"]).is_some(),
    },
    SystemPart {
        name: "Firefox with WebGPU",
        packages: &["firefox-esr"],
        remedy: "install Firefox 141 or later",
        is_there: || {
            is_recent(&["firefox", "firefox-esr"], least::FIREFOX_WITH_WEBGPU)
                || Path::new("/Applications/Firefox.app").exists()
        },
    },
    SystemPart {
        name: "WebKitGTK's driver",
        packages: &["webkit2gtk-driver"],
        remedy: "install WebKitGTK with WebKitWebDriver and MiniBrowser",
        is_there: || !cfg!(target_os = "linux") || on_path(&["WebKitWebDriver"]).is_some(),
    },
    SystemPart {
        name: "a virtual display",
        packages: &["xvfb"],
        remedy: "install Xvfb, which WebKitGTK needs where there is no display",
        is_there: || !cfg!(target_os = "linux") || on_path(&["Xvfb"]).is_some(),
    },
    SystemPart {
        name: "a Vulkan driver",
        packages: &["mesa-vulkan-drivers", "libvulkan1"],
        remedy: "install your GPU's Vulkan driver, or Mesa's software one",
        is_there: has_vulkan,
    },
];

const CHROMES: [&str; 5] =
    ["google-chrome", "google-chrome-stable", "chrome", "chromium", "chromium-browser"];

impl SystemPart {
    /// One line: what is missing and how to get it.
    pub fn advice(&self) -> String {
        format!("{} is missing or too old: {}", self.name, self.remedy)
    }
}

/// The parts that this machine lacks.
pub fn missing() -> Vec<&'static SystemPart> {
    PARTS.iter().filter(|part| !(part.is_there)()).collect()
}

/// Returns whether packages can be installed without asking anyone.
pub fn can_install() -> bool {
    on_path(&["apt-get"]).is_some() && (is_root() || succeeds(Command::new("sudo").args(["-n", "true"])))
}

/// Installs what is missing.
pub fn install(parts: &[&SystemPart]) -> Result<()> {
    let packages: Vec<&str> = parts.iter().flat_map(|part| part.packages).copied().collect();
    refresh_package_lists();
    let mut install = as_root("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    capture(install.args(["install", "--yes", "--no-install-recommends"]).args(&packages))
        .with_context(|| format!("install them yourself: apt-get install {}", packages.join(" ")))?;
    Ok(())
}

/// Fetches the lists of packages, once in a run: an image's lists are as old as the image, and so would be the
/// browsers installed from them. Where that fails, the old lists have to do, and a warning says so.
pub fn refresh_package_lists() {
    static REFRESHED: Once = Once::new();
    REFRESHED.call_once(|| {
        if let Err(warning) = refresh(can_install().then(|| as_root("apt-get"))) {
            eprintln!("\nwarning: {warning}");
        }
    });
}

/// Refreshes the lists by the package manager, if there is one that may; gives what to say where they stay old.
fn refresh(manager: Option<Command>) -> Result<(), String> {
    const GOING_ON: &str = "going on with the package lists as they are, old ones perhaps";
    let mut manager = manager.ok_or_else(|| format!("{GOING_ON}: refreshing them takes root"))?;
    capture(manager.arg("update")).map(drop).map_err(|error| format!("{GOING_ON}: {error:#}"))
}

fn as_root(program: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

fn is_root() -> bool {
    capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Returns whether one of `names` is a program on PATH of this major version or a later one.
fn is_recent(names: &[&str], least: u32) -> bool {
    let says = |program| capture(Command::new(program).arg("--version")).unwrap_or_default();
    names.iter().filter_map(|name| on_path(&[name])).map(says).any(|said| is_at_least(&said, least))
}

/// Returns whether a program says this version or a later one. One that tells none is given the benefit of the doubt.
fn is_at_least(said: &str, least: u32) -> bool {
    least::major(said).is_none_or(|version| version >= least)
}

/// macOS has Metal and Windows Direct3D; elsewhere a loader and at least one driver's manifest are needed.
fn has_vulkan() -> bool {
    let manifests = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"];
    let has_driver = || {
        manifests.iter().any(|folder| std::fs::read_dir(folder).is_ok_and(|mut list| list.next().is_some()))
    };
    let has_loader = || {
        capture(Command::new("/sbin/ldconfig").arg("-p")).is_ok_and(|list| list.contains("libvulkan.so.1"))
    };
    !cfg!(target_os = "linux") || (has_driver() && has_loader())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_cannot_be_refreshed_are_a_warning() {
        let failing = || {
            let mut shell = Command::new("sh");
            shell.args(["-c", "echo no network >&2; exit 100"]);
            shell
        };
        for (name, manager, part) in [
            ("no root", None, Some("takes root")),
            ("no network", Some(failing()), Some("no network")),
            ("no such program", Some(Command::new("/nowhere/apt-get")), Some("cannot start")),
            ("all well", Some(Command::new("true")), None),
        ] {
            let said = refresh(manager).err();
            assert_eq!(said.is_some(), part.is_some(), "{name}: {said:?}");
            let said = said.unwrap_or_default();
            assert!(said.is_empty() || said.starts_with("going on with the package lists"), "{said}");
            assert!(said.contains(part.unwrap_or_default()), "{name}: {said}");
        }
    }

    #[test]
    fn a_browser_that_is_too_old_is_not_there() {
        for (said, expected) in [
            ("Mozilla Firefox 140.3.0esr\n", false),
            ("Mozilla Firefox 141.0\n", true),
            ("Mozilla Firefox 153.0 (nightly)\n", true),
            ("", true),
        ] {
            assert_eq!(is_at_least(said, least::FIREFOX_WITH_WEBGPU), expected, "{said}");
        }
        assert!(!is_recent(&["no-such-browser-anywhere"], 1));
    }
}
