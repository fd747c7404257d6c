//! RNN, GRU and LSTM, unrolled: one cell after the other, all inputs projected at once beforehand.

use super::activations::Function;
use super::quantization;
use crate::builder::Builder;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::Binary;
use crate::tensor::DataType;
use crate::writer::{Writer, Written};

/// The cell that a network is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    Rnn,
    Gru,
    Lstm,
}

impl Cell {
    fn gates(self) -> usize {
        match self {
            Cell::Rnn => 1,
            Cell::Gru => 3,
            Cell::Lstm => 4,
        }
    }

    /// The functions of one direction unless the node names others.
    fn functions(self) -> &'static [&'static str] {
        match self {
            Cell::Rnn => &["Tanh"],
            Cell::Gru => &["Sigmoid", "Tanh"],
            Cell::Lstm => &["Sigmoid", "Tanh", "Tanh"],
        }
    }
}

/// An activation function with its alpha and beta.
type Applied = (Function, f32, f32);

/// The parts that all directions of a network share.
struct Network<'a> {
    write: &'a Writer<'a>,
    cell: Cell,
    hidden: usize,
    clip: Option<f32>,
    linear_before_reset: bool,
    input_forget: bool,
    /// Lengths of the sequences, i64 `[batch, 1]`, where they differ.
    lengths: Option<ValueId>,
    /// Operands that scale quantised weights and recurrent weights, each before its zero point.
    quantised: Option<[usize; 2]>,
}

/// The operands of one direction.
struct Direction {
    /// Every input projected, its bias added: `[steps, batch, gates · hidden]`.
    projected: ValueId,
    /// Weights of the state, `[hidden, gates · hidden]`, and their bias.
    recurrent: Weights,
    bias: Option<ValueId>,
    peepholes: Option<ValueId>,
    functions: Vec<Applied>,
}

/// A matrix, and the scale and zero point of a quantised one.
#[derive(Debug, Clone, Copy)]
struct Weights {
    matrix: ValueId,
    quantised: Option<(ValueId, Option<ValueId>)>,
}

impl Weights {
    /// `x · weights`; with quantised weights x is quantised by its own range.
    fn product(self, write: &Writer, x: ValueId) -> Written {
        match self.quantised {
            None => write.matmul(x, self.matrix),
            Some((scale, zero)) => quantization::dynamic_product(write, x, [self.matrix, scale], zero),
        }
    }
}

/// State and, for LSTM, cell state: `[batch, hidden]`.
#[derive(Debug, Clone, Copy)]
struct State {
    hidden: ValueId,
    cell: ValueId,
}

