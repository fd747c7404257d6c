//! JUnit XML, summary and annotations of one sweep in which everything happens, read back by others' readers.

use std::collections::BTreeMap;

use protocol::{Adapter, Engine, FallbackNode, Verdict};
use roxmltree::{Document, Node};

use super::markdown::tests::{WILD, parsed};
use super::*;
use crate::report::tests::{passed, run};
use crate::rows::Run;
use crate::rows::comparison::RatioRow;
use crate::rows::gate::{Change, Finding, Gated};

fn case(model: &str, target: &str, verdict: Verdict, message: &str) -> CaseRow {
    let ended = Some(message.to_owned()).filter(|message| !message.is_empty());
    CaseRow {
        model: model.to_owned(),
        target: target.to_owned(),
        actual_target: (verdict == Verdict::Pass).then(|| target.to_owned()),
        verdict,
        message: ended,
        case_key: format!("{model} {target}"),
        features: BTreeMap::from([("browser_version".to_owned(), "150.0".to_owned())]),
        ..passed()
    }
}

/// The same case, so many seconds later.
fn later(seconds: u32, case: CaseRow) -> CaseRow {
    let at = |second: u32| format!("2026-01-02T03:05:{second:02}.500Z");
    CaseRow { started_at: at(seconds), finished_at: at(seconds + 2), ..case }
}

fn finding(kind: &'static str, fails: bool) -> Finding {
    Finding {
        kind,
        fails,
        model: "bert".to_owned(),
        place: "webgpu@chrome".to_owned(),
        message: "takes 20 % longer".to_owned(),
        ratio: Some(RatioRow { median: 1.2, low: Some(1.15), high: Some(1.25) }),
        since: "6".to_owned(),
        changed: vec![Change { what: "browser", from: "149".to_owned(), to: "150".to_owned() }],
    }
}

fn gated(findings: Vec<Finding>) -> Held {
    let verdict = if findings.iter().any(|finding| finding.fails) { "fail" } else { "pass" };
    let (run, against) = ("7".to_owned(), "6".to_owned());
    Held::Gated(Gated { verdict, run, against, max_slowdown: 0.05, cells: 4, timed: 3, findings })
}

/// A sweep in which everything happens.
fn eventful() -> Published {
    let elsewhere = FallbackNode {
        node: "n".to_owned(),
        operator: "Sort".to_owned(),
        engine: Engine::Wasm,
        reason: "not there".to_owned(),
    };
    let cases = vec![
        case("bert", "webgpu@chrome", Verdict::Pass, ""),
        case("vit", "webgpu@chrome", Verdict::Mismatch, "off by 1\nin boxes"),
        case("bert", "webgpu@firefox", Verdict::Crash, "the tab died"),
        later(5, case("bert", "webgpu@firefox", Verdict::Pass, "")),
        case("vit", "webgpu@firefox", Verdict::Timeout, "no answer in 300 s"),
        later(9, case("vit", "webgpu@firefox", Verdict::Crash, "the tab died")),
        case("bert", "wasm@edge", Verdict::Unavailable, "no Edge was found; install it"),
        CaseRow {
            actual_target: Some("wasm@edge".to_owned()),
            fallback_nodes: vec![elsewhere],
            ..case("vit", "webnn:npu@edge", Verdict::Unsupported, "Sort is not there")
        },
        case("clip", "webgpu@firefox", Verdict::Pass, ""),
        later(9, case("clip", "webgpu@firefox", Verdict::DeviceLost, "the device went away")),
        CaseRow { software_though_hardware: true, ..case("bert", "wgpu:vulkan", Verdict::Pass, "") },
    ];
    let held = Some(gated(vec![finding("slowdown", true), finding("slower-unproven", false)]));
    Published { runs: vec![run()], cases, held, ..Published::default() }
}

