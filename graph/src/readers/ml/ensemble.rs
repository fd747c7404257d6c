//! Tree ensembles as ai.onnx.ml writes them, in their older and their newer form, read into one table of nodes.

use std::collections::{BTreeMap, BTreeSet};

use super::floats;
use crate::error::{Error, invalid, unsupported};
use crate::node_view::NodeView;
use crate::ops::Binary;
use crate::strided::table;

/// Deeper trees belong to no sound model.
const MOST_LEVELS: usize = 1024;

/// The comparison of a node's feature with its split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    LessOrEqual,
    Less,
    GreaterOrEqual,
    Greater,
    Equal,
    NotEqual,
}

impl Mode {
    /// The comparison, and whether its opposite is meant.
    pub fn comparison(self) -> (Binary, bool) {
        match self {
            Mode::LessOrEqual => (Binary::LessOrEqual, false),
            Mode::Less => (Binary::Less, false),
            Mode::GreaterOrEqual => (Binary::GreaterOrEqual, false),
            Mode::Greater => (Binary::Greater, false),
            Mode::Equal => (Binary::Equal, false),
            Mode::NotEqual => (Binary::Equal, true),
        }
    }
}

/// A node: a branch, or a leaf, which leads to itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Branch {
    pub feature: usize,
    pub mode: Mode,
    pub split: f32,
    /// True where NaN takes the way of what compares as true.
    pub nan_is_true: bool,
    pub yes: usize,
    pub no: usize,
}

/// All trees of an ensemble.
#[derive(Debug, Clone)]
pub(super) struct Ensemble {
    pub nodes: Vec<Branch>,
    /// The first node of each tree.
    pub roots: Vec<usize>,
    /// The weights that leaves add: node, target, weight.
    pub weights: Vec<(usize, usize, f32)>,
    /// The number of branches that lie one below the other.
    pub levels: usize,
}

impl Branch {
    /// Returns whether it is a leaf, standing at this place.
    pub fn is_leaf(&self, at: usize) -> bool {
        self.yes == at && self.no == at
    }
}

fn leaf(at: usize) -> Branch {
    Branch { feature: 0, mode: Mode::LessOrEqual, split: 0.0, nan_is_true: false, yes: at, no: at }
}

/// A list of numbers that are places.
fn places(node: &NodeView, name: &str) -> Result<Vec<usize>, Error> {
    let given = node.attributes.ints(name)?.unwrap_or_default().iter();
    let place = |&number: &i64| usize::try_from(number).map_err(|_| invalid!("{name} holds {number}"));
    given.map(place).collect()
}

/// The element of a list that has one for each node.
fn at<T: Copy>(list: &[T], index: usize, name: &str) -> Result<T, Error> {
    list.get(index).copied().ok_or_else(|| invalid!("{name} has only {} elements", list.len()))
}

