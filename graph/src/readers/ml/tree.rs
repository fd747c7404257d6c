//! Tree ensembles of ai.onnx.ml. All trees of all rows go down together, level by level: where each is now is an index
//! into tables of nodes.

use super::ensemble::{Ensemble, Mode};
use super::{PostTransform, best, floats, labels, one_of_two, rows};
use crate::builder::Builder;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::reduce::Reduction;
use crate::ops::{Binary, GatherElements, Operator, Unary};
use crate::strided::table;
use crate::tensor::{Element, Tensor};
use crate::writer::{Writer, Written};

/// The way the weights of all trees become one score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Average,
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(name: &str) -> Result<Aggregate, Error> {
        match name {
            "AVERAGE" => Ok(Aggregate::Average),
            "SUM" => Ok(Aggregate::Sum),
            "MIN" => Ok(Aggregate::Min),
            "MAX" => Ok(Aggregate::Max),
            other => Err(invalid!("its aggregate_function is {other:?}")),
        }
    }

    /// The reduction over trees, and what a tree that says nothing of a target has for it.
    fn reduction(self) -> (Reduction, f32) {
        match self {
            Aggregate::Average | Aggregate::Sum => (Reduction::Sum, 0.0),
            Aggregate::Min => (Reduction::Min, f32::MAX),
            Aggregate::Max => (Reduction::Max, f32::MIN),
        }
    }
}

/// The traversal of an ensemble's trees, all at once.
struct Traversal<'a, 'w> {
    write: &'a Writer<'w>,
    ensemble: &'a Ensemble,
}

impl Traversal<'_, '_> {
    /// A table with an element for each node, picked by where each tree is.
    fn pick<T: Element>(&self, at: ValueId, of: impl Fn(usize) -> T) -> Written {
        let elements: Vec<T> = (0..self.ensemble.nodes.len()).map(of).collect();
        self.write.gather(self.write.constant(Tensor::vector(elements)), 0, at)
    }

    /// The leaf at which each tree ends for each row of x, `[rows, trees]`.
    fn leaves(&self, x: ValueId) -> Written {
        let rows = self.write.shape(x)[0];
        let roots: Vec<i32> = self.ensemble.roots.iter().map(|&root| root as i32).collect();
        let shape = [rows, roots.len()];
        let mut at = self.write.expand(self.write.constant(Tensor::vector(roots)), &shape)?;
        for _ in 0..self.ensemble.levels {
            at = self.below(x, at)?;
        }
        Ok(at)
    }

    /// One level further down.
    fn below(&self, x: ValueId, at: ValueId) -> Written {
        let (write, nodes) = (self.write, &self.ensemble.nodes);
        let feature = self.pick(at, |index| nodes[index].feature as i32)?;
        let pick = Operator::GatherElements(GatherElements { axis: 1 });
        let value = write.push(pick, &[Some(x), Some(feature)])?;
        let split = self.pick(at, |index| nodes[index].split)?;
        let mut holds = self.compared(at, value, split)?;
        if nodes.iter().any(|branch| branch.nan_is_true) {
            let tracks = self.pick(at, |index| nodes[index].nan_is_true)?;
            let missing = write.binary(Binary::And, write.unary(Unary::IsNaN, value)?, tracks)?;
            holds = write.binary(Binary::Or, holds, missing)?;
        }
        let yes = self.pick(at, |index| nodes[index].yes as i32)?;
        let no = self.pick(at, |index| nodes[index].no as i32)?;
        write.select(holds, yes, no)
    }

    /// Bools: whether each value compares with its split as its node wants.
    fn compared(&self, at: ValueId, value: ValueId, split: ValueId) -> Written {
        let (write, nodes) = (self.write, &self.ensemble.nodes);
        let branches = nodes.iter().enumerate().filter(|(index, branch)| !branch.is_leaf(*index));
        let mut modes: Vec<Mode> = branches.map(|(_, branch)| branch.mode).collect();
        modes.sort_unstable();
        modes.dedup();
        let mut holds = None;
        for mode in &modes {
            let (comparison, opposite) = mode.comparison();
            let mut own = write.binary(comparison, value, split)?;
            if opposite {
                own = write.unary(Unary::Not, own)?;
            }
            if modes.len() > 1 {
                let wanted = self.pick(at, |index| nodes[index].mode == *mode)?;
                own = write.binary(Binary::And, own, wanted)?;
            }
            holds = Some(match holds {
                None => own,
                Some(others) => write.binary(Binary::Or, others, own)?,
            });
        }
        holds.ok_or_else(|| invalid!("its trees have no branches"))
    }

