//! What stands in the tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{
    Action, Answer, AttemptEnd, CancelReply, Cancellation, CommandReply, Disposition, Inquiry, Jitter, RefusalCode, Reply,
    ReportedResult, Reversal, ReversalOutcome, ReversalState, Taken,
};
use ports::testing::{Damage, Wallet, core_policy, ledger_policy, moment};
use ports::{CancellationStore, Page, ReversalFilter, TimelineEntry};

use crate::fixtures::{TestDatabase, decided, for_each_engine, paid};

for_each_engine!(
    a_report_on_an_unknown_case_leaves_no_row,
    every_text_of_a_core_or_an_operator_reads_back,
    f34_an_unreadable_case_does_not_hide_the_others_of_a_list,
    f34_a_reversal_that_cannot_be_leased_holds_up_no_other,
    f43_a_repeat_is_answered_from_the_tables,
    a_process_works_with_the_next_versions_schema,
    a_commit_is_one_row_and_reads_back_as_its_lines,
    a_timeline_of_one_row_a_line_is_read_and_gone_on_with,
    a_timeline_that_says_the_impossible_is_not_read,
    a_reversal_that_the_ledger_books_has_no_row_of_its_own,
    a_reversal_that_has_a_row_keeps_it,
    only_the_groups_of_columns_that_changed_are_written,
    a_rule_that_was_written_as_a_number_is_read_by_its_name,
);

async fn a_report_on_an_unknown_case_leaves_no_row(database: &impl TestDatabase) {
    let store = database.open(ledger_policy());
    let wallet = Wallet::of("unknown");
    let close = Action::CompleteAttempt(AttemptEnd { attempt: 1, outcome: ReversalOutcome::Done, jitter: Jitter(0) });
    let resolve = Action::Resolve { note: "paid".to_owned(), by: "operator".to_owned() };
    let reports = vec![
        wallet.reports(ReportedResult::Succeeded),
        wallet.refunds("r", 1),
        wallet.reports_refund("r", ReportedResult::Failed),
        wallet.does(close),
        wallet.does(Action::Retry { by: "operator".to_owned() }),
        wallet.does(resolve),
    ];
    decided(&store, reports).await;
    for table in ["cases", "refunds", "reversals", "events", "ledger_entries"] {
        assert_eq!(database.number(&format!("select cast(count(*) as text) as value from {table}")), 0, "{table}");
    }
}

async fn every_text_of_a_core_or_an_operator_reads_back(database: &impl TestDatabase) {
    let store = database.open(core_policy());
    let texts = [
        ("quotes", "it's \"quoted\" \\ and \\u0000 {not: json}, $1 ?1 %", "it's \"quoted\" \\ and \\u0000 {not: json}, $1 ?1 %"),
        (
            "unicode",
            "漢字 \u{1F4B8} e\u{301} \u{202E} \u{10FFFF}\r\n\t\u{1}",
            "漢字 \u{1F4B8} e\u{301} \u{202E} \u{10FFFF}\r\n\t\u{1}",
        ),
        ("nul", "cut\0off", "cut\u{FFFD}off"),
        ("empty", "", ""),
    ];
    for (name, written, kept) in texts {
        let wallet = paid(&store, name).await;
        let close = |attempt, outcome| wallet.does(Action::CompleteAttempt(AttemptEnd { attempt, outcome, jitter: Jitter(0) }));
        let steps = [
            wallet.is_cancelled(),
            close(1, ReversalOutcome::Unknown(written.to_owned())),
            wallet.is_cancelled(),
            close(2, ReversalOutcome::Impossible(written.to_owned())),
        ];
        for step in steps {
            decided(&store, vec![step]).await;
            let file = store.find(&wallet.id).await.unwrap().unwrap();
            match file.case.reversal.unwrap().state {
                ReversalState::Open { last_error, .. } => assert!(last_error.is_none_or(|text| text == kept)),
                ReversalState::Parked { reason } => assert_eq!(reason, kept),
                ReversalState::Done { .. } => panic!("nobody gave the money back"),
            }
        }
        let resolve = Action::Resolve { note: written.to_owned(), by: "operator".to_owned() };
        decided(&store, vec![wallet.does(resolve)]).await;
        let timeline = store.find(&wallet.id).await.unwrap().unwrap().timeline;
        let written_texts: Vec<_> =
            timeline.iter().flat_map(|entry| ["error", "reason", "note"].map(|name| entry.details.get(name))).collect();
        assert_eq!(written_texts.into_iter().flatten().collect::<Vec<_>>(), [kept; 3], "{name}");
    }
}