impl Network<'_> {
    /// Columns of a gate.
    fn gate(&self, x: ValueId, at: usize) -> Written {
        self.write.slice(x, 1, at * self.hidden, self.hidden)
    }

    fn apply(&self, (function, alpha, beta): Applied, x: ValueId) -> Written {
        let held = match self.clip {
            None => x,
            Some(clip) => {
                let low = self.write.binary(Binary::Max, x, self.write.float(-clip))?;
                self.write.binary(Binary::Min, low, self.write.float(clip))?
            }
        };
        function.write(self.write, held, alpha, beta)
    }

    /// `state · weights + bias`.
    fn product(&self, state: ValueId, weights: Weights, bias: Option<ValueId>) -> Written {
        let product = weights.product(self.write, state)?;
        bias.map_or(Ok(product), |bias| self.write.add(product, bias))
    }

    fn next(&self, direction: &Direction, x: ValueId, state: State) -> Result<State, Error> {
        match self.cell {
            Cell::Rnn => {
                let sum = self.product(state.hidden, direction.recurrent, direction.bias)?;
                let hidden = self.apply(direction.functions[0], self.write.add(x, sum)?)?;
                Ok(State { hidden, ..state })
            }
            Cell::Gru => self.next_gru(direction, x, state),
            Cell::Lstm => self.next_lstm(direction, x, state),
        }
    }

    fn next_gru(&self, direction: &Direction, x: ValueId, state: State) -> Result<State, Error> {
        let (write, width) = (self.write, self.hidden);
        let part = |start: usize, count: usize| {
            let matrix = write.slice(direction.recurrent.matrix, 1, start, count)?;
            let weights = Weights { matrix, ..direction.recurrent };
            let bias = direction.bias.map(|bias| write.slice(bias, 0, start, count)).transpose()?;
            Ok::<_, Error>((weights, bias))
        };
        let (weights, bias) = part(0, 2 * width)?;
        let sums = write.add(write.slice(x, 1, 0, 2 * width)?, self.product(state.hidden, weights, bias)?)?;
        let update = self.apply(direction.functions[0], self.gate(sums, 0)?)?;
        let reset = self.apply(direction.functions[0], self.gate(sums, 1)?)?;
        let (weights, bias) = part(2 * width, width)?;
        let candidate = if self.linear_before_reset {
            write.mul(reset, self.product(state.hidden, weights, bias)?)?
        } else {
            self.product(write.mul(reset, state.hidden)?, weights, bias)?
        };
        let candidate = self.apply(direction.functions[1], write.add(self.gate(x, 2)?, candidate)?)?;
        // (1 − z) · candidate + z · state
        let apart = write.mul(update, write.sub(state.hidden, candidate)?)?;
        Ok(State { hidden: write.add(candidate, apart)?, ..state })
    }

    fn next_lstm(&self, direction: &Direction, x: ValueId, state: State) -> Result<State, Error> {
        let write = self.write;
        let sums = write.add(x, self.product(state.hidden, direction.recurrent, direction.bias)?)?;
        let seen = |gate: ValueId, at: usize, cell: ValueId| match direction.peepholes {
            None => Ok(gate),
            Some(all) => {
                let own = write.slice(all, 0, at * self.hidden, self.hidden)?;
                write.add(gate, write.mul(own, cell)?)
            }
        };
        let [gate, candidate, output] =
            [direction.functions[0], direction.functions[1], direction.functions[2]];
        let input = self.apply(gate, seen(self.gate(sums, 0)?, 0, state.cell)?)?;
        let forget = match self.input_forget {
            true => write.sub(write.float(1.0), input)?,
            false => self.apply(gate, seen(self.gate(sums, 2)?, 2, state.cell)?)?,
        };
        let new = self.apply(candidate, self.gate(sums, 3)?)?;
        let cell = write.add(write.mul(forget, state.cell)?, write.mul(input, new)?)?;
        let shown = self.apply(gate, seen(self.gate(sums, 1)?, 1, cell)?)?;
        let (function, alpha, beta) = output;
        let hidden = write.mul(shown, function.write(write, cell, alpha, beta)?)?;
        Ok(State { hidden, cell })
    }

    /// Every step's state `[steps, batch, hidden]`, and the last.
    fn run(&self, direction: &Direction, start: State, reverse: bool) -> Result<(ValueId, State), Error> {
        let write = self.write;
        let &[steps, batch, width] = &write.shape(direction.projected)[..] else {
            return Err(invalid!("its input is not of rank 3"));
        };
        let mut state = start;
        let mut shown = vec![start.hidden; steps];
        for at in 0..steps {
            let at = if reverse { steps - 1 - at } else { at };
            let x = write.reshape(write.slice(direction.projected, 0, at, 1)?, &[batch, width])?;
            let next = self.next(direction, x, state)?;
            let (kept, shown_here) = self.within_lengths(at, next, state)?;
            shown[at] = write.reshape(shown_here, &[1, batch, self.hidden])?;
            state = kept;
        }
        Ok((write.concat(0, &shown)?, state))
    }

    /// Behind the end of a sequence its state stays, and zeros are shown.
    fn within_lengths(&self, at: usize, next: State, last: State) -> Result<(State, ValueId), Error> {
        let Some(lengths) = self.lengths else { return Ok((next, next.hidden)) };
        let write = self.write;
        let inside = write.binary(Binary::Greater, lengths, write.like(lengths, at as f32))?;
        let hidden = write.select(inside, next.hidden, last.hidden)?;
        let cell =
            if self.cell == Cell::Lstm { write.select(inside, next.cell, last.cell)? } else { next.cell };
        Ok((State { hidden, cell }, write.select(inside, next.hidden, write.float(0.0))?))
    }
}