    /// The weights of these leaves, added up or the like: `[rows, targets]`.
    fn scores(&self, leaves: ValueId, targets: usize, aggregate: Aggregate, base: &[f32]) -> Written {
        let write = self.write;
        let (reduction, silent) = aggregate.reduction();
        let count = self.ensemble.nodes.len();
        let mut weights = vec![silent; table(&[count, targets])?];
        let mut said = vec![0f32; weights.len()];
        for &(node, target, weight) in &self.ensemble.weights {
            let at = node * targets + target;
            match said.get_mut(at).filter(|_| target < targets) {
                None => return Err(invalid!("a leaf has a weight for target {target} of {targets}")),
                Some(said) if *said == 0.0 => (*said, weights[at]) = (1.0, weight),
                Some(_) => weights[at] += weight,
            }
        }
        let reduced = |elements: Vec<f32>, reduction: Reduction| {
            let picked = write.gather(write.constant(Tensor::new([count, targets], elements)?), 0, leaves)?;
            write.reduce(reduction, picked, &[1], false)
        };
        let mut scores = reduced(weights, reduction)?;
        if aggregate == Aggregate::Average {
            scores = write.times(scores, 1.0 / self.ensemble.roots.len() as f32)?;
        }
        if !base.is_empty() {
            scores = write.add(scores, write.constant(Tensor::vector(base)))?;
        }
        let shows_silence = silent != 0.0 || !base.is_empty();
        if !shows_silence || self.ensemble.covers(targets) {
            return Ok(scores);
        }
        // As in ONNX Runtime, a target of which no tree says anything is 0.
        let any = write.binary(Binary::Greater, reduced(said, Reduction::Max)?, write.float(0.0))?;
        write.select(any, scores, write.float(0.0))
    }
}

/// The number of a regressor's targets.
fn targets(node: &NodeView) -> Result<usize, Error> {
    let count = node.attributes.int("n_targets")?.unwrap_or(1);
    usize::try_from(count).map_err(|_| invalid!("n_targets is {count}"))
}

/// Scores of x's rows, before anything is made of them.
fn scored(
    node: &NodeView,
    write: &Writer,
    ensemble: &Ensemble,
    (targets, aggregate, base): (usize, Aggregate, &[f32]),
) -> Written {
    let x = rows(node, write, 0)?;
    let width = write.shape(x)[1];
    if let Some(branch) = ensemble.nodes.iter().find(|branch| branch.feature >= width) {
        return Err(invalid!("a node asks for feature {} of {width}", branch.feature));
    }
    let traversal = Traversal { write, ensemble };
    let leaves = if ensemble.levels == 0 {
        // Trees of one leaf read nothing.
        let roots: Vec<i32> = ensemble.roots.iter().map(|&root| root as i32).collect();
        let shape = [write.shape(x)[0], roots.len()];
        write.expand(write.constant(Tensor::vector(roots)), &shape)?
    } else {
        traversal.leaves(x)?
    };
    traversal.scores(leaves, targets, aggregate, base)
}

/// TreeEnsembleRegressor.
pub(crate) fn read_regressor(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let ensemble = Ensemble::named(node, "target")?;
    let aggregate = Aggregate::of(node.attributes.text("aggregate_function")?.unwrap_or("SUM"))?;
    let (targets, base) = (targets(node)?, floats(node.attributes, "base_values")?);
    let write = &Writer::new(node, graph);
    let scores = scored(node, write, &ensemble, (targets, aggregate, &base))?;
    Ok(vec![PostTransform::of(node)?.write(write, scores)?])
}

/// TreeEnsemble.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let ensemble = Ensemble::numbered(node)?;
    let aggregate = match node.attributes.int("aggregate_function")?.unwrap_or(1) {
        0 => Aggregate::Average,
        1 => Aggregate::Sum,
        2 => Aggregate::Min,
        3 => Aggregate::Max,
        other => return Err(invalid!("its aggregate_function is {other}")),
    };
    let transform = PostTransform::of_number(node.attributes.int("post_transform")?.unwrap_or(0))?;
    let targets = targets(node)?;
    let write = &Writer::new(node, graph);
    let scores = scored(node, write, &ensemble, (targets, aggregate, &[]))?;
    Ok(vec![transform.write(write, scores)?])
}

