//! Goal: the verbs of price books, sellers and customers do what they say, from a file on the
//! disk to rows, and refuse what is wrong. Method: command lines parsed and run on a database.

use billow::cli::{Exit, Output, catalog, customers, prices, sellers};
use billow::customer::store::{AsOf, load_asset, load_customer_agreements, load_mappings};
use billow::period::Span;
use clap::Parser;
use sqlx::Executor;

use super::fake::{World, seconds};
use crate::customer::stories::{customer, seller, two_sellers};
use crate::on_both_engines;
use crate::support::db::folder;

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    Catalog(catalog::Args),
    Prices(prices::Args),
    Sellers(sellers::Args),
    Customers(customers::Args),
}

async fn run(world: &World, words: &[&str]) -> anyhow::Result<Exit> {
    let line = Line::try_parse_from(std::iter::once(&"billow").chain(words))?;
    let out = Output::new(true);
    match line.verb {
        Verb::Catalog(args) => catalog::run(&world.app, args, out).await,
        Verb::Prices(args) => prices::run(&world.app, args, out).await,
        Verb::Sellers(args) => sellers::run(&world.app, args, out).await,
        Verb::Customers(args) => customers::run(&world.app, args, out).await,
    }
}

async fn done(world: &World, words: &[&str]) {
    match run(world, words).await {
        Ok(Exit::Done) => {}
        other => panic!("{words:?}: {other:?}"),
    }
}

async fn refused(world: &World, words: &[&str]) -> String {
    match run(world, words).await {
        Ok(exit) => panic!("{words:?} was not refused: {exit:?}"),
        Err(error) => format!("{error:#}"),
    }
}

on_both_engines! {
    async fn a_book_goes_round(db: Db) {
        let world = two_sellers(db).await;
        let folder = folder("prices");
        let path = |name: &str| folder.join(name).display().to_string();
        let (file, again, plain) = (path("book.toml"), path("again.toml"), path("plain.toml"));
        done(&world, &["prices", "generate", "--out", &file, "--vcpu-hour", "0.02"]).await;
        let message = refused(&world, &["prices", "generate", "--out", &file]).await;
        assert!(message.ends_with("exists already: give --force to overwrite it"), "{message}");
        done(&world, &["prices", "check", &file]).await;
        done(&world, &["prices", "apply", &file, "--from", "2026-10-01"]).await;
        done(&world, &["prices", "export", "standard", "--out", &again]).await;
        let bytes = |path: &str| std::fs::read(path).expect("read");
        assert_eq!(bytes(&file), bytes(&again), "exported as it was applied");
        done(&world, &["prices", "diff", "standard@1", &again]).await;
        done(&world, &["prices", "export", "standard@1", "--canonical", "--out", &plain]).await;
        done(&world, &["prices", "diff", &plain, "standard"]).await;
        let text = std::fs::read_to_string(&file).expect("read").replace("\"0.02\"", "\"0.03\"");
        std::fs::write(&again, text).expect("write");
        let exit = run(&world, &["prices", "diff", "standard", &again]).await.expect("runs");
        assert_eq!(exit, Exit::Found);
        done(&world, &["prices", "apply", &again, "--from", "2026-12-01T00:00:00Z"]).await;
        done(&world, &["prices", "apply", &file, "--from", "2026-10-01", "--book", "gold"]).await;
        done(&world, &["prices", "list"]).await;
        done(&world, &["prices", "show", "gold"]).await;
        let mut conn = world.app.db.read().await.expect("read");
        let rows = billow::catalog::store::load_version_rows(&mut conn, None, world.now()).await;
        let rows = rows.expect("versions");
        let listed: Vec<_> = rows.iter().map(|row| (row.id.as_str(), row.valid_from)).collect();
        // A day begins at the provider's midnight.
        let october = seconds("2026-09-30T22:00:00Z");
        let december = seconds("2026-12-01T00:00:00Z");
        let wanted =
            [("gold@1", october), ("standard@1", october), ("standard@2", december)];
        assert_eq!(listed, wanted);
        let message = refused(&world, &["prices", "show", "silver"]).await;
        assert_eq!(
            message,
            "no price book \"silver\": billow prices list shows what is applied"
        );
    }
}