async fn f34_an_unreadable_case_does_not_hide_the_others_of_a_list(database: &impl TestDatabase) {
    let store = database.open(core_policy());
    for name in ["list-1", "list-2", "list-3"] {
        let wallet = paid(&store, name).await;
        decided(&store, vec![wallet.is_cancelled()]).await;
    }
    database.damage(&Wallet::of("list-2").id, Damage::Unreadable).await;
    // A page that is not full would be the last one.
    for limit in [2, 10] {
        let page = Page { limit, after: None };
        let open = store.reversals(ReversalFilter::Open, &page).await.unwrap();
        assert_eq!(open.iter().map(|case| case.id.as_str()).collect::<Vec<_>>(), ["list-1", "list-3"]);
    }
    assert!(store.find(&Wallet::of("list-2").id).await.is_err());
}

/// The one that has been due for longest cannot be written.
async fn f34_a_reversal_that_cannot_be_leased_holds_up_no_other(database: &impl TestDatabase) {
    let store = database.open(core_policy());
    for (seconds, name) in (0..).zip(["due-1", "due-2", "due-3"]) {
        let wallet = Wallet { at: moment(seconds), ..Wallet::of(name) };
        decided(&store, vec![wallet.is_cancelled()]).await;
    }
    let refuse = database.in_its_sql(
        "create function refuse() returns trigger language plpgsql as $$ begin raise 'refused'; end $$;
         create trigger refuse before update on reversals for each row
             when (old.payment_request_id = 'due-1') execute function refuse()",
        "create trigger refuse before update on reversals
             when old.payment_request_id = 'due-1' begin select raise(abort, 'refused'); end",
    );
    database.execute(refuse).unwrap();
    let long_after = moment(3600);
    let due = store.lease_due(long_after, 10).await.unwrap();
    let mut leased: Vec<_> = due.iter().map(|due| (due.request.id.as_str(), due.attempt)).collect();
    leased.sort_unstable();
    assert_eq!(leased, [("due-2", 2), ("due-3", 2)]);
    assert_eq!(store.lease_due(long_after, 10).await, Ok(vec![]), "they are leased now, and it still cannot be");
}

/// The answer is changed behind the process's back, and the process answers what is in the table.
async fn f43_a_repeat_is_answered_from_the_tables(database: &impl TestDatabase) {
    let store = database.open(ledger_policy());
    let late = Wallet { at: moment(30 * 24 * 3600), ..paid(&store, "late").await };
    let refused = |code| Reply::Cancel(CancelReply::Answered(domain::Answer::Refused(domain::Refusal::PeriodOver(code))));
    for _ in 0..3 {
        assert_eq!(decided(&store, vec![late.is_cancelled()]).await, [refused(RefusalCode::ProcessFail)]);
    }
    database.execute("update cases set result_code = 'CANCEL_WINDOW_EXCEED' where payment_request_id = 'late'").unwrap();
    assert_eq!(decided(&store, vec![late.is_cancelled()]).await, [refused(RefusalCode::CancelWindowExceed)]);
    // What another process has recorded counts at once too.
    let other = database.open(ledger_policy());
    let wallet = paid(&store, "shared").await;
    assert_eq!(store.find(&wallet.id).await.unwrap().map(|file| file.case.inquiry()), Some(Inquiry::Paid));
    decided(&other, vec![wallet.is_cancelled()]).await;
    assert_eq!(store.find(&wallet.id).await.unwrap().map(|file| file.case.inquiry()), Some(Inquiry::Closed));
    assert_eq!(decided(&store, vec![wallet.pays()]).await, [Reply::Command(CommandReply::Done(Disposition::Closed))]);
}