/// TreeEnsembleClassifier: labels and scores.
pub(crate) fn read_classifier(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let mut ensemble = Ensemble::named(node, "class")?;
    let labels = labels(node, "classlabels_int64s")?;
    let base = floats(node.attributes, "base_values")?;
    let transform = PostTransform::of(node)?;
    let write = &Writer::new(node, graph);
    if labels.len() > 2 {
        let scores = scored(node, write, &ensemble, (labels.len(), Aggregate::Sum, &[]))?;
        let scores =
            if base.is_empty() { scores } else { write.add(scores, write.constant(Tensor::vector(base)))? };
        return Ok(vec![best(write, scores, &labels)?, transform.write(write, scores)?]);
    }
    let class = ensemble.weights.first().map_or(0, |&(_, class, _)| class);
    if ensemble.weights.iter().any(|&(_, own, _)| own != class) || (class != 0 && !base.is_empty()) {
        return Err(unsupported!("its two classes have weights or base values of their own"));
    }
    // The weights of one class are those of the second.
    ensemble.weights.iter_mut().for_each(|weight| weight.1 = 0);
    let positive = ensemble.weights.iter().all(|&(_, _, weight)| weight >= 0.0);
    let score = scored(node, write, &ensemble, (1, Aggregate::Sum, &base))?;
    let second = write.binary(Binary::Greater, score, write.float(if positive { 0.5 } else { 0.0 }))?;
    let label = one_of_two(write, second, &labels)?;
    Ok(vec![label, two_scores(write, score, transform, class, positive)?])
}

