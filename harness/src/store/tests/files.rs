//! Files that vanish, change places or fill up while a run writes to them.

use super::*;

/// A store with a run and one trial in it.
fn begun(path: &Path) -> (Store, RunId) {
    let mut store = Store::open(path).unwrap();
    let run = store.begin_run(RunKind::Sweep, at(0)).unwrap();
    store.add_trial(&run, &failed_trial()).unwrap();
    (store, run)
}

#[cfg(unix)]
#[test]
fn a_file_that_is_no_longer_there_is_noticed_before_anything_is_written_to_it() {
    type Do = fn(&Path);
    let rows: [(&str, Do, &str); 3] = [
        ("deleted", |path| fs::remove_file(path).unwrap(), "it was deleted or moved away"),
        (
            "moved",
            |path| fs::rename(path, path.with_extension("old")).unwrap(),
            "it was deleted or moved away",
        ),
        (
            "replaced",
            |path| {
                let other = path.with_extension("other");
                drop(Store::open(&other).unwrap());
                fs::rename(&other, path).unwrap();
            },
            "another file took its place",
        ),
    ];
    for (name, change, part) in rows {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("x.duckdb");
        let (mut store, run) = begun(&path);
        store.check_file().unwrap();
        change(&path);
        let error = store.add_trial(&run, &passed_trial()).unwrap_err();
        assert!(error.to_string().contains(part), "{name}: {error}");
        assert_eq!(store.check_file().unwrap_err().to_string(), error.to_string(), "{name}");
        assert_eq!(error.exit(), crate::exit::Exit::GateFailed, "{name}");
        assert_eq!(
            store.report(&run).unwrap().cases.len(),
            1,
            "{name}: what was there can still be reported"
        );
    }
}

/// The log of a database that was killed stays when its file is deleted, or another file is put in its place.
#[test]
fn a_log_of_another_file_is_put_aside() {
    for name in ["deleted", "replaced"] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("x.duckdb");
        let mut child = child(&path);
        while committed(&path) < 2 {
            assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(open::log_of(&path).exists(), "{name}: a killed process leaves its log");
        fs::remove_file(&path).unwrap();
        if name == "replaced" {
            let other = folder.path().join("other.duckdb");
            drop(begun(&other));
            fs::rename(other, &path).unwrap();
        }
        let store = Store::open(&path).unwrap();
        assert_eq!(count(&store, "trials"), i64::from(name == "replaced"), "{name}");
        let aside = fs::read_dir(folder.path()).unwrap().filter_map(Result::ok);
        let aside =
            aside.filter(|entry| entry.file_name().to_string_lossy().contains(".wal.of-another-file"));
        assert_eq!(aside.count(), 1, "{name}: nothing is thrown away");
    }
}