/// Functions for every direction, with the alphas and betas that they take in turn.
fn functions(node: &NodeView, cell: Cell, directions: usize) -> Result<Vec<Applied>, Error> {
    let defaults = cell.functions().repeat(directions).into_iter().map(str::to_owned).collect();
    let names = node.attributes.texts("activations")?.map_or(defaults, <[String]>::to_vec);
    let mut alphas = node.attributes.floats("activation_alpha")?.unwrap_or_default().iter();
    let mut betas = node.attributes.floats("activation_beta")?.unwrap_or_default().iter();
    if names.len() != directions * cell.functions().len() {
        return Err(invalid!("it has {} activations for {directions} directions", names.len()));
    }
    let applied = |name: &String| {
        let function = Function::named(name).ok_or_else(|| unsupported!("its activation is {name:?}"))?;
        let (alpha, beta) = function.defaults();
        let (takes_alpha, takes_beta) = function.parameters();
        let alpha = if takes_alpha { alphas.next().copied().unwrap_or(alpha) } else { alpha };
        let beta = if takes_beta { betas.next().copied().unwrap_or(beta) } else { beta };
        Ok((function, alpha, beta))
    };
    names.iter().map(applied).collect()
}

/// Steps are written one behind the other.
const MOST_STEPS: usize = 4096;

/// RNN, GRU, LSTM: x, weights, recurrent weights, bias, lengths, state, cell state, peepholes.
pub(crate) fn read(node: &NodeView, graph: &mut Builder, cell: Cell) -> Result<Vec<ValueId>, Error> {
    read_network(node, graph, cell, None)
}

/// DynamicQuantizeLSTM: LSTM whose weights are quantised, and whose inputs and states are, by their own ranges, before
/// each product.
pub(crate) fn read_dynamic_lstm(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    read_network(node, graph, Cell::Lstm, Some([8, 10]))
}

fn read_network(
    node: &NodeView,
    graph: &mut Builder,
    cell: Cell,
    quantised: Option<[usize; 2]>,
) -> Result<Vec<ValueId>, Error> {
    let batch_first = node.attributes.flag("layout", false)?;
    let (first_reversed, directions) = match node.attributes.text("direction")?.unwrap_or("forward") {
        "forward" => (false, 1),
        "reverse" => (true, 1),
        "bidirectional" => (false, 2),
        other => return Err(invalid!("direction is {other:?}")),
    };
    let applied = functions(node, cell, directions)?;
    let &[_, rows, columns] = node.shape(2)? else { return Err(invalid!("its weights are not of rank 3")) };
    let hidden = if quantised.is_some() { rows } else { columns };
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    let x = if batch_first { write.transpose(x, &[1, 0, 2])? } else { x };
    let &[steps, batch, _] = &write.shape(x)[..] else { return Err(invalid!("its input is not of rank 3")) };
    if steps > MOST_STEPS {
        return Err(unsupported!("its sequences have {steps} steps, more than {MOST_STEPS}"));
    }
    let network = Network {
        write,
        cell,
        hidden,
        clip: node.attributes.float("clip")?,
        linear_before_reset: node.attributes.flag("linear_before_reset", false)?,
        input_forget: node.attributes.flag("input_forget", false)?,
        lengths: lengths(node, write, steps)?,
        quantised,
    };
    let per_direction = cell.functions().len();
    let (mut shown, mut hiddens, mut cells) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..directions {
        let functions = applied[at * per_direction..(at + 1) * per_direction].to_vec();
        let direction = direction(node, &network, x, at, functions)?;
        let start = |index: usize| start(node, write, index, at, batch_first, &[batch, hidden]);
        let start = State { hidden: start(5)?, cell: start(6)? };
        let (all, last) = network.run(&direction, start, first_reversed || at == 1)?;
        shown.push(write.reshape(all, &[steps, 1, batch, hidden])?);
        hiddens.push(write.reshape(last.hidden, &[1, batch, hidden])?);
        cells.push(write.reshape(last.cell, &[1, batch, hidden])?);
    }
    let turned = |x: ValueId, order: &[usize]| if batch_first { write.transpose(x, order) } else { Ok(x) };
    let mut results = vec![turned(write.concat(1, &shown)?, &[2, 0, 1, 3])?];
    results.push(turned(write.concat(0, &hiddens)?, &[1, 0, 2])?);
    if cell == Cell::Lstm {
        results.push(turned(write.concat(0, &cells)?, &[1, 0, 2])?);
    }
    Ok(results)
}