on_both_engines! {
    async fn a_wrong_file_changes_nothing(db: Db) {
        let world = two_sellers(db).await;
        let path = folder("prices").join("wrong.toml").display().to_string();
        std::fs::write(&path, "[book]\ncode = \"standard\"\ncurrency = \"EUR\"\n").expect("write");
        let exit = run(&world, &["prices", "check", &path]).await.expect("runs");
        assert_eq!(exit, Exit::Found);
        let message = refused(&world, &["prices", "apply", &path, "--from", "2026-10-01"]).await;
        assert_eq!(
            message,
            format!(
                "{path}:1:1: the book has no [[price]]; add at least one [[price]]; billow prices \
                 generate writes a whole book"
            )
        );
        std::fs::write(&path, b"[book]\n\n# \xff").expect("write");
        let message = refused(&world, &["prices", "diff", &path, &path]).await;
        assert_eq!(message, format!("{path}:3:1: the file is not UTF-8; save it as UTF-8"));
        let mut conn = world.app.db.read().await.expect("read");
        let rows = billow::catalog::store::load_version_rows(&mut conn, None, world.now()).await;
        assert!(rows.expect("versions").is_empty());
    }
}

/// The smallest right PNG: one transparent pixel.
fn pixel() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().expect("header");
    writer.write_image_data(&[0, 0, 0, 0]).expect("pixel");
    writer.finish().expect("end");
    bytes
}

on_both_engines! {
    async fn sellers_are_made_and_changed(db: Db) {
        let world = two_sellers(db).await;
        let folder = folder("sellers");
        let file = folder.join("seller.toml").display().to_string();
        let toml = "name = \"Gamma Hosting\"\ncurrency = \"EUR\"\ntime_zone = \"Europe/Paris\"\n\
                    invoice_series = \"GH\"\ncredit_series = \"GC\"\nprice_book = \"standard\"\n\
                    [address]\ncountry = \"FR\"\n";
        std::fs::write(&file, toml).expect("write");
        let set = ["sellers", "set", "gamma", "--file", &file];
        let message = refused(&world, &set).await;
        assert!(message.starts_with("seller provider has no parent already"), "{message}");
        let logo = folder.join("logo.png").display().to_string();
        std::fs::write(&logo, pixel()).expect("write");
        let with_all = [&set[..], &["--parent", "alpha", "--domain", "cs1/ROOT/alpha/x"]].concat();
        done(&world, &[&with_all[..], &["--logo", &logo]].concat()).await;
        let made = seller(&world, "gamma").await;
        assert_eq!(made.details.time_zone, "Europe/Paris");
        let hash = made.details.style.logo.clone().expect("a logo");
        let mut conn = world.app.db.read().await.expect("read");
        let kept = load_asset(&mut conn, &hash).await.expect("load").expect("there");
        assert_eq!(kept, pixel());
        // The account below the new seller's domain goes to it, from the beginning.
        let gamma = customer(&world, "gamma").await;
        let agreements = load_customer_agreements(&mut conn, &gamma.id, world.now()).await;
        let agreements = agreements.expect("agreements");
        assert_eq!((agreements.len(), &agreements[0].seller), (1, &made.id));
        drop(conn);
        let change = ["sellers", "set", "gamma", "--field", "address.city=Lyon"];
        let change = [&change[..], &["--field", "payment_terms_days=30"]].concat();
        done(&world, &change).await;
        let made = seller(&world, "gamma").await;
        assert_eq!(made.details.address.city, "Lyon");
        assert_eq!(made.details.payment_terms_days, 30);
        assert_eq!(made.details.style.logo.as_ref(), Some(&hash), "what is not named stays");
        std::fs::write(&logo, b"GIF89a").expect("write");
        let message = refused(&world, &["sellers", "set", "gamma", "--logo", &logo]).await;
        assert!(message.starts_with("logo: it is no PNG"), "{message}");
        let message =
            refused(&world, &["sellers", "set", "gamma", "--field", "nmae=Gamma"]).await;
        assert!(message.contains("unknown field `nmae`"), "{message}");
        done(&world, &["sellers", "list"]).await;
        done(&world, &["sellers", "show", "gamma"]).await;
    }
}

