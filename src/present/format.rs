//! Amounts, numbers, dates and names as people of each language write them.
//!
//! Only for reading: nothing here is parsed again. No floats; numbers come as exact values.

use super::texts::{has, text, text_with};
use crate::bill::document::{DocumentKind, InvoiceDocument, Language, Line, TaxCategory, TaxRate};
use crate::meter::Category;
use crate::money::{Currency, Exact, Money};

/// Most decimals of a quantity on a document.
pub const QUANTITY_DIGITS: u8 = 6;
/// Most decimals of a unit price on a document.
pub const PRICE_DIGITS: u8 = 10;

const NO_BREAK: char = '\u{a0}';
const NARROW_NO_BREAK: char = '\u{202f}';
/// The plain hyphen: spreadsheets read it back, and every face has it.
const MINUS: char = '-';

/// Group and decimal separators.
fn separators(language: Language) -> (char, char) {
    match language {
        Language::En => (',', '.'),
        Language::De => ('.', ','),
        Language::Fr => (NARROW_NO_BREAK, ','),
    }
}

/// Plain decimal text (`-1234.50`) in a language's notation, digits kept as they are.
pub fn decimal(plain: &str, language: Language) -> String {
    let (group, point) = separators(language);
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(rest) => (Some(MINUS), rest),
        None => (None, plain),
    };
    let (major, minor) = digits.split_once('.').unwrap_or((digits, ""));
    let mut out = String::with_capacity(plain.len() * 2);
    out.extend(sign);
    for (index, digit) in major.chars().enumerate() {
        if index > 0 && (major.len() - index).is_multiple_of(3) {
            out.push(group);
        }
        out.push(digit);
    }
    if !minor.is_empty() {
        out.push(point);
        out.push_str(minor);
    }
    out
}

/// A number with at most `digits` decimals, trailing zeros dropped.
pub fn number(value: &Exact, digits: u8, language: Language) -> String {
    decimal(&value.to_text_rounded(digits), language)
}

/// A quantity, up to six decimals.
pub fn quantity(value: &Exact, language: Language) -> String {
    number(value, QUANTITY_DIGITS, language)
}

/// An amount without its currency, all digits of the minor unit: `1,234.50`.
pub fn amount(minor: i64, currency: Currency, language: Language) -> String {
    decimal(&Money { minor, currency }.to_decimal_text(), language)
}

/// An amount with its currency: `€1,234.50`, `1.234,50 €`, `USD 12.00`, `12,00 CHF`.
/// Signs that several currencies share (such as the dollar's) are not used.
pub fn money(money: Money, language: Language) -> String {
    let plain = amount(money.minor, money.currency, language);
    with_currency(&plain, money.currency, language)
}

fn with_currency(plain: &str, currency: Currency, language: Language) -> String {
    let sign = match currency.code() {
        "EUR" => Some("€"),
        "GBP" => Some("£"),
        _ => None,
    };
    let (minus, digits) = match plain.strip_prefix(MINUS) {
        Some(rest) => ("-", rest),
        None => ("", plain),
    };
    match (language, sign) {
        (Language::En, Some(sign)) => format!("{minus}{sign}{digits}"),
        (Language::En, None) => format!("{minus}{}{NO_BREAK}{digits}", currency.code()),
        (_, sign) => format!("{plain}{NO_BREAK}{}", sign.unwrap_or(currency.code())),
    }
}

/// A unit price without currency: at least the currency's decimals, at most ten.
pub fn price(value: &Exact, currency: Currency, language: Language) -> String {
    let mut plain = value.to_text_rounded(PRICE_DIGITS);
    let wanted = usize::from(currency.exponent());
    let have = plain.split_once('.').map_or(0, |(_, minor)| minor.len());
    if have < wanted {
        if have == 0 {
            plain.push('.');
        }
        plain.extend(std::iter::repeat_n('0', wanted - have));
    }
    decimal(&plain, language)
}

/// A percentage: `19%`, `19 %`.
pub fn percent(value: &Exact, language: Language) -> String {
    let digits = number(value, 4, language);
    match language {
        Language::En => format!("{digits}%"),
        Language::De => format!("{digits}{NO_BREAK}%"),
        Language::Fr => format!("{digits}{NARROW_NO_BREAK}%"),
    }
}

