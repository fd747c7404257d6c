//! The course of a measurement, the same on every engine: what is next, what the time goes to, and the values taken. It
//! runs nothing and has no clock of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metric::{Metric, Phase, Samples};
use crate::sampling::Sampling;

/// Inferences made only to time reading back, which needs a wait of its own that latency must not contain.
const READBACK_PROBES: u32 = 5;

/// A clock that never goes back.
pub trait Clock {
    /// Milliseconds since a moment that stays the same.
    fn now_ms(&self) -> f64;

    /// Milliseconds since 1970, by which others know when something was.
    fn unix_ms(&self) -> f64;
}

/// The time that samples were taken in, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SamplingWindow {
    /// When the first one began.
    pub began_unix_ms: f64,
    /// When the last one ended.
    pub ended_unix_ms: f64,
}

/// An activity that an executor spends its time on, one at a time. The metrics say what each holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Activity {
    /// [`Metric::LoadMs`].
    Load,
    /// [`Metric::OpenMs`].
    Open,
    /// [`Metric::PlanMs`].
    Plan,
    /// [`Metric::CompileMs`].
    Compile,
    /// [`Metric::UploadMs`].
    Upload,
    /// [`Metric::FirstInferenceMs`].
    First,
    /// [`Metric::WarmUpMs`].
    WarmUp,
    /// [`Metric::LatencyMs`], one value for each inference.
    Sample,
    /// [`Metric::InspectMs`].
    Inspect,
}

impl Activity {
    /// The metric that is all the time spent on it; none where inferences are timed one by one.
    fn metric(self) -> Option<Metric> {
        match self {
            Activity::Load => Some(Metric::LoadMs),
            Activity::Open => Some(Metric::OpenMs),
            Activity::Plan => Some(Metric::PlanMs),
            Activity::Compile => Some(Metric::CompileMs),
            Activity::Upload => Some(Metric::UploadMs),
            Activity::WarmUp => Some(Metric::WarmUpMs),
            Activity::Inspect => Some(Metric::InspectMs),
            Activity::First | Activity::Sample => None,
        }
    }
}

/// The next step of an executor that has a model ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// One inference, between [`Course::begin_inference`] and [`Course::end_inference`].
    Infer,
    /// Reading back apart from computing, told to [`Course::read_back`].
    ReadBack,
    /// Looking at what ran and comparing the outputs; then [`Course::finish`].
    Report,
}

/// A measurement under way. An executor says what it turns to while it makes a model ready, then does what is
/// [next](Course::next_step) until that is the report.
#[derive(Debug)]
pub struct Course<C> {
    clock: C,
    sampling: Sampling,
    began_ms: f64,
    activity: Activity,
    /// Since when it is spent on that.
    since_ms: f64,
    spent_ms: BTreeMap<Activity, f64>,
    inferences: usize,
    warm_up_ms: Vec<f64>,
    sampled: usize,
    sampled_ms: f64,
    probes: u32,
    window: Option<SamplingWindow>,
    timing: Timing,
    measured: Measured,
}

impl<C: Clock> Course<C> {
    /// A measurement that begins now, with loading.
    pub fn begin(clock: C, sampling: Sampling) -> Self {
        let now_ms = clock.now_ms();
        Course {
            clock,
            sampling,
            began_ms: now_ms,
            activity: Activity::Load,
            since_ms: now_ms,
            spent_ms: BTreeMap::new(),
            inferences: 0,
            warm_up_ms: Vec::new(),
            sampled: 0,
            sampled_ms: 0.0,
            probes: 0,
            window: None,
            timing: Timing::default(),
            measured: Measured::default(),
        }
    }

    /// The clock it is timed by.
    pub fn clock(&self) -> &C {
        &self.clock
    }

    /// Turns to something else, or back to it: time adds up.
    pub fn turn_to(&mut self, activity: Activity) {
        self.mark_window(activity);
        let now_ms = self.clock.now_ms();
        *self.spent_ms.entry(self.activity).or_default() += now_ms - self.since_ms;
        (self.activity, self.since_ms) = (activity, now_ms);
    }

    /// Takes note of when the samples begin and end.
    fn mark_window(&mut self, next: Activity) {
        let now = self.clock.unix_ms();
        match (&mut self.window, self.activity == Activity::Sample, next == Activity::Sample) {
            (Some(window), true, _) => window.ended_unix_ms = now,
            (None, false, true) => {
                self.window = Some(SamplingWindow { began_unix_ms: now, ended_unix_ms: now });
            }
            (Some(_) | None, _, _) => {}
        }
    }