/// Each test case of a document: its suite, name, children with their types, and seconds.
fn told(xml: &str) -> Vec<String> {
    let document = Document::parse(xml).unwrap_or_else(|error| panic!("{error}\n{xml}"));
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let child = |node: Node<'_, '_>| {
        let kind = node.attribute("type").unwrap_or("?");
        format!("{} {kind} \"{}\"", node.tag_name().name(), node.attribute("message").unwrap_or("?"))
    };
    cases
        .map(|case| {
            let children =
                case.children().filter(|node| node.is_element() && !node.has_tag_name("properties"));
            let suite = case.parent().unwrap().attribute("name").unwrap();
            assert_eq!(case.attribute("classname"), Some(suite));
            let head =
                format!("{suite}: {} {} s", case.attribute("name").unwrap(), case.attribute("time").unwrap());
            std::iter::once(head).chain(children.map(child)).collect::<Vec<_>>().join("; ")
        })
        .collect()
}

#[test]
fn junit_tells_failures_errors_skips_flaky_runs_and_reruns_apart() {
    let xml = junit::render(&eventful()).unwrap();
    let expected = [
        "webgpu@chrome: bert 1.111 s",
        "webgpu@chrome: vit 1.111 s; failure mismatch \"off by 1\"",
        "webgpu@firefox: bert 2.000 s; flakyError crash \"the tab died\"",
        "webgpu@firefox: vit 1.111 s; error timeout \"no answer in 300 s\"; rerunError crash \"the tab died\"",
        "webgpu@firefox: clip 2.000 s; error device-lost \"the device went away\"",
        "wasm@edge: bert 1.111 s; skipped unavailable \"no Edge was found; install it\"",
        "webnn:npu@edge: vit 1.111 s; skipped unsupported \"Sort is not there\"",
        "wgpu:vulkan: bert 1.111 s",
    ];
    assert_eq!(told(&xml), expected, "{xml}");
    let document = Document::parse(&xml).unwrap();
    let counts =
        ["tests", "failures", "errors", "skipped"].map(|name| document.root_element().attribute(name));
    assert_eq!(counts, [Some("8"), Some("1"), Some("2"), Some("2")]);
    let description = document.descendants().find(|node| node.has_tag_name("failure")).unwrap();
    assert_eq!(description.text(), Some("off by 1\nin boxes"));
    let properties = |case: usize| {
        let case = document.descendants().filter(|node| node.has_tag_name("testcase")).nth(case).unwrap();
        let all = case.descendants().filter(|node| node.has_tag_name("property"));
        let told = |it: Node<'_, '_>| {
            format!("{}={}", it.attribute("name").unwrap(), it.attribute("value").unwrap())
        };
        all.map(told).collect::<Vec<_>>()
    };
    assert_eq!(
        properties(0),
        [
            "adapter=google swiftshader, software",
            "software=true",
            "browser_version=150.0",
            "precision=fp32",
            "max_error=0.00000011920929",
            "tolerance=0.0001",
            "latency_ms=9.996",
            "latency_low_ms=9.5",
            "latency_high_ms=11"
        ]
    );
    assert!(properties(2).contains(&"attempts=2".to_owned()));
    assert!(properties(6).ends_with(&["ran_on=wasm@edge".to_owned(), "nodes_elsewhere=1".to_owned()]));
}

#[test]
fn junit_is_well_formed_whatever_names_and_messages_hold() {
    for wild in
        WILD.into_iter().chain(["]]> &amp; \"quoted\" 'x'", "\u{fffe}\u{ffff}", "\u{1b}[31mred\u{1b}[0m"])
    {
        let mut case = case(wild, wild, Verdict::Crash, wild);
        case.features.insert("browser_version".to_owned(), wild.to_owned());
        case.adapter = Some(Adapter { vendor: wild.to_owned(), ..Adapter::default() });
        let xml = junit::render(&Published {
            runs: vec![run()],
            cases: vec![case],
            held: None,
            ..Published::default()
        })
        .unwrap();
        let document = Document::parse(&xml).unwrap_or_else(|error| panic!("{wild:?}: {error}\n{xml}"));
        let found = document.descendants().find(|node| node.has_tag_name("error")).unwrap();
        let shown = crate::screen::shown(wild.trim_end())
            .replace('\u{fffe}', "\\ufffe")
            .replace('\u{ffff}', "\\uffff");
        let expected = if shown.is_empty() { "crash" } else { shown.as_str() };
        assert_eq!(found.text(), Some(expected), "{wild:?}");
    }
}

