//! Graphs from a few lines of text: how tests write theirs.
//!
//! ```text
//! opset 20                          the operator set; 18 unless told
//! x: f32[2,3]                       an input
//! w: f32[3,2] = 1 2 3 4 5 6         a constant; a single element fills it
//! y = MatMul(x, w)                  a node: any ONNX operator that is known; _ leaves an operand out
//! z = Transpose(y, perm=[1,0])      attributes by name: 1, 1.5, "text", [1,2], [1.5,2.0], ["a","b"]
//! a, b = com.microsoft.Op(x)        a domain before the name
//! return z                          the outputs
//! ```

use std::collections::BTreeMap;

use crate::element_type::ElementType;
use crate::error::{Error, invalid};
use crate::half::kept;
use crate::ir::Graph;
use crate::onnx::{Attribute, Attributes, OnnxNode};
use crate::specialise::Scope;
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// The graph that the lines describe; constants are folded, nothing else is optimised.
///
/// # Errors
/// Where a line cannot be read, or its node is refused; the error names the line.
pub fn parse(text: &str) -> Result<Graph, Error> {
    let mut scope = Scope::default();
    let outputs = extend(&mut scope, text)?;
    scope.finish(&outputs)
}

/// Adds what the lines describe to a graph in the making; gives the names of the outputs.
pub(crate) fn extend(scope: &mut Scope, text: &str) -> Result<Vec<String>, Error> {
    let mut opsets = BTreeMap::from([(String::new(), 18)]);
    let mut outputs = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let read = read_line(line, scope, &mut opsets, &mut outputs);
        read.map_err(|error| Error::Text { line: at + 1, reason: error.to_string() })?;
    }
    Ok(outputs)
}

fn read_line(
    line: &str,
    scope: &mut Scope,
    opsets: &mut BTreeMap<String, i64>,
    outputs: &mut Vec<String>,
) -> Result<(), Error> {
    if line.is_empty() {
        return Ok(());
    }
    if let Some(names) = line.strip_prefix("return ") {
        outputs.extend(names.split(',').map(|name| name.trim().to_owned()));
        return Ok(());
    }
    if let Some(version) = line.strip_prefix("opset ") {
        let version = version.trim().parse().map_err(|_| invalid!("{version:?} is no opset"))?;
        opsets.insert(String::new(), version);
        return Ok(());
    }
    match line.split_once(':') {
        Some((name, declared)) if !name.contains('=') => declare(name.trim(), declared.trim(), scope),
        _ => scope.read(&node(line)?, opsets),
    }
}

fn declare(name: &str, declared: &str, scope: &mut Scope) -> Result<(), Error> {
    let id = if declared.contains('=') {
        scope.graph.constant(name, tensor(declared)?)
    } else {
        scope.graph.input(name, tensor_type(declared)?)
    };
    scope.names.insert(name.to_owned(), id);
    scope.foreign.element_types.extend(element_type(declared).map(|found| (name.to_owned(), found)));
    Ok(())
}

/// The element type that a declaration starts with.
fn element_type(declared: &str) -> Option<ElementType> {
    ElementType::from_name(declared.split('[').next()?.trim())
}

/// A type, as in `f32[2,3]`; an element type of files alone becomes what it is kept as.
///
/// # Errors
/// Where the text is none.
pub fn tensor_type(text: &str) -> Result<TensorType, Error> {
    let wrong = || invalid!("{text:?} is no tensor type such as f32[2,3]");
    let (_, rest) = text.trim().split_once('[').ok_or_else(wrong)?;
    let extents = rest.strip_suffix(']').ok_or_else(wrong)?;
    let data_type = element_type(text).ok_or_else(wrong)?.data_type();
    let extents = extents.split(',').map(str::trim).filter(|extent| !extent.is_empty());
    let shape: Result<Vec<usize>, _> = extents.map(str::parse).collect();
    Ok(TensorType { data_type, shape: shape.map_err(|_| wrong())? })
}

/// A tensor, as in `f32[2] = 1 2`; a single element fills it.
///
/// # Errors
/// Where the text is none, or has too few or too many elements.
pub fn tensor(text: &str) -> Result<Tensor, Error> {
    let (declared, elements) = text.split_once('=').ok_or_else(|| invalid!("{text:?} has no elements"))?;
    let tensor_type = tensor_type(declared)?;
    let words: Vec<&str> = elements.split_whitespace().collect();
    let count = tensor_type.checked_count().unwrap_or(0);
    let words = if let [word] = words[..] { vec![word; count] } else { words };
    let data = if tensor_type.data_type.is_float() {
        kept(Data::from(numbers::<f32>(&words)?), tensor_type.data_type)
    } else {
        Data::from_integers(tensor_type.data_type, numbers::<i64>(&words)?.into_iter())
    };
    Tensor::new(tensor_type.shape, data)
}