async fn a_process_works_with_the_next_versions_schema(database: &impl TestDatabase) {
    let store = database.open(ledger_policy());
    let wallet = paid(&store, "early").await;
    for table in ["cases", "refunds", "reversals", "events", "ledger_entries"] {
        database.execute(&format!("alter table {table} add column added_later text default 'kept'")).unwrap();
    }
    let late = paid(&store, "late").await;
    let cancelled = decided(&store, vec![wallet.is_cancelled(), late.is_cancelled()]).await;
    assert_eq!(cancelled, [Reply::Cancel(CancelReply::Answered(domain::Answer::Cancelled)); 2]);
    assert_eq!(database.texts("select added_later as value from cases"), ["kept"; 2]);
    assert!(store.find(&wallet.id).await.unwrap().is_some());
}

/// A line of the timeline: when, what, and its details.
type Line = (i64, String, Vec<(String, String)>);

async fn timeline(store: &Arc<dyn CancellationStore>, wallet: &Wallet) -> Vec<Line> {
    let entries = store.find(&wallet.id).await.unwrap().unwrap().timeline;
    let line = |entry: TimelineEntry| (entry.at.timestamp_micros(), entry.what, entry.details.into_iter().collect());
    entries.into_iter().map(line).collect()
}

/// What one commit adds is one row, also where several commands of it are of one case.
async fn a_commit_is_one_row_and_reads_back_as_its_lines(database: &impl TestDatabase) {
    let store = database.open(ledger_policy());
    let wallet = Wallet::of("one-row");
    let later = Wallet { at: moment(60), ..Wallet::of("one-row") };
    decided(&store, vec![wallet.pays()]).await;
    decided(&store, vec![wallet.reports(ReportedResult::Succeeded), later.is_cancelled()]).await;
    let (at, later_at) = (moment(0).timestamp_micros(), moment(60).timestamp_micros());
    let amount = || vec![("amount".to_owned(), "1000 JPY".to_owned())];
    let rule = vec![("rule".to_owned(), "money-taken".to_owned())];
    let lines = [
        (at, "payment-recorded", amount()),
        (at, "succeeded", vec![]),
        (later_at, "cancel-received", vec![]),
        (later_at, "cancelled", rule),
        (later_at, "reversal-opened", amount()),
        (later_at, "reversal-done", vec![]),
    ];
    assert_eq!(timeline(&store, &wallet).await, lines.map(|(at, what, details)| (at, what.to_owned(), details)));
    assert_eq!(
        database.texts("select number || ' ' || at || ' ' || what || ' ' || details || coalesce(more, '') as value from events order by number"),
        [
            format!("1 {at} payment-recorded {{\"amount\":\"1000 JPY\"}}"),
            format!(
                "2 {at} succeeded {{}}[[\"cancel-received\",{{}},{later_at}],[\"cancelled\",{{\"rule\":\"money-taken\"}},{later_at}],\
                 [\"reversal-opened\",{{\"amount\":\"1000 JPY\"}},{later_at}],[\"reversal-done\",{{}},{later_at}]]"
            ),
        ]
    );
    let last = "select cast(last_event as text) as value from cases";
    assert_eq!(database.number(last), 6);
}

/// Replaces the rows of a case's timeline by one row a line, as the version before wrote them.
fn write_as_before(database: &impl TestDatabase, lines: &[Line]) {
    database.execute("delete from events").unwrap();
    for (number, (at, what, details)) in (1..).zip(lines) {
        let details: BTreeMap<_, _> = details.iter().cloned().collect();
        let details = serde_json::json!(details).to_string();
        let insert = format!(
            "insert into events (bucket, payment_request_id, number, at, what, details)
             select bucket, payment_request_id, {number}, {at}, '{what}', '{details}' from cases"
        );
        database.execute(&insert).unwrap();
    }
}

