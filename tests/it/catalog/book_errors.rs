//! Goal: a wrong book is refused whole, every error at its place with a hint. Method: a table
//! of books with the exact text of what is said about them.

use billow::catalog::book::parse;

/// What is said about a book.
fn said(text: &str) -> Vec<String> {
    match parse(text, "book.toml") {
        Ok(_) => Vec::new(),
        Err(errors) => errors.to_string().lines().map(str::to_owned).collect(),
    }
}

/// A book of one price, whose lines begin in line 5.
fn with_price(lines: &str) -> String {
    format!("[book]\ncode = \"b\"\ncurrency = \"EUR\"\n[[price]]\n{lines}\n")
}

/// `(lines of the price, what is said)`.
const PRICES: &[(&str, &[&str])] = &[
    ("code = \"a\"\nmeter = \"vm_running\"\nunit = \"hour\"\namount = \"0.045\"", &[]),
    (
        "code = \"a\"\nmeter = \"vm_runing\"\nunit = \"hour\"\namount = \"1\"",
        &["book.toml:6:9: unknown meter \"vm_runing\"; did you mean \"vm_running\"? (name \
           imported meters in imported_meters of [book])"],
    ),
    (
        "code = \"a\"\nmeter = \"vm_allocated\"\nunit = \"hour\"\namount = \"1\"",
        &["book.toml:6:9: meter \"vm_allocated\" is never billed by itself; price \
           \"vm_running\" and \"vm_stopped\""],
    ),
    (
        "code = \"a\"\nmeter = \"volume\"\nunit = \"gib_moth\"\namount = \"1\"",
        &["book.toml:7:8: unknown unit \"gib_moth\"; did you mean \"gib_month\"?"],
    ),
    (
        "code = \"a\"\nmeter = \"network_sent\"\nunit = \"hour\"\namount = \"1\"",
        &["book.toml:7:8: unit \"hour\" does not fit the meter \"network_sent\"; it takes gib, \
           gb"],
    ),
    (
        "code = \"a\"\nmeter = \"ip_address\"\nunit = \"gib_month\"\namount = \"1\"",
        &["book.toml:7:8: unit \"gib_month\" does not fit the meter \"ip_address\"; it takes \
           hour, month"],
    ),
    (
        "code = \"a\"\nmeter = \"vm_running\"\nunit = \"hour\"\namount = 0.045",
        &["book.toml:8:10: amount is a floating-point number, which is not exact; write it as \
           text: amount = \"0.045\""],
    ),
    (
        "code = \"a\"\nmeter = \"vm_running\"\nunit = \"hour\"\namount = 1",
        &["book.toml:8:10: amount is a bare number; write it as text: amount = \"1\""],
    ),
    (
        "code = \"a\"\nmeter = \"vm_running\"\nunit = \"hour\"\namount = \"1,5\"",
        &["book.toml:8:10: amount \"1,5\" is not a plain decimal number such as 12.5 (no \
           exponent, at most 64 digits); write it as text: amount = \"0.045\""],
    ),
    (
        "code = \"a\"\nmeter = \"vm_running\"\nunit = \"hour\"\namount = \"-1\"",
        &["book.toml:8:10: amount \"-1\" is below zero; prices and quantities begin at zero; a \
           discount is not a price"],
    ),
    (
        "code = \"a\"\nmeter = \"vm_running\"\nunit = \"hour\"",
        &["book.toml:4:1: the price has no amount; write amount = \"0.045\"; what is free has \
           amount = \"0\""],
    ),
    (
        "meter = \"vm_running\"\nunit = \"hour\"\namount = \"1\"",
        &["book.toml:4:1: the price has no code; give it one that stays through all versions: \
           code = \"vm-medium\""],
    ),
    (
        "code = \"a b\"\nmeter = \"vm_running\"\nunit = \"hour\"\namount = \"1\"",
        &["book.toml:5:8: code \"a b\" is not a code; use 1 to 64 letters, digits, dots, dashes \
           and underscores, such as vm-medium"],
    ),
    (
        "code = \"a\"\nmeter = \"vm_running\"\nunit = \"hour\"\namout = \"1\"\namount = \"1\"",
        &["book.toml:8:1: unknown key \"amout\" in [[price]]; did you mean \"amount\"?"],
    ),
    (
        "code = \"a\"\nmeter = \"vm_running\"\nunit = \"hour\"\namount = \"1\"\n\
         when = { ofering = \"M\" }",
        &["book.toml:9:10: unknown key \"ofering\" in when; did you mean \"offering\"?"],
    ),
    (
        "code = \"a\"\nmeter = \"vm_running\"\nunit = \"hour\"\namount = \"1\"\n\
         month = \"730\"",
        &["book.toml:9:1: month has no meaning for the unit \"hour\"; leave month out, or price \
           by the month"],
    ),
    (
        "code = \"a\"\nmeter = \"vm_running\"\nunit = \"month\"\namount = \"1\"\n\
         month = \"31\"",
        &["book.toml:9:9: unknown month \"31\"; write \"calendar\", \"730\" or \"720\""],
    ),
    (
        "code = \"a\"\nmeter = \"network_sent\"\nunit = \"gb\"\nmodel = \"tiered\"",
        &["book.toml:8:9: unknown model \"tiered\"; known are per_unit, graduated, volume, \
           package, flat, one_off"],
    ),
    (
        "code = \"a\"\nmeter = \"network_sent\"\nunit = \"gb\"\nmodel = \"graduated\"",
        &["book.toml:4:1: model \"graduated\" has no tiers; write tiers = [{ up_to = \"100\", \
           amount = \"0.10\" }, { amount = \"0.08\" }]"],
    ),
    (
        "code = \"a\"\nmeter = \"network_sent\"\nunit = \"gb\"\nmodel = \"graduated\"\n\
         tiers = [{ up_to = \"100\", amount = \"1\" }, { up_to = \"100\", amount = \"2\" }, \
         { amount = \"3\" }]",
        &["book.toml:9:53: tier up to 100 does not lie above the one up to 100; order the tiers \
           from small to large"],
    ),
    (
        "code = \"a\"\nmeter = \"network_sent\"\nunit = \"gb\"\nmodel = \"volume\"\n\
         tiers = [{ up_to = \"100\", amount = \"1\" }, { up_to = \"200\", amount = \"2\" }]",
        &["book.toml:9:53: the last tier ends at 200: units above it have no price; leave up_to \
           out of the last tier"],
    ),
    (
        "code = \"a\"\nmeter = \"network_sent\"\nunit = \"gb\"\nmodel = \"volume\"\n\
         tiers = [{ amount = \"1\" }, { amount = \"2\" }]",
        &["book.toml:9:10: a tier before the last has no up_to; only the last tier is without \
           up_to"],
    ),
    (
        "code = \"a\"\nmeter = \"network_sent\"\nunit = \"gb\"\namount = \"1\"\n\
         tiers = [{ amount = \"1\" }]",
        &["book.toml:9:1: tiers has no meaning for the model \"per_unit\"; leave tiers out, or \
           use model graduated, volume"],
    ),
    (
        "code = \"a\"\nmeter = \"network_sent\"\nunit = \"gb\"\nmodel = \"package\"\n\
         amount = \"9\"",
        &["book.toml:4:1: model \"package\" has no size; say how many units a package holds: \
           size = \"100\""],
    ),
    (
        "code = \"a\"\nmeter = \"network_sent\"\nunit = \"gb\"\nmodel = \"package\"\n\
         amount = \"9\"\nsize = \"0\"",
        &["book.toml:10:8: size is zero; write size as a number above zero"],
    ),
    (
        "code = \"a\"\nmeter = \"network_sent\"\nunit = \"gb\"\namount = \"9\"\n\
         minimum = \"5\"\ncap = \"4.99\"",
        &["book.toml:10:7: cap 4.99 is below minimum 5; raise the cap or lower the minimum"],
    ),
    (
        "code = \"a\"\nmeter = \"network_sent\"\nunit = \"gb\"\namount = \"9\"\n\
         scope = \"seller\"",
        &["book.toml:9:9: unknown scope \"seller\"; known are resource, project, account, \
           customer, seller_pool"],
    ),
    (
        "code = \"a\"\nmeter = \"network_sent\"\nunit = \"gb\"\namount = \"9\"\n\
         tier_restart = \"yes\"",
        &["book.toml:9:16: tier_restart is neither true nor false; write tier_restart = true, \
           without quotes"],
    ),
    (
        "code = \"a\"\nmeter = \"vm_running\"\nunit = \"hour\"\nmodel = \"one_off\"\n\
         amount = \"9\"",
        &["book.toml:8:1: model \"one_off\" needs the unit \"piece\" or \"request\"; price \
           pieces of an imported meter, or use model = \"flat\""],
    ),
    (
        "code = \"a\"\nmeter = \"vm_running\"\nunit = \"hour\"\namount = \"1\"\n\
         when = { os = \"Windows\" }",
        &["book.toml:4:1: a price by os or template must say its component; write component = \
           \"licence\" to add it to the machine's price, or component = \"compute\" to replace \
           that price"],
    ),
    (
        "code = \"a\"\nmeter = \"volume\"\nunit = \"gib_month\"\namount = \"1\"\n\
         when = { gpu_model = \"A100\" }",
        &["book.toml:9:10: gpu_model can never hold for the meter volume; only machines have \
           it: leave it out"],
    ),
    (
        "code = \"a\"\nmeter = \"volume\"\nunit = \"gib_month\"\namount = \"1\"\n\
         when = { zone = [], attribute = \"hypervisor\" }",
        &[
            "book.toml:9:17: zone is an empty list; leave zone out",
            "book.toml:9:33: attribute \"hypervisor\" has no value; write attribute = \
             [\"key=value\"]",
        ],
    ),
    (
        "code = \"a\"\nmeter = \"volume\"\nunit = \"gib_month\"\namount = \"1\"\n\
         component = \"Block Storage\"",
        &["book.toml:9:13: component \"Block Storage\" is not a component; use small letters, \
           digits and underscores, such as \"licence\""],
    ),
];

