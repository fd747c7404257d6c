//! Conversion of elements from one type to another.

use super::{Operator, Rule, operand};
use crate::builder::Builder;
use crate::decompose::narrow;
use crate::element_type::ElementType;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::tensor::{Data, DataType, Tensor, TensorType};
use crate::writer::Writer;

/// Converts each element, by the rules of ONNX Cast (floats truncate towards zero).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cast {
    /// The type to convert to.
    pub to: DataType,
}

/// Cast.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let number = node.attributes.int("to")?.ok_or_else(|| invalid!("attribute \"to\" is missing"))?;
    let to = narrow::element_type(number, "to")?;
    let (x, saturate) = (node.operand(0)?.id, node.attributes.flag("saturate", true)?);
    if let ElementType::Kept(to) = to {
        return node.apply(graph, Operator::Cast(Cast { to }), 1);
    }
    Ok(vec![narrow::cast(&Writer::new(node, graph), x, to, saturate)?])
}

impl Rule for Cast {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        Ok(TensorType { data_type: self.to, shape: operand(inputs, 0)?.shape.clone() })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], _: &TensorType) -> Result<Data, Error> {
        let tensor = operand(inputs, 0)?;
        Ok(match (tensor.as_f32(), self.to) {
            (Some(_), DataType::F32 | DataType::F16) => tensor.data.clone(),
            (Some(floats), DataType::Bool) => Data::Bool(floats.iter().map(|&float| float != 0.0).collect()),
            (Some(floats), to) => Data::from_integers(to, floats.iter().map(|&float| float as i64)),
            (None, to) => Data::from_integers(to, tensor.to_i64_vec().unwrap_or_default().into_iter()),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        check(&[
            ("truncates", "x: f32[3] = 1.9 -1.9 0.5\ny = Cast(x, to=7)", "i64[3] = 1 -1 0"),
            ("to bool", "x: f32[3] = 0 0.5 nan\ny = Cast(x, to=9)", "bool[3] = 0 1 1"),
            ("integers to bool", "x: i64[3] = 0 256 -1\ny = Cast(x, to=9)", "bool[3] = 0 1 1"),
            ("from bool", "x: bool[2] = 0 1\ny = Cast(x, to=1)", "f32[2] = 0 1"),
            ("narrows", "x: i64[2] = 300 -1\ny = Cast(x, to=2)", "u8[2] = 44 255"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("text", "x: f32[3]\ny = Cast(x, to=8)", "string"),
            ("no target", "x: f32[3]\ny = Cast(x)", "\"to\" is missing"),
        ]);
    }
}
