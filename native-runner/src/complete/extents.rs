//! Chooses the extents of the dimensions that a bare model leaves open: as asked, else by custom. Pure.

use std::collections::{BTreeMap, BTreeSet};

use graph::onnx::{Dimension, Input, Model};

/// The name that the dimension which counts items has wherever it is asked for, whatever the file calls it.
pub const BATCH: &str = "batch";
/// The extent of an open dimension of which nothing is known.
const EXTENT: usize = 8;
/// Extents of others, by what is in their names; a total is of what is past and what is new.
const EXTENTS: [(&str, usize); 5] =
    [("batch", 1), ("channel", 3), ("height", 224), ("width", 224), ("total", 2 * EXTENT)];
/// Parts of the names of dimensions that stand first and count something else than the batch.
const LENGTHS: [&str; 12] =
    ["seq", "len", "time", "frame", "token", "sample", "step", "point", "node", "edge", "num", "past"];
/// More elements are refused: a file of a few bytes can declare any shape.
const MOST_ELEMENTS: usize = 1 << 28;

/// The extents of unnamed dimensions of which nothing is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unnamed {
    /// The batch where one is likely, else a few.
    ByCustom,
    /// 1, where custom was wrong.
    One,
}

/// The shape of every input, and how it came about.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Extents {
    /// Shapes by input.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// The open dimensions, by name or as `input.axis`, and the extents they were given.
    pub filled: Vec<(String, usize)>,
    /// Items in one inference, if there is a dimension for them.
    pub batch: Option<usize>,
    /// The dimensions that were asked for and are not open ones.
    pub unknown: Vec<String>,
}

impl Extents {
    /// The extents for a model.
    ///
    /// # Errors
    /// The input whose number of dimensions is open, or that is too large, and why.
    pub fn of(
        model: &Model,
        asked: &BTreeMap<String, usize>,
        unnamed: Unnamed,
    ) -> Result<Extents, (String, String)> {
        let chooser = Chooser::new(model, asked, unnamed);
        let mut extents = Extents { batch: chooser.batch, ..Extents::default() };
        let mut labels = BTreeSet::new();
        for input in &model.inputs {
            let shape = chooser.shape(input).map_err(|reason| (input.name.clone(), reason))?;
            for (axis, (dimension, &extent)) in input.dimensions.iter().flatten().zip(&shape).enumerate() {
                if let Some(label) = label(&input.name, axis, dimension)
                    && labels.insert(label.clone())
                {
                    extents.filled.push((label, extent));
                }
                labels.extend(open(dimension).then(|| place(&input.name, axis)));
            }
            extents.shapes.insert(input.name.clone(), shape);
        }
        // Symbols that only stand in sums are names too.
        let is_batch = |name: &str| name == BATCH && chooser.batch.is_some();
        let known = |name: &&String| {
            labels.contains(*name) || chooser.terms.contains(name.as_str()) || is_batch(name)
        };
        extents.unknown = asked.keys().filter(|name| !known(name)).cloned().collect();
        Ok(extents)
    }

    /// Returns what is told in every row of a model that was filled so.
    pub fn notes(&self) -> Vec<String> {
        let filled: Vec<String> =
            self.filled.iter().map(|(name, extent)| format!("{name} = {extent}")).collect();
        let filled = (!filled.is_empty()).then(|| {
            format!("open dimensions: {}; others with --dimension NAME=N or INPUT.AXIS=N", filled.join(", "))
        });
        filled.into_iter().collect()
    }
}

/// How an open dimension of an input, or of the tensor that it is fed, is called.
pub fn label(input: &str, axis: usize, dimension: &Dimension) -> Option<String> {
    match dimension {
        Dimension::Fixed(_) => None,
        // Some exporters write numbers as names.
        Dimension::Symbol(name) if name.parse::<usize>().is_ok() => None,
        Dimension::Symbol(name) => Some(name.clone()),
        Dimension::Any => Some(place(input, axis)),
    }
}

