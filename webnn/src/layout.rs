//! Planes in the layout that the context prefers. A convolution with channels last spares the browser the turning of
//! its input, its filter and its result; what lies between two of them is turned with them, so that a chain of calls
//! is turned once where it begins and once where it ends.

use std::collections::BTreeMap;

use graph::constant::apply;
use graph::ops::{Operator, Transpose};
use graph::{Constant, TensorType};
use serde_json::{Value, json};

use crate::limits::Limits;
use crate::plan::{Call, OperandId, Plan};
use crate::writer::Writer;

/// From batch, channels, rows, columns to batch, rows, columns, channels.
const LAST: [usize; 4] = [0, 2, 3, 1];
/// And back.
const FIRST: [usize; 4] = [0, 3, 1, 2];
/// Methods whose result has at each place what its operands have there.
const ELEMENTWISE: [&str; 24] = [
    "abs", "add", "cast", "ceil", "clamp", "div", "erf", "exp", "floor", "gelu", "greater", "isNaN",
    "lesser", "log", "max", "min", "mul", "neg", "relu", "sigmoid", "sqrt", "sub", "tanh", "where",
];

/// Turns convolutions, and pools and element-wise calls that follow one, where the context prefers it and takes it.
/// Leaves calls behind that nothing needs any more.
pub(crate) fn prefer(plan: &mut Plan, limits: &Limits) {
    if !limits.prefers_channels_last() {
        return;
    }
    let calls = std::mem::take(&mut plan.calls);
    let mut turning = Turning { plan, limits, twins: BTreeMap::new() };
    for call in calls {
        if turning.turned(&call).is_none() {
            turning.plan.calls.push(call);
        }
    }
}

struct Turning<'a> {
    plan: &'a mut Plan,
    limits: &'a Limits,
    /// By operand with channels first: its twin with channels last.
    twins: BTreeMap<OperandId, OperandId>,
}

impl Turning<'_> {
    /// Writes a call with channels last and turns its result back for those who want it so. Nobody knows yet who will:
    /// what nobody wanted is pruned with the plan.
    fn turned(&mut self, call: &Call) -> Option<()> {
        let turned = match call.method {
            "conv2d" => self.convolution(call)?,
            "averagePool2d" | "l2Pool2d" | "maxPool2d" => self.pool(call)?,
            method if ELEMENTWISE.contains(&method) => self.elementwise(call)?,
            _ => return None,
        };
        let operand = self.plan.operand(call.output);
        let (element, shape) = (operand.element, LAST.map(|axis| operand.shape[axis]).to_vec());
        let twin = self.writer(call).again(turned).gives(element, shape).ok()?;
        self.writer(call).transpose(twin, &FIRST).ok()?;
        // The rest of the plan knows it by the old name.
        self.plan.calls.last_mut()?.output = call.output;
        self.twins.insert(call.output, twin);
        Some(())
    }

    fn convolution(&mut self, call: &Call) -> Option<Call> {
        let &[(input_role, input), (filter_role, filter)] = call.operands.as_slice() else { return None };
        let channels = self.shape_of_plane(input)?[1];
        let groups = call.options.get("groups").and_then(Value::as_u64).unwrap_or(1);
        let depthwise = groups > 1 && groups == channels as u64;
        // As TFLite keeps filters, on which contexts that prefer channels last are built: others are turned there.
        let (layout, permutation) = if depthwise { ("ihwo", [1, 2, 3, 0]) } else { ("ohwi", LAST) };
        // A filter that is computed would be turned at every inference, which costs what the layout spares.
        let filter = self.turned_constant(filter, permutation)?;
        let input = match self.twins.get(&input) {
            Some(&twin) => twin,
            None => {
                let twin = self.writer(call).transpose(input, &LAST).ok()?;
                self.twins.insert(input, twin);
                twin
            }
        };
        let mut turned = Call { operands: vec![(input_role, input), (filter_role, filter)], ..call.clone() };
        turned.options.insert("inputLayout".to_owned(), json!("nhwc"));
        turned.options.insert("filterLayout".to_owned(), json!(layout));
        Some(turned)
    }

    /// Only where its operand is turned already: alone, it would be turned twice for nothing.
    fn pool(&mut self, call: &Call) -> Option<Call> {
        let &[(role, input)] = call.operands.as_slice() else { return None };
        let mut turned = Call { operands: vec![(role, *self.twins.get(&input)?)], ..call.clone() };
        turned.options.insert("layout".to_owned(), json!("nhwc"));
        Some(turned)
    }

    /// At least one operand is turned already, and the others can be for nothing.
    fn elementwise(&mut self, call: &Call) -> Option<Call> {
        if !call.operands.iter().any(|(_, id)| self.twins.contains_key(id))
            || !call.operand_options.is_empty()
        {
            return None;
        }
        let mut operands = Vec::with_capacity(call.operands.len());
        for &(role, id) in &call.operands {
            let shape = &self.plan.operand(id).shape;
            let is_one = shape.len() <= LAST.len() && shape.iter().all(|&extent| extent == 1);
            let turned = match self.twins.get(&id) {
                Some(&twin) => twin,
                None if is_one => id,
                None => self.turned_constant(id, LAST)?,
            };
            operands.push((role, turned));
        }
        Some(Call { operands, ..call.clone() })
    }

    fn shape_of_plane(&self, id: OperandId) -> Option<[usize; 4]> {
        self.plan.operand(id).shape.as_slice().try_into().ok()
    }

    /// A constant of four dimensions with its axes in another order; none of what is not constant.
    fn turned_constant(&mut self, id: OperandId, permutation: [usize; 4]) -> Option<OperandId> {
        self.shape_of_plane(id)?;
        let constant = self.plan.constant(id)?;
        let TensorType { data_type, shape } = constant.tensor_type();
        let turned = TensorType::new(data_type, permutation.map(|axis| shape[axis]));
        let operator = Operator::Transpose(Transpose { permutation: permutation.to_vec() });
        let made: Constant = apply(&operator, &[Some(constant)], &turned).ok()??;
        let mut operand = self.plan.operand(id).clone();
        operand.shape = turned.shape;
        Some(self.plan.add_constant(operand, made))
    }

    fn writer<'w>(&'w mut self, call: &'w Call) -> Writer<'w> {
        Writer { limits: self.limits, plan: self.plan, node: call.node, label: &call.label }
    }
}

