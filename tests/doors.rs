//! Doors that other accounts of the machine find shut while a browser runs.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use end_to_end::{Process, Scene, case, checkout, descendants, ended, started, wait_for};

const LONG: Duration = Duration::from_secs(90);
/// A browser, the program of its driver, and a part of the command line of what runs once the page does.
const BROWSERS: [(&str, &str, &str); 4] = [
    ("chrome", "chromedriver", "--type=renderer"),
    ("headless-shell", "chromedriver", "--type=renderer"),
    ("firefox", "geckodriver", "-contentproc"),
    ("webkit", "WebKitWebDriver", "WebKitWebProcess"),
];

/// The descendants of a sweep that runs for long, once one of them has `mark` in its command line.
fn family_with(harness: u32, mark: &str) -> Vec<Process> {
    wait_for(mark, LONG, || {
        let family = descendants(harness);
        family.iter().any(|process| process.command.contains(mark)).then_some(family)
    })
}

/// The ports that somebody listens on in a process's network, as `/proc/PID/net/tcp` shows them (proc_pid_net(5)).
fn ports_in_network_of(pid: u32) -> Vec<u16> {
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap();
    let listening = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listening = listening.filter(|fields| fields[3] == "0A");
    listening.map(|fields| u16::from_str_radix(fields[1].split_once(':').unwrap().1, 16).unwrap()).collect()
}

/// Returns what a driver says of itself to one who asks at a port of this machine.
fn status_at(port: u16) -> String {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return String::new() };
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut answer = String::new();
    let asked = stream.write_all(b"GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let _ = asked.and_then(|()| stream.read_to_string(&mut answer));
    answer
}

#[test]
fn nobody_else_reaches_a_driver_or_what_its_browser_opens() {
    for (browser, driver, mark) in BROWSERS {
        let scene = Scene::new();
        let target = format!("wasm@{browser}");
        let mut harness = started(scene.sweep(&["bert-tiny"], &[&target], &["--samples", "100000"]));
        let family = family_with(harness.id(), mark);
        let driver = family.iter().find(|process| {
            process.command.split(' ').next().is_some_and(|program| program.ends_with(driver))
        });
        let driver = driver.unwrap_or_else(|| panic!("{browser}: no driver in {family:#?}"));
        let ports = ports_in_network_of(driver.pid);
        // The page, and the driver.
        assert!(ports.len() >= 2, "{browser}: {ports:?}");
        for port in ports {
            let answer = status_at(port);
            assert!(!answer.contains("\"ready\""), "{browser}: port {port} answers {answer}");
        }
        harness.kill().unwrap();
        harness.wait().unwrap();
    }
}

#[test]
fn a_chromium_opens_no_port_for_debugging() {
    for browser in ["chrome", "headless-shell"] {
        let scene = Scene::new();
        let sweep = ended(scene.sweep(&["bert-tiny"], &[&format!("wasm@{browser}")], &["--samples", "2"]));
        let row = &sweep.cases()[0];
        assert_eq!(row["verdict"], "pass", "{row:#}");
        assert_eq!(
            (&row["features"]["debugged"], &row["features"]["network"]),
            (&"by pipe".into(), &"its own".into())
        );
    }
}

#[test]
fn only_who_knows_the_cookie_gets_the_display() {
    let scene = Scene::new();
    let mut sweep = scene.sweep(&["bert-tiny"], &["wasm@webkit"], &["--samples", "100000"]);
    sweep.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    let mut harness = started(sweep);
    let family = family_with(harness.id(), "WebKitWebProcess");
    let server = family.iter().find(|process| process.command.starts_with("Xvfb")).unwrap();
    let file = server.command.split_once("-auth ").unwrap().1.split(' ').next().unwrap().to_owned();
    let file = fs::read(file).unwrap();
    let number = family.iter().find_map(|process| in_environment_of(process.pid, "DISPLAY")).unwrap();
    let display = format!("/tmp/.X11-unix/X{}", number.trim_start_matches(':'));
    for (name, protocol, secret, let_in) in [
        ("nothing", &b""[..], &b""[..], 0),
        ("a guess", b"MIT-MAGIC-COOKIE-1", &[0; 16], 0),
        ("the cookie", b"MIT-MAGIC-COOKIE-1", &file[file.len() - 16..], 1),
    ] {
        assert_eq!(greeted(&mut UnixStream::connect(&display).unwrap(), protocol, secret), let_in, "{name}");
    }
    harness.kill().unwrap();
    harness.wait().unwrap();
}

/// The first byte that a display answers a client's greeting with (X11 protocol, chapter 8): 1 lets it in.
fn greeted(display: &mut UnixStream, protocol: &[u8], secret: &[u8]) -> u8 {
    let padded = |bytes: &[u8]| [bytes, &vec![0; bytes.len().next_multiple_of(4) - bytes.len()]].concat();
    let [p, s] = [protocol, secret].map(|field| (field.len() as u16).to_be_bytes());
    let head = [b'B', 0, 0, 11, 0, 0, p[0], p[1], s[0], s[1], 0, 0];
    display.write_all(&[&head[..], &padded(protocol), &padded(secret)].concat()).unwrap();
    let mut answer = [0];
    display.read_exact(&mut answer).unwrap();
    answer[0]
}