fn open(dimension: &Dimension) -> bool {
    !matches!(dimension, Dimension::Fixed(_))
}

pub fn place(input: &str, axis: usize) -> String {
    format!("{input}.{axis}")
}

struct Chooser<'a> {
    /// By a dimension's name, or by input and axis.
    asked: BTreeMap<String, usize>,
    /// Names of dimensions, the terms of sums among them.
    terms: BTreeSet<&'a str>,
    /// Names of dimensions that are the batch.
    batches: BTreeSet<&'a str>,
    /// Inputs that are states.
    states: BTreeSet<&'a str>,
    batch: Option<usize>,
    unnamed: Unnamed,
}

impl<'a> Chooser<'a> {
    fn new(model: &'a Model, asked: &BTreeMap<String, usize>, unnamed: Unnamed) -> Chooser<'a> {
        let mut chooser = Chooser {
            asked: asked.clone(),
            terms: BTreeSet::new(),
            batches: BTreeSet::new(),
            states: BTreeSet::new(),
            batch: None,
            unnamed,
        };
        for input in &model.inputs {
            if is_state(input) || model.uses(&input.name).is_state {
                chooser.states.insert(&input.name);
            }
            let dimensions = input.dimensions.as_deref().unwrap_or_default();
            for (axis, dimension) in dimensions.iter().enumerate() {
                let Dimension::Symbol(name) = dimension else { continue };
                chooser.terms.extend(name.split('+').map(str::trim));
                if axis == 0 && dimensions.len() > 1 && is_batch(name)
                    || name.to_lowercase().contains("batch")
                {
                    chooser.batches.insert(name);
                }
                // An extent that is asked for in one place holds wherever the name stands.
                if let Some(&extent) = asked.get(&place(&input.name, axis)) {
                    chooser.asked.entry(name.clone()).or_insert(extent);
                }
            }
        }
        // Whatever it is called, it is known as the batch.
        let named = asked.get(BATCH).copied();
        chooser.batch = chooser.find_batch(model).map(|found| named.unwrap_or(found));
        chooser
    }

    /// Returns what is asked of any dimension that is the batch, else 1; none where no dimension is.
    fn find_batch(&self, model: &Model) -> Option<usize> {
        let mut found = None;
        for input in &model.inputs {
            for (axis, dimension) in input.dimensions.iter().flatten().enumerate() {
                let asked = match dimension {
                    Dimension::Symbol(name) if self.batches.contains(name.as_str()) => self.asked.get(name),
                    Dimension::Any if self.is_batch_axis(input, axis) => {
                        self.asked.get(&place(&input.name, axis))
                    }
                    Dimension::Symbol(_) | Dimension::Any | Dimension::Fixed(_) => continue,
                };
                found = match (found, asked) {
                    (None | Some(1), Some(&asked)) => Some(asked),
                    (found, _) => found.or(Some(1)),
                };
            }
        }
        found
    }

    /// Returns whether an unnamed dimension is the batch: the first, or the second of a state.
    fn is_batch_axis(&self, input: &Input, axis: usize) -> bool {
        let rank = input.dimensions.as_ref().map_or(0, Vec::len);
        (axis == 0 && rank > 1) || (axis == 1 && self.states.contains(input.name.as_str()))
    }

    fn shape(&self, input: &Input) -> Result<Vec<usize>, String> {
        let Some(dimensions) = &input.dimensions else {
            return Err("the model does not say how many dimensions it has".to_owned());
        };
        let shape: Vec<usize> = dimensions
            .iter()
            .enumerate()
            .map(|(axis, dimension)| self.extent(input, axis, dimension))
            .collect();
        let count = shape.iter().try_fold(1usize, |count, extent| count.checked_mul(*extent));
        match count.is_some_and(|count| count <= MOST_ELEMENTS) {
            true => Ok(shape),
            false => Err(format!("{shape:?} has more than {MOST_ELEMENTS} elements")),
        }
    }

    fn extent(&self, input: &Input, axis: usize, dimension: &Dimension) -> usize {
        match dimension {
            Dimension::Fixed(extent) => *extent,
            Dimension::Symbol(name) => self.symbol(name),
            Dimension::Any => match (self.asked.get(&place(&input.name, axis)), self.unnamed) {
                (Some(extent), _) => *extent,
                (None, _) if self.is_batch_axis(input, axis) => self.batch.unwrap_or(1),
                (None, Unnamed::One) => 1,
                (None, Unnamed::ByCustom) if axis == 0 => 1,
                (None, Unnamed::ByCustom) => EXTENT,
            },
        }
    }

    /// A symbol's extent; exporters also write sums of symbols and numbers (`past_sequence_length + 1`).
    fn symbol(&self, name: &str) -> usize {
        if let Some(extent) = self.asked.get(name) {
            return *extent;
        }
        if let Ok(number) = name.parse() {
            return number;
        }
        if let Some((left, right)) = name.split_once('+') {
            return self.symbol(left.trim()).saturating_add(self.symbol(right.trim()));
        }
        if self.batches.contains(name) {
            return self.batch.unwrap_or(1);
        }
        let name = name.to_lowercase();
        EXTENTS.iter().find(|(part, _)| name.contains(part)).map_or(EXTENT, |(_, extent)| *extent)
    }
}

/// Returns whether a name that stands first is the batch's, whatever it is called.
pub fn is_batch(name: &str) -> bool {
    let name = name.to_lowercase();
    let is_known = EXTENTS[1..].iter().any(|(part, _)| name.contains(part));
    let counts_else = LENGTHS.iter().any(|part| name.contains(part));
    !is_known && !counts_else && !name.contains('+') && name.parse::<usize>().is_err()
}

/// A state by its looks: layers and directions, the batch, the width.
fn is_state(input: &Input) -> bool {
    let name = input.name.to_lowercase();
    let called = ["state", "hidden"].iter().any(|part| name.contains(part));
    match input.dimensions.as_deref() {
        Some([Dimension::Fixed(layers), batch, Dimension::Fixed(_)]) => {
            open(batch) && (called || *layers > 1)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use graph::DataType;

    use super::*;

    fn symbol(name: &str) -> Dimension {
        Dimension::Symbol(name.to_owned())
    }

    fn model(inputs: &[(&str, Vec<Dimension>)]) -> Model {
        let mut model =
            Model::parse(include_bytes!("../../../fixtures/bad/external-good/model.onnx")).unwrap();
        let input = |(name, dimensions): &(&str, Vec<Dimension>)| Input {
            name: (*name).to_owned(),
            data_type: DataType::F32,
            dimensions: Some(dimensions.clone()),
        };
        model.inputs = inputs.iter().map(input).collect();
        model
    }

    fn asked(extents: &[(&str, usize)]) -> BTreeMap<String, usize> {
        extents.iter().map(|(name, extent)| ((*name).to_owned(), *extent)).collect()
    }

    #[test]
    fn open_dimensions_are_what_they_are_called_and_where_they_stand() {
        use Dimension::{Any, Fixed};
        let state = || ("s", vec![Fixed(2), Any, Fixed(4)]);
        type Row = (
            Vec<(&'static str, Vec<Dimension>)>,
            &'static [(&'static str, usize)],
            Vec<Vec<usize>>,
            Option<usize>,
        );
        let rows: Vec<Row> = vec![
            (vec![("x", vec![])], &[], vec![vec![]], None),
            (vec![("x", vec![Fixed(5), Fixed(0)])], &[], vec![vec![5, 0]], None),
            (vec![("x", vec![Any, Any])], &[], vec![vec![1, 8]], Some(1)),
            (
                vec![("x", vec![symbol("batch_size"), symbol("sequence_length")])],
                &[],
                vec![vec![1, 8]],
                Some(1),
            ),
            (
                vec![("x", vec![symbol("Batch"), symbol("num_channels"), symbol("height"), symbol("width")])],
                &[],
                vec![vec![1, 3, 224, 224]],
                Some(1),
            ),
            // Whatever stands first is the batch, unless its name says otherwise.
            (vec![("x", vec![symbol("N"), symbol("T")])], &[], vec![vec![1, 8]], Some(1)),
            (vec![("x", vec![symbol("num_nodes"), Fixed(4)])], &[], vec![vec![8, 4]], None),
            (vec![("x", vec![symbol("unk__12"), Any])], &[("unk__12", 3)], vec![vec![3, 8]], Some(3)),
            (
                vec![(
                    "x",
                    vec![symbol("batch"), symbol("past + 1"), symbol("past + sequence"), symbol("12")],
                )],
                &[("past", 4)],
                vec![vec![1, 5, 12, 12]],
                Some(1),
            ),
            (
                vec![("x", vec![symbol("frames"), symbol("total_sequence_length")])],
                &[("frames", 3000)],
                vec![vec![3000, 16]],
                None,
            ),
            // By its common name, whatever the file calls it.
            (vec![("x", vec![symbol("N"), symbol("T")])], &[("batch", 4)], vec![vec![4, 8]], Some(4)),
            (
                vec![("x", vec![Any, Fixed(4)]), state()],
                &[("batch", 3)],
                vec![vec![3, 4], vec![2, 3, 4]],
                Some(3),
            ),
            // By input and axis: for all that have the name, and for the batch of a state.
            (
                vec![("x", vec![symbol("b"), Any]), ("y", vec![symbol("b"), Fixed(2)])],
                &[("x.0", 3), ("x.1", 5)],
                vec![vec![3, 5], vec![3, 2]],
                Some(3),
            ),
            (vec![("x", vec![Any, Fixed(4)]), state()], &[], vec![vec![1, 4], vec![2, 1, 4]], Some(1)),
            (
                vec![("x", vec![Any, Fixed(4)]), state()],
                &[("x.0", 3)],
                vec![vec![3, 4], vec![2, 3, 4]],
                Some(3),
            ),
            (
                vec![("x", vec![Any, Fixed(4)]), state()],
                &[("s.1", 3)],
                vec![vec![3, 4], vec![2, 3, 4]],
                Some(3),
            ),
        ];
        for (inputs, extents, shapes, batch) in rows {
            let found = Extents::of(&model(&inputs), &asked(extents), Unnamed::ByCustom).unwrap();
            let expected: BTreeMap<String, Vec<usize>> =
                inputs.iter().map(|(name, _)| (*name).to_owned()).zip(shapes).collect();
            assert_eq!((&found.shapes, found.batch), (&expected, batch), "{inputs:?} {extents:?}");
            assert_eq!(found.unknown, [""; 0], "{inputs:?}");
        }
    }

    #[test]
    fn what_was_filled_is_told_and_what_was_asked_in_vain_is_known() {
        let inputs = [("x", vec![symbol("batch"), Dimension::Any, symbol("batch"), Dimension::Fixed(4)])];
        let found = Extents::of(&model(&inputs), &asked(&[("x.3", 2), ("hight", 5)]), Unnamed::One).unwrap();
        let notes = ["open dimensions: batch = 1, x.1 = 1; others with --dimension NAME=N or INPUT.AXIS=N"];
        assert_eq!(found.notes(), notes);
        assert_eq!(found.unknown, ["hight", "x.3"]);
        assert!(Extents::default().notes().is_empty());
    }

    #[test]
    fn a_shape_that_nobody_can_make_is_refused() {
        let huge = vec![Dimension::Fixed(1 << 40), Dimension::Fixed(1 << 40)];
        let refused = |model: &Model| Extents::of(model, &BTreeMap::new(), Unnamed::ByCustom).unwrap_err().1;
        let mut model = model(&[("x", huge)]);
        assert!(refused(&model).contains("more than"));
        model.inputs[0].dimensions = None;
        assert!(refused(&model).contains("how many dimensions"));
    }
}
