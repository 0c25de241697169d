//! Personal data: what is one, and what only looks like it.

use regatta_redact::personal::remove;

#[test]
fn mail_phone_card_and_account_are_removed() {
    let cases = [
        ("to jo.doe+x@mail.example.org.", "to [REDACTED:mail]."),
        ("call +49 30 901820 now", "call [REDACTED:phone] now"),
        ("call +1 (555) 123-4567 or 555-123-4567", "call [REDACTED:phone] or [REDACTED:phone]"),
        ("card 4111 1111 1111 1111, 5500-0000-0000-0004", "card [REDACTED:card], [REDACTED:card]"),
        ("DE89 3704 0044 0532 0130 00 and GB82WEST12345698765432", "[REDACTED:iban] and [REDACTED:iban]"),
    ];
    for (text, expect) in cases {
        assert_eq!(remove(text.to_owned()), expect);
    }
}

#[test]
fn numbers_and_names_that_are_none_stay() {
    for text in [
        "git@example.org:a/b.git",
        "icon@2x.png",
        "4111 1111 1111 1112",
        "1700000000000 2026-11-20T10:00:00",
        "0000000000000000",
        "sha 3f786850e387550fdab836ed7e6dc881de23001b",
        "10.0.0.1:8080, v1.2.3",
    ] {
        assert_eq!(remove(text.to_owned()), text);
    }
}
