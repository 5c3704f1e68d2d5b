//! Documents to draw: long and short ones, in all languages, with all that is hard to print.

use billow::bill::document::{
    Address, BankAccount, BreakdownEntry, Breakdowns, ChargePart, Contact, DocumentKind,
    DocumentStyle, InvoiceDocument, Language, Line, Party, Reference, TaxCategory, TaxRate,
    TaxSubtotal,
};
use billow::ids::{AgreementId, CustomerId, InvoiceId, OwnerRef, SellerId, SourceName};
use billow::meter::Category;
use billow::money::{Exact, RoundingMode};
use billow::period::{Period, PeriodLabel, Span};
use billow::rate::ChargeKind;

/// A document with what belongs to it.
pub struct Sample {
    pub name: &'static str,
    pub document: InvoiceDocument,
    pub contact: Option<Contact>,
    pub parts: Vec<ChargePart>,
    pub logo: Option<Vec<u8>>,
}

/// All samples.
pub fn samples() -> Vec<Sample> {
    vec![long(), short(), credit_note(), draft(), yen(), scripts(), annex(), bare()]
}

fn exact(text: &str) -> Exact {
    text.parse().expect("a decimal")
}

fn standard(percent: &str) -> TaxRate {
    TaxRate { category: TaxCategory::S, percent: exact(percent), reason: None }
}

fn untaxed(category: TaxCategory, reason: &str) -> TaxRate {
    TaxRate { category, percent: Exact::ZERO, reason: Some(reason.to_owned()) }
}

fn line(category: Category, text: &str, detail: &str, amounts: (&str, &str, &str)) -> Line {
    let (quantity, unit, price) = amounts;
    Line {
        number: 0,
        category,
        kind: ChargeKind::Usage,
        text: text.to_owned(),
        detail: Some(detail.to_owned()).filter(|detail| !detail.is_empty()),
        service_from: "2026-10-01".to_owned(),
        service_until: "2026-10-31".to_owned(),
        service_span: Span::new(1_790_805_600, 1_793_487_600),
        quantity: exact(quantity),
        unit_code: if unit == "hour" { "HUR" } else { "C62" }.to_owned(),
        unit: unit.to_owned(),
        price: exact(price),
        base: Exact::ONE,
        tier: None,
        pool: None,
        price_code: Some("compute".to_owned()),
        price_version: Some("standard@3".to_owned()),
        component: Some("compute".to_owned()),
        meter: Some("vm_running".to_owned()),
        offering: None,
        project: None,
        tax: standard("19"),
        exact: Exact::ZERO,
        net_minor: 0,
        corrects: None,
    }
}

fn seller() -> Party {
    Party {
        name: "Nordlicht Cloud GmbH".to_owned(),
        address: Address {
            lines: vec!["Speicherstraße 12".to_owned()],
            postal_code: "20457".to_owned(),
            city: "Hamburg".to_owned(),
            region: None,
            country: "DE".to_owned(),
        },
        vat_id: Some("DE123456789".to_owned()),
        tax_number: Some("48/123/45678".to_owned()),
        registration: Some("Amtsgericht Hamburg, HRB 123456".to_owned()),
        number: None,
    }
}

fn buyer(name: &str, lines: &[&str], town: (&str, &str), country: &str) -> Party {
    Party {
        name: name.to_owned(),
        address: Address {
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            postal_code: town.0.to_owned(),
            city: town.1.to_owned(),
            region: None,
            country: country.to_owned(),
        },
        vat_id: None,
        tax_number: None,
        registration: None,
        number: Some("K-10042".to_owned()),
    }
}

