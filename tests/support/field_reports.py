"""Table of field reports: the number of each report, and the test that covers it.

A field report is a public report by a user of the Client Portal API (CPAPI). The tests are named
after the behaviour that they show. Numbers with ``r`` and ``s`` are reports about the client, and
numbers with ``p`` are reports about the simulated gateway.
"""

from __future__ import annotations

from typing import Final

# Key: the number of a report. Value: the module in `tests/_async` and `tests/_sync`, and the name
# of a test.
CLIENT: Final[dict[str, tuple[str, str]]] = {
    "r01": (
        "test_account_lists",
        "test_an_empty_list_is_believed_only_after_a_request_per_account",
    ),
    "r02": ("test_field_reports", "test_the_days_of_executions_are_always_sent"),
    "r03": ("test_two_sessions", "test_a_closed_brokerage_session_needs_no_browser"),
    "r04": ("test_two_sessions", "test_a_session_that_is_never_established_is_opened_again"),
    "r05": ("test_reported_responses", "test_the_logins_token_renews_itself_and_may_be_gone"),
    "r08": (
        "test_reported_responses",
        "test_an_advisors_preview_has_the_split_over_the_accounts",
    ),
    "r10": ("test_account_lists", "test_no_accounts_are_no_empty_portfolio"),
    "r11": ("test_reported_responses", "test_an_empty_body_is_no_empty_portfolio"),
    "r12": (
        "test_field_reports",
        "test_a_new_order_is_inactive_for_a_moment_and_is_working",
    ),
    "r13": ("test_order_calls", "test_a_failed_reply_is_an_unknown_outcome"),
    "r14": ("test_order_calls", "test_such_a_response_resets_the_prerequisites_on_any_call"),
    "r15": (
        "test_reported_responses",
        "test_an_order_for_an_account_that_is_not_valid_is_sent_once",
    ),
    "r16": ("test_field_reports", "test_the_allocation_report_is_a_read"),
    "s01": ("test_reported_responses", "test_a_contract_may_come_alone_and_has_no_placeholders"),
    "s02": (
        "test_stream_session",
        "test_responses_to_tic_keep_a_stream_alive_and_are_not_delivered",
    ),
    "s03": ("test_order_calls", "test_an_order_that_was_not_looked_at_is_sent_once_more"),
    "s03b": ("test_order_calls", "test_a_cancel_that_was_not_looked_at_is_sent_once_more"),
    "s04": ("test_two_sessions", "test_brokerage_calls_report_the_closed_brokerage_session"),
    "s06": ("test_field_reports", "test_definite_refusals_with_status_500_and_503"),
    "s07": ("test_reported_responses", "test_both_spellings_of_a_trading_date"),
    "s08": ("test_field_reports", "test_empty_strikes_are_checked_with_a_search"),
    "s10": ("test_field_reports", "test_a_quote_without_an_agreement_is_not_waited_for"),
    "s12": ("test_field_reports", "test_executions_are_delivered_again_only_with_news"),
    "s13": ("test_field_reports", "test_the_life_of_an_order_from_inactive_to_cancelled"),
    "s14": ("test_reported_responses", "test_responses_to_unsubscribing"),
    "s15": ("test_symbols", "test_share_classes_are_spelled_as_ibkr_does"),
    "s18": ("test_reported_responses", "test_a_stream_sends_the_cookies_of_calls"),
    "s19": ("test_field_reports", "test_another_program_on_the_port_is_named"),
    "s20": ("test_reported_responses", "test_executions_of_fractions_and_of_currencies"),
    "s21": ("test_reported_responses", "test_quotes_of_older_gateways"),
    "s23": ("test_reported_responses", "test_names_are_not_escaped"),
    "s24": ("test_field_reports", "test_the_replies_to_a_bracket_say_which_is_which"),
    "s25": ("test_reported_responses", "test_a_window_without_trades_has_no_bars"),
    "s26": ("test_reported_responses", "test_the_status_of_the_parts_of_a_bracket"),
}

# Key: the number of a report. Value: the module in `tests/sim`, and the name of a test.
SIMULATION: Final[dict[str, tuple[str, str]]] = {
    "p01": ("test_field_reports", "test_a_client_with_an_ordinary_cookie_jar_stays_logged_in"),
    "p02": ("test_field_reports", "test_lookups_are_responded_to_as_recorded"),
    "p02b": ("test_field_reports", "test_orders_and_logins_are_responded_to_as_recorded"),
    "p03": ("test_field_reports", "test_a_stream_begins_as_recorded"),
}