impl Ensemble {
    /// The older form: nodes and weights (of `target` or `class`) are named by tree and number.
    pub fn named(node: &NodeView, weights: &str) -> Result<Ensemble, Error> {
        let (trees, numbers) = (places(node, "nodes_treeids")?, places(node, "nodes_nodeids")?);
        table(&[trees.len(), 4])?;
        let keys: Vec<(usize, usize)> = trees.iter().copied().zip(numbers.iter().copied()).collect();
        let index: BTreeMap<_, _> = keys.iter().enumerate().map(|(index, &key)| (key, index)).collect();
        let find = |tree: usize, number: usize| {
            index.get(&(tree, number)).copied().ok_or_else(|| invalid!("tree {tree} has no node {number}"))
        };
        let modes = node.attributes.texts("nodes_modes")?.unwrap_or_default();
        let (yes, no) = (places(node, "nodes_truenodeids")?, places(node, "nodes_falsenodeids")?);
        let (features, splits) =
            (places(node, "nodes_featureids")?, floats(node.attributes, "nodes_values")?);
        let missing = places(node, "nodes_missing_value_tracks_true")?;
        let branch = |(index, &(tree, _)): (usize, &(usize, usize))| {
            let mode = modes.get(index).map(String::as_str).unwrap_or_default();
            if mode == "LEAF" {
                return Ok(leaf(index));
            }
            Ok(Branch {
                feature: at(&features, index, "nodes_featureids")?,
                mode: mode_of(mode)?,
                split: at(&splits, index, "nodes_values")?,
                nan_is_true: missing.get(index).is_some_and(|&flag| flag != 0),
                yes: find(tree, at(&yes, index, "nodes_truenodeids")?)?,
                no: find(tree, at(&no, index, "nodes_falsenodeids")?)?,
            })
        };
        let nodes: Vec<Branch> = keys.iter().enumerate().map(branch).collect::<Result<_, _>>()?;
        let of = |name: &str| places(node, &format!("{weights}_{name}"));
        let (in_trees, in_nodes, targets) = (of("treeids")?, of("nodeids")?, of("ids")?);
        let added = floats(node.attributes, &format!("{weights}_weights"))?;
        let weight = |(index, &target): (usize, &usize)| {
            let found = find(at(&in_trees, index, "treeids")?, at(&in_nodes, index, "nodeids")?)?;
            Ok((found, target, at(&added, index, "weights")?))
        };
        let weights = targets.iter().enumerate().map(weight).collect::<Result<_, Error>>()?;
        let below: BTreeSet<usize> = nodes
            .iter()
            .enumerate()
            .flat_map(|(index, branch)| [branch.yes, branch.no].into_iter().filter(move |&to| to != index))
            .collect();
        let roots = (0..nodes.len()).filter(|index| !below.contains(index)).collect();
        Ensemble { nodes, roots, weights, levels: 0 }.checked()
    }

    /// The newer form: branches and leaves are numbered.
    pub fn numbered(node: &NodeView) -> Result<Ensemble, Error> {
        let tensor = |name: &str| {
            let found = node.attributes.tensor(name)?;
            Ok::<_, Error>(found.map(|tensor| tensor.to_f32_vec()).unwrap_or_default())
        };
        let (modes, splits) = (tensor("nodes_modes")?, tensor("nodes_splits")?);
        table(&[modes.len(), 4])?;
        let (features, missing) =
            (places(node, "nodes_featureids")?, places(node, "nodes_missing_value_tracks_true")?);
        let (yes, no) = (places(node, "nodes_truenodeids")?, places(node, "nodes_falsenodeids")?);
        let (yes_leaf, no_leaf) = (places(node, "nodes_trueleafs")?, places(node, "nodes_falseleafs")?);
        let (targets, added) = (places(node, "leaf_targetids")?, tensor("leaf_weights")?);
        let members = tensor("membership_values")?;
        let mut members = members.split(|member| member.is_nan());
        let branches = modes.len();
        let mut nodes = vec![leaf(0); branches];
        nodes.extend((0..targets.len()).map(|number| leaf(branches + number)));
        for index in 0..branches {
            let to = |places: &[usize], leaves: &[usize], name: &str| {
                let place = at(places, index, name)?;
                let is_leaf = leaves.get(index).is_some_and(|&flag| flag != 0);
                Ok::<_, Error>(if is_leaf { branches.saturating_add(place) } else { place })
            };
            let branch = Branch {
                feature: at(&features, index, "nodes_featureids")?,
                mode: Mode::Equal,
                split: at(&splits, index, "nodes_splits")?,
                nan_is_true: missing.get(index).is_some_and(|&flag| flag != 0),
                yes: to(&yes, &yes_leaf, "nodes_truenodeids")?,
                no: to(&no, &no_leaf, "nodes_falsenodeids")?,
            };
            match mode_of_number(modes[index])? {
                Some(mode) => nodes[index] = Branch { mode, ..branch },
                None => one_of(&mut nodes, index, branch, members.next().unwrap_or_default())?,
            }
        }
        let weight = |(number, &target): (usize, &usize)| {
            Ok((branches + number, target, at(&added, number, "leaf_weights")?))
        };
        let weights = targets.iter().enumerate().map(weight).collect::<Result<_, Error>>()?;
        Ensemble { nodes, roots: places(node, "tree_roots")?, weights, levels: 0 }.checked()
    }

