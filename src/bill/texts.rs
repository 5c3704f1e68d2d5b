//! The words on invoice lines, frozen with them in the document's language. PURE.

use super::document::{ChargePart, Language};
use crate::catalog::price::{MonthMode, Per, Price};
use crate::meter::Category;
use crate::rate::{Charge, ChargeKind};

/// Names of built-in meters: code, English, German, French.
const METERS: [(&str, [&str; 3]); 33] = [
    ("vm_running", ["Running machine", "Laufende Maschine", "Machine en marche"]),
    ("vm_allocated", ["Allocated machine", "Zugeteilte Maschine", "Machine allouée"]),
    ("vm_stopped", ["Stopped machine", "Gestoppte Maschine", "Machine arrêtée"]),
    ("vm_paused", ["Paused machine", "Pausierte Maschine", "Machine en pause"]),
    ("vm_suspended", ["Suspended machine", "Angehaltene Maschine", "Machine suspendue"]),
    ("vm_shelved", ["Shelved machine", "Eingelagerte Maschine", "Machine mise de côté"]),
    (
        "vm_shelved_offloaded",
        [
            "Shelved machine, off its host",
            "Eingelagerte Maschine ohne Host",
            "Machine mise de côté, hors hôte",
        ],
    ),
    ("ip_address", ["Public IP address", "Öffentliche IP-Adresse", "Adresse IP publique"]),
    ("network_sent", ["Outgoing traffic", "Ausgehender Verkehr", "Trafic sortant"]),
    ("network_received", ["Incoming traffic", "Eingehender Verkehr", "Trafic entrant"]),
    ("volume", ["Volume", "Volume", "Volume"]),
    ("template", ["Template", "Vorlage", "Modèle"]),
    ("iso", ["ISO image", "ISO-Abbild", "Image ISO"]),
    ("snapshot", ["Volume snapshot", "Volume-Snapshot", "Instantané de volume"]),
    ("security_group", ["Security group", "Sicherheitsgruppe", "Groupe de sécurité"]),
    ("load_balancer", ["Load balancer rule", "Lastverteiler-Regel", "Règle de répartition"]),
    ("port_forwarding", ["Port forwarding rule", "Portweiterleitung", "Redirection de port"]),
    ("network_interface", ["Network interface", "Netzwerkschnittstelle", "Interface réseau"]),
    ("vpn_user", ["VPN user", "VPN-Benutzer", "Utilisateur VPN"]),
    ("disk_read_requests", ["Disk reads", "Lesezugriffe", "Lectures disque"]),
    ("disk_write_requests", ["Disk writes", "Schreibzugriffe", "Écritures disque"]),
    ("disk_read_bytes", ["Data read from disk", "Gelesene Daten", "Données lues"]),
    ("disk_write_bytes", ["Data written to disk", "Geschriebene Daten", "Données écrites"]),
    ("vm_snapshot", ["Machine snapshot", "Maschinen-Snapshot", "Instantané de machine"]),
    ("volume_secondary", ["Uploaded volume", "Hochgeladenes Volume", "Volume téléversé"]),
    (
        "vm_snapshot_on_primary",
        [
            "Machine snapshot on primary storage",
            "Maschinen-Snapshot auf Primärspeicher",
            "Instantané de machine sur stockage primaire",
        ],
    ),
    ("backup", ["Backup", "Sicherung", "Sauvegarde"]),
    ("bucket", ["Object storage", "Objektspeicher", "Stockage objet"]),
    ("object_storage", ["Object storage", "Objektspeicher", "Stockage objet"]),
    ("share", ["File share", "Dateifreigabe", "Partage de fichiers"]),
    ("network", ["Network", "Netzwerk", "Réseau"]),
    ("vpc", ["Virtual private cloud", "Virtuelle private Cloud", "Cloud privé virtuel"]),
    ("router", ["Router", "Router", "Routeur"]),
];

fn slot(language: Language) -> usize {
    match language {
        Language::En => 0,
        Language::De => 1,
        Language::Fr => 2,
    }
}

/// A colon; in French a space that does not break stands before it.
fn colon(language: Language) -> &'static str {
    pick(language, [":", ":", "\u{a0}:"])
}

