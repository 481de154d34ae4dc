//! Days are closed, statements written, and Alipay+'s files compared, by the commands that accountants run.

mod checking;
mod exporting;
mod fixtures;
mod histories;
mod malformed;
mod mangled;
mod mangles;
mod races;
mod scale;
