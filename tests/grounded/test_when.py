"""Times, dates and moments as letters, receipts, tables and logs spell them, and what looks like one and is none."""

from datetime import date, datetime, time
from time import process_time

import pytest

from ctrldiff.grounded import find

# text: every value that is found, in the order of the text.
TIMES = {
    # A range is two times; an offset is one that nothing else explains.
    "10:00-11:00": "10:00:00 11:00:00",
    "09:00-12:00 und 13:00-18:00": "09:00:00 12:00:00 13:00:00 18:00:00",
    "10:00 -12:30": "10:00:00 12:30:00",
    "10:00:00-11:00:00": "10:00:00 11:00:00",
    "15:00-1430": "15:00:00",
    "15:30 UTC+2": "15:30:00+02:00",
    "15:30 GMT-5": "15:30:00-05:00",
    "15:30 UTC+01:00": "15:30:00+01:00",
    "15:30 UTC −3": "15:30:00-03:00",
    "15:30 UTC": "15:30:00Z",
    "10:00 UTC-11:00 UTC": "10:00:00Z 11:00:00Z",
    "3 pm GMT": "15:00:00Z",
    "15:30:00+02": "15:30:00+02:00",
    "15:30:00-05:00": "15:30:00-05:00",
    "15:30:00.123+02:00": "15:30:00+02:00",
    "09:12 -0500": "09:12:00-05:00",
    "15:30 +05:45": "15:30:00+05:45",
    "20240303T140522+9999": "",
    "20240303T140522+0100": "14:05:22+01:00",
    # The letters that Turkish keyboards write for an i.
    "half past fıve": "05:30:00",
    "FİVE past three": "03:05:00",
    # Beside commas and other times.
    "Mon,15:30": "15:30:00",
    "1,09:00,17:30": "09:00:00 17:30:00",
    "09:00:00,17:00:00": "09:00:00 17:00:00",
    "14:05:22,123": "14:05:22",
    "3pm-5pm": "15:00:00 17:00:00",
    "8am/8pm": "08:00:00 20:00:00",
    "3-5pm": "15:00:00 17:00:00",
    "11-1pm": "11:00:00 13:00:00",
    "10-12 am": "22:00:00 00:00:00",
    "5:30-7:30pm": "17:30:00 19:30:00",
    "from 2 to 4pm": "14:00:00 16:00:00",
    "Sa 9-14 Uhr": "09:00:00 14:00:00",
    "9.00–17.30 Uhr": "09:00:00 17:30:00",
    "von 9 bis 17 Uhr": "09:00:00 17:00:00",
    "van 9 tot 17 uur": "09:00:00 17:00:00",
    "15 uur, 16.30 uur, 17u30": "15:00:00 16:30:00 17:30:00",
    # In words, and by the part of the day.
    "three pm": "15:00:00",
    "at three o'clock": "03:00:00",
    "half past 3pm": "15:30:00",
    "twenty past six in the evening": "18:20:00",
    "8 Uhr abends": "20:00:00",
    "8:30 Uhr abends": "20:30:00",
    "8 o'clock in the evening": "20:00:00",
    "8h du soir": "20:00:00",
    "15 Uhr nachmittags": "15:00:00",
    "24:00": "00:00:00",
    "24 Uhr": "00:00:00",
    "mezzogiorno, mediodía": "12:00:00 12:00:00",
    "15 h 30": "15:30:00",
    # No times.
    "24:30, 25 Uhr": "",
    "I for one am glad": "",
    "quarter to 0, half past 30, half past 3x": "",
    "5-10 % of 5 to 7 people": "",
    "192.168.10.12:8080, AA:BB:10:20:30:40, 12:30:45:50": "",
    "10-25 Uhr": "",
}
MOMENTS = {
    "7 May 2024, 10:00-11:30": "2024-05-07T10:00:00",
    "2024-05-03T15:30-05:00": "2024-05-03T15:30:00-05:00",
    "2024-05-03T15:30:00-07": "2024-05-03T15:30:00-07:00",
    "2024-05-03 15:30:00+02": "2024-05-03T15:30:00+02:00",
    "2024-05-03T15:30/2024-05-03T17:00": "2024-05-03T15:30:00 2024-05-03T17:00:00",
    "15:30 Uhr am 3. Mai 2024": "2024-05-03T15:30:00",
    "15:30 Uhr am Freitag, den 3. Mai 2024": "2024-05-03T15:30:00",
    "15:30 Uhr, Fr. 3. Mai 2024": "2024-05-03T15:30:00",
    "3. Mai 2024, ab 15:30 Uhr": "2024-05-03T15:30:00",
    "15h30 le vendredi 3 mai 2024": "2024-05-03T15:30:00",
    "alle 15:30 di venerdì 3 maggio 2024": "2024-05-03T15:30:00",
    "a las 15:30 del viernes 3 de mayo de 2024": "2024-05-03T15:30:00",
    "om 15:30 op vrijdag 3 mei 2024": "2024-05-03T15:30:00",
    '[10/Oct/2023:13:55:36 -0700] "GET /"': "2023-10-10T13:55:36-07:00",
    "2024-05-03,15:30:00,12.5": "2024-05-03T15:30:00",
    "Datum: 03.05.2024  Uhrzeit: 15:30": "2024-05-03T15:30:00",
    "Date: 3 May 2024\nTime: 15:30": "2024-05-03T15:30:00",
    "IMG_20240303_140522.jpg": "2024-03-03T14:05:22",
    "31.12.2024 24:00": "2025-01-01T00:00:00",
    "03.05.2024 15:30-05.05.2024 16:00": "2024-05-03T15:30:00 2024-05-05T16:00:00",
    "3 May 2024 (Fri) 15:30": "2024-05-03T15:30:00",
    "Time: 15:30\nDate: 3 May 2024": "2024-05-03T15:30:00",
    "31.12.9999 24:00": "",
    "3-5pm on 3 May 2024": "2024-05-03T15:00:00 2024-05-03T17:00:00",
    "14 April 2025. Doors: 15:30": "",
}
DATES = {
    "fırst of May 2024": "2024-05-01",
    # Numbers before a date are no days of it.
    "15:30, 3 May 2024": "2024-05-03",
    "15:01 - 3 May 2024": "2024-05-03",
    "at 10.30, 31 May 2024": "2024-05-31",
    "Page 2 of 7, 4 May 2024": "2024-05-04",
    "Page 2 of 7, 4 and 5 May 2024": "2024-05-04 2024-05-05",
    "Room 2, 3 May 2024": "2024-05-03",
    "Vol. 3, May 2024": "",
    "Issue 12, March 2024": "",
    "Top 10 - March 2024": "",
    "Q1 March 2024": "",
    "Version 2.1 March 2024": "",
    "3rd, May 2024": "2024-05-03",
    "10 - March - 2024": "2024-03-10",
    "14-Apr-25, 1.jan.2024, 1/jan/2024": "2025-04-14 2024-01-01 2024-01-01",
    "3. Mai 2024, 14.-16. April 2025": "2024-05-03 2025-04-14 2025-04-16",
    # Ranges and lists.
    "3.5.2024-7.5.2024": "2024-05-03 2024-05-07",
    "13/5/2024-17/5/2024": "2024-05-13 2024-05-17",
    "2024-05-03/2024-05-07": "2024-05-03 2024-05-07",
    "2024-05-03--2024-05-07": "2024-05-03 2024-05-07",
    "31.12.23/1.1.24": "2023-12-31 2024-01-01",
    "12.-14.05.2024": "2024-05-12 2024-05-14",
    "12-14.05.2024": "2024-05-12 2024-05-14",
    "1.–3.1.2024": "2024-01-01 2024-01-03",
    "12.05.-14.05.2024": "2024-05-12 2024-05-14",
    "03.05.–07.05.2024": "2024-05-03 2024-05-07",
    "12.05. bis 14.05.2024": "2024-05-12 2024-05-14",
    "12/05 to 14/05/2024": "2024-05-12 2024-05-14",
    "05/12 - 05/14/2024": "2024-05-12 2024-05-14",
    "van 12 tot 14 mei 2024": "2024-05-12 2024-05-14",
    "3, 5 and 7 May 2024": "2024-05-03 2024-05-05 2024-05-07",
    "May 3, 5, and 7, 2024": "2024-05-03 2024-05-05 2024-05-07",
    "3rd, 4th May 2024": "2024-05-03 2024-05-04",
    "28.12.-3.1.2025": "2025-01-03",
    # Names of files and paths.
    "report-2024-03-03.pdf": "2024-03-03",
    "/2024/03/03/post.html": "2024-03-03",
    "IMG_20240303_1405.jpg": "2024-03-03",
    # Other spellings of months, and years of two digits before a time.
    "3. Mrz 2024, 3. Maerz 2024, 3. Jänner 2024": "2024-03-03 2024-03-03 2024-01-03",
    "Thu, 05 Apr 24 10:00 GMT": "2024-04-05",
    "3 May 24 at noon": "2024-05-03",
    "3. Mai 24, 10 Uhr": "2024-05-03",
    # No dates.
    "12 May 30 people came": "",
    "192.168.10.12, 1.2.3.4, 10.11.12.13-14, 2024-05-03-10-30": "",
    "Room 5 - 14.05.2024": "2024-05-14",
    "Version 2.1 - 3.5.2024": "2024-05-03",
    "x20240303y": "",
}