fn numbers<T: std::str::FromStr>(words: &[&str]) -> Result<Vec<T>, Error> {
    words.iter().map(|word| word.parse().map_err(|_| invalid!("{word:?} is no element"))).collect()
}

/// A tensor of this type with every element the same.
pub fn filled(tensor_type: &TensorType, element: f32) -> Tensor {
    let count = tensor_type.element_count();
    let data = match tensor_type.data_type {
        DataType::F32 | DataType::F16 => kept(Data::from(vec![element; count]), tensor_type.data_type),
        integers => Data::from_integers(integers, std::iter::repeat_n(element as i64, count)),
    };
    Tensor { shape: tensor_type.shape.clone(), data }
}

/// A node, written like `y = Relu(x)`.
pub(crate) fn node(line: &str) -> Result<OnnxNode, Error> {
    let wrong = || invalid!("{line:?} is no node such as y = Relu(x)");
    let (outputs, call) = line.split_once('=').ok_or_else(wrong)?;
    let (operator, arguments) =
        call.trim().strip_suffix(')').and_then(|call| call.split_once('(')).ok_or_else(wrong)?;
    let outputs: Vec<String> = outputs.split(',').map(|name| name.trim().to_owned()).collect();
    let (domain, operator) = operator.rsplit_once('.').unwrap_or(("", operator));
    let mut inputs = Vec::new();
    let mut attributes = BTreeMap::new();
    for argument in split_arguments(arguments) {
        match argument.split_once('=') {
            Some((name, value)) => drop(attributes.insert(name.trim().to_owned(), attribute(value.trim())?)),
            None if argument == "_" => inputs.push(String::new()),
            None => inputs.push(argument.to_owned()),
        }
    }
    let (operator, domain) = (operator.to_owned(), domain.to_owned());
    Ok(OnnxNode {
        name: outputs.join(","),
        operator,
        domain,
        attributes: Attributes(attributes),
        inputs,
        outputs,
    })
}

/// Splits at the commas that stand outside brackets and texts.
fn split_arguments(arguments: &str) -> Vec<&str> {
    let (mut depth, mut quoted) = (0, false);
    let parts = arguments.split(|character| {
        match character {
            '[' => depth += 1,
            ']' => depth -= 1,
            '"' => quoted = !quoted,
            _ => {}
        }
        character == ',' && depth == 0 && !quoted
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn attribute(value: &str) -> Result<Attribute, Error> {
    let wrong = || invalid!("{value:?} is no attribute");
    if let Some(text) = value.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        return Ok(Attribute::Text(text.to_owned()));
    }
    if let Some(list) = value.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
        let words: Vec<&str> = list.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        let texts: Option<Vec<&str>> =
            words.iter().map(|word| word.strip_prefix('"').and_then(|text| text.strip_suffix('"'))).collect();
        if let Some(texts) = texts.filter(|texts| !texts.is_empty()) {
            return Ok(Attribute::Texts(texts.into_iter().map(str::to_owned).collect()));
        }
        return Ok(match numbers(&words) {
            Ok(integers) => Attribute::Ints(integers),
            Err(_) => Attribute::Floats(numbers(&words)?),
        });
    }
    match value.parse() {
        Ok(integer) => Ok(Attribute::Int(integer)),
        Err(_) => value.parse().map(Attribute::Float).map_err(|_| wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_graph_reads_as_it_is_written() {
        let graph = parse(
            "x: f32[2,3] # an input\nw: f32[3,1] = 2\ny = MatMul(x, w)\nz = Transpose(y, perm=[1,0])\nreturn z, x",
        );
        let expected = "\
x: f32[2, 3]
y: f32[2, 1] = MatMul { activation: None }(x, f32[3, 1] [2.0, 2.0, 2.0])
z: f32[1, 2] = Transpose { permutation: [1, 0] }(y)
x: f32[2, 3] = Reshape { shape: [2, 3] }(x)
return z, x
";
        assert_eq!(graph.unwrap().to_string(), expected);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let cases = [
            ("x: c64[2]", "line 1: \"c64[2]\" is no tensor type"),
            ("\nx: f32[2] = 1 2 3", "line 2: 3 elements do not fill"),
            ("y = Relu x", "is no node"),
            ("y = Frobnicate()", "no operator \"Frobnicate\""),
            ("y = Relu(x)", "reads \"x\", which nothing before it makes"),
            ("x: f32[1]\nx = Relu(x)", "two values are named \"x\""),
            ("return y", "no node makes output \"y\""),
            ("opset 6\nx: f32[1]\ny = Relu(x)", "opset 6 is older"),
        ];
        for (text, wanted) in cases {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text:?}: {error}");
        }
    }
}
