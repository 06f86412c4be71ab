"""Bio: what a short biography can say."""

from examples.train_tiny.fields import Kind, lines, make_field

BIO = Kind(
    "bio",
    (
        make_field(
            "name",
            "string",
            "person",
            "name full_name fullName person who subject",
            "name, full name, person",
            """
        (This page is about|This is the story of|Here we present|Meet|A portrait of) {}.
        {} (needs no introduction|has a long story|is well known|likes a quiet life).
        """,
        ),
        make_field(
            "birth_date",
            "date",
            "birth",
            "birth_date born birthday date_of_birth birthDate dob born_on dateOfBirth",
            "date of birth, birth date, born, born on, birthday, DOB",
            """
        (She was|He was) born on {}.
        (Born|Born on) {}.
        (Her|His) life began on {}.
        """,
        ),
        make_field(
            "birth_place",
            "string",
            "city",
            "birth_place birthplace place_of_birth born_in birthPlace hometown birth_city native_of",
            "birthplace, place of birth, born in, home town, native city",
            """
        (She was|He was) born in {}.
        (She|He) (grew up|was raised) in {}.
        (Born|Raised) in {}.
        (She|He) (is a native of|comes from|is from) {}.
        """,
        ),
        make_field(
            "city",
            "string",
            "city2",
            "city lives_in residence home current_city livesIn location",
            "residence, current city, home, lives in",
            """
        (She|He) (now lives|lives today|has settled|lives) in {}.
        (Today|Now) (her|his) home is (in|) {}.
        (She|He) (moved|has moved) to {}.
        """,
        ),
        make_field(
            "job",
            "string",
            "job",
            "job profession occupation role job_title title career works_as",
            "job, profession, occupation, role, position, career",
            """
        (She works|He works|She earns a living|He earns a living) as (a|an) {}.
        (She is|He is|She became|He became) (a|an) {}.
        (By profession|By trade) (she is|he is) (a|an) {}.
        """,
        ),
        make_field(
            "employer",
            "string",
            "company",
            "employer company works_for organization workplace works_at firm",
            "employer, company, workplace, works for",
            """
        (She works|He works|She has a job|He has a job) (for|at|with) {}.
        {} (hired her|hired him|is the employer|pays her salary|pays his salary).
        (She|He) (joined|is employed by) {}.
        """,
        ),
        make_field(
            "university",
            "string",
            "university",
            "university school college studied_at alma_mater education",
            "university, school, alma mater, studied at",
            """
        (She|He) (studied|graduated|took a degree) (at|from) (the|) {}.
        (She|He) (went to|attended) (the|) {}.
        """,
        ),
        make_field(
            "field",
            "string",
            "study",
            "field subject studied major field_of_study degree",
            "field, subject, major, field of study",
            """
        (Her|His) (subject|major|field) (was|is) {}.
        (She|He) studied {}.
        (She|He) has a degree in {}.
        """,
        ),
        make_field(
            "age",
            "int",
            "age",
            "age years_old age_years",
            "age",
            """
        (She is|He is) {} (years old|years of age|now|today).
        (At|Aged|Now) {}, (she|he) (is still active|shows no sign of stopping|keeps busy).
        """,
        ),
        make_field(
            "children",
            "int",
            "small",
            "children number_of_children kids child_count num_children",
            "number of children, children, kids",
            """
        (She has|He has|They have) {} (children|kids).
        (A mother|A father|A parent) of {}.
        (She|He) raised {} children.
        """,
        ),
        make_field(
            "year",
            "int",
            "year",
            "award_year year won_in graduation_year year_of_award prize_year",
            "award year, year of the award, prize year",
            """
        (She|He) (won|received) (a prize|an award|the main prize) in {}.
        The (prize|award|medal) came in {}.
        In {}, (she|he) (won|received) (a prize|an award).
        """,
        ),
        make_field(
            "languages",
            "list",
            "languages",
            "languages speaks spoken_languages language_skills",
            "languages, speaks, spoken languages",
            """
        (She|He) (speaks|knows|is fluent in) {}.
        (She|He) learned {} (at school|as a child|early).
        """,
        ),
        make_field(
            "hobbies",
            "list",
            "hobbies",
            "hobbies interests likes pastimes free_time",
            "hobbies, interests, likes, pastimes",
            """
        (She|He) (likes|loves|enjoys) {}.
        (Her|His) (hobbies|interests) (are|include) {}.
        In (her|his) free time: {}.
        """,
        ),
        make_field(
            "spouse",
            "string",
            "person2",
            "spouse partner married_to husband wife",
            "spouse, partner, married to",
            """
        (She|He) (is married to|married|shares a home with) {}.
        {} is (her husband|his wife|her partner|his partner).
        """,
        ),
        make_field(
            "married",
            "bool",
            "yes_no",
            "married is_married isMarried",
            "",
            "",
            yes="""
        (She|He) is (married|happily married).
        Married: yes
        (She|He) has been married for years.
        """,
            no="""
        (She|He) is (single|not married|unmarried).
        Married: no
        (She|He) never married.
        """,
        ),
    ),
    joint=lines("""
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
"""),
    titles=lines("""
    Biography
    About
    Profile
    PROFILE
    Short bio
    Portrait
    About the author
"""),
    block=(
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
    ),
    noise=lines("""
    {xname} (was a teacher|is an old friend|wrote the foreword|was a mentor).
    (The family|The parents) came from {xcity}.
    (A book|A film|The new album) came out on {xdate}.
    (Earlier jobs include|Before that came) {xcompany}.
    The first job paid {xmoney}.
    (A sister|A brother|An uncle) lives in {xcity}.
    (The interview|The photo) was (taken|made) on {xdate}.
    (The book|It) sold {xint} copies.
    Photo: {xname}
"""),
)
