//! A model's run with a timestamp around every dispatch: where the device's time goes.

use serde::{Deserialize, Serialize};

use crate::capability::Adapter;
use crate::target::{Device, Engine};

/// What has to be computed and moved at least, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Additions and multiplications of floats.
    #[serde(default)]
    pub flops: Option<f64>,
    /// Bytes read and written: each operand and the result, once.
    #[serde(default)]
    pub bytes: Option<f64>,
}

/// One dispatch of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DispatchName {
    /// The program it belongs to: `model`, or `prefill` and `step`.
    pub program: String,
    /// The graph node it computes.
    pub node: String,
    /// The kernel and variant.
    pub kernel: String,
    /// Workgroups along each dimension.
    pub workgroups: [u32; 3],
    /// Its work.
    #[serde(flatten)]
    pub work: Work,
}

/// One dispatch and what it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DispatchTimes {
    /// The dispatch itself.
    #[serde(flatten)]
    pub name: DispatchName,
    /// Milliseconds on the device, each time it ran: once an inference, or once a step.
    pub gpu_ms: Vec<f64>,
}

/// The results of profiling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileReport {
    /// The engine that really ran it.
    pub engine: Engine,
    /// The device it really ran on.
    pub device: Option<Device>,
    /// The adapter it really ran on.
    pub adapter: Adapter,
    /// How many inferences were profiled.
    pub inferences: u32,
    /// Every dispatch, in the order of the plan.
    pub dispatches: Vec<DispatchTimes>,
}

/// Times as they come in, dispatch by dispatch.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Vec<DispatchTimes>>);

impl Times {
    /// For a plan of these dispatches, program by program.
    pub fn new(programs: Vec<Vec<DispatchName>>) -> Times {
        let timed = |name| DispatchTimes { name, gpu_ms: Vec::new() };
        Times(programs.into_iter().map(|names| names.into_iter().map(timed).collect()).collect())
    }

    /// Takes in one run of a program: a time for each of its dispatches, where the clock could tell.
    pub fn add(&mut self, program: usize, dispatches_ms: &[Option<f64>]) {
        let dispatches = self.0.get_mut(program).into_iter().flatten();
        dispatches.zip(dispatches_ms).for_each(|(dispatch, gpu_ms)| dispatch.gpu_ms.extend(*gpu_ms));
    }

    /// All that came in.
    pub fn finish(self) -> Vec<DispatchTimes> {
        self.0.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_to_their_dispatches() {
        let name = |program: &str, node: &str| DispatchName {
            program: program.to_owned(),
            node: node.to_owned(),
            kernel: "k".to_owned(),
            workgroups: [1; 3],
            work: Work::default(),
        };
        let mut times =
            Times::new(vec![vec![name("prefill", "a")], vec![name("step", "a"), name("step", "b")]]);
        times.add(0, &[Some(5.0)]);
        times.add(1, &[Some(1.0), None]);
        times.add(1, &[Some(2.0), Some(3.0)]);
        times.add(2, &[Some(9.0)]);
        let times: Vec<_> =
            times.finish().into_iter().map(|times| (times.name.program, times.gpu_ms)).collect();
        let expected = [("prefill", vec![5.0]), ("step", vec![1.0, 2.0]), ("step", vec![3.0])];
        assert_eq!(times, expected.map(|(program, gpu_ms)| (program.to_owned(), gpu_ms)));
    }
}
