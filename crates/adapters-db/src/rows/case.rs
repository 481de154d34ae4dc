//! Cases as rows.

use std::borrow::Cow;

use diesel::{Queryable, Selectable};
use domain::{
    AccountId, AcquirerId, Cancellation, CancellationState, CancellationStateName, Case, DeferReason, FailureReason, FinalAnswer,
    InquiredCase, Payment, PaymentId, PaymentKind, PaymentRequestId, PaymentStatus, PaymentStatusName, RefundedElsewhere,
    RefundedElsewhereName, Refusal, RefusalCode, RefusalName, Reversal, Settlement, Told,
};

use super::reversal::{booked, booked_at};
use super::{CaseKey, DeferralRow, InconsistentRowError, ReceiptRow, RefundRow, ReversalRow, RowRef, code};
use crate::schema::cases;
use crate::sql::{Groups, columns};

#[derive(Debug, Clone, Default, Queryable, Selectable)]
#[diesel(table_name = cases)]
pub(crate) struct CaseRow<'a> {
    pub(crate) bucket: i16,
    pub(crate) payment_request_id: Cow<'a, str>,
    pub(crate) status: Option<Cow<'a, str>>,
    acquirer_id: Option<Cow<'a, str>>,
    account: Option<Cow<'a, str>>,
    amount_value: Option<i64>,
    amount_currency: Option<Cow<'a, str>>,
    settlement_value: Option<i64>,
    settlement_currency: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    initiated_at: Option<i64>,
    payment_id: Option<Cow<'a, str>>,
    completed_at: Option<i64>,
    fee_value: Option<i64>,
    fee_currency: Option<Cow<'a, str>>,
    failure_reason: Option<Cow<'a, str>>,
    pub(crate) cancellation: Option<Cow<'a, str>>,
    cancel_acquirer_id: Option<Cow<'a, str>>,
    first_received_at: Option<i64>,
    defer_reason: Option<Cow<'a, str>>,
    cancelled_at: Option<i64>,
    refusal: Option<Cow<'a, str>>,
    result_code: Option<Cow<'a, str>>,
    returned_at: Option<i64>,
    told: Option<Cow<'a, str>>,
    refunded_elsewhere: Option<Cow<'a, str>>,
    refunded_elsewhere_value: Option<i64>,
    settled_at: Option<i64>,
    pub(crate) last_event: i32,
    settlement_day: Option<Cow<'a, str>>,
}

columns! {
    CaseRow in cases
    key bucket, payment_request_id;
    changing last_event;
    changing
        status, acquirer_id, account, amount_value, amount_currency, settlement_value, settlement_currency, kind, initiated_at,
        payment_id, completed_at, failure_reason;
    changing fee_value, fee_currency;
    changing cancellation, cancel_acquirer_id, first_received_at, cancelled_at, result_code, returned_at;
    changing defer_reason, refusal, told, refunded_elsewhere, refunded_elsewhere_value;
    changing settled_at, settlement_day;
}

impl CaseRow<'_> {
    /// The group that is written with everything else, so that each write finds the case's row: the number of the last line.
    pub(crate) const ALWAYS: Groups = Groups::numbered(0b1);
    /// The group of the cancellation.
    pub(crate) const CANCELLATION: Groups = Groups::numbered(0b1000);
}

const SUCCESS: &str = "SUCCESS";

/// What the column `refusal` says of a payment that refunds gave back in full and that was never announced.
const NEVER_SEEN: &str = RefusalName::NeverReceived.as_str();

fn never_seen(state: CancellationState) -> Option<&'static str> {
    (state == CancellationState::AlreadyRefunded { never_seen: true }).then_some(NEVER_SEEN)
}

impl<'a> CaseRow<'a> {
    /// A case of which nothing is known.
    pub(crate) fn unknown(bucket: i16, id: impl Into<Cow<'a, str>>) -> Self {
        Self { bucket, payment_request_id: id.into(), ..Self::default() }
    }

