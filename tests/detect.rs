//! `parallax detect`: what is here, what each thing says of itself, and how to get what is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use end_to_end::{Scene, check_adapter, ended};
use serde_json::Value;

fn subject<'a>(capabilities: &'a [Value], name: &str) -> &'a Value {
    let names: Vec<&Value> = capabilities.iter().map(|capability| &capability["subject"]).collect();
    capabilities.iter().find(|c| c["subject"] == name).unwrap_or_else(|| panic!("no {name} among {names:?}"))
}

#[test]
fn everything_found_says_what_it_is_and_everything_missing_how_to_get_it() {
    let scene = Scene::new();
    let detect = ended(scene.parallax(["detect", "--json", "--db", "detect.duckdb"]));
    assert_eq!(detect.code, Some(0), "{detect:?}");
    let document = detect.document();
    let capabilities = document["capabilities"].as_array().cloned().unwrap_or_default();
    let on_linux: &[&str] = if cfg!(target_os = "linux") { &["webkit", "headless-shell"] } else { &[] };
    for browser in on_linux {
        assert_eq!(subject(&capabilities, browser)["state"], "present", "{browser}");
    }
    for browser in ["chrome", "firefox"] {
        let found = subject(&capabilities, browser);
        assert_eq!(found["state"], "present", "{found:#}");
        assert!(found["version"].is_string(), "{found:#}");
        let webgpu = subject(&capabilities, &format!("webgpu@{browser}"));
        check_adapter(&webgpu["adapter"]);
        let unknown = webgpu["facts"]["software_known_by"] == "nothing says that it is";
        assert_eq!(webgpu["adapter"]["software"], !unknown, "{webgpu:#}");
        assert!(
            webgpu["adapter"]["limits"]["maxBufferSize"].as_u64().is_some_and(|bytes| bytes >= 256 << 20)
        );
        let software = &webgpu["adapter"]["software"];
        for (engine, software) in [("ort-webgpu", software), ("ort-wasm", &true.into())] {
            let reference = subject(&capabilities, &format!("{engine}@{browser}"));
            assert!(
                reference["version"].as_str().is_some_and(|version| version.starts_with("1.")),
                "{reference:#}"
            );
            assert_eq!(reference["adapter"]["software"], *software, "{reference:#}");
        }
        let timer = subject(&capabilities, &format!("timer@{browser}"));
        assert!(
            timer["facts"]["resolution_ms"].as_f64().is_some_and(|ms| ms > 0.0 && ms <= 1.0),
            "{timer:#}"
        );
        let isolation = subject(&capabilities, &format!("isolation@{browser}"));
        assert_eq!(isolation["state"], "present", "{isolation:#}");
        for device in ["cpu", "gpu", "npu"] {
            subject(&capabilities, &format!("webnn:{device}@{browser}"));
        }
    }
    for engine in ["wgpu:vulkan", "burn:cpu", "onnxruntime:cpu", "cpu"] {
        let found = subject(&capabilities, engine);
        assert_eq!(found["state"], "present", "{found:#}");
    }
    for missing in capabilities.iter().filter(|capability| capability["state"] == "missing") {
        assert!(missing["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{missing:#}");
    }
    let store = duckdb::Connection::open(scene.path("detect.duckdb")).unwrap();
    let stored: i64 = store.query_row("select count(*) from capabilities", [], |row| row.get(0)).unwrap();
    assert_eq!(stored as usize, capabilities.len());
}
