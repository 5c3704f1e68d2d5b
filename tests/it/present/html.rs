//! Goal: the HTML says the same as the PDF and needs no script. Method: snapshots and rules.

use billow::present::html;

use super::sample::{Sample, credit_note, draft, samples, short};

fn render(sample: &Sample, links: bool) -> String {
    let link = |line: u32| format!("/billing/invoices/x/lines/{line}");
    let link: Option<&dyn Fn(u32) -> String> = if links { Some(&link) } else { None };
    let markup = html::invoice(&sample.document, sample.contact.as_ref(), link);
    // One element a line, so that a change shows where it is.
    markup.into_string().replace("><", ">\n<")
}

#[test]
fn documents_look_as_they_did() {
    insta::assert_snapshot!("html_short", render(&short(), true));
    insta::assert_snapshot!("html_credit_note", render(&credit_note(), false));
    insta::assert_snapshot!("html_draft", render(&draft(), false));
}

#[test]
fn nothing_in_a_document_needs_a_script_or_an_inline_style() {
    for sample in samples() {
        let text = render(&sample, true);
        for word in ["<script", "style=", "javascript:", "onclick", "<img"] {
            assert!(!text.contains(word), "{}: {word}", sample.name);
        }
        assert!(text.contains("<article"), "{}", sample.name);
        assert!(text.contains("scope=\"col\""), "{}", sample.name);
    }
}

#[test]
fn names_cannot_break_out_of_their_place() {
    let mut sample = short();
    sample.document.buyer.name = "<b>&\"Bobby\"</b>".to_owned();
    sample.document.lines[0].text = "<script>alert(1)</script>".to_owned();
    let text = render(&sample, false);
    assert!(text.contains("&lt;b&gt;&amp;&quot;Bobby&quot;&lt;/b&gt;"));
    assert!(!text.contains("<script"));
}

#[test]
fn only_a_payable_euro_invoice_has_a_payment_code() {
    let has_code = |sample: &Sample| render(sample, false).contains("payment-code");
    assert!(has_code(&short()));
    assert!(!has_code(&credit_note()));
    assert!(!has_code(&draft()));
    let without = |change: &dyn Fn(&mut Sample)| {
        let mut sample = short();
        change(&mut sample);
        has_code(&sample)
    };
    assert!(!without(&|sample| sample.document.style.payment_qr = false));
    assert!(!without(&|sample| sample.document.payable_minor = 0));
    assert!(!without(&|sample| sample.document.bank = None));
    assert!(!without(&|sample| sample.document.currency = "USD".parse().expect("a currency")));
    // One wrong digit: the check digits tell, and no code misleads the payment.
    assert!(!without(&|sample| {
        if let Some(bank) = &mut sample.document.bank {
            bank.iban = "DE89370400440532013001".to_owned();
        }
    }));
}
