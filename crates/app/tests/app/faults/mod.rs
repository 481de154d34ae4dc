//! A scenario is played once without faults to count the calls that cross a port, and then anew for each call and each fault:
//! the port fails, is slow, panics, takes its process along or loses its caller, before or after its effect. A caller without an
//! answer asks again, a process that died is started again, and in the end the money is counted where it really is.

mod broken_ports;
mod core;
mod every_fault;
mod places;
mod plan;
mod process;
mod truth;
mod world;

mod bites;
mod crashes;
mod late;
mod poison;
mod postgres;
mod races;
mod storm;
