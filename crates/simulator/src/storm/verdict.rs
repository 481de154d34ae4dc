//! What became of one payment: the record of its callers, the wallet's database and the core's journal have to agree.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::story::{Shape, Story};

/// Where a payment's money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Money {
    /// It went back once, and the wallet knows.
    Back,
    /// It is owed for so long, and the wallet goes on trying.
    Open(TimeDelta),
    /// Anything else. What it is stands in the sentences.
    Wrong,
}

/// Compares one payment's three witnesses; returns where its money is, and what is wrong, one sentence each.
///
/// `case` is what the wallet API says of it now, null where it knows nothing; `given_back` is how often the core's journal gives
/// all of it back, nothing where the core never took it.
pub(crate) fn judge(story: &Story, case: &Value, given_back: Option<usize>, now: DateTime<Utc>) -> (Money, Vec<String>) {
    let id = &story.payment_request_id;
    let mut wrong = vec![];
    let mut check = |holds: bool, what: &str| {
        if !holds {
            wrong.push(format!("{id} ({:?}): {what}", story.shape));
        }
    };
    let (said_s, said_f) = (story.answered(Some("S")) > 0, story.answered(Some("F")) > 0);
    check(story.trouble.is_none(), story.trouble.as_deref().unwrap_or_default());
    // A proxy's 502 is silence to Alipay+; a 200 is the wallet's word, and has to be signed.
    for call in story.cancels.iter().filter(|call| call.http == Some(200) && call.answer.is_none()) {
        check(false, &format!("Alipay+ cannot use its answer: {}", call.why.as_deref().unwrap_or_default()));
    }
    check(!said_f, "was answered F, although it may be cancelled");
    check(case["cancellation"]["resultStatus"] != "F", "is recorded as F, although it may be cancelled");
    if said_s {
        check(given_back == Some(1), &format!("was answered S, and the core gave it back {given_back:?} times"));
        check(case["cancellation"]["resultStatus"] == "S", &format!("was answered S, and recorded is {}", case["cancellation"]));
        let stays_done = case["reversal"]["state"] == "done" || opened_again(case);
        check(stays_done, &format!("was answered S, and its reversal is {}", case["reversal"]));
        check(
            case["inquiry"]["resultCode"] == "ORDER_IS_CLOSED",
            &format!("was answered S, and an inquiry says {}", case["inquiry"]),
        );
        let told = (story.announced.as_deref(), story.reported.as_deref());
        check(fits(story.shape, told), &format!("was answered S, and the wallet was told {told:?}"));
    }
    for sentence in judge_inquiries(story, case) {
        check(false, &sentence);
    }
    check(given_back.is_none_or(|times| times <= 1), &format!("went back {given_back:?} times"));
    let money = match (given_back, opened_at(case)) {
        (Some(1), _) => Money::Back,
        (Some(0), Some(at)) => Money::Open(now - at),
        _ if story.cancels.is_empty() => Money::Wrong,
        _ => {
            check(said_s, "was cancelled, its money is not back, and nobody is trying");
            Money::Wrong
        }
    };
    (money, wrong)
}

/// Compares what inquiries were answered with what cancels were, one sentence for each that is wrong.
fn judge_inquiries(story: &Story, case: &Value) -> Vec<String> {
    const CLOSED: &str = "F ORDER_IS_CLOSED";
    let mut wrong = vec![];
    let mut was_closed = false;
    for asked in &story.inquiries {
        let Some(answer) = asked.answer.as_deref() else {
            if asked.http == Some(200) {
                wrong.push(format!("Alipay+ cannot use an inquiry's answer: {}", asked.why.as_deref().unwrap_or_default()));
            }
            continue;
        };
        let is_doubt = answer.starts_with("no payment: U ");
        let after_s =
            story.cancels.iter().take(asked.after).any(|call| call.answer.as_deref().is_some_and(|it| it.starts_with('S')));
        // The wallet announces such a payment after its cancel.
        let may_be_unknown = story.shape == Shape::Unseen && answer == "no payment: F ORDER_NOT_EXIST";
        let is_of_payment = ["S SUCCESS", "U PAYMENT_IN_PROCESS", CLOSED].contains(&answer);
        if (after_s || was_closed) && answer != CLOSED && !is_doubt {
            wrong.push(format!("an inquiry says {answer} after {}", if after_s { "an S" } else { "one said closed" }));
        } else if !is_doubt && !is_of_payment && !may_be_unknown {
            wrong.push(format!("an inquiry says {answer}"));
        }
        was_closed |= answer == CLOSED;
    }
    if was_closed && case["cancellation"]["resultStatus"] != "S" {
        wrong.push(format!("an inquiry said closed, and recorded is {}", case["cancellation"]));
    }
    wrong
}

