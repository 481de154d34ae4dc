//! Plays Alipay+ toward a wallet, from outside and over HTTP only, so that it serves a wallet in any language. It depends on
//! none of Rescind's crates: signing, verifying and HTTP are its own, so that it cannot share a mistake with what it looks at.

mod alipayplus;
mod call;
mod certify;
mod cli;
mod clock;
mod conformance;
mod keys;
mod load;
mod money;
mod output;
mod peer;
mod signature;
mod storm;
mod suite;
mod wallet_core;
mod wire;
mod witness;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(failure) => {
            output::complain(&failure);
            ExitCode::FAILURE
        }
    }
}
