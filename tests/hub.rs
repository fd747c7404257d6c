//! Models from the hub, and bare ONNX files: fetched once, completed with inputs and expected outputs, run like any other;
//! what cannot be had is refused with the remedy.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use end_to_end::{Ended, Scene, bad_model, case, checkout, ended};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const TARGETS: [&str; 2] = ["wgpu:vulkan", "onnxruntime:cpu"];
/// A hub that is not there: the port is reserved for discarding.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A server on loopback that answers as the public hub does; gone when dropped.
struct Hub {
    endpoint: String,
    _runtime: Runtime,
}

impl Hub {
    /// Serves `folder/OWNER/REPOSITORY` for every repository.
    fn serve(folder: PathBuf) -> Hub {
        let runtime = Runtime::new().unwrap();
        let router = Router::new()
            .route("/api/models/{owner}/{repo}/revision/{revision}", get(info))
            .route("/{owner}/{repo}/resolve/{revision}/{*file}", get(file))
            .with_state(Arc::new(folder));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Hub { endpoint, _runtime: runtime }
    }
}

/// The commit and the files of a repository; nobody is told whether one that is not there is private.
async fn info(
    State(folder): State<Arc<PathBuf>>,
    UrlPath((owner, repo, revision)): UrlPath<(String, String, String)>,
) -> Response {
    let repo = folder.join(owner).join(repo);
    if !repo.is_dir() || !["main", COMMIT].contains(&revision.as_str()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let files = files(&repo).into_iter().map(|name| serde_json::json!({ "rfilename": name }));
    let listing = serde_json::json!({ "sha": COMMIT, "siblings": files.collect::<Vec<_>>() });
    listing.to_string().into_response()
}

/// A part of a file, or all of it, with the headers that clients look for.
async fn file(
    State(folder): State<Arc<PathBuf>>,
    UrlPath((owner, repo, _revision, file)): UrlPath<(String, String, String, String)>,
    headers: HeaderMap,
) -> Response {
    if repo == "gated" {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(bytes) = fs::read(folder.join(owner).join(&repo).join(&file)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok()?.strip_prefix("bytes="));
    let (start, end) = range.and_then(|range| range.split_once('-')).unwrap_or(("0", ""));
    let start: usize = start.parse().unwrap();
    let end = end.parse().map_or(bytes.len(), |last: usize| last + 1);
    let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let answer = [
        ("x-repo-commit", COMMIT.to_owned()),
        ("etag", format!("\"{repo}-{}\"", file.replace('/', "-"))),
        ("content-range", format!("bytes {start}-{}/{}", end - 1, bytes.len())),
    ];
    (status, answer, bytes[start..end].to_vec()).into_response()
}

/// The files below a folder, as paths from there.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        match entry.path().is_dir() {
            true => found.extend(files(&entry.path()).iter().map(|inside| format!("{name}/{inside}"))),
            false => found.push(name),
        }
    }
    found
}

fn fixture(file: &str) -> PathBuf {
    checkout().join("fixtures/models").join(file)
}

/// Puts a file into a repository of the scene's hub.
fn publish(scene: &Scene, place: &str, contents: impl AsRef<[u8]>) {
    let path = scene.path("repositories").join(place);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
}

