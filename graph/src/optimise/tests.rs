//! Each pass with graphs it changes and graphs it must leave alone; results are computed before and after.

use std::collections::BTreeMap;

use super::optimise;
use crate::ops::{HeadLayout, Operator};
use crate::{Graph, Tensor, interpret, text};

/// Name, graph, operators that remain.
type Row<'a> = (&'a str, &'a str, &'a str);

fn check(rows: &[Row]) {
    let wrong: Vec<String> = rows.iter().filter_map(fault).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn fault(&(name, graph, expected): &Row) -> Option<String> {
    let graph = text::parse(graph).unwrap_or_else(|error| panic!("{name}: {error}"));
    let optimised = optimise(graph.clone());
    let (before, after) = (run(&graph), run(&optimised));
    if let Some(difference) = before.iter().find_map(|(output, tensor)| differs(tensor, after.get(output)?)) {
        return Some(format!("{name}: another result by {difference}\n{optimised}"));
    }
    let given = operators(&optimised);
    (given != expected || before.len() != after.len())
        .then(|| format!("{name}: {given} instead of {expected}\n{optimised}"))
}

/// Runs with inputs that differ from element to element, and from input to input.
pub(super) fn run(graph: &Graph) -> BTreeMap<String, Tensor> {
    let feed = |(at, id): (usize, &crate::ValueId)| {
        let value = &graph.values[id.0];
        let element = |place: usize| ((place * 37 + at * 11) % 23) as f32 / 10.0 - 1.0;
        let elements: Vec<f32> = (0..value.tensor_type.element_count()).map(element).collect();
        (value.name.clone(), Tensor::new(value.tensor_type.shape.clone(), elements).unwrap())
    };
    interpret(graph, &graph.inputs.iter().enumerate().map(feed).collect()).unwrap()
}

pub(super) fn differs(before: &Tensor, after: &Tensor) -> Option<f32> {
    if before.tensor_type() != after.tensor_type() {
        return Some(f32::INFINITY);
    }
    let pairs = before.to_f32_vec().into_iter().zip(after.to_f32_vec());
    pairs
        .filter(|(a, b)| !(a.is_nan() && b.is_nan()))
        .map(|(a, b)| (a - b).abs())
        .find(|gap| *gap > 1e-5 || gap.is_nan())
}

/// `MatMul+bias+Gelu` and the like; layouts of attention as H and S, and `mask` where it has one.
pub(super) fn operators(graph: &Graph) -> String {
    let name = |node: &crate::Node| {
        let display = node.operator.to_string();
        let mut name = display.split(' ').next().unwrap_or_default().to_owned();
        let activation = match &node.operator {
            Operator::MatMul(matmul) => matmul.activation,
            Operator::Conv(conv) => conv.activation,
            Operator::Attention(attention) => {
                let layouts = [
                    attention.query_layout,
                    attention.key_layout,
                    attention.value_layout,
                    attention.output_layout,
                ];
                name += ":";
                layouts
                    .iter()
                    .for_each(|layout| name += if *layout == HeadLayout::HeadsFirst { "H" } else { "S" });
                name += if attention.undefined_rows_are_zero { "+guard" } else { "" };
                name += if node.inputs.len() > 3 { "+mask" } else { "" };
                None
            }
            _ => None,
        };
        if matches!(node.operator, Operator::MatMul(_)) && node.inputs.len() > 2 {
            name += "+bias";
        }
        activation.map_or(name.clone(), |activation| format!("{name}+{activation:?}"))
    };
    graph.nodes.iter().map(name).collect::<Vec<_>>().join(" ")
}

#[test]
fn equal_values_are_shared() {
    check(&[
        ("nodes", "x: f32[2]\na = Relu(x)\nb = Relu(x)\ny = Add(a, b)\nreturn y", "Relu Add"),
        (
            "through constants",
            "x: f32[2]\nc: f32[] = 3\nd: f32[] = 3\na = Add(x, c)\nb = Add(x, d)\ny = Mul(a, b)\nreturn y",
            "Add Mul",
        ),
        (
            "other attributes",
            "x: f32[2,2]\na = ReduceSum(x, keepdims=0)\nb = ReduceSum(x)\ny = Add(a, b)\nreturn y",
            "Reduce Reduce Add",
        ),
        ("two outputs stay two", "x: f32[2]\na = Relu(x)\nb = Relu(x)\nreturn a, b", "Relu Relu"),
    ]);
}

#[test]
fn what_nobody_uses_goes() {
    check(&[
        ("a chain", "x: f32[2]\na = Relu(x)\nb = Exp(a)\ny = Neg(x)\nreturn y", "Neg"),
        ("an input stays", "x: f32[2]\nz: f32[2]\ny = Neg(x)\nreturn y", "Neg"),
    ]);
}

#[test]
fn identities_go() {
    check(&[
        ("same shape", "x: f32[2]\ns: i64[1] = 2\na = Reshape(x, s)\ny = Neg(a)\nreturn y", "Neg"),
        ("same type", "x: f32[2]\na = Cast(x, to=1)\ny = Neg(a)\nreturn y", "Neg"),
        ("expand to the same", "x: f32[2]\ns: i64[1] = 2\na = Expand(x, s)\ny = Neg(a)\nreturn y", "Neg"),
        ("expand to more", "x: f32[1]\ns: i64[1] = 2\na = Expand(x, s)\ny = Neg(a)\nreturn y", "Expand Neg"),
        ("nothing joined", "x: f32[2]\ne: f32[0] =\na = Concat(e, x, axis=0)\ny = Neg(a)\nreturn y", "Neg"),
        (
            "nothing added to integers",
            "x: f32[2]\nc: i64[1] = 0\nn = Cast(x, to=7)\na = Add(n, c)\nb = Mul(a, n)\ny = Cast(b, to=1)\nreturn y",
            "Cast Mul Cast",
        ),
        (
            "nothing added, of another shape",
            "x: f32[2]\nc: i64[1,1,1] = 0\nn = Cast(x, to=7)\na = Add(n, c)\nb = Mul(a, a)\ny = Cast(b, to=1)\nreturn y",
            "Cast Reshape Mul Cast",
        ),
        (
            "expand by ones",
            "x: f32[2]\ns: i64[2] = 1 2\na = Expand(x, s)\ny = Neg(a)\nreturn y",
            "Reshape Neg",
        ),
        ("zero added to floats", "x: f32[2]\nc: f32[] = 0\na = Add(x, c)\ny = Neg(a)\nreturn y", "Add Neg"),
        ("times one", "x: f32[2]\nc: f32[] = 1\na = Mul(c, x)\ny = Neg(a)\nreturn y", "Neg"),
        (
            "times ones that broadcast",
            "x: f32[2]\nc: f32[2,1] = 1\na = Mul(c, x)\ny = Neg(a)\nreturn y",
            "Mul Neg",
        ),
        ("one divided", "x: f32[2]\nc: f32[] = 1\na = Div(c, x)\ny = Neg(a)\nreturn y", "Div Neg"),
        (
            "all of it",
            "x: f32[2]\ns: i64[1] = 0\ne: i64[1] = 9\na = Slice(x, s, e)\ny = Neg(a)\nreturn y",
            "Neg",
        ),
        (
            "reversed",
            "x: f32[2]\ns: i64[1] = -1\ne: i64[1] = -9\na: i64[1] = 0\nt: i64[1] = -1\nb = Slice(x, s, e, a, t)\ny = Neg(b)\nreturn y",
            "Slice Neg",
        ),
        ("an output takes its place", "x: f32[2]\na = Neg(x)\nc: f32[] = 1\ny = Mul(a, c)\nreturn y", "Neg"),
        ("an input as output is copied", "x: f32[2]\ny = Identity(x)\nreturn y", "Reshape"),
        ("a constant as output is copied", "y: f32[2] = 1\nreturn y", "Reshape"),
    ]);
}

#[test]
fn layouts_join() {
    check(&[
        (
            "reshapes",
            "x: f32[4]\ns: i64[2] = 2 2\nt: i64[2] = 1 4\na = Reshape(x, s)\nb = Reshape(a, t)\ny = Neg(b)\nreturn y",
            "Reshape Neg",
        ),
        (
            "there and back",
            "x: f32[4]\ns: i64[2] = 2 2\nt: i64[1] = 4\na = Reshape(x, s)\nb = Reshape(a, t)\ny = Neg(b)\nreturn y",
            "Neg",
        ),
        (
            "transposes",
            "x: f32[2,3,4]\na = Transpose(x, perm=[1,2,0])\ny = Transpose(a, perm=[1,2,0])\nreturn y",
            "Transpose",
        ),
        (
            "transposes that cancel",
            "x: f32[2,3]\na = Transpose(x)\nb = Transpose(a)\ny = Neg(b)\nreturn y",
            "Neg",
        ),
        (
            "flattened and back",
            "x: f32[2,2,3,4]\ns: i64[3] = 4 3 4\nt: i64[4] = 2 2 4 3\na = Reshape(x, s)\nb = Transpose(a, perm=[0,2,1])\ny = Reshape(b, t)\nreturn y",
            "Transpose",
        ),
        (
            "flattened to another matrix",
            "x: f32[2,2,3,4]\ns: i64[3] = 4 4 3\nt: i64[4] = 2 2 4 3\na = Reshape(x, s)\nb = Transpose(a, perm=[0,2,1])\ny = Reshape(b, t)\nreturn y",
            "Reshape Transpose Reshape",
        ),
        ("nothing moves", "x: f32[1,3,1,2]\ny = Transpose(x, perm=[1,0,3,2])\nreturn y", "Reshape"),
        ("something moves", "x: f32[1,3,2]\ny = Transpose(x, perm=[0,2,1])\nreturn y", "Transpose"),
    ]);
}

#[test]
fn factors_join() {
    check(&[
        ("products", "x: f32[2]\na: f32[] = 2\nb: f32[] = 3\nc = Mul(x, a)\ny = Mul(b, c)\nreturn y", "Mul"),
        (
            "the first has another user",
            "x: f32[2]\na: f32[] = 2\nb: f32[] = 3\nc = Mul(x, a)\ny = Mul(b, c)\nreturn y, c",
            "Mul Mul",
        ),
        ("by a power of two", "x: f32[2]\na: f32[] = 8\ny = Div(x, a)\nreturn y", "Mul"),
        ("by another number", "x: f32[2]\na: f32[] = 3\ny = Div(x, a)\nreturn y", "Div"),
    ]);
}

#[test]
fn factors_do_not_join_where_one_way_leaves_the_range_of_f32() {
    for (name, first, second, nodes) in [
        ("both large", "1e25", "1e25", 2),
        ("both small", "1e-25", "1e-25", 2),
        ("there and back: a large number has to overflow", "1e25", "1e-25", 2),
        ("a sign", "1e25", "-1", 1),
        ("both moderate", "1e10", "1e10", 1),
    ] {
        let text = format!(
            "x: f32[2]\na: f32[] = {first}\nb: f32[] = {second}\nc = Mul(x, a)\ny = Mul(b, c)\nreturn y"
        );
        assert_eq!(optimise(text::parse(&text).unwrap()).nodes.len(), nodes, "{name}");
    }
}

#[test]
fn gemm_becomes_matmul() {
    check(&[
        (
            "bias",
            "x: f32[2,3]\nw: f32[3,2] = 1 2 3 4 5 6\nc: f32[2] = 1 2\ny = Gemm(x, w, c)\nreturn y",
            "MatMul+bias",
        ),
        (
            "constant weights are transposed",
            "x: f32[2,3]\nw: f32[2,3] = 1 2 3 4 5 6\ny = Gemm(x, w, transB=1)\nreturn y",
            "MatMul",
        ),
        (
            "other operands are transposed",
            "x: f32[3,2]\nw: f32[3,2] = 1\ny = Gemm(x, w, transA=1)\nreturn y",
            "Transpose MatMul",
        ),
        (
            "a row is a bias",
            "x: f32[2,3]\nw: f32[3,2] = 1\nc: f32[1,2] = 1 2\ny = Gemm(x, w, c)\nreturn y",
            "MatMul+bias",
        ),
        (
            "a matrix is added",
            "x: f32[2,3]\nw: f32[3,2] = 1\nc: f32[2,2] = 1 2 3 4\ny = Gemm(x, w, c)\nreturn y",
            "MatMul Add",
        ),
        ("factors stay", "x: f32[2,3]\nw: f32[3,2] = 1\ny = Gemm(x, w, alpha=2.0)\nreturn y", "Gemm"),
    ]);
}

#[test]
fn gelu_is_fused() {
    let constants = "x: f32[4]\nhalf: f32[] = 0.5\none: f32[] = 1\nroot: f32[] = 1.4142135\nthree: f32[] = 3\nk: f32[] = 0.044715\ns: f32[] = 0.7978846\n";
    let erf = "g = Div(x, root)\ne = Erf(g)\np = Add(e, one)\n";
    let tanh = "g = Mul(k, c)\nh = Add(x, g)\ni = Mul(s, h)\nt = Tanh(i)\np = Add(one, t)\n";
    let rows = [
        ("x · (½ · gate)", format!("{erf}h = Mul(half, p)\ny = Mul(x, h)\nreturn y"), "Gelu"),
        ("(x · gate) · ½", format!("{erf}h = Mul(x, p)\ny = Mul(h, half)\nreturn y"), "Gelu"),
        ("(x · ½) · gate", format!("{erf}h = Mul(x, half)\ny = Mul(h, p)\nreturn y"), "Gelu"),
        (
            "tanh, power",
            format!("c = Pow(x, three)\n{tanh}h2 = Mul(half, x)\ny = Mul(h2, p)\nreturn y"),
            "GeluTanh",
        ),
        (
            "tanh, product",
            format!("b = Mul(x, x)\nc = Mul(x, b)\n{tanh}h2 = Mul(half, x)\ny = Mul(h2, p)\nreturn y"),
            "GeluTanh",
        ),
        ("SiLU", "g = Sigmoid(x)\ny = Mul(x, g)\nreturn y".into(), "Silu"),
        (
            "QuickGelu",
            "q: f32[] = 1.702\nh = Mul(q, x)\ng = Sigmoid(h)\ny = Mul(g, x)\nreturn y".into(),
            "QuickGelu",
        ),
        (
            "sigmoid of another product",
            "h = Mul(three, x)\ng = Sigmoid(h)\ny = Mul(g, x)\nreturn y".into(),
            "Mul Sigmoid Mul",
        ),
        ("another factor", format!("{erf}h = Mul(one, p)\ny = Mul(x, h)\nreturn y"), "Div Erf Add Mul"),
        (
            "another gate",
            "g = Div(x, three)\ne = Erf(g)\np = Add(e, one)\nh = Mul(half, p)\ny = Mul(x, h)\nreturn y"
                .into(),
            "Div Erf Add Mul Mul",
        ),
        (
            "another operand",
            format!("{erf}h = Mul(half, p)\nz = Neg(x)\ny = Mul(z, h)\nreturn y"),
            "Div Erf Add Mul Neg Mul",
        ),
        (
            "the gate is an output",
            format!("{erf}h = Mul(half, p)\ny = Mul(x, h)\nreturn y, p"),
            "Div Erf Add Mul Mul",
        ),
    ];
    let rows: Vec<_> = rows
        .iter()
        .map(|(name, graph, expected)| (*name, format!("{constants}{graph}"), *expected))
        .collect();
    check(&rows.iter().map(|(name, graph, expected)| (*name, graph.as_str(), *expected)).collect::<Vec<_>>());
}

#[test]
fn normalisation_by_the_root_mean_square_is_fused() {
    let constants =
        "x: f32[2,3]\nw: f32[3] = 1 2 3\ntwo: f32[] = 2\none: f32[] = 1\ne: f32[] = 0.1\na: i64[1] = -1\n";
    let power = "p = Pow(x, two)\nm = ReduceMean(p, a)\nv = Add(m, e)\ns = Sqrt(v)\n";
    let product = "p = Mul(x, x)\nm = ReduceMean(p, a)\nv = Add(e, m)\ns = Sqrt(v)\n";
    let fused = "LayerNormalization";
    let parts = "Pow Reduce Add Sqrt Div Mul";
    let rows = [
        ("reciprocal", format!("{power}r = Reciprocal(s)\nn = Mul(x, r)\ny = Mul(w, n)\nreturn y"), fused),
        ("one divided", format!("{product}r = Div(one, s)\nn = Mul(r, x)\ny = Mul(n, w)\nreturn y"), fused),
        ("divided", format!("{power}n = Div(x, s)\ny = Mul(w, n)\nreturn y"), fused),
        (
            "another power",
            format!("{}n = Div(x, s)\ny = Mul(w, n)\nreturn y", power.replace("two", "e")),
            parts,
        ),
        ("two divided", format!("{power}n = Div(two, s)\ny = Mul(w, n)\nreturn y"), parts),
        ("a scale of one number", format!("{power}n = Div(x, s)\ny = Mul(n, e)\nreturn y"), parts),
        ("the root is an output", format!("{power}n = Div(x, s)\ny = Mul(n, w)\nreturn y, s"), parts),
        (
            "another axis",
            format!("b: i64[1] = 0\n{}n = Div(x, s)\ny = Mul(n, w)\nreturn y", power.replace("a)", "b)")),
            parts,
        ),
    ];
    let rows: Vec<_> = rows
        .iter()
        .map(|(name, graph, expected)| (*name, format!("{constants}{graph}"), *expected))
        .collect();
    check(&rows.iter().map(|(name, graph, expected)| (*name, graph.as_str(), *expected)).collect::<Vec<_>>());
}

#[test]
fn bias_and_activation_are_fused() {
    let w = "x: f32[1,2,3]\nw: f32[3,2] = 1 2 3 4 5 6\nc: f32[2] = 1 2\n";
    let rows = [
        ("bias", format!("{w}a = MatMul(x, w)\ny = Add(a, c)\nreturn y"), "MatMul+bias"),
        ("bias first", format!("{w}a = MatMul(x, w)\ny = Add(c, a)\nreturn y"), "MatMul+bias"),
        (
            "bias of higher rank",
            format!("{w}d: f32[1,1,2] = 1 2\na = MatMul(x, w)\ny = Add(a, d)\nreturn y"),
            "MatMul+bias",
        ),
        (
            "one number is no bias",
            format!("{w}d: f32[1] = 1\na = MatMul(x, w)\ny = Add(a, d)\nreturn y"),
            "MatMul Add",
        ),
        (
            "a column is no bias",
            format!("{w}d: f32[2,1] = 1\na = MatMul(x, w)\ny = Add(a, d)\nreturn y"),
            "MatMul Add",
        ),
        (
            "an operand is no bias",
            format!("{w}d: f32[2]\na = MatMul(x, w)\ny = Add(a, d)\nreturn y"),
            "MatMul Add",
        ),
        (
            "the product is an output",
            format!("{w}a = MatMul(x, w)\ny = Add(a, c)\nreturn y, a"),
            "MatMul Add",
        ),
        (
            "bias and activation",
            format!("{w}a = MatMul(x, w)\nb = Add(a, c)\ny = Tanh(b)\nreturn y"),
            "MatMul+bias+Tanh",
        ),
        (
            "one activation only",
            format!("{w}a = MatMul(x, w)\nb = Relu(a)\ny = Tanh(b)\nreturn y"),
            "MatMul+Relu Tanh",
        ),
        (
            "bias after activation",
            format!("{w}a = MatMul(x, w)\nb = Relu(a)\ny = Add(b, c)\nreturn y"),
            "MatMul+Relu Add",
        ),
        (
            "the sum has another user",
            format!("{w}a = MatMul(x, w)\nb = Add(a, c)\nd = Relu(b)\ny = Mul(b, d)\nreturn y"),
            "MatMul+bias Relu Mul",
        ),
        (
            "convolution",
            "x: f32[1,1,3]\nw: f32[1,1,2] = 1\na = Conv(x, w)\ny = Relu(a)\nreturn y".into(),
            "Conv+Relu",
        ),
        ("only activations", format!("{w}a = MatMul(x, w)\ny = Exp(a)\nreturn y"), "MatMul Exp"),
    ];
    check(&rows.iter().map(|(name, graph, expected)| (*name, graph.as_str(), *expected)).collect::<Vec<_>>());
}

/// Two heads of three, over five positions of two sequences.
const PROJECTIONS: &str = "\
q: f32[2,5,6]
k: f32[2,5,6]
v: f32[2,5,6]
m: f32[2,1,5,5]
heads: i64[4] = 2 5 2 3
three: i64[3] = -1 5 3
four: i64[4] = 2 2 3 5
flat: i64[3] = 2 5 6
s: f32[] = 0.75
zero: f32[] = 0
q4 = Reshape(q, heads)
k4 = Reshape(k, heads)
v4 = Reshape(v, heads)
qh = Transpose(q4, perm=[0,2,1,3])
vh = Transpose(v4, perm=[0,2,1,3])
";
const KEY: &str = "kt = Transpose(k4, perm=[0,2,3,1])\n";
const DYNAMO_KEY: &str = "\
kh = Transpose(k4, perm=[0,2,1,3])
k3 = Reshape(kh, three)
k3t = Transpose(k3, perm=[0,2,1])
kt = Reshape(k3t, four)
";
/// One head of keys and one of values for two of queries, as PyTorch exports it.
const REPEATED: &str = "\
q: f32[1,2,5,4]
k: f32[1,1,3,4]
v: f32[1,1,3,4]
one: i64[5] = 1 1 1 3 4
two: i64[5] = 1 1 2 3 4
three: i64[3] = 2 3 4
four: i64[4] = 1 2 3 4
turned: i64[4] = 1 2 4 3
k5 = Reshape(k, one)
kk = Expand(k5, two)
k3 = Reshape(kk, three)
k3t = Transpose(k3, perm=[0,2,1])
kt = Reshape(k3t, turned)
v5 = Reshape(v, one)
vv = Expand(v5, two)
v4 = Reshape(vv, four)
w = MatMul(q, kt)
z = Softmax(w)
y = MatMul(z, v4)
return y
";
const MERGE: &str = "o4 = Transpose(o, perm=[0,2,1,3])\ny = Reshape(o4, flat)\n";

#[test]
fn attention_is_fused() {
    let p = PROJECTIONS;
    let plain = "w = MatMul(qh, kt)\nz = Softmax(w)\no = MatMul(z, vh)\n";
    let scaled = "qs = Mul(qh, s)\nks = Mul(kt, s)\nw = MatMul(qs, ks)\nn = Add(w, m)\nz = Softmax(n)\n";
    let guard = "i = IsNaN(z)\ng = Where(i, zero, z)\no = MatMul(g, vh)\n";
    let divided = "w = MatMul(qh, kt)\nd = Div(w, s)\nn = Add(m, d)\nz = Softmax(n)\no = MatMul(z, vh)\n";
    let rows = [
        ("dynamo", format!("{p}{DYNAMO_KEY}{scaled}{guard}{MERGE}return y"), "Attention:SSSS+guard+mask"),
        ("TorchScript", format!("{p}{KEY}{divided}{MERGE}return y"), "Attention:SSSS+mask"),
        ("plain", format!("{p}{KEY}{plain}{MERGE}return y"), "Attention:SSSS"),
        ("output stays apart", format!("{p}{KEY}{plain}return o"), "Attention:SSSH"),
        ("output used twice", format!("{p}{KEY}{plain}{MERGE}x = Neg(o)\nreturn y, x"), "Attention:SSSH Transpose Reshape Neg"),
        ("value used elsewhere", format!("{p}{KEY}{plain}{MERGE}return y, vh"), "Reshape Transpose Attention:SSHS"),
        ("key as heads", "q: f32[1,2,5,3]\nk: f32[1,2,4,3]\nv: f32[1,2,4,6]\nkt = Transpose(k, perm=[0,1,3,2])\nw = MatMul(q, kt)\nz = Softmax(w)\ny = MatMul(z, v)\nreturn y".into(), "Attention:HHHH"),
        ("places that are not allowed", format!("{p}{KEY}a: bool[5] = 1 1 1 0 0\nn: f32[] = -inf\nw = MatMul(qh, kt)\nl = Where(a, w, n)\nz = Softmax(l)\no = MatMul(z, vh)\nreturn o"), "Attention:SSSH+mask"),
        ("not allowed and masked", format!("{p}{KEY}a: bool[5] = 1 1 1 0 0\nn: f32[] = -inf\nw = MatMul(qh, kt)\ne = Add(w, m)\nl = Where(a, e, n)\nz = Softmax(l)\no = MatMul(z, vh)\nreturn o"), "Select Attention:SSSH+mask"),
        ("repeated heads", REPEATED.into(), "Attention:HHHH"),
        ("zero mask", format!("{p}{KEY}zeros: f32[5,5] = 0\nw = MatMul(qh, kt)\nn = Add(w, zeros)\nz = Softmax(n)\no = MatMul(z, vh)\nreturn o"), "Attention:SSSH"),
    ];
    check(&rows.iter().map(|(name, graph, expected)| (*name, graph.as_str(), *expected)).collect::<Vec<_>>());
}

#[test]
fn rotary_embedding_is_fused() {
    let x = "x: f32[1,2,3,4]\nc: f32[3,4] = 0.5\ns: f32[3,4] = 0.25\nzero: i64[1] = 0\nhalf: i64[1] = 2\n\
             end: i64[1] = 9\nlast: i64[1] = 3\na = Slice(x, zero, half, last)\nb = Slice(x, half, end, last)\n\
             n = Neg(b)\n";
    let end = "p = Mul(x, c)\nq = Mul(t, s)\ny = Add(p, q)\nreturn y";
    let turned = format!("{x}t = Concat(n, a, axis=3)\n");
    check(&[
        ("as PyTorch exports it", &format!("{turned}{end}"), "RotateHalf"),
        (
            "the other way round",
            &format!("{turned}p = Mul(c, x)\nq = Mul(s, t)\ny = Add(q, p)\nreturn y"),
            "RotateHalf",
        ),
        (
            "halves not swapped",
            &format!("{x}t = Concat(a, n, axis=3)\n{end}"),
            "Slice Slice Neg Concat Mul Mul Add",
        ),
        (
            "another is turned",
            &format!("{turned}z = Exp(x)\np = Mul(z, c)\nq = Mul(t, s)\ny = Add(p, q)\nreturn y"),
            "Slice Slice Neg Concat Exp Mul Mul Add",
        ),
    ]);
}

#[test]
fn attention_is_left_alone() {
    let p = PROJECTIONS;
    let split = "Reshape Reshape Reshape Transpose Transpose Transpose";
    let rows = [
        ("weights are an output", format!("{p}{KEY}w = MatMul(qh, kt)\nz = Softmax(w)\no = MatMul(z, vh)\nreturn o, z"), "MatMul Softmax MatMul"),
        ("scores are an output", format!("{p}{KEY}w = MatMul(qh, kt)\nz = Softmax(w)\no = MatMul(z, vh)\nreturn o, w"), "MatMul Softmax MatMul"),
        ("another axis", format!("{p}{KEY}w = MatMul(qh, kt)\nz = Softmax(w, axis=2)\no = MatMul(z, vh)\nreturn o"), "MatMul Softmax MatMul"),
        ("guard with another number", format!("{p}{KEY}w = MatMul(qh, kt)\nz = Softmax(w)\ni = IsNaN(z)\ng = Where(i, s, z)\no = MatMul(g, vh)\nreturn o"), "MatMul Softmax IsNaN Select MatMul"),
        ("a mask that enlarges", "q: f32[1,2,5,3]\nk: f32[1,2,3,4]\nv: f32[1,2,4,6]\nm: f32[7,1,5,4]\nw = MatMul(q, k)\nn = Add(w, m)\nz = Softmax(n)\ny = MatMul(z, v)\nreturn y".into(), "MatMul Add Softmax MatMul"),
    ];
    let expected = |(name, rest): (&str, &str)| {
        if name.contains("enlarges") { rest.to_owned() } else { format!("{split} {rest}") }
    };
    let rows: Vec<_> =
        rows.iter().map(|(name, graph, rest)| (*name, graph, expected((name, rest)))).collect();
    check(
        &rows
            .iter()
            .map(|(name, graph, expected)| (*name, graph.as_str(), expected.as_str()))
            .collect::<Vec<_>>(),
    );
}
