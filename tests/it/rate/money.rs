//! Exact numbers, rounding, currencies and splitting.

use billow::money::allocate::largest_remainder;
use billow::money::amount::parse_stored;
use billow::money::round::round_units;
use billow::money::{Currency, Exact, Money, RoundingMode};
use proptest::prelude::*;

use super::world::exact;

use RoundingMode::{HalfAwayFromZero, HalfEven};

#[track_caller]
fn check_round(amount: &str, currency: &str, away: &str, even: &str) {
    let currency: Currency = currency.parse().unwrap();
    let round = |mode| Money::round(&exact(amount), currency, mode).unwrap().to_decimal_text();
    assert_eq!((round(HalfAwayFromZero), round(HalfEven)), (away.to_owned(), even.to_owned()));
}

#[test]
fn rounds_by_mode_and_currency() {
    check_round("0.125", "EUR", "0.13", "0.12");
    check_round("0.135", "EUR", "0.14", "0.14");
    check_round("-0.125", "EUR", "-0.13", "-0.12");
    check_round("-0.135", "EUR", "-0.14", "-0.14");
    check_round("0.1249999999999999999999999999", "EUR", "0.12", "0.12");
    check_round("0.1250000000000000000000000001", "EUR", "0.13", "0.13");
    check_round("-0.1250000000000000000000000001", "EUR", "-0.13", "-0.13");
    check_round("0.004", "EUR", "0.00", "0.00");
    check_round("0", "EUR", "0.00", "0.00");
    check_round("1234.5", "JPY", "1235", "1234");
    check_round("1235.5", "JPY", "1236", "1236");
    check_round("-1234.5", "JPY", "-1235", "-1234");
    check_round("1.2345", "KWD", "1.235", "1.234");
    check_round("1.2355", "KWD", "1.236", "1.236");
    check_round("0.0005", "KWD", "0.001", "0.000");
}

#[test]
fn rounding_each_line_is_not_rounding_the_total() {
    let line = exact("0.335");
    let each = |mode| 3 * round_units(&line, 2, mode).unwrap();
    let total = |mode| round_units(&line.mul_int(3), 2, mode).unwrap();
    assert_eq!((each(HalfAwayFromZero), total(HalfAwayFromZero)), (102, 101));
    assert_eq!((each(HalfEven), total(HalfEven)), (102, 100));
}

#[test]
fn thirds_are_rounded_from_the_fraction() {
    assert_eq!(round_units(&Exact::ratio(1, 3), 2, HalfAwayFromZero), Some(33));
    assert_eq!(round_units(&Exact::ratio(2, 3), 2, HalfEven), Some(67));
    assert_eq!(round_units(&Exact::ratio(-2, 3), 2, HalfEven), Some(-67));
    assert_eq!(round_units(&exact("92233720368547758.07"), 2, HalfEven), Some(i64::MAX));
    assert_eq!(round_units(&exact("92233720368547758.08"), 2, HalfEven), None);
}

#[test]
fn money_is_checked() {
    let euro: Currency = "EUR".parse().unwrap();
    let yen: Currency = "JPY".parse().unwrap();
    let one = Money { minor: 100, currency: euro };
    assert!(one.checked_add(Money { minor: 100, currency: yen }).is_err());
    assert!(one.checked_add(Money { minor: i64::MAX, currency: euro }).is_err());
    assert!(Money { minor: i64::MIN, currency: euro }.negated().is_err());
    assert_eq!(one.checked_sub(Money { minor: 105, currency: euro }).unwrap().minor, -5);
    let text = |minor, currency| Money { minor, currency }.to_decimal_text();
    assert_eq!([text(-5, euro), text(-105, euro), text(7, yen)], ["-0.05", "-1.05", "7"]);
    assert_eq!(text(i64::MIN, euro), "-92233720368547758.08");
    assert!("EURO".parse::<Currency>().is_err());
    assert!("eur".parse::<Currency>().is_err());
    assert!("XAU".parse::<Currency>().is_err());
    assert_eq!(Money { minor: 1234, currency: yen }.to_exact(), exact("1234"));
}

#[track_caller]
fn check_split(total: i64, weights: &[&str], expected: &[i64]) {
    let weights: Vec<Exact> = weights.iter().map(|weight| exact(weight)).collect();
    assert_eq!(largest_remainder(total, &weights), expected);
}

#[test]
fn splits_by_largest_remainder() {
    check_split(10_000, &["50", "50", "50"], &[3334, 3333, 3333]);
    check_split(2_500, &["199.99", "49.50", "30.00"], &[1789, 443, 268]);
    check_split(-10_000, &["50", "50", "50"], &[-3334, -3333, -3333]);
    check_split(1, &["1", "1", "1"], &[1, 0, 0]);
    check_split(2, &["1", "5", "1"], &[0, 2, 0]);
    check_split(0, &["1", "2"], &[0, 0]);
    check_split(5, &["0", "0"], &[5, 0]);
    check_split(5, &["-1", "1"], &[0, 5]);
    check_split(5, &[], &[]);
    check_split(i64::MAX, &["0.1", "0.2"], &[3_074_457_345_618_258_602, 6_148_914_691_236_517_205]);
}

