//! A plan as a page that needs nothing else: what a bug report to a browser wants.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};

use graph::constant::NoFiles;
use graph::{Data, Tensor};
use serde_json::{Value, json};

use crate::plan::{Call, OperandId, Plan};

/// The content of a page: a run of a plan to be shown.
pub struct PageContent<'a> {
    /// The title of the page.
    pub title: &'a str,
    /// The options of the context, an `MLContextOptions`.
    pub context: &'a Value,
    /// The inputs, by name.
    pub inputs: &'a BTreeMap<String, Tensor>,
    /// The outputs expected, by name.
    pub expected: &'a BTreeMap<String, Tensor>,
}

/// The page: it builds the graph, runs it and shows what came out beside what should.
///
/// # Errors
/// A constant that cannot be made.
pub fn page(plan: &Plan, content: &PageContent<'_>) -> Result<String, graph::Error> {
    let mut script = String::new();
    // Writing into a text does not fail.
    let _ = write_script(&mut script, plan, content, &constants(plan)?);
    // It is only in names, and there it could end the script.
    let script = script.replace('<', "\\u003c");
    let title = content.title.replace('&', "&amp;").replace('<', "&lt;");
    Ok(format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<pre id=\"log\"></pre>\n<script type=\"module\">\n\
         {script}</script>\n"
    ))
}

fn constants(plan: &Plan) -> Result<BTreeMap<OperandId, Tensor>, graph::Error> {
    plan.constants.iter().map(|(id, constant)| Ok((*id, constant.evaluate(&mut NoFiles)?))).collect()
}

fn write_script(
    script: &mut String,
    plan: &Plan,
    content: &PageContent<'_>,
    constants: &BTreeMap<OperandId, Tensor>,
) -> fmt::Result {
    writeln!(
        script,
        "const log = (...words) => (document.getElementById(\"log\").textContent += words.join(\" \") + \"\\n\");"
    )?;
    writeln!(script, "try {{")?;
    writeln!(script, "const context = await navigator.ml.createContext({});", content.context)?;
    writeln!(script, "const builder = new MLGraphBuilder(context);")?;
    for (name, id) in &plan.inputs {
        writeln!(script, "const {} = builder.input({}, {});", Name(*id), json!(name), descriptor(plan, *id))?;
    }
    for (id, tensor) in constants {
        let (descriptor, elements) = (descriptor(plan, *id), Elements(tensor));
        writeln!(script, "const {} = builder.constant({descriptor}, {elements});", Name(*id))?;
    }
    for call in &plan.calls {
        writeln!(script, "const {} = builder.{}({});", Name(call.output), call.method, arguments(call))?;
    }
    let outputs = plan.outputs.iter().map(|(name, id)| format!("{}: {}", json!(name), Name(*id)));
    writeln!(script, "const graph = await builder.build({{ {} }});", outputs.collect::<Vec<_>>().join(", "))?;
    writeln!(script, "const inputs = {{}}, outputs = {{}};")?;
    for (name, id) in &plan.inputs {
        let (name, descriptor) = (json!(name), tensor_descriptor(plan, *id, "writable"));
        writeln!(script, "inputs[{name}] = await context.createTensor({descriptor});")?;
        if let Some(tensor) = content.inputs.get(name.as_str().unwrap_or_default()) {
            writeln!(script, "context.writeTensor(inputs[{name}], {});", Elements(tensor))?;
        }
    }
    for (name, id) in &plan.outputs {
        let descriptor = tensor_descriptor(plan, *id, "readable");
        writeln!(script, "outputs[{}] = await context.createTensor({descriptor});", json!(name))?;
    }
    writeln!(script, "context.dispatch(graph, inputs, outputs);")?;
    for (name, _) in &plan.outputs {
        let Some(expected) = content.expected.get(name) else { continue };
        let array = array_of(expected);
        writeln!(
            script,
            "log({}, \"is\", new {array}(await context.readTensor(outputs[{0}])));",
            json!(name)
        )?;
        writeln!(script, "log({}, \"should be\", {});", json!(name), Elements(expected))?;
    }
    writeln!(script, "}} catch (error) {{\nlog(error);\n}}")
}

