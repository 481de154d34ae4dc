//! Whom an inquiry tells nothing.

use serde_json::json;

use super::{NOT_EXIST, PAID};
use crate::conformance::case::{Case, Needs};
use crate::conformance::rules;

pub(crate) static DOOR: &[Case] = &[
    Case {
        name: "inquiry-with-a-wrong-signature",
        needs: Needs::InquiriesAndDriver,
        sends: "an inquiry about a paid payment with another body than was signed",
        expects: "F INVALID_SIGNATURE, and nothing of the payment",
        because: &rules::SAME_DOOR,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                let other = t.inquirer()?.body(&t.id());
                let draft = t.inquiry_draft(paid.id())?.signed_as(|parts| parts.body = other.clone().into_bytes());
                t.expect_asked(draft.request()?, "no payment: F INVALID_SIGNATURE").await
            })
        },
    },
    Case {
        name: "inquiry-signed-as-a-cancel",
        needs: Needs::InquiriesAndDriver,
        sends: "an inquiry whose signature is over the path of cancelPayment",
        expects: "F INVALID_SIGNATURE",
        because: &rules::SAME_DOOR,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                let uri = t.partner().dialer.target().uri.clone();
                let draft = t.inquiry_draft(paid.id())?.signed_as(|parts| parts.uri.clone_from(&uri));
                t.expect_asked(draft.request()?, "no payment: F INVALID_SIGNATURE").await
            })
        },
    },
    Case {
        name: "inquiry-does-not-cancel",
        needs: Needs::InquiriesAndDriver,
        sends: "a signed inquiry sent to the path of cancelPayment",
        expects: "F INVALID_SIGNATURE, and nothing moves",
        because: &rules::SAME_DOOR,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                let draft = t.draft(paid.id());
                let uri = t.inquirer()?.dialer.target().uri.clone();
                t.expect(draft.signed_as(|parts| parts.uri.clone_from(&uri)).request()?, "F INVALID_SIGNATURE").await?;
                paid.is_kept().await
            })
        },
    },
    Case {
        name: "inquiry-of-an-unknown-client",
        needs: Needs::Inquiries,
        sends: "an inquiry with a Client-Id that nobody has",
        expects: "F INVALID_CLIENT",
        because: &rules::SAME_DOOR,
        run: |t| {
            Box::pin(async move {
                let draft = t.inquiry_draft(&t.id())?.with(|parts| parts.client_id = "NOBODY".to_owned());
                t.expect_asked(draft.request()?, "no payment: F INVALID_CLIENT").await
            })
        },
    },
    Case {
        name: "inquiry-for-another-wallet",
        needs: Needs::Inquiries,
        sends: "an inquiry with another pspId",
        expects: "F ACCESS_DENIED",
        because: &rules::ACCESS_DENIED,
        run: |t| {
            Box::pin(async move {
                let body = t.inquirer()?.body(&t.id()).replace(&t.inquirer()?.psp_id, "1022172999999999999");
                t.expect_asked(t.inquiry_draft_of(body)?.request()?, "no payment: F ACCESS_DENIED").await
            })
        },
    },
    Case {
        name: "inquiry-of-another-acquirer",
        needs: Needs::InquiriesAndDriver,
        sends: "an inquiry about a paid payment for another acquirer",
        expects: "F ORDER_NOT_EXIST, as of a payment that does not exist",
        because: &rules::NOT_ITS_OWN,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                let body = t.inquirer()?.body(paid.id()).replace(&t.inquirer()?.acquirer_id, "1022188999999999999");
                t.expect_asked(t.inquiry_draft_of(body)?.request()?, NOT_EXIST).await?;
                paid.is_inquired(PAID).await
            })
        },
    },
    Case {
        name: "inquiry-that-is-no-json",
        needs: Needs::Inquiries,
        sends: "an inquiry whose body is not JSON",
        expects: "F PARAM_ILLEGAL",
        because: &rules::REQUIRED_MEMBERS,
        run: |t| {
            Box::pin(
                async move { t.expect_asked(t.inquiry_draft_of("not JSON")?.request()?, "no payment: F PARAM_ILLEGAL").await },
            )
        },
    },
    Case {
        name: "inquiry-without-an-id",
        needs: Needs::Inquiries,
        sends: "an inquiry without paymentRequestId",
        expects: "F PARAM_ILLEGAL",
        because: &rules::REQUIRED_MEMBERS,
        run: |t| {
            Box::pin(async move {
                let inquirer = t.inquirer()?;
                let body = json!({ "acquirerId": inquirer.acquirer_id, "pspId": inquirer.psp_id }).to_string();
                t.expect_asked(t.inquiry_draft_of(body)?.request()?, "no payment: F PARAM_ILLEGAL").await
            })
        },
    },
    Case {
        name: "inquiry-by-get",
        needs: Needs::Inquiries,
        sends: "an inquiry by GET",
        expects: "F METHOD_NOT_SUPPORTED",
        because: &rules::POST,
        run: |t| {
            Box::pin(async move {
                let draft = t.inquiry_draft(&t.id())?.with(|parts| parts.method = "GET".to_owned());
                t.expect_asked(draft.request()?, "no payment: F METHOD_NOT_SUPPORTED").await
            })
        },
    },
];