#[test]
fn decimal_text() {
    for text in ["0", "-0.05", "12.5", "9999999999999.999", "0.000000001"] {
        assert_eq!(exact(text).to_string(), text);
    }
    let long = "1234567890123456789012345678901234567890.000000000000000000000001";
    assert_eq!(exact(long).to_string(), long);
    assert_eq!(exact("1.500").to_string(), "1.5");
    assert_eq!(exact("100").to_string(), "100");
    assert_eq!(Exact::ratio(1, 3).to_string(), "1/3");
    assert_eq!(parse_stored("2/6").unwrap(), Exact::ratio(1, 3));
    let sixty_five = "1".repeat(65);
    for wrong in ["", "-", ".5", "5.", "1e3", "+1", "1,5", " 1", "0x1", "--1", "1.2.3", &sixty_five]
    {
        assert!(wrong.parse::<Exact>().is_err(), "{wrong}");
    }
    assert!(parse_stored("1/0").is_err());
    assert!(parse_stored("1/-2").is_err());
    assert_eq!(Exact::ratio(2, 3).to_text_rounded(2), "0.67");
    assert_eq!(exact("-2.345").to_text_rounded(2), "-2.35");
    assert_eq!(exact("2.999").to_text_rounded(2), "3");
    assert_eq!(exact("1234").to_text_rounded(0), "1234");
}

#[test]
fn arithmetic_goes_on_beyond_128_bits() {
    let big = Exact::int(i128::MAX);
    assert_eq!(big.plus(&Exact::ONE).minus(&Exact::ONE), big);
    assert_eq!(big.times(&big).divided_by(&big), Some(big.clone()));
    assert!(big.times(&big) > big);
    assert_eq!(Exact::int(i128::MIN).negated().negated(), Exact::int(i128::MIN));
    assert_eq!(exact("9999999999999.999").times(&exact("0.000000001")), exact("9999.999999999999"));
    assert_eq!(Exact::ONE.divided_by(&Exact::ZERO), None);
    assert_eq!(Exact::int(-6).divided_by(&Exact::int(-4)), Some(exact("1.5")));
    assert_eq!(Exact::ratio(-7, 2).ceiling(), Exact::int(-3));
    assert_eq!(Exact::ratio(7, 2).ceiling(), Exact::int(4));
    assert_eq!(big.times(&big).ceiling(), big.times(&big));
}

fn any_exact() -> impl Strategy<Value = Exact> {
    (any::<i64>(), 1..=1_000_000_000_i128).prop_map(|(n, d)| Exact::ratio(i128::from(n), d))
}

proptest! {
    #[test]
    fn parts_sum_to_the_whole(
        total in any::<i64>().prop_filter("has an opposite", |total| *total != i64::MIN),
        weights in prop::collection::vec((0..1_000_000_i128, 1..10_000_i128), 1..40),
    ) {
        let weights: Vec<Exact> = weights.into_iter().map(|(n, d)| Exact::ratio(n, d)).collect();
        let parts = largest_remainder(total, &weights);
        let whole: i128 = parts.iter().map(|part| i128::from(*part)).sum();
        prop_assert_eq!(whole, i128::from(total));
        let sum = Exact::sum(&weights);
        for (part, weight) in parts.iter().zip(&weights) {
            if let Some(fair) = weight.mul_int(i128::from(total)).divided_by(&sum) {
                let off = Exact::int(i128::from(*part)).minus(&fair);
                prop_assert!(off < Exact::ONE && off > Exact::int(-1));
            }
        }
    }

    #[test]
    fn text_keeps_the_value(value in any_exact()) {
        prop_assert_eq!(parse_stored(&value.to_string()).unwrap(), value.clone());
        prop_assert_eq!(value.reduced(), value);
    }

    #[test]
    fn arithmetic_keeps_its_laws(a in any_exact(), b in any_exact(), c in any_exact()) {
        prop_assert_eq!(a.plus(&b), b.plus(&a));
        prop_assert_eq!(a.plus(&b).minus(&b), a.clone());
        prop_assert_eq!(a.plus(&b).times(&c), a.times(&c).plus(&b.times(&c)));
        prop_assert_eq!(a.cmp(&b), a.minus(&b).cmp(&Exact::ZERO));
        if let Some(quotient) = a.divided_by(&b) {
            prop_assert_eq!(quotient.times(&b), a);
        }
    }

    #[test]
    fn rounding_is_within_half_a_unit(value in any_exact(), digits in 0_u8..4) {
        for mode in [HalfAwayFromZero, HalfEven] {
            let units = round_units(&value, digits, mode);
            prop_assume!(units.is_some());
            let scale = 10_i128.pow(u32::from(digits));
            let off = Exact::ratio(i128::from(units.unwrap()), scale).minus(&value);
            let half = Exact::ratio(1, 2 * scale);
            prop_assert!(off <= half && off >= half.negated());
        }
    }
}
