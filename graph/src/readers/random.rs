//! Random numbers: RandomUniform, RandomNormal and their kin, Bernoulli, Multinomial.
//!
//! They are made when a graph is fixed, from a seed and a counter: the same in every engine, and in every run.

use std::f64::consts::TAU;

use xxhash_rust::xxh3::xxh3_64;

use super::narrow::element_type;
use crate::builder::Builder;
use crate::constant::random;
use crate::element_type::ElementType;
use crate::error::{Error, invalid, unsupported};
use crate::half::kept;
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::{Binary, CumulativeSum, Operator, Reduction};
use crate::strided::table;
use crate::tensor::{Data, DataType, Tensor};
use crate::writer::Writer;

/// Numbers by their place.
#[derive(Debug, Clone, Copy)]
struct Stream {
    seed: u64,
}

impl Stream {
    /// The seed of the attribute `seed`, or else of the node's name.
    fn of(node: &NodeView) -> Result<Stream, Error> {
        let seed = node.attributes.float("seed")?;
        let bits = seed.map_or_else(|| xxh3_64(node.name.as_bytes()), |seed| u64::from(seed.to_bits()));
        Ok(Stream { seed: random(bits, 0) })
    }

    /// At least 0 and below 1, of 24 bits, which f32 holds.
    fn uniform(self, at: usize) -> f32 {
        (random(self.seed, at as u64) >> 40) as f32 / (1u32 << 24) as f32
    }

    /// Of mean 0 and deviation 1: Box and Muller 1958, <https://doi.org/10.1214/aoms/1177706645>.
    fn normal(self, at: usize) -> f64 {
        let unit = |at: usize| (random(self.seed, at as u64) >> 11) as f64 / (1u64 << 53) as f64;
        let pair = at / 2 * 2;
        let length = libm::sqrt(-2.0 * libm::log(1.0 - unit(pair)));
        let angle = TAU * unit(pair + 1);
        length * if at == pair { libm::cos(angle) } else { libm::sin(angle) }
    }

    fn uniforms(self, shape: &[usize]) -> Result<Tensor, Error> {
        let elements: Vec<f32> = (0..table(shape)?).map(|at| self.uniform(at)).collect();
        Ok(Tensor { shape: shape.to_vec(), data: Data::from(elements) })
    }
}

/// A distribution that numbers are drawn from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Distribution {
    /// From `low` to `high`.
    Uniform,
    /// Of `mean` and `scale`.
    Normal,
}

/// RandomUniform and RandomNormal.
pub(crate) fn read(
    node: &NodeView,
    graph: &mut Builder,
    distribution: Distribution,
) -> Result<Vec<ValueId>, Error> {
    let shape = node.attributes.ints("shape")?.ok_or_else(|| invalid!("attribute \"shape\" is missing"))?;
    let shape: Result<Vec<usize>, _> = shape.iter().map(|&extent| usize::try_from(extent)).collect();
    let shape = shape.map_err(|_| invalid!("its shape has a negative extent"))?;
    draw(node, graph, distribution, &shape, wanted(node, DataType::F32)?)
}

/// RandomUniformLike and RandomNormalLike.
pub(crate) fn read_like(
    node: &NodeView,
    graph: &mut Builder,
    distribution: Distribution,
) -> Result<Vec<ValueId>, Error> {
    let like = &node.operand(0)?.tensor_type;
    draw(node, graph, distribution, &like.shape, wanted(node, like.data_type)?)
}

/// The type that attribute `dtype` says.
fn wanted(node: &NodeView, otherwise: DataType) -> Result<DataType, Error> {
    let number = node.attributes.int("dtype")?;
    let read = |number: i64| element_type(number, "dtype").map(ElementType::data_type);
    number.map_or(Ok(otherwise), read)
}

fn draw(
    node: &NodeView,
    graph: &mut Builder,
    distribution: Distribution,
    shape: &[usize],
    data_type: DataType,
) -> Result<Vec<ValueId>, Error> {
    if !data_type.is_float() {
        return Err(unsupported!("its random numbers are of {data_type}"));
    }
    let (stream, count) = (Stream::of(node)?, table(shape)?);
    let number = |name: &str, default: f32| Ok::<_, Error>(node.attributes.float(name)?.unwrap_or(default));
    let elements: Vec<f32> = match distribution {
        Distribution::Uniform => {
            let (low, high) = (number("low", 0.0)?, number("high", 1.0)?);
            (0..count).map(|at| low + (high - low) * stream.uniform(at)).collect()
        }
        Distribution::Normal => {
            let (mean, scale) = (f64::from(number("mean", 0.0)?), f64::from(number("scale", 1.0)?));
            (0..count).map(|at| (mean + scale * stream.normal(at)) as f32).collect()
        }
    };
    let data = kept(Data::from(elements), data_type);
    Ok(vec![graph.constant(node.name, Tensor { shape: shape.to_vec(), data })])
}

/// Bernoulli: one with the probability that each element says.
pub(crate) fn read_bernoulli(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let x = node.operand(0)?;
    let drawn = Stream::of(node)?.uniforms(&x.tensor_type.shape)?;
    let to = wanted(node, x.tensor_type.data_type)?;
    let write = Writer::new(node, graph);
    let likely = write.binary(Binary::Less, write.constant(drawn), write.cast(x.id, DataType::F32)?)?;
    Ok(vec![write.cast(likely, to)?])
}