/// A part of a whole in percent with one decimal, for breakdowns; a dash where there is no whole.
pub fn share(part: i64, whole: i64, language: Language) -> String {
    let part = Exact::int(i128::from(part)).mul_int(100);
    match part.divided_by(&Exact::int(i128::from(whole))) {
        Some(value) => {
            let mut plain = value.to_text_rounded(1);
            if !plain.contains('.') {
                plain.push_str(".0");
            }
            let digits = decimal(&plain, language);
            match language {
                Language::En => format!("{digits}%"),
                Language::De => format!("{digits}{NO_BREAK}%"),
                Language::Fr => format!("{digits}{NARROW_NO_BREAK}%"),
            }
        }
        None => "–".to_owned(),
    }
}

/// Year, month and day of `YYYY-MM-DD`.
fn date_parts(text: &str) -> Option<(&str, u8, u8)> {
    let mut parts = text.splitn(3, '-');
    let year = parts.next().filter(|year| year.len() == 4)?;
    let month = parts.next()?.parse().ok().filter(|month| (1..=12).contains(month))?;
    let day = parts.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    Some((year, month, day))
}

/// A date `YYYY-MM-DD`: `5 Nov 2026`, `05.11.2026`, `05/11/2026`. Other text stays as it is.
pub fn date(plain: &str, language: Language) -> String {
    let Some((year, month, day)) = date_parts(plain) else { return plain.to_owned() };
    match language {
        Language::En => {
            let month = text(language, &format!("month-short-{month}"));
            format!("{day}{NO_BREAK}{month}{NO_BREAK}{year}")
        }
        Language::De => format!("{day:02}.{month:02}.{year}"),
        Language::Fr => format!("{day:02}/{month:02}/{year}"),
    }
}

/// First and last day: one date where they are the same, a month's name where they span it.
pub fn date_range(from: &str, until: &str, language: Language) -> String {
    if from == until {
        return date(from, language);
    }
    if let (Some((y1, m1, 1)), Some((y2, m2, last))) = (date_parts(from), date_parts(until))
        && (y1, m1) == (y2, m2)
        && is_last_day(y1, m1, last)
    {
        return format!("{} {y1}", text(language, &format!("month-{m1}")));
    }
    let (from, until) = (date(from, language), date(until, language));
    text_with(language, "range", &[("from", &from), ("until", &until)])
}

fn is_last_day(year: &str, month: u8, day: u8) -> bool {
    let (Ok(year), Ok(month)) = (year.parse::<i16>(), i8::try_from(month)) else { return false };
    jiff::civil::Date::new(year, month, 1)
        .is_ok_and(|first| u8::try_from(first.days_in_month()) == Ok(day))
}

/// The month of a billing period's label: `2026-10` as `October 2026`.
pub fn month(label: crate::period::PeriodLabel, language: Language) -> String {
    format!("{} {}", text(language, &format!("month-{}", label.month)), label.year)
}

/// The same of a label's text; other text stays as it is.
pub fn month_text(label: &str, language: Language) -> String {
    label.parse().map_or_else(|_| label.to_owned(), |label| month(label, language))
}

/// An instant in UTC, to the minute: `5 Nov 2026, 14:05 UTC`.
pub fn instant(seconds: i64, language: Language) -> String {
    let Ok(at) = jiff::Timestamp::from_second(seconds) else { return seconds.to_string() };
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let day = date(&at.date().to_string(), language);
    format!("{day}, {:02}:{:02}{NO_BREAK}UTC", at.hour(), at.minute())
}

/// A category's name.
pub fn category(category: Category, language: Language) -> String {
    text(language, &format!("category-{}", category.as_str()))
}

/// The name of a breakdown's category key; other keys stay as they are.
pub fn category_key(key: &str, language: Language) -> String {
    let id = format!("category-{key}");
    if has(language, &id) { text(language, &id) } else { key.to_owned() }
}

/// A meter's name; a meter that is not built in keeps its code.
pub fn meter(code: &str, language: Language) -> String {
    crate::bill::texts::meter(language, code)
}

