//! A strided window of a tensor.

/// Takes, along each axis, the elements `start`, `start + step`, …; the output's shape says how many.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slice {
    /// First element along each axis of the input.
    pub starts: Vec<usize>,
    /// Distance between elements along each axis; negative walks backwards.
    pub steps: Vec<isize>,
    /// The output's shape.
    pub shape: Vec<usize>,
}