const SUMMARY: &str = "\
## Parallax failed: of 8 cases, 3 pass, 1 mismatch, 1 unsupported, 1 unavailable, 1 timeout, 1 device-lost, 2 flaky, 1 worse than before

### What failed

- `vit` on `webgpu@chrome`: mismatch

  ```text
  off by 1
  in boxes
  ```

- `vit` on `webgpu@firefox`: timeout

  ```text
  no answer in 300 s
  ```

- `clip` on `webgpu@firefox`: device-lost

  ```text
  the device went away
  ```


### What is worse than `6`

- **fails**: slowdown, `bert` on `webgpu@chrome`, ratio 1.20: `takes 20 % longer`, since run `6`; what changed: `browser` `149` → `150`
- remark: slower-unproven, `bert` on `webgpu@chrome`, ratio 1.20: `takes 20 % longer`, since run `6`; what changed: `browser` `149` → `150`

### What is flaky

- `bert` on `webgpu@firefox`: 1 of 2 attempts went wrong

  ```text
  the tab died
  ```

- `clip` on `webgpu@firefox`: 1 of 2 attempts went wrong

  ```text
  the device went away
  ```


### What this place could not run

- `bert` on `wasm@edge`: unavailable

  ```text
  no Edge was found; install it
  ```

- `vit` on `webnn:npu@edge`: unsupported

  ```text
  Sort is not there
  ```


### Models by targets

| model | `webgpu@chrome` | `webgpu@firefox` | `wasm@edge` | `webnn:npu@edge` | `wgpu:vulkan` |
|---|---:|---:|---:|---:|---:|
| `bert` | pass 10.0 ms | flaky, pass 10.0 ms | unavailable | – | pass 10.0 ms |
| `vit` | **mismatch** | **timeout** | – | unsupported | – |
| `clip` | – | **flaky, device-lost** | – | – | – |

### What ran elsewhere than it should, or on a CPU

- `webgpu@chrome` ran on `google swiftshader, software`: `bert`, `vit`
- `webgpu@firefox` ran on `google swiftshader, software`: `bert`, `vit`, `clip`
- `webnn:npu@edge` ran on `google swiftshader, software`: `vit`
- `webnn:npu@edge` fell back to `wasm@edge`: `vit`
- `webnn:npu@edge` left nodes to another engine: `vit`
- `wgpu:vulkan` ran on `google swiftshader, software`, **though there is a GPU**: `bert`

### Runs

- `7`, `finished` from `2026-01-02T03:04:05.678Z`
";

#[test]
fn the_summary_reads_like_this() {
    let text = summary::render(&eventful(), summary::MOST_BYTES);
    assert_eq!(text, SUMMARY, "\n{text}");
}

#[test]
fn nothing_in_a_summary_acts() {
    for wild in WILD {
        let mut one = case(wild, "webgpu@chrome", Verdict::Crash, wild);
        one.adapter_choice = wild.to_owned();
        one.adapter = Some(Adapter { vendor: wild.to_owned(), software: true, ..Adapter::default() });
        let other = CaseRow { verdict: Verdict::Pass, started_at: String::new(), ..one.clone() };
        let text = wild.to_owned();
        let change = Change { what: "browser", from: text.clone(), to: text.clone() };
        let found = Finding {
            model: text.clone(),
            place: text.clone(),
            message: text.clone(),
            since: text.clone(),
            changed: vec![change],
            ..finding("slowdown", true)
        };
        let Held::Gated(gate) = gated(vec![found]) else { unreachable!() };
        for held in [Held::Gated(Gated { against: text.clone(), ..gate }), Held::Apart(text.clone())] {
            let mut run = run();
            (run.message, run.origin.host.name, run.state) =
                (Some(text.clone()), Some(text.clone()), text.clone());
            let published = Published {
                runs: vec![run],
                cases: vec![one.clone(), other.clone()],
                held: Some(held),
                ..Published::default()
            };
            let rendered = summary::render(&published, summary::MOST_BYTES);
            let (code, text) = parsed(&rendered);
            assert!(code.len() > 8 || wild.trim().is_empty(), "{wild:?}: {code:?}");
            for part in ["someone", "example.com", "script", "third", "::error"] {
                assert!(!text.contains(part), "{wild:?}: {part} in {text}");
            }
        }
    }
}

