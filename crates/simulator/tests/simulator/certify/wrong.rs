//! What can be wrong with the wallet core of these tests.

/// One thing that is done wrong; everything else stays right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// `done`, and no account has the money.
    CreditsNobody,
    /// Each repeat credits again.
    CreditsAgain,
    /// The money goes to the account that paid last.
    CreditsWhoPaidLast,
    /// The money goes back in yen, in whatever currency it was paid.
    CreditsInYen,
    /// What does not fit into 31 bits is left out.
    CreditsAPart,
    /// The effect is on the disk only once the next one is.
    AnswersBeforeItIsDurable,
    /// What was given back is forgotten at a restart.
    ForgetsAtRestart,
    /// What must not be debited is forgotten at a restart.
    ForgetsTheFenceAtRestart,
    /// Only the last hundred reversals are remembered.
    ForgetsTheOldest,
    /// `nothing-to-do`, and then the debit goes through.
    DebitsAfterNothingToDo,
    /// The debit looks for the fence, and only later debits.
    LooksForTheFenceTooEarly,
    /// 404 to a reversal of what was never seen.
    SaysNotFound,
    /// 404 to the lookup of a payment that was cancelled.
    HidesWhatItHas,
    /// What is held is released, and captured.
    ReleasesAndKeeps,
    /// The effect comes after the caller's timeout, and again for each call that came meanwhile.
    ActsAfterTheTimeout,
    /// One answer for all ids.
    SaysDoneToAll,
    /// There is a moment between looking and giving back.
    LooksThenActs,
    /// `fully-refunded`, because there is a member `refunded`; it says 0.
    SaysRefunded,
    /// The rest of what was refunded in part goes back.
    GivesBackTheRest,
    /// A refund without a result is not waited for.
    IgnoresRunningRefunds,
    /// The account in the body has the money.
    TrustsTheBody,
    /// `nothing-known` is taken for nothing to do.
    ActsOnTaken,
    /// What is older than two days is not given back.
    HasAPeriod,
    /// Ids that differ in capitals are the same.
    IgnoresCapitals,
    /// Between two pages of an account an entry is left out.
    SkipsAnEntry,
}
