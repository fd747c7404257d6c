//! What the machine's sensors count while samples are taken is in the row, and where nothing counts there is nothing.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::path::Path;

use end_to_end::{Scene, case, ended};

#[cfg(target_os = "linux")]
#[test]
fn processors_are_busy_while_software_adapters_compute() {
    let scene = Scene::new();
    let targets = ["wgpu:vulkan", "webgpu@chrome", "webgpu@firefox"];
    let sweep = ended(scene.sweep(&["bert-tiny"], &targets, &["--samples", "150"]));
    assert_eq!(sweep.code, Some(0), "{}{}", sweep.stdout, sweep.stderr);
    let counts_energy = Path::new("/sys/class/powercap/intel-rapl:0/energy_uj").exists()
        || Path::new("/dev/nvidiactl").exists();
    for target in targets {
        let cases = sweep.cases();
        let metrics = &case(&cases, "bert-tiny", target)["metrics"];
        let busy = metrics["cpu_utilisation"]["median"].as_f64();
        assert!(busy.is_some_and(|busy| busy > 0.05 && busy <= 1.0), "{target}: {metrics:#}");
        if !counts_energy {
            assert!(
                metrics["energy_j"].is_null() && metrics["idle_power_w"].is_null(),
                "{target}: {metrics:#}"
            );
        }
    }
}
