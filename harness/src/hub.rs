//! Fetches models from the Hugging Face hub, or any server that speaks like it, into a cache. It never looks into ONNX
//! files.

mod place;

use std::fs;
use std::path::{Path, PathBuf};

use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};

use crate::error::Error;
use crate::model::{files_below, is_plain_name, stays_inside};
pub use place::is_place;
use place::{Choice, Place, choose};

/// Names another hub than the public one, for all its tools.
const ENDPOINT: &str = "HF_ENDPOINT";
/// Where the hub's tools keep their things.
const HOME: &str = "HF_HOME";

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// A model folder.
    Folder(PathBuf),
    /// An ONNX file, its weights beside it.
    Onnx {
        /// Where it is.
        file: PathBuf,
        /// What to call the model.
        name: String,
    },
}

/// Fetches the model called `hf:owner/repository[@revision][/path]`. Files that the cache has are not fetched again;
/// where the hub cannot be reached, the cache alone has to do.
///
/// # Errors
/// A name that is none; a repository that is not there, shown to others only, or holds no such model; a hub that cannot
/// be reached.
pub async fn fetch(model: &str) -> Result<Fetched, Error> {
    let place = Place::parse(model)?;
    let fetched = tokio::task::spawn_blocking(move || {
        Hub::from_env().map_err(|error| refused(&place, &error, None))?.fetch(&place)
    });
    // The client has places where it gives up on an answer that no hub gives.
    fetched.await.unwrap_or_else(|gave_up| {
        let reason = format!("the hub's client gave up ({gave_up})");
        Err(Error::Hub { model: model.to_owned(), reason, remedy: format!("look at {ENDPOINT}") })
    })
}

/// The hub, and what was fetched from it before.
struct Hub {
    api: Api,
    cache: Cache,
}

/// A repository's files at one commit.
struct Listing {
    commit: String,
    files: Vec<String>,
}

impl Hub {
    /// The hub at `HF_ENDPOINT`, else the public one; its cache below `HF_HOME`, else among ours. Who is logged in with
    /// the hub's tools is logged in here.
    fn from_env() -> Result<Hub, ApiError> {
        let home = || Some(std::env::home_dir()?.join(".cache/huggingface"));
        let theirs = std::env::var_os(HOME).map(PathBuf::from);
        let token = theirs.clone().or_else(home).and_then(|home| Cache::new(home.join("hub")).token());
        let cache = Cache::new(theirs.map_or_else(protocol::cache::hub_dir, |home| home.join("hub")));
        let mut builder = ApiBuilder::from_cache(cache.clone()).with_token(token);
        if let Ok(endpoint) = std::env::var(ENDPOINT) {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
        }
        Ok(Hub { api: builder.build()?, cache })
    }

    fn fetch(&self, place: &Place) -> Result<Fetched, Error> {
        let listing = self.listing(place)?;
        let choice = choose(place, &listing.files)?;
        let wanted = choice.files(&listing.files);
        if let Some(stray) = wanted.iter().find(|file| !stays_inside(file)) {
            let reason = format!("it names the file {stray:?}, which would lie outside of the cache");
            return Err(place.error(reason, "do not trust this repository"));
        }
        let files = wanted.iter().map(|file| self.file(place, &listing.commit, file));
        let files = files.collect::<Result<Vec<PathBuf>, Error>>()?;
        // So that the revision is found where the hub cannot be reached.
        let kept = self.cache.repo(place.at(&place.revision)).create_ref(&listing.commit);
        kept.map_err(|error| refused(place, &error.into(), None))?;
        match choice {
            Choice::Onnx(_) => Ok(Fetched::Onnx {
                // The first is the model itself.
                file: files.into_iter().next().unwrap_or_default(),
                name: place.name(),
            }),
            Choice::Folder(folder) => {
                let root = place.folder(&listing.commit);
                for (name, file) in wanted.iter().zip(&files) {
                    let placed = put(file, &root.join(name));
                    placed.map_err(|source| Error::ModelUnreadable { path: root.join(name), source })?;
                }
                Ok(Fetched::Folder(root.join(folder)))
            }
        }
    }