/// The scores of two classes from one, as ONNX Runtime makes them: of the first class's weights the other's is the
/// rest to 1, or the opposite where weights are below zero; of the second's it is 0.
fn two_scores(
    write: &Writer,
    score: ValueId,
    transform: PostTransform,
    class: usize,
    positive: bool,
) -> Written {
    if class != 0 {
        let none = write.times(score, 0.0)?;
        return transform.write(write, write.concat(1, &[none, score])?);
    }
    let opposite = write.times(score, -1.0)?;
    let rest = if positive { write.plus(opposite, 1.0)? } else { opposite };
    match transform {
        PostTransform::None | PostTransform::Softmax | PostTransform::SoftmaxZero => {
            write.concat(1, &[rest, score])
        }
        PostTransform::Logistic => {
            let pair = write.concat(1, &[opposite, score])?;
            transform.write(write, pair)
        }
        PostTransform::Probit => Err(unsupported!("it has one score for two classes, and PROBIT")),
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check_near, refuse};

    /// Two trees of two leaves each: feature 0 at most 0, feature 1 at most 0.
    const TREES: &str = "nodes_treeids=[0,0,0,1,1,1], nodes_nodeids=[0,1,2,0,1,2], nodes_featureids=[0,0,0,1,0,0], \
        nodes_modes=[\"BRANCH_LEQ\",\"LEAF\",\"LEAF\",\"BRANCH_LEQ\",\"LEAF\",\"LEAF\"], \
        nodes_values=[0.0,0.0,0.0,0.0,0.0,0.0], nodes_truenodeids=[1,0,0,1,0,0], nodes_falsenodeids=[2,0,0,2,0,0]";
    const X: &str = "x: f32[3,2] = 0.3 -1 -0.5 2 1.2 0.1\n";

    fn classifier(outputs: &str, labels: &str, ids: &str, weights: &str, more: &str) -> String {
        format!(
            "{X}{outputs} = ai.onnx.ml.TreeEnsembleClassifier(x, {TREES}, class_treeids=[0,0,1,1], \
             class_nodeids=[1,2,1,2], class_ids={ids}, class_weights={weights}, classlabels_int64s={labels}{more})"
        )
    }

    fn regressor(ids: &str, more: &str) -> String {
        format!(
            "{X}y = ai.onnx.ml.TreeEnsembleRegressor(x, {TREES}, target_treeids=[0,0,1,1], target_nodeids=[1,2,1,2], \
             target_ids={ids}, target_weights=[0.4,0.3,0.2,0.1], n_targets=2{more})"
        )
    }

    #[test]
    fn values() {
        // Expected values from ONNX Runtime.
        let (two, three) = ("[10,20]", "[10,20,30]");
        let mixed = "[-0.4,0.6,0.5,-0.3]";
        let rows = [
            ("sum", regressor("[0,1,1,1]", ""), "f32[3,2] = 0 0.5 0.4 0.1 0 0.4"),
            (
                "average and base",
                regressor("[0,1,1,1]", ", aggregate_function=\"AVERAGE\", base_values=[0.5,-0.5]"),
                "f32[3,2] = 0 -0.25 0.7 -0.45 0 -0.3",
            ),
            (
                "least",
                regressor("[0,1,1,1]", ", aggregate_function=\"MIN\""),
                "f32[3,2] = 0 0.2 0.4 0.1 0 0.1",
            ),
            (
                "largest",
                regressor("[0,1,1,1]", ", aggregate_function=\"MAX\", base_values=[0.5,-0.5]"),
                "f32[3,2] = 0 -0.2 0.9 -0.4 0 -0.2",
            ),
            ("labels of two", classifier("y, s", two, "[0,0,0,0]", mixed, ""), "i64[3] = 20 10 20"),
            (
                "scores of two",
                classifier("l, y", two, "[0,0,0,0]", mixed, ", base_values=[0.2]"),
                "f32[3,2] = -1.3 1.3 0.5 -0.5 -0.5 0.5",
            ),
            (
                "logistic scores of two",
                classifier("l, y", two, "[0,0,0,0]", mixed, ", post_transform=\"LOGISTIC\""),
                "f32[3,2] = 0.24974 0.75026 0.66819 0.33181 0.42556 0.57444",
            ),
            (
                "positive weights of two",
                classifier("l, y", two, "[0,0,0,0]", "[0.1,0.6,0.05,0.3]", ""),
                "f32[3,2] = 0.35 0.65 0.6 0.4 0.1 0.9",
            ),
            (
                "labels of three",
                classifier("y, s", three, "[0,1,2,0]", "[0.4,0.3,0.2,0.1]", ""),
                "i64[3] = 20 10 20",
            ),
            (
                "softmax of three",
                classifier(
                    "l, y",
                    three,
                    "[0,1,2,0]",
                    "[0.4,0.3,0.2,0.1]",
                    ", base_values=[0.1,0.2,0.3], post_transform=\"SOFTMAX\"",
                ),
                "f32[3,3] = 0.25103 0.37449 0.37449 0.41474 0.27801 0.30725 0.28943 0.39069 0.31987",
            ),
            (
                "softmax but of zeros",
                classifier(
                    "l, y",
                    three,
                    "[0,1,2,0]",
                    "[0.4,0.3,0.2,0.1]",
                    ", post_transform=\"SOFTMAX_ZERO\"",
                ),
                "f32[3,3] = 0 0.52498 0.47502 1 0 0 0.45017 0.54983 0",
            ),
        ];
        check_near(&rows.each_ref().map(|(name, graph, expected)| (*name, graph.as_str(), *expected)));
    }

    #[test]
    fn what_is_missing_goes_where_it_is_told() {
        // Expected values from ONNX Runtime.
        let graph = |more: &str| {
            format!(
                "x: f32[2,2] = nan 1 0 nan\n\
                 y = ai.onnx.ml.TreeEnsembleRegressor(x, {TREES}, target_treeids=[0,0,1,1], target_nodeids=[1,2,1,2], \
                 target_ids=[0,0,0,0], target_weights=[1.0,2.0,10.0,20.0]{more})"
            )
        };
        let tracked = graph(", nodes_missing_value_tracks_true=[1,0,0,0,0,0]");
        check_near(&[
            ("to false", &graph(""), "f32[2,1] = 22 21"),
            ("to true", &tracked, "f32[2,1] = 21 21"),
        ]);
    }

    #[test]
    fn refusals() {
        let circle = TREES.replace("nodes_truenodeids=[1,0,0,1,0,0]", "nodes_truenodeids=[0,0,0,1,0,0]");
        let tree = |trees: &str| format!("{X}y = ai.onnx.ml.TreeEnsembleRegressor(x, {trees})");
        refuse(&[
            (
                "both classes",
                &classifier("y, s", "[1,2]", "[0,1,0,1]", "[0.4,0.6,0.5,0.3]", ""),
                "two classes",
            ),
            ("one label", &classifier("y, s", "[1]", "[0,0,0,0]", "[0.4,0.6,0.5,0.3]", ""), "1 class labels"),
            ("a circle", &tree(&circle), "deeper than 1024"),
            ("a way that is none", &tree(&circle.replace("[2,0,0,2,0,0]", "[9,0,0,2,0,0]")), "no node 9"),
            ("features", &tree(&TREES.replace("featureids=[0,", "featureids=[7,")), "feature 7 of 2"),
        ]);
    }
}