/// Lengths of sequences, unless all are full.
fn lengths(node: &NodeView, write: &Writer, steps: usize) -> Result<Option<ValueId>, Error> {
    let Some(lengths) = node.optional(4) else { return Ok(None) };
    let known = lengths.constant.as_ref().and_then(|lengths| lengths.to_i64_vec());
    if known.is_some_and(|known| known.iter().all(|&length| length == steps as i64)) {
        return Ok(None);
    }
    let count = lengths.tensor_type.element_count();
    Ok(Some(write.reshape(write.cast(lengths.id, DataType::I64)?, &[count, 1])?))
}

/// The part of an operand that belongs to a direction.
fn part(write: &Writer, x: ValueId, at: usize) -> Written {
    let own = write.slice(x, 0, at, 1)?;
    write.reshape(own, write.shape(x).get(1..).unwrap_or_default())
}

/// A state to begin with: an operand's or zeros.
fn start(
    node: &NodeView,
    write: &Writer,
    index: usize,
    at: usize,
    batch_first: bool,
    shape: &[usize],
) -> Written {
    match node.optional(index) {
        Some(given) if batch_first => part(write, write.transpose(given.id, &[1, 0, 2])?, at),
        Some(given) => part(write, given.id, at),
        None => write.expand(write.float(0.0), shape),
    }
}

/// A direction's matrix. A quantised one lies the other way round, and its scale is this operand, its zero point the
/// next.
fn weights(
    node: &NodeView,
    write: &Writer,
    index: usize,
    scale: Option<usize>,
    at: usize,
) -> Result<Weights, Error> {
    let matrix = part(write, node.operand(index)?.id, at)?;
    let Some(scale) = scale else {
        return Ok(Weights { matrix: write.transpose_last(matrix)?, quantised: None });
    };
    let zero = node.optional(scale + 1).map(|zero| part(write, zero.id, at)).transpose()?;
    Ok(Weights { matrix, quantised: Some((part(write, node.operand(scale)?.id, at)?, zero)) })
}

fn direction(
    node: &NodeView,
    network: &Network,
    x: ValueId,
    at: usize,
    functions: Vec<Applied>,
) -> Result<Direction, Error> {
    let write = network.write;
    let width = network.cell.gates() * network.hidden;
    let [first, second] = network.quantised.map_or([None; 2], |scales| scales.map(Some));
    let recurrent = weights(node, write, 2, second, at)?;
    let mut projected = weights(node, write, 1, first, at)?.product(write, x)?;
    let mut bias = None;
    if let Some(given) = node.optional(3) {
        let own = part(write, given.id, at)?;
        projected = write.add(projected, write.slice(own, 0, 0, width)?)?;
        bias = Some(write.slice(own, 0, width, width)?);
    }
    let peepholes = node.optional(7).map(|all| part(write, all.id, at)).transpose()?;
    Ok(Direction { projected, recurrent, bias, peepholes, functions })
}

#[cfg(test)]
mod tests {
    use crate::ops::table::check_near;