#[test]
fn a_summary_is_cut_to_whole_entries_with_failures_first() {
    let failed = |number: u32| {
        case(&format!("f{number}"), "webgpu@chrome", Verdict::Crash, &"x".repeat(5000 + number as usize))
    };
    let right = |number: u32| case(&format!("model-{number}"), "webgpu@chrome", Verdict::Pass, "");
    let many = |failures: u32, passes: u32| Published {
        runs: vec![run()],
        cases: (0..passes).map(right).chain((0..failures).map(failed)).collect(),
        ..Published::default()
    };
    for (failures, passes, most_bytes, cut) in [
        (3, 10, summary::MOST_BYTES, &[][..]),
        (400, 10, summary::MOST_BYTES, &["of 400 messages of what failed"]),
        (2, 60_000, summary::MOST_BYTES, &["of 60002 rows of models by targets"]),
        (10, 10, 10_000, &["8 of 10 messages of what failed"]),
        (1, 1, 0, &["1 of 1 messages of what failed", "1 of 1 runs"]),
    ] {
        let text = summary::render(&many(failures, passes), most_bytes);
        assert!(text.len() <= most_bytes.max(1024), "{failures} {passes}: {} bytes", text.len());
        let said = text.split("Left out, since a summary holds 1 MiB: ").nth(1).unwrap_or_default();
        assert_eq!(said.is_empty(), cut.is_empty(), "{failures} {passes}: {said}");
        cut.iter().for_each(|part| assert!(said.contains(part), "{failures} {passes}: {said}"));
        let (code, _) = parsed(&text);
        assert!(code.len() > 1 || most_bytes == 0, "{failures} {passes}");
    }
}

#[test]
fn annotations_are_errors_warnings_and_a_notice() {
    let expected = [
        "::error title=vit on webgpu@chrome%3A mismatch::off by 1%0Ain boxes",
        "::error title=vit on webgpu@firefox%3A timeout::no answer in 300 s",
        "::error title=clip on webgpu@firefox%3A flaky%2C device-lost::the device went away",
        "::error title=slowdown%3A bert on webgpu@chrome::takes 20 %25 longer (since run 6)",
        "::warning title=bert on webgpu@firefox%3A flaky::1 of 2 attempts went wrong: the tab died",
        "::warning title=vit on webnn%3Anpu@edge%3A ran elsewhere::it ran on wasm@edge: Sort is not there",
        "::warning title=bert on wgpu%3Avulkan%3A software adapter::a CPU computed it, which nobody asked for, though there is a GPU",
        "::warning title=slower-unproven%3A bert on webgpu@chrome::takes 20 %25 longer (since run 6)",
        "::notice title=Parallax::failed: of 8 cases, 3 pass, 1 mismatch, 1 unsupported, 1 unavailable, 1 timeout, 1 device-lost, 2 flaky, 1 worse than before",
    ];
    let found = annotations::render(&eventful());
    assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{found}");
}

#[test]
fn no_name_and_no_message_begins_a_command_of_its_own() {
    for wild in WILD.into_iter().chain(["x\r::add-mask::y", "a:b,c%0A::warning::d"]) {
        let published = Published {
            runs: vec![run()],
            cases: vec![case(wild, wild, Verdict::Crash, wild)],
            held: None,
            ..Published::default()
        };
        let found = annotations::render(&published);
        let kinds: Vec<&str> =
            found.split('\n').map(|line| line.split([' ', ':']).nth(2).unwrap_or_default()).collect();
        assert_eq!(kinds, ["error", "notice"], "{wild:?}: {found}");
        let head = found.split("::").nth(1).unwrap();
        assert!(head.starts_with("error title=") && !head.contains([',', '\r']), "{wild:?}: {head}");
    }
}

