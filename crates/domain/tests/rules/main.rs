//! The rule book, held to its tables.

#[cfg(test)]
mod clocks;
#[cfg(test)]
mod contradictions;
#[cfg(test)]
mod decisions_page;
#[cfg(test)]
mod doubts;
#[cfg(test)]
mod feed_page;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod invariants;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod money_back;
#[cfg(test)]
mod ownership;
#[cfg(test)]
mod period;
#[cfg(test)]
mod precedence;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reconciliation;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod settlement;
#[cfg(test)]
mod walk;
#[cfg(test)]
mod wallet;
#[cfg(test)]
mod words;
