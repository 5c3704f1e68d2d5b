//! What makes the file PDF/A-3a and PDF/UA-1: output intent, metadata, ids, and how it is saved.

use lopdf::{Document, Object, ObjectId, SaveOptions, Stream, StringFormat, dictionary};
use sha2::{Digest, Sha256};

use super::draw::deflate;
use super::tags::text;
use crate::bill::document::InvoiceDocument;
use crate::present::format;

const SRGB: &[u8] = include_bytes!("../../../assets/icc/sRGB-v2-magic.icc");
const SRGB_NAME: &str = "sRGB IEC61966-2.1";
const PRODUCER: &str = "Billow";
/// Objects that are no streams lie in one compressed stream: half the size when tagged.
const OBJECTS_PER_STREAM: usize = 100_000;
const DEFLATE_LEVEL: u32 = 6;

/// Completes a drawn document.
pub fn complete(
    pdf: &mut Document,
    document: &InvoiceDocument,
    structure: ObjectId,
) -> Result<(), lopdf::Error> {
    "1.7".clone_into(&mut pdf.version);
    for page in pdf.get_pages().into_values() {
        pdf.get_object_mut(page)?.as_dict_mut()?.remove(b"Annots");
    }
    let title = format::full_title(document);
    let instant = instant(document);
    let packet = pdf.add_object(
        Stream::new(
            dictionary! { "Type" => "Metadata", "Subtype" => "XML" },
            xmp(document, &title, &instant.iso).into_bytes(),
        )
        .with_compression(false),
    );
    let profile = pdf.add_object(Stream::new(dictionary! { "N" => 3 }, SRGB.to_vec()));
    let intent = dictionary! {
        "Type" => "OutputIntent",
        "S" => "GTS_PDFA1",
        "OutputConditionIdentifier" => text(SRGB_NAME),
        "Info" => text(SRGB_NAME),
        "DestOutputProfile" => Object::Reference(profile),
    };
    let catalog = pdf.catalog_mut()?;
    catalog.set("Lang", text(format::language_tag(document.language)));
    catalog.set("Metadata", Object::Reference(packet));
    catalog.set("OutputIntents", vec![Object::Dictionary(intent)]);
    catalog.set("StructTreeRoot", Object::Reference(structure));
    catalog.set("MarkInfo", dictionary! { "Marked" => true });
    catalog.set("ViewerPreferences", dictionary! { "DisplayDocTitle" => true });
    let info = pdf.add_object(dictionary! {
        "Title" => text(&title),
        "Author" => text(&document.seller.name),
        "Producer" => text(PRODUCER),
        "Creator" => text(PRODUCER),
        "CreationDate" => text(&instant.pdf),
        "ModDate" => text(&instant.pdf),
    });
    if let Ok(old) = pdf.trailer.get(b"Info").and_then(Object::as_reference) {
        pdf.objects.remove(&old);
    }
    pdf.trailer.set("Info", Object::Reference(info));
    let id = Object::String(file_id(document), StringFormat::Hexadecimal);
    pdf.trailer.set("ID", vec![id.clone(), id]);
    Ok(())
}

/// Deflates what is plain, and writes the file.
pub fn save(pdf: &mut Document) -> Result<Vec<u8>, std::io::Error> {
    for object in pdf.objects.values_mut() {
        let Object::Stream(stream) = object else { continue };
        let is_metadata = stream.dict.has_type(b"Metadata");
        if !is_metadata && !stream.dict.has(b"Filter") {
            let deflated = deflate(&stream.content);
            stream.set_content(deflated);
            stream.dict.set("Filter", "FlateDecode");
        }
    }
    let options = SaveOptions::builder()
        .use_object_streams(true)
        .use_xref_streams(true)
        .max_objects_per_stream(OBJECTS_PER_STREAM)
        .compression_level(DEFLATE_LEVEL)
        .build();
    let mut bytes = Vec::new();
    pdf.save_with_options(&mut bytes, options)?;
    Ok(bytes)
}

struct Instant {
    iso: String,
    pdf: String,
}

/// When the document was made, by its own rows: the day of issue, or what a draft rests on.
fn instant(document: &InvoiceDocument) -> Instant {
    if let Some(day) = &document.issue_date {
        let compact: String = day.chars().filter(char::is_ascii_digit).collect();
        return Instant {
            iso: format!("{day}T00:00:00Z"),
            pdf: format!("D:{compact}000000+00'00'"),
        };
    }
    let at = jiff::Timestamp::from_second(document.known_at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    Instant {
        iso: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        pdf: at.strftime("D:%Y%m%d%H%M%S+00'00'").to_string(),
    }
}

fn file_id(document: &InvoiceDocument) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [
        document.id.as_str(),
        document.number.as_deref().unwrap_or("draft"),
        &document.known_at.to_string(),
    ] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize()[..16].to_vec()
}

fn xmp(document: &InvoiceDocument, title: &str, at: &str) -> String {
    let language = format::language_tag(document.language);
    let (title, author) = (xml(title), xml(&document.seller.name));
    format!(
        r#"<?xpacket begin="{bom}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"
 xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>{author}</rdf:li></rdf:Seq></dc:creator>
<dc:language><rdf:Bag><rdf:li>{language}</rdf:li></rdf:Bag></dc:language>
<xmp:CreatorTool>{PRODUCER}</xmp:CreatorTool>
<xmp:CreateDate>{at}</xmp:CreateDate>
<xmp:ModifyDate>{at}</xmp:ModifyDate>
<pdf:Producer>{PRODUCER}</pdf:Producer>
<pdfaid:part>3</pdfaid:part>
<pdfaid:conformance>A</pdfaid:conformance>
<pdfuaid:part>1</pdfuaid:part>
</rdf:Description>
{EXTENSION}
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"#,
        bom = '\u{feff}'
    )
}

/// PDF/A asks for a description of each property that it does not know itself.
const EXTENSION: &str = r#"<rdf:Description rdf:about=""
 xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
 xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA Universal Accessibility Schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289 that the file follows</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>"#;

/// Text as XML takes it.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