fn document(number: Option<&str>, currency: &str, language: Language) -> InvoiceDocument {
    let issued = number.is_some();
    InvoiceDocument {
        prices_corrected_at: None,
        format: 1,
        kind: DocumentKind::Invoice,
        id: InvoiceId("0193a1c0-0000-7000-8000-000000000042".to_owned()),
        number: number.map(str::to_owned),
        series: "NL".to_owned(),
        seller_id: SellerId("nordlicht".to_owned()),
        customer_id: CustomerId("customer-42".to_owned()),
        agreement_id: AgreementId("agreement-42".to_owned()),
        seller: seller(),
        buyer: buyer(
            "Hafenkontor Logistik AG",
            &["Rechnungsprüfung", "Am Sandtorkai 77"],
            ("20457", "Hamburg"),
            "DE",
        ),
        contact_hash: None,
        issue_date: issued.then(|| "2026-11-05".to_owned()),
        due_date: issued.then(|| "2026-11-19".to_owned()),
        payment_terms_days: 14,
        period: Period {
            label: PeriodLabel { year: 2026, month: 10 },
            span: Span::new(1_790_805_600, 1_793_487_600),
        },
        time_zone: "Europe/Berlin".to_owned(),
        period_from: "2026-10-01".to_owned(),
        period_until: "2026-10-31".to_owned(),
        currency: currency.parse().expect("a currency"),
        rounding: RoundingMode::HalfAwayFromZero,
        language,
        lines: Vec::new(),
        taxes: Vec::new(),
        net_minor: 0,
        tax_minor: 0,
        gross_minor: 0,
        payable_minor: 0,
        breakdowns: Breakdowns::default(),
        owners: vec![owner()],
        corrects: None,
        reason: None,
        automatic: false,
        bank: Some(BankAccount {
            holder: "Nordlicht Cloud GmbH".to_owned(),
            iban: "DE89370400440532013000".to_owned(),
            bic: Some("COBADEFFXXX".to_owned()),
            bank: Some("Commerzbank Hamburg".to_owned()),
        }),
        style: DocumentStyle {
            colour: "#0b5c8f".to_owned(),
            logo_height_mm: 14,
            ..DocumentStyle::default()
        },
        known_at: 1_793_900_000,
        record_revision_max: 1,
        engine: "1".to_owned(),
    }
}

fn owner() -> OwnerRef {
    OwnerRef { source: SourceName("cs1".to_owned()), id: "5f0c-account".to_owned() }
}

/// Numbers lines and sums them, as the billing does.
fn finish(mut document: InvoiceDocument, lines: Vec<Line>) -> InvoiceDocument {
    let power = 10_i64.pow(u32::from(document.currency.exponent()));
    document.lines = lines;
    for (number, line) in (1..).zip(&mut document.lines) {
        line.number = number;
        let product = line.quantity.times(&line.price);
        line.exact = product.divided_by(&line.base).expect("a base above zero");
        let (floor, half) = line.exact.mul_int(i128::from(power)).floor_and_half();
        line.net_minor =
            floor.plus(half != std::cmp::Ordering::Less).to_i64().expect("a small amount");
    }
    let mut rates: Vec<TaxRate> = document.lines.iter().map(|line| line.tax.clone()).collect();
    rates.sort();
    rates.dedup();
    document.taxes = rates
        .into_iter()
        .map(|tax| {
            let of_rate = document.lines.iter().filter(|line| line.tax == tax);
            let base_minor: i64 = of_rate.map(|line| line.net_minor).sum();
            let exact = tax.percent.mul_int(i128::from(base_minor)).times(&Exact::ratio(1, 100));
            let (floor, half) = exact.floor_and_half();
            let up = half != std::cmp::Ordering::Less;
            let tax_minor = floor.plus(up).to_i64().expect("a small amount");
            TaxSubtotal { tax, base_minor, tax_minor }
        })
        .collect();
    document.net_minor = document.lines.iter().map(|line| line.net_minor).sum();
    document.tax_minor = document.taxes.iter().map(|tax| tax.tax_minor).sum();
    document.gross_minor = document.net_minor + document.tax_minor;
    document.payable_minor = document.gross_minor;
    document.breakdowns = Breakdowns {
        category: breakdown(&document, |line| line.category.as_str().to_owned()),
        project: breakdown(&document, |line| line.project.clone().unwrap_or_else(String::new)),
        resource: Vec::new(),
        tag: Vec::new(),
    };
    document
}

fn breakdown(document: &InvoiceDocument, key: impl Fn(&Line) -> String) -> Vec<BreakdownEntry> {
    let mut entries: Vec<BreakdownEntry> = Vec::new();
    for line in &document.lines {
        let key = key(line);
        match entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => entry.net_minor += line.net_minor,
            None => {
                entries.push(BreakdownEntry { label: key.clone(), key, net_minor: line.net_minor })
            }
        }
    }
    entries
}

