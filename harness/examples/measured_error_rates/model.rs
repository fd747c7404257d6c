//! A model of many dispatches of one size, one of which a setting of the features adds: the file, byte by byte.

/// Rows and columns of every value in between: 1 MiB, so that a dispatch is neither all launch nor all memory.
const ROWS: u64 = 256;
const COLUMNS: u64 = 1024;
/// Inner extent of the products at both ends, small, so that these are no dispatches of another size.
const INNER: u64 = 4;

const FLOAT: u64 = 1;
const IR_VERSION: u64 = 8;
const OPSET: u64 = 17;

/// `Relu(a · b)`, in one dispatch or, with `-fusion`, in two; then `steps` of one operator each; then a product that leaves
/// little to read back. Fields are numbered as in onnx.proto.
pub fn file(steps: usize) -> Vec<u8> {
    let mut nodes = [node("MatMul", &["a", "b"], "product"), node("Relu", &["product"], "step0")].concat();
    for step in 1..=steps {
        let operator = if step % 2 == 0 { "Abs" } else { "Neg" };
        nodes.extend(node(operator, &[&format!("step{}", step - 1)], &format!("step{step}")));
    }
    nodes.extend(node("MatMul", &[&format!("step{steps}"), "c"], "out"));
    let inputs =
        [value(11, "a", [ROWS, INNER]), value(11, "b", [INNER, COLUMNS]), value(11, "c", [COLUMNS, INNER])];
    let graph = [nodes, message(2, b"steps"), inputs.concat(), value(12, "out", [ROWS, INNER])].concat();
    [number(1, IR_VERSION), message(7, &graph), message(8, &number(2, OPSET))].concat()
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|input| message(1, input.as_bytes()));
    let named = [(2, output), (3, output), (4, operator)];
    let rest = named.iter().flat_map(|(field, text)| message(*field, text.as_bytes()));
    message(1, &inputs.chain(rest).collect::<Vec<u8>>())
}

/// An input or output of the graph.
fn value(field: u8, name: &str, extents: [u64; 2]) -> Vec<u8> {
    let shape = extents.map(|extent| message(1, &number(1, extent))).concat();
    let tensor = [number(1, FLOAT), message(2, &shape)].concat();
    message(field, &[message(1, name.as_bytes()), message(2, &message(1, &tensor))].concat())
}

/// A field of Protocol Buffers that holds bytes.
fn message(field: u8, bytes: &[u8]) -> Vec<u8> {
    [vec![field << 3 | 2], varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A field that holds a number.
fn number(field: u8, number: u64) -> Vec<u8> {
    [vec![field << 3], varint(number)].concat()
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
