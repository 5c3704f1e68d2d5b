//! Goal: spreadsheets and programs read the CSV, and neither runs anything in it. Method:
//! snapshots, and reading back by the csv crate.

use billow::money::Exact;
use billow::present::csv;

use super::sample::{annex, credit_note, long, samples};

fn read(text: &str) -> Vec<Vec<String>> {
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader
        .records()
        .map(|record| record.expect("a row").iter().map(str::to_owned).collect())
        .collect()
}

#[test]
fn lines_and_annex_look_as_they_did() {
    insta::assert_snapshot!("csv_credit_note", csv::lines(&credit_note().document));
    let sample = annex();
    insta::assert_snapshot!("csv_annex", csv::annex(&sample.document, &sample.parts[..3]));
}

#[test]
fn rows_sum_to_the_document() {
    for sample in samples() {
        let text = csv::lines(&sample.document);
        assert!(text.ends_with("\r\n"), "rows end as RFC 4180 asks");
        let rows = read(&text);
        let net = rows[0].iter().position(|name| name == "net").expect("a net column");
        let sum = rows[1..].iter().fold(Exact::ZERO, |sum, row| {
            sum.plus(&row[net].parse::<Exact>().expect("a plain decimal"))
        });
        let power = 10_i128.pow(u32::from(sample.document.currency.exponent()));
        assert_eq!(sum, Exact::ratio(i128::from(sample.document.net_minor), power));
        assert_eq!(rows.len(), sample.document.lines.len() + 1);
    }
}

#[test]
fn texts_come_back_whole_and_formulas_do_not_run() {
    let mut document = long().document;
    let texts = [
        ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@sum", "'@sum"),
        ("\t=1", "'\t=1"),
        ("a, \"b\"\r\nc", "a, \"b\"\r\nc"),
        ("", ""),
        ("名前 = 1", "名前 = 1"),
    ];
    for (line, (text, _)) in document.lines.iter_mut().zip(&texts) {
        line.text = (*text).to_owned();
    }
    document.lines[0].quantity = Exact::ratio(-1, 3);
    let rows = read(&csv::lines(&document));
    let column = |name: &str| rows[0].iter().position(|known| known == name).expect("a column");
    for (row, (_, expected)) in rows[1..].iter().zip(&texts) {
        assert_eq!(row[column("text")], *expected);
    }
    assert_eq!(rows[1][column("quantity")], "-0.333333333333", "numbers keep their sign");
}
