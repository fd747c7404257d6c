//! Element types as files have them, and the type in which a graph keeps each: the same where it has it, else one
//! that holds every element.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, unsupported};
use crate::tensor::{Data, DataType};

/// An element type of ONNX. Those that are no [`DataType`] only say how elements lie in files and what fits into them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is named as ONNX names it")]
pub enum ElementType {
    /// One that graphs have too.
    Kept(DataType),
    /// Kept as f32: rounded, and held within its range where finite.
    F64,
    /// Kept as f32, as are the following floats: all of their elements are f32 as well.
    BF16,
    F8E4M3FN,
    F8E4M3FNUZ,
    F8E5M2,
    F8E5M2FNUZ,
    F8E8M0,
    F4E2M1,
    /// Kept as i8.
    I2,
    I4,
    /// Kept as u8.
    U2,
    U4,
    /// Kept as i32.
    I16,
    U16,
    /// Kept as i64.
    U32,
    /// Kept as i64; elements of 2^63 and more are refused.
    U64,
}

use ElementType as E;

/// Each type: its number in `TensorProto.DataType`, its name, the bits of an element.
const TYPES: [(ElementType, i32, &str, usize); 23] = [
    (E::Kept(DataType::F32), 1, "f32", 32),
    (E::Kept(DataType::U8), 2, "u8", 8),
    (E::Kept(DataType::I8), 3, "i8", 8),
    (E::U16, 4, "u16", 16),
    (E::I16, 5, "i16", 16),
    (E::Kept(DataType::I32), 6, "i32", 32),
    (E::Kept(DataType::I64), 7, "i64", 64),
    (E::Kept(DataType::Bool), 9, "bool", 8),
    (E::Kept(DataType::F16), 10, "f16", 16),
    (E::F64, 11, "f64", 64),
    (E::U32, 12, "u32", 32),
    (E::U64, 13, "u64", 64),
    (E::BF16, 16, "bf16", 16),
    (E::F8E4M3FN, 17, "f8e4m3fn", 8),
    (E::F8E4M3FNUZ, 18, "f8e4m3fnuz", 8),
    (E::F8E5M2, 19, "f8e5m2", 8),
    (E::F8E5M2FNUZ, 20, "f8e5m2fnuz", 8),
    (E::U4, 21, "u4", 4),
    (E::I4, 22, "i4", 4),
    (E::F4E2M1, 23, "f4e2m1", 4),
    (E::F8E8M0, 24, "f8e8m0", 8),
    (E::U2, 25, "u2", 2),
    (E::I2, 26, "i2", 2),
];

/// Names of the numbers that are no types here: they make a better message.
const REFUSED: [(i32, &str); 4] = [(0, "undefined"), (8, "string"), (14, "complex64"), (15, "complex128")];

/// A float of few bits: sign, exponent, mantissa.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FloatFormat {
    pub exponent_bits: u32,
    pub mantissa_bits: u32,
    pub bias: i32,
    /// The meaning of the largest exponents and the negative zero.
    pub specials: Specials,
    /// The largest finite element.
    pub largest: f32,
}

/// The bits of a [`FloatFormat`] that are no numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Specials {
    /// The largest exponent is infinity and NaN, as IEEE 754 has it.
    Ieee,
    /// Only all ones is NaN; there is no infinity.
    OnesAreNan,
    /// The negative zero is NaN; there is no infinity.
    NegativeZeroIsNan,
    /// There are none.
    None,
}

impl From<DataType> for ElementType {
    fn from(data_type: DataType) -> ElementType {
        E::Kept(data_type)
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().2)
    }
}

impl ElementType {
    /// The type that ONNX writes as this number.
    ///
    /// # Errors
    /// Strings, complex numbers, numbers that are none; the owner is named.
    pub(crate) fn from_number(number: i32, owner: &str) -> Result<ElementType, Error> {
        if let Some((found, ..)) = TYPES.iter().find(|(_, known, ..)| *known == number) {
            return Ok(*found);
        }
        let name = REFUSED.iter().find(|(known, _)| *known == number).map_or("unknown", |(_, name)| name);
        Err(unsupported!("{owner} has element type {name} ({number})"))
    }

    /// The type of this name.
    pub(crate) fn from_name(name: &str) -> Option<ElementType> {
        TYPES.iter().find(|(_, _, known, _)| *known == name).map(|(found, ..)| *found)
    }