    /// When the samples were taken, once all are.
    pub fn window(&self) -> Option<SamplingWindow> {
        self.window
    }

    /// Takes a value that is no time of the course's own, in the metric's unit.
    pub fn measure(&mut self, metric: Metric, value: f64) {
        self.measured.add(metric, Phase::Measured, value);
    }

    /// Returns what comes next: the first inference, warm-up until the state is steady, the samples, then probes of
    /// reading back where there is such a thing, and the report.
    pub fn next_step(&mut self) -> Step {
        let due = self.due();
        if due != self.activity {
            self.turn_to(due);
        }
        match due {
            Activity::Inspect if self.probes < READBACK_PROBES => Step::ReadBack,
            Activity::Inspect => Step::Report,
            _ => Step::Infer,
        }
    }

    fn due(&self) -> Activity {
        match self.inferences {
            0 => Activity::First,
            _ if self.sampling.still_warming_up(&self.warm_up_ms) => Activity::WarmUp,
            _ if !self.sampling.has_enough(self.sampled, self.sampled_ms) => Activity::Sample,
            _ => Activity::Inspect,
        }
    }

    /// Begins an inference: its inputs are in host memory.
    pub fn begin_inference(&mut self) {
        self.timing = Timing { began_ms: self.clock.now_ms(), ..Timing::default() };
    }

    /// Takes note that one of the inference's programs has run and its outputs are in host memory; `gpu_ms` is what it
    /// took on the device, where timestamps tell.
    pub fn end_program(&mut self, gpu_ms: Option<f64>) {
        let Timing { began_ms, first_program_ms, gpu_ms: before_ms } = &mut self.timing;
        first_program_ms.get_or_insert(self.clock.now_ms() - *began_ms);
        *before_ms = gpu_ms.map(|own_ms| own_ms + before_ms.unwrap_or(0.0));
    }

    /// Ends an inference: its last output is in host memory. `tokens` are how many it made, by a model that makes some.
    pub fn end_inference(&mut self, tokens: Option<usize>) {
        let latency_ms = self.clock.now_ms() - self.timing.began_ms;
        self.inferences += 1;
        let phase = match self.activity {
            Activity::First => return self.measure(Metric::FirstInferenceMs, latency_ms),
            Activity::WarmUp => Phase::WarmUp,
            _ => Phase::Measured,
        };
        match phase {
            Phase::WarmUp => self.warm_up_ms.push(latency_ms),
            Phase::Measured => {
                self.sampled += 1;
                self.sampled_ms += latency_ms;
            }
        }
        for (metric, value) in self.timing.metrics(latency_ms, tokens) {
            self.measured.add(metric, phase, value);
        }
    }

    /// Takes what reading back took; none where the engine cannot tell, which is not asked again.
    pub fn read_back(&mut self, readback_ms: Option<f64>) {
        match readback_ms {
            Some(readback_ms) => {
                self.probes += 1;
                self.measure(Metric::ReadbackMs, readback_ms);
            }
            None => self.probes = READBACK_PROBES,
        }
    }

    /// Everything measured, when all is done.
    pub fn finish(mut self) -> Vec<Samples> {
        self.turn_to(self.activity);
        let spent_ms = std::mem::take(&mut self.spent_ms);
        for (metric, spent_ms) in
            spent_ms.into_iter().filter_map(|(activity, ms)| Some((activity.metric()?, ms)))
        {
            self.measure(metric, spent_ms);
        }
        self.measure(Metric::WallMs, self.since_ms - self.began_ms);
        self.measured.into_samples()
    }
}

/// When an inference began, and what it took so far.
#[derive(Debug, Clone, Copy, Default)]
struct Timing {
    began_ms: f64,
    /// To the outputs of the first program in host memory: of a model that generates, the first token.
    first_program_ms: Option<f64>,
    gpu_ms: Option<f64>,
}

impl Timing {
    /// The metrics of an inference that took `latency_ms`; `tokens` are how many the model makes, if it does.
    fn metrics(&self, latency_ms: f64, tokens: Option<usize>) -> Vec<(Metric, f64)> {
        let mut metrics = vec![(Metric::LatencyMs, latency_ms)];
        metrics.extend(self.gpu_ms.map(|gpu_ms| (Metric::GpuMs, gpu_ms)));
        if let Some(tokens) = tokens {
            let first_ms = self.first_program_ms.unwrap_or(latency_ms);
            metrics.push((Metric::TimeToFirstTokenMs, first_ms));
            let (steps, steps_ms) = (tokens.saturating_sub(1), latency_ms - first_ms);
            metrics.extend(
                (steps > 0 && steps_ms > 0.0).then(|| (Metric::TokensPerS, steps as f64 * 1e3 / steps_ms)),
            );
        }
        metrics
    }
}

