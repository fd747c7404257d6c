//! A tensor on a Burn device, and what moves its elements without computing with them.
//!
//! Burn keeps floats, integers and bools apart, each with its own operations, and has no tensors without
//! dimensions: here a scalar is one element in one dimension.

use burn::backend::ops::{BoolTensorOps, FloatTensorOps, IntTensorOps};
use burn::backend::{Dispatch, DispatchDevice, DispatchTensor, Shape, TensorData, TensorMetadata};
use burn::tensor::{BoolDType, FloatDType, IntDType};
use graph::ops::Slice;
use graph::{Data, DataType, Tensor, TensorType};
use half::f16;

/// The type that bools are kept as.
pub const BOOL: BoolDType = BoolDType::Native;

/// The family of Burn's operations that a tensor takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Float,
    Int,
    Bool,
}

/// A tensor on a Burn device.
#[derive(Debug, Clone)]
pub struct Value {
    pub family: Family,
    pub tensor: DispatchTensor,
}

/// An operation from the family that the tensor belongs to.
macro_rules! each {
    ($value:expr, $float:ident, $int:ident, $bool:ident $(, $argument:expr)*) => {{
        let Value { family, tensor } = $value;
        let tensor = match family {
            Family::Float => Dispatch::$float(tensor $(, $argument)*),
            Family::Int => Dispatch::$int(tensor $(, $argument)*),
            Family::Bool => Dispatch::$bool(tensor $(, $argument)*),
        };
        Value { family, tensor }
    }};
}

impl Value {
    pub fn float(tensor: DispatchTensor) -> Value {
        Value { family: Family::Float, tensor }
    }

    pub fn int(tensor: DispatchTensor) -> Value {
        Value { family: Family::Int, tensor }
    }

    pub fn bool(tensor: DispatchTensor) -> Value {
        Value { family: Family::Bool, tensor }
    }

    /// Copies a tensor to the device.
    pub fn upload(tensor: &Tensor, device: &DispatchDevice) -> Value {
        let shape = physical(&tensor.shape);
        let int = |data| Value::int(Dispatch::int_from_data(data, device));
        match &tensor.data {
            Data::F32(elements) => {
                Value::float(Dispatch::float_from_data(TensorData::new(elements.to_vec(), shape), device))
            }
            // Burn's CPU backend computes in f32, and so it keeps f16.
            Data::F16(_) => {
                Value::float(Dispatch::float_from_data(TensorData::new(tensor.to_f32_vec(), shape), device))
            }
            Data::I64(elements) => int(TensorData::new(elements.to_vec(), shape)),
            Data::I32(elements) => int(TensorData::new(elements.to_vec(), shape)),
            Data::U8(elements) => int(TensorData::new(elements.to_vec(), shape)),
            Data::I8(elements) => int(TensorData::new(elements.to_vec(), shape)),
            Data::Bool(elements) => {
                Value::bool(Dispatch::bool_from_data(TensorData::new(elements.to_vec(), shape), device))
            }
        }
    }

    /// Copies the tensor back, as one of this type.
    ///
    /// # Errors
    /// Where the device failed since, or the tensor holds another type.
    pub fn download(self, tensor_type: &TensorType) -> Result<Tensor, String> {
        let data = match self.family {
            Family::Float => pollster::block_on(Dispatch::float_into_data(self.tensor)),
            Family::Int => pollster::block_on(Dispatch::int_into_data(self.tensor)),
            Family::Bool => pollster::block_on(Dispatch::bool_into_data(self.tensor)),
        };
        let data = data.map_err(|error| error.to_string())?;
        let elements = match tensor_type.data_type {
            DataType::F32 => data.as_slice::<f32>().map(|elements| Data::from(elements.to_vec())),
            DataType::F16 => data
                .as_slice::<f32>()
                .map(|elements| Data::F16(elements.iter().map(|&element| f16::from_f32(element)).collect())),
            DataType::I64 => data.as_slice::<i64>().map(|elements| Data::from(elements.to_vec())),
            DataType::I32 => data.as_slice::<i32>().map(|elements| Data::from(elements.to_vec())),
            DataType::U8 => data.as_slice::<u8>().map(|elements| Data::from(elements.to_vec())),
            DataType::I8 => data.as_slice::<i8>().map(|elements| Data::from(elements.to_vec())),
            // What was picked out of bools comes back as bytes.
            DataType::Bool => match data.as_slice::<u8>() {
                Ok(bytes) => Ok(Data::from(bytes.iter().map(|byte| *byte != 0).collect::<Vec<_>>())),
                Err(_) => data.as_slice::<bool>().map(|elements| Data::from(elements.to_vec())),
            },
        };
        let elements = elements.map_err(|error| error.to_string())?;
        Tensor::new(tensor_type.shape.clone(), elements).map_err(|error| error.to_string())
    }

    /// The extents.
    pub fn shape(&self) -> Vec<usize> {
        self.tensor.shape().to_vec()
    }

    /// Its elements, in their order, in another shape.
    pub fn reshape(self, shape: &[usize]) -> Value {
        let shape = physical(shape);
        if self.shape() == shape {
            return self;
        }
        each!(self, float_reshape, int_reshape, bool_reshape, Shape::from(shape))
    }

