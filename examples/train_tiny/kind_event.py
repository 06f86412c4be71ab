"""Event: what an invitation or an announcement can say."""

from examples.train_tiny.fields import Kind, lines, make_field

EVENT = Kind(
    "event",
    (
        make_field(
            "title",
            "string",
            "event_title",
            "title event event_name name eventName event_title what subject topic",
            "title, event, event name, name, topic, subject",
            """
        (We invite you to|Join us for|Welcome to|Come to|You are invited to) (the|our) {}.
        (The|Our|This year's) {} (is coming|is back|takes place soon|will be great).
        (Do not miss|Save the date for|Tickets are out for) the {}.
        """,
        ),
        make_field(
            "date",
            "date",
            "recent",
            "date event_date when day eventDate start_date on takes_place held_on",
            "date, event date, day, when, takes place on",
            """
        (It takes place|It is held|It happens|We meet|It will be held|Come along) on {}.
        (See you|Be there|Join us) on {}.
        (It starts|Doors open) on {}.
        (Mark|Save) {} (in your calendar|in your diary).
        """,
        ),
        make_field(
            "time",
            "string",
            "clock",
            "time start_time startTime starts_at start at begins",
            "time, start time, start, starts at, begin",
            """
        (It starts|It begins|We start|Doors open|We begin) at {}.
        (Be there|Come|Arrive) (at|by) {}.
        """,
        ),
        make_field(
            "venue",
            "string",
            "venue",
            "venue location place where hall room site",
            "venue, location, place, where, room",
            """
        (It takes place|It is held|We meet|It happens|Come) (at|in) (the|) {}.
        (The|) {} (hosts it|is the venue|will host us).
        """,
        ),
        make_field(
            "city",
            "string",
            "city",
            "city town host_city event_city",
            "city, town, host city",
            """
        (It takes place|It is held|We meet|It happens|This year we are) in {}.
        (Come|Travel|Welcome) to {}.
        {} hosts it (this year|again|).
        """,
        ),
        make_field(
            "organizer",
            "string",
            "party",
            "organizer organiser host organized_by hosted_by organizer_name contact",
            "organizer, organiser, host, organized by, hosted by",
            """
        (It is|The event is|It was) (organized|hosted|run|arranged) by {}.
        {} (organizes it|is the host|hosts the event|runs it|invites you).
        """,
        ),
        make_field(
            "speaker",
            "string",
            "person",
            "speaker keynote guest presenter keynote_speaker lecturer",
            "speaker, keynote speaker, guest, presenter",
            """
        {} (will speak|gives a talk|is the speaker|will give the keynote|talks about it).
        (The talk is|The keynote is) (given by|by) {}.
        (Listen to|Meet) {} on stage.
        """,
        ),
        make_field(
            "attendees",
            "list",
            "people",
            "attendees participants guests invited people members attendee_names",
            "attendees, participants, guests, people, invited",
            """
        {} (will be there|will attend|are coming|have signed up|take part|will join).
        (Attended by|With|We expect|We invited) {}.
        """,
        ),
        make_field(
            "capacity",
            "int",
            "capacity",
            "capacity seats max_attendees places participants_max max_guests seat_count",
            "capacity, seats, places, number of seats, maximum number of guests",
            """
        (There are|We have|The room has|The hall has) {} (seats|places).
        (There is|We have) room for {} (people|guests|visitors).
        (Up to|At most|No more than) {} (people|guests) (can come|can attend|fit in).
        """,
        ),
        make_field(
            "price",
            "number",
            "money_small",
            "price fee ticket_price entry_fee cost admission ticketPrice entry",
            "price, fee, ticket price, entry fee, admission, entry, cost",
            """
        (Tickets|A ticket) (cost|costs|are|is) {}.
        (Admission is|Entry is|The fee is|You pay|Entrance costs) {}.
        """,
        ),
        make_field(
            "deadline",
            "date",
            "recent",
            "deadline registration_deadline register_by rsvp_by sign_up_by rsvp",
            "registration deadline, deadline, register by, RSVP by, sign up by",
            """
        (Register|Sign up|Please answer|RSVP|Book) (by|before|until|no later than) {}.
        (Registration closes|Registration ends|You can sign up until|Sign-up ends) (on|) {}.
        """,
        ),
        make_field(
            "online",
            "bool",
            "yes_no",
            "online is_online virtual isOnline remote",
            "",
            "",
            yes="""
        (It is|The event is|It takes place|It will be) online(| only).
        (You can join|Join us) (online|from home|by video).
        Online: yes
        """,
            no="""
        (It is|The event is) not online.
        (It takes place|We meet|It is held) in person(| only).
        Online: no
        There is no (video|online) stream.
        """,
        ),
        make_field(
            "free",
            "bool",
            "yes_no",
            "free is_free free_entry isFree free_of_charge",
            "",
            "",
            yes="""
        (Entry|Admission|It|The event) is free(| of charge).
        (You pay nothing|There is no fee|No ticket needed).
        Free entry.
        """,
            no="""
        (Entry|Admission|It|The event) is not free.
        (You need a ticket|There is a fee|Tickets must be bought).
        """,
        ),
        make_field("currency", "enum", "currency", "currency currency_code", "currency"),
        make_field(
            "topics",
            "list",
            "tags",
            "topics tags themes subjects keywords",
            "topics, themes, tags, subjects",
            "(It is about|We talk about|Topics are|We will discuss) {}.",
        ),
        make_field(
            "category",
            "enum",
            "category",
            "category type kind event_type",
            words={
                "workshop": "(It is|This is) a workshop.\n(Type|Category): workshop\n"
                "Bring your laptop to this workshop.",
                "concert": "(It is|This is) a concert.\n(Type|Category): concert\nEnjoy the concert!",
                "meeting": "(It is|This is) a meeting.\n(Type|Category): meeting\nPlease come to the meeting.",
                "conference": "(It is|This is) a conference.\n(Type|Category): conference\nA big conference.",
            },
        ),
    ),
    joint=lines("""
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
"""),
    titles=lines("""
    EVENT
    Invitation
    Event
    Save the date
    Announcement
    Calendar entry
    You are invited!
    Meeting
"""),
    block=(
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
        lines("{free}"),
        lines("{online}"),
        lines("{category}"),
    ),
    noise=lines("""
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
"""),
)
