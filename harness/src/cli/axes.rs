//! The flags that vary models: each may be given several values, and every combination is a case.

use std::num::NonZeroUsize;

use clap::Args;
use protocol::Features;

use crate::precision::AskedPrecision;

/// What is varied of the models; a flag takes the place of the same list in a plan.
#[derive(Debug, Clone, Default, Args)]
pub struct AxesArgs {
    /// Batch sizes: extents of whatever dimension counts the items of one inference
    #[arg(long, value_delimiter = ',', value_name = "N,..")]
    pub batch: Vec<NonZeroUsize>,
    /// Extents of dimensions that models leave open, by name or by input and axis (x.0=3); several of a name are run in turn
    #[arg(long = "dimension", value_delimiter = ',', value_name = "NAME=N,..", value_parser = super::dimension)]
    pub dimensions: Vec<(String, usize)>,
    /// Precisions that models are kept in: fp32, fp16, int8, q4. As P%: take more rounds until ratios to the first target are
    /// known within this, or nothing more can be learnt
    #[arg(long, value_delimiter = ',', value_name = "NAME,..|P%")]
    pub precision: Vec<AskedPrecision>,
    /// Optimisations turned off, as in --features=-tuned,-fusion, \"\" for none; once for each setting
    #[arg(long, value_name = "SETTING", allow_hyphen_values = true)]
    pub features: Vec<Features>,
    /// Run a plan though it has very many cases, or takes very long
    #[arg(long)]
    pub large: bool,
}