    /// Broadcast to a shape of its rank or higher.
    pub fn expand(self, shape: &[usize]) -> Value {
        let shape = physical(shape);
        let given = self.shape();
        if given == shape {
            return self;
        }
        let aligned = [vec![1; shape.len().saturating_sub(given.len())], given].concat();
        each!(self.reshape(&aligned), float_expand, int_expand, bool_expand, Shape::from(shape))
    }

    /// Output axis `i` is input axis `axes[i]`.
    pub fn permute(self, axes: &[usize]) -> Value {
        if axes.iter().copied().eq(0..axes.len()) {
            return self;
        }
        each!(self, float_permute, int_permute, bool_permute, axes)
    }

    /// A window with forward steps.
    pub fn slice(self, slices: &[burn::backend::Slice]) -> Value {
        each!(self, float_slice, int_slice, bool_slice, slices)
    }

    /// A strided window.
    pub fn window(self, slice: &Slice) -> Value {
        let along = |axis: usize| {
            let (start, count) = (slice.starts[axis] as isize, slice.shape[axis] as isize);
            // A step only counts where there is a second element; elsewhere it may be anything.
            let step = if count > 1 { slice.steps[axis] } else { 1 };
            let last = start + (count - 1) * step;
            burn::backend::Slice::new(start.min(last), Some(start.max(last) + 1), step.abs())
        };
        let axes = 0..slice.starts.len();
        let slices: Vec<_> = axes.clone().map(along).collect();
        let backwards: Vec<_> = axes.filter(|&axis| slice.steps[axis] < 0).collect();
        self.slice(&slices).flip(&backwards)
    }

    /// Its elements, backwards along these axes.
    pub fn flip(self, axes: &[usize]) -> Value {
        if axes.is_empty() {
            return self;
        }
        each!(self, float_flip, int_flip, bool_flip, axes)
    }

    /// The slices at these indices along an axis; the indices have one dimension and none is negative.
    pub fn select(self, axis: usize, indices: DispatchTensor) -> Value {
        if self.family == Family::Bool {
            // Burn's own turns bools into bytes here, and no longer knows them.
            return self.cast(DataType::U8).select(axis, indices).cast(DataType::Bool);
        }
        each!(self, float_select, int_select, bool_select, axis, indices)
    }

    /// Another tensor's elements where the mask is true; all of one shape.
    pub fn replace(self, mask: DispatchTensor, by: Value) -> Value {
        each!(self, float_mask_where, int_mask_where, bool_mask_where, mask, by.tensor)
    }

    /// Tensors of one family, joined along an axis.
    pub fn concatenate(values: Vec<Value>, axis: usize) -> Value {
        let family = values.first().map_or(Family::Float, |value| value.family);
        let tensors = values.into_iter().map(|value| value.tensor).collect();
        let tensor = match family {
            Family::Float => Dispatch::float_cat(tensors, axis),
            Family::Int => Dispatch::int_cat(tensors, axis),
            Family::Bool => Dispatch::bool_cat(tensors, axis),
        };
        Value { family, tensor }
    }

    /// Each element converted as ONNX Cast does.
    pub fn cast(self, to: DataType) -> Value {
        let Value { family, tensor } = self;
        match (family, cast_target(to)) {
            (Family::Float, CastTarget::Float) | (Family::Bool, CastTarget::Bool) => Value { family, tensor },
            (Family::Float, CastTarget::Int(to)) => {
                // Straight into a narrow type Burn stops at its ends, where narrowing wraps around.
                let wide = Dispatch::float_into_int(tensor, IntDType::I64);
                Value::int(Dispatch::int_cast(wide, to))
            }
            (Family::Float, CastTarget::Bool) => {
                Value::bool(Dispatch::float_not_equal_elem(tensor, 0.0.into(), BOOL))
            }
            (Family::Int, CastTarget::Float) => {
                Value::float(Dispatch::int_into_float(tensor, FloatDType::F32))
            }
            (Family::Int, CastTarget::Int(to)) => Value::int(Dispatch::int_cast(tensor, to)),
            (Family::Int, CastTarget::Bool) => {
                Value::bool(Dispatch::int_not_equal_elem(tensor, 0.into(), BOOL))
            }
            (Family::Bool, CastTarget::Float) => {
                Value::float(Dispatch::bool_into_float(tensor, FloatDType::F32))
            }
            (Family::Bool, CastTarget::Int(to)) => Value::int(Dispatch::bool_into_int(tensor, to)),
        }
    }
}

/// A shape as Burn has it: never without dimensions.
fn physical(shape: &[usize]) -> Vec<usize> {
    if shape.is_empty() { vec![1] } else { shape.to_vec() }
}

enum CastTarget {
    Float,
    Int(IntDType),
    Bool,
}

fn cast_target(data_type: DataType) -> CastTarget {
    match data_type {
        DataType::F32 | DataType::F16 => CastTarget::Float,
        DataType::I64 => CastTarget::Int(IntDType::I64),
        DataType::I32 => CastTarget::Int(IntDType::I32),
        DataType::U8 => CastTarget::Int(IntDType::U8),
        DataType::I8 => CastTarget::Int(IntDType::I8),
        DataType::Bool => CastTarget::Bool,
    }
}
