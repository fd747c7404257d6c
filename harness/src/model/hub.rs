//! Fetches models from the Hugging Face hub, or any server that speaks like it, into a cache. It never looks into ONNX
//! files.

mod address;
mod cache;
mod client;

use std::fs;
use std::path::{Path, PathBuf};

use protocol::Precision;
use sha2::{Digest, Sha256};

use crate::digest::hexadecimal;
use crate::error::Error;
use crate::model::{files_below, is_plain_name, stays_inside};
pub use address::is_hub_address;
use address::{Address, Choice, choose};
use cache::Cache;
use client::{Client, Failure, Listed, Listing};

/// Names another hub than the public one, for all its tools.
const ENDPOINT: &str = "HF_ENDPOINT";
/// The public hub.
const PUBLIC: &str = "https://huggingface.co";
/// Where the hub's tools keep their things.
const HOME: &str = "HF_HOME";

/// A model that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// A model folder.
    Folder(PathBuf),
    /// An ONNX file, its weights beside it.
    Onnx {
        /// Where it is.
        file: PathBuf,
        /// The name to give the model.
        name: String,
    },
}

/// Fetches the model called `hf:owner/repository[@revision][/path]`, of its exports the one in this precision. Files that the cache has are not fetched again;
/// where the hub cannot be reached, the cache alone has to do.
///
/// # Errors
/// A name that is none; a repository that is not there, shown to others only, or holds no such model; a hub that cannot
/// be reached.
pub async fn fetch(model: &str, precision: Option<Precision>) -> Result<Fetched, Error> {
    let address = Address::parse(model)?;
    let fetched = tokio::task::spawn_blocking(move || Hub::from_env(&address).fetch(&address, precision));
    fetched.await.unwrap_or_else(|gave_up| {
        let reason = format!("the hub's client gave up ({gave_up})");
        Err(Error::Hub { model: model.to_owned(), reason, remedy: format!("look at {ENDPOINT}") })
    })
}

/// The hub, and what was fetched of a repository before.
struct Hub {
    client: Client,
    cache: Cache,
}

impl Hub {
    /// The hub at `HF_ENDPOINT`, else the public one; its cache below `HF_HOME`, else among ours. Who is logged in with
    /// the hub's tools is logged in here.
    fn from_env(address: &Address) -> Hub {
        let theirs = std::env::var_os(HOME).map(PathBuf::from);
        let home = theirs.clone().or_else(|| Some(std::env::home_dir()?.join(".cache/huggingface")));
        let token = home.and_then(|home| fs::read_to_string(home.join("token")).ok());
        let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        let folder = theirs.map_or_else(protocol::cache::hub_dir, |home| home.join("hub"));
        let endpoint = std::env::var(ENDPOINT).unwrap_or_else(|_| PUBLIC.to_owned());
        let client = Client::new(endpoint.trim_end_matches('/').to_owned(), token);
        Hub { client, cache: Cache::of(&folder, &address.repo) }
    }

    fn fetch(&self, address: &Address, precision: Option<Precision>) -> Result<Fetched, Error> {
        let listing = self.listing(address)?;
        let names: Vec<String> = listing.files.iter().map(|file| file.name.clone()).collect();
        let choice = choose(address, precision, &names)?;
        let wanted = choice.files(&names);
        if let Some(stray) = wanted.iter().find(|file| !stays_inside(file)) {
            let reason = format!("it names the file {stray:?}, which would lie outside of the cache");
            return Err(address.error(reason, "do not trust this repository"));
        }
        let listed = |name: &&str| listing.files.iter().find(|file| file.name == *name);
        let files = wanted.iter().filter_map(listed);
        let files = files.map(|file| self.file(address, &listing.commit, file));
        let files = files.collect::<Result<Vec<PathBuf>, Error>>()?;
        // So that the revision is found where the hub cannot be reached.
        let kept = self.cache.point(&address.revision, &listing.commit);
        kept.map_err(|error| refused(address, &error.into(), None))?;
        match choice {
            Choice::Onnx(path) => Ok(Fetched::Onnx {
                // The first is the model itself.
                file: files.into_iter().next().unwrap_or_default(),
                name: Address { path, ..address.clone() }.name(),
            }),
            Choice::Folder(folder) => {
                let root = address.folder(&listing.commit);
                for (name, file) in wanted.iter().zip(&files) {
                    let placed = put(file, &root.join(name));
                    placed.map_err(|source| Error::ModelUnreadable { path: root.join(name), source })?;
                }
                Ok(Fetched::Folder(root.join(folder)))
            }
        }
    }

