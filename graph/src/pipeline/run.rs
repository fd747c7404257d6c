//! One inference of a model, whoever computes it: which program is next, on what, and what came of it.

use std::collections::BTreeMap;

use protocol::{OutputCheck, Scale};

use super::{Decoding, PAST_LENGTH, TOKEN, wiring};
use crate::error::Error;
use crate::tensor::{Data, Tensor};

/// The output that holds all tokens made, i64 `[1, n]`.
pub const TOKENS: &str = "tokens";

/// An inference under way. Nothing here runs anything: as long as there is a [`program`](Run::program), run it on
/// the [`feeds`](Run::feeds) and let the run [`take`](Run::take) its outputs.
#[derive(Debug, Clone)]
pub struct Run {
    decoding: Option<Decoding>,
    feeds: BTreeMap<String, Tensor>,
    outputs: Option<BTreeMap<String, Tensor>>,
    tokens: Vec<i64>,
}

impl Run {
    /// Begins an inference on the folder's inputs.
    pub fn new(decoding: Option<Decoding>, given: &BTreeMap<String, Tensor>) -> Run {
        Run { decoding, feeds: given.clone(), outputs: None, tokens: Vec::new() }
    }

    /// The program to run next: 0 is the whole model or the prefill, 1 the step; none when all is done.
    pub fn program(&self) -> Option<usize> {
        match (&self.outputs, self.decoding) {
            (None, _) => Some(0),
            (Some(_), Some(decoding)) if self.tokens.len() < decoding.tokens => Some(1),
            (Some(_), _) => None,
        }
    }

    /// The tensors to feed that program; it takes of these what it has as inputs.
    pub fn feeds(&self) -> &BTreeMap<String, Tensor> {
        &self.feeds
    }

    /// Takes what the program gave.
    ///
    /// # Errors
    /// A decoder that gave no token.
    pub fn take(&mut self, mut outputs: BTreeMap<String, Tensor>) -> Result<(), Error> {
        if let Some(decoding) = self.decoding {
            let token =
                outputs.remove(TOKEN).ok_or_else(|| wiring("the decoder gave no token".to_owned()))?;
            self.tokens.extend(token.to_i64_vec().unwrap_or_default());
            let past = (decoding.prompt_length + self.tokens.len() - 1) as i64;
            self.feeds.insert(TOKEN.to_owned(), token);
            self.feeds.insert(PAST_LENGTH.to_owned(), Tensor::scalar(past));
        }
        self.outputs.get_or_insert(outputs);
        Ok(())
    }

    /// The outputs of the whole model or of the prefill, and the [`TOKENS`] of a model that makes some.
    pub fn finish(self) -> BTreeMap<String, Tensor> {
        let mut outputs = self.outputs.unwrap_or_default();
        if self.decoding.is_some() {
            let shape = vec![1, self.tokens.len()];
            outputs.insert(TOKENS.to_owned(), Tensor { shape, data: Data::I64(self.tokens.into()) });
        }
        outputs
    }
}

/// Every expected output against those of these inferences, floats at this scale: the worst of them.
pub fn checks(
    scale: Scale,
    expected: &BTreeMap<String, Tensor>,
    inferences: &[BTreeMap<String, Tensor>],
) -> Vec<OutputCheck> {
    let check = |name: &String, expected: &Tensor, outputs: &BTreeMap<String, Tensor>| match outputs.get(name)
    {
        Some(actual) => OutputCheck::compare(
            name,
            if expected.data_type().is_float() { scale } else { Scale::One },
            (&actual.shape, &actual.to_f32_vec()),
            (&expected.shape, &expected.to_f32_vec()),
        ),
        None => {
            let there = outputs.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            OutputCheck::fault(name, format!("is no output of the model, which has {there}"))
        }
    };
    let worst = |(name, expected): (&String, &Tensor)| {
        inferences.iter().map(|outputs| check(name, expected, outputs)).reduce(OutputCheck::worse)
    };
    expected.iter().filter_map(worst).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_is_fed_to_the_step_with_the_positions_before_it() {
        let mut run = Run::new(Some(Decoding { prompt_length: 5, tokens: 3 }), &BTreeMap::new());
        let mut fed = Vec::new();
        while let Some(program) = run.program() {
            let number = |name: &str| run.feeds().get(name).and_then(Tensor::to_i64_vec);
            fed.push((program, number(TOKEN), number(PAST_LENGTH)));
            let token = Tensor::new([1, 1], vec![40 + fed.len() as i64]).unwrap();
            let extra = Tensor::scalar(fed.len() as f32);
            run.take(BTreeMap::from([(TOKEN.to_owned(), token), ("logits".to_owned(), extra)])).unwrap();
        }
        let expected =
            [(0, None, None), (1, Some(vec![41]), Some(vec![5])), (1, Some(vec![42]), Some(vec![6]))];
        assert_eq!(fed, expected);
        let outputs = run.finish();
        assert_eq!(outputs[TOKENS], Tensor::new([1, 3], vec![41i64, 42, 43]).unwrap());
        assert_eq!(outputs["logits"], Tensor::scalar(1f32));
        assert_eq!(outputs.len(), 2);
    }

    #[test]
    fn a_model_that_makes_no_tokens_runs_once() {
        let mut run = Run::new(None, &BTreeMap::new());
        assert_eq!(run.program(), Some(0));
        run.take(BTreeMap::from([("y".to_owned(), Tensor::scalar(1f32))])).unwrap();
        assert_eq!(run.program(), None);
        assert_eq!(run.finish().len(), 1);
        assert!(
            Run::new(Some(Decoding { prompt_length: 1, tokens: 1 }), &BTreeMap::new())
                .take(BTreeMap::new())
                .is_err()
        );
    }
}