    /// Whether its cancel waits, so that other tables say how.
    pub(crate) fn is_deferred(&self) -> bool {
        self.defer_reason.is_some()
    }

    pub(crate) fn key(&self) -> CaseKey<'_> {
        CaseKey { id: &self.payment_request_id, bucket: self.bucket }
    }

    /// The case as a row; its refunds have rows of their own, and so has its reversal, where one is loaded or
    /// [`ReversalRow::of`] makes one.
    pub(crate) fn of(key: CaseKey<'a>, case: &'a Case, (last_event, has_reversal_row): (i32, bool)) -> Self {
        let returned_at = booked_at(case).filter(|_| !has_reversal_row).map(|at| at.timestamp_micros());
        let row = Self { last_event, returned_at, ..Self::unknown(key.bucket, key.id) };
        let row = Self {
            told: case.told.map(|told| told.as_str().into()),
            refunded_elsewhere: case.refunded_elsewhere.map(|said| said.name().as_str().into()),
            refunded_elsewhere_value: case.refunded_elsewhere.and_then(RefundedElsewhere::amount),
            ..row
        };
        let row = case.settlement.iter().fold(row, Self::with_settlement);
        let row = case.payment.iter().fold(row, Self::with_payment);
        case.cancellation.iter().fold(row, Self::with_cancellation)
    }

    fn with_settlement(self, settlement: &'a Settlement) -> Self {
        let settled_at = match settlement {
            Settlement::Settled { day: _, at } => Some(at.timestamp_micros()),
            Settlement::Excluded { day: _ } => None,
        };
        Self { settlement_day: Some(settlement.day().to_string().into()), settled_at, ..self }
    }

    fn with_payment(self, payment: &'a Payment) -> Self {
        let (completed_at, fee, reason) = match &payment.status {
            PaymentStatus::InProgress => (None, None, None),
            PaymentStatus::Succeeded { completed_at, fee } => (Some(completed_at), fee.as_ref(), None),
            PaymentStatus::Failed { completed_at, reason } => (Some(completed_at), None, *reason),
        };
        Self {
            status: Some(payment.status.name().as_str().into()),
            acquirer_id: Some(payment.acquirer_id.as_str().into()),
            account: Some(payment.account.as_str().into()),
            amount_value: Some(payment.amount.minor()),
            amount_currency: code(Some(&payment.amount)),
            settlement_value: payment.settlement_amount.map(|amount| amount.minor()),
            settlement_currency: code(payment.settlement_amount.as_ref()),
            kind: Some(payment.kind.as_str().into()),
            initiated_at: Some(payment.initiated_at.timestamp_micros()),
            payment_id: payment.payment_id.as_ref().map(|id| id.as_str().into()),
            completed_at: completed_at.map(|at| at.timestamp_micros()),
            fee_value: fee.map(domain::Money::minor),
            fee_currency: code(fee),
            failure_reason: reason.map(|reason| reason.as_str().into()),
            ..self
        }
    }

    fn with_cancellation(self, cancellation: &'a Cancellation) -> Self {
        let (refusal, result_code) = match cancellation.final_answer() {
            None => (None, None),
            Some(FinalAnswer::Cancelled) => (None, Some(SUCCESS)),
            Some(FinalAnswer::Refused(refusal)) => (Some(refusal.name().as_str()), Some(refusal.code().as_str())),
        };
        Self {
            cancellation: Some(cancellation.state.name().as_str().into()),
            cancel_acquirer_id: Some(cancellation.acquirer_id.as_str().into()),
            first_received_at: Some(cancellation.first_received_at.timestamp_micros()),
            defer_reason: cancellation.state.defer_reason().map(|reason| reason.as_str().into()),
            cancelled_at: cancellation.cancelled_at().map(|at| at.timestamp_micros()),
            refusal: refusal.or(never_seen(cancellation.state)).map(Cow::Borrowed),
            result_code: result_code.map(Cow::Borrowed),
            ..self
        }
    }

    /// What an inquiry looks at, which is in this row alone.
    pub(crate) fn inquired(&self) -> Result<InquiredCase, InconsistentRowError> {
        Ok(InquiredCase {
            payment: self.status.as_deref().map(|status| self.payment(status)).transpose()?,
            cancellation: self.cancellation.as_deref().map(|name| self.cancellation_named(name)).transpose()?,
        })
    }

    /// The case that this row and its fellows speak of.
    pub(crate) fn into_case(
        self,
        refunds: Vec<RefundRow<'_>>,
        reversal: Option<ReversalRow<'_>>,
        (deferral, receipts): (Option<DeferralRow<'_>>, Vec<ReceiptRow<'_>>),
    ) -> Result<Case, InconsistentRowError> {
        let row = RowRef { table: "cases", id: &self.payment_request_id };
        let id = row.parsed("payment_request_id", PaymentRequestId::parse(row.id))?;
        let settlement = self.settlement(row)?;
        let InquiredCase { payment, cancellation } = self.inquired()?;
        let refunds = refunds.iter().map(RefundRow::refund).collect::<Result<_, _>>()?;
        let reversal = match reversal {
            Some(reversal) => Some(reversal.into_reversal()?),
            None => self.returned_at.map(|at| self.booked(payment.as_ref(), at)).transpose()?,
        };
        let deferral = deferral.map(|deferral| deferral.deferral()).transpose()?;
        let mut receipts = receipts.iter().map(ReceiptRow::receipt).collect::<Result<Vec<_>, _>>()?;
        receipts.sort_by(|one, other| one.acquirer_id.cmp(&other.acquirer_id));
        let (told, refunded_elsewhere) = (self.told(row)?, self.refunded_elsewhere(row)?);
        Ok(Case { id, payment, refunds, cancellation, receipts, deferral, reversal, settlement, told, refunded_elsewhere })
    }

    fn booked(&self, payment: Option<&Payment>, returned_at: i64) -> Result<Reversal, InconsistentRowError> {
        let row = RowRef { table: "cases", id: &self.payment_request_id };
        Ok(booked(row.required("returned_at", payment)?, row.moment("returned_at", returned_at)?))
    }

    fn settlement(&self, row: RowRef<'_>) -> Result<Option<Settlement>, InconsistentRowError> {
        let day = row.day("settlement_day", self.settlement_day.as_deref())?;
        let settled_at = self.settled_at.map(|at| row.moment("settled_at", at)).transpose()?;
        match (day, settled_at) {
            (None, None) => Ok(None),
            (Some(day), Some(at)) => Ok(Some(Settlement::Settled { day, at })),
            (Some(day), None) => Ok(Some(Settlement::Excluded { day })),
            (None, Some(_)) => Err(row.wrong("settlement_day")),
        }
    }

    fn payment(&self, status: &str) -> Result<Payment, InconsistentRowError> {
        let row = RowRef { table: "cases", id: &self.payment_request_id };
        let text = |column, value: &Option<Cow<'a, str>>| row.required(column, value.as_deref().map(str::to_owned));
        let fee = row.money("fee_value", self.fee_value, self.fee_currency.as_deref())?;
        let completed_at = || row.dated("completed_at", self.completed_at);
        let status = match row.required("status", PaymentStatusName::parse(status))? {
            PaymentStatusName::InProgress => PaymentStatus::InProgress,
            PaymentStatusName::Succeeded => PaymentStatus::Succeeded { completed_at: completed_at()?, fee },
            PaymentStatusName::Failed => {
                PaymentStatus::Failed { completed_at: completed_at()?, reason: self.failure_reason(row)? }
            }
        };
        let kind = row.required("kind", self.kind.as_deref().and_then(PaymentKind::parse))?;
        let amount = row.money("amount_value", self.amount_value, self.amount_currency.as_deref())?;
        let settlement_amount = row.money("settlement_value", self.settlement_value, self.settlement_currency.as_deref())?;
        let payment_id = self.payment_id.as_deref().map(PaymentId::parse).transpose();
        Ok(Payment {
            acquirer_id: row.parsed("acquirer_id", AcquirerId::parse(text("acquirer_id", &self.acquirer_id)?))?,
            account: row.parsed("account", AccountId::parse(text("account", &self.account)?))?,
            amount: row.required("amount_value", amount)?,
            settlement_amount,
            kind,
            initiated_at: row.dated("initiated_at", self.initiated_at)?,
            payment_id: row.parsed("payment_id", payment_id)?,
            status,
        })
    }

    fn cancellation_named(&self, name: &str) -> Result<Cancellation, InconsistentRowError> {
        let row = RowRef { table: "cases", id: &self.payment_request_id };
        let state = match row.required("cancellation", CancellationStateName::parse(name))? {
            CancellationStateName::Deferred => {
                let reason = self.defer_reason.as_deref().and_then(DeferReason::parse);
                CancellationState::Deferred(row.required("defer_reason", reason)?)
            }
            CancellationStateName::Open => {
                CancellationState::Open { cancelled_at: row.dated("cancelled_at", self.cancelled_at)? }
            }
            CancellationStateName::Cancelled => CancellationState::Cancelled {
                cancelled_at: row.dated("cancelled_at", self.cancelled_at)?,
                answer: self.refused(row)?.map_or(FinalAnswer::Cancelled, FinalAnswer::Refused),
            },
            CancellationStateName::Refused => {
                CancellationState::Refused { refusal: row.required("refusal", self.refused(row)?)? }
            }
            CancellationStateName::AlreadyRefunded => {
                // Rows of before say nothing of it; a payment that is not recorded was not seen.
                let never_seen = self.refusal.as_deref() == Some(NEVER_SEEN) || self.status.is_none();
                CancellationState::AlreadyRefunded { never_seen }
            }
        };
        let acquirer_id = row.required("cancel_acquirer_id", self.cancel_acquirer_id.as_deref())?;
        Ok(Cancellation {
            acquirer_id: row.parsed("cancel_acquirer_id", AcquirerId::parse(acquirer_id))?,
            first_received_at: row.dated("first_received_at", self.first_received_at)?,
            state,
        })
    }

    fn failure_reason(&self, row: RowRef<'_>) -> Result<Option<FailureReason>, InconsistentRowError> {
        let parsed = |text| row.required("failure_reason", FailureReason::parse(text));
        self.failure_reason.as_deref().map(parsed).transpose()
    }

    fn told(&self, row: RowRef<'_>) -> Result<Option<Told>, InconsistentRowError> {
        self.told.as_deref().map(|told| row.required("told", Told::parse(told))).transpose()
    }

    fn refunded_elsewhere(&self, row: RowRef<'_>) -> Result<Option<RefundedElsewhere>, InconsistentRowError> {
        let Some(name) = self.refunded_elsewhere.as_deref() else { return Ok(None) };
        Ok(Some(match row.required("refunded_elsewhere", RefundedElsewhereName::parse(name))? {
            RefundedElsewhereName::All => RefundedElsewhere::All,
            RefundedElsewhereName::Part => RefundedElsewhere::Part,
            RefundedElsewhereName::Amount => {
                RefundedElsewhere::Amount(row.required("refunded_elsewhere_value", self.refunded_elsewhere_value)?)
            }
        }))
    }

    fn refused(&self, row: RowRef<'_>) -> Result<Option<Refusal>, InconsistentRowError> {
        if self.refusal.is_none() && self.result_code.as_deref() == Some(SUCCESS) {
            return Ok(None);
        }
        let code = row.required("result_code", self.result_code.as_deref().and_then(RefusalCode::parse))?;
        let refusal = match row.required("refusal", self.refusal.as_deref().and_then(RefusalName::parse))? {
            RefusalName::DifferentRequest => Refusal::DifferentRequest,
            RefusalName::PeriodOver => Refusal::PeriodOver(code),
            RefusalName::PartlyRefunded => Refusal::PartlyRefunded,
            RefusalName::NeverReceived => Refusal::NeverReceived,
        };
        if refusal.code() == code { Ok(Some(refusal)) } else { Err(row.wrong("result_code")) }
    }
}
