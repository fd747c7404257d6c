//! `parallax serve`: the report page of the last sweep on loopback, as it is now. It changes no result.

mod events;
pub mod live;
mod relay;
mod routes;
mod source;

use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::Router;

use crate::cli::ServeArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::loopback::{self, Door, LIMITS, Serving, listen};
use crate::page::Assets;
use crate::screen;
use routes::Site;
use source::Source;

/// Runs `parallax serve`, until the user ends it.
///
/// # Errors
/// When the port is taken, the page's files are not there, or Ctrl-C cannot be heard.
pub async fn run(args: &ServeArgs) -> Result<Exit, Error> {
    let mut interrupt = Interrupt::listen()?;
    let server = Server::start(&args.db, args.port, Assets::find()?).await?;
    screen::print(&server.door.url())?;
    screen::tell("Ctrl-C ends it");
    interrupt.received().await;
    Ok(Exit::Success)
}

/// A running server of the page; it ends when dropped.
struct Server {
    door: Door,
    _serving: Serving,
}

impl Server {
    async fn start(db: &Path, port: u16, assets: Assets) -> Result<Server, Error> {
        let (listener, address) = listen(port).await.map_err(|source| unheard(port, source))?;
        let door = Door::at(address).map_err(|error| unheard(port, io::Error::other(error.to_string())))?;
        let site = Site { door: door.clone(), source: Source::of(db, &assets), assets };
        let router = Router::new().fallback(routes::answer).with_state(Arc::new(site));
        Ok(Server { door, _serving: loopback::serve(listener, router, LIMITS) })
    }
}

fn unheard(port: u16, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::AddrInUse => Error::PortTaken { port },
        _ => Error::PortUnheard { port, source },
    }
}

#[cfg(test)]
mod tests;
