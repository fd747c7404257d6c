//! The dimensions that a model folder's inputs leave open, and the shapes of its tensors at other extents. Pure.

use std::collections::{BTreeMap, BTreeSet};

use graph::Tensor;
use graph::onnx::Dimension;
use graph::pipeline::Fed;

use super::extents::{BATCH, is_batch, label, place};

/// An open dimension: the axes of tensors that have its extent.
#[derive(Debug, Default)]
struct Open {
    is_batch: bool,
    axes: BTreeSet<(String, usize)>,
}

/// The open dimensions of a folder's tensors, by name or as `tensor.axis`.
#[derive(Debug, Default)]
pub struct OpenDimensions(BTreeMap<String, Open>);

/// The shapes of tensors, and the items in one inference where an asked extent says how many.
#[derive(Debug, PartialEq)]
pub struct Shapes {
    /// By tensor: all that the folder has.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Items in one inference.
    pub batch: Option<usize>,
}

impl OpenDimensions {
    /// Those of the tensors that inputs are fed.
    pub fn of(fed: &[Fed<'_>]) -> OpenDimensions {
        let mut dimensions = OpenDimensions::default();
        for Fed { tensor, input, .. } in fed {
            let declared = input.dimensions.as_deref().unwrap_or_default();
            for (axis, dimension) in declared.iter().enumerate() {
                let Some(label) = label(tensor, axis, dimension) else { continue };
                let open = dimensions.0.entry(label).or_default();
                open.is_batch |= match dimension {
                    Dimension::Symbol(name) => {
                        name.to_lowercase().contains(BATCH)
                            || axis == 0 && declared.len() > 1 && is_batch(name)
                    }
                    Dimension::Any | Dimension::Fixed(_) => axis == 0 && declared.len() > 1,
                };
                open.axes.insert(((*tensor).to_owned(), axis));
            }
        }
        dimensions
    }

    /// The shapes of the folder's tensors with the extents that are asked for, all others as they are.
    ///
    /// # Errors
    /// A name that no dimension has.
    pub fn shapes(
        &self,
        own: &BTreeMap<String, Tensor>,
        asked: &BTreeMap<String, usize>,
    ) -> Result<Shapes, String> {
        let shape = |(name, tensor): (&String, &Tensor)| (name.clone(), tensor.shape.clone());
        let mut shapes: BTreeMap<String, Vec<usize>> = own.iter().map(shape).collect();
        let mut batch = None;
        for (name, &extent) in asked {
            let meant = self.meant(name);
            if meant.is_empty() {
                return Err(name.clone());
            }
            for open in meant {
                for (tensor, axis) in &open.axes {
                    let old = shapes.get_mut(tensor).and_then(|shape| shape.get_mut(*axis));
                    old.into_iter().for_each(|old| *old = extent);
                }
                if open.is_batch {
                    batch = Some(extent);
                }
            }
        }
        Ok(Shapes { shapes, batch })
    }

    /// The dimensions of a name: the one that has it or stands there, or all that count items.
    fn meant(&self, name: &str) -> Vec<&Open> {
        let stands_there = |open: &&Open| open.axes.iter().any(|(tensor, axis)| place(tensor, *axis) == name);
        let named = self.0.get(name).or_else(|| self.0.values().find(stands_there));
        match named {
            Some(open) => vec![open],
            None => self.0.values().filter(|open| name == BATCH && open.is_batch).collect(),
        }
    }

    /// Their names, as a message tells them.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use graph::DataType;
    use graph::onnx::{Input, Model};

    use super::*;

    fn symbol(name: &str) -> Dimension {
        Dimension::Symbol(name.to_owned())
    }

    #[test]
    fn extents_hold_wherever_their_dimension_stands() {
        use Dimension::{Any, Fixed};
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/models/bert-tiny/model.onnx");
        let model = Model::parse(&std::fs::read(file).unwrap()).unwrap();
        let inputs = [
            ("ids", vec![symbol("text_batch"), symbol("sequence")]),
            ("mask", vec![symbol("text_batch"), symbol("sequence")]),
            ("pixels", vec![symbol("image_batch"), Fixed(3), Any]),
        ]
        .map(|(name, dimensions)| Input {
            name: name.to_owned(),
            data_type: DataType::F32,
            dimensions: Some(dimensions),
        });
        let fed: Vec<Fed<'_>> =
            inputs.iter().map(|input| Fed { tensor: &input.name, model: &model, input }).collect();
        let open = OpenDimensions::of(&fed);
        let tensor = |shape: &[usize]| Tensor::new(shape, vec![0f32; shape.iter().product()]).unwrap();
        let own = BTreeMap::from([
            ("ids".to_owned(), tensor(&[3, 9])),
            ("mask".to_owned(), tensor(&[3, 9])),
            ("pixels".to_owned(), tensor(&[1, 3, 8])),
        ]);
        type Row = (&'static [(&'static str, usize)], [&'static [usize]; 3], Option<usize>);
        let rows: [Row; 6] = [
            (&[], [&[3, 9], &[3, 9], &[1, 3, 8]], None),
            (&[("sequence", 4)], [&[3, 4], &[3, 4], &[1, 3, 8]], None),
            (&[("ids.1", 4)], [&[3, 4], &[3, 4], &[1, 3, 8]], None),
            (&[("batch", 2), ("sequence", 4)], [&[2, 4], &[2, 4], &[2, 3, 8]], Some(2)),
            (&[("image_batch", 5)], [&[3, 9], &[3, 9], &[5, 3, 8]], Some(5)),
            (&[("pixels.2", 16)], [&[3, 9], &[3, 9], &[1, 3, 16]], None),
        ];
        let asked = |extents: &[(&str, usize)]| {
            extents.iter().map(|(name, extent)| ((*name).to_owned(), *extent)).collect()
        };
        for (extents, expected, batch) in rows {
            let found = open.shapes(&own, &asked(extents)).unwrap();
            let shapes: Vec<&[usize]> = found.shapes.values().map(Vec::as_slice).collect();
            assert_eq!((shapes.as_slice(), found.batch), (&expected[..], batch), "{extents:?}");
        }
        for unknown in ["height", "pixels.1", "sequence.0", ""] {
            assert_eq!(open.shapes(&own, &asked(&[(unknown, 2)])), Err(unknown.to_owned()));
        }
        assert_eq!(open.names().collect::<Vec<_>>(), ["image_batch", "pixels.2", "sequence", "text_batch"]);
    }
}