/// A unit's name in the form that `quantity` asks for; an unknown unit keeps its code.
pub fn unit(code: &str, quantity: &Exact, language: Language) -> String {
    let id = format!("unit-{code}");
    if !has(language, &id) {
        return code.to_owned();
    }
    let size = if quantity.is_negative() { quantity.negated() } else { quantity.clone() };
    let one = match language {
        Language::En | Language::De => size == Exact::ONE,
        Language::Fr => size < Exact::int(2),
    };
    text_with(language, &id, &[("count", if one { "one" } else { "other" })])
}

/// What a line's price is for, where that is not one unit: `per 744`.
pub fn price_base(line: &Line, language: Language) -> Option<String> {
    (line.base != Exact::ONE).then(|| {
        let base = quantity(&line.base, language);
        text_with(language, "price-for", &[("base", &base)])
    })
}

fn tax_code(category: TaxCategory) -> &'static str {
    match category {
        TaxCategory::S => "S",
        TaxCategory::Z => "Z",
        TaxCategory::E => "E",
        TaxCategory::AE => "AE",
        TaxCategory::K => "K",
        TaxCategory::G => "G",
        TaxCategory::O => "O",
    }
}

/// A tax's full name: `VAT 19%`, `Reverse charge`.
pub fn tax(tax: &TaxRate, language: Language) -> String {
    let percent = percent(&tax.percent, language);
    text_with(language, &format!("tax-{}", tax_code(tax.category)), &[("percent", &percent)])
}

/// A tax in a column: `19%`, `reverse ch.`
pub fn tax_short(tax: &TaxRate, language: Language) -> String {
    let percent = percent(&tax.percent, language);
    text_with(language, &format!("tax-short-{}", tax_code(tax.category)), &[("percent", &percent)])
}

/// What a document is called: `Invoice`, `Draft credit note`.
pub fn title(document: &InvoiceDocument) -> String {
    let id = match (document.kind, document.number.is_some()) {
        (DocumentKind::Invoice, true) => "invoice",
        (DocumentKind::Invoice, false) => "draft-invoice",
        (DocumentKind::CreditNote, true) => "credit-note",
        (DocumentKind::CreditNote, false) => "draft-credit-note",
    };
    text(document.language, id)
}

/// The title with the number, where there is one: `Invoice ACME-2026-0042`.
pub fn full_title(document: &InvoiceDocument) -> String {
    let title = title(document);
    match &document.number {
        Some(number) => {
            text_with(document.language, "title-number", &[("title", &title), ("number", number)])
        }
        None => title,
    }
}

/// An IBAN in groups of four.
pub fn iban(plain: &str) -> String {
    let compact: Vec<char> = plain.chars().filter(|c| !c.is_whitespace()).collect();
    let groups: Vec<String> = compact.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join("\u{a0}")
}

/// The lines of a postal address below the name. `home` is the other party's country: within
/// one country the country's name is left out.
pub fn address_lines(address: &crate::bill::document::Address, home: &str) -> Vec<String> {
    let mut lines: Vec<String> =
        address.lines.iter().filter(|line| !line.trim().is_empty()).cloned().collect();
    lines.extend(town_lines(address));
    if !address.country.is_empty() && address.country != home {
        lines.push(super::country::name(&address.country).to_owned());
    }
    lines
}

/// Town, region and postal code as the country's post writes them.
fn town_lines(address: &crate::bill::document::Address) -> Vec<String> {
    let city = address.city.trim();
    let code = address.postal_code.trim();
    let region = address.region.as_deref().unwrap_or("").trim();
    let joined = |parts: &[&str]| {
        let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    };
    let lines = match address.country.as_str() {
        "GB" | "IE" => vec![city.to_owned(), region.to_owned(), code.to_owned()],
        "US" if !region.is_empty() => vec![joined(&[&format!("{city},"), region, code])],
        "US" | "CA" | "AU" | "NZ" => vec![joined(&[city, region, code])],
        _ => vec![joined(&[code, city]), region.to_owned()],
    };
    lines.into_iter().filter(|line| !line.is_empty()).collect()
}

/// The language's tag for `lang` attributes and PDF catalogues.
pub fn language_tag(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::De => "de",
        Language::Fr => "fr",
    }
}
