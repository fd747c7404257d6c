//! Expressions over files and recipes: made as a whole and in parts, equal where they say the same.

use std::collections::BTreeMap;

use super::*;
use crate::builder::Builder;
use crate::constant::NoFiles;
use crate::ops::{Binary, Concat, Operator, Reshape, Transpose};
use crate::tensor::DataType;

const COUNT: usize = 24;

fn span(location: &str) -> Span {
    Span { location: location.to_owned(), offset_bytes: 4, length_bytes: 4 * COUNT as u64 }
}

fn file(location: &str) -> Constant {
    let place = ("w", ElementType::Kept(DataType::F32), span(location));
    Constant::Deferred(Deferred::file(place, [4, 6], None))
}

/// Holds what it was asked for; its numbers count from 0 on.
#[derive(Default)]
struct Counting(Vec<Span>);

impl Files for Counting {
    fn size_bytes(&mut self, _location: &str) -> Option<u64> {
        None
    }

    fn read(&mut self, span: &Span) -> Result<Vec<u8>, String> {
        self.0.push(span.clone());
        let first = (span.offset_bytes - 4) / 4;
        Ok((first..first + span.length_bytes / 4).flat_map(|at| (at as f32).to_le_bytes()).collect())
    }
}

fn constant(graph: &Builder, id: crate::ValueId) -> Constant {
    graph.clone().finish().values[id.0].constant.clone().unwrap()
}

#[test]
fn operators_on_what_is_not_here_are_put_off_and_give_the_same() {
    let build = |weight: Constant| {
        let mut graph = Builder::new();
        let w = graph.constant("w", weight);
        let two = graph.constant("two", Tensor::scalar(2f32));
        let turned = Operator::Transpose(Transpose { permutation: vec![1, 0] });
        let turned = graph.push("turned", turned, &[Some(w)]).unwrap();
        let doubled =
            graph.push("doubled", Operator::Binary(Binary::Mul), &[Some(turned), Some(two)]).unwrap();
        let both = [Some(doubled), Some(turned)];
        let joined = graph.push("joined", Operator::Concat(Concat { axis: 0 }), &both).unwrap();
        let flat = Operator::Reshape(Reshape { shape: vec![2, COUNT] });
        let flat = graph.push("flat", flat, &[Some(joined)]).unwrap();
        assert!(graph.clone().finish().nodes.is_empty());
        constant(&graph, flat)
    };
    let put_off = build(file("w.bin"));
    assert_eq!((put_off.here(), put_off.spans()), (None, vec![span("w.bin")]));
    let mut files = Counting::default();
    let made = put_off.evaluate(&mut files).unwrap();
    let eager = build(Constant::Here(file("w.bin").evaluate(&mut Counting::default()).unwrap()));
    assert_eq!(Some(&made), eager.here());
    assert_eq!(files.0.len(), 1, "what is used twice is read once");
    assert_eq!(put_off.digest(), build(file("w.bin")).digest());
    assert_ne!(put_off.digest(), build(file("v.bin")).digest());
    assert!(matches!(put_off.evaluate(&mut NoFiles), Err(Error::ExternalUnread { .. })));
}

#[test]
fn a_long_way_is_not_put_off() {
    let mut graph = Builder::new();
    let mut id = graph.constant("w", file("w.bin"));
    for _ in 0..=MOST_OPERATORS {
        id = graph.push("sum", Operator::Binary(Binary::Add), &[Some(id), Some(id)]).unwrap();
    }
    assert_eq!(graph.clone().finish().nodes.len(), 1);
    let longest = graph.finish().values[MOST_OPERATORS].constant.clone().unwrap();
    let made = longest.evaluate(&mut Counting::default()).unwrap();
    assert_eq!(made.as_f32().unwrap()[3], 3.0 * 2f32.powi(MOST_OPERATORS as i32));
}

#[test]
fn parts_are_the_whole() {
    let recipe = |column_major| {
        let recipe = Recipe::new(7, 0.5, 0.25, column_major);
        Constant::Deferred(Deferred::recipe(TensorType::new(DataType::F32, [4, 6]), recipe))
    };
    for (name, constant) in
        [("file", file("w")), ("row-major", recipe(false)), ("column-major", recipe(true))]
    {
        let whole = constant.evaluate(&mut Counting::default()).unwrap();
        let Constant::Deferred(deferred) = constant.reshaped(&[2, 12]) else { panic!("{name} is here") };
        for (most, count) in [(100, 1), (24, 1), (8, 3), (7, 4)] {
            let parts = deferred.parts(most);
            assert_eq!(parts.len(), count, "{name} by {most}");
            let elements = parts
                .iter()
                .flat_map(|part| part.evaluate(&mut Counting::default()).unwrap().as_f32().unwrap().to_vec());
            assert_eq!(whole.as_f32().unwrap(), elements.collect::<Vec<_>>(), "{name} by {most}");
        }
    }
}

