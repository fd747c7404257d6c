//! Rows of tuning tables, as data: for each kernel, kind of shape and device, the tiling of the work. And the table that
//! kernels are cut by where nobody says otherwise, by its digest, for whoever links no engine.

use serde::{Deserialize, Serialize};

use crate::capability::Adapter;
use crate::least;
use crate::target::Engine;

/// A WebGPU implementation that runs plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Implementation {
    /// Dawn, in Chrome, Edge and their kin.
    Chromium,
    /// wgpu and naga, in Firefox.
    Firefox,
    /// WebKit's own, in Safari.
    Webkit,
    /// wgpu, natively.
    Native,
}

/// A family of kernels that is tuned as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is named as its file in kernels/")]
pub enum Family {
    Attention,
    /// Convolutions as products, their channels last.
    Conv,
    /// Convolutions whose channels do not mix.
    ConvDepthwise,
    /// Convolutions that vectors of four do not fit, transposed ones, and pools.
    ConvPlain,
    Copy,
    Elementwise,
    Gather,
    LayerNormalization,
    Matmul,
    /// Matrix products of integers, of transposed matrices, with factors, or of less than a vector of columns.
    MatmulPlain,
    /// Products with packed weights.
    MatmulNBits,
    Reduce,
    Softmax,
}

impl Family {
    /// Every family.
    pub const ALL: [Family; 13] = [
        Family::Attention,
        Family::Conv,
        Family::ConvDepthwise,
        Family::ConvPlain,
        Family::Copy,
        Family::Elementwise,
        Family::Gather,
        Family::LayerNormalization,
        Family::Matmul,
        Family::MatmulPlain,
        Family::MatmulNBits,
        Family::Reduce,
        Family::Softmax,
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Family::Attention => "attention",
            Family::Conv => "conv",
            Family::ConvDepthwise => "conv_depthwise",
            Family::ConvPlain => "conv_plain",
            Family::Copy => "copy",
            Family::Elementwise => "elementwise",
            Family::Gather => "gather",
            Family::LayerNormalization => "layer_normalization",
            Family::Matmul => "matmul",
            Family::MatmulPlain => "matmul_plain",
            Family::MatmulNBits => "matmul_n_bits",
            Family::Reduce => "reduce",
            Family::Softmax => "softmax",
        }
    }

    /// True of kernels that lay a workgroup over two dimensions of a product; all others only number its invocations.
    pub fn has_lines(self, variant: Variant) -> bool {
        match self {
            Family::Conv | Family::Matmul | Family::MatmulPlain => true,
            Family::MatmulNBits => variant == Variant::Shared,
            Family::Attention
            | Family::ConvDepthwise
            | Family::ConvPlain
            | Family::Copy
            | Family::Elementwise
            | Family::Gather
            | Family::LayerNormalization
            | Family::Reduce
            | Family::Softmax => false,
        }
    }
}

/// The kind of shape a kernel is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShapeClass {
    /// At most four rows: decoding, pooling.
    Vector,
    /// Too little to fill a device with large tiles.
    Small,
    /// Enough to fill any device.
    Large,
    /// Few long rows; for attention, many rows.
    Long,
}

impl ShapeClass {
    /// Every class.
    pub const ALL: [ShapeClass; 4] =
        [ShapeClass::Vector, ShapeClass::Small, ShapeClass::Large, ShapeClass::Long];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            ShapeClass::Vector => "vector",
            ShapeClass::Small => "small",
            ShapeClass::Large => "large",
            ShapeClass::Long => "long",
        }
    }
}

/// The way the invocations of a workgroup work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// They share workgroup memory and meet at barriers: for GPUs.
    Shared,
    /// Each works alone: for software adapters, which run the invocations of a workgroup as coroutines and pay
    /// dearly at every barrier.
    Alone,
}

/// The tiling of a kernel's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Choice {
    /// Together or alone.
    pub variant: Variant,
    /// Results per invocation: rows, and vectors of four columns. Attention takes from the first its rows per
    /// workgroup, or per invocation where these are alone, and convolutions whose channels do not mix their places; for
    /// plain convolutions they are channels and places, as far as there are so many. Other kernels ignore both.
    pub tile: [u32; 2],
    /// Invocations of a workgroup, or of one of its lines: those of a line are neighbours along the columns of a product,
    /// or where the weights are packed along its terms.
    pub lanes: u32,
    /// Lines of invocations in a workgroup, of products only: neighbours along the rows, along the terms of few rows, or
    /// along the columns where the weights are packed.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub lines: u32,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_one(lines: &u32) -> bool {
    *lines == 1
}

impl Choice {
    /// All invocations of a workgroup.
    pub fn invocations(&self) -> u32 {
        self.lanes.saturating_mul(self.lines)
    }

    /// The reason why no kernel of a family can do as it says.
    pub fn fault(&self, family: Family) -> Option<&'static str> {
        let Choice { variant, tile, lines, .. } = *self;
        let (all, shared) = (self.invocations(), variant == Variant::Shared);
        match () {
            () if all == 0 || tile.contains(&0) => Some("it leaves nothing to do the work"),
            () if lines > 1 && !family.has_lines(variant) => {
                Some("these kernels number the invocations of a workgroup in one line")
            }
            () if shared && !(all.is_power_of_two() && all >= 4) => {
                Some("invocations share where they are a power of two, at least 4")
            }
            () => None,
        }
    }
}

