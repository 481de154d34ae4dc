//! What the contract of a wallet core says, line by line. All of it is on one page of this project.

use crate::suite::case::{Basis, Rule};

const fn contract(says: &'static str) -> Rule {
    Rule { basis: Basis::Contract, page: "docs/integrate/wallet-core.md", says }
}

pub(super) static DONE: Rule = contract("done: it was debited or held, and now it is not");
pub(super) static ONCE: Rule = contract("the user must be credited once, also where the core is asked often or by two at once");
pub(super) static AS_IT_ENDED: Rule = contract("a reversal that ended is answered as it ended: already-done for done");
pub(super) static NEVER_FORGOTTEN: Rule = contract("never answer from a cache, and never delete the row");
pub(super) static NOTHING: Rule =
    contract("nothing-to-do: nothing was debited or held, and nothing will be; a 404 does not mean that");
pub(super) static FENCE: Rule =
    contract("after the PUT the core does not debit this payment any more, or gives it back by itself");
pub(super) static LOST: Rule =
    contract("an answer can be lost on its way, so the core is asked again; the user is credited once");
pub(super) static DURABLE: Rule = contract("200 is answered only after it is durable");
pub(super) static INFORMS: Rule = contract("the body only informs; the core acts on its own books");
pub(super) static NO_PERIOD: Rule =
    contract("a reversal that is asked for is made, however old the payment is: the period is not the core's");
pub(super) static REFUNDED: Rule = contract("refunds gave a part or all of it back: the core says so and moves nothing");
pub(super) static EXACT: Rule = contract("amounts are digits in the currency's smallest unit, at most 9223372036854775807");
pub(super) static IDS: Rule = contract("ids are 1 to 64 visible ASCII characters, percent-encoded, and each is another payment");
pub(super) static PAGES: Rule = contract("the route for tests gives all entries of an account, page by page");
pub(super) static LOOKUP: Rule = contract("GET /payments says how the payment is now; 404 only where it was never heard of");
