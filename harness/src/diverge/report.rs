//! Shows a walk: a table of nodes with a bar for each, the first culprit with its operands, and the verdict.

use protocol::{Allowed, Statistics};
use serde_json::json;

use super::Ran;
use super::walk::{Operand, Walk, label, word};
use crate::adapter::adapter_name;
use crate::number;
use crate::report::columns::{Align, lay_out};
use crate::rows::divergence::{Finding, NodeDifference};

/// Cells of a bar. The first stands for a relative difference of 1e-9, each one for half a decade more.
const BAR_CELLS: usize = 18;
const BAR_FIRST_DECADE: f64 = -9.0;
const CELLS_PER_DECADE: f64 = 2.0;
/// Longer names are cut at the front: what tells nodes apart stands at the end.
const LONGEST_NAME: usize = 44;

/// Everything there is to show.
pub(super) struct Report<'a> {
    pub run: &'a str,
    pub model: &'a str,
    pub a: &'a Ran,
    pub b: &'a Ran,
    pub tolerance: f64,
    /// How far outputs may be from expected ones in a sweep.
    pub allowed_output: Allowed,
    pub unfused: bool,
    pub walk: &'a Walk,
    /// Of the first node where the sides part: what went in, and last what came out.
    pub operands: Vec<Operand>,
}

