//! The command `parallax`: reads the command line, runs one command, says in one message what went wrong.

use std::process::ExitCode;

use clap::Parser;
use harness::cli::{Bench, Cli, Command};
use harness::error::Error;
use harness::exit::Exit;
use harness::interrupt::Interrupt;
use harness::process::{below, guard};
use harness::screen;
use tokio::runtime::Runtime;
