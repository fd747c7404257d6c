//! A graph whose axes grow gives what the graph of each exact length gives.

use std::collections::BTreeMap;

use crate::specialise::Scope;
use crate::text;
use crate::{DataType, Graph, Tensor, TensorType, interpret, optimise};

/// An input: its name, its type without the growing axis's extent, that axis, and its base.
type Growing<'a> = (&'a str, &'a [usize], usize, i64);

const CAPACITY: usize = 7;

fn scope(growing: &[Growing], past: Option<usize>) -> Scope {
    let mut scope = Scope::default();
    if past.is_none() {
        scope.graph.start_cache("past_length", CAPACITY);
    }
    for &(name, shape, axis, base) in growing {
        let mut shape = shape.to_vec();
        shape.insert(axis, past.map_or(CAPACITY, |past| past + base as usize));
        let mut axes = vec![None; shape.len()];
        axes[axis] = Some(base);
        let id = scope.graph.input(name, TensorType::new(DataType::F32, shape));
        scope.graph.set_axes(id, axes);
        scope.names.insert(name.to_owned(), id);
    }
    scope
}

fn graph(growing: &[Growing], lines: &str, past: Option<usize>) -> Graph {
    let mut scope = scope(growing, past);
    let outputs = text::extend(&mut scope, lines).unwrap_or_else(|error| panic!("{lines}\n{error}"));
    let graph = scope.finish(&outputs).unwrap();
    assert_eq!(graph.check(), Ok(()), "{graph}");
    graph
}

/// Elements that differ from place to place, the same for a place whatever the extents.
fn filled(tensor_type: &TensorType) -> Tensor {
    let strides = [101, 37, 11, 5, 3];
    let offsets = crate::strided::offsets(&tensor_type.shape, &strides[..tensor_type.shape.len()], 0);
    let elements: Vec<f32> = offsets.map(|at| ((at * 7919) % 23) as f32 / 8.0 - 1.3).collect();
    Tensor::new(tensor_type.shape.clone(), elements).unwrap()
}

fn run(graph: &Graph, past: usize) -> BTreeMap<String, Tensor> {
    let feed = |id: &crate::ValueId| {
        let value = &graph.values[id.0];
        let is_past = value.name == "past_length";
        (value.name.clone(), if is_past { Tensor::scalar(past as i64) } else { filled(&value.tensor_type) })
    };
    interpret(graph, &graph.inputs.iter().map(feed).collect()).unwrap()
}

/// The part of a tensor that a smaller one of the same rank covers.
fn covered(tensor: &Tensor, shape: &[usize]) -> Vec<f32> {
    let strides = crate::strided::contiguous(&tensor.shape);
    let elements = tensor.to_f32_vec();
    crate::strided::offsets(shape, &strides, 0).map(|at| elements[at]).collect()
}

fn check(name: &str, growing: &[Growing], lines: &str) {
    let grown = graph(growing, lines, None);
    let optimised = optimise(grown.clone());
    for past in 0..=CAPACITY - 2 {
        let exact = run(&graph(growing, lines, Some(past)), past);
        for (kind, graph) in [("as read", &grown), ("optimised", &optimised)] {
            for (output, given) in run(graph, past) {
                let expected = &exact[&output];
                let given = covered(&given, &expected.shape);
                let close =
                    |(a, b): (&f32, f32)| *a == b || (a - b).abs() < 1e-5 || (a.is_nan() && b.is_nan());
                let agrees = given.iter().zip(expected.to_f32_vec()).all(close);
                assert!(agrees, "{name}, {kind}, {past} past: {output} is {given:?}, not {expected:?}");
            }
        }
    }
}

const PAST: Growing = ("past", &[1, 2, 3], 2, 0);