#[cfg(test)]
mod tests {
    use crate::limits::Limits;
    use crate::lower::lower;

    fn methods(limits: &Limits, text: &str) -> Vec<String> {
        let plan = lower(&graph::text::parse(text).unwrap(), limits).unwrap();
        let layout = |call: &crate::Call| {
            let layout = call.options.get("filterLayout").or(call.options.get("layout"));
            layout.and_then(|layout| layout.as_str()).map_or_else(String::new, |layout| format!(" {layout}"))
        };
        plan.calls.iter().map(|call| format!("{}{}", call.method, layout(call))).collect()
    }

    const CHAIN: &str = "x: f32[1,4,6,6]\nw: f32[4,4,3,3] = 1\nd: f32[4,1,3,3] = 1\nb: f32[1,4,1,1] = 2\n\
                         a = Conv(x, w, strides=[1,1], pads=[1,1,1,1])\nr = Relu(a)\n\
                         c = Conv(r, d, group=4, pads=[1,1,1,1])\ns = Add(c, r)\nt = Mul(s, b)\n\
                         y = MaxPool(t, kernel_shape=[2,2])\nreturn y";

    #[test]
    fn a_chain_is_turned_where_it_begins_and_where_it_ends() {
        let mut said: serde_json::Value =
            serde_json::from_str(include_str!("limits/chromium-153-cpu.json")).unwrap();
        let turned = ["conv2d ohwi", "relu", "conv2d ihwo", "add", "mul"];
        // A pool, and whether it met NaN.
        let pool = ["maxPool2d nhwc", "isNaN", "cast", "maxPool2d nhwc", "greater", "where"];
        let whole = [&["transpose"], &turned[..], &pool, &["transpose"]].concat();
        assert_eq!(methods(&Limits::read(&said), CHAIN), whole);
        said["preferredInputLayout"] = "nchw".into();
        let plain = |method: &&'static str| method.split(' ').next().unwrap_or_default();
        let whole: Vec<&str> = turned.iter().chain(&pool).map(plain).collect();
        assert_eq!(methods(&Limits::read(&said), CHAIN), whole);
    }

    /// Lines are planes of one row, and stay so from one convolution to the next.
    #[test]
    fn a_chain_of_lines_is_turned_once() {
        let said = serde_json::from_str(include_str!("limits/chromium-153-cpu.json")).unwrap();
        let text = "x: f32[1,4,9]\nw: f32[4,4,3] = 1\na = Conv(x, w)\nb = Conv(a, w)\nreturn b";
        let expected = ["reshape", "transpose", "conv2d ohwi", "conv2d ohwi", "transpose", "reshape"];
        assert_eq!(methods(&Limits::read(&said), text), expected);
    }

    /// Calls that are not turned want their operands as they were, and a filter that is computed stays one.
    #[test]
    fn what_follows_and_what_cannot_be_turned_is_as_before() {
        let said = serde_json::from_str(include_str!("limits/chromium-153-cpu.json")).unwrap();
        let limits = Limits::read(&said);
        let softmax =
            "x: f32[1,4,6,6]\nw: f32[4,4,3,3] = 1\na = Conv(x, w)\ny = Softmax(a, axis=1)\nreturn y";
        let expected = ["transpose", "conv2d ohwi", "transpose", "softmax"];
        assert_eq!(methods(&limits, softmax)[..expected.len()], expected);
        let computed = "x: f32[1,4,6,6]\nw: f32[4,4,3,3]\ny = Conv(x, w)\nreturn y";
        assert_eq!(methods(&limits, computed), ["conv2d"]);
    }
}