#[test]
fn a_sweep_passes_fails_or_did_not_run() {
    let of = |verdicts: &[Verdict], state: &str, held: Option<Held>| {
        let cases = (0..)
            .zip(verdicts)
            .map(|(number, verdict)| case(&format!("m{number}"), "wgpu:vulkan", *verdict, ""));
        let runs = vec![Run { state: state.to_owned(), ..run() }];
        verdict(&Published { runs, cases: cases.collect(), held, ..Published::default() })
    };
    use Verdict::{Pass, Unavailable};
    for (found, expected) in [
        (of(&[Pass], "finished", None), "passed: of 1 case, 1 pass"),
        (
            of(&[Pass, Unavailable], "finished", Some(gated(vec![]))),
            "passed: of 2 cases, 1 pass, 1 unavailable",
        ),
        (of(&[Unavailable], "finished", None), "nothing ran: of 1 case, 1 unavailable"),
        (of(&[Pass], "interrupted", None), "failed: of 1 case, 1 pass, 1 unfinished"),
        (of(&[], "finished", None), "nothing ran: of 0 cases, none finished"),
        (of(&[], "failed", None), "failed: of 0 cases, 1 unfinished"),
        (
            of(&[Pass], "finished", Some(gated(vec![finding("slowdown", true)]))),
            "failed: of 1 case, 1 pass, 1 worse than before",
        ),
        (
            of(&[Pass], "finished", Some(gated(vec![finding("slower-unproven", false)]))),
            "passed: of 1 case, 1 pass",
        ),
    ] {
        assert_eq!(found, expected);
    }
}

#[test]
fn a_shard_that_is_missing_fails_a_sweep_and_is_named() {
    let cases = vec![case("bert", "wgpu:vulkan", Verdict::Pass, "")];
    let published =
        Published { runs: vec![run()], missing_shards: vec![2, 4], cases, ..Published::default() };
    assert_eq!(verdict(&published), "failed: of 1 case, 1 pass, 2 shards missing");
    let text = summary::render(&published, summary::MOST_BYTES);
    assert!(text.contains("### Runs\n\n- shard 2 is **missing**\n- shard 4 is **missing**\n- `7`"), "{text}");
    let annotated = annotations::render(&published);
    assert!(annotated.starts_with("::error title=shard 2 is missing::nothing of what"), "{annotated}");
}

#[test]
fn a_long_text_ends_after_so_many_characters_and_says_how_many_more_there_are() {
    for (text, most, expected) in [
        ("abc", 3, "abc"),
        ("abcd", 3, "abc … (1 more characters)"),
        ("äöüß", 2, "äö … (2 more characters)"),
        ("", 0, ""),
    ] {
        assert_eq!(beginning(text, most), expected);
    }
}

#[test]
fn where_nothing_can_be_held_against_it_that_is_said() {
    let with = |held: Held| Published { held: Some(held), ..eventful() };
    for (held, part, annotation) in [
        (
            Held::Gated(Gated::without_baseline("7", "last-pass", 0.05)),
            "### What is worse than `last-pass`\n\nThere is no earlier sweep that passed to hold it against.\n",
            false,
        ),
        (
            Held::Apart("no cell in common".to_owned()),
            "Nothing could be compared: `no cell in common`\n",
            true,
        ),
        (gated(vec![]), "Nothing, of 4 cells, 3 of them timed, that both have.\n", false),
    ] {
        let published = with(held);
        let text = summary::render(&published, summary::MOST_BYTES);
        assert!(text.contains(part), "{text}");
        let annotated = annotations::render(&published).contains("not held against an earlier sweep");
        assert_eq!(annotated, annotation);
    }
}