const PROJECTS: [&str; 5] = ["Web shop", "Data platform", "Intranet", "Build farm", "Archive"];

/// Sixty lines on three pages, three tax groups, a late correction.
pub fn long() -> Sample {
    let mut document = document(Some("NL-2026-00042"), "EUR", Language::En);
    document.buyer.vat_id = Some("DE987654321".to_owned());
    document.style.closing = Some(
        "Thank you for building on Nordlicht. Questions? Write to billing@nordlicht.example."
            .to_owned(),
    );
    document.style.footer = vec![
        vec![
            "Nordlicht Cloud GmbH".to_owned(),
            "Speicherstraße 12, 20457 Hamburg".to_owned(),
            "nordlicht.example · billing@nordlicht.example".to_owned(),
        ],
        vec![
            "Amtsgericht Hamburg, HRB 123456".to_owned(),
            "Managing directors: Ida Sørensen, Jörg Weiß".to_owned(),
            "VAT ID DE123456789 · Tax no. 48/123/45678".to_owned(),
        ],
        vec![
            "Commerzbank Hamburg".to_owned(),
            "IBAN DE89 3704 0044 0532 0130 00".to_owned(),
            "BIC COBADEFFXXX".to_owned(),
        ],
    ];
    Sample {
        name: "long",
        document: finish(document, long_lines()),
        contact: Some(Contact {
            name: Some("Ms Ayşe Çelik-Nováková".to_owned()),
            ..Contact::default()
        }),
        parts: Vec::new(),
        logo: Some(logo()),
    }
}

fn long_lines() -> Vec<Line> {
    let mut lines = Vec::new();
    for (index, project) in PROJECTS.iter().enumerate() {
        let hours = 744 * (index + 1);
        let mut add =
            |line: Line| lines.push(Line { project: Some((*project).to_owned()), ..line });
        // Long invoices have lines of both heights.
        let detail = if index < 4 { String::new() } else { format!("Project {project}") };
        let hours_text = hours.to_string();
        let (cpu, ram) = ((hours * 8).to_string(), (hours * 32).to_string());
        use Category::{Application, Network, Other, RunningMachines, StoppedMachines, Storage};
        add(line(RunningMachines, "Large 8C-32G", &detail, (&hours_text, "hour", "0.1984")));
        add(line(RunningMachines, "vCPU hours", &detail, (&cpu, "vcpu_hour", "0.0125")));
        add(line(RunningMachines, "Memory", &detail, (&ram, "ram_gib_hour", "0.0031")));
        add(line(StoppedMachines, "Large 8C-32G, stopped", &detail, ("31.5", "hour", "0.02")));
        let volume = line(Storage, "Fast SSD volumes", &detail, ("372000", "gib_hour", "0.10"));
        add(Line { base: exact("744"), ..volume });
        let snapshots = ("14880.333333", "gib_hour", "0.0000537634");
        add(line(Storage, "Volume snapshots", &detail, snapshots));
        let backups = ("99200", "gib_hour", "0.0000403226");
        add(line(Storage, "Backup repository", &detail, backups));
        add(line(Network, "Traffic sent", &detail, ("812.437119", "gb", "0.045")));
        add(line(Network, "Public IPv4 address", &detail, ("2232", "hour", "0.004")));
        add(line(Network, "Load balancer rule", &detail, ("744", "hour", "0.008")));
        let licence = line(
            Application,
            "Windows Server 2025 licence",
            &detail,
            (&hours_text, "hour", "0.046"),
        );
        add(Line { tax: standard("7"), ..licence });
        let support = line(Other, "Support plan Business", &detail, ("1", "piece", "49.00"));
        add(Line { kind: ChargeKind::Flat, ..support });
    }
    lines.sort_by_key(|line| line.category);
    for line in lines.iter_mut().filter(|line| line.category >= Category::Network) {
        line.detail = None;
    }
    let last = lines.len() - 1;
    lines[last].tax = untaxed(TaxCategory::E, "Exempt under § 4 no. 21 UStG (training).");
    lines[last].text = "Training day, cloud operations".to_owned();
    lines[3].service_from = "2026-09-01".to_owned();
    lines[3].service_until = "2026-09-30".to_owned();
    lines[3].corrects = Some(Reference {
        id: InvoiceId("0193a1c0-0000-7000-8000-000000000007".to_owned()),
        number: "NL-2026-00007".to_owned(),
        issue_date: "2026-10-05".to_owned(),
    });
    lines
}

