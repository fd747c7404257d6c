//! A model's weights: which files they lie in, which of them are read at once, and which components share them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Model, Outline};
use crate::constant::{Constant, Deferred, Digest, Digester, Files, Span};
use crate::error::Error;
use crate::tensor::TensorType;

/// Contents are digested in parts of so many bytes.
const DIGESTED_BYTES: u64 = 16 << 20;

/// A file that is on no disk: the computed weights that lie in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ComputedFile {
    /// Its length.
    pub size_bytes: u64,
    /// Its first byte, and what lies there, for each weight.
    pub weights: Vec<(u64, Constant)>,
}

impl Model {
    /// Reads a `.onnx` file, and of its weights what has to be known; large ones are left where they are.
    ///
    /// # Errors
    /// Those of [`Model::read`] and [`Model::with_files`].
    pub fn open(file: &str, files: &mut dyn Files) -> Result<Model, Error> {
        Model::open_outline(Outline::new(file, files.size_bytes(file).unwrap_or(0)), files)
    }

    /// Reads a file with an outline that has its own idea of what is large.
    ///
    /// # Errors
    /// Those of [`Model::open`].
    pub fn open_outline(mut outline: Outline, files: &mut dyn Files) -> Result<Model, Error> {
        while let Some(span) = outline.wanted()? {
            let bytes = files.read(&span).map_err(|reason| Error::NotOnnx { reason })?;
            outline.take(&bytes)?;
        }
        Model::read(outline)?.with_files(files)
    }

    /// Relative paths, separated by `/`, of the files beside the model that hold its weights. Most have none.
    pub fn external_files(&self) -> BTreeSet<String> {
        self.external.clone()
    }

    /// The spans that have to be read before anything can be done with the model.
    pub fn wanted(&self) -> impl Iterator<Item = &Span> {
        self.pending.iter().map(|data| &data.span)
    }

    /// Reads what [`Model::wanted`] names, and holds against its file the place of each weight that is left there.
    ///
    /// # Errors
    /// Where a file is missing or shorter than the model says.
    pub fn with_files(mut self, files: &mut dyn Files) -> Result<Model, Error> {
        for data in std::mem::take(&mut self.pending) {
            let tensor = data.load(files)?;
            self.constants.insert(data.tensor, Constant::Here(tensor));
        }
        self.places().try_for_each(|(tensor, span)| span.check(tensor, files.size_bytes(&span.location)))?;
        Ok(self)
    }

    /// The weights that are left in files, by name, and where they lie.
    fn places(&self) -> impl Iterator<Item = (&str, &Span)> {
        self.deferred().filter_map(Deferred::place).map(|(tensor, _, span)| (tensor, span))
    }

    fn deferred(&self) -> impl Iterator<Item = &Deferred> {
        self.constants.values().filter_map(|constant| match constant {
            Constant::Deferred(deferred) => Some(deferred),
            Constant::Here(_) => None,
        })
    }

    /// The files that the model's computed weights would lie in, by relative path, separated by `/`, for engines that
    /// read the model themselves. Few models have any.
    ///
    /// # Errors
    /// A weight's place outside a file as long as all its weights together.
    pub fn computed_files(&self) -> Result<BTreeMap<String, ComputedFile>, Error> {
        let mut files: BTreeMap<String, ComputedFile> = BTreeMap::new();
        for data in &self.seeded {
            let empty = || ComputedFile { size_bytes: 0, weights: Vec::new() };
            let file = files.entry(data.span.location.clone()).or_insert_with(empty);
            file.size_bytes = file.size_bytes.saturating_add(data.span.length_bytes);
            file.weights.extend(data.constant(0).map(|constant| (data.span.offset_bytes, constant)));
        }
        for data in &self.seeded {
            let Span { location, offset_bytes, length_bytes } = &data.span;
            let size_bytes = files.get(location).map_or(0, |file| file.size_bytes);
            if offset_bytes.checked_add(*length_bytes).is_none_or(|end| end > size_bytes) {
                let reason = format!(
                    "byte {offset_bytes} is no place for it in the {size_bytes} computed bytes of {location:?}"
                );
                return Err(Error::BadTensor { tensor: data.tensor.clone(), reason });
            }
        }
        Ok(files)
    }

    /// Says what the contents of spans come down to, so that equal weights of several components are kept once.
    pub fn identify(&mut self, contents: &BTreeMap<Span, Digest>) {
        for constant in self.constants.values_mut() {
            let Constant::Deferred(deferred) = &constant else { continue };
            let Some((tensor, element_type, span)) = deferred.place() else { continue };
            if let Some(&content) = contents.get(span) {
                let place = (tensor, element_type, span.clone());
                let known = Deferred::file(place, deferred.tensor_type().shape, Some(content));
                *constant = Constant::Deferred(known);
            }
        }
    }

    /// An error if weights are wanted that nobody handed over.
    pub(crate) fn check_complete(&self) -> Result<(), Error> {
        self.pending.first().map_or(Ok(()), |data| data.span.check(&data.tensor, None))
    }
}

/// Lets components know which of their weights are equal, so that they are kept once.
///
/// # Errors
/// A weight that cannot be read.
pub fn share<'a>(
    models: impl IntoIterator<Item = &'a mut Model>,
    files: &mut dyn Files,
) -> Result<(), Error> {
    let models: Vec<&mut Model> = models.into_iter().collect();
    let mut contents = BTreeMap::new();
    for span in alike(models.iter().map(|model| &**model)) {
        let mut digester = Digester::new();
        for part in span.parts(DIGESTED_BYTES) {
            digester.update(&part.bytes(&span.location, files)?);
        }
        contents.insert(span, digester.finish());
    }
    models.into_iter().for_each(|model| model.identify(&contents));
    Ok(())
}

/// Where several components have weights of the same type: their contents may be equal.
pub fn alike<'a>(models: impl IntoIterator<Item = &'a Model>) -> BTreeSet<Span> {
    let mut by_type: BTreeMap<String, BTreeMap<usize, BTreeSet<Span>>> = BTreeMap::new();
    for (number, model) in models.into_iter().enumerate() {
        for deferred in model.deferred() {
            if let Some((_, _, span)) = deferred.place() {
                let key = TensorType::to_string(&deferred.tensor_type());
                by_type.entry(key).or_default().entry(number).or_default().insert(span.clone());
            }
        }
    }
    let several = by_type.into_values().filter(|components| components.len() > 1);
    several.flat_map(|components| components.into_values().flatten()).collect()
}
