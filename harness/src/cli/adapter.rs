//! The flags that choose the adapter.

use clap::Args;
use protocol::AdapterChoice;

use crate::error::Error;

/// Flags that choose the adapter.
#[derive(Debug, Clone, Default, Args)]
pub struct AdapterArgs {
    /// Adapters for WebGPU and wgpu: default, hardware, software, swiftshader, lavapipe, or a part of one's own name
    #[arg(long = "adapter", value_delimiter = ',', value_name = "CHOICE,..", value_parser = adapter)]
    adapters: Vec<AdapterChoice>,
    /// In short for --adapter hardware: what a CPU computes in place of a GPU is unavailable
    #[arg(long)]
    require_hardware: bool,
}

impl AdapterArgs {
    /// These adapters.
    pub fn of(adapters: Vec<AdapterChoice>) -> AdapterArgs {
        AdapterArgs { adapters, require_hardware: false }
    }

    /// The adapters asked for, if any were.
    ///
    /// # Errors
    /// When hardware is required and something else asked for as well.
    pub fn choices(&self) -> Result<Option<Vec<AdapterChoice>>, Error> {
        let other = self.adapters.iter().find(|choice| **choice != AdapterChoice::Hardware);
        match (self.require_hardware, other) {
            (true, Some(other)) => Err(Error::AdapterContradiction { other: other.to_string() }),
            (true, None) => Ok(Some(vec![AdapterChoice::Hardware])),
            (false, _) => Ok((!self.adapters.is_empty()).then(|| self.adapters.clone())),
        }
    }

    /// The one adapter asked for.
    ///
    /// # Errors
    /// Those of [`AdapterArgs::choices`], and several adapters.
    pub fn only(&self) -> Result<AdapterChoice, Error> {
        match self.choices()?.as_deref() {
            None => Ok(AdapterChoice::Default),
            Some([only]) => Ok(only.clone()),
            Some(several) => Err(Error::SeveralAdapters { count: several.len() }),
        }
    }
}

fn adapter(text: &str) -> Result<AdapterChoice, String> {
    match text.trim() {
        "" => Err("write hardware, software, swiftshader, lavapipe, default, or a part of a name".to_owned()),
        named => Ok(named.to_owned().into()),
    }
}
