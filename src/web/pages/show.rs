//! Money, dates and categories for the visitor's eyes.

use super::texts::{self, Text};
use crate::bill::document::Language;
use crate::meter::Category;
use crate::money::Money;

/// Money in the visitor's notation.
pub fn money(money: Money, language: Language) -> String {
    let _ = language;
    format!("{} {}", money.to_decimal_text(), money.currency)
}

/// A date `YYYY-MM-DD` in the visitor's notation.
pub fn date(text: &str, language: Language) -> String {
    let _ = language;
    text.to_owned()
}

/// An instant, in UTC, to the minute.
pub fn instant(seconds: i64) -> String {
    let text = crate::web::api::json::instant(seconds);
    let (day, time) = text.split_once('T').unwrap_or((text.as_str(), ""));
    format!("{day} {} UTC", time.get(..5).unwrap_or(time))
}

/// A category's name.
pub fn category(category: Category) -> Text {
    match category {
        Category::Application => texts::APPLICATION,
        Category::RunningMachines => texts::RUNNING_MACHINES,
        Category::StoppedMachines => texts::STOPPED_MACHINES,
        Category::Storage => texts::STORAGE,
        Category::Network => texts::NETWORK,
        Category::Other => texts::OTHER,
    }
}
