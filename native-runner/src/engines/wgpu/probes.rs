//! What an adapter could do at most, measured by kernels that do nothing else.

use std::collections::BTreeMap;
use std::time::Instant;

use graph::Tensor;
use protocol::probe::Effort;
use protocol::{Engine, Features, ProbeReport, Sampling};
use shaders::probes::{self, Probes, TURNS};

use super::device::Device;
use super::{Planned, Ready};
use crate::course::{begin, elapsed_ms};
use crate::engines::Chosen;
use crate::error::RunnerError;

/// Measures the adapter that a job asks for.
///
/// # Errors
/// No such adapter, too little memory, the device's loss.
pub fn probe(chosen: &Chosen) -> Result<ProbeReport, RunnerError> {
    let device = Device::open(chosen.device, &chosen.adapter, &Features::default())?;
    let adapter = device.description.clone();
    // naga has packed products everywhere, where need be in other words.
    let Probes { plan, measured } = probes::plan(&device.properties(), true);
    let mut planned = Planned::make("the probes", device, plan, &mut begin(Sampling::default()))?;
    let mut found = Vec::with_capacity(measured.len());
    for (program, (probe, work)) in measured.into_iter().enumerate() {
        let mut effort = Effort::new(work);
        while let Some(turns) = effort.turns() {
            let turns = Tensor::vector([turns as i32, 1, 1]);
            let start = Instant::now();
            let ran = planned.run(program, &BTreeMap::from([(TURNS.to_owned(), turns)]))?;
            effort.took(ran.gpu_ms, elapsed_ms(start));
        }
        found.push(effort.finish(probe));
    }
    Ok(ProbeReport { engine: Engine::Wgpu, device: Some(chosen.device), adapter, probes: found })
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::thread;

    use protocol::{AdapterChoice, Device as DeviceName, Probe};
    use shaders::probes::RESULT;

    use super::*;
    use crate::engines::ENGINES;

    /// Threads and independent numbers of each, as the kernels have them: what a compiler makes vectors of.
    const LANES: usize = 64;

    /// The same steps as the kernel's in a plain loop, on every processor, in GFLOP/s.
    fn plain_f32_rate() -> f64 {
        const STEPS: usize = 20_000_000;
        let threads = thread::available_parallelism().map_or(1, |count| count.get());
        let start = Instant::now();
        let work = || {
            let (factor, addend) = (black_box(1.0f32), black_box(1.0f32));
            let mut numbers = [0f32; LANES];
            for _ in 0..STEPS {
                numbers.iter_mut().for_each(|x| *x = *x * factor + addend);
            }
            black_box(numbers);
        };
        thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(work)));
        (2 * STEPS * LANES * threads) as f64 / elapsed_ms(start) / 1e6
    }

    /// A plain sum over more than caches hold, on every processor, in GB/s.
    fn plain_read_bandwidth() -> f64 {
        let data = vec![1u64; 16 << 20];
        let threads = thread::available_parallelism().map_or(1, |count| count.get());
        let start = Instant::now();
        let sum = |part: &[u64]| black_box(part.iter().fold(0u64, |sum, x| sum.wrapping_add(*x)));
        thread::scope(|scope| {
            data.chunks(data.len() / threads).for_each(|part| _ = scope.spawn(move || sum(part)))
        });
        (8 * data.len()) as f64 / elapsed_ms(start) / 1e6
    }

    #[test]
    fn probes_do_all_their_work() {
        let device = Device::open(DeviceName::Vulkan, &AdapterChoice::Default, &Features::default()).unwrap();
        let Probes { plan, measured } = probes::plan(&device.properties(), true);
        let mut course = begin(Sampling::default());
        let mut planned = Planned::make("the probes", device, plan, &mut course).unwrap();
        for (program, (probe, _)) in measured.into_iter().enumerate() {
            let turns = BTreeMap::from([(TURNS.to_owned(), Tensor::vector([3i32, 1, 1]))]);
            let ran = planned.run(program, &turns).unwrap();
            let steps = 3.0 * 8.0;
            let expected = match probe {
                Probe::WriteBandwidth | Probe::CopyBandwidth => None,
                // What was written, 16 vectors of four in a turn.
                Probe::ReadBandwidth => Some(3.0 * 16.0 * 4.0),
                // Eight numbers count the steps.
                Probe::F32Rate => Some(8.0 * steps),
                Probe::F16Rate => Some(2.0 * 8.0 * steps),
                Probe::Int8Rate => Some((1..=8).map(|first| doubled(first, 24)).sum::<i32>().into()),
            };
            let result = ran.outputs.get(RESULT).map(|tensor| f64::from(tensor.to_f32_vec()[0]));
            assert_eq!(result, expected, "{}", probe.name());
        }
    }

    /// A number to which its lowest byte, with its sign, is added again and again.
    fn doubled(first: i32, steps: usize) -> i32 {
        (0..steps).fold(first, |x, _| x.wrapping_add(i32::from(x as i8)))
    }

    /// llvmpipe computes on the very processors that the plain loops do, and about as fast. It loads from memory lane by
    /// lane, each with its bounds checked, and so about a tenth as fast.
    #[test]
    fn what_is_found_on_a_processor_is_of_the_order_of_plain_loops() {
        let (entry, device, adapter) = (&ENGINES[0], DeviceName::Vulkan, AdapterChoice::Default);
        let report = probe(&Chosen { entry, device, adapter }).unwrap();
        println!("{}: {:#?}", report.adapter.device, report.probes);
        if !report.adapter.software {
            return;
        }
        for (probe, plain, orders) in [
            (Probe::F32Rate, plain_f32_rate(), 0.1..10.0),
            (Probe::ReadBandwidth, plain_read_bandwidth(), 0.01..2.0),
        ] {
            let found = report.probes.iter().find(|found| found.probe == probe).unwrap();
            let mut values = found.values.clone();
            values.sort_by(f64::total_cmp);
            let ratio = values[values.len() / 2] / plain;
            println!("{}: {} beside {plain} of a plain loop", probe.name(), values[values.len() / 2]);
            assert!(orders.contains(&ratio), "{}: {ratio} times a plain loop", probe.name());
        }
    }
}