/// A file with a name in it replaced by one that is as long, so that all else stays where it is.
fn renamed<const LENGTH: usize>(mut file: Vec<u8>, from: &[u8; LENGTH], to: &[u8; LENGTH]) -> Vec<u8> {
    let places: Vec<usize> = (0..file.len()).filter(|at| file[*at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "there is nothing to rename");
    for place in places {
        file[place..place + LENGTH].copy_from_slice(to);
    }
    file
}

/// Lets a command see this hub, and caches of the scene's own.
fn at(scene: &Scene, endpoint: &str, mut command: Command) -> Command {
    command.env("HF_ENDPOINT", endpoint).env_remove("HF_HOME").env("NO_PROXY", "127.0.0.1");
    command.env("XDG_CACHE_HOME", scene.path("cache"));
    command.env("PARALLAX_ONNXRUNTIME", protocol::cache::onnxruntime_library());
    command
}

/// Sweeps a model over [`TARGETS`]; every case passes.
fn passes(scene: &Scene, endpoint: &str, model: &str, named: &str) -> Ended {
    let sweep = ended(at(scene, endpoint, scene.sweep(&[model], &TARGETS, &["--samples", "2"])));
    assert_eq!(sweep.code, Some(0), "{model}: {}{}", sweep.stdout, sweep.stderr);
    for target in TARGETS {
        assert_eq!(case(&sweep.cases(), named, target)["verdict"], "pass", "{model} on {target}");
    }
    sweep
}

#[test]
fn a_precision_is_an_export_of_the_repository() {
    let scene = Scene::new();
    for (file, fixture_of) in [("model", "bert-tiny"), ("model_fp16", "bert-tiny-fp16")] {
        let contents = fs::read(fixture(fixture_of).join("model.onnx")).unwrap();
        publish(&scene, &format!("someone/exports/onnx/{file}.onnx"), contents);
    }
    let hub = Hub::serve(scene.path("repositories"));
    let sweep = |precisions: &str| {
        let flags = ["--samples", "2", "--batch", "2", "--precision", precisions];
        ended(at(&scene, &hub.endpoint, scene.sweep(&["hf:someone/exports"], &["onnxruntime:cpu"], &flags)))
    };
    let swept = sweep("fp32,fp16");
    let cases = swept.cases();
    for (model, precision) in [("someone-exports", "fp32"), ("someone-exports-model_fp16", "fp16")] {
        let row = case(&cases, model, "onnxruntime:cpu");
        let found = (&row["verdict"], &row["precision"], &row["batch"]);
        assert_eq!(found, (&"pass".into(), &precision.into(), &2.into()), "{swept:?}");
    }
    let refused = sweep("q4");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("no export of onnx/model.onnx in q4"), "{}", refused.stderr);
    assert!(refused.stderr.contains("there are onnx/model.onnx, onnx/model_fp16.onnx"), "{}", refused.stderr);
}

#[test]
fn a_model_folder_on_the_hub_runs_like_a_local_one_and_again_without_the_hub() {
    let scene = Scene::new();
    for file in ["model.toml", "model.onnx", "inputs.safetensors", "expected.safetensors"] {
        let contents = fs::read(fixture("bert-tiny").join(file)).unwrap();
        publish(&scene, &format!("someone/bert-tiny/{file}"), &contents);
        publish(&scene, &format!("someone/many/small/{file}"), &contents);
    }
    publish(&scene, "someone/bert-tiny/.gitattributes", "");
    let hub = Hub::serve(scene.path("repositories"));
    let first = passes(&scene, &hub.endpoint, "hf:someone/bert-tiny", "bert-tiny");
    let local = passes(&scene, &hub.endpoint, "bert-tiny", "bert-tiny");
    let key = |sweep: &Ended| sweep.cases()[0]["case_key"].clone();
    assert_eq!(key(&first), key(&local), "the same model, wherever it is from");
    passes(&scene, &hub.endpoint, "hf:someone/many/small", "bert-tiny");
    drop(hub);
    passes(&scene, NOWHERE, "hf:someone/bert-tiny", "bert-tiny");
    passes(&scene, NOWHERE, &format!("hf:someone/bert-tiny@{COMMIT}"), "bert-tiny");
}

