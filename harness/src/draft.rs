//! `parallax plan`: writes a plan to start from, for what this machine has and for the model at hand.

mod text;

use std::fs::File;
use std::io::Write;
use std::path::{Path, absolute};
use std::time::Duration;

use protocol::{Capability, Presence};

use crate::cli::PlanArgs;
use crate::detect;
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{self, Model, Variant};
use crate::plan;
use crate::screen;
use text::{Here, Missing, Purpose};

/// How long completing a bare file may take.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs `parallax plan`.
///
/// # Errors
/// A purpose that is none and no model, a file that is there already or cannot be written.
pub async fn run(args: &PlanArgs) -> Result<Exit, Error> {
    let purpose = purpose(&args.purpose).await?;
    let models = model::fixtures();
    let text = text::write(&purpose, &here().await?, &models);
    let Some(path) = &args.output else { return screen::print(text.trim_end()).map(|()| Exit::Success) };
    // What somebody wrote is not written over.
    let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| Error::PlanUnwritten { path: path.clone(), source })?;
    screen::tell(&format!("parallax: wrote {}; run it with: parallax sweep {0}", path.display()));
    Ok(Exit::Success)
}

/// One of the purposes by name, else a model.
async fn purpose(asked: &str) -> Result<Purpose, Error> {
    if let Some(purpose) = Purpose::named(asked) {
        return Ok(purpose);
    }
    let Model { manifest, .. } = model::find(asked, Path::new(""), &Variant::default(), LIMIT).await?;
    // A plan's paths are seen from where it lies.
    let path = Path::new(asked);
    let name = match path.exists() && !model::fixtures().iter().any(|fixture| fixture.name == asked) {
        true => absolute(path).map_or_else(|_| asked.to_owned(), |path| path.to_string_lossy().into_owned()),
        false => asked.to_owned(),
    };
    Ok(Purpose::Model { name, manifest: Box::new(manifest) })
}

/// What can be told without opening a browser: which of them are installed, and what the native engines say.
async fn here() -> Result<Here, Error> {
    let context = plan::context([]).await?;
    let mut here = Here::default();
    for entry in context.browsers.values() {
        match entry.access() {
            Ok(_) => here.browsers.push((entry.name.clone(), entry.kind)),
            Err(fault) => {
                let (name, reason) = (entry.name.clone(), fault.to_string());
                let own = reason.strip_prefix(&format!("{name}: ")).unwrap_or(&reason).to_owned();
                here.missing.push(Missing { name, reason: own });
            }
        }
    }
    for Capability { subject, presence, adapter, .. } in detect::native_engines(&context).await {
        match presence {
            Presence::Present if subject.contains(':') => {
                let is_gpu = subject.starts_with("wgpu:") && adapter.is_some_and(|adapter| !adapter.software);
                here.has_gpu |= is_gpu;
                here.native.push(subject);
            }
            Presence::Present => {}
            // An API of another system is not missing.
            Presence::Missing { .. } if subject.starts_with("wgpu:") => {}
            Presence::Missing { reason, remedy } => {
                here.missing.push(Missing { name: subject, reason: format!("{reason}; {remedy}") });
            }
        }
    }
    Ok(here)
}
