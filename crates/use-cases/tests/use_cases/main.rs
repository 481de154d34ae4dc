//! The functions between the doors and the ports, over stores and wallet cores that fail, wait or are away.
#![cfg(test)]

mod clocks;
mod fakes;

mod inquiries;
mod lanes;
mod lookups;
mod others;
mod receipts;
mod restores;
mod settlement;
