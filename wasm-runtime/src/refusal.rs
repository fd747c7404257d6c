//! The refusals of onnxruntime-web: the status and the reason, cut out of what it throws.

use std::fmt;

/// Why onnxruntime-web refused something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The `OrtErrorCode`, where ONNX Runtime itself gave one; none for what went wrong around it.
    pub status: Option<u32>,
    /// The reason, shortened.
    pub reason: String,
}

/// `ORT_NOT_IMPLEMENTED` of onnxruntime_c_api.h.
const NOT_IMPLEMENTED: u32 = 9;
/// How it names what it lacks, operators and types of numbers, where it gives that no status of its own.
const LACKING: [&str; 3] = [
    "No Op registered for",
    "is not a registered function/op",
    "requires f16 but the device does not support it",
];
const LONGEST_REASON: usize = 300;

impl Refusal {
    /// Reads what was thrown: `Error: Can't create a session. ERROR_CODE: 6, ERROR_MESSAGE: No Op ...`.
    pub fn read(thrown: &str) -> Refusal {
        let thrown = thrown.trim_start_matches("Error: ");
        let Some((code, reason)) =
            thrown.split_once("ERROR_CODE: ").and_then(|(_, status)| status.split_once(", ERROR_MESSAGE: "))
        else {
            return Refusal { status: None, reason: shortened(thrown) };
        };
        Refusal { status: code.parse().ok(), reason: shortened(reason) }
    }

    /// Returns whether an operator or type is what it lacks.
    pub fn is_unsupported(&self) -> bool {
        let lacking = || LACKING.iter().any(|words| self.reason.contains(words));
        self.status.is_some_and(|status| status == NOT_IMPLEMENTED || lacking())
    }
}

/// On one line, and not too long.
fn shortened(reason: &str) -> String {
    let words = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{} (its status {status})", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_and_the_reason_are_cut_out_of_what_is_thrown() {
        // What onnxruntime-web 1.30.0 throws in Chromium and Firefox.
        for (thrown, status, unsupported, message) in [
            (
                "Error: Can't create a session. ERROR_CODE: 6, ERROR_MESSAGE: No Op registered for Frobnicate \
                 with domain_version of 18",
                Some(6),
                true,
                "No Op registered for Frobnicate with domain_version of 18 (its status 6)",
            ),
            (
                "Error: failed to call OrtRun(). ERROR_CODE: 2, ERROR_MESSAGE: Got invalid dimensions for \
                 input: x for the following indices\n index: 1 Got: 5 Expected: 4\n",
                Some(2),
                false,
                "Got invalid dimensions for input: x for the following indices index: 1 Got: 5 Expected: 4 \
                 (its status 2)",
            ),
            (
                "Error: Can't create a session. ERROR_CODE: 9, ERROR_MESSAGE: Could not find an \
                 implementation for Det(11) node with name 'det'",
                Some(9),
                true,
                "Could not find an implementation for Det(11) node with name 'det' (its status 9)",
            ),
            (
                "Error: failed to call OrtRun(). ERROR_CODE: 1, ERROR_MESSAGE: Non-zero status code returned while \
                 running Gather node. Name:'g' Status Message: shader_helper.cc:416 GenerateSourceCode Program \
                 Gather requires f16 but the device does not support it.\n",
                Some(1),
                true,
                "Non-zero status code returned while running Gather node. Name:'g' Status Message: \
                 shader_helper.cc:416 GenerateSourceCode Program Gather requires f16 but the device does not \
                 support it. (its status 1)",
            ),
            (
                "RuntimeError: Aborted(). Build with -sASSERTIONS",
                None,
                false,
                "RuntimeError: Aborted(). Build with -sASSERTIONS",
            ),
            ("Error: input 'x' is missing in 'feeds'.", None, false, "input 'x' is missing in 'feeds'."),
        ] {
            let refusal = Refusal::read(thrown);
            assert_eq!(refusal.status, status, "{thrown}");
            assert_eq!(refusal.is_unsupported(), unsupported, "{thrown}");
            assert_eq!(refusal.to_string(), message);
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let refusal = Refusal::read(&"ä".repeat(LONGEST_REASON + 1));
        assert_eq!(refusal.reason, format!("{}…", "ä".repeat(LONGEST_REASON)));
    }
}
