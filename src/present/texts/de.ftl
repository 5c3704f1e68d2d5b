# Words of documents in German. A correction is called Rechnungskorrektur: Gutschrift means the
# buyer's own invoice in German VAT law (§ 14 Abs. 2 UStG).
invoice = Rechnung
credit-note = Rechnungskorrektur
draft = Entwurf
draft-invoice = Rechnungsentwurf
draft-credit-note = Entwurf einer Rechnungskorrektur
draft-note = Dies ist ein Entwurf. Er ist keine Rechnung und fordert keine Zahlung.
title-number = { $title } { $number }

label-number-invoice = Rechnungsnummer
label-number-credit-note = Korrekturnummer
label-issue-date = Rechnungsdatum
label-due-date = Fällig am
label-customer = Kundennummer
label-period = Leistungszeitraum
label-vat-seller = Unsere USt-IdNr.
label-vat-buyer = Ihre USt-IdNr.
label-tax-number-seller = Unsere Steuernummer
label-tax-number-buyer = Ihre Steuernummer
label-corrects = Zur Rechnung
label-corrects-date = vom
label-reason = Grund
label-contact = Zu Händen
label-seller = Leistender
label-buyer = Empfänger
range = { $from } – { $until }

column-number = Pos.
column-text = Bezeichnung
column-quantity = Menge
column-price = Einzelpreis
column-tax = USt.
column-net = Netto
column-net-in = Netto { $currency }
column-base = Grundlage
column-rate = Satz
column-amount = Betrag
column-share = Anteil
column-resource = Ressource
column-project = Projekt
column-meter = Nutzung
column-line = Position
column-name = Name
price-for = je { $base }

lines = Positionen
subtotal = Zwischensumme { $group }
carried-forward = Übertrag
brought-forward = Übertrag von Vorseite
total-net = Summe netto
total-tax = { $tax } auf { $base }
total-gross = Gesamtbetrag
total-credit = Gutgeschriebener Betrag
payable = Zahlbetrag
corrects-line = zu { $number } vom { $date }

tax-S = { $percent } USt.
tax-Z = Nullsatz
tax-E = Steuerfrei
tax-AE = Steuerschuldnerschaft des Leistungsempfängers
tax-K = Innergemeinschaftliche Leistung
tax-G = Ausfuhr
tax-O = Nicht steuerbar
tax-short-S = { $percent }
tax-short-Z = 0 %
tax-short-E = frei
tax-short-AE = § 13b
tax-short-K = innergem.
tax-short-G = Ausfuhr
tax-short-O = ohne
taxes = Umsatzsteuer
tax-notes = Steuerliche Hinweise

breakdown-category = Nach Kategorie
breakdown-project = Nach Projekt
breakdown-resource = Nach Ressource
breakdown-tag = Nach Merkmal
breakdowns = Aufteilung des Nettobetrags
no-project = Ohne Projekt
no-tag = Ohne Merkmal

category-application = Anwendungen und Lizenzen
category-running_machines = Laufende Maschinen
category-stopped_machines = Gestoppte Maschinen
category-storage = Speicher
category-network = Netzwerk
category-other = Sonstiges

payment = Zahlung
payment-due = Bitte zahlen Sie { $amount } bis zum { $date } unter Angabe des Verwendungszwecks.
payment-terms = Zahlbar innerhalb von { $days } Tagen ab Rechnungsdatum ohne Abzug.
payment-now = Zahlbar sofort nach Erhalt ohne Abzug.
payment-none = Es ist nichts zu zahlen.
payment-credit = Diese Rechnungskorrektur mindert Ihre Schuld um { $amount }. Bereits Gezahltes wird erstattet oder verrechnet.
bank-holder = Kontoinhaber
bank-iban = IBAN
bank-bic = BIC
bank-name = Bank
bank-reference = Verwendungszweck
qr-caption = Zahlen mit Code
qr-alt = QR-Code zur Zahlung: { $amount } an { $holder }, IBAN { $iban }, Verwendungszweck { $reference }
logo-alt = Logo von { $name }

annex = Anlage: Nutzung je Ressource
annex-note = Die Teile jeder Position ergeben zusammen ihren Nettobetrag.
annex-line = Position { $number }: { $text }
page-of = Seite { $page } von { $pages }
why = Warum dieser Betrag?
footer = Rechtliche Angaben

unit-hour = { $count ->
    [one] Stunde
   *[other] Stunden
}
unit-month = { $count ->
    [one] Monat
   *[other] Monate
}
unit-vcpu_hour = { $count ->
    [one] vCPU-Stunde
   *[other] vCPU-Stunden
}
unit-vcpu_month = { $count ->
    [one] vCPU-Monat
   *[other] vCPU-Monate
}
unit-ram_gib_hour = { $count ->
    [one] GiB-RAM-Stunde
   *[other] GiB-RAM-Stunden
}
unit-ram_gib_month = { $count ->
    [one] GiB-RAM-Monat
   *[other] GiB-RAM-Monate
}
unit-gpu_hour = { $count ->
    [one] GPU-Stunde
   *[other] GPU-Stunden
}
unit-gpu_month = { $count ->
    [one] GPU-Monat
   *[other] GPU-Monate
}
unit-gib_hour = { $count ->
    [one] GiB-Stunde
   *[other] GiB-Stunden
}
unit-gib_month = { $count ->
    [one] GiB-Monat
   *[other] GiB-Monate
}
unit-gb_hour = { $count ->
    [one] GB-Stunde
   *[other] GB-Stunden
}
unit-gb_month = { $count ->
    [one] GB-Monat
   *[other] GB-Monate
}
unit-iops_hour = { $count ->
    [one] IOPS-Stunde
   *[other] IOPS-Stunden
}
unit-iops_month = { $count ->
    [one] IOPS-Monat
   *[other] IOPS-Monate
}
unit-piece_hour = { $count ->
    [one] Stück-Stunde
   *[other] Stück-Stunden
}
unit-piece_month = { $count ->
    [one] Stück-Monat
   *[other] Stück-Monate
}
unit-byte = { $count ->
    [one] Byte
   *[other] Bytes
}
unit-gib = GiB
unit-gb = GB
unit-request = { $count ->
    [one] Anfrage
   *[other] Anfragen
}
unit-piece = Stück
unit-package = { $count ->
    [one] Paket
   *[other] Pakete
}

month-1 = Januar
month-2 = Februar
month-3 = März
month-4 = April
month-5 = Mai
month-6 = Juni
month-7 = Juli
month-8 = August
month-9 = September
month-10 = Oktober
month-11 = November
month-12 = Dezember

chart-values = Werte als Tabelle
chart-day = Tag
