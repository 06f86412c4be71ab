"""The five document kinds: invoices, orders, contacts, events and bios."""

from fields import Kind, lines, make_field

PAID = dict(
    yes="""
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
    no="""
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
    """)

INVOICE = Kind("invoice", (
    make_field("number", "string", "code",
        "invoice_number invoiceNumber invoiceNo invoice_no number invoice_id invoiceId reference ref id doc_number "
        "document_number bill_number invoice",
        "invoice number, invoice no., invoice no, invoice ID, invoice reference, reference, document number, bill no., "
        "invoice nr, inv. no., ref, billing number", """
        (This is|Please find attached|We send you|Here is|Attached is|Enclosed is) invoice {}.
        Invoice {} (follows|is attached|is enclosed|has been issued|was sent out).
        (Invoice|Bill|INVOICE) {}.
        (It carries|It bears|It has|We gave it) the number {}.
        Please quote {} (when paying|with your payment|in the transfer|in all letters).
        (About|Regarding|Re:|Concerning) invoice {}.
        (It is|It was) (filed|booked|registered) under {}.
        """),
    make_field("seller", "string", "company",
        "seller vendor supplier company issuer merchant seller_name vendor_name supplierName from sender biller "
        "vendorName issued_by",
        "seller, vendor, supplier, issuer, merchant, company, sender, biller", """
        (It was|The invoice was|The bill was) (issued|sent|written|made out) by {}.
        {} (sent|issued|wrote) (this invoice|the bill|the invoice|us a bill).
        {} (asks for payment|thanks you for your business|supplied the goods|is billing us).
        (This bill|The invoice|It) comes from {}.
        We bought (the goods|it all|everything) from {}.
        (Pay|Please pay|The money goes) to {}.
        """),
    make_field("customer", "string", "party",
        "customer client buyer customer_name customerName bill_to billTo recipient payer client_name debtor billed_to "
        "purchaser account_name",
        "customer, client, buyer, recipient, payer, bill to, billed to, customer name, client name, purchaser", """
        (It is|It was|The invoice is|The bill was) (addressed|made out|billed|sent|issued) to {}.
        {} (has to pay|must pay|is the one to pay|ordered the goods|received the bill|will pay|owes us the money).
        (We billed|We charged|We invoiced|Bill|Charge) {}.
        (The goods|The services|Everything) went to {}.
        {} (bought the goods|is our customer|was billed).
        Made out to {}.
        """),
    make_field("issue_date", "date", "recent",
        "date issue_date issueDate invoice_date invoiceDate issued dated billing_date date_issued issued_on",
        "date, issue date, invoice date, date of issue, billing date, issued, date issued, dated", """
        (It is|It was|The invoice is|The bill was) (dated|issued on|sent on|written on|made out on) {}.
        (Dated|Issued|Issued on) {}.
        (We sent it|We issued it|It went out|It left our office) on {}.
        """),
    make_field("due_date", "date", "recent",
        "due_date dueDate due payment_due pay_by payment_deadline deadline due_on payBy payable_by date_due",
        "due date, payment deadline, due, date due, payment due, deadline for payment, pay by, payable by, deadline", """
        (It is|It falls|The amount is|Payment is|The bill is) due (on|by) {}.
        (Please pay|Pay|Kindly pay|You should pay) (by|before|no later than|until) {}.
        Payment (must arrive|is expected|should reach us|has to be made) (by|before|no later than) {}.
        (It is|It must be|It has to be) (payable|paid|settled) by {}.
        We expect (the money|payment|your transfer) by {}.
        (The payment deadline is|You have until|The last day to pay is) {}.
        """),
    make_field("total", "number", "money",
        "total amount total_amount totalAmount amount_due amountDue grand_total grandTotal sum price balance_due "
        "total_due invoice_total to_pay payable gross",
        "total, amount due, total due, grand total, total amount, sum, amount, balance due, invoice total, "
        "amount payable, total to pay, gross total", """
        (It comes|It adds up|Everything comes|The bill amounts|That adds up) to {}.
        (Please pay|Please transfer|Kindly transfer|Please send) {}.
        (The customer owes|They owe|You owe|We are owed) (us|a total of) {}.
        (In total|All in all|Altogether|In sum), (it is|that makes|that is|you pay) {}.
        {} (is due|is to be paid|is owed|has to be paid) (in total|altogether).
        (It costs|We ask for|We charge) {} (in total|in all|all together).
        (The bill|The invoice|It) is (for|over) {}.
        """),
    make_field("tax", "number", "tax",
        "tax vat tax_amount vat_amount taxAmount VAT sales_tax vatAmount",
        "tax, VAT, VAT amount, sales tax, tax amount, value added tax", """
        (It includes|This includes|That includes|Included is) {} (of tax|VAT|tax|sales tax).
        {} of (this|that|it) is (tax|VAT).
        (Tax|VAT) (of|amounting to) {} (is included|has been added|applies).
        """),
    make_field("subtotal", "number", "money2",
        "subtotal sub_total net net_amount netAmount net_total",
        "subtotal, net amount, net, net total, sum before tax, amount before tax", """
        (Before tax|Without tax|Net of tax), (it is|that is|it comes to) {}.
        The goods (alone|themselves) (cost|came to) {}.
        """),
    make_field("currency", "enum", "currency", "currency currency_code currencyCode curr cur", "currency"),
    make_field("paid", "bool", "yes_no", "paid is_paid isPaid settled paid_in_full fully_paid payment_received",
               "", "", **PAID),
    make_field("status", "enum", "status", "status payment_status paymentStatus state invoice_status", words={
        "paid": PAID["yes"], "open": PAID["no"], "overdue": """
        (It is|The payment is|This is|The bill is) (overdue|long overdue|past due|already overdue).
        (Overdue|OVERDUE|Past due).
        The deadline has passed (and nothing came|without payment|already).
        This is (a|our second|the last) reminder: the deadline has passed.
        Status: overdue
        """}),
    make_field("order_ref", "string", "po",
        "po_number purchase_order order_number poNumber order_ref order_no",
        "PO number, purchase order, order number, order no., PO, your order", """
        (It belongs to|It refers to|It is for) (your order|purchase order|order) {}.
        (Your|The) order {} (was delivered|has been shipped|is complete).
        """),
    make_field("email", "string", "email", "email customer_email contact_email email_address mail",
               "email, e-mail, contact email, mail address", """
        (A copy went|It was sent|Send reminders) to {}.
        """),
    make_field("items", "items", "items", "items lines line_items lineItems products positions goods articles"),
    make_field("phone", "string", "phone", "phone phone_number tel telephone", "phone, tel., telephone"),
), joint=lines("""
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
"""), titles=lines("""
    INVOICE
    Invoice
    Tax invoice
    Bill
    {seller}
    Payment request
    Billing details
    Reminder
"""), block=(
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
    {customer}
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
    lines("{paid}"), lines("{status}"),
), noise=lines("""
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
"""))

ORDER = Kind("order", (
    make_field("number", "string", "code",
        "order_number orderNumber order_id orderId order_no number order id reference order_ref",
        "order number, order no., order ID, order reference, order, reference, order nr", """
        (Thank you for|We received|We have|This confirms) (order|your order) {}.
        Order {} (is confirmed|was placed|has been placed|came in).
        (About|Regarding|Re:) order {}.
        (It is|It was) (booked|filed|saved) as {}.
        """),
    make_field("customer", "string", "person",
        "customer customer_name buyer client name ordered_by customerName purchaser recipient",
        "customer, buyer, client, customer name, ordered by, name, purchaser", """
        {} (placed the order|ordered it|bought it|is the buyer|made this purchase|wants to buy it).
        (It was ordered|The order was placed|It was bought) by {}.
        (The order|The parcel|It) is for {}.
        (We sell it|It goes|Send it) to {}.
        """),
    make_field("product", "string", "product",
        "product item product_name article productName item_name goods",
        "product, item, article, product name, goods", """
        (It is for|They want|They ordered|She ordered|He bought|We sold) (a|one|the) {}.
        (The parcel|The box) (contains|holds) (a|the) {}.
        (The|A) {} was (ordered|bought|chosen).
        """),
    make_field("quantity", "int", "quantity",
        "quantity qty count units amount number_of_items pieces how_many",
        "quantity, qty, units, number of pieces, count, pieces", """
        (They want|They need|We sold|It is for|Please send) {} (pieces|units|of them|pcs).
        {} (pieces|units|of them) (were ordered|are needed|please).
        """),
    make_field("price", "number", "money",
        "price unit_price total cost amount total_price unitPrice totalPrice order_total",
        "price, cost, total, order total, total price, order value", """
        (It costs|The price is|They paid|They pay|It comes to) {}.
        (For|At) {} (in all|altogether|in total).
        """),
    make_field("order_date", "date", "recent",
        "order_date orderDate date ordered_on placed_on date_ordered orderedOn purchase_date",
        "order date, date, ordered on, placed on, date of order, purchase date", """
        (It was|The order was) (placed|made|received|entered) on {}.
        (Ordered|Placed|Bought) on {}.
        The order (came in|dates|arrived) (on|from) {}.
        """),
    make_field("delivery_date", "date", "recent",
        "delivery_date deliveryDate ship_date expected_delivery delivered_on shipping_date eta arrival",
        "delivery date, expected delivery, ship date, arrival, delivery, shipping date, ETA", """
        (It will|It should|The parcel will|The goods will) (arrive|be delivered|reach you|be there) (on|by) {}.
        (Delivery is|We deliver|Delivery is planned|Arrival is expected) (on|for) {}.
        (Expect it|Expect the parcel|You will have it) (on|by) {}.
        """),
    make_field("city", "string", "city",
        "city ship_to destination delivery_city shipping_city shipTo town",
        "city, destination, ship to, delivery city, town, place of delivery", """
        (Ship it|Send it|It goes|It ships|Deliver it) to {}.
        (The parcel|The order|It) (travels|is on its way|will be sent) to {}.
        (Delivered|Delivery|Shipping) to {}.
        """),
    make_field("street", "string", "street", "street address street_address shipping_address deliveryAddress",
               "street, address, street address, delivery address", """
        (The address is|It goes to the house at|Deliver it to) {}.
        """),
    make_field("tracking", "string", "tracking",
        "tracking tracking_number trackingNumber tracking_code tracking_id trackingId parcel_id",
        "tracking number, tracking code, tracking ID, tracking, parcel number", """
        (Track it|You can follow it|Follow the parcel) with {}.
        (The parcel|It) (travels|was sent) under {}.
        """),
    make_field("carrier", "string", "company", "carrier shipper courier shipping_company delivered_by",
               "carrier, courier, shipper, shipping company", """
        {} (will deliver it|carries the parcel|takes care of the delivery|brings it).
        (It ships|It goes out|Sent) with {}.
        """),
    make_field("email", "string", "email", "email customer_email email_address contact_email mail",
               "email, e-mail, contact email", "(Confirm to|Confirmation sent to|Send updates to) {}."),
    make_field("currency", "enum", "currency", "currency currency_code cur", "currency"),
    make_field("status", "enum", "order_status", "status order_status state orderStatus", words={
        "shipped": """
        (It|The order|The parcel) (has been|was) (shipped|sent|sent off|dispatched).
        (It|The parcel) is on its way.
        (Status|Order status): shipped
        (It has|The parcel has) left our warehouse.
        """, "pending": """
        (It|The order) (is|is still) (pending|being prepared|waiting|in preparation).
        (It has|The order has) not been (shipped|sent|dispatched) yet.
        (Status|Order status): pending
        We are still packing it.
        """, "delivered": """
        (It|The order|The parcel) (has been|was) (delivered|handed over).
        (It|The parcel) has arrived.
        (Status|Order status): delivered
        The customer has received it.
        """, "cancelled": """
        (It|The order) (has been|was) (cancelled|called off|withdrawn).
        (They|The customer) cancelled (it|the order).
        (Status|Order status): cancelled
        """}),
    make_field("priority", "enum", "priority", "priority urgency prio", words={
        "high": """
        (It is|This is|This one is) (urgent|very urgent|high priority).
        (Priority|Urgency): high
        Please hurry.
        (Top|High) priority.
        """, "low": """
        (There is|We are in) no (hurry|rush).
        (Priority|Urgency): low
        (It|This) can wait.
        Low priority.
        """, "normal": """
        (Priority|Urgency): normal
        Handle it (as usual|normally|like any other).
        Normal priority.
        """}),
    make_field("gift", "bool", "yes_no", "gift is_gift gift_wrap isGift wrapped", "", "", yes="""
        (Please wrap it|It is|It should be wrapped) as a (gift|present).
        (It is|This is) a (gift|present).
        Gift wrap: yes
        """, no="""
        (It is|This is) not a (gift|present).
        No gift wrap(, please|).
        Gift wrap: no
        """),
    make_field("in_stock", "bool", "yes_no", "in_stock available inStock is_available availability stock", "", "", yes="""
        (It is|The item is|The product is) (in stock|available|ready to ship).
        (In stock|Available): yes
        We have it (here|in our warehouse|on the shelf).
        """, no="""
        (It is|The item is|The product is) (out of stock|sold out|not available|not in stock).
        (In stock|Available): no
        We have run out (of it|).
        """),
    make_field("items", "items", "items", "items lines products line_items articles goods order_items"),
), joint=lines("""
    {customer} (ordered|bought|wants|would like) {quantity} x {product}.
    {customer} (ordered|bought) a {product} (for|at) {price}.
    Order {number} (was placed|came in) by {customer} on {order_date}.
    Order {number} for {quantity} {product} (units|pieces) (ships|goes) to {city}.
    On {order_date}, {customer} ordered {quantity} units of the {product}.
    {quantity} pieces of the {product} cost {price}.
    The {product} (costs|is) {price}.
    Please send {quantity} x {product} to {customer} in {city}.
    {customer} from {city} bought the {product}.
    {customer}, {street}, {city}
    Order {number} will arrive on {delivery_date}.
    {carrier} (brings|delivers) it on {delivery_date}, tracking code {tracking}.
    {customer} paid {price} for it.
    {number} | {customer} | {product} | {quantity}
    {order_date}: {customer}, {quantity} x {product}, {price}
    Ordered {order_date}, delivered {delivery_date}.
    Hello, I am {customer} and I need {quantity} x {product}.
    {quantity} {product}, {price}, order {number}
    It goes to {street} in {city}.
"""), titles=lines("""
    ORDER
    Order confirmation
    Order
    Purchase order
    New order
    Delivery note
    Your order
"""), block=(
    lines("""
    (ORDER|Order|Purchase order|Order confirmation|ORDER CONFIRMATION) {number}
    (ORDER|Order) (no.|number|#|nr.|ID) {number}
    Order: {number}   (Date|Placed): {order_date}
    {xcompany} - order {number}
    """),
    lines("""
    (Customer|Buyer|Ordered by|Name|Client): {customer}
    {customer}, {street}, {city}
    (Ship to|Deliver to|Customer): {customer}, {city}
    (Ship to|Deliver to|For) {customer}
    {customer}
    """),
    lines("""
    (Date|Order date|Ordered|Placed|Ordered on): {order_date}
    (Ordered|Date): {order_date}   (Delivery|Arrives|Ships): {delivery_date}
    (Delivery|Delivery date|Expected|Arrives|ETA|Delivery by): {delivery_date}
    (Address|Street): {street}, {city}
    (City|Destination|Ship to): {city}
    """),
    lines("""
    {items}
    {quantity} x {product}
    {quantity} x {product} (@ |   |, ){price}
    {product}   {quantity}   {price}
    (Item|Product|Article): {product}
    - {product} ({quantity})
    """),
    lines("""
    (Total|Price|Order total|TOTAL|To pay|Sum)(: |   | ){price}
    (Tracking|Tracking no.|Tracking code): {tracking}
    (Carrier|Ships with|Courier): {carrier}
    (Carrier|Ships with): {carrier}, {tracking}
    """),
    lines("{status}"), lines("{priority}"), lines("{gift}"), lines("{in_stock}"),
), noise=lines("""
    (Your|The) last order was {xcode}.
    Shipping (costs|is) {xmoney}.
    The (shop|warehouse) in {xcity} (packed|prepared) it.
    {xname} (packed it|took the call|signed for it).
    (Returns are possible|You may return it) until {xdate}.
    The catalogue (is valid|was printed) until {xdate}.
    Invoice {xcode} will follow.
    The old {xproduct} (is no longer sold|was cheaper).
    Save {xint} percent next time.
    Thank you for shopping with us!
    (Hotline|Service line): {xphone}
"""))

CONTACT = Kind("contact", (
    make_field("name", "string", "person",
        "name full_name fullName contact contact_name person contactName contact_person who",
        "name, full name, contact, contact person, contact name, person", """
        (My name is|I am|This is|I'm) {}.
        (Please contact|Talk to|Ask for|Get in touch with|Contact|I met|Meet) {}.
        {} (gave me a card|is our contact|would like to hear from you|is the right person|asked us to call).
        (The card|The badge|The letter) (says|belongs to) {}.
        """),
    make_field("email", "string", "email",
        "email e_mail mail email_address emailAddress contact_email mail_address",
        "email, e-mail, email address, mail, e-mail address, mail address", """
        (Write to|Email|Mail|Send a mail to|You can write to|Reach out to) {}.
        (Mails|Letters|Messages) (go|should go) to {}.
        (Reachable|You can be reached) (at|via) {}.
        {} (works best|is the address|reaches me).
        """),
    make_field("phone", "string", "phone",
        "phone phone_number phoneNumber telephone tel mobile cell number mobile_number",
        "phone, phone number, telephone, tel., mobile, cell, mobile number, tel", """
        (Call|Ring|Phone|Dial|You can call) {}.
        (By phone|By telephone), (try|it's|use) {}.
        (The line|The number) is {}.
        {} (reaches me|is my number|works until six).
        """),
    make_field("company", "string", "company",
        "company employer organization organisation firm works_for company_name companyName workplace business",
        "company, employer, organisation, firm, business, works for", """
        (She works|He works|They work|I work|Works) (for|at) {}.
        (She is|He is|I am) (with|from|employed by|employed at) {}.
        {} (is the employer|pays the wages|employs them|sent them).
        """),
    make_field("title", "string", "job",
        "title job_title role position job jobTitle occupation profession function",
        "title, job title, role, position, job, function, occupation", """
        (She works|He works|They work|I work) as (a|an|the) {}.
        (She is|He is|I am|They are) (a|an|the|our|their) {}.
        (Employed|Hired|Working) as {}.
        """),
    make_field("city", "string", "city",
        "city town location place based_in lives_in home_town residence",
        "city, town, location, place, residence, based in", """
        (She lives|He lives|I live|They live|Based|Living) in {}.
        (The office is|You find us|They are based|The desk is) in {}.
        {} is (home|where they live).
        """),
    make_field("street", "string", "street", "street address street_address addr home_address",
               "street, address, street address, home address", """
        (The house is|You find it|Letters go|Visit us) (at|to) {}.
        """),
    make_field("birthday", "date", "birth",
        "birthday birth_date date_of_birth born dob birthDate dateOfBirth",
        "birthday, date of birth, birth date, born, born on, DOB", """
        (She was|He was|I was|They were) born (on|) {}.
        (Born|Birthday) (on|is|) {}.
        """),
    make_field("since", "date", "recent",
        "since customer_since member_since start_date joined joined_on memberSince",
        "customer since, member since, joined, joined on, with us since", """
        (She joined|He joined|They joined|They came to us) on {}.
        (A customer|A member|With us) since {}.
        """),
    make_field("subscribed", "bool", "yes_no",
        "subscribed newsletter wants_newsletter opted_in mailing_list newsletter_ok", "", "", yes="""
        (She wants|He wants|I want|They want) (our|the|your) newsletter.
        (Subscribed|Signed up) (to|for) (the|our) newsletter.
        Newsletter: yes
        Please add them to the mailing list.
        """, no="""
        (She does not want|He does not want|No|They do not want) (our|the|any) newsletter.
        Newsletter: no
        Please take them off the mailing list.
        (Please send|They want) no newsletter.
        """),
    make_field("skills", "list", "skills", "skills expertise knows strengths competences abilities",
               "skills, expertise, knows, strengths, good at", """
        (She knows|He knows|They know|I know|She is good at|He is good at) {}.
        (Skilled|Experienced|Trained) in {}.
        """),
    make_field("tags", "list", "tags", "tags labels keywords groups categories",
               "tags, labels, keywords, groups", "(Tagged|Filed|Marked) (as|under) {}."),
    make_field("fax", "string", "phone", "fax fax_number", "fax, fax number", "Fax(:|) {}."),
    make_field("languages", "list", "languages", "languages speaks spoken_languages",
               "languages, speaks", "(She speaks|He speaks|They speak|I speak) {}."),
), joint=lines("""
    {name} (works for|is with|works at) {company}.
    {name} is (the|a) {title} at {company}.
    {name}, {title} at {company}
    {name}, {title}, {company}, {city}
    (Call|Ring) {name} on {phone}.
    (Write to|Email|Mail) {name} at {email}.
    You can reach {name} at {email} or {phone}.
    {name} lives in {city}.
    {name} ({company}) is based in {city}.
    {name} was born on {birthday} (and lives in {city}|).
    I met {name} from {company} in {city}.
    My name is {name} and I work as a {title}.
    My name is {name}, I live in {city}.
    {company} has (hired|a new) {title}(: |, ){name}.
    {name} <{email}>
    {name} | {email} | {phone}
    {name}, tel. {phone}
    (For|If you have) questions, ask {name} ({email}).
    {company}, {street}, {city}
    {name} knows {skills}.
"""), titles=lines("""
    Contact
    CONTACT
    Contact details
    Business card
    New contact
    Address book
    Card
"""), block=(
    lines("""
    {name}
    (Contact|Name): {name}
    {name}, {title}
    {title} {name}
    """),
    lines("""
    {company}
    {title}, {company}
    {title}
    {company} | {city}
    (Company|Employer): {company}
    """),
    lines("""
    {street}, {city}
    {city}
    {street}
    (Location|Based in|City): {city}
    """),
    lines("""
    {email}
    (E-mail|Email|Mail|E)(: | ){email}
    """),
    lines("""
    {phone}
    (Tel|Phone|Mobile|T|M|Tel.)(: | ){phone}
    (Tel|Phone): {phone}, (fax|Fax): {fax}
    """),
    lines("""
    (Skills|Knows|Good at): {skills}
    (Tags|Labels): {tags}
    (Languages|Speaks): {languages}
    (Born|Birthday|Date of birth): {birthday}
    """),
    lines("{subscribed}"),
), noise=lines("""
    The old number was {xphone}.
    (We met|We talked) on {xdate}.
    {xname} (introduced us|is the assistant|knows more).
    The head office is in {xcity}.
    (Before that|Earlier) they worked for {xcompany}.
    (Invoices|Bills) go to {xemail}.
    (Meeting|Next call) on {xdate} at {xclock}.
    Room {xint}, floor {xint}
    Customer number {xcode}
"""))

EVENT = Kind("event", (
    make_field("title", "string", "event_title",
        "title event event_name name eventName event_title what subject topic",
        "title, event, event name, name, topic, subject", """
        (We invite you to|Join us for|Welcome to|Come to|You are invited to) (the|our) {}.
        (The|Our|This year's) {} (is coming|is back|takes place soon|will be great).
        (Do not miss|Save the date for|Tickets are out for) the {}.
        """),
    make_field("date", "date", "recent",
        "date event_date when day eventDate start_date on takes_place held_on",
        "date, event date, day, when, takes place on", """
        (It takes place|It is held|It happens|We meet|It will be held|Come along) on {}.
        (See you|Be there|Join us) on {}.
        (It starts|Doors open) on {}.
        (Mark|Save) {} (in your calendar|in your diary).
        """),
    make_field("time", "string", "clock",
        "time start_time startTime starts_at start at begins",
        "time, start time, start, starts at, begin", """
        (It starts|It begins|We start|Doors open|We begin) at {}.
        (Be there|Come|Arrive) (at|by) {}.
        """),
    make_field("venue", "string", "venue",
        "venue location place where hall room site",
        "venue, location, place, where, room", """
        (It takes place|It is held|We meet|It happens|Come) (at|in) (the|) {}.
        (The|) {} (hosts it|is the venue|will host us).
        """),
    make_field("city", "string", "city", "city town host_city event_city", "city, town, host city", """
        (It takes place|It is held|We meet|It happens|This year we are) in {}.
        (Come|Travel|Welcome) to {}.
        {} hosts it (this year|again|).
        """),
    make_field("organizer", "string", "party",
        "organizer organiser host organized_by hosted_by organizer_name contact",
        "organizer, organiser, host, organized by, hosted by", """
        (It is|The event is|It was) (organized|hosted|run|arranged) by {}.
        {} (organizes it|is the host|hosts the event|runs it|invites you).
        """),
    make_field("speaker", "string", "person", "speaker keynote guest presenter keynote_speaker lecturer",
               "speaker, keynote speaker, guest, presenter", """
        {} (will speak|gives a talk|is the speaker|will give the keynote|talks about it).
        (The talk is|The keynote is) (given by|by) {}.
        (Listen to|Meet) {} on stage.
        """),
    make_field("attendees", "list", "people",
        "attendees participants guests invited people members attendee_names",
        "attendees, participants, guests, people, invited", """
        {} (will be there|will attend|are coming|have signed up|take part|will join).
        (Attended by|With|We expect|We invited) {}.
        """),
    make_field("capacity", "int", "capacity",
        "capacity seats max_attendees places participants_max max_guests seat_count",
        "capacity, seats, places, number of seats, maximum number of guests", """
        (There are|We have|The room has|The hall has) {} (seats|places).
        (There is|We have) room for {} (people|guests|visitors).
        (Up to|At most|No more than) {} (people|guests) (can come|can attend|fit in).
        """),
    make_field("price", "number", "money_small",
        "price fee ticket_price entry_fee cost admission ticketPrice entry",
        "price, fee, ticket price, entry fee, admission, entry, cost", """
        (Tickets|A ticket) (cost|costs|are|is) {}.
        (Admission is|Entry is|The fee is|You pay|Entrance costs) {}.
        """),
    make_field("deadline", "date", "recent",
        "deadline registration_deadline register_by rsvp_by sign_up_by rsvp",
        "registration deadline, deadline, register by, RSVP by, sign up by", """
        (Register|Sign up|Please answer|RSVP|Book) (by|before|until|no later than) {}.
        (Registration closes|Registration ends|You can sign up until|Sign-up ends) (on|) {}.
        """),
    make_field("online", "bool", "yes_no", "online is_online virtual isOnline remote", "", "", yes="""
        (It is|The event is|It takes place|It will be) online(| only).
        (You can join|Join us) (online|from home|by video).
        Online: yes
        """, no="""
        (It is|The event is) not online.
        (It takes place|We meet|It is held) in person(| only).
        Online: no
        There is no (video|online) stream.
        """),
    make_field("free", "bool", "yes_no", "free is_free free_entry isFree free_of_charge", "", "", yes="""
        (Entry|Admission|It|The event) is free(| of charge).
        (You pay nothing|There is no fee|No ticket needed).
        Free entry.
        """, no="""
        (Entry|Admission|It|The event) is not free.
        (You need a ticket|There is a fee|Tickets must be bought).
        """),
    make_field("currency", "enum", "currency", "currency currency_code", "currency"),
    make_field("topics", "list", "tags", "topics tags themes subjects keywords",
               "topics, themes, tags, subjects", "(It is about|We talk about|Topics are|We will discuss) {}."),
    make_field("category", "enum", "category", "category type kind event_type", words={
        "workshop": "(It is|This is) a workshop.\n(Type|Category): workshop\nBring your laptop to this workshop.",
        "concert": "(It is|This is) a concert.\n(Type|Category): concert\nEnjoy the concert!",
        "meeting": "(It is|This is) a meeting.\n(Type|Category): meeting\nPlease come to the meeting.",
        "conference": "(It is|This is) a conference.\n(Type|Category): conference\nA big conference.",
    }),
), joint=lines("""
    The {title} (takes place|is held|will be held) on {date} in {city}.
    {organizer} (invites you to|hosts|organizes) the {title}.
    (Join us|Come) on {date} at {time} (at|in) (the|) {venue}.
    The {title} (starts|begins) at {time} on {date}.
    {speaker} (will speak|talks) at the {title}.
    {venue}, {city}
    {date}, {time}, {venue}
    {title}: {date}, {city}
    {title} ({city}, {date})
    {title} | {date} | {time}
    {organizer} (invites|welcomes) {attendees}.
    {attendees} (meet|will meet) on {date} (in {city}|at {time}).
    The {venue} in {city} has {capacity} seats.
    Tickets for the {title} cost {price}.
    Register by {deadline} for the {title} on {date}.
    On {date}, {speaker} gives a talk in {city}.
    We meet at {time} at the {venue}.
    Meeting with {attendees} on {date}.
"""), titles=lines("""
    EVENT
    Invitation
    Event
    Save the date
    Announcement
    Calendar entry
    You are invited!
    Meeting
"""), block=(
    lines("""
    {title}
    (EVENT|Event|Title): {title}
    *** {title} ***
    (Invitation|INVITATION|Invitation to): {title}
    """),
    lines("""
    {date}, {time}
    {date}
    (When|Date): {date}
    (When|Date): {date}, {time}
    (When|Date): {date} at {time}
    """),
    lines("""
    {venue}, {city}
    (Where|Venue|Location|Place): {venue}
    (Where|Venue|Location|Place): {venue}, {city}
    (Where|Location): {city}
    {venue}
    (in|In) {city}
    """),
    lines("""
    (Host|Organizer|Hosted by|By|Organized by): {organizer}
    (Speaker|Keynote|Guest): {speaker}
    (With|Guests|Attendees|Participants): {attendees}
    (Tickets|Entry|Admission|Fee|Price): {price}
    (Seats|Capacity): {capacity}
    (Register by|RSVP by|RSVP|Sign up until): {deadline}
    (Topics|Themes): {topics}
    """),
    lines("{free}"), lines("{online}"), lines("{category}"),
), noise=lines("""
    Last year it was held in {xcity}(| on {xdate}).
    (The last one|The first one) was on {xdate}.
    Lunch (is|will be served) at {xclock}.
    Parking costs {xmoney}.
    {xname} (takes care of the food|cannot come|will take notes|sends regards).
    (Doors close|The bar closes) at {xclock}.
    (Sponsored by|With kind support of) {xcompany}.
    (The train|The bus) takes {xint} minutes.
    Booking code {xcode}
    {xint} people came last time.
"""))

BIO = Kind("bio", (
    make_field("name", "string", "person",
        "name full_name fullName person who subject", "name, full name, person", """
        (This page is about|This is the story of|Here we present|Meet|A portrait of) {}.
        {} (needs no introduction|has a long story|is well known|likes a quiet life).
        """),
    make_field("birth_date", "date", "birth",
        "birth_date born birthday date_of_birth birthDate dob born_on dateOfBirth",
        "date of birth, birth date, born, born on, birthday, DOB", """
        (She was|He was) born on {}.
        (Born|Born on) {}.
        (Her|His) life began on {}.
        """),
    make_field("birth_place", "string", "city",
        "birth_place birthplace place_of_birth born_in birthPlace hometown birth_city native_of",
        "birthplace, place of birth, born in, home town, native city", """
        (She was|He was) born in {}.
        (She|He) (grew up|was raised) in {}.
        (Born|Raised) in {}.
        (She|He) (is a native of|comes from|is from) {}.
        """),
    make_field("city", "string", "city2",
        "city lives_in residence home current_city livesIn location", "residence, current city, home, lives in", """
        (She|He) (now lives|lives today|has settled|lives) in {}.
        (Today|Now) (her|his) home is (in|) {}.
        (She|He) (moved|has moved) to {}.
        """),
    make_field("job", "string", "job",
        "job profession occupation role job_title title career works_as",
        "job, profession, occupation, role, position, career", """
        (She works|He works|She earns a living|He earns a living) as (a|an) {}.
        (She is|He is|She became|He became) (a|an) {}.
        (By profession|By trade) (she is|he is) (a|an) {}.
        """),
    make_field("employer", "string", "company",
        "employer company works_for organization workplace works_at firm",
        "employer, company, workplace, works for", """
        (She works|He works|She has a job|He has a job) (for|at|with) {}.
        {} (hired her|hired him|is the employer|pays her salary|pays his salary).
        (She|He) (joined|is employed by) {}.
        """),
    make_field("university", "string", "university",
        "university school college studied_at alma_mater education", "university, school, alma mater, studied at", """
        (She|He) (studied|graduated|took a degree) (at|from) (the|) {}.
        (She|He) (went to|attended) (the|) {}.
        """),
    make_field("field", "string", "study",
        "field subject studied major field_of_study degree", "field, subject, major, field of study", """
        (Her|His) (subject|major|field) (was|is) {}.
        (She|He) studied {}.
        (She|He) has a degree in {}.
        """),
    make_field("age", "int", "age", "age years_old age_years", "age", """
        (She is|He is) {} (years old|years of age|now|today).
        (At|Aged|Now) {}, (she|he) (is still active|shows no sign of stopping|keeps busy).
        """),
    make_field("children", "int", "small", "children number_of_children kids child_count num_children",
               "number of children, children, kids", """
        (She has|He has|They have) {} (children|kids).
        (A mother|A father|A parent) of {}.
        (She|He) raised {} children.
        """),
    make_field("year", "int", "year",
        "award_year year won_in graduation_year year_of_award prize_year",
        "award year, year of the award, prize year", """
        (She|He) (won|received) (a prize|an award|the main prize) in {}.
        The (prize|award|medal) came in {}.
        In {}, (she|he) (won|received) (a prize|an award).
        """),
    make_field("languages", "list", "languages",
        "languages speaks spoken_languages language_skills", "languages, speaks, spoken languages", """
        (She|He) (speaks|knows|is fluent in) {}.
        (She|He) learned {} (at school|as a child|early).
        """),
    make_field("hobbies", "list", "hobbies", "hobbies interests likes pastimes free_time",
               "hobbies, interests, likes, pastimes", """
        (She|He) (likes|loves|enjoys) {}.
        (Her|His) (hobbies|interests) (are|include) {}.
        In (her|his) free time: {}.
        """),
    make_field("spouse", "string", "person2", "spouse partner married_to husband wife",
               "spouse, partner, married to", """
        (She|He) (is married to|married|shares a home with) {}.
        {} is (her husband|his wife|her partner|his partner).
        """),
    make_field("married", "bool", "yes_no", "married is_married isMarried", "", "", yes="""
        (She|He) is (married|happily married).
        Married: yes
        (She|He) has been married for years.
        """, no="""
        (She|He) is (single|not married|unmarried).
        Married: no
        (She|He) never married.
        """),
), joint=lines("""
    {name} was born on {birth_date} in {birth_place}.
    {name} (was born|grew up) in {birth_place}(| and lives in {city}).
    {name} (born {birth_date}) is a {job}.
    {name}, born {birth_date} in {birth_place}, works as a {job}.
    {name} is (a|an) {job} (at|with) {employer}.
    {name} works for {employer} in {city}.
    Born in {birth_place} on {birth_date}, {name} (became|is) a {job}.
    {name} studied {field} at (the|) {university}.
    {name} speaks {languages}.
    {name} ({age}) is a {job} from {birth_place}.
    {name}, {age}, lives in {city}.
    {name} is married to {spouse} and has {children} children.
    After years in {birth_place}, {name} moved to {city}.
    As a {job} at {employer}, {name} won an award in {year}.
    {name} and {spouse} live in {city}.
    {name} | {birth_date} | {birth_place}
    {name}, {job}, {employer}
    The {job} {name} was born in {birth_place}.
    {name} likes {hobbies}.
    {employer} has hired {name} as a {job}.
"""), titles=lines("""
    Biography
    About
    Profile
    PROFILE
    Short bio
    Portrait
    About the author
"""), block=(
    lines("""
    {name}
    (Name|NAME|Profile|About): {name}
    {name} - {job}
    {name}, {job}
    """),
    lines("""
    (Born|Born on|Date of birth): {birth_date}
    (Born): {birth_date}, {birth_place}
    * {birth_date} in {birth_place}
    (Born in|Birthplace|From): {birth_place}
    """),
    lines("""
    {job} at {employer}
    {job}, {employer}, {city}
    (Works for|Employer): {employer}
    (Job|Profession|Occupation): {job}
    (Lives in|Home|City): {city}
    """),
    lines("""
    (Studied|Education): {field}, {university}
    (School|University): {university}
    (Languages|Speaks): {languages}
    (Hobbies|Likes|Interests): {hobbies}
    (Family): married to {spouse}, {children} children
    (Age): {age}
    """),
    lines("{married}"),
), noise=lines("""
    {xname} (was a teacher|is an old friend|wrote the foreword|was a mentor).
    (The family|The parents) came from {xcity}.
    (A book|A film|The new album) came out on {xdate}.
    (Earlier jobs include|Before that came) {xcompany}.
    The first job paid {xmoney}.
    (A sister|A brother|An uncle) lives in {xcity}.
    (The interview|The photo) was (taken|made) on {xdate}.
    (The book|It) sold {xint} copies.
    Photo: {xname}
"""))

KINDS = (INVOICE, ORDER, CONTACT, EVENT, BIO)
