//! A model folder's `model.toml`: what the model is and which files hold it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::check::{Allowed, Scale};
use crate::precision::Precision;

/// The contents of `model.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The model's name, as tables show it.
    pub name: String,
    /// The model family: `bert`, `vit`, ...
    pub family: String,
    /// The kind of its inputs: `text`, `image`, `audio`.
    pub modality: String,
    /// Where the model came from, in words.
    pub source: String,
    /// The engine that computed the expected outputs, where it was not PyTorch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// How its numbers are kept.
    #[serde(default)]
    pub precision: Precision,
    /// Items in one inference, where the model has a dimension for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u32>,
    /// The magnitude of outputs that the tolerances are for. Rows of less are allowed in proportion less.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub tolerance_scale: f64,
    /// Remarks on its numbers that have to be known, and are told in every row: doubts about the expected outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// File of named input tensors (safetensors).
    pub inputs: String,
    /// File of named expected output tensors (safetensors).
    pub expected: String,
    /// The ONNX graphs that make up the model, in the order in which they run.
    pub components: Vec<Component>,
    /// How the model makes tokens, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// Largest absolute error allowed, by precision.
    pub tolerances: BTreeMap<Precision, f64>,
}

fn one() -> f64 {
    1.0
}

fn is_one(number: &f64) -> bool {
    *number == 1.0
}

/// One ONNX graph of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// The component's name: `model`, `encoder_model`.
    pub name: String,
    /// Its file inside the model folder.
    pub file: String,
    /// Inputs that come from earlier components, as `component.output`; all others come from the folder's
    /// inputs, by their own name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub from: BTreeMap<String, String>,
}

/// Greedy decoding: one component runs on the prompt, one on each further token.
///
/// The decoders' inputs `attention_mask`, `position_ids` and `use_cache_branch` are made by whoever runs them:
/// ones as far as there are tokens, the places of the tokens, whether there is a past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    /// The tensor among the inputs that holds the prompt's token ids, i64 `[1, n]`.
    pub prompt: String,
    /// How many tokens to make.
    pub tokens: u32,
    /// The component that runs on the prompt.
    pub prefill: String,
    /// The component that runs on each further token.
    pub step: String,
    /// Their input that takes token ids; none where embeddings are fed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_input: Option<String>,
    /// Their output with a row of `vocabulary` logits for each token.
    pub logits: String,
    /// Past inputs and the present outputs they come from; `*` stands for any text, the same on both sides.
    pub cache: BTreeMap<String, String>,
    /// Past inputs and present outputs, as in `cache`, that only the prefill makes: keys and values of cross-attention.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub constant: BTreeMap<String, String>,
    /// How token ids become embeddings outside the decoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embed: Option<Embed>,
    /// Where the features of an image go among the embeddings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
}

/// A component that turns token ids into embeddings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embed {
    /// The component.
    pub component: String,
    /// Its input, token ids.
    pub input: String,
    /// Its output, `[1, n, width]`.
    pub output: String,
    /// The decoders' input that takes them.
    pub feeds: String,
}

/// The image among a prompt's embeddings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Where the features come from, as `component.output`; one row for each place, in order.
    pub features: String,
    /// The token id that keeps their places in the prompt.
    pub token_id: i64,
}

impl Manifest {
    /// How far an output may be off; nothing where there is no tolerance for the precision.
    pub fn allowed(&self) -> Allowed {
        let absolute = self.tolerances.get(&self.precision).copied().unwrap_or(0.0);
        Allowed { absolute, of_scale: absolute / self.tolerance_scale }
    }

    /// Returns the measure that errors are held against beside their own size.
    pub fn scale(&self) -> Scale {
        Scale::of(self.precision, self.allowed().of_scale)
    }

    /// The output of a component, as `component.output`, that another component's input comes from.
    pub fn wire(&self, component: &str, input: &str) -> Option<&str> {
        let found = self.components.iter().find(|known| known.name == component)?;
        found.from.get(input).map(String::as_str)
    }