#[test]
fn an_onnx_file_on_the_hub_is_checked_against_onnx_runtime() {
    let scene = Scene::new();
    publish(&scene, "someone/vit/onnx/model.onnx", fs::read(fixture("vit-tiny/model.onnx")).unwrap());
    let external = PathBuf::from(bad_model("external-good"));
    let model = fs::read(external.join("model.onnx")).unwrap();
    publish(&scene, "someone/weights/model.onnx", renamed(model, b"weights.bin", b"model.onnx_"));
    publish(&scene, "someone/weights/model.onnx_", fs::read(external.join("weights.bin")).unwrap());
    let hub = Hub::serve(scene.path("repositories"));
    let sweep = passes(&scene, &hub.endpoint, "hf:someone/vit", "someone-vit");
    for case in sweep.cases() {
        assert_eq!(case["features"]["reference"], "onnxruntime:cpu 1.31.1", "{case:#}");
    }
    passes(&scene, &hub.endpoint, "hf:someone/weights/model.onnx", "someone-weights");
    drop(hub);
    passes(&scene, NOWHERE, "hf:someone/vit", "someone-vit");
}

#[test]
fn a_bare_file_gets_inputs_and_expected_outputs_once() {
    let scene = Scene::new();
    fs::copy(fixture("vit-tiny/model.onnx"), scene.path("photos.onnx")).unwrap();
    let first = passes(&scene, NOWHERE, "photos.onnx", "photos");
    let made = || {
        let folders = fs::read_dir(scene.path("cache/parallax/models")).unwrap();
        folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let folders = made();
    let manifest = scene.path("cache/parallax/models").join(&folders[0]).join("model.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    for part in
        ["photos.onnx, a bare ONNX file", "inputs from seed 1", "onnxruntime:cpu 1.31.1", "# Bare", "fp32 ="]
    {
        assert!(manifest.contains(part), "no {part:?} in {manifest}");
    }
    let again = passes(&scene, NOWHERE, "photos.onnx", "photos");
    assert_eq!(made(), folders, "nothing is made twice");
    assert_eq!(first.cases()[0]["case_key"], again.cases()[0]["case_key"]);
}

#[test]
fn open_dimensions_are_as_asked() {
    let scene = Scene::new();
    fs::copy(fixture("bert-tiny/model.onnx"), scene.path("letters.onnx")).unwrap();
    let plan = "models = ['letters.onnx']\ntargets = ['wgpu:vulkan']\nsamples = 2\n\
                [dimensions]\nbatch = 3\nsequence = 5\n";
    fs::write(scene.path("plan.toml"), plan).unwrap();
    for (flags, batch) in [(&[][..], 3), (&["--dimension", "batch=2"], 2)] {
        let arguments = ["sweep", "plan.toml", "--json"].iter().chain(flags);
        let sweep = ended(at(&scene, NOWHERE, scene.parallax(arguments)));
        let row = &sweep.cases()[0];
        assert_eq!((&row["verdict"], &row["batch"]), (&"pass".into(), &batch.into()), "{sweep:?}");
    }
}

#[test]
fn what_cannot_be_had_is_refused_with_the_remedy() {
    let scene = Scene::new();
    publish(&scene, "someone/gated/model.onnx", "");
    publish(&scene, "someone/empty/config.json", "");
    publish(&scene, "someone/parts/onnx/encoder_model.onnx", "");
    publish(&scene, "someone/outside/model.onnx", fs::read(bad_model("external-good/model.onnx")).unwrap());
    fs::write(scene.path("noise.onnx"), [0x9f, 0x3c, 0xe1, 0x07].repeat(300)).unwrap();
    let hub = Hub::serve(scene.path("repositories"));
    for (endpoint, model, parts) in [
        (&*hub.endpoint, "hf:someone", &["no place on the hub", "write hf:owner/repository"][..]),
        (&hub.endpoint, "hf:someone/nothing", &["no such repository", "spelling", "`hf auth login`"]),
        (&hub.endpoint, "hf:someone/parts@v9", &["no such repository or revision"]),
        (&hub.endpoint, "hf:someone/gated", &["gated", "accept"]),
        (&hub.endpoint, "hf:someone/parts", &["no onnx/model.onnx", "onnx/encoder_model.onnx"]),
        (&hub.endpoint, "hf:someone/parts/encoder_model.onnx", &["did you mean \"onnx/encoder_model.onnx\""]),
        (&hub.endpoint, "hf:someone/empty", &["no model in ONNX's format"]),
        (&hub.endpoint, "hf:someone/outside", &["cannot read the weights in weights.bin beside"]),
        (NOWHERE, "hf:someone/else", &["cannot be reached", "look at the network"]),
        (NOWHERE, "noise.onnx", &["noise.onnx", "not an ONNX"]),
        (NOWHERE, "nowhere.onnx", &["nowhere.onnx", "no such file"]),
    ] {
        let refused = ended(at(&scene, endpoint, scene.sweep(&[model], &["wgpu:vulkan"], &[])));
        assert_eq!(refused.code, Some(2), "{model}: {refused:?}");
        let missing: Vec<_> = parts.iter().filter(|part| !refused.stderr.contains(**part)).collect();
        assert!(
            missing.is_empty() && refused.stderr.contains(model),
            "{model}: no {missing:?} in {refused:?}"
        );
        assert!(!refused.stderr.contains("panicked"), "{refused:?}");
    }
}

#[test]
fn a_bare_file_without_onnx_runtime_is_unavailable_with_the_remedy() {
    let scene = Scene::new();
    fs::copy(fixture("vit-tiny/model.onnx"), scene.path("photos.onnx")).unwrap();
    let mut sweep = at(&scene, NOWHERE, scene.sweep(&["photos.onnx"], &["wgpu:vulkan"], &[]));
    let refused = ended({
        sweep.env("PARALLAX_ONNXRUNTIME", "/nowhere/libonnxruntime.so");
        sweep
    });
    assert_eq!(refused.code, Some(3), "{refused:?}");
    for part in ["photos.onnx", "unavailable", "/nowhere/libonnxruntime.so", "cargo xtask setup"] {
        assert!(refused.stderr.contains(part), "no {part:?} in {}", refused.stderr);
    }
}

/// A hostile hub's list, and what it gives whatever file is asked for.
#[derive(Debug, Clone, Default)]
struct Trick {
    commit: Option<String>,
    names: Vec<&'static str>,
    size: Option<usize>,
    sha256: Option<&'static str>,
    headers: Vec<(&'static str, String)>,
    /// So many bytes of the file come.
    comes: Option<usize>,
    /// Where the file is said to be instead.
    elsewhere: Option<String>,
}

/// A hub that plays tricks, and the tokens that it was shown, one for each request.
struct Trickster {
    endpoint: String,
    shown: Arc<Mutex<Vec<Option<String>>>>,
    _runtime: Runtime,
}

impl Trickster {
    fn serve(trick: Trick, model: Vec<u8>) -> Trickster {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let shown: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
        let tokens = Arc::clone(&shown);
        let answer = move |headers: HeaderMap, uri: axum::http::Uri| {
            let token = headers.get(header::AUTHORIZATION).map(|token| token.to_str().unwrap().to_owned());
            tokens.lock().unwrap().push(token);
            let answer = match uri.path().starts_with("/api/") {
                true => trick.listing(model.len()),
                false => trick.file(&model),
            };
            async { answer }
        };
        let router = Router::new().fallback(answer);
        runtime.spawn(async move { axum::serve(listener, router).await });
        Trickster { endpoint, shown, _runtime: runtime }
    }

    fn tokens(&self) -> Vec<Option<String>> {
        self.shown.lock().unwrap().clone()
    }
}

impl Trick {
    fn listing(&self, length: usize) -> Response {
        let commit = self.commit.clone().unwrap_or(COMMIT.to_owned());
        let names = if self.names.is_empty() { &["model.onnx"][..] } else { &self.names };
        let listed = |name: &&str| {
            let mut file = serde_json::json!({ "rfilename": name });
            if let Some(sha256) = self.sha256 {
                file["lfs"] = serde_json::json!({ "sha256": sha256, "size": length, "pointerSize": 130 });
            }
            if let Some(size) = self.size {
                file["size"] = size.into();
            }
            file
        };
        let files: Vec<serde_json::Value> = names.iter().map(listed).collect();
        serde_json::json!({ "sha": commit, "siblings": files }).to_string().into_response()
    }

    fn file(&self, model: &[u8]) -> Response {
        let mut answer = model[..self.comes.unwrap_or(model.len())].to_vec().into_response();
        if let Some(place) = &self.elsewhere {
            *answer.status_mut() = StatusCode::FOUND;
            answer.headers_mut().insert(header::LOCATION, place.parse().unwrap());
        }
        for (name, value) in &self.headers {
            answer.headers_mut().insert(*name, value.parse().unwrap());
        }
        answer
    }
}

/// Every file of a scene outside its caches.
fn outside_the_caches(scene: &Scene) -> Vec<String> {
    files(&scene.path("")).into_iter().filter(|file| !file.starts_with("cache/")).collect()
}

#[test]
fn a_hub_writes_nothing_outside_the_cache_and_nothing_but_what_it_listed() {
    let model = fs::read(fixture("vit-tiny/model.onnx")).unwrap();
    let length = model.len();
    // Computed by sha256sum of an empty file.
    const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let headers = |etag: &str, commit: &str| {
        vec![("etag", format!("\"{etag}\"")), ("x-repo-commit", commit.to_owned())]
    };
    for (name, trick, refusal) in [
        ("nothing", Trick::default(), None),
        (
            "a way up in headers",
            Trick { headers: headers("../../../../escapee", "../../../escapee"), ..Trick::default() },
            None,
        ),
        (
            "an absolute path in headers",
            Trick { headers: headers("ABSOLUTE", "ABSOLUTE"), ..Trick::default() },
            None,
        ),
        (
            "a way up for a commit",
            Trick { commit: Some("../../escapee".to_owned()), ..Trick::default() },
            Some("does not answer as a hub"),
        ),
        (
            "a path for a commit",
            Trick { commit: Some("/escapee".to_owned()), ..Trick::default() },
            Some("does not answer as a hub"),
        ),
        (
            "a way up for a file",
            Trick { names: vec!["model.onnx", "model.onnx/../../../../escapee"], ..Trick::default() },
            Some("outside of the cache"),
        ),
        (
            "a path for a file",
            Trick { names: vec!["model.toml", "/escapee"], ..Trick::default() },
            Some("outside of the cache"),
        ),
        (
            "too little of a listed size",
            Trick { size: Some(length), comes: Some(5), ..Trick::default() },
            Some("and 5 came"),
        ),
        (
            "too much of a listed size",
            Trick { size: Some(5), ..Trick::default() },
            Some("has 5 bytes, and more came"),
        ),
        (
            "too little of a size in a header",
            Trick {
                comes: Some(5),
                headers: vec![("content-range", format!("bytes 0-4/{length}"))],
                ..Trick::default()
            },
            Some("and 5 came"),
        ),
        (
            "another file",
            Trick { sha256: Some(OF_NOTHING), ..Trick::default() },
            Some("listed with the SHA-256 e3b0c442"),
        ),
        (
            "escapes in a name",
            Trick { names: vec!["a\u{1b}[2J/model.onnx"], ..Trick::default() },
            Some("a\\u001b[2J"),
        ),
    ] {
        let scene = Scene::new();
        fs::create_dir(scene.path("cache")).unwrap();
        let absolute = scene.path("absolute").display().to_string();
        let headers =
            trick.headers.iter().map(|(name, value)| (*name, value.replace("ABSOLUTE", &absolute))).collect();
        let hub = Trickster::serve(Trick { headers, ..trick.clone() }, model.clone());
        let sweep = ended(at(
            &scene,
            &hub.endpoint,
            scene.sweep(&["hf:someone/tricks"], &["onnxruntime:cpu"], &["--samples", "1"]),
        ));
        let said = format!("{}{}", sweep.stdout, sweep.stderr);
        match refusal {
            None => assert_eq!(sweep.code, Some(0), "{name}: {said}"),
            Some(part) => {
                assert_eq!(sweep.code, Some(2), "{name}: {said}");
                assert!(said.contains(part), "{name}: no {part:?} in {said}");
            }
        }
        assert!(!said.contains("panicked") && !said.contains("gave up"), "{name}: {said}");
        assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{name}: {said:?}");
        let stray = outside_the_caches(&scene);
        assert!(stray.iter().all(|file| file.starts_with("sweep.duckdb")), "{name}: {stray:?}");
        assert!(!files(&scene.path("cache")).iter().any(|file| file.contains("escapee")), "{name}");
    }
}

#[test]
fn what_was_cut_short_goes_on_where_it_ended() {
    let model = fs::read(fixture("vit-tiny/model.onnx")).unwrap();
    let scene = Scene::new();
    let short = Trick { size: Some(model.len()), comes: Some(1000), ..Trick::default() };
    let hub = Trickster::serve(short, model.clone());
    let refused =
        ended(at(&scene, &hub.endpoint, scene.sweep(&["hf:someone/vit"], &["onnxruntime:cpu"], &[])));
    assert_eq!(refused.code, Some(2), "{refused:?}");
    drop(hub);
    publish(&scene, "someone/vit/model.onnx", &model);
    let hub = Hub::serve(scene.path("repositories"));
    passes(&scene, &hub.endpoint, "hf:someone/vit", "someone-vit");
}

#[test]
fn the_token_goes_to_the_hub_alone() {
    let model = fs::read(fixture("vit-tiny/model.onnx")).unwrap();
    let scene = Scene::new();
    fs::create_dir(scene.path("hf")).unwrap();
    fs::write(scene.path("hf/token"), "hf_secret\n").unwrap();
    let other = Trickster::serve(Trick::default(), model.clone());
    let hub = Trickster::serve(
        Trick { elsewhere: Some(format!("{}/files/model.onnx", other.endpoint)), ..Trick::default() },
        model,
    );
    let mut sweep = at(
        &scene,
        &hub.endpoint,
        scene.sweep(&["hf:someone/vit"], &["onnxruntime:cpu"], &["--samples", "1"]),
    );
    sweep.env("HF_HOME", scene.path("hf"));
    let sweep = ended(sweep);
    assert_eq!(sweep.code, Some(0), "{sweep:?}");
    let bearer = Some("Bearer hf_secret".to_owned());
    assert_eq!(hub.tokens(), [bearer.clone(), bearer]);
    assert_eq!(other.tokens(), [None]);
}

#[test]
fn a_model_that_cannot_be_had_costs_its_own_rows() {
    let scene = Scene::new();
    fs::write(scene.path("noise.onnx"), [0x9f, 0x3c, 0xe1, 0x07].repeat(300)).unwrap();
    let models = ["noise.onnx", "bert-tiny", "hf:someone/else"];
    let sweep = ended(at(&scene, NOWHERE, scene.sweep(&models, &TARGETS, &["--samples", "2"])));
    assert_eq!(sweep.code, Some(1), "{sweep:?}");
    let cases = sweep.cases();
    assert_eq!(cases.len(), 6, "{cases:#?}");
    for target in TARGETS {
        assert_eq!(case(&cases, "bert-tiny", target)["verdict"], "pass");
        for (model, part) in [("noise.onnx", "not an ONNX"), ("hf:someone/else", "cannot be reached")] {
            let row = case(&cases, model, target);
            assert_eq!(row["verdict"], "error", "{row:#}");
            assert!(row["message"].as_str().is_some_and(|message| message.contains(part)), "{row:#}");
        }
    }
}