/// Two lines in one category.
pub fn short() -> Sample {
    let document = document(Some("NL-2026-00043"), "EUR", Language::De);
    let lines = vec![
        line(Category::RunningMachines, "Klein 1C-1G", "Projekt Blog", ("744", "hour", "0.012")),
        line(
            Category::RunningMachines,
            "Mittel 2C-4G",
            "Projekt Blog · 3 Maschinen",
            ("1488.000002", "hour", "0.031"),
        ),
    ];
    let document = finish(document, lines);
    Sample { name: "short", document, contact: None, parts: Vec::new(), logo: None }
}

/// A credit note in German.
pub fn credit_note() -> Sample {
    let mut document = document(Some("NL-G-2026-00003"), "EUR", Language::De);
    document.kind = DocumentKind::CreditNote;
    document.due_date = None;
    document.corrects = Some(Reference {
        id: InvoiceId("0193a1c0-0000-7000-8000-000000000042".to_owned()),
        number: "NL-2026-00042".to_owned(),
        issue_date: "2026-11-05".to_owned(),
    });
    document.reason = Some(
        "Ausfall des Speichersystems am 12. Oktober 2026, Gutschrift nach Ziffer 7 der \
         Dienstgütevereinbarung."
            .to_owned(),
    );
    let volume = line(
        Category::Storage,
        "Schnelle SSD-Volumes",
        "Projekt Webshop",
        ("37200", "gib_hour", "0.10"),
    );
    let lines = vec![
        line(Category::RunningMachines, "Groß 8C-32G", "Projekt Webshop", ("24", "hour", "0.1984")),
        Line { base: exact("744"), project: Some("Webshop".to_owned()), ..volume },
    ];
    let document = finish(document, lines);
    Sample { name: "credit-note", document, contact: None, parts: Vec::new(), logo: Some(logo()) }
}

/// A draft with names longer than any line.
pub fn draft() -> Sample {
    let mut document = document(None, "EUR", Language::Fr);
    document.buyer.name = "Société coopérative d’exploitation des infrastructures numériques \
                           partagées du littoral méditerranéen et des vallées alpines"
        .to_owned();
    document.bank = None;
    document.seller.vat_id = None;
    let long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
    let lines = vec![
        line(Category::RunningMachines, &format!("{long}-{long}"), long, ("744", "hour", "12.5")),
        line(Category::Network, "Trafic sortant", "", ("0.000001", "gb", "0.0000012345")),
        line(Category::Other, "Plafond du tarif", "", ("-1", "piece", "310.00")),
    ];
    let document = finish(document, lines);
    Sample { name: "draft", document, contact: None, parts: Vec::new(), logo: None }
}

/// Yen, an export, and a buyer written in kanji.
pub fn yen() -> Sample {
    let mut document = document(Some("NL-2026-00044"), "JPY", Language::En);
    document.buyer =
        buyer("株式会社さくらクラウド", &["千代田区丸の内1-1"], ("100-0005", "東京都"), "JP");
    document.style.colour = "#f2c200".to_owned();
    let export = untaxed(TaxCategory::G, "Not taxable in Germany: recipient outside the EU.");
    let lines = vec![
        line(
            Category::RunningMachines,
            "大規模 8C-32G",
            "プロジェクト 基盤",
            ("744", "hour", "31.2"),
        ),
        line(Category::Storage, "SSD", "プロジェクト 基盤", ("500", "gb", "12.75")),
    ];
    let lines = lines.into_iter().map(|line| Line { tax: export.clone(), ..line }).collect();
    let document = finish(document, lines);
    Sample { name: "yen", document, contact: None, parts: Vec::new(), logo: None }
}

