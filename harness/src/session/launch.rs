//! What a session is started with for the adapter asked for.

use protocol::{AdapterChoice, SoftwareDriver, least};

use super::native_adapters::{self, NativeAdapter};
use super::{Context, SessionKind};
use crate::adapter::driver_file::{self, DriverFile};
use crate::adapter::machine;
use crate::adapter::{Drivers, Launch, ON_SWIFTSHADER, Place, WITHOUT_SOFTWARE, means};
use crate::fault::Fault;

/// The first Mesa whose lavapipe is tried in Chromium. That of 22.3 lacks samplerYcbcrConversion, without which Chromium's
/// Vulkan gives no adapter and `requestAdapter` no answer.
const MESA_TRIED_IN_CHROMIUM: u32 = 23;

/// What a session of a kind is started with for its adapter.
///
/// # Errors
/// `Unavailable` where the adapter cannot be had here, with the reason and what to do.
pub async fn launch(kind: &SessionKind, context: &Context) -> Result<Launch, Fault> {
    let (choice, place, remote) = match kind {
        SessionKind::Native { engine, adapter } if engine.chooses_adapter() => {
            (adapter, Place::Native, false)
        }
        SessionKind::Native { .. } | SessionKind::Control => return Ok(Launch::default()),
        SessionKind::Browser { name, adapter } => {
            let Some(entry) = context.browsers.get(name) else { return Ok(Launch::default()) };
            (adapter, Place::of(entry.kind), entry.is_remote())
        }
    };
    let gpu = if remote { None } else { machine::gpu() };
    if *choice == AdapterChoice::Hardware && gpu.is_none() && !remote {
        return Err(machine::without_gpu());
    }
    let (arguments, drivers) = means(choice, place, gpu.is_some());
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let launch = Launch { arguments, gpu, ..Launch::default() };
    if remote && drivers != Drivers::Found {
        return Err(Fault::Unavailable {
            reason: format!("the adapter {choice} is chosen by the environment, and {kind} runs elsewhere"),
            remedy: "leave the adapter to the remote browser".to_owned(),
        });
    }
    match (drivers, choice) {
        (Drivers::Found, _) => Ok(launch),
        (Drivers::OfHardware, _) => {
            let (name, value) = WITHOUT_SOFTWARE;
            Ok(Launch { environment: vec![(name, value.to_owned())], ..launch })
        }
        (Drivers::OfSoftware, _) => Ok(software(context).map_or(launch.clone(), |it| launch.with_driver(it))),
        (Drivers::Only(driver), _) => {
            let file = driver_file::of(driver, context.driver_files()).ok_or_else(|| missing(driver))?;
            if (place, driver) == (Place::Chromium, SoftwareDriver::Lavapipe) {
                check_lavapipe(native_adapters::all(context).await?, file)?;
            }
            Ok(launch.with_driver(file))
        }
        (Drivers::Named, AdapterChoice::Named(name)) => {
            let adapters = native_adapters::all(context).await?;
            for_named(launch, native_adapters::find(adapters, name)?, adapters, place)
        }
        (Drivers::Named, _) => Ok(launch),
    }
}

/// The same for the adapter that has the name asked for.
fn for_named(
    launch: Launch,
    found: &NativeAdapter,
    adapters: &[NativeAdapter],
    place: Place,
) -> Result<Launch, Fault> {
    let named = Some(found.adapter.clone());
    let software = SoftwareDriver::of(&found.adapter);
    let Some(file) = &found.file else { return Ok(Launch { named, ..launch }) };
    let of_file = adapters.iter().filter(|other| other.file.as_ref() == Some(file)).count();
    if place != Place::Native && of_file > 1 {
        return Err(Fault::Unavailable {
            reason: format!(
                "{} serves {of_file} adapters, and a browser cannot be told which of them to take",
                file.path.display()
            ),
            remedy: "ask for hardware, or for the adapter on wgpu".to_owned(),
        });
    }
    match (place, software) {
        (Place::Chromium, Some(SoftwareDriver::Swiftshader)) => {
            let arguments = ON_SWIFTSHADER.iter().map(|&argument| argument.to_owned()).collect();
            return Ok(Launch { arguments, named, ..launch });
        }
        (Place::Chromium, Some(SoftwareDriver::Lavapipe)) => check_lavapipe(adapters, file)?,
        _ => {}
    }
    Ok(Launch { named, ..launch.with_driver(file) })
}

/// The file of a driver that computes on the CPU, the system's own before Chromium's.
fn software(context: &Context) -> Option<&DriverFile> {
    let of = |driver| driver_file::of(driver, context.driver_files());
    of(SoftwareDriver::Lavapipe).or_else(|| of(SoftwareDriver::Swiftshader))
}

fn missing(driver: SoftwareDriver) -> Fault {
    Fault::Unavailable {
        reason: format!("no Vulkan driver of {} is here", driver.name()),
        remedy: driver.remedy().to_owned(),
    }
}

/// Checks that Chromium can take the lavapipe of a driver file.
fn check_lavapipe(adapters: &[NativeAdapter], file: &DriverFile) -> Result<(), Fault> {
    let lavapipe = adapters.iter().find(|found| found.file.as_ref() == Some(file));
    let version = lavapipe.and_then(|found| found.adapter.description.strip_prefix("Mesa "));
    match version.and_then(least::major) {
        Some(major) if major < MESA_TRIED_IN_CHROMIUM => Err(Fault::Unavailable {
            reason: format!(
                "the lavapipe of Mesa {} lacks samplerYcbcrConversion, which Chromium's Vulkan needs",
                version.unwrap_or_default()
            ),
            remedy: format!(
                "update Mesa to {MESA_TRIED_IN_CHROMIUM} or later, or ask for swiftshader, which all places can have"
            ),
        }),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use protocol::Adapter;

    use super::*;

    #[test]
    fn a_lavapipe_that_chromium_cannot_take_is_unavailable_with_what_to_do() {
        let file = DriverFile { path: "/lvp.json".into(), library: "libvulkan_lvp.so".to_owned() };
        for (description, refused) in
            [("Mesa 22.3.6 (LLVM 15.0.6)", true), ("Mesa 25.0.1 (LLVM 19.1.7)", false), ("", false)]
        {
            let adapter = Adapter { description: description.to_owned(), ..Adapter::default() };
            let adapters = [NativeAdapter { adapter, file: Some(file.clone()) }];
            let checked = check_lavapipe(&adapters, &file);
            assert_eq!(checked.is_err(), refused, "{description}: {checked:?}");
        }
    }
}
