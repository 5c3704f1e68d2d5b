//! The console's own words in its three languages; documents have theirs in `present`.

use crate::bill::document::Language;

/// A text in English, German and French.
#[derive(Clone, Copy, Debug)]
pub struct Text(&'static str, &'static str, &'static str);

impl Text {
    /// The text in a language.
    pub fn to(self, language: Language) -> &'static str {
        match language {
            Language::En => self.0,
            Language::De => self.1,
            Language::Fr => self.2,
        }
    }
}

macro_rules! texts {
    ($($name:ident: $en:literal, $de:literal, $fr:literal;)*) => {
        $(pub const $name: Text = Text($en, $de, $fr);)*
    };
}

texts! {
    MONTH: "Month", "Monat", "Mois";
    INVOICES: "Invoices", "Rechnungen", "Factures";
    CREDIT_NOTE: "Credit note", "Gutschrift", "Avoir";
    CUSTOMERS: "Customers", "Kunden", "Clients";
    CUSTOMER: "Customer", "Kunde", "Client";
    DRAFTS: "Drafts", "Entwürfe", "Brouillons";
    DRAFT: "Draft", "Entwurf", "Brouillon";
    FINDINGS: "Findings", "Auffälligkeiten", "Anomalies";
    FINDING: "Finding", "Auffälligkeit", "Anomalie";
    SIGN_IN: "Sign in", "Anmelden", "Se connecter";
    SIGN_OUT: "Sign out", "Abmelden", "Se déconnecter";
    SIGN_IN_HOW: "Use your login of the cloud console.",
        "Verwenden Sie Ihre Anmeldung der Cloud-Konsole.",
        "Utilisez votre identifiant de la console du cloud.";
    NAME: "User name", "Benutzername", "Nom d’utilisateur";
    PASSWORD: "Password", "Passwort", "Mot de passe";
    DOMAIN: "Domain", "Domain", "Domaine";
    DOMAIN_HINT: "Leave empty unless you were given one.",
        "Leer lassen, wenn Ihnen keine genannt wurde.",
        "Laissez vide si aucun ne vous a été indiqué.";
    PROJECT: "Project", "Projekt", "Projet";
    PROJECT_HINT: "Leave empty for all that you have, or where your cloud has none.",
        "Leer lassen für alle, die Sie haben, oder wenn Ihre Cloud keine hat.",
        "Laissez vide pour tous les vôtres, ou si votre cloud n’en a pas.";
    SECOND_FACTOR: "Code of your second factor", "Code Ihres zweiten Faktors",
        "Code de votre second facteur";
    SECOND_FACTOR_HOW:
        "This login has a second factor. Enter your password again, with the code: \
         Billow keeps neither.",
        "Diese Anmeldung hat einen zweiten Faktor. Geben Sie das Passwort noch einmal ein, mit dem \
         Code: Billow merkt sich beides nicht.",
        "Ce compte a un second facteur. Saisissez de nouveau le mot de passe, avec le code : \
         Billow ne conserve ni l’un ni l’autre.";
    REFUSED: "The cloud does not accept this name and password.",
        "Die Cloud nimmt diesen Namen mit diesem Passwort nicht an.",
        "Le cloud n’accepte pas ce nom avec ce mot de passe.";
    SIGN_IN_AGAIN: "Your session has ended. Sign in again.",
        "Ihre Sitzung ist beendet. Melden Sie sich wieder an.",
        "Votre session est terminée. Reconnectez-vous.";
    SOURCE: "Cloud", "Cloud", "Cloud";
    TOTAL_NET: "Net total", "Summe netto", "Total HT";
    VAT: "VAT", "USt.", "TVA";
    TOTAL_GROSS: "Total with VAT", "Summe mit USt.", "Total TTC";
    YOUR_PART: "Your part, net", "Ihr Anteil, netto", "Votre part, HT";
    RUNNING: "This month is running: the figures grow with usage.",
        "Dieser Monat läuft: Die Zahlen wachsen mit der Nutzung.",
        "Ce mois est en cours : les chiffres augmentent avec l’usage.";
    INCOMPLETE: "The month is over, but not all of its usage has been collected yet. \
         Missing usage is not zero.",
        "Der Monat ist vorbei, aber noch nicht alle Nutzung ist eingesammelt. \
         Fehlende Nutzung ist nicht null.",
        "Le mois est terminé, mais tout son usage n’est pas encore collecté. \
         Un usage manquant n’est pas zéro.";
    COMPLETE: "All usage of this month is collected.",
        "Alle Nutzung dieses Monats ist eingesammelt.",
        "Tout l’usage de ce mois est collecté.";
    COMPLETE_UNTIL: "Usage collected until", "Nutzung eingesammelt bis", "Usage collecté jusqu’au";
    PROVISIONAL: "Later figures are provisional, of what was seen until",
        "Spätere Zahlen sind vorläufig, nach dem Stand von",
        "Les chiffres suivants sont provisoires, selon l’état au";
    PARTIAL: "You see the usage of your own account and projects, not the whole customer's.",
        "Sie sehen die Nutzung Ihres Kontos und Ihrer Projekte, nicht die des ganzen Kunden.",
        "Vous voyez l’usage de votre compte et de vos projets, pas celui de tout le client.";
    NO_USAGE: "Nothing was used in this month.", "In diesem Monat wurde nichts genutzt.",
        "Rien n’a été utilisé ce mois-ci.";
    HELD: "In doubt", "In Zweifel", "En doute";
    HELD_WHY: "These doubts hold the invoice until an operator decides.",
        "Diese Zweifel halten die Rechnung auf, bis ein Betreiber entscheidet.",
        "Ces doutes retiennent la facture jusqu’à la décision d’un opérateur.";
    BY_CATEGORY: "By category", "Nach Kategorie", "Par catégorie";
    BY_PROJECT: "By project", "Nach Projekt", "Par projet";
    NO_PROJECT: "Without project", "Ohne Projekt", "Sans projet";
    BY_DAY: "By day", "Nach Tag", "Par jour";
    BY_RESOURCE: "By resource", "Nach Ressource", "Par ressource";
    PERIOD: "Period", "Zeitraum", "Période";
    NUMBER: "Number", "Nummer", "Numéro";
    DATE: "Date", "Datum", "Date";
    DUE: "Due", "Fällig", "Échéance";
    NET: "Net", "Netto", "HT";
    GROSS: "With VAT", "Mit USt.", "TTC";
    STATE: "State", "Stand", "État";
    NO_INVOICES: "No invoices yet.", "Noch keine Rechnungen.", "Pas encore de factures.";
    NO_CUSTOMERS: "No customers that you may see.", "Keine Kunden, die Sie sehen dürfen.",
        "Aucun client que vous puissiez voir.";
    NO_DRAFTS: "No drafts: nothing waits to be issued.",
        "Keine Entwürfe: Nichts wartet auf die Ausstellung.",
        "Aucun brouillon : rien n’attend d’être émis.";
    NO_FINDINGS: "Nothing is in doubt: no open findings.",
        "Nichts ist in Zweifel: keine offenen Auffälligkeiten.",
        "Rien n’est en doute : aucune anomalie ouverte.";
    NO_SUCH_FINDINGS: "No findings in this state.", "Keine Auffälligkeiten in diesem Stand.",
        "Aucune anomalie dans cet état.";
    ALL_INVOICES: "All invoices", "Alle Rechnungen", "Toutes les factures";
    SELLER: "Seller", "Verkäufer", "Vendeur";
    INTERNAL: "internal", "intern", "interne";
    OWNER: "Account or project", "Konto oder Projekt", "Compte ou projet";
    AT_STAKE: "At stake", "Betrag", "Enjeu";
    DETAILS: "Details", "Einzelheiten", "Détails";
    DECISIONS: "Decisions", "Entscheidungen", "Décisions";
    BY: "By", "Von", "Par";
    ALIKE: "All open findings of this rule about this resource",
        "Alle offenen Auffälligkeiten dieser Regel zu dieser Ressource",
        "Toutes les anomalies ouvertes de cette règle pour cette ressource";
    MORE: "Next page", "Nächste Seite", "Page suivante";
    BACK: "Back", "Zurück", "Retour";
    EARLIER: "Earlier", "Früher", "Précédent";
    LATER: "Later", "Später", "Suivant";
    LINE: "Line", "Position", "Ligne";
    OF: "of", "von", "sur";
    PRICE_AS_APPLIED: "The price as applied", "Der Preis, wie er galt", "Le prix appliqué";
    ARITHMETIC: "Calculation", "Rechnung", "Calcul";
    PRICE: "Price", "Preis", "Prix";
    QUANTITY: "Quantity", "Menge", "Quantité";
    METER: "Meter", "Messgröße", "Mesure";
    RESOURCE: "Resource", "Ressource", "Ressource";
    PARTS: "Shares of the resources", "Anteile der Ressourcen", "Parts des ressources";
    RECORDS: "Usage records", "Nutzungsdatensätze", "Enregistrements d’usage";
    RAW: "As the cloud reported it", "Wie die Cloud es meldete", "Tel que le cloud l’a rapporté";
    FETCHED: "Fetched", "Abgerufen", "Récupéré";
    REQUEST: "Request", "Anfrage", "Requête";
    ALL_RESOURCES: "All resources", "Alle Ressourcen", "Toutes les ressources";
    RECONCILIATION: "Reconciliation", "Abgleich", "Rapprochement";
    RECORDED: "Recorded", "Erfasst", "Enregistré";
    METERED: "Metered", "Gemessen", "Mesuré";
    BILLED: "Billed", "Berechnet", "Facturé";
    INVENTORY: "In the inventory", "Im Bestand", "À l’inventaire";
    ACCOUNTED: "Counted by the cloud", "Von der Cloud gezählt", "Compté par le cloud";
    ASK_INVENTORY: "Compare with the cloud’s inventory", "Mit dem Bestand der Cloud vergleichen",
        "Comparer avec l’inventaire du cloud";
    ALL_AGREES: "What was recorded, metered and billed agrees.",
        "Erfasstes, Gemessenes und Berechnetes stimmen überein.",
        "Ce qui est enregistré, mesuré et facturé concorde.";
    EXPLAINED: "Differences that explain themselves", "Abweichungen, die sich erklären",
        "Écarts qui s’expliquent";
    DIFFERENCES_OPEN: "There are differences that somebody has to look at.",
        "Es gibt Abweichungen, die jemand ansehen muss.",
        "Il y a des écarts que quelqu’un doit examiner.";
    RULE: "Rule", "Regel", "Règle";
    SPAN: "Time", "Zeit", "Temps";
    WHAT: "What", "Was", "Quoi";
    REASON: "Reason", "Grund", "Motif";
    RELEASE: "Release", "Freigeben", "Libérer";
    REJECT: "Reject", "Verwerfen", "Rejeter";
    RELEASE_HOW: "Release: the record, or the proposal, counts. Reject: it does not.",
        "Freigeben: Der Datensatz oder der Vorschlag zählt. Verwerfen: Er zählt nicht.",
        "Libérer : l’enregistrement ou la proposition compte. Rejeter : il ne compte pas.";
    APPROVE: "Approve", "Freigeben", "Approuver";
    ISSUE: "Issue", "Ausstellen", "Émettre";
    OPEN: "open", "offen", "ouverte";
    RELEASED: "released", "freigegeben", "libérée";
    REJECTED: "rejected", "verworfen", "rejetée";
    REPAIRED: "repaired", "behoben", "réparée";
    STATE_HELD: "held", "angehalten", "retenu";
    STATE_READY: "ready", "bereit", "prêt";
    STATE_APPROVED: "approved", "freigegeben", "approuvé";
    NOT_FOUND: "There is no such page, or you may not see it.",
        "Diese Seite gibt es nicht, oder Sie dürfen sie nicht sehen.",
        "Cette page n’existe pas, ou vous ne pouvez pas la voir.";
    FAILED: "This did not work", "Das hat nicht geklappt", "Cela n’a pas fonctionné";
    SEE_ALSO: "Download", "Herunterladen", "Télécharger";
    ANNEX: "Usage annex (CSV)", "Nutzungsanlage (CSV)", "Annexe d’usage (CSV)";
    SKIP: "To the content", "Zum Inhalt", "Aller au contenu";
}