    /// Returns what the repository holds; what the cache holds of it where the hub cannot be reached.
    fn listing(&self, address: &Address) -> Result<Listing, Error> {
        let failure = match self.client.listing(&address.repo, &address.revision) {
            Ok(listing) if is_plain_name(&listing.commit) => return Ok(listing),
            Ok(listing) => Failure::Strange(format!("the commit {:?}", listing.commit)),
            Err(failure) => failure,
        };
        let cached = if matches!(failure, Failure::Status(400..500)) { None } else { self.cached(address) };
        cached.ok_or_else(|| refused(address, &failure, None))
    }

    fn cached(&self, address: &Address) -> Option<Listing> {
        let commit = self.cache.commit_of(&address.revision)?;
        let snapshot = self.cache.snapshot(&commit);
        let inside = |file: &PathBuf| Some(file.strip_prefix(&snapshot).ok()?.to_str()?.replace('\\', "/"));
        let names = files_below(&snapshot).ok()?;
        let listed = |name: String| Listed { name, size: None, lfs: None };
        Some(Listing { files: names.iter().filter_map(inside).map(listed).collect(), commit })
    }

    /// A file of a commit, from the cache where it is there: what a commit holds never changes.
    fn file(&self, address: &Address, commit: &str, file: &Listed) -> Result<PathBuf, Error> {
        if let Some(cached) = self.cache.file(commit, &file.name) {
            return Ok(cached);
        }
        let fetch = || {
            // Its contents have no name that we know to be true before they are here.
            let placeholder = hexadecimal(&Sha256::digest(format!("{commit}/{}", file.name)));
            let unfinished = self.cache.unfinished(&placeholder)?;
            let hash = self.client.download(&address.repo, commit, file, &unfinished)?;
            Ok(self.cache.keep(&unfinished, &hash, commit, &file.name)?)
        };
        fetch().map_err(|failure| refused(address, &failure, Some(&file.name)))
    }
}

impl Address {
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

/// Says what the hub, the network or the disk has against a repository, or against a file of one that is there.
fn refused(address: &Address, failure: &Failure, file: Option<&str>) -> Error {
    let hub = std::env::var(ENDPOINT).unwrap_or_else(|_| "the Hugging Face hub".to_owned());
    match (failure, file) {
        (Failure::Status(401 | 403 | 404), None) => address.error(
            format!("{hub} has no such repository or revision, or does not show it to everybody"),
            "look at the spelling; for a private repository log in with `hf auth login`",
        ),
        (Failure::Status(401 | 403), Some(file)) => address.error(
            format!("the repository is gated: {hub} shows {file} only to those who accepted its terms"),
            "accept them on the repository's page, and log in with `hf auth login`",
        ),
        (Failure::Status(404), Some(file)) => {
            address.error(format!("{hub} lists {file} but does not have it"), "try again later")
        }
        (Failure::Status(status), _) => {
            address.error(format!("{hub} answers with status {status}"), "try again later")
        }
        (Failure::Strange(what), _) => {
            address.error(format!("{hub} does not answer as a hub does ({what})"), "look at HF_ENDPOINT")
        }
        (Failure::Spoilt(what), _) => address.error(
            format!("what {hub} gave was not kept: {what}"),
            "try again; where that is no help, do not trust this repository",
        ),
        (Failure::Disk(error), _) => {
            address.error(format!("it cannot be kept ({error})"), "look at the disk, and try again")
        }
        (Failure::Unreachable(why), _) => address.error(
            format!("{hub} cannot be reached ({why}), and the cache does not have the model"),
            "look at the network and at HF_ENDPOINT",
        ),
    }
}