    fn row(self) -> &'static (ElementType, i32, &'static str, usize) {
        TYPES.iter().find(|(known, ..)| *known == self).unwrap_or(&TYPES[0])
    }

    /// The type that a graph keeps its elements as.
    pub fn data_type(self) -> DataType {
        match self {
            E::Kept(data_type) => data_type,
            E::F64 | E::BF16 | E::F8E4M3FN | E::F8E4M3FNUZ | E::F8E5M2 | E::F8E5M2FNUZ => DataType::F32,
            E::F8E8M0 | E::F4E2M1 => DataType::F32,
            E::I2 | E::I4 => DataType::I8,
            E::U2 | E::U4 => DataType::U8,
            E::I16 | E::U16 => DataType::I32,
            E::U32 | E::U64 => DataType::I64,
        }
    }

    /// The bits that an element takes in a file.
    pub(crate) fn bits(self) -> usize {
        self.row().3
    }

    /// The bytes that so many elements take in a file.
    pub(crate) fn size_bytes(self, count: usize) -> u64 {
        ((count as u64).saturating_mul(self.bits() as u64)).div_ceil(8)
    }

    /// The integers that it holds, where what it is kept as holds more.
    pub(crate) fn range(self) -> Option<(i64, i64)> {
        match self {
            E::I2 => Some((-2, 1)),
            E::I4 => Some((-8, 7)),
            E::U2 => Some((0, 3)),
            E::U4 => Some((0, 15)),
            E::I16 => Some((-32768, 32767)),
            E::U16 => Some((0, 65535)),
            E::U32 => Some((0, 4_294_967_295)),
            E::U64 => Some((0, i64::MAX)),
            E::Kept(_) | E::F64 | E::BF16 | E::F8E4M3FN | E::F8E4M3FNUZ | E::F8E5M2 => None,
            E::F8E5M2FNUZ | E::F8E8M0 | E::F4E2M1 => None,
        }
    }

    /// The format by which its bits make floats, where they are few. <https://onnx.ai/onnx/technical/float8.html>
    pub(crate) fn float_format(self) -> Option<FloatFormat> {
        let format = |exponent_bits, mantissa_bits, bias, specials, largest| {
            Some(FloatFormat { exponent_bits, mantissa_bits, bias, specials, largest })
        };
        match self {
            E::BF16 => format(8, 7, 127, Specials::Ieee, f32::from_bits(0x7f7f_0000)),
            E::F8E4M3FN => format(4, 3, 7, Specials::OnesAreNan, 448.0),
            E::F8E4M3FNUZ => format(4, 3, 8, Specials::NegativeZeroIsNan, 240.0),
            E::F8E5M2 => format(5, 2, 15, Specials::Ieee, 57344.0),
            E::F8E5M2FNUZ => format(5, 2, 16, Specials::NegativeZeroIsNan, 57344.0),
            E::F4E2M1 => format(2, 1, 1, Specials::None, 6.0),
            E::Kept(_) | E::F64 | E::F8E8M0 | E::I2 | E::I4 | E::U2 | E::U4 => None,
            E::I16 | E::U16 | E::U32 | E::U64 => None,
        }
    }

    /// So many elements out of a file's little-endian bytes. Those of less than a byte are packed, the first in the
    /// lowest bits.
    ///
    /// # Errors
    /// An element that does not fit into what it is kept as.
    pub fn decode(self, bytes: &[u8], count: usize) -> Result<Data, Error> {
        let words = bytes.as_chunks().0.iter();
        Ok(match self {
            E::Kept(data_type) => Data::from_le_bytes(data_type, bytes),
            E::F64 => {
                Data::F32(bytes.as_chunks().0.iter().map(|b| narrowed(f64::from_le_bytes(*b))).collect())
            }
            E::BF16 => {
                Data::F32(words.map(|b| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16)).collect())
            }
            E::F8E8M0 => Data::F32(bytes.iter().map(|&bits| power(bits)).collect()),
            E::F8E4M3FN | E::F8E4M3FNUZ | E::F8E5M2 | E::F8E5M2FNUZ | E::F4E2M1 => {
                let format = self.float_format();
                let float = |bits| format.map_or(f32::NAN, |format| format.decode(bits));
                Data::F32(unpacked(bytes, self.bits(), count).map(float).collect())
            }
            E::I2 => Data::I8(unpacked(bytes, 2, count).map(|bits| (bits << 6) as i8 >> 6).collect()),
            E::I4 => Data::I8(unpacked(bytes, 4, count).map(|bits| (bits << 4) as i8 >> 4).collect()),
            E::U2 => Data::U8(unpacked(bytes, 2, count).collect()),
            E::U4 => Data::U8(unpacked(bytes, 4, count).collect()),
            E::I16 => Data::I32(words.map(|b| i32::from(i16::from_le_bytes(*b))).collect()),
            E::U16 => Data::I32(words.map(|b| i32::from(u16::from_le_bytes(*b))).collect()),
            E::U32 => {
                Data::I64(bytes.as_chunks().0.iter().map(|b| i64::from(u32::from_le_bytes(*b))).collect())
            }
            E::U64 => Data::I64(wide(bytes)?),
        })
    }
}

/// An f64 as f32: the nearest, and for a finite one a finite one.
fn narrowed(float: f64) -> f32 {
    match float.is_finite() {
        true => float.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32,
        false => float as f32,
    }
}

/// 2 to the power of the bits less 127; all ones are NaN.
fn power(bits: u8) -> f32 {
    if bits == u8::MAX { f32::NAN } else { (f64::from(bits) - 127.0).exp2() as f32 }
}

