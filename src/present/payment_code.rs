//! The payment QR code of EPC069-12 (version 002): a SEPA credit transfer, ready to scan.

use qrcode::{Color, EcLevel, QrCode, Version};

use crate::bill::document::{DocumentKind, InvoiceDocument};
use crate::money::Money;

/// Longest holder and remittance text that the standard takes, in characters.
const HOLDER_MAX: usize = 70;
const REFERENCE_MAX: usize = 140;
/// Largest payload in bytes; the standard also fixes version 13 and error correction M.
const PAYLOAD_MAX: usize = 331;
const VERSION_MAX: i16 = 13;
/// Largest amount in cents that a SEPA transfer takes.
const AMOUNT_MAX: i64 = 99_999_999_999;

/// A square of dark and light modules, without the quiet zone.
pub struct PaymentCode {
    pub width: usize,
    dark: Vec<bool>,
}

impl PaymentCode {
    /// The code of a document, where it can be paid by one: an issued invoice in euro with an
    /// amount due and an IBAN whose check digits are right.
    pub fn of(document: &InvoiceDocument) -> Option<Self> {
        let payload = payload(document)?;
        let code = QrCode::with_error_correction_level(payload.as_bytes(), EcLevel::M).ok()?;
        if !matches!(code.version(), Version::Normal(version) if version <= VERSION_MAX) {
            return None;
        }
        let dark = code.to_colors().into_iter().map(|colour| colour == Color::Dark).collect();
        Some(Self { width: code.width(), dark })
    }

    /// Horizontal runs of dark modules: `(column, row, length)`, top row first.
    pub fn runs(&self) -> Vec<(usize, usize, usize)> {
        let mut runs = Vec::new();
        for (row, modules) in self.dark.chunks(self.width).enumerate() {
            let mut column = 0;
            while column < self.width {
                let length = modules[column..].iter().take_while(|dark| **dark).count();
                if length > 0 {
                    runs.push((column, row, length));
                }
                column += length.max(1);
            }
        }
        runs
    }
}

/// The payload's text, one field a line.
pub fn payload(document: &InvoiceDocument) -> Option<String> {
    let payable = document.payable_minor;
    let wanted = document.style.payment_qr
        && document.kind == DocumentKind::Invoice
        && document.currency.code() == "EUR"
        && (1..=AMOUNT_MAX).contains(&payable);
    let number = document.number.as_ref().filter(|_| wanted)?;
    let bank = document.bank.as_ref()?;
    let iban: String = bank.iban.chars().filter(|c| !c.is_whitespace()).collect();
    let iban = iban.to_ascii_uppercase();
    if !is_iban(&iban) {
        return None;
    }
    let holder = if bank.holder.trim().is_empty() { &document.seller.name } else { &bank.holder };
    let holder: String = one_line(holder).chars().take(HOLDER_MAX).collect();
    let reference: String = one_line(number).chars().take(REFERENCE_MAX).collect();
    let amount = Money { minor: payable, currency: document.currency }.to_decimal_text();
    let bic = bank.bic.as_deref().map(one_line).unwrap_or_else(String::new);
    let payload =
        format!("BCD\n002\n1\nSCT\n{bic}\n{holder}\n{iban}\nEUR{amount}\n\n\n{reference}");
    (payload.len() <= PAYLOAD_MAX).then_some(payload)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether an IBAN's form and check digits (ISO 7064, 97-10) are right.
pub fn is_iban(compact: &str) -> bool {
    let fits = (15..=34).contains(&compact.len())
        && compact.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    if !fits {
        return false;
    }
    let (head, tail) = compact.split_at(4);
    let rest = tail.bytes().chain(head.bytes()).fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    rest == 1
}