/// Names in many scripts, and a reverse charge.
pub fn scripts() -> Sample {
    let mut document = document(Some("NL-2026-00045"), "EUR", Language::De);
    document.buyer =
        buyer("Ελληνική Πληροφορική Α.Ε.", &["Οδός Ερμού 5"], ("105 63", "Αθήνα"), "GR");
    document.buyer.vat_id = Some("EL123456789".to_owned());
    let reverse = untaxed(TaxCategory::AE, "Steuerschuldnerschaft des Leistungsempfängers.");
    let names = [
        ("شركة السحاب العربية المحدودة", "مشروع Web-01 (إنتاج)"),
        ("חברת הענן בע״מ 2026", "פרויקט אתר"),
        ("บริษัท คลาวด์ไทย จำกัด", "โครงการ เว็บไซต์"),
        ("Облачные технологии, ООО", "Проект «Витрина»"),
        ("Công ty Điện toán Đám mây Việt", "Dự án Cửa hàng"),
        ("云计算有限公司", "项目 门户网站"),
        ("클라우드 주식회사", "프로젝트 포털"),
        ("Ångström Łódź Ğüneş Žižka ﬁne Ω 10 µs", "e\u{301}te\u{301} nai\u{308}ve"),
    ];
    let lines = names
        .iter()
        .map(|(text, detail)| Line {
            tax: reverse.clone(),
            ..line(Category::RunningMachines, text, detail, ("10", "hour", "1.25"))
        })
        .collect();
    let document = finish(document, lines);
    Sample { name: "scripts", document, contact: None, parts: Vec::new(), logo: Some(logo()) }
}

/// The usage annex on the PDF.
pub fn annex() -> Sample {
    let mut sample = short();
    sample.name = "annex";
    sample.document.style.annex = true;
    for line in 1..=2 {
        let net = sample.document.lines[line - 1].net_minor;
        for ordinal in 1..=40 {
            let rest = if ordinal == 1 { net - 39 * (net / 40) } else { net / 40 };
            sample.parts.push(ChargePart {
                line: u32::try_from(line).expect("small"),
                ordinal,
                owner: owner(),
                project: Some("Blog".to_owned()),
                account: Some("alice".to_owned()),
                meter: "vm_running".to_owned(),
                resource: format!("5f0c{ordinal:04}"),
                resource_name: format!("=web-{ordinal:02}"),
                tags: vec!["env=prod".to_owned()],
                quantity: Exact::ratio(93, 5),
                exact: Exact::ratio(i128::from(rest), 100),
                net_minor: rest,
                record_first: String::new(),
                record_last: String::new(),
                record_count: 31,
                record_hash: "ab".repeat(32),
            });
        }
    }
    sample
}

/// No address, no bank, nothing to pay.
pub fn bare() -> Sample {
    let mut document = document(Some("NL-2026-00046"), "EUR", Language::En);
    document.buyer = buyer("Alice", &[], ("", ""), "");
    document.buyer.number = None;
    document.bank = None;
    document.seller.registration = None;
    let lines = vec![line(Category::RunningMachines, "Small 1C-1G", "", ("744", "hour", "0"))];
    let document = finish(document, lines);
    Sample { name: "bare", document, contact: None, parts: Vec::new(), logo: None }
}

/// A logo with transparent parts, drawn by the test.
pub fn logo() -> Vec<u8> {
    const WIDTH: u32 = 420;
    const HEIGHT: u32 = 120;
    let mut pixels = Vec::new();
    for y in 0..i64::from(HEIGHT) {
        for x in 0..i64::from(WIDTH) {
            let ring = (x - 60).pow(2) + (y - 60).pow(2);
            let inner = (x - 72).pow(2) + (y - 48).pow(2);
            let bar = (140..400).contains(&x)
                && [(28, 46), (56, 70), (80, 92)]
                    .iter()
                    .any(|(from, until)| (*from..*until).contains(&y) && x < 400 - (from - 28) * 2);
            let alpha = if bar || (ring < 3_300 && inner > 1_500) { 255 } else { 0 };
            pixels.extend([0x0b, 0x5c, 0x8f, alpha]);
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect("write a PNG head");
    writer.write_image_data(&pixels).expect("write PNG pixels");
    drop(writer);
    bytes
}
