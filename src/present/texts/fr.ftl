# Words of documents in French.
invoice = Facture
credit-note = Avoir
draft = Brouillon
draft-invoice = Projet de facture
draft-credit-note = Projet d’avoir
draft-note = Ceci est un brouillon. Il ne constitue pas une facture et n’appelle aucun paiement.
title-number = { $title } { $number }

label-number-invoice = Facture n°
label-number-credit-note = Avoir n°
label-issue-date = Date d’émission
label-due-date = Échéance
label-customer = Numéro de client
label-period = Période
label-vat-seller = Notre n° de TVA
label-vat-buyer = Votre n° de TVA
label-tax-number-seller = Notre n° fiscal
label-tax-number-buyer = Votre n° fiscal
label-corrects = Sur facture
label-corrects-date = du
label-reason = Motif
label-contact = À l’attention de
label-seller = Vendeur
label-buyer = Client
range = { $from } – { $until }

column-number = N°
column-text = Désignation
column-quantity = Quantité
column-price = Prix unitaire
column-tax = TVA
column-net = HT
column-net-in = HT { $currency }
column-base = Base
column-rate = Taux
column-amount = Montant
column-share = Part
column-resource = Ressource
column-project = Projet
column-meter = Usage
column-line = Ligne
column-name = Nom
price-for = pour { $base }

lines = Lignes
subtotal = Sous-total { $group }
carried-forward = À reporter
brought-forward = Report
total-net = Total HT
total-tax = { $tax } sur { $base }
total-gross = Total TTC
total-credit = Montant de l’avoir
payable = Net à payer
corrects-line = sur { $number } du { $date }

tax-S = TVA { $percent }
tax-Z = Taux zéro
tax-E = Exonéré de TVA
tax-AE = Autoliquidation
tax-K = Livraison intracommunautaire
tax-G = Exportation
tax-O = Hors champ de la TVA
tax-short-S = { $percent }
tax-short-Z = 0 %
tax-short-E = exonéré
tax-short-AE = autoliq.
tax-short-K = intra-UE
tax-short-G = export
tax-short-O = hors TVA
taxes = Taxe sur la valeur ajoutée
tax-notes = Mentions fiscales

breakdown-category = Par catégorie
breakdown-project = Par projet
breakdown-resource = Par ressource
breakdown-tag = Par étiquette
breakdowns = Répartition du montant HT
no-project = Sans projet
no-tag = Sans étiquette

category-application = Applications et licences
category-running_machines = Machines en marche
category-stopped_machines = Machines arrêtées
category-storage = Stockage
category-network = Réseau
category-other = Autres

payment = Paiement
payment-due = Merci de régler { $amount } au plus tard le { $date }, en indiquant la référence.
payment-terms = Payable sous { $days } jours à compter de la date d’émission, sans escompte.
payment-now = Payable à réception, sans escompte.
payment-none = Aucun paiement n’est dû.
payment-credit = Cet avoir réduit votre dette de { $amount }. Les sommes déjà réglées sont remboursées ou compensées.
bank-holder = Titulaire
bank-iban = IBAN
bank-bic = BIC
bank-name = Banque
bank-reference = Référence
qr-caption = Payer par scan
qr-alt = Code QR de paiement : { $amount } à { $holder }, IBAN { $iban }, référence { $reference }
logo-alt = Logo de { $name }

annex = Annexe : usage par ressource
annex-note = La somme des parts de chaque ligne est égale à son montant HT.
annex-line = Ligne { $number } : { $text }
page-of = Page { $page } sur { $pages }
why = Pourquoi ce montant ?
footer = Mentions légales

unit-hour = { $count ->
    [one] heure
   *[other] heures
}
unit-month = mois
unit-vcpu_hour = { $count ->
    [one] vCPU-heure
   *[other] vCPU-heures
}
unit-vcpu_month = vCPU-mois
unit-ram_gib_hour = { $count ->
    [one] Gio RAM-heure
   *[other] Gio RAM-heures
}
unit-ram_gib_month = Gio RAM-mois
unit-gpu_hour = { $count ->
    [one] GPU-heure
   *[other] GPU-heures
}
unit-gpu_month = GPU-mois
unit-gib_hour = { $count ->
    [one] Gio-heure
   *[other] Gio-heures
}
unit-gib_month = Gio-mois
unit-gb_hour = { $count ->
    [one] Go-heure
   *[other] Go-heures
}
unit-gb_month = Go-mois
unit-iops_hour = { $count ->
    [one] IOPS-heure
   *[other] IOPS-heures
}
unit-iops_month = IOPS-mois
unit-piece_hour = { $count ->
    [one] pièce-heure
   *[other] pièces-heures
}
unit-piece_month = { $count ->
    [one] pièce-mois
   *[other] pièces-mois
}
unit-byte = { $count ->
    [one] octet
   *[other] octets
}
unit-gib = Gio
unit-gb = Go
unit-request = { $count ->
    [one] requête
   *[other] requêtes
}
unit-piece = { $count ->
    [one] pièce
   *[other] pièces
}
unit-package = { $count ->
    [one] lot
   *[other] lots
}

month-1 = janvier
month-2 = février
month-3 = mars
month-4 = avril
month-5 = mai
month-6 = juin
month-7 = juillet
month-8 = août
month-9 = septembre
month-10 = octobre
month-11 = novembre
month-12 = décembre

chart-values = Valeurs en tableau
chart-day = Jour
