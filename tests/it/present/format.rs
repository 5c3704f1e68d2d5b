//! Goal: amounts, dates and names stand as people of each language write them. Method: tables.

use billow::bill::document::Language::{self, De, En, Fr};
use billow::money::{Currency, Exact, Money};
use billow::present::format;

fn currency(code: &str) -> Currency {
    code.parse().expect("a currency")
}

#[track_caller]
fn check_money(minor: i64, code: &str, expected: [&str; 3]) {
    for (language, expected) in [En, De, Fr].into_iter().zip(expected) {
        let shown = format::money(Money { minor, currency: currency(code) }, language);
        assert_eq!(shown, expected, "{minor} {code} in {language:?}");
    }
}

#[test]
fn money_follows_language_and_exponent() {
    check_money(123_450, "EUR", ["€1,234.50", "1.234,50\u{a0}€", "1\u{202f}234,50\u{a0}€"]);
    check_money(-5, "EUR", ["-€0.05", "-0,05\u{a0}€", "-0,05\u{a0}€"]);
    check_money(0, "EUR", ["€0.00", "0,00\u{a0}€", "0,00\u{a0}€"]);
    check_money(99_999, "GBP", ["£999.99", "999,99\u{a0}£", "999,99\u{a0}£"]);
    check_money(
        1_000_000,
        "USD",
        ["USD\u{a0}10,000.00", "10.000,00\u{a0}USD", "10\u{202f}000,00\u{a0}USD"],
    );
    check_money(1_234, "JPY", ["JPY\u{a0}1,234", "1.234\u{a0}JPY", "1\u{202f}234\u{a0}JPY"]);
    check_money(1_234, "KWD", ["KWD\u{a0}1.234", "1,234\u{a0}KWD", "1,234\u{a0}KWD"]);
    check_money(
        i64::MIN,
        "JPY",
        [
            "-JPY\u{a0}9,223,372,036,854,775,808",
            "-9.223.372.036.854.775.808\u{a0}JPY",
            "-9\u{202f}223\u{202f}372\u{202f}036\u{202f}854\u{202f}775\u{202f}808\u{a0}JPY",
        ],
    );
}

#[test]
fn quantities_and_prices_keep_their_digits() {
    let exact = |text: &str| text.parse::<Exact>().expect("a decimal");
    let euro = currency("EUR");
    assert_eq!(format::quantity(&exact("744"), En), "744");
    assert_eq!(format::quantity(&exact("24.000002"), De), "24,000002");
    assert_eq!(format::quantity(&Exact::ratio(1, 3), En), "0.333333");
    assert_eq!(format::quantity(&exact("1234567.5"), Fr), "1\u{202f}234\u{202f}567,5");
    assert_eq!(format::price(&exact("0.1"), euro, En), "0.10");
    assert_eq!(format::price(&exact("0.0000012345"), euro, De), "0,0000012345");
    assert_eq!(format::price(&exact("12"), euro, En), "12.00");
    assert_eq!(format::price(&exact("12"), currency("JPY"), En), "12");
    assert_eq!(format::price(&exact("0.5"), currency("KWD"), En), "0.500");
    assert_eq!(format::percent(&exact("8.1"), De), "8,1\u{a0}%");
    assert_eq!(format::percent(&exact("19"), En), "19%");
    assert_eq!(format::share(1, 3, En), "33.3%");
    assert_eq!(format::share(5, 5, Fr), "100,0\u{202f}%");
    assert_eq!(format::share(5, 0, En), "–");
}

#[track_caller]
fn check_range(from: &str, until: &str, expected: [&str; 3]) {
    for (language, expected) in [En, De, Fr].into_iter().zip(expected) {
        assert_eq!(format::date_range(from, until, language), expected);
    }
}

#[test]
fn dates_are_those_of_the_language() {
    assert_eq!(format::date("2026-11-05", En), "5\u{a0}Nov\u{a0}2026");
    assert_eq!(format::date("2026-11-05", De), "05.11.2026");
    assert_eq!(format::date("2026-11-05", Fr), "05/11/2026");
    assert_eq!(format::date("soon", De), "soon");
    check_range("2026-10-01", "2026-10-31", ["October 2026", "Oktober 2026", "octobre 2026"]);
    check_range("2028-02-01", "2028-02-29", ["February 2028", "Februar 2028", "février 2028"]);
    check_range(
        "2026-02-01",
        "2026-02-27",
        [
            "1\u{a0}Feb\u{a0}2026 – 27\u{a0}Feb\u{a0}2026",
            "01.02.2026 – 27.02.2026",
            "01/02/2026 – 27/02/2026",
        ],
    );
    check_range("2026-10-12", "2026-10-12", ["12\u{a0}Oct\u{a0}2026", "12.10.2026", "12/10/2026"]);
    assert_eq!(format::instant(1_793_900_000, En), "5\u{a0}Nov\u{a0}2026, 17:33\u{a0}UTC");
}

#[track_caller]
fn check_unit(code: &str, quantity: &str, language: Language, expected: &str) {
    let quantity: Exact = quantity.parse().expect("a decimal");
    assert_eq!(format::unit(code, &quantity, language), expected);
}

#[test]
fn units_agree_with_their_quantity() {
    check_unit("hour", "1", En, "hour");
    check_unit("hour", "0", En, "hours");
    check_unit("hour", "1.5", De, "Stunden");
    check_unit("hour", "1.5", Fr, "heure");
    check_unit("hour", "2", Fr, "heures");
    check_unit("piece", "-1", En, "piece");
    check_unit("vcpu_hour", "744", De, "vCPU-Stunden");
    check_unit("ram_gib_hour", "2", En, "GiB RAM hours");
    check_unit("furlong", "2", En, "furlong");
}

#[test]
fn ibans_and_categories_are_readable() {
    assert_eq!(
        format::iban("DE89370400440532013000"),
        "DE89\u{a0}3704\u{a0}0044\u{a0}0532\u{a0}0130\u{a0}00"
    );
    for language in [En, De, Fr] {
        for category in billow::meter::Category::ALL {
            assert!(!format::category(category, language).is_empty());
        }
        assert_eq!(format::category_key("gold", language), "gold");
    }
}
