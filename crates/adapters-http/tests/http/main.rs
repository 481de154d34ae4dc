//! Both listeners from outside, over real sockets.
#![cfg(test)]

mod alipayplus_side;
mod callback;
mod commits;
mod connections;
mod examples;
mod feed;
mod malformed;
mod openapi;
mod operators;
mod outages;
mod readiness;
mod settlement;
mod wallet_api;
mod wallet_side;