    /// Returns what is wrong with the way its components are named and wired, if anything is. Whether the graphs have
    /// such inputs and outputs is seen when they are read.
    pub fn wiring_problem(&self) -> Option<String> {
        let mut names: Vec<&str> = Vec::new();
        for component in &self.components {
            if names.contains(&component.name.as_str()) {
                return Some(format!("two components are called {:?}", component.name));
            }
            for (input, wire) in &component.from {
                let source = wire.split_once('.').map(|(source, _)| source);
                if !source.is_some_and(|source| names.contains(&source)) {
                    return Some(format!(
                        "{}.from feeds {input:?} from {wire:?}: write \"component.output\" of a component before it",
                        component.name
                    ));
                }
            }
            names.push(&component.name);
        }
        let generation = self.generation.as_ref()?;
        let embed = generation.embed.as_ref().map(|embed| ("embed.component", &embed.component));
        let roles = [("prefill", &generation.prefill), ("step", &generation.step)].into_iter().chain(embed);
        let unknown = |(role, name): (&str, &String)| {
            let known = names.join(", ");
            (!names.contains(&name.as_str()))
                .then(|| format!("generation.{role} is {name:?}, and the components are {known}"))
        };
        let no_tokens =
            (generation.tokens == 0).then(|| "generation.tokens is 0: ask for at least 1".to_owned());
        roles.into_iter().find_map(unknown).or(no_tokens)
    }
}

impl Generation {
    /// The present output that a past input comes from, and whether only the prefill makes it.
    pub fn source_of(&self, past: &str) -> Option<(String, bool)> {
        let find = |patterns: &BTreeMap<String, String>| {
            patterns.iter().find_map(|(from, to)| filled(from, past).map(|texts| fill(to, &texts)))
        };
        let constant = find(&self.constant).map(|present| (present, true));
        constant.or_else(|| find(&self.cache).map(|present| (present, false)))
    }
}

/// Returns what each `*` of a pattern stands for in a name: the shortest text that fits, the last one all that is left.
fn filled<'a>(pattern: &str, name: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = pattern.split('*');
    let mut rest = name.strip_prefix(parts.next()?)?;
    let mut parts = parts.peekable();
    let mut texts = Vec::new();
    while let Some(part) = parts.next() {
        let at = match parts.peek() {
            Some(_) => rest.find(part)?,
            None => rest.strip_suffix(part)?.len(),
        };
        texts.push(&rest[..at]);
        rest = &rest[at + part.len()..];
    }
    rest.is_empty().then_some(texts)
}

/// A pattern with each `*` replaced in order.
fn fill(pattern: &str, texts: &[&str]) -> String {
    let mut texts = texts.iter();
    let parts = pattern.split('*').enumerate();
    let part = |(at, part): (usize, &str)| match at {
        0 => part.to_owned(),
        _ => format!("{}{part}", texts.next().copied().unwrap_or_default()),
    };
    parts.map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_filled_alike_on_both_sides() {
        let generation = Generation {
            prompt: "input_ids".to_owned(),
            tokens: 1,
            prefill: "a".to_owned(),
            step: "b".to_owned(),
            token_input: None,
            logits: "logits".to_owned(),
            cache: BTreeMap::from([("past_key_values.*".to_owned(), "present.*".to_owned())]),
            constant: BTreeMap::from([("past.*.encoder.*".to_owned(), "present.*.e.*".to_owned())]),
            embed: None,
            image: None,
        };
        for (past, expected) in [
            ("past_key_values.0.key", Some(("present.0.key", false))),
            ("past.11.encoder.value", Some(("present.11.e.value", true))),
            ("past.11.decoder.value", None),
            ("attention_mask", None),
            ("past_key_values", None),
        ] {
            let found = generation.source_of(past);
            assert_eq!(found.as_ref().map(|(name, constant)| (name.as_str(), *constant)), expected, "{past}");
        }
    }

    #[test]
    fn a_text_fits_a_pattern_or_not() {
        for (pattern, name, expected) in [
            ("a.*.b.*", "a.1.b.2", Some(vec!["1", "2"])),
            ("a.*", "a.", Some(vec![""])),
            ("*.b", "a.b.b", Some(vec!["a.b"])),
            ("a", "a", Some(vec![])),
            ("a", "ab", None),
            ("a.*.b", "a.b", None),
        ] {
            assert_eq!(filled(pattern, name), expected, "{pattern} {name}");
        }
    }
}