impl Report<'_> {
    /// One JSON document.
    pub fn document(&self) -> String {
        let Report { run, model, a, b, tolerance, unfused, walk, operands, .. } = self;
        let first = walk.first_apart().map(|step| json!({ "step": step, "operands": operands }));
        let verdict = if first.is_some() { "apart" } else { "agree" };
        let beware: Vec<String> = [*a, *b].into_iter().filter_map(|ran| self.disturbance(ran)).collect();
        let document = json!({
            "run": run, "model": model, "a": a, "b": b, "tolerance": tolerance, "unfused": unfused,
            "verdict": verdict, "message": self.verdict(), "first_apart": first,
            "beware": beware,
            "steps": walk.steps, "only_a": walk.only_a, "only_b": walk.only_b,
        });
        format!("{document:#}")
    }

    /// The table, the first culprit and the verdict.
    pub fn table(&self) -> String {
        let mut lines = self.head();
        lines.push(String::new());
        let heads = [
            ("", Align::Left),
            ("node", Align::Left),
            ("operator", Align::Left),
            ("value", Align::Left),
            ("max abs", Align::Right),
            ("relative", Align::Right),
            ("growth", Align::Right),
            ("1e-9 to 1, the tolerance at ┊", Align::Left),
        ];
        let rows: Vec<Vec<String>> = self.walk.steps.iter().map(|step| self.cells(step)).collect();
        lines.extend(lay_out(&heads, &rows));
        if let Some(step) = self.walk.first_apart() {
            lines.push(String::new());
            lines.extend(self.culprit(step));
        }
        lines.push(String::new());
        lines.push(self.verdict());
        lines.extend([self.a, self.b].into_iter().filter_map(|ran| self.disturbance(ran)));
        lines.join("\n")
    }

    fn head(&self) -> Vec<String> {
        let side = |name: &str, ran: &Ran| {
            let program = if ran.program == "model" { "" } else { ", the prefill only" };
            format!("{name}  {} on {}{program}", ran.target, adapter_name(&ran.adapter))
        };
        let fusion = if self.unfused { ", our graph before fusion" } else { "" };
        vec![format!("{}{fusion}", self.model), side("a", self.a), side("b", self.b), self.rule()]
    }

    fn rule(&self) -> String {
        let tolerance = number::error(self.tolerance);
        format!(
            "A value may differ by {tolerance} of its own largest magnitude; growth is against the worst input."
        )
    }

    fn cells(&self, step: &NodeDifference) -> Vec<String> {
        let comparison = &step.comparison;
        let first = self.walk.first_apart().is_some_and(|first| std::ptr::eq(first, step));
        let mark = match (first, step.finding) {
            (true, _) => "▶",
            (false, Finding::Parts) => "▷",
            (false, Finding::Agrees | Finding::Follows) => "",
        };
        let growth = match step.growth {
            Some(growth) => format!("×{}", number::three_digits(growth)),
            None if comparison.relative > 0.0 => "new".to_owned(),
            None => String::new(),
        };
        let numbers = match comparison.fault {
            Some(_) => ["fault".to_owned(), "fault".to_owned()],
            None => [comparison.max_abs, comparison.relative].map(number::error),
        };
        let [max_abs, relative] = numbers;
        vec![
            mark.to_owned(),
            short(&step.node.node),
            word(&step.node.operator).to_owned(),
            step.tensor_type.clone(),
            max_abs,
            relative,
            growth,
            bar(comparison.relative, self.tolerance),
        ]
    }

    fn culprit(&self, step: &NodeDifference) -> Vec<String> {
        let mut lines = vec![
            format!("▶ {}", place(step)),
            format!("  {}", step.node.operator),
            format!("  {}", self.difference(step)),
        ];
        if !step.unseen.is_empty() {
            lines.push(format!("  or before it, where only a has a value: {}", step.unseen.join(", ")));
        }
        lines.push(String::new());
        let heads = [
            ("  value", Align::Left),
            ("", Align::Left),
            ("type", Align::Left),
            ("min", Align::Right),
            ("max", Align::Right),
            ("mean", Align::Right),
            ("deviation", Align::Right),
            ("NaN", Align::Right),
            ("infinite", Align::Right),
            ("relative", Align::Right),
        ];
        let outputs = self.operands.len().saturating_sub(1);
        let numbered = self.operands.iter().enumerate();
        let rows: Vec<_> = numbered.flat_map(|(at, operand)| operand_rows(operand, at >= outputs)).collect();
        lines.extend(lay_out(&heads, &rows));
        lines
    }

    fn difference(&self, step: &NodeDifference) -> String {
        let comparison = &step.comparison;
        if let Some(fault) = &comparison.fault {
            return format!("its value {} {fault}", step.node.value);
        }
        let [of_a, of_b] = comparison.elements.unwrap_or_default();
        let allowed = self.tolerance * comparison.magnitude;
        format!(
            "its value {} is {} on a and {} on b at {:?}: {} apart, {} allowed ({} of {})",
            step.node.value,
            element(of_a),
            element(of_b),
            comparison.place.as_deref().unwrap_or_default(),
            number::error(comparison.max_abs),
            number::error(allowed),
            number::error(self.tolerance),
            number::three_digits(comparison.magnitude),
        )
    }

    /// Returns a warning about a side whose outputs change when its values are kept.
    fn disturbance(&self, ran: &Ran) -> Option<String> {
        let check = ran.against_plain.iter().find(|check| !check.is_within(self.allowed_output))?;
        let how = check.fault.clone().unwrap_or(format!("is {} off", number::error(check.max_abs_error)));
        Some(format!(
            "beware: with its values kept, {} computes something else: against a plain run, output \"{}\" {how}; look \
             for the fault in what keeping rules out (fusion inside the engine, memory that is used again)",
            ran.target, check.output
        ))
    }

    /// One line that says it all.
    pub fn verdict(&self) -> String {
        let Walk { steps, only_a, only_b } = self.walk;
        let compared = format!(
            "{} values compared; {only_a} only on a, {only_b} only on b (fused away or named otherwise there)",
            steps.len()
        );
        let Some(step) = self.walk.first_apart() else {
            let worst = self.walk.worst().map_or("no difference at all".to_owned(), |step| {
                format!("at most {} apart, at {}", number::error(step.comparison.relative), place(step))
            });
            return format!("agree: {worst}; {compared}");
        };
        let beyond = match &step.comparison.fault {
            Some(fault) => fault.clone(),
            None => format!("{} apart", number::error(step.comparison.relative)),
        };
        let inherited = match step.inherited {
            0.0 => "with inputs that do not differ".to_owned(),
            inherited => format!("with inputs at most {} apart", number::error(inherited)),
        };
        format!("first apart at {}: {beyond}, {inherited}; {compared}", place(step))
    }
}

/// `node "x" (Add)`, with its component if it has one.
fn place(step: &NodeDifference) -> String {
    let component = step.node.component.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    format!("{component}node {}", label(&step.node))
}

