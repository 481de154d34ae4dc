//! Every state that the rules can bring one case to, and every step between them.

mod commands;
mod ends;
mod explore;
mod feed;
mod graph;
mod holds;
mod kinds;
mod planted;
mod rows;
mod spread;
mod table;
mod told;