#[test]
fn every_wrong_price_is_told_at_its_place() {
    for (lines, wanted) in PRICES {
        assert_eq!(said(&with_price(lines)), *wanted, "of the price\n{lines}");
    }
}

/// `(whole book, what is said)`.
const BOOKS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "book.toml:1:1: table [book] is missing; begin the file with [book], code = \
             \"standard\", currency = \"EUR\"",
            "book.toml:1:1: the book has no [[price]]; add at least one [[price]]; billow prices \
             generate writes a whole book",
        ],
    ),
    (
        "[book]\ncode = \"b\"\ncurrency = \"EURO\"\n[[price]]\ncode = \"a\"\n\
         meter = \"vpc\"\nunit = \"hour\"\namount = \"0\"",
        &["book.toml:3:12: \"EURO\" is not a currency code of ISO 4217; write three capital \
           letters such as EUR; write the ISO 4217 code of the prices, such as currency = \
           \"EUR\""],
    ),
    (
        "[book]\ncode = \"b\"\ncurrency = \"EUR\"\nmonth = \"28\"\n[[price]]\ncode = \"a\"\n\
         meter = \"vpc\"\nunit = \"hour\"\namount = \"0\"",
        &["book.toml:4:9: unknown month \"28\"; write \"calendar\", \"730\" or \"720\""],
    ),
    (
        "[book]\ncode = \"b\"\ncurrency = \"EUR\"\nimported_meters = [\"volume\"]\n\
         [[price]]\ncode = \"a\"\nmeter = \"vpc\"\nunit = \"hour\"\namount = \"0\"",
        &["book.toml:4:20: meter \"volume\" is built in; leave it out of imported_meters"],
    ),
    (
        "[book]\ncode = \"b\"\ncurrency = \"EUR\"\n[[price]\ncode = \"a\"",
        &["book.toml:4:9: not TOML: unclosed array table, expected `]`; mend the syntax first"],
    ),
    (
        "[book]\ncode = \"b\"\ncurrency = \"EUR\"\n\
         [[price]]\ncode = \"a\"\nmeter = \"vpc\"\nunit = \"hour\"\namount = \"0\"\n\
         [[price]]\ncode = \"a\"\nmeter = \"network\"\nunit = \"hour\"\namount = \"0\"",
        &["book.toml:10:8: code \"a\" is used twice, first in line 5; give every price a code \
           of its own"],
    ),
    (
        "[book]\ncode = \"b\"\ncurrency = \"EUR\"\n\
         [[price]]\ncode = \"a\"\nmeter = \"vpc\"\nunit = \"hour\"\namount = \"0\"\n\
         when = { zone = [\"z2\", \"z1\"] }\n\
         [[price]]\ncode = \"b\"\nmeter = \"vpc\"\nunit = \"month\"\namount = \"5\"\n\
         when = { zone = [\"z1\", \"z2\", \"z1\"] }",
        &["book.toml:11:8: price \"b\" is ambiguous: \"a\" in line 5 has the same component \
           \"network\", meter \"vpc\", dimension and conditions; add a condition, or give it \
           another component to charge both"],
    ),
    (
        "[book]\ncode = \"b\"\ncurrency = \"EUR\"\n\
         [[price]]\ncode = \"a\"\nmeter = \"volume\"\nunit = \"gib_month\"\namount = \"1\"\n\
         [[price]]\ncode = \"c\"\nmeter = \"volume\"\nunit = \"gb_month\"\namount = \"1\"\n\
         when = { storage_tag = \"ssd\" }",
        &["book.toml:10:8: price \"c\" counts by gb_month, and \"a\" in line 5 of the same \
           component \"storage\" by gib_month; count the sizes of a component by GiB or by GB, \
           else both are charged"],
    ),
    (
        "[book]\ncode = \"b\"\ncurrency = \"EUR\"\n\
         [[price]]\ncode = \"a\"\nmeter = \"vcp\"\nunit = \"hour\"\namount = 0.1\n\
         [[price]]\ncode = \"b\"\nmeter = \"vpc\"\nunit = \"gb\"\namount = \"-5\"",
        &[
            "book.toml:6:9: unknown meter \"vcp\"; did you mean \"vpc\"? (name imported meters \
             in imported_meters of [book])",
            "book.toml:8:10: amount is a floating-point number, which is not exact; write it as \
             text: amount = \"0.1\"",
            "book.toml:12:8: unit \"gb\" does not fit the meter \"vpc\"; it takes hour, month",
            "book.toml:13:10: amount \"-5\" is below zero; prices and quantities begin at zero; \
             a discount is not a price",
        ],
    ),
];

#[test]
fn every_wrong_book_is_told_whole() {
    for (text, wanted) in BOOKS {
        assert_eq!(said(text), *wanted, "of the book\n{text}");
    }
}

/// Prices far below the minor unit are usual for traffic and requests.
#[test]
fn prices_below_a_cent_are_right() {
    let text = "[book]\ncode = \"b\"\ncurrency = \"JPY\"\n[[price]]\ncode = \"a\"\n\
                meter = \"disk_read_requests\"\nunit = \"request\"\namount = \"0.000000001\"";
    assert_eq!(said(text), Vec::<String>::new());
}
