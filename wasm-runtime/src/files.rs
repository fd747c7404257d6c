//! The files of a model folder as the page reads them: part by part, several at a time, and weights never as a whole.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use graph::constant::{Digest, Digester, Files, Span};
use graph::onnx::{self, Model, Outline};
use js_sys::Uint8Array;

use crate::browser;
use crate::error::RuntimeError;

/// So many requests are on the way at once.
pub const REQUESTS: usize = 4;
/// Contents are digested in parts of so many bytes.
const DIGESTED_BYTES: u64 = 16 << 20;

/// A folder of files.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Its address, which ends in `/`.
    url: String,
}

/// The parts of a folder that were read.
#[derive(Debug, Default)]
pub struct Gathered {
    sizes: BTreeMap<String, u64>,
    bytes: BTreeMap<Span, Uint8Array>,
}

impl Files for Gathered {
    fn size_bytes(&mut self, location: &str) -> Option<u64> {
        self.sizes.get(location).copied()
    }

    fn read(&mut self, span: &Span) -> Result<Vec<u8>, String> {
        let bytes = self.bytes.get(span).map(Uint8Array::to_vec);
        bytes.ok_or_else(|| "the page did not ask for them".to_owned())
    }
}

impl Folder {
    /// The folder at this address, which ends in `/`.
    pub fn at(url: &str) -> Folder {
        Folder { url: url.to_owned() }
    }

    /// For models whose weights are all here.
    pub fn nowhere() -> Folder {
        Folder { url: String::new() }
    }

    /// The address of a file: names hold anything, `#`, `?` and `%` among it.
    pub fn url(&self, file: &str) -> String {
        let escaped = |segment: &str| String::from(js_sys::encode_uri_component(segment));
        format!("{}{}", self.url, file.split('/').map(escaped).collect::<Vec<_>>().join("/"))
    }

    async fn read(&self, span: &Span) -> Result<Uint8Array, RuntimeError> {
        browser::fetch_range(&self.url(&span.location), span.offset_bytes, span.length_bytes).await
    }

    /// Reads spans.
    ///
    /// # Errors
    /// Names the URL, and the HTTP status or what the network said.
    pub async fn gather(&self, spans: impl IntoIterator<Item = Span>) -> Result<Gathered, RuntimeError> {
        let read = |span: Span| async move { Ok((self.read(&span).await?, span)) };
        let read = stream::iter(spans).map(read).buffer_unordered(REQUESTS);
        let add = |mut gathered: Gathered, (bytes, span)| async move {
            gathered.bytes.insert(span, bytes);
            Ok(gathered)
        };
        read.try_fold(Gathered::default(), add).await
    }

    /// Reads an ONNX file, and of its weights what has to be known; `broken` says what the graph has against it.
    ///
    /// # Errors
    /// Those of [`Folder::gather`]; a file that is none, or whose weights are not there.
    pub async fn model(
        &self,
        file: &str,
        broken: impl Fn(graph::Error) -> RuntimeError,
    ) -> Result<Model, RuntimeError> {
        let size_bytes = browser::size_bytes(&self.url(file)).await?;
        let size_bytes = size_bytes.ok_or_else(|| browser::missing(&self.url(file)))?;
        let mut outline = Outline::new(file, size_bytes);
        while let Some(span) = outline.wanted().map_err(&broken)? {
            outline.take(&self.read(&span).await?.to_vec()).map_err(&broken)?;
        }
        let model = Model::read(outline).map_err(&broken)?;
        let mut sizes = BTreeMap::from([(file.to_owned(), size_bytes)]);
        for external in model.external_files() {
            let size_bytes = browser::size_bytes(&self.url(&external)).await?;
            sizes.extend(size_bytes.map(|size_bytes| (external, size_bytes)));
        }
        // What is not there is not asked for: the model says what it was for.
        let there = |span: &&Span| {
            let end = span.offset_bytes.checked_add(span.length_bytes);
            sizes.get(&span.location).zip(end).is_some_and(|(size_bytes, end)| end <= *size_bytes)
        };
        let wanted: Vec<Span> = model.wanted().filter(there).cloned().collect();
        let mut gathered = Gathered { sizes, ..self.gather(wanted).await? };
        model.with_files(&mut gathered).map_err(&broken)
    }

    /// Lets components know which of their weights are equal, so that they are kept once.
    ///
    /// # Errors
    /// Those of [`Folder::gather`].
    pub async fn share(&self, models: &mut BTreeMap<String, Model>) -> Result<(), RuntimeError> {
        let digested = |span: Span| async move { Ok::<_, RuntimeError>((self.digest(&span).await?, span)) };
        let contents = stream::iter(onnx::alike(models.values())).map(digested).buffer_unordered(REQUESTS);
        let contents: Vec<_> = contents.try_collect().await?;
        let contents = contents.into_iter().map(|(digest, span)| (span, digest)).collect();
        models.values_mut().for_each(|model| model.identify(&contents));
        Ok(())
    }

    async fn digest(&self, span: &Span) -> Result<Digest, RuntimeError> {
        let mut digester = Digester::new();
        for part in span.parts(DIGESTED_BYTES) {
            digester.update(&self.read(&part).await?.to_vec());
        }
        Ok(digester.finish())
    }
}