    /// Counts the levels; refuses nodes that lead nowhere or in circles.
    fn checked(mut self) -> Result<Ensemble, Error> {
        let count = self.nodes.len();
        let known = |&index: &usize| index < count;
        let sound = self.nodes.iter().all(|branch| known(&branch.yes) && known(&branch.no));
        if !sound || !self.roots.iter().all(known) || self.roots.is_empty() {
            return Err(invalid!("its trees lead to nodes that are not there, or have no root"));
        }
        let mut level: BTreeSet<usize> = self.roots.iter().copied().collect();
        loop {
            level.retain(|&index| !self.nodes[index].is_leaf(index));
            if level.is_empty() {
                return Ok(self);
            }
            self.levels += 1;
            if self.levels > MOST_LEVELS {
                return Err(unsupported!("its trees are deeper than {MOST_LEVELS} branches"));
            }
            level = level.iter().flat_map(|&index| [self.nodes[index].yes, self.nodes[index].no]).collect();
        }
    }

    /// Returns whether every row gets a weight for every target: some tree has one in each of its leaves.
    pub fn covers(&self, targets: usize) -> bool {
        let weighted: BTreeSet<(usize, usize)> =
            self.weights.iter().map(|&(node, target, _)| (node, target)).collect();
        let covered = |target: usize| {
            self.roots.iter().any(|&root| {
                let (mut ways, mut gone) = (vec![root], BTreeSet::new());
                while let Some(index) = ways.pop() {
                    let branch = self.nodes[index];
                    match branch.is_leaf(index) {
                        true if !weighted.contains(&(index, target)) => return false,
                        true => {}
                        // However many ways lead to a node, it is looked at once.
                        false if gone.insert(index) => ways.extend([branch.yes, branch.no]),
                        false => {}
                    }
                }
                true
            })
        };
        (0..targets).all(covered)
    }
}

fn mode_of(name: &str) -> Result<Mode, Error> {
    match name {
        "BRANCH_LEQ" => Ok(Mode::LessOrEqual),
        "BRANCH_LT" => Ok(Mode::Less),
        "BRANCH_GTE" => Ok(Mode::GreaterOrEqual),
        "BRANCH_GT" => Ok(Mode::Greater),
        "BRANCH_EQ" => Ok(Mode::Equal),
        "BRANCH_NEQ" => Ok(Mode::NotEqual),
        other => Err(invalid!("a node's mode is {other:?}")),
    }
}

/// The mode of the newer form; `None` is membership in a set.
fn mode_of_number(number: f32) -> Result<Option<Mode>, Error> {
    const MODES: [Mode; 6] =
        [Mode::LessOrEqual, Mode::Less, Mode::GreaterOrEqual, Mode::Greater, Mode::Equal, Mode::NotEqual];
    match number as usize {
        6 => Ok(None),
        known if known < MODES.len() => Ok(Some(MODES[known])),
        _ => Err(invalid!("a node's mode is {number}")),
    }
}

/// A node that asks whether its feature is one of several: a chain of nodes that ask for one each.
fn one_of(nodes: &mut Vec<Branch>, index: usize, branch: Branch, members: &[f32]) -> Result<(), Error> {
    let Some((&first, others)) = members.split_first() else {
        return Err(invalid!("a node asks for membership in an empty set"));
    };
    let mut no = branch.no;
    for &split in others {
        nodes.push(Branch { split, no, ..branch });
        no = nodes.len() - 1;
    }
    nodes[index] = Branch { split: first, no, ..branch };
    Ok(())
}
