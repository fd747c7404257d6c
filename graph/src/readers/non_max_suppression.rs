//! NonMaxSuppression of boxes and scores that are known: how many it keeps is for the data to say.

use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::tensor::Tensor;

/// The limits by which boxes are kept.
#[derive(Debug, Clone, Copy)]
struct BoxLimits {
    most: usize,
    overlap: f32,
    score: Option<f32>,
}

/// NonMaxSuppression: boxes `[batch, boxes, 4]`, scores `[batch, classes, boxes]`, most boxes of each class, overlap
/// above which the less likely of two goes, and least score. Each row of the result is batch, class, box.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let most =
        node.integers(2, "largest number of boxes")?.and_then(|most| most.first().copied()).unwrap_or(0);
    let most = usize::try_from(most).unwrap_or(0);
    let number = |index: usize, what: &str| {
        Ok::<_, Error>(node.constant(index, what)?.and_then(|number| number.to_f32_vec().first().copied()))
    };
    let limits =
        BoxLimits { most, overlap: number(3, "overlap")?.unwrap_or(0.0), score: number(4, "score")? };
    let (&[batch, count, 4], &[_, classes, _]) = (node.shape(0)?, node.shape(1)?) else {
        return Err(invalid!("its boxes and scores are not of rank 3"));
    };
    let mut rows = Vec::new();
    if most > 0 {
        let known = |index: usize, what: &str| {
            let known = node.constant(index, what)?.map(Tensor::to_f32_vec);
            known.ok_or_else(|| invalid!("operand {index} is missing"))
        };
        let (boxes, scores) = (known(0, "boxes")?, known(1, "scores")?);
        if scores.len() != batch * classes * count {
            return Err(invalid!("{} scores do not fit {batch} times {count} boxes", scores.len()));
        }
        let centred = node.attributes.flag("center_point_box", false)?;
        let corners: Vec<[f32; 4]> = boxes.chunks(4).map(|sides| corners(sides, centred)).collect();
        for (at, own) in scores.chunks(count.max(1)).enumerate() {
            let (image, class) = (at / classes.max(1), at % classes.max(1));
            let kept = limits.kept(&corners[image * count..][..count], own);
            rows.extend(kept.into_iter().flat_map(|at| [image as i64, class as i64, at as i64]));
        }
    }
    Ok(vec![graph.constant(node.name, Tensor::new([rows.len() / 3, 3], rows)?)])
}

/// Lower and upper end along both axes, from two opposite corners or from a centre and extents.
fn corners(sides: &[f32], centred: bool) -> [f32; 4] {
    let &[a, b, c, d] = sides else { return [0.0; 4] };
    match centred {
        true => [a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0],
        false => [a.min(c), b.min(d), a.max(c), b.max(d)],
    }
}

/// The share of two boxes that both cover.
fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let area = |corners: &[f32; 4]| (corners[2] - corners[0]) * (corners[3] - corners[1]);
    let side = |axis: usize| (a[axis + 2].min(b[axis + 2]) - a[axis].max(b[axis])).max(0.0);
    let common = side(0) * side(1);
    let all = area(a) + area(b) - common;
    if area(a) <= 0.0 || area(b) <= 0.0 || all <= 0.0 { 0.0 } else { common / all }
}

impl BoxLimits {
    /// The boxes that stay, the likeliest first.
    fn kept(&self, boxes: &[[f32; 4]], scores: &[f32]) -> Vec<usize> {
        let mut order: Vec<usize> =
            (0..boxes.len()).filter(|&at| self.score.is_none_or(|least| scores[at] > least)).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let mut kept: Vec<usize> = Vec::new();
        for at in order {
            if kept.len() == self.most {
                break;
            }
            if kept.iter().all(|&other| overlap(&boxes[at], &boxes[other]) <= self.overlap) {
                kept.push(at);
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    const BOXES: &str = "b: f32[1,6,4] = 0 0 1 1 0 0.1 1 1.1 0 -0.1 1 0.9 0 10 1 11 0 10.1 1 11.1 0 100 1 101\n\
                         s: f32[1,1,6] = 0.9 0.75 0.6 0.95 0.5 0.3\nm: i64[1] = 3\no: f32[1] = 0.5\n";

    #[test]
    fn values() {
        // The boxes and the results are those of the ONNX specification.
        let case = |rest: &str| format!("{BOXES}{rest}");
        check(&[
            (
                "by overlap and scores",
                &case("t: f32[1] = 0.4\ny = NonMaxSuppression(b, s, m, o, t)"),
                "i64[2,3] = 0 0 3 0 0 0",
            ),
            ("by overlap", &case("y = NonMaxSuppression(b, s, m, o)"), "i64[3,3] = 0 0 3 0 0 0 0 0 5"),
            ("limited", &case("n: i64[1] = 2\ny = NonMaxSuppression(b, s, n, o)"), "i64[2,3] = 0 0 3 0 0 0"),
            ("none", &case("y = NonMaxSuppression(b, s)"), "i64[0,3] ="),
            (
                "centres",
                "b: f32[1,3,4] = 0.5 0.5 1 1 0.5 0.6 1 1 0.5 10.5 1 1\ns: f32[1,1,3] = 0.9 0.75 0.6\nm: i64[1] = 3\n\
                 o: f32[1] = 0.5\ny = NonMaxSuppression(b, s, m, o, center_point_box=1)",
                "i64[2,3] = 0 0 0 0 0 2",
            ),
        ]);
        refuse(&[(
            "computed boxes",
            "b: f32[1,6,4]\ns: f32[1,1,6]\nm: i64[1] = 3\ny = NonMaxSuppression(b, s, m)",
            "its boxes (operand 0) depend on the data",
        )]);
    }
}