/// The values of each metric and phase, in the order they were taken.
#[derive(Debug, Default)]
struct Measured(BTreeMap<(Metric, Phase), Vec<f64>>);

impl Measured {
    fn add(&mut self, metric: Metric, phase: Phase, value: f64) {
        self.0.entry((metric, phase)).or_default().push(value);
    }

    /// Everything measured, in the order of [`Metric::ALL`].
    fn into_samples(self) -> Vec<Samples> {
        self.0.into_iter().map(|((metric, phase), values)| Samples { metric, phase, values }).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    impl Clock for &Cell<f64> {
        fn now_ms(&self) -> f64 {
            self.get()
        }

        fn unix_ms(&self) -> f64 {
            1e12 + self.get()
        }
    }

    /// The times that a made-up engine takes for each of its steps.
    struct Engine {
        preparing: &'static [(Activity, f64)],
        /// Each inference's; the last one's from then on.
        inferences_ms: &'static [f64],
        /// Between two inferences, where the executor does its own.
        between_ms: f64,
        readback_ms: Option<f64>,
        inspecting_ms: f64,
    }

    const ENGINE: Engine = Engine {
        preparing: &[
            (Activity::Load, 20.0),
            (Activity::Open, 7.0),
            (Activity::Plan, 5.0),
            (Activity::Upload, 1.0),
            (Activity::Compile, 30.0),
            (Activity::Upload, 4.0),
        ],
        inferences_ms: &[16.0, 4.0],
        between_ms: 0.0,
        readback_ms: Some(0.5),
        inspecting_ms: 6.0,
    };

    impl Engine {
        /// Does what the course says, the way executors do; gives also how long it took, in milliseconds.
        fn measure(&self, sampling: Sampling) -> (Vec<Step>, Vec<Samples>, f64) {
            let time = Cell::new(1000.0);
            let pass = |ms: f64| time.set(time.get() + ms);
            let mut course = Course::begin(&time, sampling);
            for (activity, ms) in self.preparing {
                course.turn_to(*activity);
                pass(*ms);
            }
            let (mut steps, mut inferences_ms) = (Vec::new(), self.inferences_ms.iter());
            let mut latency_ms = 0.0;
            loop {
                steps.push(course.next_step());
                match steps.last().unwrap() {
                    Step::Infer => {
                        latency_ms = *inferences_ms.next().unwrap_or(&latency_ms);
                        course.begin_inference();
                        for _ in 0..2 {
                            pass(latency_ms / 2.0);
                            course.end_program(Some(latency_ms / 4.0));
                        }
                        course.end_inference(Some(3));
                        pass(self.between_ms);
                    }
                    Step::ReadBack => {
                        pass(2.0 * self.readback_ms.unwrap_or(0.0));
                        course.read_back(self.readback_ms);
                    }
                    Step::Report => break,
                }
            }
            pass(self.inspecting_ms);
            (steps, course.finish(), time.get() - 1000.0)
        }
    }

    #[test]
    fn the_window_holds_the_samples_and_nothing_else() {
        let time = Cell::new(1000.0);
        let mut course =
            Course::begin(&time, Sampling { samples: 3, warmup_limit: 0, ..Sampling::default() });
        let mut ran = 0;
        while course.next_step() == Step::Infer {
            assert_eq!(course.window().is_some(), ran > 0, "before inference {ran}");
            course.begin_inference();
            time.set(time.get() + 10.0);
            course.end_inference(None);
            ran += 1;
        }
        time.set(time.get() + 500.0);
        course.read_back(None);
        assert_eq!(course.next_step(), Step::Report);
        // The first inference takes 10 ms, and then there are three.
        let window = SamplingWindow { began_unix_ms: 1e12 + 1010.0, ended_unix_ms: 1e12 + 1040.0 };
        assert_eq!(course.window(), Some(window));
    }

    fn sum_ms(samples: &[Samples], metrics: &[Metric]) -> f64 {
        let counted = |series: &&Samples| metrics.contains(&series.metric) && series.phase == Phase::Measured;
        samples.iter().filter(counted).flat_map(|series| &series.values).sum()
    }

    #[test]
    fn first_then_warm_up_then_samples_then_probes_then_the_report() {
        use Step::{Infer, ReadBack, Report};
        let sampling = Sampling { samples: 3, ..Sampling::default() };
        for (name, engine, sampling, infer, probes) in [
            ("steady after eight", ENGINE, sampling, 1 + 8 + 3, 5),
            // Ten of 4 ms.
            ("for some time", ENGINE, Sampling { least_ms: 40, ..sampling }, 1 + 8 + 10, 5),
            ("no warm-up", ENGINE, Sampling { warmup_limit: 0, ..sampling }, 1 + 3, 5),
            ("nothing to read back", Engine { readback_ms: None, ..ENGINE }, sampling, 1 + 8 + 3, 1),
            (
                "falling for long",
                Engine { inferences_ms: &[90.0, 90.0, 80.0, 70.0, 60.0, 50.0, 9.0], ..ENGINE },
                sampling,
                1 + 12 + 3,
                5,
            ),
        ] {
            let expected = [vec![Infer; infer], vec![ReadBack; probes], vec![Report]].concat();
            assert_eq!(engine.measure(sampling).0, expected, "{name}");
        }
    }

    #[test]
    fn every_value_is_there_with_its_phase() {
        let (_, samples, _) = ENGINE.measure(Sampling { samples: 2, warmup_limit: 1, ..Sampling::default() });
        let (warm_up, measured) = (Phase::WarmUp, Phase::Measured);
        let expected = [
            (Metric::LoadMs, measured, vec![20.0]),
            (Metric::OpenMs, measured, vec![7.0]),
            (Metric::PlanMs, measured, vec![5.0]),
            (Metric::CompileMs, measured, vec![30.0]),
            (Metric::UploadMs, measured, vec![5.0]),
            (Metric::FirstInferenceMs, measured, vec![16.0]),
            (Metric::WarmUpMs, measured, vec![4.0]),
            (Metric::LatencyMs, warm_up, vec![4.0]),
            (Metric::LatencyMs, measured, vec![4.0; 2]),
            (Metric::TimeToFirstTokenMs, warm_up, vec![2.0]),
            (Metric::TimeToFirstTokenMs, measured, vec![2.0; 2]),
            (Metric::TokensPerS, warm_up, vec![1000.0]),
            (Metric::TokensPerS, measured, vec![1000.0; 2]),
            (Metric::GpuMs, warm_up, vec![2.0]),
            (Metric::GpuMs, measured, vec![2.0; 2]),
            (Metric::ReadbackMs, measured, vec![0.5; 5]),
            (Metric::InspectMs, measured, vec![11.0]),
            (Metric::WallMs, measured, vec![106.0]),
        ];
        let expected = expected.map(|(metric, phase, values)| Samples { metric, phase, values });
        assert_eq!(samples, expected);
    }

    #[test]
    fn the_parts_add_up_to_the_wall_time_but_for_what_lies_between_inferences() {
        let few = [Activity::Upload, Activity::Load, Activity::Upload];
        let few: &[(Activity, f64)] = &few.map(|activity| (activity, 1.5));
        for (name, engine, apart) in [
            ("an engine with every part", ENGINE, 0.0),
            ("one that walks a graph", Engine { preparing: Vec::leak(few.to_vec()), ..ENGINE }, 0.0),
            ("one that is inspected for long", Engine { inspecting_ms: 900.0, ..ENGINE }, 0.0),
            // After the first inference and each of 20 samples; between two of the warm-up it is warm-up.
            ("an executor that takes its time", Engine { between_ms: 0.01, ..ENGINE }, 21.0 * 0.01),
        ] {
            let (_, samples, took_ms) = engine.measure(Sampling::default());
            let wall_ms = sum_ms(&samples, &[Metric::WallMs]);
            let parts_ms = sum_ms(&samples, &Metric::PARTS_OF_WALL);
            assert_eq!(wall_ms, took_ms, "{name}");
            assert!((wall_ms - parts_ms - apart).abs() < 1e-6, "{name}: {parts_ms} of {wall_ms} ms");
            assert!(wall_ms - parts_ms <= 0.02 * wall_ms, "{name}: {parts_ms} of {wall_ms} ms");
        }
    }

    #[test]
    fn tokens_per_second_are_those_after_the_first() {
        let timing = Timing { began_ms: 0.0, first_program_ms: Some(10.0), gpu_ms: None };
        let generating =
            [(Metric::LatencyMs, 40.0), (Metric::TimeToFirstTokenMs, 10.0), (Metric::TokensPerS, 500.0)];
        assert_eq!(timing.metrics(40.0, Some(16)), generating);
        assert_eq!(timing.metrics(40.0, Some(1)), generating[..2]);
        assert_eq!(timing.metrics(40.0, None), generating[..1]);
    }
}
