//! Browsers, their drivers and the software Vulkan driver, from the system's package manager where there is one.

use std::path::Path;
use std::process::Command;
use std::sync::Once;

use anyhow::{Context, Result};

use crate::command::{capture, on_path, succeeds};

/// Something that only the system can bring.
pub struct SystemPart {
    /// What it is.
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
        name: "Chrome or Chromium",
        packages: &["chromium"],
        remedy: "install Google Chrome, or Chromium by your package manager",
        is_there: || on_path(&CHROMES).is_some() || Path::new("/Applications/Google Chrome.app").exists(),
    },
    SystemPart {
        name: "chromedriver",
        packages: &["chromium-driver"],
        remedy: "put the chromedriver of your Chrome's version on PATH, from Chrome for Testing",
        is_there: || on_path(&["chromedriver"]).is_some(),
    },
    SystemPart {
        name: "Firefox",
        packages: &["firefox-esr"],
        remedy: "install Firefox",
        is_there: || {
            on_path(&["firefox", "firefox-esr"]).is_some() || Path::new("/Applications/Firefox.app").exists()
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
        format!("{} is missing: {}", self.name, self.remedy)
    }
}

/// The parts that this machine lacks.
pub fn missing() -> Vec<&'static SystemPart> {
    PARTS.iter().filter(|part| !(part.is_there)()).collect()
}

/// Whether packages can be installed without asking anyone.
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
        if !can_install() {
            eprintln!("warning: going on with the package lists as they are: refreshing them takes root");
        } else if let Err(error) = capture(as_root("apt-get").arg("update")) {
            eprintln!("warning: going on with the package lists as they are, old ones perhaps: {error:#}");
        }
    });
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
