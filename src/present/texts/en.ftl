# Words of documents in English. Amounts, dates and numbers arrive formatted.
invoice = Invoice
credit-note = Credit note
draft = Draft
draft-invoice = Draft invoice
draft-credit-note = Draft credit note
draft-note = This is a draft. It is not an invoice and does not ask for payment.
title-number = { $title } { $number }

label-number-invoice = Invoice number
label-number-credit-note = Credit note number
label-issue-date = Issue date
label-due-date = Due date
label-customer = Customer number
label-period = Billing period
label-vat-seller = Our VAT ID
label-vat-buyer = Your VAT ID
label-tax-number-seller = Our tax number
label-tax-number-buyer = Your tax number
label-corrects = For invoice
label-corrects-date = of
label-reason = Reason
label-contact = Attention
label-seller = Seller
label-buyer = Buyer
range = { $from } – { $until }

column-number = No.
column-text = Description
column-quantity = Quantity
column-price = Unit price
column-tax = VAT
column-net = Net
column-net-in = Net { $currency }
column-base = Base
column-rate = Rate
column-amount = Amount
column-share = Share
column-resource = Resource
column-project = Project
column-meter = Usage
column-line = Line
column-name = Name
price-for = per { $base }

lines = Lines
subtotal = Subtotal { $group }
carried-forward = Carried forward
brought-forward = Brought forward
total-net = Total net
total-tax = { $tax } on { $base }
total-gross = Total
total-credit = Total credited
payable = Amount due
corrects-line = for { $number } of { $date }

tax-S = VAT { $percent }
tax-Z = Zero rated
tax-E = VAT exempt
tax-AE = Reverse charge
tax-K = Intra-Community supply
tax-G = Export
tax-O = Outside the scope of VAT
tax-short-S = { $percent }
tax-short-Z = 0%
tax-short-E = exempt
tax-short-AE = reverse ch.
tax-short-K = intra-EU
tax-short-G = export
tax-short-O = none
taxes = Value added tax
tax-notes = Tax notes

breakdown-category = By category
breakdown-project = By project
breakdown-resource = By resource
breakdown-tag = By tag
breakdowns = Breakdown of the net amount
no-project = Without project
no-tag = Without tag

category-application = Applications and licences
category-running_machines = Running machines
category-stopped_machines = Stopped machines
category-storage = Storage
category-network = Network
category-other = Other

payment = Payment
payment-due = Please pay { $amount } by { $date }, stating the reference.
payment-terms = Payable within { $days } days of the issue date without deduction.
payment-now = Payable on receipt without deduction.
payment-none = No payment is due.
payment-credit = This credit note lowers what you owe by { $amount }. Amounts already paid are refunded or set off.
bank-holder = Account holder
bank-iban = IBAN
bank-bic = BIC
bank-name = Bank
bank-reference = Reference
qr-caption = Pay by scan
qr-alt = Payment QR code: { $amount } to { $holder }, IBAN { $iban }, reference { $reference }
logo-alt = Logo of { $name }

annex = Annex: usage by resource
annex-note = The parts of each line add up to its net amount.
annex-line = Line { $number }: { $text }
page-of = Page { $page } of { $pages }
why = Why this amount?
footer = Legal details

unit-hour = { $count ->
    [one] hour
   *[other] hours
}
unit-month = { $count ->
    [one] month
   *[other] months
}
unit-vcpu_hour = { $count ->
    [one] vCPU hour
   *[other] vCPU hours
}
unit-vcpu_month = { $count ->
    [one] vCPU month
   *[other] vCPU months
}
unit-ram_gib_hour = { $count ->
    [one] GiB RAM hour
   *[other] GiB RAM hours
}
unit-ram_gib_month = { $count ->
    [one] GiB RAM month
   *[other] GiB RAM months
}
unit-gpu_hour = { $count ->
    [one] GPU hour
   *[other] GPU hours
}
unit-gpu_month = { $count ->
    [one] GPU month
   *[other] GPU months
}
unit-gib_hour = { $count ->
    [one] GiB hour
   *[other] GiB hours
}
unit-gib_month = { $count ->
    [one] GiB month
   *[other] GiB months
}
unit-gb_hour = { $count ->
    [one] GB hour
   *[other] GB hours
}
unit-gb_month = { $count ->
    [one] GB month
   *[other] GB months
}
unit-iops_hour = { $count ->
    [one] IOPS hour
   *[other] IOPS hours
}
unit-iops_month = { $count ->
    [one] IOPS month
   *[other] IOPS months
}
unit-piece_hour = { $count ->
    [one] piece hour
   *[other] piece hours
}
unit-piece_month = { $count ->
    [one] piece month
   *[other] piece months
}
unit-byte = { $count ->
    [one] byte
   *[other] bytes
}
unit-gib = GiB
unit-gb = GB
unit-request = { $count ->
    [one] request
   *[other] requests
}
unit-piece = { $count ->
    [one] piece
   *[other] pieces
}
unit-package = { $count ->
    [one] package
   *[other] packages
}

month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
month-short-1 = Jan
month-short-2 = Feb
month-short-3 = Mar
month-short-4 = Apr
month-short-5 = May
month-short-6 = Jun
month-short-7 = Jul
month-short-8 = Aug
month-short-9 = Sep
month-short-10 = Oct
month-short-11 = Nov
month-short-12 = Dec

chart-values = Values as a table
chart-day = Day