async fn a_timeline_of_one_row_a_line_is_read_and_gone_on_with(database: &impl TestDatabase) {
    let store = database.open(core_policy());
    let wallet = paid(&store, "mixed").await;
    decided(&store, vec![wallet.is_cancelled()]).await;
    let before = timeline(&store, &wallet).await;
    write_as_before(database, &before);
    assert_eq!(timeline(&store, &wallet).await, before);
    let done = AttemptEnd { attempt: 1, outcome: ReversalOutcome::Done, jitter: Jitter(0) };
    decided(&store, vec![wallet.does(Action::CompleteAttempt(done))]).await;
    let after = timeline(&store, &wallet).await;
    assert_eq!(after[..before.len()], before);
    let added: Vec<_> = after[before.len()..].iter().map(|(_, what, _)| what.as_str()).collect();
    assert_eq!(added, ["reversal-tried", "reversal-done"]);
    let rows = "select cast(count(*) as text) as value from events";
    assert_eq!(database.number(rows), i64::try_from(before.len()).unwrap() + 1);
}

async fn a_timeline_that_says_the_impossible_is_not_read(database: &impl TestDatabase) {
    let store = database.open(ledger_policy());
    let wallet = paid(&store, "damaged").await;
    for damaged in ["no json", "{}", "[[]]", "[[\"what\",[]]]", "[[\"what\",{},1,1]]"] {
        database.execute(&format!("update events set more = '{damaged}'")).unwrap();
        assert!(store.find(&wallet.id).await.is_err(), "{damaged}");
    }
}

/// What the ledger gives back in one commit stands in the case's own row.
async fn a_reversal_that_the_ledger_books_has_no_row_of_its_own(database: &impl TestDatabase) {
    let (rows, returned) = (
        "select cast(count(*) as text) as value from reversals",
        "select cast(count(*) as text) as value from cases where returned_at is not null",
    );
    let store = database.open(ledger_policy());
    let wallet = paid(&store, "booked").await;
    decided(&store, vec![wallet.is_cancelled()]).await;
    assert_eq!((database.number(rows), database.number(returned)), (0, 1));
    let case = store.find(&wallet.id).await.unwrap().unwrap().case;
    let at = case.cancellation.as_ref().and_then(Cancellation::cancelled_at).unwrap();
    assert_eq!(case.reversal, Some(Reversal::booked(Taken::Debit, case.payment.as_ref().unwrap().amount, at)));
    // The version before wrote a row of the same facts, and what is written in a row is right.
    let booked = "insert into reversals
            (bucket, payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, done_at)
        select bucket, payment_request_id, 'refund', amount_value, amount_currency, returned_at, 1, 'done', returned_at from cases";
    database.execute(&format!("{booked}; update cases set returned_at = null")).unwrap();
    assert_eq!(store.find(&wallet.id).await.unwrap().unwrap().case, case);
    database.execute("update cases set returned_at = cancelled_at; update reversals set attempts = 7").unwrap();
    let in_a_row = store.find(&wallet.id).await.unwrap().unwrap().case;
    assert_eq!(in_a_row.reversal.as_ref().map(|reversal| reversal.attempts), Some(7));
    assert_eq!(decided(&store, vec![wallet.is_cancelled()]).await, [Reply::Cancel(CancelReply::Answered(Answer::Cancelled))]);
}