#[test]
fn what_browsers_hang_on_does_not_reach_them() {
    let scene = Scene::new();
    let targets: Vec<String> = BROWSERS.iter().map(|(browser, ..)| format!("wasm@{browser}")).collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    let long = scene.path(&"d".repeat(90));
    fs::create_dir(&long).unwrap();
    let mut sweep = scene.sweep(&["bert-tiny"], &targets, &["--samples", "2", "--timeout-s", "60"]);
    // A proxy that answers nobody, a folder too deep for a socket, a home that not even root can write to.
    sweep.envs([
        ("http_proxy", "http://127.0.0.1:9"),
        ("ALL_PROXY", "http://127.0.0.1:9"),
        ("HOME", "/proc"),
    ]);
    sweep.env("TMPDIR", long).env("XDG_CACHE_HOME", protocol::cache::cache_dir().parent().unwrap());
    let sweep = ended(sweep);
    for target in targets {
        let cases = sweep.cases();
        let row = case(&cases, "bert-tiny", target);
        assert_eq!(row["verdict"], "pass", "{row:#}");
    }
}

#[test]
fn nobody_else_reads_what_is_written() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    let mut harness = started(scene.sweep(&["bert-tiny"], &["wgpu:vulkan"], &["--samples", "100000"]));
    family_with(harness.id(), "native-runner");
    let written = ["sweep.duckdb", "sweep.duckdb.wal"].map(|name| scene.path(name));
    for path in &written {
        let mode = wait_for("the database", LONG, || Some(fs::metadata(path).ok()?.permissions().mode()));
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    // The guard is there before what it starts.
    let folders = wait_for("a temporary folder", LONG, || {
        let family = descendants(harness.id()).into_iter();
        let folders: Vec<String> = family.filter_map(|process| temporary_folder_of(process.pid)).collect();
        (!folders.is_empty()).then_some(folders)
    });
    for folder in folders {
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700, "{folder}");
    }
    harness.kill().unwrap();
    harness.wait().unwrap();
}

/// The temporary folder that a guard made for a process.
fn temporary_folder_of(pid: u32) -> Option<String> {
    in_environment_of(pid, "TMPDIR").filter(|folder| folder.contains("parallax-"))
}

/// Returns what a process's environment says under a name.
fn in_environment_of(pid: u32, name: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let environment = String::from_utf8_lossy(&environment).into_owned();
    let mut entries = environment.split('\0').filter_map(|entry| entry.split_once('='));
    entries.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

#[test]
fn who_has_no_home_is_refused_and_nothing_of_anybodys_is_taken() {
    let scene = Scene::new();
    for arguments in [&["detect"][..], &["sweep", "--models", "bert-tiny", "--targets", "burn:cpu"]] {
        let mut command = scene.parallax(arguments);
        command.env_remove("HOME").env_remove("XDG_CACHE_HOME");
        let refused = ended(command);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("set HOME, or XDG_CACHE_HOME"), "{refused:?}");
    }
}

#[test]
fn a_failed_fetch_does_not_keep_the_secret_of_the_page() {
    let scene = Scene::new();
    for browser in ["chrome", "firefox"] {
        let model = scene.path("lost");
        fs::create_dir_all(&model).unwrap();
        for file in ["model.toml", "model.onnx", "inputs.safetensors", "expected.safetensors"] {
            fs::copy(checkout().join("fixtures/models/bert-tiny").join(file), model.join(file)).unwrap();
        }
        // A link out of the folder is a file here and none to the page.
        fs::rename(model.join("model.onnx"), scene.path("model.onnx")).unwrap();
        std::os::unix::fs::symlink("../model.onnx", model.join("model.onnx")).unwrap();
        let target = format!("wasm@{browser}");
        let sweep = ended(scene.sweep(&[model.to_str().unwrap()], &[&target], &["--samples", "2"]));
        let row = &sweep.cases()[0];
        let message = row["message"].as_str().unwrap_or_default();
        assert!(
            message.contains("/…/models/") && message.contains("/model.onnx: there is no such file"),
            "{row:#}"
        );
        // A secret is 32 hexadecimal digits.
        let secret = message.split(|c: char| !c.is_ascii_hexdigit()).find(|part| part.len() >= 32);
        assert_eq!(secret, None, "{message}");
        fs::remove_dir_all(&model).unwrap();
    }
}

#[test]
fn odd_names_of_files_are_found_everywhere() {
    let scene = Scene::new();
    let model = scene.path("odd");
    fs::create_dir(&model).unwrap();
    for file in ["inputs.safetensors", "expected.safetensors"] {
        fs::copy(checkout().join("fixtures/models/bert-tiny").join(file), model.join(file)).unwrap();
    }
    let odd = "gr aph #1?é%20:\\&+.onnx";
    fs::copy(checkout().join("fixtures/models/bert-tiny/model.onnx"), model.join(odd)).unwrap();
    let manifest = fs::read_to_string(checkout().join("fixtures/models/bert-tiny/model.toml")).unwrap();
    fs::write(model.join("model.toml"), manifest.replace("\"model.onnx\"", &format!("'{odd}'"))).unwrap();
    let targets = ["wasm@chrome", "wasm@firefox", "wasm@webkit", "onnxruntime:cpu"];
    let sweep = ended(scene.sweep(&[model.to_str().unwrap()], &targets, &["--samples", "2"]));
    for row in sweep.cases() {
        assert_eq!(row["verdict"], "pass", "{row:#}");
    }
    assert_eq!(sweep.code, Some(0), "{sweep:?}");
}
