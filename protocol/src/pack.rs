//! Many small files as one tar archive: what a batch of node tests travels in. It never touches a file.

use std::collections::BTreeMap;
use std::io::{self, Read};

/// Files by their path in the pack, separated by `/`.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The archive of `files`.
///
/// # Errors
/// A path that leads out of the pack, or an empty one.
pub fn pack(files: &Files) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, bytes.as_slice())?;
    }
    archive.into_inner()
}

/// The files of an archive.
///
/// # Errors
/// Bytes that are no archive, or one that was cut off.
pub fn unpack(archive: &[u8]) -> io::Result<Files> {
    let mut files = Files::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        files.insert(path, bytes);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_out_as_they_went_in() {
        let long = format!("test_{}/test_data_set_0/input_0.pb", "x".repeat(200));
        let files = Files::from([
            ("test_add/model.onnx".to_owned(), vec![0, 1, 255]),
            ("test_add/test_data_set_0/input_0.pb".to_owned(), vec![7; 1000]),
            ("test_empty/test_data_set_0/output_0.pb".to_owned(), vec![]),
            (long, vec![1]),
        ]);
        assert_eq!(unpack(&pack(&files).unwrap()).unwrap(), files);
        assert_eq!(unpack(&pack(&Files::new()).unwrap()).unwrap(), Files::new());
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let files = Files::from([("a".to_owned(), vec![1; 2000])]);
        let archive = pack(&files).unwrap();
        assert!(unpack(&archive[..1000]).is_err(), "cut off");
        assert!(unpack(&[42; 1024]).is_err(), "noise");
        assert!(pack(&Files::from([("../out".to_owned(), vec![])])).is_err(), "a way out");
    }
}