    /// What the repository holds; what the cache holds of it where the hub cannot be reached.
    fn listing(&self, place: &Place) -> Result<Listing, Error> {
        let error = match self.repo(place, &place.revision).info() {
            Ok(info) if !is_plain_name(&info.sha) => ApiError::InvalidHeader("sha"),
            Ok(info) => {
                let files = info.siblings.into_iter().map(|file| file.rfilename).collect();
                return Ok(Listing { commit: info.sha, files });
            }
            Err(error) => error,
        };
        let cached = if is_refusal(&error) { None } else { self.cached(place) };
        cached.ok_or_else(|| refused(place, &error, None))
    }

    fn cached(&self, place: &Place) -> Option<Listing> {
        let snapshot = self.cache.repo(place.at(&place.revision)).get("")?;
        let commit = snapshot.file_name()?.to_str()?.to_owned();
        let inside = |file: &PathBuf| Some(file.strip_prefix(&snapshot).ok()?.to_str()?.replace('\\', "/"));
        Some(Listing { commit, files: files_below(&snapshot).ok()?.iter().filter_map(inside).collect() })
    }

    fn file(&self, place: &Place, commit: &str, file: &str) -> Result<PathBuf, Error> {
        self.repo(place, commit).get(file).map_err(|error| refused(place, &error, Some(file)))
    }

    fn repo(&self, place: &Place, revision: &str) -> ApiRepo {
        self.api.repo(place.at(revision))
    }
}

impl Place {
    fn at(&self, revision: &str) -> Repo {
        Repo::with_revision(self.repo.clone(), RepoType::Model, revision.to_owned())
    }

    /// Where the repository's model folders are put together, without the links that the hub's cache is made of: pages
    /// are served nothing from outside a folder, and engines look for weights beside the file itself.
    fn folder(&self, commit: &str) -> PathBuf {
        protocol::cache::models_dir().join(format!("{}--{commit}", self.repo.replace('/', "--")))
    }
}

/// Links or copies a file from the cache. What a commit holds never changes.
fn put(from: &Path, to: &Path) -> std::io::Result<()> {
    let from = from.canonicalize()?;
    let is_there =
        to.metadata().is_ok_and(|there| from.metadata().is_ok_and(|file| file.len() == there.len()));
    if is_there {
        return Ok(());
    }
    to.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::hard_link(&from, to).or_else(|_| fs::copy(&from, to).map(|_| ()))
}

/// Whether the hub did answer, and does not want to.
fn is_refusal(error: &ApiError) -> bool {
    matches!(error, ApiError::RequestError(request) if matches!(**request, ureq::Error::StatusCode(400..500)))
}

/// What the hub, the network or the disk says against a repository, or against a file of one that is there.
fn refused(place: &Place, error: &ApiError, file: Option<&str>) -> Error {
    let hub = std::env::var(ENDPOINT).unwrap_or_else(|_| "the Hugging Face hub".to_owned());
    let request = match error {
        ApiError::RequestError(request) => &**request,
        ApiError::MissingHeader(_) | ApiError::InvalidHeader(_) | ApiError::ParseIntError(_) => {
            return place
                .error(format!("{hub} does not answer as a hub does ({error})"), "look at HF_ENDPOINT");
        }
        ApiError::IoError(_)
        | ApiError::TooManyRetries(_)
        | ApiError::InvalidResume
        | ApiError::LockAcquisition(_) => {
            return place.error(format!("it cannot be kept ({error})"), "look at the disk, and try again");
        }
    };
    match (request, file) {
        (ureq::Error::StatusCode(401 | 403 | 404), None) => place.error(
            format!("{hub} has no such repository or revision, or does not show it to everybody"),
            "look at the spelling; for a private repository log in with `hf auth login`",
        ),
        (ureq::Error::StatusCode(401 | 403), Some(file)) => place.error(
            format!("the repository is gated: {hub} shows {file} only to those who accepted its terms"),
            "accept them on the repository's page, and log in with `hf auth login`",
        ),
        (ureq::Error::StatusCode(404), Some(file)) => {
            place.error(format!("{hub} lists {file} but does not have it"), "try again later")
        }
        (ureq::Error::StatusCode(status), _) => {
            place.error(format!("{hub} answers with status {status}"), "try again later")
        }
        (ureq::Error::Json(_), _) => {
            place.error(format!("{hub} does not answer as a hub does ({request})"), "look at HF_ENDPOINT")
        }
        _ => place.error(
            format!("{hub} cannot be reached ({request}), and the cache does not have the model"),
            "look at the network and at HF_ENDPOINT",
        ),
    }
}
