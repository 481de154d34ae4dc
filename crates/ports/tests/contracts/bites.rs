//! Every promise of the suites without a reference adapter finds an adapter that breaks it.

/// Makes one test for each promise: it fails the promise with a subject that breaks it. All promises of the suite have to be named.
macro_rules! bites {
    ($suite:path; $($promise:ident: $subject:expr;)+) => {
        $(
            #[test]
            #[should_panic]
            fn $promise() {
                use $suite as suite;
                ports::testing::contracts::run(async { suite::$promise(&$subject).await });
            }
        )+

        #[test]
        fn every_promise_of_the_suite_is_broken_once() {
            use $suite as suite;
            assert_eq!([$(stringify!($promise)),+].len(), suite::SIZE);
        }
    };
}

mod feed {
    use crate::feed::{Feed, Lie};

    bites! { ports::testing::contracts::feed;
        a_cancel_is_told_in_the_order_of_its_timeline: Feed::that(Lie::TellsBackwards);
        what_a_commit_tells_depends_on_the_commits_before_it: Feed::that(Lie::ForgetsWhatCameBefore);
        f22_the_same_events_come_in_pages_of_any_size: Feed::that(Lie::SkipsBetweenPages);
        the_cursor_of_any_event_leads_to_the_next_one: Feed::that(Lie::GivesEachEventTheCursorOfThePage);
        who_is_at_the_end_reads_what_comes_next: Feed::that(Lie::TellsTheLastOneAgain);
        a_batch_of_many_cases_is_told_whole: Feed::that(Lie::LosesTheEndOfABatch);
        f86_a_cursor_of_before_a_restore_is_refused: Feed::that(Lie::IgnoresGenerations);
    }
}

mod funds {
    use crate::core::{Core, Lie};

    bites! { ports::testing::contracts::wallet_core::funds;
        f08_many_calls_do_no_more_than_one: Core::that(Lie::GivesBackAgain);
        done_leaves_nothing_debited_or_held: Core::that(Lie::LeavesHolds);
        f01_a_debit_that_comes_later_is_undone: Core::that(Lie::ForgetsReversals);
        f33_each_end_of_the_core_is_told_apart: Core::that(Lie::CallsEveryEndDone);
        f41_silence_is_unknown_in_time: Core::that(Lie::TakesSilenceForDone);
        f30_a_closed_connection_is_unknown: Core::that(Lie::TakesTroubleForDone);
        f30_half_an_answer_is_unknown: Core::that(Lie::TakesTroubleForDone);
        f33_an_answer_outside_of_the_contract_is_unknown: Core::that(Lie::TakesTroubleForDone);
        a_core_that_has_not_finished_is_unknown: Core::that(Lie::TakesTroubleForDone);
        an_unknown_outcome_tells_no_secret: Core::that(Lie::QuotesBodies);
        calls_at_once_are_not_mixed_up: Core::that(Lie::MixesUpPayments);
    }
}

mod payments {
    use crate::core::{Core, Lie};

    bites! { ports::testing::contracts::wallet_core::payments;
        a_payment_is_found_as_the_core_has_it: Core::that(Lie::CallsEveryPaymentPaid);
        a_payment_comes_with_its_id_and_its_refunds: Core::that(Lie::LeavesOutRefunds);
        f33_a_payment_is_absent_only_where_the_core_says_so: Core::that(Lie::TakesTroubleForDone);
        a_lookup_changes_nothing: Core::that(Lie::ClosesWhatIsLookedUp);
        f41_silence_is_unavailable_in_time: Core::that(Lie::TakesSilenceForDone);
        f30_a_closed_connection_is_unavailable: Core::that(Lie::TakesTroubleForDone);
        f33_an_answer_outside_of_the_contract_is_unavailable: Core::that(Lie::TakesTroubleForDone);
        an_error_tells_no_secret: Core::that(Lie::QuotesBodies);
        lookups_at_once_are_not_mixed_up: Core::that(Lie::MixesUpPayments);
    }
}

mod signer {
    use crate::signer::{Lie, Signer};

    bites! { ports::testing::contracts::signer;
        a_signature_verifies_for_its_text: Signer::that(Lie::SignsHalf);
        the_same_text_has_the_same_signature: Signer::that(Lie::AddsANumber);
        f26_a_text_signed_before_is_signed_by_the_new_key: Signer::that(Lie::KeepsTheFirstKey);
        f26_a_signature_names_the_key_that_made_it_during_an_exchange: Signer::that(Lie::NamesTheNextVersion);
        f26_each_key_has_a_generation_of_its_own: Signer::that(Lie::HasOneGeneration);
        an_error_tells_nothing_of_the_key: Signer::that(Lie::TellsItsKey);
    }
}

mod verifier {
    use crate::verifier::{Lie, Verifiers};

    bites! { ports::testing::contracts::verifier;
        a_signature_counts_for_its_text_only: Verifiers::that(Lie::LooksAtTheBeginning);
        a_changed_signature_is_refused: Verifiers::that(Lie::PassesLongSignatures);
        a_key_counts_for_its_client_only: Verifiers::that(Lie::IgnoresCase);
        f26_only_the_named_version_counts: Verifiers::that(Lie::TriesEveryVersion);
        f26_a_key_counts_while_it_is_in_force: Verifiers::that(Lie::IncludesTheEnd);
        f26_two_versions_overlap_while_keys_are_exchanged: Verifiers::that(Lie::IncludesTheEnd);
        nobody_is_known_without_a_key: Verifiers::that(Lie::TrustsStrangers);
    }
}

mod clock {
    use crate::clock::GoesBack;

    bites! { ports::testing::contracts::clock;
        it_does_not_go_back: GoesBack::default();
        its_instants_go_on_with_the_timers: GoesBack::default();
        it_is_one_clock_on_all_threads: GoesBack::default();
    }
}