fn arguments(call: &Call) -> String {
    let operands: Vec<String> = call.operands.iter().map(|(_, id)| Name(*id).to_string()).collect();
    let operands = operands.join(", ");
    let mut arguments = vec![if call.as_list { format!("[{operands}]") } else { operands }];
    arguments.extend(call.arguments.iter().map(Value::to_string));
    let options = call.options.iter().map(|(name, value)| format!("{name}: {value}"));
    let options =
        options.chain(call.operand_options.iter().map(|(name, id)| format!("{name}: {}", Name(*id))));
    let options = options.collect::<Vec<_>>().join(", ");
    if !options.is_empty() {
        arguments.push(format!("{{ {options} }}"));
    }
    arguments.join(", ")
}

fn descriptor(plan: &Plan, id: OperandId) -> Value {
    let operand = plan.operand(id);
    json!({ "dataType": operand.element.name(), "shape": operand.shape })
}

fn tensor_descriptor(plan: &Plan, id: OperandId, usage: &str) -> Value {
    let mut descriptor = descriptor(plan, id);
    descriptor[usage] = json!(true);
    descriptor
}

/// The name of an operand in the script.
struct Name(OperandId);

impl Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operand{}", self.0.0)
    }
}

fn array_of(tensor: &Tensor) -> &'static str {
    match &tensor.data {
        Data::F32(_) => "Float32Array",
        Data::F16(_) => "Uint16Array",
        Data::I64(_) => "BigInt64Array",
        Data::I32(_) => "Int32Array",
        Data::U8(_) | Data::Bool(_) => "Uint8Array",
        Data::I8(_) => "Int8Array",
    }
}

/// A tensor's elements as a typed array; halves as their bits.
struct Elements<'a>(&'a Tensor);

impl Display for Elements<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed: Vec<String> = match &self.0.data {
            Data::F32(elements) => elements.iter().map(|element| number(*element)).collect(),
            Data::F16(elements) => elements.iter().map(|element| element.to_bits().to_string()).collect(),
            Data::I64(elements) => elements.iter().map(|element| format!("{element}n")).collect(),
            Data::I32(elements) => elements.iter().map(ToString::to_string).collect(),
            Data::U8(elements) => elements.iter().map(ToString::to_string).collect(),
            Data::I8(elements) => elements.iter().map(ToString::to_string).collect(),
            Data::Bool(elements) => elements.iter().map(|&element| u8::from(element).to_string()).collect(),
        };
        write!(f, "new {}([{}])", array_of(self.0), listed.join(", "))
    }
}

fn number(element: f32) -> String {
    match element {
        element if element.is_nan() => "NaN".to_owned(),
        f32::INFINITY => "Infinity".to_owned(),
        f32::NEG_INFINITY => "-Infinity".to_owned(),
        element => format!("{element:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::lower::lower;

    #[test]
    fn the_page_builds_feeds_and_compares() {
        let limits = include_str!("limits/chromium-153-cpu.json");
        let limits = Limits::read(&serde_json::from_str(limits).unwrap());
        let text = "x: f32[2]\ni: i64[2] = 0 1\na = Concat(x, x, axis=0)\ny = Gather(a, i)\nreturn y";
        let mut plan = lower(&graph::text::parse(text).unwrap(), &limits).unwrap();
        plan.inputs.push(("</script>".to_owned(), plan.inputs[0].1));
        let tensor = |elements: [f32; 2]| Tensor::vector(elements.to_vec());
        let inputs = BTreeMap::from([("x".to_owned(), tensor([1.5, f32::INFINITY]))]);
        let expected = BTreeMap::from([("y".to_owned(), tensor([1.5, -2.0]))]);
        let context = json!({ "deviceType": "cpu" });
        let content = PageContent { title: "a < b", context: &context, inputs: &inputs, expected: &expected };
        let page = page(&plan, &content).unwrap();
        for part in [
            "<title>a &lt; b</title>",
            "createContext({\"deviceType\":\"cpu\"})",
            "= builder.input(\"x\", {\"dataType\":\"float32\",\"shape\":[2]});",
            "new BigInt64Array([0n, 1n])",
            "builder.concat([operand0, operand0], 0)",
            "{ axis: 0 }",
            "context.writeTensor(inputs[\"x\"], new Float32Array([1.5, Infinity]));",
            "log(\"y\", \"should be\", new Float32Array([1.5, -2.0]));",
            "builder.input(\"\\u003c/script>\"",
        ] {
            assert!(page.contains(part), "{part} is not in:\n{page}");
        }
        assert_eq!(page.matches("</script>").count(), 1, "{page}");
    }
}