fn short(name: &str) -> String {
    let count = name.chars().count();
    match count > LONGEST_NAME {
        true => format!("…{}", name.chars().skip(count + 1 - LONGEST_NAME).collect::<String>()),
        false => name.to_owned(),
    }
}

/// An element with all the digits that f32 has.
fn element(value: f64) -> String {
    match value.abs() {
        magnitude if value != 0.0 && !(1e-4..1e7).contains(&magnitude) => format!("{:e}", value as f32),
        _ => (value as f32).to_string(),
    }
}

fn bar(relative: f64, tolerance: f64) -> String {
    let cell = |value: f64| match value {
        value if value <= 0.0 => 0,
        value => ((value.log10() - BAR_FIRST_DECADE) * CELLS_PER_DECADE).ceil().clamp(0.0, BAR_CELLS as f64)
            as usize,
    };
    let (filled, allowed) = (cell(relative), cell(tolerance));
    let cells = |from: usize, to: usize| (from..to).map(move |at| if at < filled { '█' } else { ' ' });
    let bar = cells(0, allowed).chain(['┊']).chain(cells(allowed, BAR_CELLS));
    bar.collect::<String>().trim_end().to_owned()
}

fn operand_rows(operand: &Operand, is_output: bool) -> Vec<Vec<String>> {
    let relative = operand.relative.map(number::error).unwrap_or("–".to_owned());
    let name = format!("{} {}", if is_output { "→" } else { " " }, short(&operand.name));
    let row = |name: &str, side: &str, statistics: &Option<Statistics>, relative: &str| {
        let mut cells = vec![name.to_owned(), side.to_owned()];
        cells.extend(statistics.as_ref().map_or(["–"; 7].map(str::to_owned), statistics_cells));
        cells.push(relative.to_owned());
        cells
    };
    match operand.constant {
        true => vec![row(&name, "constant", &operand.a, "")],
        false => vec![row(&name, "a", &operand.a, &relative), row("", "b", &operand.b, "")],
    }
}

