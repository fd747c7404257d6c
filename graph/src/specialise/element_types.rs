//! Element types that a graph keeps as others: which operators hand them on, and which results have to
//! be brought back into what they hold.

use super::Scope;
use crate::element_type::ElementType;
use crate::error::{Error, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::onnx::OnnxNode;
use crate::readers::narrow;
use crate::tensor::DataType;
use crate::writer::Writer;

/// Operators whose first result has the elements, and so the type, of an operand.
const MOVE: [&str; 37] = [
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "CenterCropPad",
    "Clip",
    "Compress",
    "Concat",
    "DepthToSpace",
    "Dropout",
    "Expand",
    "Flatten",
    "Gather",
    "GatherElements",
    "GatherND",
    "Identity",
    "Max",
    "Min",
    "Mod",
    "Pad",
    "Range",
    "ReduceMax",
    "ReduceMin",
    "Reshape",
    "ReverseSequence",
    "Scatter",
    "ScatterElements",
    "ScatterND",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Tile",
    "TopK",
    "Transpose",
    "Trilu",
    "Unsqueeze",
    "Where",
];

/// Operators that make new integers, which wrap around.
const WRAP: [&str; 9] = ["Abs", "Add", "BitShift", "BitwiseNot", "Div", "Mul", "Neg", "Sub", "Sum"];

/// Operators whose results are of a type of their own.
const CONVERT: [&str; 15] = [
    "ArgMax",
    "ArgMin",
    "Cast",
    "CastLike",
    "DequantizeLinear",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "NonZero",
    "QLinearMatMul",
    "QuantizeLinear",
    "Shape",
    "Size",
];

impl Scope {
    /// The type that the elements of a name have in the file.
    pub(super) fn element_type(&self, name: &str, kept: DataType) -> ElementType {
        let known = self.foreign.element_types.get(name).copied();
        known.filter(|known| known.data_type() == kept).unwrap_or(ElementType::Kept(kept))
    }

    /// Refuses an operator that would compute with integers of a type that is kept as a wider one, where nobody brings
    /// its results back.
    pub(super) fn check_element_types(node: &OnnxNode, view: &NodeView) -> Result<(), Error> {
        let name = node.operator.as_str();
        let known = !node.domain.is_empty() || MOVE.contains(&name) || WRAP.contains(&name);
        if known || CONVERT.contains(&name) {
            return Ok(());
        }
        let mut types = view.inputs.iter().flatten().map(|argument| argument.element_type);
        match types.find(|element_type| element_type.range().is_some()) {
            Some(found) => Err(unsupported!("it would compute in {found}")),
            None => Ok(()),
        }
    }

    /// Notes the types of a node's results, and brings those back that left theirs.
    pub(super) fn keep_element_types(
        &mut self,
        node: &OnnxNode,
        view: &NodeView,
        results: &mut [ValueId],
    ) -> Result<(), Error> {
        let Some(element_type) = result_type(node, view) else { return Ok(()) };
        if WRAP.contains(&node.operator.as_str()) && element_type.range().is_some() {
            let write = Writer::new(view, &mut self.graph);
            results[0] = narrow::wrapped(&write, results[0], element_type)?;
        }
        for (name, &id) in node.outputs.iter().zip(&*results) {
            if self.graph.tensor_type(id).data_type == element_type.data_type() {
                self.foreign.element_types.insert(name.clone(), element_type);
            }
        }
        Ok(())
    }
}

/// The element type of a node's results, where it is kept as another.
fn result_type(node: &OnnxNode, view: &NodeView) -> Option<ElementType> {
    let of = |index: usize| view.optional(index).map(|argument| argument.element_type);
    let attribute = |name: &str| {
        let number = node.attributes.int(name).ok().flatten()?;
        ElementType::from_number(i32::try_from(number).ok()?, name).ok()
    };
    let found = match node.operator.as_str() {
        "Cast" => attribute("to"),
        "CastLike" => of(1),
        "Constant" | "ConstantOfShape" => node.attributes.element_type("value"),
        "EyeLike" => attribute("dtype").or_else(|| of(0)),
        "QuantizeLinear" => of(2).or_else(|| attribute("output_dtype")),
        "Where" => of(1),
        name if CONVERT.contains(&name) => None,
        name if MOVE.contains(&name) || WRAP.contains(&name) => of(0),
        // A float of another type is computed in f32, whatever the operator.
        _ => of(0).filter(|element_type| element_type.range().is_none()),
    };
    found.filter(|element_type| !matches!(element_type, ElementType::Kept(_)))
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // Expected values from NumPy, whose integers wrap around too.
        check(&[
            ("u16 wraps", "x: u16[2] = 65535 3\na: u16[2] = 2 4\ny = Sub(a, x)", "i32[2] = 3 1"),
            ("i16 wraps", "x: i16[2] = 32767 -5\na: i16[2] = 1 4\ny = Add(x, a)", "i32[2] = -32768 -1"),
            ("u32 wraps", "x: u32[2] = 4294967295 3\na: u32[2] = 2\ny = Mul(x, a)", "i64[2] = 4294967294 6"),
            ("moved", "x: u4[1,2] = 15 3\ny = Transpose(x, perm=[1,0])", "u8[2,1] = 15 3"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[("a product", "x: u16[2,2] = 1\ny = MatMul(x, x)", "it would compute in u16")]);
    }
}