/// Multinomial: classes drawn by the logarithms of their probabilities `[batch, classes]`.
pub(crate) fn read_multinomial(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let &[batch, classes] = node.shape(0)? else { return Err(invalid!("its operand is not of rank 2")) };
    let samples = node.attributes.int("sample_size")?.unwrap_or(1);
    let samples = usize::try_from(samples).map_err(|_| invalid!("sample_size is {samples}"))?;
    let drawn = Stream::of(node)?.uniforms(&[batch, samples, 1])?;
    let (x, to) = (node.operand(0)?.id, wanted(node, DataType::I32)?);
    let write = Writer::new(node, graph);
    let likely = write.softmax(write.cast(x, DataType::F32)?, 1)?;
    let sum = CumulativeSum { axis: 1, exclusive: false, reverse: false };
    let up_to = write.push(Operator::CumulativeSum(sum), &[Some(likely)])?;
    let up_to = write.reshape(up_to, &[batch, 1, classes])?;
    let passed = write.binary(Binary::LessOrEqual, up_to, write.constant(drawn))?;
    let class = write.reduce(Reduction::Sum, write.cast(passed, DataType::F32)?, &[2], false)?;
    // Rounding may leave the sum of all below one.
    let class = write.binary(Binary::Min, class, write.float(classes as f32 - 1.0))?;
    Ok(vec![write.cast(class, to)?])
}

#[cfg(test)]
mod tests {
    use super::Stream;
    use crate::ops::table::{check, refuse};
    use crate::{interpret, text};

    /// The graph's `y`, which depends on no input.
    fn drawn(lines: &str) -> Vec<f32> {
        let graph = text::parse(&format!("{lines}\nreturn y")).unwrap();
        interpret(&graph, &std::collections::BTreeMap::new()).unwrap()["y"].to_f32_vec()
    }

    fn moments(elements: &[f32]) -> (f64, f64) {
        let count = elements.len() as f64;
        let mean = elements.iter().copied().map(f64::from).sum::<f64>() / count;
        let spread = elements.iter().map(|&element| (f64::from(element) - mean).powi(2)).sum::<f64>() / count;
        (mean, spread.sqrt())
    }

    #[test]
    fn numbers_have_the_moments_asked_for() {
        let cases = [
            ("normal", "y = RandomNormal(shape=[100,100], mean=2.0, scale=3.0)", 2.0, 3.0),
            ("uniform", "y = RandomUniform(shape=[10000], low=-1.0, high=3.0)", 1.0, 4.0 / 12f64.sqrt()),
            ("like", "x: f32[100,100] = 0\ny = RandomNormalLike(x)", 0.0, 1.0),
            ("of halves", "x: f16[100,100] = 0\ny = RandomUniformLike(x, seed=3.0)", 0.5, 1.0 / 12f64.sqrt()),
            ("bernoulli", "x: f32[100,100] = 0.25\ny = Bernoulli(x)", 0.25, 0.1875f64.sqrt()),
            (
                // Classes 0, 1 and 2 at a half, a quarter and a quarter.
                "multinomial",
                "x: f32[1,3] = 0.6931472 0 0\nm = Multinomial(x, sample_size=10000)\ny = Cast(m, to=1)",
                0.75,
                0.6875f64.sqrt(),
            ),
        ];
        for (name, lines, mean, deviation) in cases {
            let found = moments(&drawn(lines));
            // Four standard errors.
            let off = 4.0 * deviation / 100.0;
            assert!((found.0 - mean).abs() < off && (found.1 - deviation).abs() < off, "{name}: {found:?}");
        }
    }

    #[test]
    fn a_seed_decides_and_a_name_where_there_is_none() {
        let [a, b] = ["1.0", "2.0"].map(|seed| drawn(&format!("y = RandomUniform(shape=[4], seed={seed})")));
        assert_eq!(a, drawn("y = RandomUniform(shape=[4], seed=1.0)"));
        assert_ne!(a, b);
        let both = "a = RandomNormal(shape=[4])\nb = RandomNormal(shape=[4])\ny = Sub(a, b)";
        assert!(drawn(both).iter().all(|&difference| difference != 0.0));
        assert!((0..1000).all(|at| (0.0..1.0).contains(&Stream { seed: 1 }.uniform(at))));
    }

    #[test]
    fn what_is_certain_is_not_left_to_chance() {
        check(&[
            ("no scale", "y = RandomNormal(shape=[2], mean=1.5, scale=0.0)", "f32[2] = 1.5"),
            ("no width", "y = RandomUniform(shape=[2], low=1.5, high=1.5)", "f32[2] = 1.5"),
            ("certainly or never", "x: f32[4] = 0 1 1 0\ny = Bernoulli(x, dtype=9)", "bool[4] = 0 1 1 0"),
            (
                "one class",
                "x: f32[2,3] = 0 -inf -inf -inf -inf 0\ny = Multinomial(x, sample_size=2)",
                "i32[2,2] = 0 0 2 2",
            ),
        ]);
        refuse(&[
            ("integers", "y = RandomNormal(shape=[2], dtype=6)", "random numbers are of i32"),
            ("too many", "y = RandomNormal(shape=[100000,100000])", "table of extents"),
        ]);
    }
}