/// Whether the wallet was told what this shape's payment has to be told around an S.
fn fits(shape: Shape, told: (Option<&str>, Option<&str>)) -> bool {
    match shape {
        Shape::Paid | Shape::Authorized | Shape::Repeated => told == (Some("proceed"), Some("stands")),
        Shape::LateSuccess => told == (Some("proceed"), Some("reversed")),
        Shape::Raced => told == (Some("proceed"), Some("stands")) || told == (Some("proceed"), Some("reversed")),
        Shape::Unseen => told == (Some("closed"), None),
    }
}

/// Since when the case's reversal is open, where it is.
fn opened_at(case: &Value) -> Option<DateTime<Utc>> {
    let opened = case["events"].as_array()?.iter().rev().find(|event| event["what"] == "reversal-opened");
    let opened = opened.filter(|_| case["reversal"]["state"] == "open");
    opened?["at"].as_str()?.parse().ok()
}

/// Whether the case's reversal was done, and a success that was recorded later has the core asked once more. The S stays true: the
/// journal tells whether the money is back.
fn opened_again(case: &Value) -> bool {
    let events = case["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    let later = events.iter().map(|event| &event["what"]).skip_while(|what| *what != "reversal-done");
    let later: Vec<_> = later.filter(|what| *what == "succeeded" || *what == "reversal-opened").collect();
    case["reversal"]["state"] == "open" && later == ["succeeded", "reversal-opened"]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::story::{Asked, Call};
    use super::*;

    fn story(answers: &[&str]) -> Story {
        let call = |answer: &&str| Call {
            at: String::new(),
            milliseconds: 1,
            http: Some(200),
            answer: Some((*answer).to_owned()),
            why: None,
        };
        Story {
            payment_request_id: "a".to_owned(),
            shape: Shape::Paid,
            account: "alice".to_owned(),
            amount: 1000,
            announced: Some("proceed".to_owned()),
            reported: Some("stands".to_owned()),
            cancels: answers.iter().map(call).collect(),
            inquiries: vec![],
            trouble: None,
        }
    }

    fn case(status: &str, state: &str) -> Value {
        json!({
            "cancellation": { "resultStatus": status },
            "reversal": { "state": state },
            "inquiry": { "resultCode": "ORDER_IS_CLOSED" },
            "events": [{ "at": "2026-03-01T00:00:00Z", "what": "reversal-opened" }],
        })
    }

    fn judged(story: &Story, case: &Value, given_back: Option<usize>) -> (Money, Vec<String>) {
        judge(story, case, given_back, "2026-03-01T00:01:00Z".parse().unwrap())
    }

    #[test]
    fn what_is_true_everywhere_is_right() {
        let (money, wrong) = judged(&story(&["U UNKNOWN_EXCEPTION", "S SUCCESS"]), &case("S", "done"), Some(1));
        assert_eq!((money, wrong), (Money::Back, vec![]));
        let (money, wrong) = judged(&story(&["U UNKNOWN_EXCEPTION"]), &case("U", "open"), Some(0));
        assert_eq!((money, wrong), (Money::Open(TimeDelta::minutes(1)), vec![]));
        let mut again = case("S", "open");
        again["events"] = ["reversal-opened", "reversal-done", "succeeded", "reversal-opened"]
            .map(|what| json!({ "at": "2026-03-01T00:00:00Z", "what": what }))
            .into();
        let (money, wrong) = judged(&story(&["S SUCCESS"]), &again, Some(1));
        assert_eq!((money, wrong), (Money::Back, vec![]), "a late success has the core asked again");
        let (money, wrong) = judged(&story(&["U UNKNOWN_EXCEPTION"]), &case("U", "open"), Some(1));
        assert_eq!((money, wrong), (Money::Back, vec![]), "the core did it, and its answer was lost");
    }

    fn asked(after: usize, answer: &str) -> Asked {
        Asked { at: String::new(), after, http: Some(200), answer: Some(answer.to_owned()), why: None }
    }

    #[test]
    fn inquiries_agree_with_what_cancels_were_answered() {
        let (paid, closed, running) = ("S SUCCESS", "F ORDER_IS_CLOSED", "U PAYMENT_IN_PROCESS");
        let doubt = "no payment: U UNKNOWN_EXCEPTION";
        let told = |inquiries: Vec<Asked>| Story { inquiries, ..story(&["U UNKNOWN_EXCEPTION", "S SUCCESS"]) };
        let right = vec![asked(0, paid), asked(1, running), asked(1, closed), asked(2, doubt), asked(2, closed)];
        assert_eq!(judge_inquiries(&told(right), &case("S", "done")), Vec::<String>::new());
        for (inquiries, recorded, why) in [
            (vec![asked(2, paid)], "S", "an inquiry says S SUCCESS after an S"),
            (vec![asked(2, running)], "S", "an inquiry says U PAYMENT_IN_PROCESS after an S"),
            (vec![asked(1, closed), asked(1, paid)], "S", "an inquiry says S SUCCESS after one said closed"),
            (vec![asked(0, "F PROCESS_FAIL")], "S", "an inquiry says F PROCESS_FAIL"),
            (vec![asked(0, "no payment: F ORDER_NOT_EXIST")], "S", "an inquiry says no payment: F ORDER_NOT_EXIST"),
            (vec![asked(1, closed)], "U", r#"an inquiry said closed, and recorded is {"resultStatus":"U"}"#),
        ] {
            assert_eq!(judge_inquiries(&told(inquiries), &case(recorded, "open")), [why]);
        }
        let unsigned = Asked { answer: None, why: Some("unsigned".to_owned()), ..asked(0, "") };
        assert_eq!(judge_inquiries(&told(vec![unsigned]), &Value::Null), ["Alipay+ cannot use an inquiry's answer: unsigned"]);
        let unseen = Story { shape: Shape::Unseen, ..told(vec![asked(0, "no payment: F ORDER_NOT_EXIST")]) };
        assert_eq!(judge_inquiries(&unseen, &case("S", "done")), Vec::<String>::new());
    }

    #[test]
    fn every_lie_is_found() {
        let success = story(&["S SUCCESS"]);
        let mut unsigned = success.clone();
        unsigned.cancels.push(Call { answer: None, why: Some("unsigned".to_owned()), ..success.cancels[0].clone() });
        let late = Story { shape: Shape::LateSuccess, ..success.clone() };
        let lost = Story { trouble: Some("HTTP 404".to_owned()), ..success.clone() };
        for (story, case, given_back, why) in [
            (&success, case("S", "done"), Some(2), "a (Paid): was answered S, and the core gave it back Some(2) times"),
            (&success, case("S", "done"), Some(0), "a (Paid): was answered S, and the core gave it back Some(0) times"),
            (&success, case("U", "open"), Some(1), r#"a (Paid): was answered S, and recorded is {"resultStatus":"U"}"#),
            (&success, case("S", "open"), Some(1), r#"a (Paid): was answered S, and its reversal is {"state":"open"}"#),
            (&success, Value::Null, Some(1), "a (Paid): was answered S, and recorded is null"),
            (&story(&["F PROCESS_FAIL"]), case("S", "done"), Some(1), "a (Paid): was answered F, although it may be cancelled"),
            (&story(&[]), case("F", "done"), Some(1), "a (Paid): is recorded as F, although it may be cancelled"),
            (
                &story(&["U X"]),
                case("U", "done"),
                Some(0),
                "a (Paid): was cancelled, its money is not back, and nobody is trying",
            ),
            (&story(&["U X"]), Value::Null, Some(2), "a (Paid): went back Some(2) times"),
            (
                &late,
                case("S", "done"),
                Some(1),
                r#"a (LateSuccess): was answered S, and the wallet was told (Some("proceed"), Some("stands"))"#,
            ),
            (&lost, case("S", "done"), Some(1), "a (Paid): HTTP 404"),
            (&unsigned, case("S", "done"), Some(1), "a (Paid): Alipay+ cannot use its answer: unsigned"),
        ] {
            let (_, wrong) = judged(story, &case, given_back);
            assert_eq!(wrong.first().map(String::as_str), Some(why));
        }
    }
}
