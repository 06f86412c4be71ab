"""What looks on while canvases are written, and notes what it saw in the state. Public as `ctrldiff.observers`."""

from ctrldiff.json_schema.branches import null_tables, value_tables
from ctrldiff.sampling.absent import NoteNulls
from ctrldiff.sampling.ancestral import NoteTurns, Resume
from ctrldiff.sampling.credit import NoteCredit
from ctrldiff.sampling.history import NoteHistory
from ctrldiff.sampling.legal import NoteLegal
from ctrldiff.sampling.planned import NotePlan
from ctrldiff.sampling.slow_fast import NoteCycles
from ctrldiff.sampling.stability import NoteConsistent, NoteShifts
from ctrldiff.sampling.stop import NoteBest
from ctrldiff.sampling.trace import Canvases, Trace
from ctrldiff.sampling.windows import NoteEnd

__all__ = [
    "Canvases",
    "NoteBest",
    "NoteConsistent",
    "NoteCredit",
    "NoteCycles",
    "NoteEnd",
    "NoteHistory",
    "NoteLegal",
    "NoteNulls",
    "NotePlan",
    "NoteShifts",
    "NoteTurns",
    "Resume",
    "Trace",
    "null_tables",
    "value_tables",
]
