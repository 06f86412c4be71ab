"""Contact: what a business card or an address book entry can say."""

from examples.train_tiny.fields import Kind, lines, make_field

CONTACT = Kind(
    "contact",
    (
        make_field(
            "name",
            "string",
            "person",
            "name full_name fullName contact contact_name person contactName contact_person who",
            "name, full name, contact, contact person, contact name, person",
            """
        (My name is|I am|This is|I'm) {}.
        (Please contact|Talk to|Ask for|Get in touch with|Contact|I met|Meet) {}.
        {} (gave me a card|is our contact|would like to hear from you|is the right person|asked us to call).
        (The card|The badge|The letter) (says|belongs to) {}.
        """,
        ),
        make_field(
            "email",
            "string",
            "email",
            "email e_mail mail email_address emailAddress contact_email mail_address",
            "email, e-mail, email address, mail, e-mail address, mail address",
            """
        (Write to|Email|Mail|Send a mail to|You can write to|Reach out to) {}.
        (Mails|Letters|Messages) (go|should go) to {}.
        (Reachable|You can be reached) (at|via) {}.
        {} (works best|is the address|reaches me).
        """,
        ),
        make_field(
            "phone",
            "string",
            "phone",
            "phone phone_number phoneNumber telephone tel mobile cell number mobile_number",
            "phone, phone number, telephone, tel., mobile, cell, mobile number, tel",
            """
        (Call|Ring|Phone|Dial|You can call) {}.
        (By phone|By telephone), (try|it's|use) {}.
        (The line|The number) is {}.
        {} (reaches me|is my number|works until six).
        """,
        ),
        make_field(
            "company",
            "string",
            "company",
            "company employer organization organisation firm works_for company_name companyName workplace business",
            "company, employer, organisation, firm, business, works for",
            """
        (She works|He works|They work|I work|Works) (for|at) {}.
        (She is|He is|I am) (with|from|employed by|employed at) {}.
        {} (is the employer|pays the wages|employs them|sent them).
        """,
        ),
        make_field(
            "title",
            "string",
            "job",
            "title job_title role position job jobTitle occupation profession function",
            "title, job title, role, position, job, function, occupation",
            """
        (She works|He works|They work|I work) as (a|an|the) {}.
        (She is|He is|I am|They are) (a|an|the|our|their) {}.
        (Employed|Hired|Working) as {}.
        """,
        ),
        make_field(
            "city",
            "string",
            "city",
            "city town location place based_in lives_in home_town residence",
            "city, town, location, place, residence, based in",
            """
        (She lives|He lives|I live|They live|Based|Living) in {}.
        (The office is|You find us|They are based|The desk is) in {}.
        {} is (home|where they live).
        """,
        ),
        make_field(
            "street",
            "string",
            "street",
            "street address street_address addr home_address",
            "street, address, street address, home address",
            """
        (The house is|You find it|Letters go|Visit us) (at|to) {}.
        """,
        ),
        make_field(
            "birthday",
            "date",
            "birth",
            "birthday birth_date date_of_birth born dob birthDate dateOfBirth",
            "birthday, date of birth, birth date, born, born on, DOB",
            """
        (She was|He was|I was|They were) born (on|) {}.
        (Born|Birthday) (on|is|) {}.
        """,
        ),
        make_field(
            "since",
            "date",
            "recent",
            "since customer_since member_since start_date joined joined_on memberSince",
            "customer since, member since, joined, joined on, with us since",
            """
        (She joined|He joined|They joined|They came to us) on {}.
        (A customer|A member|With us) since {}.
        """,
        ),
        make_field(
            "subscribed",
            "bool",
            "yes_no",
            "subscribed newsletter wants_newsletter opted_in mailing_list newsletter_ok",
            "",
            "",
            yes="""
        (She wants|He wants|I want|They want) (our|the|your) newsletter.
        (Subscribed|Signed up) (to|for) (the|our) newsletter.
        Newsletter: yes
        Please add them to the mailing list.
        """,
            no="""
        (She does not want|He does not want|No|They do not want) (our|the|any) newsletter.
        Newsletter: no
        Please take them off the mailing list.
        (Please send|They want) no newsletter.
        """,
        ),
        make_field(
            "skills",
            "list",
            "skills",
            "skills expertise knows strengths competences abilities",
            "skills, expertise, knows, strengths, good at",
            """
        (She knows|He knows|They know|I know|She is good at|He is good at) {}.
        (Skilled|Experienced|Trained) in {}.
        """,
        ),
        make_field(
            "tags",
            "list",
            "tags",
            "tags labels keywords groups categories",
            "tags, labels, keywords, groups",
            "(Tagged|Filed|Marked) (as|under) {}.",
        ),
        make_field("fax", "string", "phone", "fax fax_number", "fax, fax number", "Fax(:|) {}."),
        make_field(
            "languages",
            "list",
            "languages",
            "languages speaks spoken_languages",
            "languages, speaks",
            "(She speaks|He speaks|They speak|I speak) {}.",
        ),
    ),
    joint=lines("""
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
"""),
    titles=lines("""
    Contact
    CONTACT
    Contact details
    Business card
    New contact
    Address book
    Card
"""),
    block=(
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
    ),
    noise=lines("""
    The old number was {xphone}.
    (We met|We talked) on {xdate}.
    {xname} (introduced us|is the assistant|knows more).
    The head office is in {xcity}.
    (Before that|Earlier) they worked for {xcompany}.
    (Invoices|Bills) go to {xemail}.
    (Meeting|Next call) on {xdate} at {xclock}.
    Room {xint}, floor {xint}
    Customer number {xcode}
"""),
)
