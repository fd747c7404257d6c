//! The element types of WebNN.

use std::fmt;

use graph::DataType;

/// MLOperandDataType (<https://www.w3.org/TR/webnn/#enumdef-mloperanddatatype>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is named as WebNN names it")]
pub enum ElementType {
    Float32,
    Float16,
    Int64,
    Uint64,
    Int32,
    Uint32,
    Int8,
    Uint8,
    Int4,
    Uint4,
}

use ElementType::{Float16, Float32, Int4, Int8, Int32, Int64, Uint4, Uint8, Uint32, Uint64};

impl ElementType {
    const ALL: [ElementType; 10] = [Float32, Float16, Int64, Uint64, Int32, Uint32, Int8, Uint8, Int4, Uint4];

    /// The name that WebNN gives it.
    pub fn name(self) -> &'static str {
        match self {
            Float32 => "float32",
            Float16 => "float16",
            Int64 => "int64",
            Uint64 => "uint64",
            Int32 => "int32",
            Uint32 => "uint32",
            Int8 => "int8",
            Uint8 => "uint8",
            Int4 => "int4",
            Uint4 => "uint4",
        }
    }

    /// The type of that name.
    pub fn named(name: &str) -> Option<ElementType> {
        ElementType::ALL.into_iter().find(|element| element.name() == name)
    }

    /// Returns whether it has fractions, NaN and infinities.
    pub fn is_float(self) -> bool {
        matches!(self, Float32 | Float16)
    }

    /// The least number of the type, −∞ of floats.
    pub fn lowest(self) -> f64 {
        match self {
            Float32 | Float16 => f64::NEG_INFINITY,
            Int64 => i64::MIN as f64,
            Int32 => f64::from(i32::MIN),
            Int8 => f64::from(i8::MIN),
            Int4 => -8.0,
            Uint64 | Uint32 | Uint8 | Uint4 => 0.0,
        }
    }

    /// The largest number of the type, ∞ of floats; of 64 bits, the nearest float64.
    pub fn highest(self) -> f64 {
        match self {
            Float32 | Float16 => f64::INFINITY,
            Int64 => i64::MAX as f64,
            Uint64 => u64::MAX as f64,
            Int32 => f64::from(i32::MAX),
            Uint32 => f64::from(u32::MAX),
            Int8 => f64::from(i8::MAX),
            Uint8 => f64::from(u8::MAX),
            Int4 => 7.0,
            Uint4 => 15.0,
        }
    }

    /// Bits that an element takes.
    pub fn size_bits(self) -> u64 {
        match self {
            Int64 | Uint64 => 64,
            Float32 | Int32 | Uint32 => 32,
            Float16 => 16,
            Int8 | Uint8 => 8,
            Int4 | Uint4 => 4,
        }
    }
}

/// WebNN has no booleans: they are bytes, 0 or 1.
impl From<DataType> for ElementType {
    fn from(data_type: DataType) -> ElementType {
        match data_type {
            DataType::F32 => Float32,
            DataType::F16 => Float16,
            DataType::I64 => Int64,
            DataType::I32 => Int32,
            DataType::I8 => Int8,
            DataType::U8 | DataType::Bool => Uint8,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_name_of_its_own() {
        for element in ElementType::ALL {
            assert_eq!(ElementType::named(element.name()), Some(element));
        }
        assert_eq!(ElementType::named("float64"), None);
    }
}