fn wide(bytes: &[u8]) -> Result<Arc<[i64]>, Error> {
    let numbers = bytes.as_chunks().0.iter().map(|b| u64::from_le_bytes(*b));
    let held = |number| i64::try_from(number).map_err(|_| unsupported!("it holds {number}, kept as i64"));
    numbers.map(held).collect()
}

/// Numbers of so many bits, 8 or a part of it.
fn unpacked(bytes: &[u8], bits: usize, count: usize) -> impl Iterator<Item = u8> {
    let mask = (0xff_u16 >> (8 - bits)) as u8;
    let apart = move |&byte: &u8| (0..8).step_by(bits).map(move |shift| byte >> shift & mask);
    bytes.iter().flat_map(apart).take(count)
}

impl FloatFormat {
    /// The smallest exponent of a number whose mantissa is whole.
    pub fn least_exponent(&self) -> i32 {
        1 - self.bias
    }

    /// The number that these bits, at most eight, stand for.
    fn decode(&self, bits: u8) -> f32 {
        let (mantissas, exponents) = (1 << self.mantissa_bits, 1 << self.exponent_bits);
        let bits = i32::from(bits);
        let mantissa = bits % mantissas;
        let exponent = bits / mantissas % exponents;
        let negative = bits >= mantissas * exponents;
        let last = exponent == exponents - 1;
        match self.specials {
            Specials::Ieee if last && mantissa == 0 => {
                return if negative { f32::NEG_INFINITY } else { f32::INFINITY };
            }
            Specials::Ieee if last => return f32::NAN,
            Specials::OnesAreNan if last && mantissa == mantissas - 1 => return f32::NAN,
            Specials::NegativeZeroIsNan if negative && mantissa == 0 && exponent == 0 => return f32::NAN,
            Specials::Ieee | Specials::OnesAreNan | Specials::NegativeZeroIsNan | Specials::None => {}
        }
        let whole = if exponent == 0 { mantissa } else { mantissa + mantissas };
        let size = whole as f32 * ((exponent.max(1) - self.bias - self.mantissa_bits as i32) as f32).exp2();
        if negative { -size } else { size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values from NumPy with the ml_dtypes package.
    #[test]
    fn bytes_are_what_they_stand_for() {
        let floats = |elements: &[f32]| Data::F32(elements.into());
        let cases: [(ElementType, &[u8], usize, Data); 15] = [
            (E::U4, &[0x21, 0xf3], 3, Data::U8([1, 2, 3].into())),
            (E::I4, &[0x8f, 0x70], 4, Data::I8([-1, -8, 0, 7].into())),
            (E::U2, &[0b11_10_01_00], 4, Data::U8([0, 1, 2, 3].into())),
            (E::I2, &[0b11_10_01_00], 3, Data::I8([0, 1, -2].into())),
            (E::I16, &[0xff, 0xff, 0, 0x80], 2, Data::I32([-1, -32768].into())),
            (E::U16, &[0xff, 0xff], 1, Data::I32([65535].into())),
            (E::U32, &[0xff; 4], 1, Data::I64([4_294_967_295].into())),
            (E::BF16, &[0x80, 0x3f, 0x49, 0xc0], 2, floats(&[1.0, -3.140_625])),
            (E::F8E4M3FN, &[0x01, 0x38, 0x7e, 0xc8], 4, floats(&[0.001_953_125, 1.0, 448.0, -4.0])),
            (E::F8E4M3FNUZ, &[0x01, 0x40, 0x7f], 3, floats(&[0.000_976_562_5, 1.0, 240.0])),
            (
                E::F8E5M2,
                &[0x01, 0x3c, 0x7b, 0xfc],
                4,
                floats(&[1.525_878_9e-5, 1.0, 57344.0, -f32::INFINITY]),
            ),
            (E::F8E5M2FNUZ, &[0x01, 0x40, 0x7f], 3, floats(&[7.629_394_5e-6, 1.0, 57344.0])),
            (E::F4E2M1, &[0x21, 0xf7], 4, floats(&[0.5, 1.0, 6.0, -6.0])),
            (E::F8E8M0, &[0, 127, 130], 3, floats(&[5.877_472e-39, 1.0, 8.0])),
            (E::F64, &1e300f64.to_le_bytes(), 1, floats(&[f32::MAX])),
        ];
        for (element_type, bytes, count, expected) in cases {
            assert_eq!(element_type.decode(bytes, count).unwrap(), expected, "{element_type}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        let cases = [
            (E::F8E4M3FN, 0x7f),
            (E::F8E4M3FNUZ, 0x80),
            (E::F8E5M2, 0x7d),
            (E::F8E5M2FNUZ, 0x80),
            (E::F8E8M0, 0xff),
        ];
        for (element_type, byte) in cases {
            let Data::F32(floats) = element_type.decode(&[byte], 1).unwrap() else { panic!("no floats") };
            assert!(floats[0].is_nan(), "{element_type}: {floats:?}");
        }
        let error = E::U64.decode(&[0xff; 8], 1).unwrap_err().to_string();
        assert!(error.contains("18446744073709551615"), "{error}");
    }
}