    #[test]
    fn values() {
        // Expected values from ONNX Runtime.
        check_near(&[
            (
                "dynamic lstm",
                "a: f32[3,1,2] = 0 0.3 -0.3 -0.9 -0.5 -1\n\
                 b: u8[1,2,8] = 233 1 127 210 33 204 30 119 209 77 87 71 184 65 253 113\n\
                 c: u8[1,2,8] = 122 129 149 141 130 254 206 202 179 159 87 253 119 55 216 41\n\
                 d: f32[1,16] = -1.3 0.3 0.2 -0.2 -2.5 -0.5 -0 0.1 -1.5 -0.5 -1 -0.8 1.1 -0.8 -0 0.9\n\
                 i: f32[1] = 0.01\n\
                 j: u8[1] = 120\n\
                 k: f32[1] = 0.012\n\
                 l: u8[1] = 130\n\
                 y, o1, o2 = com.microsoft.DynamicQuantizeLSTM(a, b, c, d, _, _, _, _, i, j, k, l, hidden_size=2)",
                "f32[3,1,1,2] = 0.008089 0.073467 -0.003432 0.167219 -0.003909 0.181814",
            ),
            (
                "dynamic lstm, both ways, signed",
                "a: f32[2,1,2] = -0.6 -0.1 0.1 0.1\n\
                 b: i8[2,2,4] = 112 88 53 35 -118 61 -7 -105 -66 10 58 1 28 95 47 -36\n\
                 c: i8[2,1,4] = 36 25 -101 -113 41 -29 25 -46\n\
                 d: f32[2,8] = -0.2 0.7 -0.1 0.7 1.4 -0.7 0.2 -0.5 0.1 -1.2 -0.6 -0.2 0.9 1.1 -1.3 -0.8\n\
                 i: f32[2] = 0.01 0.02\n\
                 j: i8[2] = 0 0\n\
                 k: f32[2] = 0.012 0.01\n\
                 l: i8[2] = 0 0\n\
                 y, o1, o2 = com.microsoft.DynamicQuantizeLSTM(a, b, c, d, _, _, _, _, i, j, k, l, hidden_size=1, direction=\"bidirectional\")",
                "f32[2,2,1,1] = 0.021743 -0.223606 0.058983 -0.269605",
            ),
            (
                "gru backwards",
                "opset 14\n\
                 a: f32[2,1,1] = -0.8 -0.6\n\
                 b: f32[1,3,1] = 0.2 0.5 -0.2\n\
                 c: f32[1,3,1] = -0.2 0.7 0.5\n\
                 d: f32[1,6] = -1 -0.1 0 -1.1 0.3 -0.9\n\
                 e: i32[1] = 1\n\
                 f: f32[1,1,1] = 1\n\
                 y, q = GRU(a, b, c, d, e, f, hidden_size=1, direction=\"reverse\")",
                "f32[2,1,1,1] = -0.293761 0",
            ),
            (
                "gru, reset last",
                "opset 14\n\
                 a: f32[2,1,1] = 0.2 0.1\n\
                 b: f32[1,3,1] = -0.6 -0.1 -2\n\
                 c: f32[1,3,1] = -1.1 0.4 -2.1\n\
                 d: f32[1,6] = 0.8 -1.7 0.8 -0.8 0.8 0.1\n\
                 y, q = GRU(a, b, c, d, hidden_size=1, linear_before_reset=1)",
                "f32[2,1,1,1] = 0.214139 0.353333",
            ),
            (
                "lstm both ways",
                "opset 14\n\
                 a: f32[2,1,1] = -1.5 1.2\n\
                 b: f32[2,4,1] = 1.4 -0.1 -0.3 -0.2 -1 1.1 -0.5 -0.1\n\
                 c: f32[2,4,1] = -0.8 -0.6 -1.3 1.3 -0.2 1 0 -0.7\n\
                 d: f32[2,8] = -0.3 -0.6 0 -0.4 -0.3 -1.4 -0.8 1.7 -0.7 -1.1 0.3 1.4 -1.5 -0.2 -0.6 -1.8\n\
                 f: f32[2,1,1] = 0.7 -0\n\
                 g: f32[2,1,1] = 0.1 -0.8\n\
                 h: f32[2,3] = 0.5 -0.5 -0.1 -1.1 -1.2 1.3\n\
                 y, q, r = LSTM(a, b, c, d, _, f, g, h, hidden_size=1, direction=\"bidirectional\")",
                "f32[2,2,1,1] = 0.005479 -0.008162 0.043969 -0.07381",
            ),
            (
                "last cell",
                "opset 14\n\
                 a: f32[2,1,1] = -0.5 0.3\n\
                 b: f32[1,4,1] = -0 -0.4 -0.5 0.6\n\
                 c: f32[1,4,1] = -0.3 -0.2 0 1.2\n\
                 d: f32[1,8] = 0.7 0.4 -0.6 -1.4 0.9 1 -0.1 0.5\n\
                 p, q, y = LSTM(a, b, c, d, hidden_size=1, clip=0.5)",
                "f32[1,1,1] = -0.396248",
            ),
        ]);
    }
}
