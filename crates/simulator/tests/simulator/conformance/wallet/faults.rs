//! What can be wrong with the wallet of these tests.

/// One thing that is done wrong; everything else stays right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An answer has no signature.
    SignsNothing,
    /// The signature is over the answer in another layout.
    SignsOtherBytes,
    /// Only S has a signature.
    SignsSuccessOnly,
    /// Names of headers begin with capitals.
    SpellsHeadersInCapitals,
    /// The signature's base64 is not percent-encoded.
    WritesRawBase64,
    /// Any signature is good.
    VerifiesNothing,
    /// JSON is written anew before its signature is verified.
    VerifiesAnotherLayout,
    /// The query is not signed.
    ForgetsTheQuery,
    /// Plus signs of plain base64 are read as spaces.
    ReadsPlusAsSpace,
    /// Any key version is good.
    IgnoresTheKeyVersion,
    /// Any `pspId` is good.
    IgnoresThePsp,
    /// Of two members of one name the last counts.
    TakesTheLastOfTwo,
    /// Illegal JSON is an error of the server's.
    BreaksOnIllegalJson,
    /// GET is as good as POST.
    TakesAnyMethod,
    /// The result says more than it should.
    AddsToTheResult,
    /// The message names the payment.
    RepeatsTheRequest,
    /// Any acquirer may cancel.
    IgnoresTheAcquirer,
    /// Each repeat gives the money back again.
    GivesBackOnEveryRepeat,
    /// A refusal of a message is remembered as the payment's answer.
    RemembersRefusalsOfMessages,
    /// U is remembered as final.
    RemembersWhatIsNotKnown,
    /// S is said, and nothing moves.
    SaysSuccessOnly,
    /// Every payment is answered as one that was never received.
    KnowsNoPayment,
    /// A cancel of an unknown payment is forgotten.
    ForgetsTheFence,
    /// A success after the cancel stands.
    KeepsLateSuccess,
    /// A failed payment cannot be cancelled.
    RefusesFailedPayments,
    /// What is held stays held.
    ReleasesNothing,
    /// Amounts are floating-point numbers.
    CountsInFloatingPoint,
    /// The full amount goes back, whatever was refunded.
    ForgetsRefunds,
    /// The rest of a partly refunded payment goes back.
    GivesBackTheRest,
    /// A cancelled payment can be refunded.
    RefundsWhatIsCancelled,
    /// There is a moment between looking and doing.
    LooksThenActs,
    /// The period ends at 00:15.
    EndsAQuarterEarly,
    /// The period ends at 00:45.
    EndsAQuarterLate,
    /// Days are counted in UTC.
    CountsDaysInUtc,
    /// The period never ends.
    NeverEnds,
    /// The period lasts 24 and a half hours from initiation.
    CountsHoursFromInitiation,
    /// Ids that differ in capitals are the same.
    IgnoresCapitals,
    /// The inquiry goes on saying that the payment succeeded.
    InquiresWhatWas,
    /// An inquiry denies a payment that was only ever cancelled.
    DeniesFences,
    /// An inquiry says closed of what is only in progress.
    ClosesEarly,
    /// An inquiry tells any acquirer.
    TellsOtherAcquirers,
    /// An inquiry verifies nothing.
    TellsAnybody,
    /// An inquiry leaves out what was paid.
    LeavesOutTheAmount,
    /// An inquiry about an unknown payment is remembered as its cancel.
    InquiryCancels,
    /// Inquiries take six seconds.
    InquiresLate,
    /// No fault of the wallet's: its driver makes no refunds and answers no inquiries.
    ServesThreeCallsOnly,
    /// Answers take nine seconds.
    AnswersLate,
    /// No fault at all: every fortieth cancel is answered U, because something behind the wallet did not answer.
    DoesNotKnowOneInForty,
}
