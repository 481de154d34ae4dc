//! Ids and accounts that are easily mistaken for each other.

use crate::certify::bench::CoreBench;
use crate::certify::case::{Case, Needs};
use crate::certify::rules;
use crate::suite::verdict::Verdict;

/// Pays with each of these ids, reverses one after the other, and looks at all of them each time.
async fn each_is_another(t: &CoreBench, ids: Vec<String>) -> Verdict {
    let mut paid = Vec::new();
    for id in ids {
        let purchase = t.purchase().with(|purchase| purchase.id = id);
        t.debit(&purchase).await?;
        paid.push(purchase);
    }
    for (at, purchase) in paid.iter().enumerate() {
        t.reverse(purchase).await?.is("done")?;
        t.is_back_once(purchase).await?;
        if let Some(next) = paid.get(at + 1) {
            t.is_kept(next).await?;
        }
    }
    Ok(())
}

pub(crate) static CASES: &[Case] = &[
    Case {
        name: "odd-characters-in-ids",
        needs: Needs::Witness,
        sends: "payments whose ids have every kind of visible character",
        expects: "each is another payment, and each is back once",
        because: &rules::IDS,
        run: |t| {
            Box::pin(async move {
                let odd = [
                    "/a", "%2Fa", "?a=b", "#a", "+a", "%20a", "..", "/../a", ";a", "a&b", "\\a", "\"a\"", "'a'", "{a}", "~a",
                    "$(a)",
                ];
                let ids = odd.iter().map(|odd| format!("{}{odd}", t.id())).collect();
                each_is_another(&t, ids).await
            })
        },
    },
    Case {
        name: "ids-that-differ-by-little",
        needs: Needs::Witness,
        sends: "payments whose ids differ by a letter's case, by a last character, and by their length",
        expects: "each is another payment, and each is back once",
        because: &rules::IDS,
        run: |t| {
            Box::pin(async move {
                let id = t.id();
                let longest = format!("{id}{}", "x".repeat(64 - id.len()));
                let ids = ["-a", "-A", "-a-", "-aa", "-0", "-00"].iter().map(|end| format!("{id}{end}"));
                each_is_another(&t, ids.chain([longest.clone(), format!("{}y", &longest[..63])]).collect()).await
            })
        },
    },
    Case {
        name: "odd-accounts",
        needs: Needs::Witness,
        sends: "payments of accounts whose names differ by a letter's case and by odd characters",
        expects: "each account has its own money back",
        because: &rules::IDS,
        run: |t| {
            Box::pin(async move {
                for odd in ["/a", "/A", "%2Fa", "+a", "?a", "a;b"] {
                    let account = format!("{}{odd}", t.id());
                    let paid = t.purchase().with(|purchase| purchase.account = account);
                    t.debit(&paid).await?;
                    t.reverse(&paid).await?.is("done")?;
                    t.is_back_once(&paid).await?;
                }
                Ok(())
            })
        },
    },
];