/// A wallet core may be done within the moment in which it was asked. Then its reversal is as the ledger's would be, but has its row.
async fn a_reversal_that_has_a_row_keeps_it(database: &impl TestDatabase) {
    let store = database.open(core_policy());
    let wallet = paid(&store, "core").await;
    decided(&store, vec![wallet.is_cancelled()]).await;
    database.execute("update reversals set opened_at = 0").unwrap();
    let end = AttemptEnd { attempt: 1, outcome: ReversalOutcome::Done, jitter: Jitter(0) };
    let at_once = Wallet { at: moment(-moment(0).timestamp()), ..Wallet::of("core") };
    decided(&store, vec![at_once.does(Action::CompleteAttempt(end))]).await;
    let done =
        "select cast(count(*) as text) as value from reversals where state = 'done' and opened_at = done_at and attempts = 1";
    assert_eq!(database.number(done), 1);
    assert_eq!(database.number("select cast(count(*) as text) as value from cases where returned_at is null"), 1);
    let case = store.find(&wallet.id).await.unwrap().unwrap().case;
    assert!(case.is_money_returned());
}

/// The payment has a fee, which its cancel waives.
async fn only_the_groups_of_columns_that_changed_are_written(database: &impl TestDatabase) {
    const GROUPS: [(&str, &str); 5] = [
        ("payment", "status, acquirer_id, account, amount_value, kind, initiated_at, payment_id, completed_at"),
        ("fee", "fee_value, fee_currency"),
        ("cancellation", "cancellation, cancel_acquirer_id, first_received_at, cancelled_at, result_code, returned_at"),
        ("doubt", "defer_reason, refusal"),
        ("settlement", "settled_at, settlement_day"),
    ];
    let store = database.open(ledger_policy());
    let wallet = paid(&store, "narrow").await;
    let note = database.in_its_sql(
        "create table written (name text);
         create function note() returns trigger language plpgsql as $$ begin
             insert into written values (tg_argv[0]); return new;
         end $$",
        "create table written (name text)",
    );
    database.execute(note).unwrap();
    for (name, columns) in GROUPS {
        let noted =
            database.in_its_sql("for each row execute function note('NAME')", "begin insert into written values ('NAME'); end");
        let trigger = format!("create trigger note_{name} before update of {columns} on cases {}", noted.replace("NAME", name));
        database.execute(&trigger).unwrap();
    }
    decided(&store, vec![wallet.is_cancelled()]).await;
    assert_eq!(database.texts("select name as value from written order by 1"), ["cancellation", "fee"]);
}

/// Earlier versions wrote the number that a rule had in the table of that time, and one line a row.
async fn a_rule_that_was_written_as_a_number_is_read_by_its_name(database: &impl TestDatabase) {
    let store = database.open(ledger_policy());
    let wallet = paid(&store, "numbered").await;
    assert_eq!(decided(&store, vec![wallet.is_cancelled()]).await, [Reply::Cancel(CancelReply::Answered(Answer::Cancelled))]);
    let rule = async || {
        let lines = timeline(&store, &wallet).await;
        let (_, _, details) = lines.into_iter().find(|(_, what, _)| what == "cancelled").unwrap();
        details.into_iter().find(|(name, _)| name == "rule").map(|(_, rule)| rule)
    };
    assert_eq!(rule().await.as_deref(), Some("money-taken"), "it is written by its name");
    let written = "select cast(count(*) as text) as value from events where more like '%\"rule\":\"money-taken\"%'";
    assert_eq!(database.number(written), 1);
    write_as_before(database, &timeline(&store, &wallet).await);
    let names = [
        "different-acquirer",
        "answer-recorded",
        "reversal-pending",
        "never-received",
        "period-over",
        "deferred",
        "nothing-taken",
        "fully-refunded",
        "partly-refunded",
        "money-taken",
    ];
    for (number, name) in (1..).zip(names) {
        database.execute(&format!("update events set details = '{{\"rule\":\"{number}\"}}' where what = 'cancelled'")).unwrap();
        assert_eq!(rule().await.as_deref(), Some(name), "{number}");
    }
    for foreign in ["0", "11", "-1", "1.0", "a later rule"] {
        database.execute(&format!("update events set details = '{{\"rule\":\"{foreign}\"}}' where what = 'cancelled'")).unwrap();
        assert_eq!(rule().await.as_deref(), Some(foreign), "what is not one of the ten numbers is left as it stands");
    }
}
