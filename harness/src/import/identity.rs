//! Identifiers that follow from what they name, so that a file brings the same ones each time. Pure.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::digest::digest;

/// A UUID of the form of version 7 (RFC 9562): it sorts by a time, and what else is in it follows from a text.
pub fn following(at: SystemTime, text: &str) -> String {
    let milliseconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() & 0xffff_ffff_ffff;
    let hash = digest(text);
    let all = format!("{milliseconds:012x}7{}8{}", &hash[..3], &hash[3..18]);
    [&all[..8], &all[8..12], &all[12..16], &all[16..20], &all[20..]].join("-")
}

/// Returns whether a text is a UUID in its usual form.
pub fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_identifier_follows_from_a_time_and_a_text() {
        let at = UNIX_EPOCH + Duration::from_millis(1_793_534_400_500);
        // Half of the SHA-256 of "a", by sha256sum: ca978112ca1bbdcafac231b39a23dc4d.
        assert_eq!(following(at, "a"), "01a196fb-17f4-7ca9-8781-12ca1bbdcafa");
        assert_ne!(following(at, "a"), following(at, "b"));
        assert!(is_uuid(&following(at, "a")));
    }

    #[test]
    fn what_is_no_uuid_is_told_from_one() {
        for (text, expected) in [
            ("01900000-0000-7000-8000-000000000001", true),
            ("01900000-0000-7000-8000-00000000000G", false),
            ("01900000000070008000000000000001", false),
            ("'; drop table runs", false),
            ("", false),
        ] {
            assert_eq!(is_uuid(text), expected, "{text}");
        }
    }
}