#[test]
fn a_past_is_extended_and_attended_to() {
    check(
        "one key more",
        &[PAST, ("values", &[1, 2, 3], 2, 0)],
        "new: f32[1,2,1,3]\nnewer: f32[1,2,1,3]\nq: f32[1,2,1,3]\n\
         k = Concat(past, new, axis=-2)\nv = Concat(values, newer, axis=2)\n\
         t = Transpose(k, perm=[0,1,3,2])\ns = MatMul(q, t)\np = Softmax(s)\ny = MatMul(p, v)\nreturn y, k, v",
    );
    check(
        "repeated heads, flattened",
        &[PAST],
        "new: f32[1,2,2,3]\nq: f32[4,2,3]\nk = Concat(past, new, axis=2)\na: i64[1] = 2\n\
         u = Unsqueeze(k, a)\nsh = Shape(k)\nhead: i64[2] = 1 2\nz: i64[] = 2\nlen = Gather(sh, z)\n\
         zero: i64[1] = 0\nl1 = Unsqueeze(len, zero)\ntwo: i64[1] = 2\nthree: i64[1] = 3\n\
         to = Concat(head, two, l1, three, axis=0)\ne = Expand(u, to)\nminus: i64[1] = -1\nfour: i64[1] = 4\n\
         flat = Concat(four, l1, three, axis=0)\nr = Reshape(e, flat)\nt = Transpose(r, perm=[0,2,1])\n\
         s = MatMul(q, t)\np = Softmax(s)\ny = MatMul(p, r)\nreturn y",
    );
}

#[test]
fn attention_of_any_form_extends_its_past() {
    let values: Growing = ("values", &[1, 2, 3], 2, 0);
    let new = "q: f32[1,2,6]\nk: f32[1,2,6]\nv: f32[1,2,6]\n";
    check(
        "Attention of ONNX, causal",
        &[PAST, values],
        &format!(
            "opset 24\n{new}y, p, w = Attention(q, k, v, _, past, values, q_num_heads=2, kv_num_heads=2, is_causal=1)\n\
             return y, p, w"
        ),
    );
    check(
        "with a soft cap and fewer heads",
        &[PAST, values],
        "opset 24\nq: f32[1,4,1,3]\nk: f32[1,2,1,3]\nv: f32[1,2,1,3]\n\
         y, p, w = Attention(q, k, v, _, past, values, softcap=2.0, is_causal=1)\nreturn y, p, w",
    );
    check(
        "MultiHeadAttention",
        &[PAST, values],
        &format!(
            "{new}y, p, w = com.microsoft.MultiHeadAttention(q, k, v, _, _, _, past, values, num_heads=2, \
             unidirectional=1)\nreturn y, p, w"
        ),
    );
    check(
        "Attention that projects",
        &[("past", &[2, 1, 2, 3], 3, 0)],
        "x: f32[1,2,4]\nw: f32[4,18]\nb: f32[18]\n\
         y, p = com.microsoft.Attention(x, w, b, _, past, num_heads=2, unidirectional=1)\nreturn y, p",
    );
    check(
        "GroupQueryAttention, rotated",
        &[("past", &[1, 1, 4], 2, 0), ("values", &[1, 1, 4], 2, 0)],
        "q: f32[1,2,8]\nk: f32[1,2,4]\nv: f32[1,2,4]\nc: f32[9,2]\ns: f32[9,2]\n\
         sh = Shape(past)\nplace: i64[] = 2\nlen = Gather(sh, place)\ntwo: i64[] = 2\ntotal = Add(len, two)\n\
         t = Cast(total, to=6)\none: i32[1] = 1\nl = Sub(t, one)\n\
         y, p, w = com.microsoft.GroupQueryAttention(q, k, v, past, values, l, t, c, s, num_heads=2, \
         kv_num_heads=1, do_rotary=1)\nreturn y, p, w",
    );
}

#[test]
fn positions_follow_the_past() {
    check(
        "a table of positions, by slice",
        &[PAST],
        "table: f32[9,2] = 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18\nx: f32[1,2]\nsh = Shape(past, start=2, end=3)\n\
         one: i64[1] = 1\nend = Add(sh, one)\nzero: i64[1] = 0\nrow = Slice(table, sh, end, zero)\n\
         y = Add(x, row)\nreturn y",
    );
    check(
        "a range from the past on, by gather",
        &[PAST],
        "table: f32[9,2] = 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18\nx: f32[2,2]\nsh = Shape(past)\nat: i64[] = 2\n\
         n = Gather(sh, at)\ntwo: i64[] = 2\nend = Add(n, two)\none: i64[] = 1\nr = Range(n, end, one)\n\
         rows = Gather(table, r)\ny = Add(x, rows)\nreturn y",
    );
    check(
        "the last row of what grew",
        &[PAST],
        "new: f32[1,2,1,3]\nk = Concat(past, new, axis=2)\ns: i64[1] = -1\ne: i64[1] = 9223372036854775807\n\
         a: i64[1] = 2\nl = Slice(k, s, e, a)\ny = Neg(l)\nreturn y",
    );
    check(
        "the first rows of a table of fixed size",
        &[PAST],
        "new: f32[1,2,1,3]\nk = Concat(past, new, axis=2)\ntable: f32[1,9] = 1 2 3 4 5 6 7 8 9\nsh = Shape(k)\n\
         at: i64[1] = 2\nn = Gather(sh, at)\nz: i64[1] = 0\none: i64[1] = 1\nc = Slice(table, z, n, one)\n\
         x: f32[2,1]\ny = Mul(c, x)\nreturn y",
    );
}

