//! Matrix products: matmul_shared.wgsl, matmul_few.wgsl and matmul_alone.wgsl, and matmul_plain.wgsl for transposed
//! matrices, factors, integers and less than a vector of columns.

use graph::ops::{Activation, Gemm, MatMul};
use graph::{DataType, ValueId};

use super::elementwise;
use super::launch::{Grid, Launch, Shader, Task};
use super::tiling::{Tiling, class};
use crate::device::DeviceProperties;
use crate::error::Error;
use crate::strides::IterationSpace;
use crate::transfer::Element;
use crate::tuning::{Choice, Family, ShapeClass, Variant};

const SHARED: &str = include_str!("matmul_shared.wgsl");
const FEW: &str = include_str!("matmul_few.wgsl");
const ALONE: &str = include_str!("matmul_alone.wgsl");
const PLAIN: &str = include_str!("matmul_plain.wgsl");

/// A batch of products of `m` by `k` and `k` by `n` matrices, all row-major.
struct Product {
    m: usize,
    n: usize,
    k: usize,
    /// The batch: its dimensions, and the elements between neighbouring matrices of a and b.
    batch: IterationSpace,
    bias: Option<ValueId>,
    activation: Option<Activation>,
    /// The operand that is added to the result, element by element.
    residual: Option<ValueId>,
}

/// Details that only the plain kernel can compute.
struct Detail {
    /// Strides of a along rows and terms, and of b along terms and columns.
    a: [usize; 2],
    b: [usize; 2],
    /// Strides of what is added.
    c: [usize; 2],
    alpha: f32,
    beta: f32,
}

pub(super) fn matmul(task: &Task<'_>, operator: &MatMul) -> Result<Vec<Launch>, Error> {
    if task.input(0)?.data_type != DataType::I32 {
        task.float_input(0)?;
    }
    let (a, b) = (&task.input(0)?.shape, &task.input(1)?.shape);
    let output = &task.output()?.shape;
    // A vector is a matrix of one row or column, which the result's shape leaves out.
    let (a, b) = (row_matrix(a), column_matrix(b));
    let ([m, k], n) = ([a[a.len() - 2], a[a.len() - 1]], b[b.len() - 1]);
    let kept = usize::from(task.input(0)?.shape.len() > 1) + usize::from(task.input(1)?.shape.len() > 1);
    let batch = &output[..output.len() - kept];

    let strides = |shape: &[usize], matrix: usize| -> Result<Vec<i64>, Error> {
        let strides = task.broadcast(&shape[..shape.len() - 2], batch)?;
        Ok(strides.into_iter().map(|stride| stride * matrix as i64).collect())
    };
    let space = IterationSpace::new(batch, &[strides(&a, m * k)?, strides(&b, k * n)?]);
    let (bias, activation, residual) = (task.optional(2), operator.activation, task.optional(3));
    let product = Product { m, n, k, batch: space, bias, activation, residual }.rows_joined();
    let detail = Detail { a: [k, 1], b: [n, 1], c: [0, 1], alpha: 1.0, beta: 1.0 };
    Ok(vec![product.launch(task, &detail)?])
}

pub(super) fn gemm(task: &Task<'_>, operator: &Gemm) -> Result<Vec<Launch>, Error> {
    let (a, b) = (&task.float_input(0)?.shape, &task.float_input(1)?.shape);
    let (m, k) = if operator.transpose_a { (a[1], a[0]) } else { (a[0], a[1]) };
    let n = if operator.transpose_b { b[0] } else { b[1] };
    let bias = task.optional(2);
    let c = match bias {
        Some(c) => {
            task.broadcast(&task.value_type(c).shape, &[m, n])?.into_iter().map(|x| x as usize).collect()
        }
        None => vec![0, 1],
    };
    let detail = Detail {
        a: if operator.transpose_a { [1, m] } else { [k, 1] },
        b: if operator.transpose_b { [1, k] } else { [n, 1] },
        c: [c[0], c[1]],
        alpha: operator.alpha,
        beta: operator.beta,
    };
    let batch = IterationSpace::new(&[], &[vec![], vec![]]);
    let product = Product { m, n, k, batch, bias, activation: None, residual: None };
    Ok(vec![product.launch(task, &detail)?])
}

fn row_matrix(shape: &[usize]) -> Vec<usize> {
    if let [k] = shape { vec![1, *k] } else { shape.to_vec() }
}

fn column_matrix(shape: &[usize]) -> Vec<usize> {
    if let [k] = shape { vec![*k, 1] } else { shape.to_vec() }
}

impl Product {
    /// Fewer, taller matrices that come to the same, where all of a batch are multiplied by one b.
    fn rows_joined(mut self) -> Self {
        let IterationSpace { extents, strides } = &self.batch;
        if extents.len() == 1 && strides[1][0] == 0 && strides[0][0] == (self.m * self.k) as i64 {
            self.m *= extents[0];
            self.batch = IterationSpace::new(&[], &[vec![], vec![]]);
        }
        self
    }

    fn launch(&self, task: &Task<'_>, detail: &Detail) -> Result<Launch, Error> {
        let floats = Element::of(task.input(0)?.data_type) == Element::F32;
        let filled = self.n >= 4 && self.k > 0;
        if floats && filled && detail.is_usual(self) {
            self.vector_launch(task)
        } else {
            self.plain_launch(task, detail)
        }
    }

