//! Adapters in memory that fail, wait or are away.

mod cases;
mod clock;
mod core;
mod days;
mod forgetful;
mod payments;

pub(crate) use self::cases::{Away, Gated, HoldsBatches, HoldsInquiries};
pub(crate) use self::clock::{TimersClock, timers_now};
pub(crate) use self::core::{AwayCore, HoldingCore};
pub(crate) use self::days::FailsOnce;
pub(crate) use self::forgetful::Forgetful;
pub(crate) use self::payments::PaymentsCore;