def values(kind, text):
    return [one.value for one in find(kind, text)]


@pytest.mark.parametrize("text", TIMES)
def test_times(text):
    assert values("time", text) == TIMES[text].split()


@pytest.mark.parametrize("text", MOMENTS)
def test_moments(text):
    assert values("datetime", text) == MOMENTS[text].split()


@pytest.mark.parametrize("text", DATES)
def test_dates(text):
    assert values("date", text) == DATES[text].split()


def test_what_is_found_is_of_its_type():
    for kind, of, texts in (("time", time, TIMES), ("datetime", datetime, MOMENTS), ("date", date, DATES)):
        for text in texts:
            assert all(of.fromisoformat(value) for value in values(kind, text))


@pytest.mark.parametrize(
    "piece",
    [
        "1,",
        "1",
        "a ",
        "10:00-",
        "10.30 - ",
        "12.05.-",
        "9 bis ",
        "1, 2, 3, may ",
        "12:00 UTC+",
        "three ",
        "fr, 1 May 2024 ",
    ],
)
def test_near_misses_take_less_than_a_second(piece):
    for kind in ("date", "time", "datetime"):
        find(kind, "1 May 2025")  # the names are loaded once
        began = process_time()
        find(kind, (piece * 20_000)[:20_000])
        assert process_time() - began < 1, kind
