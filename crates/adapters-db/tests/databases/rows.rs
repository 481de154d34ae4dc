//! What stands in the tables.

use domain::{
    Action, Answer, AttemptEnd, CancelReply, CommandReply, Disposition, Inquiry, Jitter, RefusalCode, Reply, ReportedResult,
    ReversalOutcome, ReversalState,
};
use ports::testing::{Damage, Wallet, core_policy, ledger_policy, moment};
use ports::{Page, ReversalFilter};

use crate::fixtures::{TestDatabase, decided, for_each_engine, paid};

for_each_engine!(
    a_report_on_an_unknown_case_leaves_no_row,
    every_text_of_a_core_or_an_operator_reads_back,
    f34_an_unreadable_case_does_not_hide_the_others_of_a_list,
    f34_a_reversal_that_cannot_be_leased_holds_up_no_other,
    f43_a_repeat_is_answered_from_the_tables,
    a_process_works_with_the_next_versions_schema,
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
        wallet.does(Action::Retry),
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

/// Earlier versions wrote the number that a rule had in the table of that time.
async fn a_rule_that_was_written_as_a_number_is_read_by_its_name(database: &impl TestDatabase) {
    let store = database.open(ledger_policy());
    let wallet = paid(&store, "numbered").await;
    assert_eq!(decided(&store, vec![wallet.is_cancelled()]).await, [Reply::Cancel(CancelReply::Answered(Answer::Cancelled))]);
    let rule = async || {
        let file = store.find(&wallet.id).await.unwrap().unwrap();
        let cancelled = file.timeline.into_iter().find(|entry| entry.what == "cancelled").unwrap();
        cancelled.details.get("rule").cloned()
    };
    assert_eq!(rule().await.as_deref(), Some("money-taken"), "it is written by its name");
    let written = "select cast(count(*) as text) as value from events where details like '%\"rule\":\"money-taken\"%'";
    assert_eq!(database.number(written), 1);
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