/// One line of the table. What is `None` fits everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Row {
    /// The kernels it is for.
    pub family: Family,
    /// The kind of shape it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<ShapeClass>,
    /// The adapters it is for: software ones, or others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software: Option<bool>,
    /// The WebGPU implementation it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implementation: Option<Implementation>,
    /// The tiling there.
    pub choice: Choice,
}

impl Row {
    /// The reason why no kernel can do as it says.
    pub fn fault(&self) -> Option<&'static str> {
        self.choice.fault(self.family)
    }
}

/// Rows that were found in a place, and hold for it alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunedRows {
    /// Where they are from: `stored`, or a file.
    pub source: String,
    /// The adapter, in its own words: [`Adapter::words`].
    pub adapter: String,
    /// The browser's version; none natively.
    pub browser_version: Option<String>,
    /// True if nothing may run without them; else what runs elsewhere runs by the table.
    pub required: bool,
    /// The rows.
    pub rows: Vec<Row>,
}

/// The rows that go before those of the table, and what a report says of where they are from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowsHere<'a> {
    /// The rows.
    pub rows: &'a [Row],
    /// Where they are from, or why there are none; nothing where nobody asked for any.
    pub source: Option<String>,
}

impl TunedRows {
    /// The rows here: on an adapter, in the browser of this major version, natively none.
    ///
    /// # Errors
    /// Where they are of another place, and nothing may run without them.
    pub fn here(&self, adapter: &Adapter, browser: Option<u32>) -> Result<RowsHere<'_>, String> {
        let Some(elsewhere) = self.elsewhere(adapter, browser) else {
            return Ok(RowsHere { rows: &self.rows, source: Some(self.source.clone()) });
        };
        match self.required {
            true => Err(format!(
                "the tuning of {} {elsewhere}; run `parallax tune` here, or run with --tuning default",
                self.source
            )),
            false => Ok(RowsHere { rows: &[], source: Some(format!("default: what is stored {elsewhere}")) }),
        }
    }

    /// How the place is another one.
    fn elsewhere(&self, adapter: &Adapter, browser: Option<u32>) -> Option<String> {
        let named = |words: &str| match words {
            "" => "an adapter that says nothing of itself".to_owned(),
            words => format!("the adapter \"{words}\""),
        };
        let words = adapter.words();
        if self.adapter != words {
            return Some(format!("is of {}, and this is {}", named(&self.adapter), named(&words)));
        }
        let (theirs, here) = (self.browser_version.as_deref().and_then(least::major)?, browser?);
        (theirs != here).then(|| format!("is of version {theirs} of the browser, and this is {here}"))
    }
}

/// The digest of the table that our kernels are cut by: `Tuning::digest` in shaders, where a test holds this against it.
pub const DIGEST: &str = "f0eefb4b1d955b735258e6c238d317f7";

/// The digest, for engines that run our kernels: WebNN does for nodes that it leaves to WebGPU.
pub fn digest(engine: Engine) -> Option<&'static str> {
    match engine {
        Engine::Webgpu | Engine::Webnn | Engine::Wgpu => Some(DIGEST),
        Engine::Wasm
        | Engine::OrtWebgpu
        | Engine::OrtWebnn
        | Engine::OrtWasm
        | Engine::Libtorch
        | Engine::Burn
        | Engine::Openvino
        | Engine::Onnxruntime => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_json() {
        for family in Family::ALL {
            assert_eq!(serde_json::to_value(family).unwrap(), family.name());
        }
        for class in ShapeClass::ALL {
            assert_eq!(serde_json::to_value(class).unwrap(), class.name());
        }
    }

    #[test]
    fn rows_hold_where_they_were_found_and_nowhere_else() {
        let choice = Choice { variant: Variant::Alone, tile: [4, 1], lanes: 8, lines: 1 };
        let row = Row { family: Family::Conv, class: None, software: None, implementation: None, choice };
        let adapter = |device: &str| Adapter { device: device.to_owned(), ..Adapter::default() };
        let tuned = |required| TunedRows {
            source: "t.json".to_owned(),
            adapter: "card".to_owned(),
            browser_version: Some("156.0.7".to_owned()),
            required,
            rows: vec![row],
        };
        for (name, adapter, browser, reason) in [
            ("here", adapter("card"), Some(156), None),
            ("natively", adapter("card"), None, None),
            ("another adapter", adapter("another card"), Some(156), Some("another card")),
            ("one that says nothing", adapter(""), Some(156), Some("says nothing")),
            ("another version", adapter("card"), Some(157), Some("157")),
        ] {
            for required in [true, false] {
                let tuned = tuned(required);
                match (tuned.here(&adapter, browser), reason, required) {
                    (Ok(here), None, _) => assert_eq!(
                        (here.rows, here.source.as_deref()),
                        (&[row][..], Some("t.json")),
                        "{name}"
                    ),
                    (Err(words), Some(reason), true) => {
                        assert!(words.contains(reason) && words.contains("parallax tune"), "{name}: {words}")
                    }
                    (Ok(here), Some(reason), false) => {
                        assert_eq!(here.rows, &[], "{name}");
                        assert!(here.source.unwrap().contains(reason), "{name}");
                    }
                    (other, ..) => panic!("{name}: {other:?}"),
                }
            }
        }
    }
}