fn statistics_cells(statistics: &Statistics) -> [String; 7] {
    let number = |value: Option<f64>| match value {
        None => "–".to_owned(),
        Some(value) if value != 0.0 && !(1e-3..1e6).contains(&value.abs()) => number::error(value),
        Some(value) => number::three_digits(value),
    };
    let Statistics { tensor_type, min, max, mean, deviation, nan, infinite, .. } = statistics;
    [
        tensor_type.clone(),
        number(*min),
        number(*max),
        number(*mean),
        number(*deviation),
        nan.to_string(),
        infinite.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use protocol::{Adapter, Allowed, OutputCheck, Scale, TracedNode};

    use super::super::values::tests::floats;
    use super::super::walk::Side;
    use super::*;

    fn ran(target: &str) -> Ran {
        let adapter = Adapter { vendor: "google".to_owned(), software: true, ..Adapter::default() };
        Ran { target: target.parse().unwrap(), adapter, program: "model".to_owned(), against_plain: vec![] }
    }

    fn side(y: [f32; 2]) -> Side {
        let node = |value: &str, operator: &str, inputs: &[&str]| TracedNode {
            component: None,
            node: format!("make_{value}"),
            operator: operator.to_owned(),
            value: value.to_owned(),
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
        };
        Side {
            nodes: vec![node("x", "input", &[]), node("y", "Softmax { axis: 0 }", &["x", "w"])],
            constants: BTreeMap::from([("w".to_owned(), Statistics::of("f32[1]".to_owned(), [0.5]))]),
            values: floats(&[("x", &[2], &[1.0, 2.0]), ("y", &[2], &y)]),
        }
    }

    fn shown(y: [f32; 2], json: bool) -> String {
        shown_of(ran("webgpu@chrome"), y, json)
    }

    fn shown_of(a_ran: Ran, y: [f32; 2], json: bool) -> String {
        let (a, b) = (side([1.0, 4.0]), side(y));
        let walk = Walk::of(&a, &b, 1e-4);
        let operands = walk.first_apart().map(|step| walk.operands(step, &a, &b)).unwrap_or_default();
        let (a, b) = (a_ran, ran("onnxruntime:cpu"));
        let (model, tolerance) = ("bert-tiny", 1e-4);
        let (allowed_output, unfused) = (Allowed { absolute: tolerance, of_scale: tolerance }, false);
        let report = Report {
            run: "r",
            model,
            a: &a,
            b: &b,
            tolerance,
            allowed_output,
            unfused,
            walk: &walk,
            operands,
        };
        if json { report.document() } else { report.table() }
    }

    #[test]
    fn the_table_marks_the_culprit_and_shows_what_went_into_it() {
        let text = shown([1.0, 5.0], false);
        for part in [
            "a  webgpu@chrome on google, software",
            "A value may differ by 1.00e-4 of its own largest magnitude",
            "▶  make_y  Softmax   f32[2]   1.00e0   2.00e-1     new  ██████████┊███████",
            "▶ node \"make_y\" (Softmax)\n  Softmax { axis: 0 }\n  its value y is 4 on a and 5 on b at [1]: 1.00e0 \
             apart, 5.00e-4 allowed (1.00e-4 of 5.00)",
            "  x      a         f32[2]   1.00   2.00   1.50      0.500    0         0         0",
            "  w      constant  f32[1]  0.500",
            "→ y      a         f32[2]   1.00   4.00",
            "first apart at node \"make_y\" (Softmax): 2.00e-1 apart, with inputs that do not differ; 2 values compared; \
             0 only on a, 0 only on b",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }

    #[test]
    fn targets_that_agree_are_told_their_largest_difference() {
        assert!(shown([1.0, 4.0], false).contains("agree: no difference at all; 2 values compared"));
        let text = shown([1.0, 4.0001], false);
        assert!(text.contains("agree: at most 2.50e-5 apart, at node \"make_y\" (Softmax)"), "{text}");
        assert!(!text.contains('▶'), "{text}");
    }

    #[test]
    fn the_document_holds_every_step_and_the_culprit() {
        let document = |y| -> serde_json::Value { serde_json::from_str(&shown(y, true)).unwrap() };
        let apart = document([1.0, f32::NAN]);
        assert_eq!((&apart["verdict"], &apart["steps"][1]["finding"]), (&json!("apart"), &json!("parts")));
        assert_eq!(apart["first_apart"]["step"]["node"]["node"], "make_y");
        assert_eq!(apart["first_apart"]["operands"][2]["b"]["nan"], 1);
        let agree = document([1.0, 4.0]);
        assert_eq!((&agree["verdict"], &agree["first_apart"]), (&json!("agree"), &serde_json::Value::Null));
    }

    #[test]
    fn a_side_that_computes_something_else_when_watched_is_told_on() {
        let check = |actual| OutputCheck::compare("y", Scale::One, (&[1], &[actual]), (&[1], &[1.0]));
        let watched = |actual| Ran { against_plain: vec![check(1.0), check(actual)], ..ran("wgpu:vulkan") };
        let text = shown_of(watched(1.5), [1.0, 4.0], false);
        let told = "beware: with its values kept, wgpu:vulkan computes something else: against a plain run, \
                    output \"y\" is 5.00e-1 off";
        assert!(text.contains(told), "{text}");
        assert!(!shown_of(watched(1.00001), [1.0, 4.0], false).contains("beware"));
    }

    #[test]
    fn bars_grow_by_decades_and_show_the_tolerance() {
        for (relative, tolerance, expected) in [
            (0.0, 1e-4, "          ┊"),
            (1e-7, 1e-4, "████      ┊"),
            (1e-3, 1e-4, "██████████┊██"),
            (f64::INFINITY, 1e-4, "██████████┊████████"),
            (1e-7, 0.0, "┊████"),
        ] {
            assert_eq!(bar(relative, tolerance), expected, "{relative:e}");
        }
    }

    #[test]
    fn long_names_keep_their_ends() {
        let name = format!("/{}/MatMul", "encoder/".repeat(9));
        assert_eq!(short(&name).chars().count(), LONGEST_NAME);
        assert!(short(&name).ends_with("encoder//MatMul") && short(&name).starts_with('…'));
    }
}
