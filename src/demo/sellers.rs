//! The demo's sellers, in the form that `billow sellers set --file` reads, and their customers'
//! addresses.

use super::openstack::seed::RESELLER;
use crate::bill::document::Address;
use crate::customer::{CustomerDetails, SellerDetails};

/// A seller before it is stored.
pub(super) struct SellerSeed {
    pub code: &'static str,
    /// The domain it owns; the provider owns the root.
    pub domain: Seat,
    details: &'static str,
}

/// A domain of one of the clouds.
#[derive(Clone, Copy)]
pub(super) enum Seat {
    /// A path of the CloudStack's.
    Cloud(&'static str),
    /// A name of the OpenStack's.
    Region(&'static str),
}

/// The provider first.
pub(super) const SELLERS: [SellerSeed; 4] = [
    SellerSeed { code: "provider", domain: Seat::Cloud("ROOT"), details: PROVIDER },
    SellerSeed { code: "alpine", domain: Seat::Cloud("ROOT/alpine"), details: ALPINE },
    SellerSeed { code: "thames", domain: Seat::Cloud("ROOT/thames"), details: THAMES },
    SellerSeed { code: "polder", domain: Seat::Region(RESELLER), details: POLDER },
];

impl SellerSeed {
    /// The details, read as the command line reads them.
    pub fn details(&self) -> anyhow::Result<SellerDetails> {
        Ok(toml::from_str(self.details)?)
    }
}

const PROVIDER: &str = r##"
name = "Rheinwolke Rechenzentren GmbH"
vat_id = "DE123456788"
tax_number = "45/123/45678"
registration = "Amtsgericht Frankfurt am Main, HRB 12345"
currency = "EUR"
time_zone = "Europe/Berlin"
language = "de"
invoice_series = "RW"
credit_series = "RWG"
price_book = "standard"

[address]
lines = ["Mainkai 12"]
postal_code = "60311"
city = "Frankfurt am Main"
country = "DE"

[bank]
holder = "Rheinwolke Rechenzentren GmbH"
iban = "DE89370400440532013000"
bic = "COBADEFFXXX"

[[tax_rules]]
category = "S"
percent = "19"

[style]
colour = "#1f4e79"
footer = [
    ["Rheinwolke Rechenzentren GmbH", "Mainkai 12", "60311 Frankfurt am Main"],
    ["Amtsgericht Frankfurt am Main", "HRB 12345", "USt-IdNr. DE123456788"],
    ["IBAN DE89 3704 0044 0532 0130 00", "BIC COBADEFFXXX"],
]
"##;

const ALPINE: &str = r##"
name = "Alpine Hébergement SAS"
vat_id = "FR40303265045"
registration = "RCS Lyon 303 265 045"
currency = "EUR"
time_zone = "Europe/Paris"
language = "fr"
invoice_series = "AH"
credit_series = "AHA"
line_cut = "per_resource"
price_book = "alpine"

[address]
lines = ["8 quai de Saône"]
postal_code = "69002"
city = "Lyon"
country = "FR"

[bank]
holder = "Alpine Hébergement SAS"
iban = "FR1420041010050500013M02606"

[[tax_rules]]
category = "S"
percent = "20"

[style]
colour = "#7a3e00"
footer = [["Alpine Hébergement SAS", "8 quai de Saône", "69002 Lyon"], ["RCS Lyon 303 265 045"]]
"##;

const THAMES: &str = r##"
name = "Thames Cloud Ltd"
vat_id = "GB980780684"
registration = "Registered in England and Wales 01234567"
currency = "GBP"
time_zone = "Europe/London"
language = "en"
invoice_series = "TC"
credit_series = "TCN"
line_cut = "per_category"
payment_terms_days = 30
price_book = "thames"

[address]
lines = ["21 Wharf Road"]
postal_code = "SE1 2AB"
city = "London"
country = "GB"

[bank]
holder = "Thames Cloud Ltd"
iban = "GB29NWBK60161331926819"

[[tax_rules]]
category = "S"
percent = "20"

[style]
colour = "#204f3a"
footer = [["Thames Cloud Ltd", "21 Wharf Road", "London SE1 2AB"], ["Company no. 01234567"]]
"##;

const POLDER: &str = r##"
name = "Polder Compute B.V."
vat_id = "NL000099998B57"
registration = "KvK 01234567"
currency = "EUR"
time_zone = "Europe/Amsterdam"
language = "en"
invoice_series = "PC"
credit_series = "PCN"
price_book = "polder"

[address]
lines = ["Dijkweg 40"]
postal_code = "3011 AA"
city = "Rotterdam"
country = "NL"

[bank]
holder = "Polder Compute B.V."
iban = "NL91ABNA0417164300"

[[tax_rules]]
category = "S"
percent = "21"

[style]
colour = "#2f6f4f"
footer = [["Polder Compute B.V.", "Dijkweg 40", "3011 AA Rotterdam"], ["KvK 01234567"]]
"##;

/// A customer's details with an address in its seller's country.
pub(super) fn with_address(
    details: &CustomerDetails,
    country: &str,
    number: usize,
) -> CustomerDetails {
    let (street, postal_code, city) = match country {
        "FR" => (format!("{} rue du Port", number + 3), "69007", "Lyon"),
        "GB" => (format!("{} Mill Lane", number + 3), "N1 7AA", "London"),
        "NL" => (format!("Havenkade {}", number + 3), "3011 AB", "Rotterdam"),
        _ => (format!("Hafenstraße {}", number + 3), "20457", "Hamburg"),
    };
    let address = Address {
        lines: vec![street],
        postal_code: postal_code.to_owned(),
        city: city.to_owned(),
        region: None,
        country: country.to_owned(),
    };
    let contact_name = Some("Accounts payable".to_owned());
    let contact_email = Some("accounts@example.com".to_owned());
    CustomerDetails { address, contact_name, contact_email, ..details.clone() }
}
