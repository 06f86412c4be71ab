"""Order: what an order or its confirmation can say."""

from examples.train_tiny.fields import Kind, lines, make_field

ORDER = Kind(
    "order",
    (
        make_field(
            "number",
            "string",
            "code",
            "order_number orderNumber order_id orderId order_no number order id reference order_ref",
            "order number, order no., order ID, order reference, order, reference, order nr",
            """
        (Thank you for|We received|We have|This confirms) (order|your order) {}.
        Order {} (is confirmed|was placed|has been placed|came in).
        (About|Regarding|Re:) order {}.
        (It is|It was) (booked|filed|saved) as {}.
        """,
        ),
        make_field(
            "customer",
            "string",
            "person",
            "customer customer_name buyer client name ordered_by customerName purchaser recipient",
            "customer, buyer, client, customer name, ordered by, name, purchaser",
            """
        {} (placed the order|ordered it|bought it|is the buyer|made this purchase|wants to buy it).
        (It was ordered|The order was placed|It was bought) by {}.
        (The order|The parcel|It) is for {}.
        (We sell it|It goes|Send it) to {}.
        """,
        ),
        make_field(
            "product",
            "string",
            "product",
            "product item product_name article productName item_name goods",
            "product, item, article, product name, goods",
            """
        (It is for|They want|They ordered|She ordered|He bought|We sold) (a|one|the) {}.
        (The parcel|The box) (contains|holds) (a|the) {}.
        (The|A) {} was (ordered|bought|chosen).
        """,
        ),
        make_field(
            "quantity",
            "int",
            "quantity",
            "quantity qty count units amount number_of_items pieces how_many",
            "quantity, qty, units, number of pieces, count, pieces",
            """
        (They want|They need|We sold|It is for|Please send) {} (pieces|units|of them|pcs).
        {} (pieces|units|of them) (were ordered|are needed|please).
        """,
        ),
        make_field(
            "price",
            "number",
            "money",
            "price unit_price total cost amount total_price unitPrice totalPrice order_total",
            "price, cost, total, order total, total price, order value",
            """
        (It costs|The price is|They paid|They pay|It comes to) {}.
        (For|At) {} (in all|altogether|in total).
        """,
        ),
        make_field(
            "order_date",
            "date",
            "recent",
            "order_date orderDate date ordered_on placed_on date_ordered orderedOn purchase_date",
            "order date, date, ordered on, placed on, date of order, purchase date",
            """
        (It was|The order was) (placed|made|received|entered) on {}.
        (Ordered|Placed|Bought) on {}.
        The order (came in|dates|arrived) (on|from) {}.
        """,
        ),
        make_field(
            "delivery_date",
            "date",
            "recent",
            "delivery_date deliveryDate ship_date expected_delivery delivered_on shipping_date eta arrival",
            "delivery date, expected delivery, ship date, arrival, delivery, shipping date, ETA",
            """
        (It will|It should|The parcel will|The goods will) (arrive|be delivered|reach you|be there) (on|by) {}.
        (Delivery is|We deliver|Delivery is planned|Arrival is expected) (on|for) {}.
        (Expect it|Expect the parcel|You will have it) (on|by) {}.
        """,
        ),
        make_field(
            "city",
            "string",
            "city",
            "city ship_to destination delivery_city shipping_city shipTo town",
            "city, destination, ship to, delivery city, town, place of delivery",
            """
        (Ship it|Send it|It goes|It ships|Deliver it) to {}.
        (The parcel|The order|It) (travels|is on its way|will be sent) to {}.
        (Delivered|Delivery|Shipping) to {}.
        """,
        ),
        make_field(
            "street",
            "string",
            "street",
            "street address street_address shipping_address deliveryAddress",
            "street, address, street address, delivery address",
            """
        (The address is|It goes to the house at|Deliver it to) {}.
        """,
        ),
        make_field(
            "tracking",
            "string",
            "tracking",
            "tracking tracking_number trackingNumber tracking_code tracking_id trackingId parcel_id",
            "tracking number, tracking code, tracking ID, tracking, parcel number",
            """
        (Track it|You can follow it|Follow the parcel) with {}.
        (The parcel|It) (travels|was sent) under {}.
        """,
        ),
        make_field(
            "carrier",
            "string",
            "company",
            "carrier shipper courier shipping_company delivered_by",
            "carrier, courier, shipper, shipping company",
            """
        {} (will deliver it|carries the parcel|takes care of the delivery|brings it).
        (It ships|It goes out|Sent) with {}.
        """,
        ),
        make_field(
            "email",
            "string",
            "email",
            "email customer_email email_address contact_email mail",
            "email, e-mail, contact email",
            "(Confirm to|Confirmation sent to|Send updates to) {}.",
        ),
        make_field("currency", "enum", "currency", "currency currency_code cur", "currency"),
        make_field(
            "status",
            "enum",
            "order_status",
            "status order_status state orderStatus",
            words={
                "shipped": """
        (It|The order|The parcel) (has been|was) (shipped|sent|sent off|dispatched).
        (It|The parcel) is on its way.
        (Status|Order status): shipped
        (It has|The parcel has) left our warehouse.
        """,
                "pending": """
        (It|The order) (is|is still) (pending|being prepared|waiting|in preparation).
        (It has|The order has) not been (shipped|sent|dispatched) yet.
        (Status|Order status): pending
        We are still packing it.
        """,
                "delivered": """
        (It|The order|The parcel) (has been|was) (delivered|handed over).
        (It|The parcel) has arrived.
        (Status|Order status): delivered
        The customer has received it.
        """,
                "cancelled": """
        (It|The order) (has been|was) (cancelled|called off|withdrawn).
        (They|The customer) cancelled (it|the order).
        (Status|Order status): cancelled
        """,
            },
        ),
        make_field(
            "priority",
            "enum",
            "priority",
            "priority urgency prio",
            words={
                "high": """
        (It is|This is|This one is) (urgent|very urgent|high priority).
        (Priority|Urgency): high
        Please hurry.
        (Top|High) priority.
        """,
                "low": """
        (There is|We are in) no (hurry|rush).
        (Priority|Urgency): low
        (It|This) can wait.
        Low priority.
        """,
                "normal": """
        (Priority|Urgency): normal
        Handle it (as usual|normally|like any other).
        Normal priority.
        """,
            },
        ),
        make_field(
            "gift",
            "bool",
            "yes_no",
            "gift is_gift gift_wrap isGift wrapped",
            "",
            "",
            yes="""
        (Please wrap it|It is|It should be wrapped) as a (gift|present).
        (It is|This is) a (gift|present).
        Gift wrap: yes
        """,
            no="""
        (It is|This is) not a (gift|present).
        No gift wrap(, please|).
        Gift wrap: no
        """,
        ),
        make_field(
            "in_stock",
            "bool",
            "yes_no",
            "in_stock available inStock is_available availability stock",
            "",
            "",
            yes="""
        (It is|The item is|The product is) (in stock|available|ready to ship).
        (In stock|Available): yes
        We have it (here|in our warehouse|on the shelf).
        """,
            no="""
        (It is|The item is|The product is) (out of stock|sold out|not available|not in stock).
        (In stock|Available): no
        We have run out(| of it).
        """,
        ),
        make_field("items", "items", "items", "items lines products line_items articles goods order_items"),
    ),
    joint=lines("""
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
"""),
    titles=lines("""
    ORDER
    Order confirmation
    Order
    Purchase order
    New order
    Delivery note
    Your order
"""),
    block=(
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
        lines("{status}"),
        lines("{priority}"),
        lines("{gift}"),
        lines("{in_stock}"),
    ),
    noise=lines("""
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
"""),
)