on_both_engines! {
    async fn customers_are_set_mapped_and_moved(db: Db) {
        let world = two_sellers(db).await;
        let folder = folder("customers");
        let book = folder.join("book.toml").display().to_string();
        done(&world, &["prices", "generate", "--out", &book, "--code", "gold"]).await;
        let message =
            refused(&world, &["customers", "set", "C00001", "--price-book", "gold"]).await;
        assert_eq!(
            message,
            "price book gold has no version yet: apply it first with billow prices apply"
        );
        done(&world, &["prices", "apply", &book, "--from", "2026-10-01"]).await;
        done(&world, &["customers", "set", "C00001", "--price-book", "gold"]).await;
        let name = ["customers", "set", "C00001", "--field", "name=Acme Ltd"];
        done(&world, &[&name[..], &["--field", "address.country=NL"]].concat()).await;
        let acme = customer(&world, "Acme Ltd").await;
        assert_eq!(acme.details.address.country, "NL");
        let mut conn = world.app.db.read().await.expect("read");
        let found = load_customer_agreements(&mut conn, &acme.id, world.now()).await;
        let found = found.expect("agreements");
        let november = seconds("2026-10-31T23:00:00Z");
        let books: Vec<_> = found.iter().map(|a| (a.price_book.as_str(), a.from)).collect();
        assert_eq!(books, [("standard", 0), ("gold", november)]);
        drop(conn);
        let new = ["customers", "set", "new", "--seller", "alpha", "--field", "name=New"];
        done(&world, &new).await;
        let made = customer(&world, "New").await;
        assert_eq!(made.number, "C00004");
        let map = ["customers", "map", "cs1/shop", "--to", "C00004", "--from", "2026-10-05"];
        done(&world, &map).await;
        let mut conn = world.app.db.read().await.expect("read");
        let always = Span::new(0, i64::MAX);
        let owners = load_mappings(&mut conn, &made.id, always, world.now()).await.expect("load");
        let from = seconds("2026-10-04T22:00:00Z");
        assert_eq!((owners[0].owner.id.as_str(), owners[0].from), ("p1", from));
        drop(conn);
        let message = refused(&world, &["customers", "map", "cs1/nobody", "--to", "C00004"]).await;
        assert_eq!(
            message,
            "cs1/nobody: neither the catalogue nor the usage of cs1 knows it"
        );
        let message = refused(&world, &["customers", "move", "C00003", "--to", "alpha"]).await;
        assert_eq!(message, "customer C00003 is billed by alpha already");
        done(&world, &["customers", "move", "C00002", "--to", "alpha"]).await;
        let message = refused(&world, &["customers", "show", "C00009"]).await;
        assert_eq!(message, "no customer \"C00009\": billow customers list shows them");
        done(&world, &["customers", "show", "c00002"]).await;
        done(&world, &["customers", "list", "--seller", "alpha"]).await;
        done(&world, &["catalog", "sync"]).await;
        done(&world, &["catalog", "list", "--kind", "zone"]).await;
        let as_of = AsOf::now(world.now());
        let mut conn = world.app.db.read().await.expect("read");
        let all = billow::customer::store::load_customers(&mut conn, as_of).await.expect("load");
        assert_eq!(all.len(), 5);
    }
}

/// A day of a machine of acme, as collection would store it.
async fn store_usage(world: &World) {
    let mut tx = world.app.db.begin().await.expect("begin");
    let set = "INSERT INTO attribute_set (id, hash, attributes) VALUES (1, 'h', $1)";
    let attributes = r#"{"offering":"o1","vcpus":"2","ram_mib":"4096"}"#;
    tx.execute(sqlx::query(set).bind(attributes)).await.expect("attributes");
    let record = "INSERT INTO usage_record (source, owner, span_from, meter, resource, identity, \
                  revision, span_until, kind, quantity, attribute_set, evidence, \
                  evidence_index, recorded_at) VALUES ('cs1', 'a1', $1, 'vm_running', 'vm1', \
                  'i', 0, $2, 'interval', '24', 1, 1, 0, $3)";
    let from = seconds("2026-10-05T00:00:00Z");
    let query = sqlx::query(record).bind(from).bind(from + 86_400).bind(world.now());
    tx.execute(query).await.expect("record");
    tx.commit().await.expect("commit");
}

on_both_engines! {
    async fn usage_without_a_price_is_found_until_there_is_one(db: Db) {
        let world = two_sellers(db).await;
        let path = folder("unpriced").join("book.toml").display().to_string();
        let text = "[book]\ncode = \"standard\"\ncurrency = \"EUR\"\n[[price]]\ncode = \"v\"\n\
                    meter = \"volume\"\nunit = \"gib_month\"\namount = \"0.1\"\n";
        std::fs::write(&path, text).expect("write");
        done(&world, &["prices", "apply", &path, "--from", "2026-10-01"]).await;
        done(&world, &["catalog", "unpriced"]).await;
        store_usage(&world).await;
        let exit = run(&world, &["catalog", "unpriced"]).await.expect("runs");
        assert_eq!(exit, Exit::Found);
        done(&world, &["catalog", "unpriced", "--seller", "alpha"]).await;
        done(&world, &["catalog", "unpriced", "--period", "2026-09"]).await;
        world.at("2026-10-11T00:00:00Z");
        done(&world, &["prices", "generate", "--out", &path, "--force"]).await;
        done(&world, &["prices", "apply", &path, "--from", "2026-10-01"]).await;
        done(&world, &["catalog", "unpriced"]).await;
    }
}
