//! The machine's processor, as an adapter: what engines on the CPU run on.

use protocol::Adapter;

/// The processor as an adapter. It is software in the sense that no accelerator stands behind it.
pub fn adapter() -> Adapter {
    Adapter {
        vendor: vendor(),
        architecture: std::env::consts::ARCH.to_owned(),
        device: model(),
        backend: "cpu".to_owned(),
        software: true,
        features: vector_features(),
        ..Adapter::default()
    }
}

/// Who made the processor.
pub fn vendor() -> String {
    #[cfg(target_arch = "x86_64")]
    if let Some(vendor) = raw_cpuid::CpuId::new().get_vendor_info() {
        return vendor.as_str().to_owned();
    }
    if cfg!(target_vendor = "apple") { "apple".to_owned() } else { "unnamed".to_owned() }
}

/// Its product name.
pub fn model() -> String {
    #[cfg(target_arch = "x86_64")]
    if let Some(brand) = raw_cpuid::CpuId::new().get_processor_brand_string() {
        return brand.as_str().trim().to_owned();
    }
    std::env::consts::ARCH.to_owned()
}

/// The vector extensions that inference engines care about, as detected on this processor.
pub fn vector_features() -> Vec<String> {
    let mut found = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        macro_rules! detect {
            ($($name:tt),*) => { $(if std::is_x86_feature_detected!($name) { found.push($name.to_owned()); })* };
        }
        detect!(
            "sse4.2",
            "avx",
            "avx2",
            "fma",
            "f16c",
            "avx512f",
            "avx512bw",
            "avx512vl",
            "avx512vnni",
            "avx512bf16"
        );
    }
    #[cfg(target_arch = "aarch64")]
    {
        macro_rules! detect {
            ($($name:tt),*) => { $(if std::arch::is_aarch64_feature_detected!($name) { found.push($name.to_owned()); })* };
        }
        detect!("neon", "dotprod", "fp16", "bf16", "i8mm", "sve");
    }
    found.sort();
    found
}
