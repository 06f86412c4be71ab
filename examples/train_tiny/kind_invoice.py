"""Invoice: what an invoice or a bill can say."""

from examples.train_tiny.fields import Kind, lines, make_field

PAID = {
    "yes": """
    It has been paid.
    (Already|Fully|Now) paid.
    Paid in full.
    PAID
    (The amount|It|The bill|This invoice) (was|has been|is) (settled|paid|paid in full).
    Payment (received|has arrived|was received), thank you.
    (We have|We've) received (your|the) payment.
    The money (has arrived|came in last week).
    Nothing is left to pay.
    (Payment status|Status): paid
    The customer has already paid.
    The balance is zero.
    """,
    "no": """
    Not yet paid.
    (It|This invoice|The bill) (is|remains) (unpaid|open|still open|outstanding).
    (It has|The amount has|This has) not been (paid|settled) (yet|so far).
    Payment (is pending|is outstanding|is still open|has not arrived|not received).
    (Unpaid|UNPAID|Open|Outstanding).
    We are still waiting for (your|the) payment.
    The money has not arrived (yet|so far).
    No payment (has been received|so far|has reached us).
    (Payment status|Status): (unpaid|open)
    Still to be paid.
    Nothing has been paid (yet|so far).
    """,
}

INVOICE = Kind(
    "invoice",
    (
        make_field(
            "number",
            "string",
            "code",
            "invoice_number invoiceNumber invoiceNo invoice_no number invoice_id invoiceId reference ref id doc_number "
            "document_number bill_number invoice",
            "invoice number, invoice no., invoice no, invoice ID, invoice reference, reference, document number, "
            "bill no., invoice nr, inv. no., ref, billing number",
            """
        (This is|Please find attached|We send you|Here is|Attached is|Enclosed is) invoice {}.
        Invoice {} (follows|is attached|is enclosed|has been issued|was sent out).
        (Invoice|Bill|INVOICE) {}.
        (It carries|It bears|It has|We gave it) the number {}.
        Please quote {} (when paying|with your payment|in the transfer|in all letters).
        (About|Regarding|Re:|Concerning) invoice {}.
        (It is|It was) (filed|booked|registered) under {}.
        """,
        ),
        make_field(
            "seller",
            "string",
            "company",
            "seller vendor supplier company issuer merchant seller_name vendor_name supplierName from sender biller "
            "vendorName issued_by",
            "seller, vendor, supplier, issuer, merchant, company, sender, biller",
            """
        (It was|The invoice was|The bill was) (issued|sent|written|made out) by {}.
        {} (sent|issued|wrote) (this invoice|the bill|the invoice|us a bill).
        {} (asks for payment|thanks you for your business|supplied the goods|is billing us).
        (This bill|The invoice|It) comes from {}.
        We bought (the goods|it all|everything) from {}.
        (Pay|Please pay|The money goes) to {}.
        """,
        ),
        make_field(
            "customer",
            "string",
            "party",
            "customer client buyer customer_name customerName bill_to billTo recipient payer client_name debtor "
            "billed_to purchaser account_name",
            "customer, client, buyer, recipient, payer, bill to, billed to, customer name, client name, purchaser",
            """
        (It is|It was|The invoice is|The bill was) (addressed|made out|billed|sent|issued) to {}.
        {} (has to pay|must pay|is the one to pay|ordered the goods|received the bill|will pay|owes us the money).
        (We billed|We charged|We invoiced|Bill|Charge) {}.
        (The goods|The services|Everything) went to {}.
        {} (bought the goods|is our customer|was billed).
        Made out to {}.
        """,
        ),
        make_field(
            "issue_date",
            "date",
            "recent",
            "date issue_date issueDate invoice_date invoiceDate issued dated billing_date date_issued issued_on",
            "date, issue date, invoice date, date of issue, billing date, issued, date issued, dated",
            """
        (It is|It was|The invoice is|The bill was) (dated|issued on|sent on|written on|made out on) {}.
        (Dated|Issued|Issued on) {}.
        (We sent it|We issued it|It went out|It left our office) on {}.
        """,
        ),
        make_field(
            "due_date",
            "date",
            "recent",
            "due_date dueDate due payment_due pay_by payment_deadline deadline due_on payBy payable_by date_due",
            "due date, payment deadline, due, date due, payment due, deadline for payment, pay by, "
            "payable by, deadline",
            """
        (It is|It falls|The amount is|Payment is|The bill is) due (on|by) {}.
        (Please pay|Pay|Kindly pay|You should pay) (by|before|no later than|until) {}.
        Payment (must arrive|is expected|should reach us|has to be made) (by|before|no later than) {}.
        (It is|It must be|It has to be) (payable|paid|settled) by {}.
        We expect (the money|payment|your transfer) by {}.
        (The payment deadline is|You have until|The last day to pay is) {}.
        """,
        ),
        make_field(
            "total",
            "number",
            "money",
            "total amount total_amount totalAmount amount_due amountDue grand_total grandTotal sum price balance_due "
            "total_due invoice_total to_pay payable gross",
            "total, amount due, total due, grand total, total amount, sum, amount, balance due, invoice total, "
            "amount payable, total to pay, gross total",
            """
        (It comes|It adds up|Everything comes|The bill amounts|That adds up) to {}.
        (Please pay|Please transfer|Kindly transfer|Please send) {}.
        (The customer owes|They owe|You owe|We are owed) (us|a total of) {}.
        (In total|All in all|Altogether|In sum), (it is|that makes|that is|you pay) {}.
        {} (is due|is to be paid|is owed|has to be paid) (in total|altogether).
        (It costs|We ask for|We charge) {} (in total|in all|all together).
        (The bill|The invoice|It) is (for|over) {}.
        """,
        ),
        make_field(
            "tax",
            "number",
            "tax",
            "tax vat tax_amount vat_amount taxAmount VAT sales_tax vatAmount",
            "tax, VAT, VAT amount, sales tax, tax amount, value added tax",
            """
        (It includes|This includes|That includes|Included is) {} (of tax|VAT|tax|sales tax).
        {} of (this|that|it) is (tax|VAT).
        (Tax|VAT) (of|amounting to) {} (is included|has been added|applies).
        """,
        ),
        make_field(
            "subtotal",
            "number",
            "money2",
            "subtotal sub_total net net_amount netAmount net_total",
            "subtotal, net amount, net, net total, sum before tax, amount before tax",
            """
        (Before tax|Without tax|Net of tax), (it is|that is|it comes to) {}.
        The goods (alone|themselves) (cost|came to) {}.
        """,
        ),
        make_field("currency", "enum", "currency", "currency currency_code currencyCode curr cur", "currency"),
        make_field(
            "paid",
            "bool",
            "yes_no",
            "paid is_paid isPaid settled paid_in_full fully_paid payment_received",
            "",
            "",
            **PAID,
        ),
        make_field(
            "status",
            "enum",
            "status",
            "status payment_status paymentStatus state invoice_status",
            words={
                "paid": PAID["yes"],
                "open": PAID["no"],
                "overdue": """
        (It is|The payment is|This is|The bill is) (overdue|long overdue|past due|already overdue).
        (Overdue|OVERDUE|Past due).
        The deadline has passed (and nothing came|without payment|already).
        This is (a|our second|the last) reminder: the deadline has passed.
        Status: overdue
        """,
            },
        ),
        make_field(
            "order_ref",
            "string",
            "po",
            "po_number purchase_order order_number poNumber order_ref order_no",
            "PO number, purchase order, order number, order no., PO, your order",
            """
        (It belongs to|It refers to|It is for) (your order|purchase order|order) {}.
        (Your|The) order {} (was delivered|has been shipped|is complete).
        """,
        ),
        make_field(
            "email",
            "string",
            "email",
            "email customer_email contact_email email_address mail",
            "email, e-mail, contact email, mail address",
            """
        (A copy went|It was sent|Send reminders) to {}.
        """,
        ),
        make_field("items", "items", "items", "items lines line_items lineItems products positions goods articles"),
        make_field("phone", "string", "phone", "phone phone_number tel telephone", "phone, tel., telephone"),
    ),
    joint=lines("""
    {seller} (billed|charged|invoiced) {customer} {total} (on|as of) {issue_date}.
    {customer} owes {seller} {total}.
    {customer} (has to pay|must pay|should pay) {total} by {due_date}.
    Invoice {number} from {seller} to {customer} (is|was) dated {issue_date}.
    Invoice {number} over {total} is due on {due_date}.
    (On|Dated) {issue_date}, {seller} sent invoice {number} to {customer}.
    {seller} sent {customer} a bill for {total}.
    Please pay {total} to {seller} by {due_date}, quoting {number}.
    (Invoice|Bill) {number} of {issue_date} comes to {total}.
    The total of {total} is due (by|on) {due_date}.
    {number}: {customer}, {total}, due {due_date}.
    We, {seller}, ask {customer} to transfer {total} before {due_date}.
    {total} of which {tax} is (VAT|tax).
    A subtotal of {subtotal} plus {tax} tax makes {total}.
    {customer} received invoice {number} on {issue_date}, payable until {due_date}.
    From {issue_date} to {due_date}, {customer} has time to pay {total}.
    Your payment of {total} for invoice {number} is expected by {due_date}.
    {seller} reminds {customer} of invoice {number}.
    Issued {issue_date}, due {due_date}.
    {customer} bought goods from {seller} for {total}.
    {issue_date} {seller} {total}
    {issue_date}, {number}, {customer}, {total}
"""),
    titles=lines("""
    INVOICE
    Invoice
    Tax invoice
    Bill
    {seller}
    Payment request
    Billing details
    Reminder
"""),
    block=(
        lines("""
    (INVOICE|Invoice|Tax invoice|TAX INVOICE|Bill|BILL) {number}
    (INVOICE|Invoice) (no.|No|number|#|nr.) {number}
    (INVOICE|Invoice): {number}
    {seller} - (Invoice|INVOICE) {number}
    (INVOICE|Invoice|Bill)   {number}   {issue_date}
    *** INVOICE {number} ***
    """),
        lines("""
    {seller}
    {seller}, {xstreet}, {xcity}
    {seller}, {xcity}
    {seller}, {xstreet}
    (From|Seller|Vendor|Supplier|Issued by): {seller}
    (From|Seller): {seller}, {xcity}
    {seller}   (Tel.|Phone) {xphone}
    {seller} | {xemail}
    """),
        lines("""
    (Bill to|Billed to|Invoice to|Sold to|Customer|Client|To|Attn|Ship to|Recipient|Buyer): {customer}
    (Bill to|To|Customer|Client) {customer}
    (Bill to|Customer): {customer}, {xstreet}, {xcity}
    (Bill to|Customer): {customer}, {xcity}
    (For|To) {customer}
    (Customer|Client) name: {customer}
    """),
        lines("""
    (Date|Invoice date|Issued|Issue date|Dated): {issue_date}   (Due|Due date|Payment due|Pay by): {due_date}
    (Date|Issued) {issue_date} | (Due|Pay by) {due_date}
    (Date|Issued): {issue_date}, (due|payable by): {due_date}
    (Date|Invoice date|Issued|Issue date|Issued on): {issue_date}
    (Due|Due date|Payment due|Pay by|Please pay by|Payable by): {due_date}
    {issue_date}
    {xcity}, {issue_date}
    (PO|Order|Your order|PO number): {order_ref}
    """),
        lines("{items}"),
        lines("""
    (Subtotal|Net|Net amount|Sum)(: |  | ){subtotal}
    (Tax|VAT|VAT 19%|incl. VAT|Sales tax)(: |  | ){tax}
    (Shipping|Postage|Delivery|Discount|Deposit)(: |  | ){xmoney}
    """),
        lines("""
    (Total|Total due|Amount due|TOTAL|TOTAL DUE|Grand total|Balance due|To pay|Sum|Please pay): {total}
    (Total|Total due|Amount due|TOTAL|Grand total|Balance due|To pay|Sum)   {total}
    (Total|Total due|Amount due|TOTAL|Grand total|Balance due|To pay) {total}
    (Total|TOTAL|Amount due|Total due): {total}.
    (Total|Amount due|Please pay) {total} (by|until|before) {due_date}
    """),
        lines("{paid}"),
        lines("{status}"),
    ),
    noise=lines("""
    A previous balance of {xmoney} was (settled|paid) on {xdate}.
    Last (month|year) it was {xmoney}.
    (Shipping|Postage|Delivery) (cost|was) {xmoney}.
    (Your|The) order {xcode} (left|was packed) on {xdate}.
    A (discount|credit|deposit) of {xmoney} was (deducted|applied).
    {xname} (handled|approved|checked) it.
    (Account|IBAN|Bank account) {xcode}
    Delivery note {xcode}
    Thank you for your business!
    (Contact|Contact person): {xname}
    The goods were (delivered|received) on {xdate}.
    Terms: {xint} days net.
    Late fees of {xmoney} may apply.
    We value your custom.
"""),
)