fn pick(language: Language, words: [&'static str; 3]) -> &'static str {
    words[slot(language)]
}

/// The name of a meter for people; an imported meter is named by its code.
pub fn meter(language: Language, code: &str) -> String {
    METERS
        .iter()
        .find(|(known, _)| *known == code)
        .map_or_else(|| code.to_owned(), |(_, names)| names[slot(language)].to_owned())
}

/// What a line pays for.
pub(super) fn line(
    language: Language,
    price: &Price,
    charge: &Charge,
    offering: Option<&str>,
) -> String {
    let subject = subject(language, price, charge, offering);
    match charge.kind {
        ChargeKind::Usage | ChargeKind::Flat | ChargeKind::OneOff | ChargeKind::Package => subject,
        ChargeKind::Included => {
            format!("{subject}, {}", pick(language, ["included", "inklusive", "inclus"]))
        }
        ChargeKind::TierFee => {
            let word = pick(language, ["fee of the tier", "Staffelgebühr", "frais de tranche"]);
            format!("{subject}, {word}")
        }
        ChargeKind::Minimum => {
            let words = ["up to the minimum", "bis zum Mindestbetrag", "jusqu’au minimum"];
            format!("{subject}, {}", pick(language, words))
        }
        ChargeKind::Cap => {
            let words = ["above the cap", "über der Obergrenze", "au-delà du plafond"];
            format!("{subject}, {}", pick(language, words))
        }
    }
}

fn subject(language: Language, price: &Price, charge: &Charge, offering: Option<&str>) -> String {
    if let Some(text) = &price.text {
        return text.clone();
    }
    let meter = meter(language, &price.meter);
    let attributes = charge.resource.as_ref().map(|resource| &resource.facts.attributes);
    if price.component == "licence" {
        let os = attributes
            .and_then(|all| all.get("os").or_else(|| all.get("template_name")))
            .map_or("", String::as_str);
        return format!("{} {os}", pick(language, ["Licence", "Lizenz", "Licence"]));
    }
    match offering {
        Some(offering) => format!("{meter}{} {offering}", colon(language)),
        None => meter,
    }
}

/// The second row of a line: project, how many resources, how the price is meant.
pub(super) fn detail(
    language: Language,
    price: &Price,
    charge: &Charge,
    charges: usize,
    parts: &[ChargePart],
) -> Option<String> {
    let mut words = Vec::new();
    if let Some(project) = parts.first().and_then(|part| part.project.clone()) {
        words.push(format!("{} {project}", pick(language, ["Project", "Projekt", "Projet"])));
    }
    match parts {
        [part] if !part.resource_name.is_empty() => words.push(part.resource_name.clone()),
        [] | [_] => {}
        many => {
            let word = pick(language, ["resources", "Ressourcen", "ressources"]);
            words.push(format!("{} {word}", many.len()));
        }
    }
    if charges > 0
        && let Per::Month(mode) = price.unit.per
        && matches!(charge.kind, ChargeKind::Usage | ChargeKind::Included)
    {
        words.push(month(language, mode, &charge.base.to_text_rounded(6)));
    }
    if let Some(tier) = &charge.tier {
        words.push(tier_text(language, tier));
    }
    (!words.is_empty()).then(|| words.join(" · "))
}

fn month(language: Language, mode: MonthMode, hours: &str) -> String {
    let words = match mode {
        MonthMode::Calendar => {
            ["price for the month of", "Preis für den Monat zu", "prix du mois de"]
        }
        MonthMode::Fixed730 | MonthMode::Fixed720 => {
            ["price for a month of", "Preis für einen Monat zu", "prix d’un mois de"]
        }
    };
    format!("{} {hours}\u{a0}h", pick(language, words))
}

fn tier_text(language: Language, tier: &crate::rate::TierSpan) -> String {
    let from = tier.from.to_text_rounded(6);
    match &tier.up_to {
        Some(up_to) => {
            let word = pick(language, ["tier", "Staffel", "tranche"]);
            format!("{word} {from}–{}", up_to.to_text_rounded(6))
        }
        None => format!(
            "{} {from}",
            pick(language, ["tier above", "Staffel über", "tranche au-delà de"])
        ),
    }
}

/// The text of a difference that is paid later.
pub(super) fn correction(language: Language, text: &str, number: &str) -> String {
    let words = [
        "later usage of the service period, difference to invoice",
        "Nachberechnung für den Leistungszeitraum, Differenz zu Rechnung",
        "complément pour la période de service, différence avec la facture",
    ];
    format!("{text}{} {} {number}", colon(language), pick(language, words))
}

/// Why a credit note was made by itself.
pub(super) fn withdrawn(language: Language, number: &str) -> String {
    let words = [
        "Usage was withdrawn or corrected after invoice",
        "Verbrauch wurde zurückgenommen oder berichtigt nach Rechnung",
        "Consommation retirée ou corrigée après la facture",
    ];
    format!("{} {number}", pick(language, words))
}

/// The name of a category for people.
pub fn category(language: Language, category: Category) -> &'static str {
    pick(
        language,
        match category {
            Category::Application => [
                "Applications and licences",
                "Anwendungen und Lizenzen",
                "Applications et licences",
            ],
            Category::RunningMachines => {
                ["Running machines", "Laufende Maschinen", "Machines en marche"]
            }
            Category::StoppedMachines => {
                ["Stopped machines", "Gestoppte Maschinen", "Machines arrêtées"]
            }
            Category::Storage => ["Storage", "Speicher", "Stockage"],
            Category::Network => ["Network", "Netzwerk", "Réseau"],
            Category::Other => ["Other", "Sonstiges", "Divers"],
        },
    )
}
