//! Everybody outside of the processes: users with their wallet, Alipay+, operators, those who settle days.

pub(crate) mod alipayplus;
pub(crate) mod inquiries;
pub(crate) mod operators;
pub(crate) mod settlement;
pub(crate) mod trouble;
pub(crate) mod wallet;