    fn class(&self, device: &DeviceProperties) -> ShapeClass {
        class(device, self.m, self.n, self.k)
    }

    fn vector_launch(&self, task: &Task<'_>) -> Result<Launch, Error> {
        let choice = task.choose(Family::Matmul, self.class(task.device));
        let form = Form::new(self, choice, task.device);
        let mut batch = self.batch.clone();
        let width = |extent: usize| if extent.is_multiple_of(4) { 4 } else { 1 };
        for (strides, extent) in batch.strides.iter_mut().zip([self.k, self.n]) {
            strides.iter_mut().for_each(|stride| *stride /= width(extent));
        }
        let terms = self.k / width(self.k) as usize;
        let Form { name, file, tiling, sharing, .. } = &form;
        let shader = Shader::new(format!("matmul {name} {}x{}", tiling.rows, tiling.vectors * 4), file)
            .columns(self.n, self.n)
            .functions(true, elementwise::activation(self.activation))
            .iteration(task, &batch, "BATCH")?
            .optional_operands(&[("BIAS", self.bias), ("RESIDUAL", self.residual)], 2)
            .elements("A", self.k.is_multiple_of(4))
            .size("K", self.k)
            .size("A_ROW", terms)
            .turns(task, |at_a_turn| terms.div_ceil(sharing * at_a_turn))?
            .shared_bytes(form.shared_bytes);
        let shader = if *file == FEW { shader } else { shader.size("M", self.m) };
        let shader = tiling.describe(shader);
        self.finish(task, shader, choice, form.blocks)
    }

    fn plain_launch(&self, task: &Task<'_>, detail: &Detail) -> Result<Launch, Error> {
        let choice = task.choose(Family::MatmulPlain, self.class(task.device));
        let element = Element::of(task.input(0)?.data_type);
        let float = element == Element::F32;
        let rows = (choice.tile[0] as usize).min(self.m).max(1);
        let [x, y] = [choice.lanes, choice.lines].map(|extent| extent as usize);
        let shader = Shader::new(format!("matmul plain {rows}x1"), PLAIN)
            .functions(false, elementwise::activation(self.activation))
            .iteration(task, &self.batch, "BATCH")?
            .number("ROWS", rows)
            .optional_operands(&[("BIAS", self.bias), ("RESIDUAL", self.residual)], 2)
            .size("M", self.m)
            .size("N", self.n)
            .size("K", self.k)
            .turns(task, |at_a_turn| self.k.div_ceil(at_a_turn))?
            .size("A_ROW", detail.a[0])
            .size("A_K", detail.a[1])
            .size("B_K", detail.b[0])
            .size("B_COLUMN", detail.b[1])
            .word("E", element.wgsl(false))
            .switch("FLOAT", float)
            .switch("WHOLE", !float);
        let shader = if float { shader.constant("ALPHA", detail.alpha) } else { shader };
        let shader = if self.bias.is_some() {
            let [row, column] = detail.c;
            shader.size("C_ROW", row).size("C_COLUMN", column).constant("BETA", detail.beta)
        } else {
            shader
        };
        self.finish(task, shader, choice, [self.n.div_ceil(x), self.m.div_ceil(y * rows)])
    }

    /// `[x, y]` are the workgroups that one product takes.
    fn finish(
        &self,
        task: &Task<'_>,
        shader: Shader,
        choice: Choice,
        [x, y]: [usize; 2],
    ) -> Result<Launch, Error> {
        let grid = Grid::Blocks([x, y, self.batch.extents.iter().product()]);
        let reads = [task.input_id(0)?, task.input_id(1)?].into_iter();
        let reads: Vec<_> = reads.chain(self.bias).chain(self.residual).collect();
        task.launch(shader, [choice.lanes, choice.lines], grid, &reads, task.output_id()?)
    }
}

/// A kernel for vectors of four, and what of the work its workgroups do.
struct Form {
    name: &'static str,
    file: &'static str,
    tiling: Tiling,
    shared_bytes: u32,
    /// Invocations that share the terms of a result.
    sharing: usize,
    /// Workgroups of one product.
    blocks: [usize; 2],
}

impl Form {
    fn new(product: &Product, choice: Choice, device: &DeviceProperties) -> Self {
        let tiling = Tiling::new(device, choice, [product.m, product.k, product.n]);
        let Tiling { lines, columns, lanes: [x, y], .. } = tiling;
        let (name, file, shared_bytes, sharing, blocks) = match (choice.variant, product.class(device)) {
            (Variant::Shared, ShapeClass::Vector) => {
                let shared_bytes = 16 * (x * y * product.m) as u32;
                ("few", FEW, shared_bytes, y, [product.n.div_ceil(4 * x), 1])
            }
            (Variant::Shared, _) => ("shared", SHARED, tiling.block_bytes(), 1, [columns, lines]),
            (Variant::Alone, _) => ("alone", ALONE, 0, 1, [lines, columns]),
        };
        let tiling = if file == FEW { tiling.in_one(product.m) } else { tiling };
        Form { name, file, tiling, shared_bytes, sharing, blocks }
    }
}

impl Detail {
    /// Returns whether the kernels with vectors compute this: row-major operands and a bias for each column.
    fn is_usual(&self, product: &Product) -> bool {
        let operands = self.a == [product.k, 1] && self.b == [product.n, 1];
        let added = product.bias.is_none() || (self.beta == 1.0 && self.c == [0, 1]);
        operands && added && self.alpha == 1.0
    }
}
