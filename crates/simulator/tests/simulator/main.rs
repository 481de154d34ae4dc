//! The simulator, as a process: its suite bites, and its wallet core keeps what it says.
#![cfg(test)]

mod certify;
mod cli_page;
mod conformance;
mod wallet_core;