#[test]
fn files_give_what_they_hold_and_no_more() {
    let mut files = BTreeMap::from([("w.bin".to_owned(), vec![1u8; 4 + 4 * COUNT - 1].into())]);
    let error = file("w.bin").evaluate(&mut files).unwrap_err().to_string();
    assert!(error.contains("tensor \"w\": 96 bytes from byte 4 of \"w.bin\" cannot be read"), "{error}");
    files.insert("w.bin".to_owned(), vec![0u8; 4 + 4 * COUNT].into());
    assert_eq!(file("w.bin").evaluate(&mut files).unwrap().as_f32(), Some(&[0.0; COUNT][..]));
}

#[test]
fn a_recipe_that_is_turned_is_a_recipe() {
    let turn = |weight: Constant| {
        let mut graph = Builder::new();
        let w = graph.constant("w", weight);
        let turned = Operator::Transpose(Transpose { permutation: vec![1, 0] });
        let turned = graph.push("turned", turned, &[Some(w)]).unwrap();
        constant(&graph, turned)
    };
    for column_major in [false, true] {
        let recipe = Recipe::new(7, 0.5, 0.25, column_major);
        let weight = Constant::Deferred(Deferred::recipe(TensorType::new(DataType::F32, [4, 6]), recipe));
        let turned = turn(weight.clone());
        let eager = turn(Constant::Here(weight.evaluate(&mut NoFiles).unwrap()));
        assert_eq!(Some(&turned.evaluate(&mut NoFiles).unwrap()), eager.here(), "{column_major}");
        assert_eq!(turned.parts(8).len(), 3, "{column_major}");
        assert_eq!(turn(turned).digest(), weight.digest(), "{column_major}");
        assert_eq!(turn(weight.reshaped(&[6, 4])).parts(8).len(), 1, "its shape is another");
    }
}

#[test]
fn columns_of_a_recipe_are_a_recipe() {
    for column_major in [false, true] {
        let recipe = Recipe::new(7, 0.5, 0.25, column_major);
        let weight = Constant::Deferred(Deferred::recipe(TensorType::new(DataType::F32, [4, 6]), recipe));
        let eager = Constant::Here(weight.evaluate(&mut NoFiles).unwrap());
        for (first, count) in [(0, 6), (0, 2), (3, 3)] {
            let columns = weight.columns(first, count).unwrap();
            let expected = eager.columns(first, count).unwrap();
            assert_eq!(Some(&columns.evaluate(&mut NoFiles).unwrap()), expected.here(), "{first} {count}");
            assert_eq!(columns.parts(count).len(), 4, "{first} {count}");
            let (rows, expected) = (columns.rows(1, 2).unwrap(), expected.rows(1, 2).unwrap());
            assert_eq!(Some(&rows.evaluate(&mut NoFiles).unwrap()), expected.here(), "{first} {count}");
        }
        assert_ne!(weight.columns(0, 2).unwrap().digest(), weight.columns(0, 3).unwrap().digest());
        assert_ne!(weight.rows(0, 2).unwrap().digest(), weight.rows(0, 3).unwrap().digest());
    }
}

/// A constant of one element repeated stays so, in parts and turned, and is not made before it is wanted.
#[test]
fn fills_stay_fills() {
    let graph = crate::text::parse(
        "s: i64[2] = 2048 1024\nw = ConstantOfShape(s)\nx: f32[2048,1024]\none: f32[1] = 1\na = Add(w, one)\n\
         t = Transpose(a, perm=[1,0])\nk: f32[2048,1] = 2\nv = Transpose(x, perm=[1,0])\ny = Mul(t, v)\n\
         z = Mul(w, k)\nreturn y, z",
    )
    .unwrap();
    let operators: Vec<_> = graph.nodes.iter().map(|node| node.operator.to_string()).collect();
    assert_eq!(operators.len(), 3, "{operators:?}");
    let mut filled =
        graph.values.iter().filter_map(|value| value.constant.as_ref()).filter(|constant| constant.is_fill());
    let turned = filled.next_back().unwrap();
    assert_eq!(turned.tensor_type(), TensorType::new(DataType::F32, [1024, 2048]));
    for (part, shape) in [
        (turned.rows(3, 2), vec![2, 2048]),
        (turned.columns(3, 2), vec![1024, 2]),
        (Some(turned.parts(100)[0].clone()), vec![100]),
    ] {
        let made = part.unwrap().evaluate(&mut NoFiles).unwrap();
        assert_eq!(made.shape, shape);
        assert!(made.as_f32().unwrap().iter().all(|&element| element == 1.0), "{shape:?}");
    }
}

/// The result of an element-wise operator is split by splitting what it is computed from.
#[test]
fn parts_of_an_expression_are_made_of_parts() {
    let mut graph = Builder::new();
    let w = graph.constant("w", file("w").reshaped(&[4, 6]));
    let two = graph.constant("two", Tensor::scalar(2f32));
    let doubled = graph.push("doubled", Operator::Binary(Binary::Mul), &[Some(w), Some(two)]).unwrap();
    let doubled = constant(&graph, doubled);
    let whole = doubled.evaluate(&mut Counting::default()).unwrap();
    let rows = doubled.rows(1, 2).unwrap();
    assert_eq!(rows.spans()[0].length_bytes, 2 * 6 * 4);
    let made = rows.evaluate(&mut Counting::default()).unwrap();
    assert_eq!(made.as_f32().unwrap(), &whole.as_f32().unwrap()[6..18]);
}