#[test]
fn masks_follow_the_past() {
    check(
        "a causal mask from ranges",
        &[PAST],
        "new: f32[1,2,2,3]\nq: f32[1,2,2,3]\nk = Concat(past, new, axis=2)\nt = Transpose(k, perm=[0,1,3,2])\n\
         s = MatMul(q, t)\nsp = Shape(past)\nsk = Shape(k)\nat: i64[] = 2\np = Gather(sp, at)\nn = Gather(sk, at)\n\
         z: i64[] = 0\none: i64[] = 1\ncolumns = Range(z, n, one)\nrows = Range(p, n, one)\nc: i64[2] = -1 1\n\
         r = Reshape(rows, c)\nallowed = LessOrEqual(columns, r)\nyes: f32[] = 0\nno: f32[] = -inf\n\
         m = Where(allowed, yes, no)\nw = Add(s, m)\nf = Softmax(w)\ny = MatMul(f, k)\nreturn y, m",
    );
    check(
        "a mask of ones, and a shape settled by comparison",
        &[PAST],
        "new: f32[1,2,1,3]\nk = Concat(past, new, axis=2)\nsh = Shape(k)\nat: i64[1] = 2\nn = Gather(sh, at)\n\
         o: i64[1] = 1\nto = Concat(o, n, axis=0)\nones = ConstantOfShape(to)\nminus: i64[2] = -1\n\
         eq = Equal(to, minus)\nfill: i64[2] = 1\nsafe = Where(eq, fill, to)\ne = Expand(ones, safe)\n\
         x: f32[3,1]\ny = Add(e, x)\ns = ReduceSum(k, at)\nreturn y, s",
    );
    check(
        "how many there are, counted in integers",
        &[PAST],
        "new: f32[1,2,1,3]\nk = Concat(past, new, axis=2)\nzero: f32[] = 0\nnone = Mul(k, zero)\n\
         same = Equal(none, none)\ni = Cast(same, to=7)\nat: i64[1] = 2\ns = ReduceSum(i, at)\n\
         y = Cast(s, to=1)\nreturn y",
    );
}

#[test]
fn what_would_see_behind_the_end_is_refused() {
    for (name, lines, part) in [
        ("mean", "a: i64[1] = 2\ny = ReduceMean(past, a)", "mean of a growing axis"),
        ("joined in front", "n: f32[1,2,1,3]\ny = Concat(n, past, axis=2)", "otherwise than behind"),
        ("merged", "s: i64[2] = -1 3\ny = Reshape(past, s)", "joins or splits"),
        ("size", "y = Size(past)", "counts the elements"),
        ("fixed extent", "n: f32[1,2,7,3]\ny = Add(past, n)", "meets one of fixed extent"),
        ("two lengths", "n: f32[1,2,1,3]\nk = Concat(past, n, axis=2)\ny = Add(past, k)", "meet"),
        ("normalised", "w: f32[7,3] = 1\ny = LayerNormalization(past, w, axis=2)", "grows while decoding"),
        ("middle", "s: i64[1] = 1\ne: i64[1] = 99\na: i64[1] = 2\ny = Slice(past, s, e, a)", "cuts an axis"),
    ] {
        let error = text::extend(&mut scope(&[PAST], None), lines).err().map(|error| error.to_string());
        assert!(error.as_ref().is_some_and(|error| error.contains(part)), "{name}: {error:?}");
    }
}
