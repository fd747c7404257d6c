//! The drift control: a fixed piece of work on one processor, half arithmetic, half memory. It is never made faster: what it
//! takes is compared from run to run.

use std::hint::black_box;
use std::time::Instant;

use protocol::ControlReport;

use crate::course::elapsed_ms;

const REPETITIONS: usize = 9;
/// Rows and columns of the product: three operands of 144 KiB, so that the arithmetic is what takes the time.
const SIZE: usize = 192;
/// Elements that are read and written: 32 MiB, more than caches hold.
const STREAMED: usize = 8 << 20;

/// Does the work a few times.
pub fn run() -> ControlReport {
    let operand: Vec<f32> = (0..SIZE * SIZE).map(|index| (index % 7) as f32 - 3.0).collect();
    let mut product = vec![0.0; SIZE * SIZE];
    let mut streamed = vec![1.0f32; STREAMED];
    let mut repeat = || {
        let begun = Instant::now();
        multiply(black_box(&operand), &mut product);
        streamed.iter_mut().for_each(|element| *element += 1.0);
        black_box((&product, &streamed));
        elapsed_ms(begun)
    };
    // The first touches the memory for the first time.
    repeat();
    ControlReport { times_ms: (0..REPETITIONS).map(|_| repeat()).collect() }
}

/// A square matrix times itself.
fn multiply(operand: &[f32], product: &mut [f32]) {
    product.fill(0.0);
    for (row, sums) in operand.chunks_exact(SIZE).zip(product.chunks_exact_mut(SIZE)) {
        for (factor, line) in row.iter().zip(operand.chunks_exact(SIZE)) {
            sums.iter_mut().zip(line).for_each(|(sum, element)| *sum += factor * element);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_is_done_and_takes_time() {
        let operand: Vec<f32> =
            (0..SIZE * SIZE).map(|index| if index % (SIZE + 1) == 0 { 2.0 } else { 0.0 }).collect();
        let mut product = vec![0.0; SIZE * SIZE];
        multiply(&operand, &mut product);
        // Twice the identity, squared.
        assert!(product.iter().zip(&operand).all(|(product, operand)| *product == 2.0 * operand));
        let ControlReport { times_ms } = run();
        assert!(
            times_ms.len() == REPETITIONS && times_ms.iter().all(|time_ms| *time_ms > 0.1),
            "{times_ms:?}"
        );
    }
}
