//! Says what this page can do: WebGPU, WebNN by device type, the clock, isolation, and the page itself.

use std::collections::BTreeMap;

use protocol::{Capability, Device, Presence};
use serde_json::{Value, json};

use crate::browser::{self, property};
use crate::device;
use crate::engine::PageContext;
use crate::error::RuntimeError;
use crate::onnxruntime_web::{Library, Provider};
use crate::timing::Clock;
use crate::webnn::{Context, DEVICES, Seen};

/// One entry per engine, context or fact looked at. What cannot be had is an entry too.
pub async fn capabilities(context: PageContext<'_>) -> Vec<Capability> {
    let mut capabilities = vec![webgpu().await];
    for provider in Provider::ALL {
        capabilities.push(reference(provider, context).await);
    }
    capabilities.extend(webnn().await);
    capabilities.extend([timer(), isolation(), page()]);
    capabilities
}

async fn webgpu() -> Capability {
    let adapter = match device::request_adapter().await {
        Ok(adapter) => adapter,
        Err(error) => return missing("webgpu", &error),
    };
    let description = device::describe(&adapter);
    let evidence = description.software_evidence();
    let info = adapter.info();
    let facts = [
        ("subgroup_min_size", json!(property(&info, "subgroupMinSize").as_f64())),
        ("subgroup_max_size", json!(property(&info, "subgroupMaxSize").as_f64())),
        ("is_fallback_adapter", json!(description.is_fallback)),
        ("software_known_by", json!(evidence.unwrap_or_else(|| "nothing says that it is".to_owned()))),
        ("webgl_renderer", json!(description.webgl_renderer)),
    ];
    Capability { adapter: Some(description.to_adapter()), ..present("webgpu", facts) }
}

async fn reference(provider: Provider, page: PageContext<'_>) -> Capability {
    let subject = provider.subject();
    match Library::get(provider, page).await {
        Err(error) => missing(&subject, &error),
        Ok(library) => Capability {
            version: Some(library.version.clone()),
            adapter: Some(library.adapter()),
            ..present(&subject, [("wasm_threads", json!(library.threads))])
        },
    }
}

/// The contexts for every device type, each held against the CPU's.
async fn webnn() -> Vec<Capability> {
    let (mut found, mut cpu) = (Vec::new(), None);
    for device in DEVICES {
        found.push(context(device, &mut cpu).await);
    }
    found
}

async fn context(device: Device, cpu: &mut Option<Seen>) -> Capability {
    let subject = format!("webnn:{}", device.name());
    let context = match Context::open(device).await {
        Ok(context) => context,
        Err(error) => return missing(&subject, &error),
    };
    let (mut adapter, accelerated) = (context.adapter(), context.accelerated());
    let operators = context.limits.borrow().method_count();
    let seen = match Seen::look(context).await {
        Ok(seen) => seen,
        Err(error) => return missing(&subject, &error),
    };
    let evidence = cpu.as_ref().and_then(|cpu| seen.like_the_cpu(cpu));
    adapter.software |= evidence.is_some();
    let facts = [
        ("operators", json!(operators)),
        ("accelerated", json!(accelerated)),
        ("product_512_ms", json!(seen.product_ms)),
        ("software_known_by", json!(evidence)),
    ];
    if device == Device::Cpu {
        *cpu = Some(seen);
    }
    Capability { adapter: Some(adapter), ..present(&subject, facts) }
}

fn timer() -> Capability {
    match Clock::open() {
        Ok(clock) => present("timer", [("resolution_ms", json!(clock.resolution_ms()))]),
        Err(error) => missing("timer", &error),
    }
}

fn isolation() -> Capability {
    if browser::is_cross_origin_isolated() {
        return present("isolation", []);
    }
    let reason = "crossOriginIsolated is false".to_owned();
    let remedy = "serve the page with Cross-Origin-Opener-Policy: same-origin and \
                  Cross-Origin-Embedder-Policy: require-corp"
        .to_owned();
    Capability { presence: Presence::Missing { reason, remedy }, ..present("isolation", []) }
}

fn page() -> Capability {
    let window = match browser::window() {
        Ok(window) => window,
        Err(error) => return missing("page", &error),
    };
    let navigator = window.navigator();
    let number = |name| json!(property(&navigator, name).as_f64());
    present(
        "page",
        [
            ("user_agent", json!(property(&navigator, "userAgent").as_string())),
            ("hardware_concurrency", number("hardwareConcurrency")),
            ("device_memory_gib", number("deviceMemory")),
        ],
    )
}

fn present<const N: usize>(subject: &str, facts: [(&str, Value); N]) -> Capability {
    let facts = facts.into_iter().filter(|(_, value)| !value.is_null());
    Capability {
        subject: subject.to_owned(),
        presence: Presence::Present,
        version: None,
        adapter: None,
        facts: facts.map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>(),
    }
}

/// The errors of opening something end in what to do, after the semicolon.
fn missing(subject: &str, error: &RuntimeError) -> Capability {
    let message = error.to_string();
    let (reason, remedy) = message.split_once("; ").unwrap_or((&message, "use a current browser"));
    let presence = Presence::Missing { reason: reason.to_owned(), remedy: remedy.to_owned() };
    Capability { presence, ..present(subject, []) }
}
