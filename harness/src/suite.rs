//! Sets of models by what they hear or read.

use std::str::FromStr;

/// A set of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// Models of sound, from waveforms on.
    Audio,
}

impl Suite {
    /// Its models: fixtures of ours.
    pub fn models(self) -> Vec<String> {
        let names: &[&str] = match self {
            Suite::Audio => {
                &["whisper-audio-tiny", "clap-audio-tiny", "wav2vec2-audio-tiny", "wav2vec2-base"]
            }
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    }
}

impl FromStr for Suite {
    type Err = String;

    fn from_str(text: &str) -> Result<Suite, String> {
        match text {
            "audio" => Ok(Suite::Audio),
            _ => Err("the suites are: audio".to_owned()),
        }
    }
}
